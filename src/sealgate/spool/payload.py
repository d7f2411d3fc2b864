"""The payload store: what was received, as files that are whole, durable and never overwritten.

A payload file holds the Part 10 preamble, the File Meta Information and the data set as they were received; bytes that
a signature inserts are appended at its end. What goes out is a `Layout`, a list of ranges of that file, so signing
copies nothing. Names are random: nothing that a peer sends ever becomes part of a path.

    root/intake/<name>          being received; after a crash nobody was told that it is safe, so it is removed
    root/payload/<ab>/<name>    whole and durable; <ab> are the first two digits of the name
"""

from __future__ import annotations

import mmap
import os
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self, TypeAlias

from sealgate.errors import PayloadDamaged, StorageError, StorageFull
from sealgate.files.faults import FULL, from_os_error
from sealgate.spool.lock import DIRECTORY_MODE, FILE_MODE

Layout: TypeAlias = tuple[tuple[int, int], ...]
"""Ranges [start, end) of a payload file, in bytes; one after the other they are the data set that goes out."""

SHARDS: Final = tuple(f"{number:02x}" for number in range(256))
"""Subdirectories of payload/, so that a million files stay pleasant for `ls` and for backup programs."""

_NAME = re.compile(r"[0-9a-f]{32}")
_INTAKE_FLAGS = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_READ_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_DIRECTORY_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


def random_name() -> str:
    """A new name of 128 random bits in hexadecimal: two never meet, and nobody can guess one."""
    return secrets.token_hex(16)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftovers:
    """What a crash had left behind and `PayloadStore.recover` removed; nobody had been told that it is safe."""

    intake_removed: int
    orphans_removed: int


class IntakeFile:
    """One instance that is being received; used by one thread, and ends with `keep` or `discard`."""

    def __init__(self, store: PayloadStore, name: str, fd: int) -> None:
        self._store = store
        self._name = name
        self._fd = fd
        self.size = 0
        """Bytes written so far."""

    @property
    def path(self) -> Path:
        """Where the file is until it is kept."""
        return self._store.root / "intake" / self._name

    def write(self, fragment: bytes | memoryview) -> None:
        """Append all of `fragment`. Raises StorageFull or StorageError; what was written then is of no use."""
        rest = memoryview(fragment).cast("B")
        try:
            while rest:
                written = os.write(self._descriptor(), rest)
                self.size += written
                rest = rest[written:]
        except OSError as error:
            raise from_os_error(error, f"write the payload {self.path}") from error

    def append(self, inserted: bytes | memoryview) -> tuple[int, int]:
        """Append `inserted` and return the range [start, end) that it has in the file, for the layout."""
        start = self.size
        self.write(inserted)
        return start, self.size

    def map(self) -> mmap.mmap:
        """A read-only view of what was written so far, without a copy; the caller closes it. Raises StorageError."""
        if not self.size:
            raise RuntimeError("an intake file without a byte cannot be mapped")
        try:
            return mmap.mmap(self._descriptor(), self.size, access=mmap.ACCESS_READ)
        except OSError as error:
            raise from_os_error(error, f"map the payload {self.path}") from error

    def keep(self) -> str:
        """Make the file permanent and return its payload name.

        When this returns, the bytes and the name are on the disk: file fsync, rename, fsync of the directory. If a
        step fails, the file is removed and StorageFull or StorageError raised.
        """
        descriptor = self._descriptor()
        try:
            self._store.make_durable(self._name, descriptor)
        except BaseException:
            self.discard()
            raise
        self._close()
        return self._name

    def discard(self) -> None:
        """Remove what was received; after `keep` or a first `discard` it does nothing. Never raises."""
        if self._fd < 0:
            return
        self._close()
        self._store.remove_intake(self._name)

    def _descriptor(self) -> int:
        if self._fd < 0:
            raise RuntimeError(f"the intake file {self._name} was kept or discarded before")
        return self._fd

    def _close(self) -> None:
        # Every byte went through fsync or is of no use, so an error of close has nothing to tell.
        with suppress(OSError):
            os.close(self._fd)
        self._fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.discard()


class PayloadStore:
    """The directories root/intake and root/payload on one file system; safe to share between threads.

    After an fsync has failed for another reason than a full disk, Linux may call a second fsync of the same pages
    successful although they were lost. So the store never tries again: it takes nothing more until the gateway is
    started anew, and `failure` says why.

    Raises StorageError, when constructed, if the directories cannot be made or lie on two file systems.
    """

    def __init__(self, root: Path, *, new_name: Callable[[], str] = random_name) -> None:
        self.root = root
        self.failure: str | None = None
        """Why nothing is taken any more, as a sentence; None as long as the disk has kept its word."""
        self._new_name = new_name
        try:
            self._intake_fd = _open_directory(root / "intake")
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
        if os.fstat(self._intake_fd).st_dev != os.fstat(self._payload_fd).st_dev:
            raise StorageError(f"{root}/intake and {root}/payload lie on two file systems; put them on one")

    def new_intake(self) -> IntakeFile:
        """A new, empty intake file under a random name. Raises StorageFull or StorageError."""
        self._refuse_after_failure()
        name = _checked(self._new_name())
        try:
            fd = os.open(name, _INTAKE_FLAGS, FILE_MODE, dir_fd=self._intake_fd)
        except OSError as error:
            raise from_os_error(error, f"create a file in {self.root}/intake") from error
        return IntakeFile(self, name, fd)

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

    def recover(self, is_referenced: Callable[[str], bool]) -> Leftovers:
        """Remove unfinished intakes, and payloads that `is_referenced` does not know. Raises StorageError.

        Only for the owner of the data directory, before it receives anything. Names are asked for shard by shard, in
        order. Neither kind was ever acknowledged: the commit that comes before a Success is missing.
        """
        unfinished = [name for name in _list(self.root / "intake") if _NAME.fullmatch(name)]
        for name in unfinished:
            self.remove_intake(name)
        orphans = 0
        for name in self._all_names():
            if not is_referenced(name):
                self.delete(name)
                orphans += 1
        return Leftovers(intake_removed=len(unfinished), orphans_removed=orphans)

    def make_durable(self, name: str, descriptor: int) -> None:
        """Take the intake `name`, open as `descriptor`, into payload/ so that a power cut cannot undo it."""
        self._refuse_after_failure()
        target = _sharded(name)
        self._fsync(descriptor, f"{self.root}/intake/{name}")
        try:
            os.rename(name, target, src_dir_fd=self._intake_fd, dst_dir_fd=self._payload_fd)
            shard_fd = os.open(name[:2], _DIRECTORY_FLAGS, dir_fd=self._payload_fd)
        except OSError as error:
            raise self._undo(name, from_os_error(error, f"keep the payload {self.path(name)}")) from error
        try:
            self._fsync(shard_fd, f"{self.root}/payload/{name[:2]}")
        except StorageError as error:
            raise self._undo(name, error) from error
        finally:
            os.close(shard_fd)

    def remove_intake(self, name: str) -> None:
        """Remove the intake `name`. Never raises: what stays is removed by `recover` at the next start."""
        with suppress(OSError):
            os.unlink(_checked(name), dir_fd=self._intake_fd)

    def close(self) -> None:
        """Give the directories back; a second call does nothing."""
        for fd in (self._intake_fd, self._payload_fd):
            if fd >= 0:
                os.close(fd)
        self._intake_fd = self._payload_fd = -1

    def _fsync(self, descriptor: int, what: str) -> None:
        try:
            os.fsync(descriptor)
        except OSError as error:
            if error.errno not in FULL:
                self.failure = (
                    f"the disk failed to store {what} ({error.strerror}); "
                    "nothing is taken until the disk was looked at and the gateway started again"
                )
            raise from_os_error(error, f"make {what} durable") from error

    def _undo(self, name: str, error: StorageError) -> StorageError:
        with suppress(StorageError):
            self.delete(name)
        return error

    def _refuse_after_failure(self) -> None:
        if self.failure is not None:
            raise StorageError(self.failure)

    def _all_names(self) -> Iterator[str]:
        for shard in SHARDS:
            yield from sorted(self.names(shard))

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
