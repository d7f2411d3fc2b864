"""The payload store: what was received, as files that are whole, durable and never overwritten.

A payload file holds the Part 10 preamble, the File Meta Information and the data set as they were received; bytes that
a signature inserts are appended at its end. What goes out is a `Layout`, a list of ranges of that file, so signing
copies nothing. Names are random: nothing that a peer sends ever becomes part of a path.

    root/payload/<ab>/<name>    <ab> are the first two digits of the name

A file has its name from the beginning, and counts once an instance in the database refers to it; what a crash leaves
without that was never acknowledged, and is removed at the next start. Most instances are small enough to stay in
memory until it is decided what becomes of them.
"""

from __future__ import annotations

import mmap
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self, TypeAlias, TypeVar

from sealgate.dicom.source import Buffer
from sealgate.errors import PayloadDamaged, StorageError, StorageFull
from sealgate.files.faults import FULL, from_os_error
from sealgate.spool.blocks import BLOCK_BYTES, Buffers, write_all, write_blocks
from sealgate.spool.lock import DIRECTORY_MODE, FILE_MODE
from sealgate.spool.stock import Stock

T = TypeVar("T")

Layout: TypeAlias = tuple[tuple[int, int], ...]
"""Ranges [start, end) of a payload file, in bytes; one after the other they are the data set that goes out."""

SHARDS: Final = tuple(f"{number:02x}" for number in range(256))
"""Subdirectories of payload/, so that a million files stay pleasant for `ls` and for backup programs."""

PREPARED_FILES: Final = 16
"""Empty files that are made at a time, all in one shard, so that their names are durable by one fsync of it."""

_NAME = re.compile(r"[0-9a-f]{32}")
_CREATE_FLAGS = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_READ_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_DIRECTORY_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


def random_name() -> str:
    """A new name of 128 random bits in hexadecimal: two never meet, and nobody can guess one."""
    return secrets.token_hex(16)


def _nobody(_octets: memoryview) -> None:
    """Nobody is interested in what leaves memory."""


class PayloadIntake:
    """One instance that is being received; used by one thread, and ends with `discard`, after `keep` or without it.

    It is held in a buffer as long as it fits. What is larger goes to its file buffer by buffer.
    """

    def __init__(self, store: PayloadStore, leaves: Callable[[memoryview], object]) -> None:
        self._store = store
        self._leaves = leaves
        self._buffer = store.buffers.take()
        self._filled = 0
        """Bytes in the buffer, which are not in the file yet."""
        self._through_cache = self._buffer is None
        """Whether what comes is written at once, since there is no buffer that may be filled with it."""
        self._viewed = False
        """Whether somebody looks at what was received: what follows is not of it, and the buffer may not change."""
        self._name: str | None = None
        self._fd = -1
        self.size = 0
        """Bytes written so far."""

    def write(self, fragment: bytes | memoryview) -> None:
        """Append all of `fragment`. Raises StorageFull or StorageError; what was written then is of no use."""
        rest = memoryview(fragment).cast("B")
        while rest and not self._through_cache:
            rest = rest[self._fill(rest) :]
        if rest:
            self._open()
            self._tell(rest)
            self._attempt(lambda: write_all(self._fd, rest), "write")
        self.size += len(fragment)

    def append(self, inserted: bytes | memoryview) -> tuple[int, int]:
        """Append `inserted` and return the range [start, end) that it has in the file, for the layout."""
        start = self.size
        self.write(inserted)
        return start, self.size

    def view(self) -> Buffer:
        """What was written so far, read-only and without a copy; good until `discard`. Raises StorageError."""
        if self._fd < 0 and self._buffer is not None:
            self._viewed = True
            return self._buffer[: self._filled].toreadonly()
        self._flush()
        self._viewed = True
        return self._attempt(lambda: mmap.mmap(self._fd, self.size, access=mmap.ACCESS_READ), "map")

    def keep(self) -> str:
        """Make the payload permanent and return its name.

        When this returns, the bytes and the name are on the disk. If a step fails, nothing of the payload stays, and
        StorageFull or StorageError is raised.
        """
        try:
            self._flush()
            assert self._name is not None
            self._store.make_durable(self._name, self._fd)
        except BaseException:
            self.discard()
            raise
        name, self._name = self._name, None
        return name

    def discard(self) -> None:
        """Remove what was not kept and give everything back; a second call does nothing. Never raises."""
        if self._fd >= 0:
            # Every byte went through fsync or is of no use, so an error of close has nothing to tell.
            with suppress(OSError):
                os.close(self._fd)
            self._fd = -1
        if self._name is not None:
            with suppress(StorageError):  # what stays is removed at the next start
                self._store.delete(self._name)
            self._name = None
        if self._buffer is not None:
            self._store.buffers.give_back(self._buffer)
            self._buffer = None

    def _fill(self, octets: memoryview) -> int:
        """Put the first of `octets` into the buffer, behind what is in it; how many. A full one is emptied first."""
        assert self._buffer is not None
        if self._filled == len(self._buffer):
            self._flush()
            if self._through_cache:
                return 0
        part = octets[: len(self._buffer) - self._filled]
        self._buffer[self._filled : self._filled + len(part)] = part
        self._filled += len(part)
        return len(part)

    def _flush(self) -> None:
        """Have the file, with what is in the buffer in it."""
        self._open()
        if self._filled and self._buffer is not None:
            filled = self._buffer[: self._filled]
            self._tell(filled)
            self._attempt(lambda: write_blocks(self._fd, filled), "write")
            self._through_cache = self._viewed or self._filled % BLOCK_BYTES > 0  # else what follows begins at a block
            self._filled = 0

    def _tell(self, octets: memoryview) -> None:
        """Tell the very bytes that are about to be written, but not those that are added to what was received."""
        if not self._viewed:
            self._leaves(octets)

    def _open(self) -> None:
        if self._fd < 0:
            self._name, self._fd = self._store.take_file()

    def _attempt(self, step: Callable[[], T], verb: str) -> T:
        try:
            return step()
        except OSError as error:
            raise from_os_error(error, f"{verb} the payload {self._store.path(self._name or '')}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.discard()


class PayloadStore:
    """The directory root/payload; safe to share between threads.

    After an fsync has failed for another reason than a full disk, Linux may call a second fsync of the same pages
    successful although they were lost. So the store never tries again: it takes nothing more until the gateway is
    started anew, and `failure` says why.

    Raises StorageError, when constructed, if the directory cannot be made.
    """

    def __init__(self, root: Path, *, new_name: Callable[[], str] = random_name) -> None:
        self.root = root
        self.buffers = Buffers()
        self.failure: str | None = None
        """Why nothing is taken any more, as a sentence; None as long as the disk has kept its word."""
        self._new_name = new_name
        self._prepared = Stock(self._prepare, low=PREPARED_FILES // 2)
        try:
            self._payload_fd = _open_directory(root / "payload")
            for shard in SHARDS:
                with suppress(FileExistsError):
                    os.mkdir(shard, DIRECTORY_MODE, dir_fd=self._payload_fd)
            os.fsync(self._payload_fd)
            root_fd = _open_directory(root)
            try:
                os.fsync(root_fd)
            finally:
                os.close(root_fd)
        except OSError as error:
            raise from_os_error(error, f"open the payload store {root}") from error

    def new_intake(self, leaves: Callable[[memoryview], object] = _nobody) -> PayloadIntake:
        """A new, empty intake. Raises StorageError.

        Where an instance is too large for memory, `leaves` is given its bytes in their order, as they go to the file,
        all of them before `view` returns; each piece is good for the call only.
        """
        self._refuse_after_failure()
        return PayloadIntake(self, leaves)

    def take_file(self) -> tuple[str, int]:
        """An empty file whose name is durable: its name, and a descriptor to write and map it.

        Raises StorageFull or StorageError.
        """
        return self._prepared.take()

    def _prepare(self) -> list[tuple[str, int]]:
        """New files by name and descriptor, PREPARED_FILES or, on a full disk, as many as there is room for."""
        self._refuse_after_failure()
        shard = _checked(self._new_name())[:2]
        files: list[tuple[str, int]] = []
        try:
            while len(files) < PREPARED_FILES:
                name = shard + _checked(self._new_name())[2:]
                files.append((name, os.open(_sharded(name), _CREATE_FLAGS, FILE_MODE, dir_fd=self._payload_fd)))
        except OSError as error:
            if not files:
                raise from_os_error(error, f"create a file in {self.root}/payload/{shard}") from error
        try:
            self._fsync_shard(shard)
        except StorageError:
            self._remove(files)
            raise
        return files

    def _fsync_shard(self, shard: str) -> None:
        directory = self.root / "payload" / shard
        try:
            shard_fd = os.open(shard, _DIRECTORY_FLAGS, dir_fd=self._payload_fd)
        except OSError as error:
            raise from_os_error(error, f"open {directory}") from error
        try:
            self._fsync(shard_fd, lambda: directory)
        finally:
            os.close(shard_fd)

    def _remove(self, files: Iterable[tuple[str, int]]) -> None:
        """Remove files that nobody has written to; what stays is removed at the next start."""
        for name, descriptor in files:
            os.close(descriptor)
            with suppress(StorageError):
                self.delete(name)

    def require_free(self, byte_count: int) -> None:
        """Raise StorageFull unless `byte_count` bytes, and one more file, fit on the file system."""
        try:
            room = os.fstatvfs(self._payload_fd)
        except OSError as error:
            raise from_os_error(error, f"measure the file system of {self.root}") from error
        free = room.f_bavail * room.f_frsize
        if free < byte_count:
            raise StorageFull(
                f"the file system of {self.root} has {free >> 20} MiB left, below the {byte_count >> 20} MiB that are "
                "asked for; free some"
            )
        if room.f_files and not room.f_favail:  # some file systems count no inodes and say 0 of 0
            raise StorageFull(f"the file system of {self.root} has no inode left for another file; free some")

    def path(self, name: str) -> Path:
        """Where the payload `name` lies."""
        return self.root / "payload" / _sharded(name)

    def open(self, name: str) -> BinaryIO:
        """The payload `name` for reading, unbuffered. Raises PayloadDamaged if it is gone, StorageError."""
        try:
            fd = os.open(_sharded(name), _READ_FLAGS, dir_fd=self._payload_fd)
        except FileNotFoundError as error:
            raise PayloadDamaged(f"the payload {self.path(name)} is gone; put it back from a copy") from error
        except OSError as error:
            raise from_os_error(error, f"open the payload {self.path(name)}") from error
        return os.fdopen(fd, "rb", buffering=0)

    def delete(self, name: str) -> None:
        """Remove the payload `name`, which no committed instance may refer to; a missing one is no error."""
        try:
            os.unlink(_sharded(name), dir_fd=self._payload_fd)
        except FileNotFoundError:
            return
        except OSError as error:
            raise from_os_error(error, f"remove the payload {self.path(name)}") from error

    def names(self, shard: str) -> frozenset[str]:
        """The payloads in one of SHARDS; files with other names are not ours and are left out. Raises StorageError."""
        directory = self.root / "payload" / shard
        return frozenset(name for name in _list(directory) if _NAME.fullmatch(name) and name.startswith(shard))

    def holds_bytes(self, name: str) -> bool:
        """Whether the payload `name` is more than a file that was made in advance. Raises StorageError."""
        try:
            return os.stat(_sharded(name), dir_fd=self._payload_fd, follow_symlinks=False).st_size > 0
        except OSError as error:
            raise from_os_error(error, f"look at the payload {self.path(name)}") from error

    def remove(self, names: Iterable[str]) -> None:
        """Remove payloads that were never acknowledged, at the start of the owner of the data directory.

        Raises StorageError.
        """
        shutil.rmtree(self.root / "intake", ignore_errors=True)  # where earlier versions put what they were receiving
        for name in names:
            self.delete(name)
        self._remove(self._prepared.empty())

    def make_durable(self, name: str, descriptor: int) -> None:
        """Bring the bytes of the payload `name`, open as `descriptor`, to the disk so that a power cut keeps them."""
        self._refuse_after_failure()
        self._fsync(descriptor, lambda: self.path(name))
        if not os.fstat(descriptor).st_nlink:
            raise StorageError(f"somebody removed {self.path(name)} while it was written; leave that folder alone")

    def close(self) -> None:
        """Remove the files that were not needed and give the directory back; a second call does nothing."""
        if self._payload_fd < 0:
            return
        self._remove(self._prepared.empty())
        os.close(self._payload_fd)
        self._payload_fd = -1

    def _fsync(self, descriptor: int, path: Callable[[], Path]) -> None:
        try:
            os.fsync(descriptor)
        except OSError as error:
            what = path()
            if error.errno not in FULL:
                self.failure = (
                    f"the disk failed to store {what} ({error.strerror}); "
                    "nothing is taken until the disk was looked at and the gateway started again"
                )
            raise from_os_error(error, f"make {what} durable") from error

    def _refuse_after_failure(self) -> None:
        if self.failure is not None:
            raise StorageError(self.failure)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _checked(name: str) -> str:
    """`name` itself; only names that we made are let through."""
    if not _NAME.fullmatch(name):
        raise RuntimeError(f"{name!r} is not a name that the payload store gives")
    return name


def _sharded(name: str) -> str:
    """The path of `name` below payload/."""
    return f"{name[:2]}/{_checked(name)}"


def _open_directory(directory: Path) -> int:
    directory.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
    return os.open(directory, _DIRECTORY_FLAGS)


def _list(directory: Path) -> list[str]:
    try:
        with os.scandir(directory) as found:
            return [entry.name for entry in found]
    except OSError as error:
        raise from_os_error(error, f"list {directory}") from error
