"""DICOM files of a command: opening, walking folders, writing results whole or not at all."""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sealgate.dicom import part10
from sealgate.dicom.part10 import DataSet
from sealgate.dicom.source import Buffer
from sealgate.errors import CannotSign, InputError, UnreadableFile, UnwritableFile
from sealgate.files.scratch import inflated_in


def mapped(path: Path) -> Buffer:
    """The bytes of a file, mapped and not copied. Raises UnreadableFile."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else b""
    except (OSError, ValueError) as error:
        raise UnreadableFile(path, getattr(error, "strerror", None) or str(error)) from error


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Errors about the content of a file name it. Raises UnreadableFile or CannotSign for what the block raises."""
    try:
        yield
    except UnreadableFile:
        raise
    except InputError as error:
        raise UnreadableFile(path, str(error)) from error
    except CannotSign as error:
        raise type(error)(f"{path} cannot be signed: {error}") from error


def open_data_set(path: Path) -> DataSet:
    """The data set of a file. Raises InputError, StorageError."""
    return part10.open_file(mapped(path), inflated=inflated_in(None))


def expanded(paths: Iterable[Path]) -> Iterator[Path]:
    """The files behind `paths`: folders are walked in the order of names, links to folders are not followed."""
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        for folder, folders, names in os.walk(path):
            folders.sort()
            yield from (Path(folder, name) for name in sorted(names))


def write_whole(path: Path, pieces: Iterable[bytes | memoryview]) -> None:
    """Write `pieces` to `path` so that it holds either all of them, durably, or what it held before.

    Raises UnwritableFile.
    """
    temporary: str | None = None
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=".sealgate-", dir=path.parent)
        with os.fdopen(descriptor, "wb") as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fchmod(file.fileno(), _mode_of_new_files())
            os.fsync(file.fileno())
        Path(temporary).replace(path)
        temporary = None
    except OSError as error:
        raise UnwritableFile(path, error.strerror or str(error)) from error
    finally:
        if temporary is not None:
            with suppress(OSError):
                Path(temporary).unlink()


def _mode_of_new_files() -> int:
    """What the user's umask leaves of rw-rw-rw-, since a temporary file is made for its owner alone."""
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
