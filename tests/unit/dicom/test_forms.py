"""Forms in which a file may be read: as a Part 10 file or not, in a transfer syntax that is forced or detected."""

from __future__ import annotations

from pathlib import Path

import pytest

from sealgate.dicom.part10 import FileForm, detected_syntax, open_file
from sealgate.dicom.scan import scan
from sealgate.dicom.transfer_syntax import BY_UID, EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE
from sealgate.errors import MalformedDataSet, NotDicom, UnknownTransferSyntax
from support import samples
from support.elements import DEFLATED_LE_UID, EXPLICIT, IMPLICIT, JPEG_UID, WRITERS, Writer, part10


def bare(writer: Writer) -> bytes:
    return writer.element(0x00080005, "CS", b"ISO_IR 100") + writer.element(0x00280010, "US", writer.words(5))


@pytest.mark.parametrize("writer", WRITERS, ids=str)
def test_a_bare_data_set_is_read_in_any_form_but_that_of_a_part_10_file(writer: Writer) -> None:
    for form in (FileForm.ANY, FileForm.DATA_SET):
        assert open_file(bare(writer), form=form).syntax.uid == writer.uid
    with pytest.raises(NotDicom, match="DICM"):
        open_file(bare(writer), form=FileForm.PART_10)


@pytest.mark.parametrize("writer", WRITERS, ids=str)
def test_a_part_10_file_is_read_in_any_form_but_that_of_a_data_set(writer: Writer) -> None:
    file = part10(bare(writer), writer.uid)
    for form in (FileForm.ANY, FileForm.PART_10):
        assert bytes(open_file(file, form=form).source.view) == bare(writer)
    with pytest.raises(NotDicom):
        open_file(file, form=FileForm.DATA_SET)


@pytest.mark.parametrize("forced", WRITERS, ids=str)
@pytest.mark.parametrize("writer", WRITERS, ids=str)
def test_a_forced_transfer_syntax_is_not_questioned(writer: Writer, forced: Writer) -> None:
    result = open_file(bare(writer), form=FileForm.DATA_SET, forced=BY_UID[forced.uid])
    assert result.syntax.uid == forced.uid
    if writer is not forced:
        with pytest.raises(MalformedDataSet):
            scan(result.source, result.encoding)


@pytest.mark.parametrize("claimed", [IMPLICIT_LE, EXPLICIT_LE, EXPLICIT_BE, JPEG_UID, DEFLATED_LE_UID, "1.2.3", ""])
@pytest.mark.parametrize("writer", WRITERS, ids=str)
def test_what_the_file_meta_information_claims_does_not_count_where_the_syntax_is_detected(
    writer: Writer, claimed: str
) -> None:
    result = open_file(part10(bare(writer), claimed), detect=True)
    assert result.syntax.uid == writer.uid
    assert bytes(result.source.view) == bare(writer)


def test_an_unknown_transfer_syntax_may_be_overruled() -> None:
    file = part10(bare(EXPLICIT), "1.2.3")
    with pytest.raises(UnknownTransferSyntax):
        open_file(file)
    assert open_file(file, forced=BY_UID[EXPLICIT_LE]).syntax.uid == EXPLICIT_LE


@pytest.mark.parametrize(
    ("first", "uid"),
    [
        (b"\x08\0\x05\0CS\x0a\0", EXPLICIT_LE),
        (b"\0\x08\0\x05CS\0\x0a", EXPLICIT_BE),
        (b"\x08\0\x05\0\x0a\0\0\0", IMPLICIT_LE),
        (b"\x08\0\0\0\x04\0\0\0", IMPLICIT_LE),  # a group length
        (b"\x08\0\0\0UL\x04\0", EXPLICIT_LE),
        (b"\0\x08\0\0UL\0\x04", EXPLICIT_BE),
        (b"\x09\0\x10\0LO\x04\0", EXPLICIT_LE),  # a private creator
        (b"\x09\0\x10\0\x04\0\0\0", IMPLICIT_LE),
        (b"\x08\0\x99\x99LO\x04\0", EXPLICIT_LE),  # no dictionary knows it, but there is a VR
        (b"\x10\0\x20\0LO\x04\0", EXPLICIT_LE),
        (b"\0\x10\0\x20LO\0\x04", EXPLICIT_BE),
        (b"\x28\0\x10\0US\x02\0", EXPLICIT_LE),
        (b"\xfa\x4f\0\0UL\x04\0", EXPLICIT_LE),
    ],
)
def test_the_transfer_syntax_is_told_from_the_first_element(first: bytes, uid: str) -> None:
    assert detected_syntax(first).uid == uid


@pytest.mark.parametrize(
    "first",
    [
        b"",
        b"\x08\0\x05\0CS\x0a",
        b"\0\0\0\0\x04\0\0\0",
        b"\x08\0\x99\x99\x04\0\0\0",
        b"\0\x08\0\x05\0\0\0\x0a",  # implicit VR big endian, which is no transfer syntax
        b"%PDF-1.7",
        b"DICM....",
        b"\x89PNG\r\n\x1a\n",
    ],
)
def test_what_no_data_set_begins_with_is_refused(first: bytes) -> None:
    with pytest.raises(NotDicom, match="no DICOM file"):
        detected_syntax(first)


@pytest.mark.parametrize("path", samples.readable(), ids=samples.label)
def test_a_sample_file_is_detected_as_what_it_says_or_as_its_encoding(path: Path) -> None:
    file = path.read_bytes()
    said = open_file(file)
    if said.syntax.deflated:  # whose bytes say nothing
        return
    assert open_file(file, detect=True).encoding is said.encoding


def test_an_empty_data_set_cannot_be_detected() -> None:
    assert len(open_file(part10(b"")).source) == 0
    with pytest.raises(NotDicom):
        open_file(part10(b""), detect=True)
    assert IMPLICIT.uid == open_file(b"", forced=BY_UID[IMPLICIT_LE], form=FileForm.DATA_SET).syntax.uid
