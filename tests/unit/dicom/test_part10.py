"""Part 10 files and bare data sets: where the data set begins and how it is encoded."""

from __future__ import annotations

import mmap
import struct
from io import BytesIO
from pathlib import Path

import pydicom
import pytest

from sealgate.dicom.deflate import deflate
from sealgate.dicom.limits import MAX_FILE_META_BYTES
from sealgate.dicom.part10 import file_header, has_prefix, open_data_set, open_file, read_file_meta
from sealgate.dicom.scan import scan
from sealgate.dicom.transfer_syntax import BY_UID, Encoding
from sealgate.errors import LimitExceeded, MalformedDataSet, NotDicom, Truncated, UnknownTransferSyntax
from support import samples
from support.elements import (
    BIG,
    DEFLATED_LE_UID,
    EXPLICIT,
    EXPLICIT_LE_UID,
    IMPLICIT,
    IMPLICIT_LE_UID,
    JPEG_UID,
    WRITERS,
    Writer,
    part10,
)
from support.signing import opened

FRONT = bytes(128) + b"DICM"
DATA_SET = EXPLICIT.element(0x00080005, "CS", b"ISO_IR 100")


def group_length(length: int) -> bytes:
    return EXPLICIT.element(0x00020000, "UL", struct.pack("<L", length))


def syntax(uid: str = EXPLICIT_LE_UID) -> bytes:
    return EXPLICIT.element(0x00020010, "UI", uid.encode() + b"\0" * (len(uid) % 2))


def test_the_file_meta_information_is_read_and_the_data_set_begins_behind_it() -> None:
    file = samples.sample("CT_small.dcm").read_bytes()
    file_meta = read_file_meta(file)
    expected = pydicom.dcmread(BytesIO(file), stop_before_pixels=True).file_meta
    assert file_meta.media_storage_sop_class_uid == expected.MediaStorageSOPClassUID
    assert file_meta.media_storage_sop_instance_uid == expected.MediaStorageSOPInstanceUID
    assert file_meta.transfer_syntax_uid == expected.TransferSyntaxUID
    assert file[file_meta.data_set_start :].startswith(DATA_SET[:8])
    assert bytes(open_file(file).header) == file[: file_meta.data_set_start]


@pytest.mark.parametrize("writer", WRITERS, ids=str)
def test_the_group_length_may_be_missing(writer: Writer) -> None:
    data_set = writer.element(0x00080005, "CS", b"ISO_IR 100") + writer.element(0x00081030, "LO", b"x" * 70)
    result = open_file(FRONT + syntax(writer.uid) + data_set)
    assert bytes(result.source.view) == data_set
    assert result.syntax.uid == writer.uid


def test_the_data_set_may_be_empty_with_and_without_group_length() -> None:
    assert len(open_file(part10(b"")).source) == 0
    assert len(open_file(FRONT + syntax()).source) == 0


@pytest.mark.parametrize("wrong", [-20, -1, 1, 8, 18, 1000, 0xFFFFFF00])
def test_a_wrong_group_length_is_refused(wrong: int) -> None:
    right = len(syntax())
    with pytest.raises(MalformedDataSet):
        open_file(FRONT + group_length((right + wrong) & 0xFFFFFFFF) + syntax() + DATA_SET)


def test_a_group_length_that_points_between_the_elements_of_the_group_is_refused() -> None:
    version = EXPLICIT.element(0x00020013, "SH", b"TEST")
    with pytest.raises((MalformedDataSet, UnknownTransferSyntax)):
        open_file(FRONT + group_length(len(syntax())) + version + syntax() + DATA_SET)


def test_a_sequence_in_the_file_meta_information_is_refused() -> None:
    sequence = EXPLICIT.sequence(0x00020102, EXPLICIT.item())
    with pytest.raises(MalformedDataSet, match="is a sequence"):
        open_file(FRONT + syntax() + sequence + DATA_SET)


def test_a_file_cut_inside_its_file_meta_information_is_never_accepted() -> None:
    file = part10(DATA_SET)
    for length in range(len(file) - len(DATA_SET)):
        with pytest.raises((NotDicom, Truncated, UnknownTransferSyntax, MalformedDataSet)):
            open_file(file[:length])


def test_a_file_without_group_length_cut_inside_its_file_meta_information_is_never_accepted() -> None:
    file = FRONT + syntax() + EXPLICIT.element(0x00020013, "SH", b"TEST")
    boundary = len(FRONT + syntax())
    for length in set(range(len(file))) - {boundary}:
        with pytest.raises((NotDicom, Truncated, UnknownTransferSyntax, MalformedDataSet)):
            opened(file[:length])


def test_the_size_of_the_file_meta_information_is_limited() -> None:
    fitting = EXPLICIT.element(0x00020102, "OB", bytes(MAX_FILE_META_BYTES - 100))
    assert bytes(open_file(FRONT + syntax() + fitting + DATA_SET).source.view) == DATA_SET
    for size in (MAX_FILE_META_BYTES, 5 * MAX_FILE_META_BYTES):
        with pytest.raises(LimitExceeded, match=r"bytes of File Meta Information: .* the limit of 1048576"):
            open_file(FRONT + syntax() + EXPLICIT.element(0x00020102, "OB", bytes(size)) + DATA_SET)


def test_a_large_first_element_of_the_data_set_is_not_taken_for_file_meta_information() -> None:
    large = EXPLICIT.element(0x00091001, "OB", bytes(2 * MAX_FILE_META_BYTES))
    assert len(open_file(FRONT + syntax() + large).source) == len(large)


def test_the_number_of_elements_of_the_file_meta_information_is_limited() -> None:
    many = b"".join(EXPLICIT.element(0x00020100 + number, "UI", b"1.") for number in range(2000))
    with pytest.raises(LimitExceeded):
        open_file(FRONT + syntax() + many + DATA_SET)


def test_a_transfer_syntax_that_is_no_uid_is_not_shown() -> None:
    with pytest.raises(UnknownTransferSyntax, match=r"^transfer syntax \(no UID\) is not known$"):
        open_file(FRONT + syntax("1.2.\n\x1b") + DATA_SET)


def test_an_element_that_stands_twice_in_the_file_meta_information_is_refused() -> None:
    with pytest.raises(MalformedDataSet, match=r"\(0002,0010\) stands twice"):
        open_file(FRONT + syntax() + syntax() + DATA_SET)


def test_elements_of_group_0002_behind_the_end_of_the_file_meta_information_are_refused() -> None:
    group = syntax()
    length = EXPLICIT.element(0x00020000, "UL", len(group).to_bytes(4, "little"))
    assert open_file(FRONT + length + group + DATA_SET).header
    with pytest.raises(MalformedDataSet, match="elements of group 0002 stand behind"):
        open_file(FRONT + length + group + EXPLICIT.element(0x00020012, "UI", b"1.2.") + DATA_SET)


@pytest.mark.parametrize("uid", ["", "1.2.3.4", EXPLICIT_LE_UID + ".1"])
def test_a_transfer_syntax_that_is_not_known_is_refused_by_name(uid: str) -> None:
    with pytest.raises(UnknownTransferSyntax, match=uid or "none"):
        open_file(FRONT + syntax(uid) + DATA_SET)


def test_a_file_without_transfer_syntax_is_refused() -> None:
    with pytest.raises(UnknownTransferSyntax):
        open_file(FRONT + EXPLICIT.element(0x00020013, "SH", b"TEST") + DATA_SET)


@pytest.mark.parametrize("writer", WRITERS, ids=str)
def test_a_bare_data_set_is_recognised_by_its_first_element(writer: Writer) -> None:
    data_set = writer.element(0x00080005, "CS", b"ISO_IR 100")
    result = open_file(data_set)
    assert (result.syntax.uid, len(result.header)) == (writer.uid, 0)
    assert bytes(result.source.view) == data_set


@pytest.mark.parametrize(
    "octets",
    [b"", b"\x08\0", b"%PDF-1.7 and more text", b"\x89PNG\r\n\x1a\n" + bytes(20), bytes(200), b"x" * 500],
    ids=["empty", "short", "pdf", "png", "zeros", "text"],
)
def test_what_is_no_data_set_is_refused(octets: bytes) -> None:
    with pytest.raises(NotDicom, match="no DICOM file"):
        open_file(octets)


def test_the_file_meta_information_needs_the_prefix() -> None:
    with pytest.raises(NotDicom, match="DICM"):
        read_file_meta(bytes(128) + b"DICN" + syntax() + DATA_SET)


@pytest.mark.parametrize("uid", [EXPLICIT_LE_UID, IMPLICIT_LE_UID, JPEG_UID])
def test_the_header_that_is_written_is_read_by_pydicom_and_by_us(uid: str) -> None:
    header = file_header(
        sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
        sop_instance_uid="1.2.3.4.5",
        transfer_syntax_uid=uid,
        implementation_class_uid="1.2.3",
        implementation_version_name="SEALGATE",
    )
    file_meta = read_file_meta(header)
    assert file_meta.data_set_start == len(header)
    assert file_meta.transfer_syntax_uid == uid
    read = pydicom.dcmread(BytesIO(header)).file_meta
    assert read.FileMetaInformationGroupLength == len(header) - 132 - 12
    assert read.MediaStorageSOPInstanceUID == file_meta.media_storage_sop_instance_uid == "1.2.3.4.5"
    assert (read.ImplementationClassUID, read.ImplementationVersionName) == ("1.2.3", "SEALGATE")
    assert not header[:128].strip(b"\0")


def test_a_deflated_data_set_is_inflated_where_the_caller_wants_it(tmp_path: Path) -> None:
    file = part10(b"".join(deflate([DATA_SET])), DEFLATED_LE_UID)
    result = open_file(file)
    assert bytes(result.source.view) == DATA_SET
    assert result.encoding is Encoding.EXPLICIT_LE

    def to_file(chunks: object) -> mmap.mmap:
        path = tmp_path / "inflated"
        path.write_bytes(b"".join(chunks))  # type: ignore[arg-type]
        with path.open("rb") as inflated:
            return mmap.mmap(inflated.fileno(), 0, access=mmap.ACCESS_READ)

    mapped = open_file(file, inflated=to_file)
    assert bytes(mapped.source.view) == DATA_SET


def test_a_data_set_is_opened_inside_a_larger_buffer() -> None:
    result = open_data_set(b"xx" + DATA_SET + b"yyy", start=2, end=2 + len(DATA_SET), syntax=BY_UID[EXPLICIT_LE_UID])
    assert bytes(result.source.view) == DATA_SET


def test_a_mapped_file_is_read_as_bytes_are() -> None:
    path = samples.sample("MR_small_implicit.dcm")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        assert has_prefix(mapped)
        result = open_file(mapped)
        carrier = scan(result.source, result.encoding)
        expected = open_file(path.read_bytes())
        assert carrier.elements == scan(expected.source, expected.encoding).elements
        result.source.view.release()
        result.header.release()


def begins_with_prefix(path: Path) -> bool:
    with path.open("rb") as file:
        return has_prefix(file.read(132))


@pytest.mark.parametrize("path", [path for path in samples.files() if begins_with_prefix(path)], ids=samples.label)
def test_the_data_set_of_a_sample_file_begins_where_pydicom_sees_it(path: Path) -> None:
    file = path.read_bytes()
    stream = BytesIO(file)
    stream.seek(132)
    pydicom.filereader._read_file_meta_info(stream)  # type: ignore[attr-defined]  # noqa: SLF001
    assert read_file_meta(file).data_set_start == stream.tell()


def test_implicit_and_big_endian_data_sets_follow_the_file_meta_information() -> None:
    for writer in (IMPLICIT, BIG):
        data_set = writer.element(0x00080005, "CS", b"ISO_IR 100")
        result = open_file(part10(data_set, writer.uid))
        assert scan(result.source, result.encoding).elements[0].tag == 0x00080005
