"""The VR of elements in implicit VR, above all where the dictionary leaves a choice."""

from __future__ import annotations

import pytest

from sealgate.dicom import tags
from sealgate.dicom.dictionary import MAX_PRIVATE_CREATORS, ImplicitContext
from sealgate.dicom.scan import items as items_of
from sealgate.dicom.scan import scan, scan_item
from sealgate.dicom.source import Source
from sealgate.dicom.transfer_syntax import Encoding
from support.elements import IMPLICIT

PIXEL_REPRESENTATION, WAVEFORM_BITS_ALLOCATED = 0x00280103, 0x54001004
BY_PIXEL_REPRESENTATION = (
    *(0x00189810, 0x00280106, 0x00280107, 0x00280108, 0x00280109, 0x00280120, 0x00280121, 0x00283002),
    *(0x00409211, 0x00409216, 0x00603004, 0x00603006),
)
ALWAYS_UNSIGNED = (
    *(0x00221452, 0x00280071, 0x00280104, 0x00280105, 0x00280110, 0x00280111),
    *(0x00281100, 0x00281101, 0x00281102, 0x00281103, 0x00281111, 0x00281112, 0x00281113),
)
ALWAYS = {
    **dict.fromkeys((0x00281200, 0x00283006, 0x00281201, 0x00281202, 0x00281203), "OW"),
    **dict.fromkeys((0x7FE00010, 0x60003000, 0x601E3000), "OW"),
    **dict.fromkeys((0x50003000, 0x501E3000, 0x5000200C), "OB"),
    **dict.fromkeys((0x00143050, 0x00143070), "OB"),
    **dict.fromkeys((0x00080000, 0x00100000, 0x00090000, 0x7FE00000), "UL"),
    **dict.fromkeys((0x00090010, 0x000900FF, 0x00E100E1), "LO"),
    0x00080005: "CS",
    0x00081140: "SQ",
    0x00080018: "UI",
    0x00100010: "PN",
    0x00280010: "US",
    0x00280030: "DS",
}
UNKNOWN = (0x00080003, 0x0010FFFE, 0x00090001, 0x0009000F, 0x00090100, 0x00090FFF, 0x00091001)


def vr_of(tag: int, **before: int) -> str:
    context = ImplicitContext()
    for name, value in before.items():
        known = {"pixel_representation": PIXEL_REPRESENTATION, "waveform_bits_allocated": WAVEFORM_BITS_ALLOCATED}
        assert context.needs(known[name])
        context.read(known[name], value.to_bytes(2, "little"))
    return str(context.vr(tag))


@pytest.mark.parametrize("tag", BY_PIXEL_REPRESENTATION, ids=tags.written)
def test_some_us_or_ss_elements_are_signed_where_pixel_representation_is_1(tag: int) -> None:
    assert vr_of(tag) == vr_of(tag, pixel_representation=0) == vr_of(tag, pixel_representation=2) == "US"
    assert vr_of(tag, pixel_representation=1) == "SS"


@pytest.mark.parametrize("tag", ALWAYS_UNSIGNED, ids=tags.written)
def test_the_other_us_or_ss_elements_are_always_unsigned_numbers(tag: int) -> None:
    assert vr_of(tag) == vr_of(tag, pixel_representation=1) == "US"


@pytest.mark.parametrize(("tag", "vr"), ALWAYS.items(), ids=map(tags.written, ALWAYS))
def test_the_vr_of_other_elements_does_not_depend_on_what_stands_before_them(tag: int, vr: str) -> None:
    assert vr_of(tag) == vr_of(tag, pixel_representation=1, waveform_bits_allocated=16) == vr


@pytest.mark.parametrize("tag", [0x54001010, 0x5400100A, 0x54000110, 0x54000112], ids=tags.written)
def test_waveform_elements_follow_waveform_bits_allocated(tag: int) -> None:
    assert vr_of(tag) == vr_of(tag, waveform_bits_allocated=8) == "OB"
    assert vr_of(tag, waveform_bits_allocated=16) == "OW"


@pytest.mark.parametrize("tag", UNKNOWN, ids=tags.written)
def test_elements_that_no_dictionary_knows_may_not_be_signed(tag: int) -> None:
    assert not ImplicitContext().vr(tag).signable


def test_a_private_element_has_the_vr_that_the_dictionary_of_its_creator_says() -> None:
    context = ImplicitContext()
    assert context.needs(0x00190010)
    context.read(0x00190010, b"GEMS_ACQU_01")
    context.read(0x00190011, b"SIEMENS MR HEADER \0")
    assert str(context.vr(0x00191002)) == "SL"
    assert str(context.vr(0x00191108)) == "CS"
    assert not context.vr(0x00191202).signable
    context.read(0x00190012, b"gems_acqu_01")
    assert not context.vr(0x00191202).signable


def test_private_creators_that_are_remembered_are_limited() -> None:
    context = ImplicitContext()
    for group in range(9, 9 + 2 * 20, 2):
        for block in range(0x10, 0x100):
            context.read(group << 16 | block, b"GEMS_ACQU_01")
    assert len(context.creators) == MAX_PRIVATE_CREATORS


def test_what_was_read_in_one_item_does_not_count_in_another_one() -> None:
    signed = IMPLICIT.element(PIXEL_REPRESENTATION, "US", b"\1\0") + IMPLICIT.element(0x00280106, "US", b"\1\0")
    unsigned = IMPLICIT.element(0x00280106, "US", b"\1\0")
    data_set = IMPLICIT.sequence(0x00081140, IMPLICIT.item(signed), IMPLICIT.item(unsigned)) + signed
    carrier = scan(Source(data_set), Encoding.IMPLICIT_LE)
    found = [str(scan_item(carrier, item).elements[-1].vr) for item in items_of(carrier, carrier.elements[0])]
    assert [*found, str(carrier.elements[-1].vr)] == ["SS", "US", "SS"]


def test_only_what_was_already_read_counts() -> None:
    smallest, representation = 0x00280106, IMPLICIT.element(PIXEL_REPRESENTATION, "US", b"\1\0")
    data_set = IMPLICIT.element(smallest, "US", b"\1\0") + representation + IMPLICIT.element(0x00280107, "US", b"\1\0")
    carrier = scan(Source(data_set), Encoding.IMPLICIT_LE)
    assert [str(element.vr) for element in carrier.elements] == ["US", "US", "SS"]
