"""Tags: their written form, and which are never signed."""

from __future__ import annotations

import pytest

from sealgate.dicom import tags
from sealgate.dicom.dictionary import tag_of


@pytest.mark.parametrize(
    "tag",
    [
        *(0x00080000, 0x00100000, 0x7FE00000, 0xFFFC0000, 0x00090000),
        *(0x00080001, 0x00020010, 0x00040011, 0x00060010, 0x00000002, 0x0007FFFF),
        *(0xFFFA0001, 0xFFFAFFFA, 0xFFFAFFFF),
        *(0x4FFE0001, 0xFFFCFFFC, 0xFFFEE00D, 0xFFFEE0DD),
    ],
    ids=tags.written,
)
def test_group_lengths_low_groups_signatures_padding_and_delimiters_are_never_signed(tag: int) -> None:
    assert tags.is_never_signed(tag)


@pytest.mark.parametrize(
    "tag",
    [0x00080002, 0x00080005, 0x00090010, 0x4FFE0002, 0x50000005, 0x7FE00010, 0xFFFC0001, 0xFFFCFFFB, 0xFFF9FFFA],
    ids=tags.written,
)
def test_their_neighbours_may_be_signed(tag: int) -> None:
    assert not tags.is_never_signed(tag)


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("0010,0020", 0x00100020),
        ("(7fe0,0010)", 0x7FE00010),
        (" ( 7FE0 , 0010 ) ", 0x7FE00010),
        ("PatientID", 0x00100020),
        (" PixelData ", 0x7FE00010),
    ],
)
def test_a_tag_is_read_from_numbers_or_from_a_keyword(text: str, tag: int) -> None:
    assert tag_of(text) == tag


@pytest.mark.parametrize("text", ["", "0010", "0010,002", "00100020", "0010,00200", "Patient ID", "patientid", "x"])
def test_what_is_neither_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="neither"):
        tag_of(text)


def test_a_tag_is_written_in_lower_case_with_brackets() -> None:
    assert tags.written(0xFFFAFFFA) == "(fffa,fffa)"
    assert tag_of(tags.written(0x00020010)) == 0x00020010


def test_private_elements_and_private_creators_are_told_apart() -> None:
    assert [tags.is_private(tag) for tag in (0x00090010, 0x00091001, 0x00080005)] == [True, True, False]
    creators = [tags.is_private_creator(tag) for tag in (0x0009000F, 0x00090010, 0x000900FF, 0x00090100, 0x00080010)]
    assert creators == [False, True, True, False, False]
