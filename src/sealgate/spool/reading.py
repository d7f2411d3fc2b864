"""Payloads in windows, read into one buffer that is used again and again.

What was written past the page cache is read past it as well (open(2), O_DIRECT): to fill the cache with what is read
once costs more than to read it. A large payload that the cache has is taken from there.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sealgate.errors import PayloadDamaged
from sealgate.files.faults import from_os_error
from sealgate.spool.blocks import BLOCK_BYTES, set_direct
from sealgate.spool.payload import Layout, PayloadStore

WINDOW_BYTES: Final = 1 << 20
"""Of a payload in memory at once: most instances fit whole, and larger reads are no faster."""


class PayloadReader:
    """Reads one payload after the other; used by one thread."""

    def __init__(self, store: PayloadStore) -> None:
        self._store = store
        self._buffer = memoryview(mmap.mmap(-1, WINDOW_BYTES))  # begins at a page

    def path(self, name: str) -> Path:
        """Where the payload `name` lies."""
        return self._store.path(name)

    def windows(self, name: str, layout: Layout) -> Iterator[memoryview]:
        """The ranges `layout` of the payload `name`, one after the other; each window is good until the next one.

        Raises PayloadDamaged where it is gone or too short, StorageError.
        """
        damaged = f"the payload {self.path(name)} is shorter than it was; put it back from a copy"
        with self._store.open(name) as file:
            try:
                fd, size = file.fileno(), os.fstat(file.fileno()).st_size
                if any(end > size for _, end in layout):
                    raise PayloadDamaged(damaged)
                if size <= WINDOW_BYTES or not _is_cached(fd, size // 2):
                    set_direct(fd, on=True)
                held_start = held_end = 0
                for start, end in layout:
                    while start < end:
                        if not held_start <= start < held_end:
                            held_start = start // BLOCK_BYTES * BLOCK_BYTES
                            held_end = self._read(fd, held_start, size if size <= WINDOW_BYTES else end)
                            if held_end <= start:
                                raise PayloadDamaged(damaged)
                        until = min(end, held_end)
                        yield self._buffer[start - held_start : until - held_start]
                        start = until
            except OSError as error:
                raise from_os_error(error, f"read the payload {self.path(name)}") from error

    def _read(self, fd: int, start: int, end: int) -> int:
        """Fill the buffer with the blocks from `start`, where one begins, to `end`; gives where what was read ends."""
        wanted = min(WINDOW_BYTES, -(-(end - start) // BLOCK_BYTES) * BLOCK_BYTES)
        filled = 0
        while filled < wanted:
            try:
                count = os.preadv(fd, [self._buffer[filled:wanted]], start + filled)
            except OSError as error:
                is_direct = fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_DIRECT
                if error.errno != errno.EINVAL or not is_direct:
                    raise
                set_direct(fd, on=False)  # blocks of this disk are larger
                continue
            filled += count
            if count % BLOCK_BYTES or not count:  # the end of the file
                break
        return start + filled


def _is_cached(fd: int, offset: int) -> bool:
    """Whether the page cache has the page at `offset`, and so probably the whole file (preadv2(2), RWF_NOWAIT)."""
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_RANDOM)  # else to ask would begin to read the file
    try:
        return os.preadv(fd, [bytearray(1)], offset, os.RWF_NOWAIT) == 1
    except OSError as error:
        if error.errno not in (errno.EAGAIN, errno.EOPNOTSUPP):
            raise
        return error.errno == errno.EOPNOTSUPP  # nobody knows: read it in the usual way
    finally:
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_NORMAL)
