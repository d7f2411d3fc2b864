"""Atomic writing of a file that others read: whole under its name, or not there at all, and never over other bytes.

The bytes go to a file without a name (open(2), O_TMPFILE), so a crash leaves nothing behind; it gets its name by
link(2), which fails where the name is taken. File systems without such files get a hidden one, and those without hard
links, such as network shares and FAT, get a rename over a name that was reserved with O_EXCL a moment before. Whole
blocks are written past the page cache where the file system lets them.
"""

from __future__ import annotations

import errno
import mmap
import os
import stat
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from sealgate.errors import StorageError
from sealgate.files.faults import from_os_error
from sealgate.spool.blocks import BUFFER_BYTES, write_blocks
from sealgate.spool.payload import random_name

PARTIAL_PREFIX: Final = ".sealgate-"
"""How the name of a hidden file begins that is being written; directory listings and most programs leave it out."""

MAX_SUFFIX: Final = 1000
"""Files of one name that a directory takes; more come from a sender that uses one UID for everything."""

_COMPARE_BYTES: Final = 1 << 20
"""Bytes that are read at a time to compare two files: large enough to be fast, small enough for any memory."""

_UNNAMED_UNSUPPORTED: Final = frozenset({errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOENT})
_LINK_UNSUPPORTED: Final = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.ENOENT})


class FileWriter:
    """Writes one file after the other through one buffer; used by one thread."""

    def __init__(self, *, new_name: Callable[[], str] = random_name) -> None:
        self._new_name = new_name
        self._buffer = memoryview(mmap.mmap(-1, BUFFER_BYTES))  # begins at a page

    def write(self, directory: Path, name: str, chunks: Iterable[bytes | memoryview], *, mode: int = 0o600) -> Path:
        """Write `chunks` to `name` in `directory`, durable when this returns, and return the path they have in the end.

        A file of that name with the same bytes is left as it is. With other bytes it is left as well, and the new one
        gets the first free suffix: .2, .3 and so on. `mode` is cut by the umask of the process. Raises StorageFull or
        StorageError; RuntimeError for a name that is a path or hidden, since names must have been checked before.
        """
        if not name or name.startswith(".") or "/" in name or "\0" in name:
            raise RuntimeError(f"{name!r} may not be the name of a file")
        try:
            directory_fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise from_os_error(error, f"open the directory {directory}") from error
        try:
            fd, hidden = _create(directory_fd, f"{PARTIAL_PREFIX}{self._new_name()}", mode)
            try:
                self._fill(fd, chunks)
                return directory / _publish(directory_fd, fd, hidden, name)
            finally:
                os.close(fd)
                _unlink(hidden, directory_fd)
        except OSError as error:
            raise from_os_error(error, f"write {directory / name}") from error
        finally:
            os.close(directory_fd)

    def _fill(self, fd: int, chunks: Iterable[bytes | memoryview]) -> None:
        used = 0
        for chunk in chunks:
            rest = memoryview(chunk).cast("B")
            while rest:
                count = min(len(rest), BUFFER_BYTES - used)
                self._buffer[used : used + count] = rest[:count]
                rest = rest[count:]
                used += count
                if used == BUFFER_BYTES:
                    write_blocks(fd, self._buffer)
                    used = 0
        write_blocks(fd, self._buffer[:used])
        os.fsync(fd)


def remove_partial(directory: Path) -> int:
    """Remove hidden files that a crash left in `directory`, which nobody may be writing to; returns how many."""
    removed = 0
    try:
        for partial in directory.glob(f"{PARTIAL_PREFIX}*"):
            partial.unlink(missing_ok=True)
            removed += 1
    except OSError as error:
        raise from_os_error(error, f"remove unfinished files from {directory}") from error
    return removed


def _create(directory_fd: int, hidden: str, mode: int) -> tuple[int, str | None]:
    """A new file without a name, or where there are none a hidden one; the descriptor and the hidden name."""
    try:
        return os.open(".", os.O_RDWR | os.O_TMPFILE | os.O_CLOEXEC, mode, dir_fd=directory_fd), None
    except OSError as error:
        if error.errno not in _UNNAMED_UNSUPPORTED:
            raise
    return os.open(hidden, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode, dir_fd=directory_fd), hidden


def _publish(directory_fd: int, fd: int, hidden: str | None, name: str) -> str:
    """Give the file the first name that is free, unless one of them has the same bytes; returns that name."""
    for number in range(1, MAX_SUFFIX + 1):
        candidate = name if number == 1 else f"{name}.{number}"
        if _take_name(directory_fd, fd, hidden, candidate) or _same_bytes(directory_fd, fd, candidate):
            # Also where the bytes were there before: a crash may have come between that file and its directory.
            os.fsync(directory_fd)
            return candidate
    raise StorageError(f"{name} is there {MAX_SUFFIX} times with different bytes; look at what sends it")


def _take_name(directory_fd: int, fd: int, hidden: str | None, candidate: str) -> bool:
    """Whether `candidate` was free and now is the name of the file."""
    try:
        if hidden is None:
            # linkat(2) with AT_SYMLINK_FOLLOW, which Python uses only when a directory descriptor is given.
            os.link(f"/proc/self/fd/{fd}", candidate, dst_dir_fd=directory_fd, follow_symlinks=True)
        else:
            os.link(hidden, candidate, src_dir_fd=directory_fd, dst_dir_fd=directory_fd, follow_symlinks=False)
    except FileExistsError:
        return False
    except OSError as error:
        if hidden is None or error.errno not in _LINK_UNSUPPORTED:
            raise
        return _reserve_and_rename(directory_fd, hidden, candidate)
    return True


def _reserve_and_rename(directory_fd: int, hidden: str, candidate: str) -> bool:
    """The same without hard links: for a moment, and after a crash in it, the reserved name holds an empty file."""
    try:
        os.close(os.open(candidate, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=directory_fd))
    except FileExistsError:
        return False
    try:
        os.replace(hidden, candidate, src_dir_fd=directory_fd, dst_dir_fd=directory_fd)
    except OSError:
        _unlink(candidate, directory_fd)
        raise
    return True


def _same_bytes(directory_fd: int, fd: int, candidate: str) -> bool:
    """Whether `candidate` is a regular file with the same bytes; something else than a file never is."""
    try:
        other_fd = os.open(candidate, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory_fd)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO, errno.EACCES, errno.ENOENT):
            return False  # a symbolic link, a socket, not ours to read, or gone: the next name will do
        raise
    try:
        size = os.fstat(fd).st_size
        other = os.fstat(other_fd)
        if not stat.S_ISREG(other.st_mode) or other.st_size != size:
            return False
        for offset in range(0, size, _COMPARE_BYTES):
            if os.pread(fd, _COMPARE_BYTES, offset) != os.pread(other_fd, _COMPARE_BYTES, offset):
                return False
        os.fsync(other_fd)
        return True
    finally:
        os.close(other_fd)


def _unlink(name: str | None, directory_fd: int) -> None:
    if name is not None:
        with suppress(OSError):  # what stays is hidden, and `remove_partial` finds it
            os.unlink(name, dir_fd=directory_fd)
