"""What a caller hands in (bytes, a path, or a pydicom Dataset), opened and scanned, and how a result is handed back."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias, Union

from sealgate.dicom import splice
from sealgate.dicom.deflate import deflate
from sealgate.dicom.part10 import DataSet, FileForm, open_file
from sealgate.dicom.scan import Carrier, scan
from sealgate.dicom.source import Buffer, Source
from sealgate.dicom.splice import Edit
from sealgate.dicom.transfer_syntax import TransferSyntax
from sealgate.errors import ConfigurationError, UnwritableFile
from sealgate.files.buffers import bytes_of, inflated_in, stored
from sealgate.files.dicom_files import naming

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

BytesLike: TypeAlias = bytes | bytearray | memoryview | mmap.mmap
PathLike: TypeAlias = str | os.PathLike[str]
Given: TypeAlias = Union[BytesLike, PathLike, "Dataset"]
"""What a data set may be given as: the bytes of a file, its path, or a pydicom Dataset."""

BYTES: Final = (bytes, bytearray, memoryview, mmap.mmap)
PATHS: Final = (str, os.PathLike)
"""The first two as `isinstance` takes them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How the bytes of a file are to be taken."""

    form: FileForm = FileForm.ANY
    forced: TransferSyntax | None = None
    """The transfer syntax of the data set, whatever the File Meta Information says."""
    detect: bool = False
    """Tell the transfer syntax from the first element, and do not believe the File Meta Information."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A data set that was opened and scanned."""

    data_set: DataSet
    carrier: Carrier
    original: Buffer | None = None
    """The bytes of the whole file as they were given; None where it was edited since."""
    path: Path | None = None
    """Where it came from, if from a file."""

    @property
    def syntax(self) -> TransferSyntax:
        """The transfer syntax of the data set."""
        return self.data_set.syntax

    def naming(self) -> AbstractContextManager[None]:
        """Errors in the block name the file, where there is one."""
        return nullcontext() if self.path is None else naming(self.path)

    def spliced(self, edits: Iterable[Edit]) -> Iterator[bytes | memoryview]:
        """The whole file after `edits`; a data set that was deflated is deflated again, unless nothing changes."""
        edits = tuple(edits)
        if not edits and self.original is not None:
            whole = Source(self.original)
            yield from whole.windows(0, len(whole))
            return
        yield self.data_set.header
        pieces = splice.pieces(self.data_set.source, edits)
        yield from deflate(pieces) if self.syntax.deflated else pieces

    def edited(self, edits: tuple[Edit, ...]) -> Opened:
        """The data set after `edits`, scanned anew, for what has to be done next. Raises StorageError, InputError."""
        data_set = replace(self.data_set, source=Source(stored(splice.pieces(self.data_set.source, edits))))
        return replace(self, data_set=data_set, carrier=scan(data_set.source, data_set.encoding), original=None)


def opened(source: Given, reading: Reading = Reading()) -> Opened:
    """The data set of bytes, of a file, or of a pydicom Dataset.

    Raises UnreadableFile for a path, another InputError for bytes and Datasets, StorageError where an inflated data set
    finds no place.
    """
    if isinstance(source, PATHS):
        path = Path(source)
        with naming(path):
            return replace(opened_bytes(bytes_of(path), reading), path=path)
    if isinstance(source, BYTES):
        return opened_bytes(source, reading)
    from sealgate.library.datasets import opened_dataset

    data_set = opened_dataset(source)
    return Opened(data_set=data_set, carrier=scan(data_set.source, data_set.encoding))


def opened_bytes(buffer: Buffer, reading: Reading = Reading()) -> Opened:
    """The data set that the bytes of a file hold. Raises InputError, StorageError."""
    data_set = open_file(
        buffer, inflated=inflated_in(None), form=reading.form, forced=reading.forced, detect=reading.detect
    )
    return Opened(data_set=data_set, carrier=scan(data_set.source, data_set.encoding), original=buffer)


def target_of(source: Given, output: PathLike | None, in_place: bool) -> Path | None:
    """The path a result goes to, or None where it is given back: a file goes to a file, and over itself only if asked.

    Raises ConfigurationError where source and output do not fit, and UnwritableFile where `output` is the input.
    """
    if not isinstance(source, PATHS):
        if output is not None or in_place:
            raise ConfigurationError(
                "an output path belongs to an input path; the result for bytes and Datasets is returned"
            )
        return None
    path = Path(source)
    if in_place:
        if output is not None:
            raise ConfigurationError("name an output path or say in_place=True, not both")
        return Path(os.path.realpath(path))
    if output is None:
        raise ConfigurationError(f"name an output path for {path}, or say in_place=True to write over it")
    target = Path(output)
    refuse_overwriting(path, target)
    return target


def refuse_overwriting(source: Path, target: Path) -> None:
    """Raises UnwritableFile where `target` is the file `source`, also by a link."""
    if target.exists() and source.exists() and target.samefile(source):
        raise UnwritableFile(target, "it is the input itself; name another output file")
