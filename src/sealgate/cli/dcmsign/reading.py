"""The input, from a file or standard input, and what dcmsign says where it cannot be read."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.cli.dcmsign.codes import Code, Ended
from sealgate.cli.dcmsign.run import Run
from sealgate.cli.dcmsign.settings import ReadMode, Settings
from sealgate.dicom import part10, transfer_syntax
from sealgate.dicom.part10 import DataSet, FileForm
from sealgate.dicom.scan import Carrier, scan
from sealgate.errors import (
    InputError,
    LimitExceeded,
    NotDicom,
    SealgateError,
    Truncated,
    UnknownTransferSyntax,
    UnreadableFile,
)
from sealgate.files.buffers import bytes_of, inflated_in
from sealgate.files.dicom_files import is_folder

if TYPE_CHECKING:
    from sealgate.dicom.source import Buffer

STANDARD_STREAM = "-"
"""The name that stands for standard input or standard output."""

_CHUNK_BYTES = 1 << 20
_in_scratch = inflated_in(None)
"""Keeps bytes that are not in the input as they are, where memory does not grow with them."""
_FORMS = {ReadMode.ANY: FileForm.ANY, ReadMode.FILE_ONLY: FileForm.PART_10, ReadMode.DATA_SET: FileForm.DATA_SET}
SYNTAXES = {
    "little": transfer_syntax.EXPLICIT_LE,
    "big": transfer_syntax.EXPLICIT_BE,
    "implicit": transfer_syntax.IMPLICIT_LE,
}
_ENDS_EARLY = "I/O suspension or premature end of stream"
_NO_FILE_META = "File meta information header missing"


def read(settings: Settings, run: Run) -> tuple[DataSet, Carrier]:
    """The data set of the input, and its scan. Raises Ended, after it has said why it cannot be read."""
    name = settings.input
    try:
        data_set = _opened(_buffer(name), settings, run)
        carrier = scan(data_set.source, data_set.encoding, dictionary=run.dictionary)
        if settings.convert_un:
            data_set, carrier = _converted(data_set, carrier, run)
    except UnreadableFile as error:
        raise _ended(error.reason, name, run) from error
    except InputError as error:
        if isinstance(error, NotDicom) and settings.read_mode is ReadMode.FILE_ONLY:
            raise _ended(_NO_FILE_META, name, run) from error
        run.messages.error(str(error))
        raise _ended(_ENDS_EARLY if isinstance(error, Truncated) else _brief(error), name, run) from error
    return data_set, carrier


def _ended(reason: str, name: str, run: Run) -> Ended:
    run.messages.fatal(f"{reason}: reading file: {name}")
    return Ended(Code.CANNOT_READ_INPUT_FILE)


def _brief(error: SealgateError) -> str:
    """What stands in the place of DCMTK's text for a condition that it does not have, or calls otherwise."""
    if isinstance(error, NotDicom):
        return _ENDS_EARLY
    return "Limit exceeded" if isinstance(error, LimitExceeded) else "Corrupted data"


def _buffer(name: str) -> Buffer:
    """The bytes of the input. Raises UnreadableFile with dcmsign's reasons."""
    if name == STANDARD_STREAM:
        return _in_scratch(_standard_input())
    if is_folder(Path(name)):
        raise UnreadableFile(name, _ENDS_EARLY)
    return bytes_of(Path(name))


def _standard_input() -> Iterator[bytes]:
    while chunk := os.read(sys.stdin.fileno(), _CHUNK_BYTES):
        yield chunk


def _opened(buffer: Buffer, settings: Settings, run: Run) -> DataSet:
    form = _FORMS[settings.read_mode]
    uid = SYNTAXES.get(settings.read_syntax or "")
    forced = transfer_syntax.BY_UID[uid] if uid is not None else None
    detect = settings.read_syntax == "detect"
    try:
        return part10.open_file(buffer, inflated=_in_scratch, form=form, forced=forced, detect=detect)
    except UnknownTransferSyntax as error:
        run.messages.warn(f"{error}, so it is told from the first data element")
        return part10.open_file(buffer, inflated=_in_scratch, form=form, detect=True)


def _converted(data_set: DataSet, carrier: Carrier, run: Run) -> tuple[DataSet, Carrier]:
    """The same with the UN elements of defined length that the dictionary knows in their real VR."""
    from sealgate.dicom.reencode import with_unknown_converted

    converted = with_unknown_converted(data_set, carrier, _in_scratch)
    return converted, scan(converted.source, converted.encoding, dictionary=run.dictionary)
