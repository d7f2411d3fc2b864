"""Writing results: a path holds either all of the new bytes or what it held before, and as durably as was asked for."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from enum import StrEnum
from pathlib import Path

from sealgate.errors import UnwritableFile

_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW


class Durability(StrEnum):
    """When what was written is on stable storage. A file appears under its name as a whole in each case."""

    FILE = "file"
    """Each file before it gets its name, so that a power failure never costs what stood there before."""
    BATCH = "batch"
    """All files of a command at its end, with one call for each file system: a success means that all is durable."""
    NONE = "none"
    """When the operating system sees fit."""


def write_whole(
    path: Path,
    pieces: Iterable[bytes | memoryview],
    *,
    durability: Durability = Durability.FILE,
    like: Path | None = None,
) -> None:
    """Write `pieces` to `path` so that it holds either all of them or what it held before.

    A new file gets the permissions that the umask leaves; with `like` it gets those of that file. With
    `Durability.BATCH` the caller calls `flush` when all are written. Raises UnwritableFile.
    """
    temporary = path.parent / f".sealgate-{os.urandom(8).hex()}"
    created = False
    try:
        descriptor = os.open(temporary, _NEW_FILE, 0o666)
        created = True
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(pieces)
            file.flush()
            if like is not None:
                os.fchmod(descriptor, stat.S_IMODE(like.stat().st_mode))
            if durability is Durability.FILE:
                os.fsync(descriptor)
        temporary.replace(path)
        created = False
        if durability is Durability.FILE:
            _sync_folder(path.parent)
    except OSError as error:
        raise UnwritableFile(path, error.strerror or str(error)) from error
    finally:
        if created:
            with suppress(OSError):
                temporary.unlink()


def make_folder(path: Path) -> None:
    """Make a folder with all above it, where it is not there. Raises UnwritableFile."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnwritableFile(path, error.strerror or str(error)) from error


def flush(folders: Iterable[Path]) -> None:
    """Bring all that was written to the file systems of `folders` to stable storage. Raises UnwritableFile.

    A folder that is not there has nothing to bring.
    """
    done: set[int] = set()
    for folder in folders:
        try:
            if not folder.is_dir():
                continue
            device = folder.stat().st_dev
            if device not in done:
                _sync_file_system(folder)
            done.add(device)
        except OSError as error:
            raise UnwritableFile(folder, error.strerror or str(error)) from error


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_file_system(folder: Path) -> None:
    """Call syncfs(2), which Python does not offer and which, other than sync(2), reports what went wrong."""
    import ctypes

    syncfs = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    if syncfs is None:
        os.sync()
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if syncfs(descriptor):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
    finally:
        os.close(descriptor)
