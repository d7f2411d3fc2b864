"""DICOM files of a command: opening them, and finding them behind names, patterns and folders."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sealgate.dicom import part10
from sealgate.dicom.part10 import DataSet
from sealgate.errors import CannotSign, InputError, UnreadableFile
from sealgate.files.buffers import bytes_of, inflated_in


@contextmanager
def naming(path: Path | str) -> Iterator[None]:
    """Errors about the content of a file name it. Raises UnreadableFile or CannotSign for what the block raises."""
    try:
        yield
    except UnreadableFile:
        raise
    except InputError as error:
        raise UnreadableFile(path, str(error)) from error
    except CannotSign as error:
        # The leaf stays what it is, with its attributes; only its sentence says more.
        error.args = (f"{path} cannot be signed: {error}",)
        raise


def open_data_set(path: Path) -> DataSet:
    """The data set of a file. Raises InputError, StorageError."""
    return part10.open_file(bytes_of(path), inflated=inflated_in(None))


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A file that was found behind an argument."""

    path: Path
    relative: Path
    """Where it goes below an output folder: its name, or its way below the folder that was given."""
    walked: bool = False
    """Whether it was found in a folder, where files that are not DICOM are nothing to complain about."""


def expanded(paths: Iterable[Path]) -> Iterator[Path]:
    """The files behind `paths`: folders are walked in the order of names, links to folders are not followed."""
    return (one.path for one in found(paths))


def found(paths: Iterable[Path]) -> Iterator[Found]:
    """The files behind `paths`: each is a file, a folder that is walked, or a pattern with `*`, `?`, `[` or `**`.

    Patterns are for shells that do not expand them, and where a file has the name it is meant. Raises UnreadableFile
    where no file fits a pattern.
    """
    for path in paths:
        text = str(path)
        if not glob.has_magic(text) or os.path.lexists(path):
            yield from _found_at(path)
            continue
        matches = sorted(glob.glob(text, recursive=True))  # noqa: PTH207 - patterns may be absolute
        if not matches:
            raise UnreadableFile(path, "no file fits this pattern")
        for match in matches:
            yield from _found_at(Path(match))


def is_folder(path: Path) -> bool:
    """Whether a folder stands at `path`; what cannot be asked, such as a name that is too long, is none."""
    try:
        return path.is_dir()
    except OSError:  # whoever opens it says what is wrong
        return False


def _found_at(path: Path) -> Iterator[Found]:
    if not is_folder(path):
        yield Found(path=path, relative=Path(path.name))
        return
    for folder, folders, names in os.walk(path):
        folders.sort()
        for name in sorted(names):
            inside = Path(folder, name)
            if inside.is_file() or not inside.exists():  # opening a pipe would wait; a link to nothing is told
                yield Found(path=inside, relative=inside.relative_to(path), walked=True)
