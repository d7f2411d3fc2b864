"""The output: the input with its insertions, or that in another transfer syntax; a whole file or none."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.cli.dcmsign.codes import Code, Ended
from sealgate.cli.dcmsign.reading import STANDARD_STREAM, SYNTAXES
from sealgate.cli.dcmsign.run import Run
from sealgate.cli.dcmsign.settings import Settings
from sealgate.dicom import splice, tags, transfer_syntax
from sealgate.dicom.part10 import DataSet, file_header
from sealgate.dicom.scan import Carrier, scan
from sealgate.dicom.source import Source
from sealgate.dicom.splice import Edit
from sealgate.errors import ConversionImpossible, InputError, UnwritableFile
from sealgate.files.buffers import inflated_in

if TYPE_CHECKING:
    from sealgate.dicom.transfer_syntax import TransferSyntax

Pieces = Iterable[bytes | memoryview]


def write(data_set: DataSet, carrier: Carrier, edits: tuple[Edit, ...], settings: Settings, run: Run) -> None:
    """Write the data set with its edits. Raises Ended, after it has said what is wrong."""
    name = settings.output
    assert name is not None
    run.messages.info(f"create output file {name}")
    uid = SYNTAXES.get(settings.write_syntax or "")
    target = data_set.syntax if uid is None else transfer_syntax.BY_UID[uid]
    spliced: Pieces = splice.pieces(data_set.source, edits)
    header: Pieces = (_header(data_set, carrier),)
    if target.uid != data_set.syntax.uid or settings.undefined_lengths:
        header, spliced = _converted(data_set, carrier, spliced, target, settings, run)
    elif target.deflated:
        from sealgate.dicom.deflate import deflate

        spliced = deflate(spliced)
    try:
        _write_pieces(name, _chained(header, spliced))
    except UnwritableFile as error:
        run.messages.fatal(f"{error.reason}: writing file: {name}")
        raise Ended(Code.CANNOT_WRITE_OUTPUT_FILE) from error


def _chained(*parts: Pieces) -> Iterator[bytes | memoryview]:
    for part in parts:
        yield from part


def _header(data_set: DataSet, carrier: Carrier) -> bytes | memoryview:
    """What stands in front of the data set; a bare one gets the File Meta Information that it lacks."""
    if len(data_set.header):
        return data_set.header
    from sealgate.dicom.implementation import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
    from sealgate.signature.model import text_value

    return file_header(
        sop_class_uid=text_value(carrier, tags.SOP_CLASS_UID, "UI") or "",
        sop_instance_uid=text_value(carrier, tags.SOP_INSTANCE_UID, "UI") or "",
        transfer_syntax_uid=data_set.syntax.uid,
        implementation_class_uid=IMPLEMENTATION_CLASS_UID,
        implementation_version_name=IMPLEMENTATION_VERSION_NAME,
    )


def _converted(
    data_set: DataSet, carrier: Carrier, spliced: Pieces, target: TransferSyntax, settings: Settings, run: Run
) -> tuple[Pieces, Pieces]:
    """Header and data set in the transfer syntax `target`; what that does to signatures is said."""
    from sealgate.cli.dcmsign.syntax_names import NAMES
    from sealgate.dicom.reencode import Lengths, reencoded, reencoded_header

    source = Source(inflated_in(None)(iter(spliced)))  # in scratch space, so that memory does not grow with it
    signed = scan(source, data_set.encoding, dictionary=run.dictionary)
    lengths = Lengths.UNDEFINED if settings.undefined_lengths else Lengths.EXPLICIT
    try:
        result = reencoded(signed, data_set.syntax, target, lengths=lengths)
    except ConversionImpossible as error:
        run.messages.fatal(f"No conversion to transfer syntax {NAMES.get(target.uid, target.uid)} possible!")
        raise Ended(Code.CANNOT_WRITE_OUTPUT_FILE) from error
    _say_what_is_endangered(signed, target, run)
    return (reencoded_header(_header(data_set, carrier), target.uid),), result


def _say_what_is_endangered(signed: Carrier, target: TransferSyntax, run: Run) -> None:
    """Name the signatures that do not survive the conversion, or not for every reader."""
    from sealgate.signature.transit import Risk, endangered_signatures

    try:
        endangered = endangered_signatures(signed, target.encoding)
    except InputError as error:
        run.messages.warn(f"whether signatures survive the conversion cannot be told: {error}")
        return
    for one in endangered:
        here = f"in this transfer syntax the signature {one.digital_signature_uid or '(unknown)'}"
        if one.risk is Risk.CERTAIN:
            run.messages.warn(f"{here} will not verify")
        else:  # as dcmsign's dictionary knows them
            run.messages.info(f"{here} holds only where its private elements are known")


def _write_pieces(name: str, pieces: Iterator[bytes | memoryview]) -> None:
    """Write a file, which is there as a whole or not at all, or to a stream or device. Raises UnwritableFile."""
    from sealgate.files.writing import Durability, write_whole

    path = Path(name)
    try:
        if name == STANDARD_STREAM:
            sys.stdout.buffer.writelines(pieces)
            sys.stdout.buffer.flush()
        elif path.exists() and not path.is_file():
            with path.open("wb") as file:
                file.writelines(pieces)
        else:
            write_whole(path.resolve() if path.is_symlink() else path, pieces, durability=Durability.NONE)
    except (OSError, ValueError) as error:
        raise UnwritableFile(name, getattr(error, "strerror", None) or str(error)) from error
