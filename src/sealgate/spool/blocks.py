"""Writing past the page cache: aligned memory that is used again and again, and files that take whole blocks of it.

A page of the cache has to be found, cleared, filled, written and given back for each page of a new file; on virtual
machines that costs several times what the disk needs. What was held in aligned memory anyway goes to the disk from
there (open(2), O_DIRECT); durable it is only after an fsync, as ever.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
from threading import Lock
from typing import Final

BUFFER_BYTES: Final = 1 << 20
"""Bytes of one buffer: CT, MR and ultrasound images and reports fit, and larger ones gain little."""

MAX_BUFFERS: Final = 16
"""Buffers of one process; whoever comes then does without, and writes through the page cache."""

BLOCK_BYTES: Final = 4096
"""Length, offset and address of direct writes are multiples of it; what a disk asks for is this or less."""


class Buffers:
    """Buffers of BUFFER_BYTES for instances that are being received; safe to share between threads."""

    def __init__(self, count: int = MAX_BUFFERS) -> None:
        self._lock = Lock()
        self._free: list[memoryview] = []
        self._left = count

    def take(self) -> memoryview | None:
        """A buffer of which nobody else has a view, with whatever bytes in it; None if all are in use."""
        with self._lock:
            if self._free:
                return self._free.pop()
            if not self._left:
                return None
            self._left -= 1
        return memoryview(mmap.mmap(-1, BUFFER_BYTES))  # begins at a page

    def give_back(self, buffer: memoryview) -> None:
        """Take back what `take` gave; views of it must not be used any more."""
        with self._lock:
            self._free.append(buffer)


def set_direct(fd: int, *, on: bool) -> bool:
    """Let writes to `fd` go past the page cache, or not; False where the file system does not know how."""
    flags = fcntl.fcntl(fd, fcntl.F_GETFL)
    try:
        fcntl.fcntl(fd, fcntl.F_SETFL, flags | os.O_DIRECT if on else flags & ~os.O_DIRECT)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        return False
    return True


def write_all(fd: int, content: bytes | memoryview) -> None:
    """Write all of `content` at the position of `fd`. Raises OSError."""
    rest = memoryview(content).cast("B")
    while rest:
        rest = rest[os.write(fd, rest) :]


def write_blocks(fd: int, content: memoryview) -> None:
    """Write all of `content`, which begins at a block in memory, to `fd`, which is at a block too. Raises OSError.

    Its whole blocks go directly, where the file system lets them, and what is left through the page cache.
    """
    whole = len(content) // BLOCK_BYTES * BLOCK_BYTES
    written = 0
    if whole and set_direct(fd, on=True):
        try:
            written = os.write(fd, content[:whole])
        except OSError as error:
            if error.errno != errno.EINVAL:  # blocks of this disk are larger: as if it were not known
                raise
        set_direct(fd, on=False)
    write_all(fd, content[written:])
