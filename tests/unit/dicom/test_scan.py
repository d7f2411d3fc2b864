"""The scanner: every form of element, what breaks PS3.5, limits, and sources that are still growing."""

from __future__ import annotations

import mmap
import random
import re
import struct
from pathlib import Path

import pytest

from sealgate.dicom.limits import ScanLimits
from sealgate.dicom.scan import Carrier, Notes, Scan, items, scan, scan_item, walk_element
from sealgate.dicom.source import Source
from sealgate.dicom.transfer_syntax import Encoding
from sealgate.dicom.walk import Kind, walk
from sealgate.errors import LimitExceeded, MalformedDataSet, Truncated
from support import samples
from support.elements import BIG, EXPLICIT, IMPLICIT, UNDEFINED, WRITERS, Writer
from support.signing import opened

ENCODINGS = {EXPLICIT: Encoding.EXPLICIT_LE, IMPLICIT: Encoding.IMPLICIT_LE, BIG: Encoding.EXPLICIT_BE}
SEQUENCE, UID, CODE = 0x00081140, 0x00081150, 0x00080100
ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD


def scanned(data_set: bytes, writer: Writer = EXPLICIT, **limits: int) -> Carrier:
    return scan(Source(data_set), ENCODINGS[writer], limits=ScanLimits(**limits))


def refused(data_set: bytes, writer: Writer = EXPLICIT) -> MalformedDataSet:
    with pytest.raises(MalformedDataSet) as caught:
        scanned(data_set, writer)
    return caught.value


def varied(writer: Writer) -> bytes:
    """A data set with elements of many forms."""
    uid = writer.element(UID, "UI", b"1.2.34")
    nested = writer.sequence(SEQUENCE, writer.item(uid, undefined=True), writer.item(), undefined=True)
    un_items = IMPLICIT.item(IMPLICIT.element(CODE, "SH", b"AB")) + IMPLICIT.delimiter(SEQUENCE_END)
    return b"".join(
        (
            writer.element(0x00080000, "UL", struct.pack(writer.order + "L", 30)),
            writer.element(0x00080005, "CS", b"ISO_IR 100"),
            writer.sequence(SEQUENCE, writer.item(uid, nested), writer.item(undefined=True)),
            writer.sequence(0x00081199, undefined=True),
            writer.sequence(0x00082112),
            writer.element(0x00090010, "LO", b"SEALGATE"),
            writer.header(0x00091001, "UN", UNDEFINED) + un_items,
            writer.element(0x00091002, "UN", b"abcd"),
            writer.element(0x00100020, "LO", b""),
            writer.element(0x00280010, "US", writer.words(2)),
            writer.fragments(0x7FE00010, b"", b"abcd", b""),
        )
    )


# --- what is found


@pytest.mark.parametrize("writer", WRITERS, ids=str)
def test_the_elements_of_a_data_set_cover_its_bytes_without_a_gap(writer: Writer) -> None:
    data_set = varied(writer)
    carrier = scanned(data_set, writer)
    assert [element.start for element in carrier.elements] == [0, *(e.end for e in carrier.elements[:-1])]
    assert carrier.elements[-1].end == carrier.end == len(data_set)
    assert [element.tag for element in carrier.elements] == [
        *(0x00080000, 0x00080005, SEQUENCE, 0x00081199, 0x00082112, 0x00090010, 0x00091001, 0x00091002),
        *(0x00100020, 0x00280010, 0x7FE00010),
    ]
    kinds = {element.tag: element.kind for element in carrier.elements}
    assert kinds[SEQUENCE] is kinds[0x00081199] is kinds[0x00082112] is kinds[0x00091001] is Kind.SEQUENCE
    assert kinds[0x7FE00010] is Kind.FRAGMENTS
    assert kinds[0x00091002] is kinds[0x00100020] is Kind.ELEMENT


@pytest.mark.parametrize("writer", WRITERS, ids=str)
def test_values_stand_where_the_elements_say(writer: Writer) -> None:
    data_set = varied(writer)
    carrier = scanned(data_set, writer)
    values = {e.tag: data_set[e.value_start : e.value_end] for e in carrier.elements}
    assert values[0x00080005] == b"ISO_IR 100"
    assert values[0x00280010] == writer.words(2)
    assert values[0x00100020] == values[0x00081199] == values[0x00082112] == b""


@pytest.mark.parametrize("vr", "AE AS AT CS DA DS DT FL FD IS LO LT PN SH SL SS ST TM UI UL US".split())
def test_a_vr_with_a_16_bit_length_is_read(vr: str) -> None:
    (element,) = scanned(EXPLICIT.element(0x00091001, vr, bytes(10))).elements
    assert (str(element.vr), element.value_start, element.value_end) == (vr, 8, 18)


@pytest.mark.parametrize("vr", "OB OD OF OL OV OW SV UC UN UR UT UV".split())
def test_a_vr_with_a_32_bit_length_is_read(vr: str) -> None:
    (element,) = scanned(EXPLICIT.element(0x00091001, vr, bytes(70000))).elements
    assert (str(element.vr), element.value_start, element.value_end) == (vr, 12, 70012)


def test_unknown_vrs_are_read_and_are_not_signable() -> None:
    upper = scanned(EXPLICIT.element(0x00091001, "ZZ", b"abcd")).elements[0]
    other = scanned(EXPLICIT.element(0x00091001, "??", b"abcd")).elements[0]
    assert (upper.value_start, upper.value_end, upper.vr.signable) == (12, 16, False)
    assert (other.value_start, other.value_end, other.vr.signable) == (8, 12, False)


def test_a_short_vr_may_have_the_length_that_means_undefined_in_32_bits_cut_to_16() -> None:
    (element,) = scanned(EXPLICIT.element(0x00081030, "LO", b"x" * 0xFFFF)).elements
    assert not element.undefined_length
    assert element.value_end - element.value_start == 0xFFFF


@pytest.mark.parametrize("writer", WRITERS, ids=str)
@pytest.mark.parametrize("item_undefined", [False, True], ids=["item-length", "item-delimiter"])
@pytest.mark.parametrize("undefined", [False, True], ids=["length", "delimiter"])
def test_items_are_found_in_sequences_of_either_length_form(
    writer: Writer, undefined: bool, item_undefined: bool
) -> None:
    uid = writer.element(UID, "UI", b"1.2.34")
    inner = writer.sequence(SEQUENCE, writer.item(uid, undefined=item_undefined), undefined=undefined)
    data_set = writer.sequence(
        SEQUENCE, *(writer.item(uid, inner, undefined=item_undefined) for _ in range(3)), undefined=undefined
    )
    carrier = scanned(data_set, writer)
    (element,) = carrier.elements
    found = list(items(carrier, element))
    assert element.undefined_length is undefined
    assert [item.undefined_length for item in found] == [item_undefined] * 3
    for item in found:
        assert data_set[item.value_start : item.value_end] == uid + inner
        assert [inside.tag for inside in scan_item(carrier, item).elements] == [UID, SEQUENCE]
    assert carrier.elements[0].notes & Notes.DEEP


def test_the_items_of_un_with_undefined_length_are_in_implicit_vr_little_endian() -> None:
    for writer in (EXPLICIT, BIG):
        carrier = scanned(varied(writer), writer)
        element = carrier.element(0x00091001)
        assert element is not None
        (item,) = items(carrier, element)
        assert item.encoding is Encoding.IMPLICIT_LE
        assert [str(e.vr) for e in scan_item(carrier, item).elements] == ["SH"]


def test_the_fragments_of_pixel_data_are_walked_with_the_offset_table_first() -> None:
    data_set = EXPLICIT.fragments(0x7FE00010, struct.pack("<L", 0), b"abcd", b"", b"ef")
    carrier = scanned(data_set)
    tokens = list(walk_element(carrier, carrier.elements[0]))
    assert {token.kind for token in tokens} == {Kind.FRAGMENT}
    assert [data_set[t.value_start : t.value_end] for t in tokens] == [bytes(4), b"abcd", b"", b"ef"]


def test_walking_a_data_set_gives_every_header_at_every_depth() -> None:
    data_set = EXPLICIT.sequence(SEQUENCE, EXPLICIT.item(EXPLICIT.element(UID, "UI", b"1.")), undefined=True)
    kinds = [token.kind for token in walk(Source(data_set), Encoding.EXPLICIT_LE)]
    assert kinds == [Kind.SEQUENCE, Kind.ITEM, Kind.ELEMENT, Kind.ITEM_END, Kind.SEQUENCE_END]


def test_an_empty_data_set_has_no_elements() -> None:
    carrier = scanned(b"")
    assert (carrier.elements, carrier.start, carrier.end) == ([], 0, 0)


# --- what is noticed


def test_unsignable_private_and_nested_content_is_noted_at_the_element_around_it() -> None:
    un = EXPLICIT.element(0x00081199, "UN", b"ab")
    deep = EXPLICIT.sequence(SEQUENCE, EXPLICIT.item(un))
    assert scanned(deep).elements[0].notes == Notes.UNSIGNABLE
    assert scanned(EXPLICIT.sequence(SEQUENCE, EXPLICIT.item(deep))).elements[0].notes == Notes.UNSIGNABLE | Notes.DEEP
    creator, private = EXPLICIT.element(0x00090010, "LO", b"AB"), EXPLICIT.element(0x00091001, "LO", b"AB")
    assert scanned(EXPLICIT.sequence(SEQUENCE, EXPLICIT.item(creator))).elements[0].notes == 0
    assert scanned(EXPLICIT.sequence(SEQUENCE, EXPLICIT.item(creator, private))).elements[0].notes == Notes.PRIVATE
    signature = EXPLICIT.sequence(0xFFFAFFFA, EXPLICIT.item())
    noted = scanned(EXPLICIT.sequence(SEQUENCE, EXPLICIT.item(signature))).elements[0].notes
    assert noted == Notes.SIGNATURES | Notes.DEEP | Notes.NEVER_SIGNED
    certificate = EXPLICIT.element(0x04000115, "OB", b"ab")
    assert scanned(EXPLICIT.sequence(SEQUENCE, EXPLICIT.item(certificate))).elements[0].notes == Notes.CERTIFICATES


@pytest.mark.parametrize("tag", [0x00080000, 0x00060001, 0x00080001, 0x4FFE0001, 0xFFFA1001, 0xFFFCFFFC])
def test_elements_that_are_never_signed_are_noted_at_the_element_around_them(tag: int) -> None:
    inside, beside = EXPLICIT.element(tag, "OB", b"ab"), EXPLICIT.element(0xFFFC0001, "OB", b"ab")
    assert scanned(EXPLICIT.sequence(SEQUENCE, EXPLICIT.item(inside))).elements[0].notes == Notes.NEVER_SIGNED
    assert scanned(EXPLICIT.sequence(SEQUENCE, EXPLICIT.item(beside))).elements[0].notes == 0


def test_notes_of_one_sequence_do_not_reach_the_next_one() -> None:
    un = EXPLICIT.item(EXPLICIT.element(0x00081199, "UN", b"ab"))
    carrier = scanned(EXPLICIT.sequence(SEQUENCE, un) + EXPLICIT.sequence(0x00082112, EXPLICIT.item()))
    assert [element.notes for element in carrier.elements] == [Notes.UNSIGNABLE, 0]


A, B, C = (EXPLICIT.element(0x00100010 + n, "LO", b"%d " % n) for n in range(3))


def test_disorder_is_noted_and_elements_can_be_had_in_tag_order() -> None:
    carrier = scanned(C + A + B)
    assert carrier.notes == Notes.DISORDERED
    assert [element.tag & 0xFF for element in carrier.in_tag_order()] == [0x10, 0x11, 0x12]
    assert carrier.duplicate_tags() == []


@pytest.mark.parametrize(
    "data_set",
    [A + A + B, A + B + B, B + A + B, A + C + B + A, C + A + A],
    ids=["first", "last", "around", "far", "disordered"],
)
def test_duplicates_are_noted_wherever_they_stand(data_set: bytes) -> None:
    carrier = scanned(data_set)
    assert carrier.notes & (Notes.DUPLICATES | Notes.DISORDERED)
    assert len(carrier.duplicate_tags()) == 1
    in_order = carrier.in_tag_order()
    assert [element.tag for element in in_order] == sorted({element.tag for element in carrier.elements})
    assert all(element.start == min(e.start for e in carrier.elements if e.tag == element.tag) for element in in_order)


def test_duplicates_and_disorder_inside_items_are_noted() -> None:
    for content, notes in ((A + A, Notes.DUPLICATES), (B + A, Notes.DISORDERED), (A + B, 0)):
        assert scanned(EXPLICIT.sequence(SEQUENCE, EXPLICIT.item(content))).elements[0].notes == notes
    two_items = EXPLICIT.sequence(SEQUENCE, EXPLICIT.item(A), EXPLICIT.item(A))
    assert scanned(two_items).elements[0].notes == 0


def test_a_sequence_may_be_the_duplicate() -> None:
    empty = EXPLICIT.sequence(SEQUENCE)
    assert scanned(empty + EXPLICIT.sequence(SEQUENCE, undefined=True)).duplicate_tags() == [SEQUENCE]


# --- what is refused


@pytest.mark.parametrize("writer", WRITERS, ids=str)
def test_a_data_set_cut_anywhere_but_between_top_level_elements_is_truncated(writer: Writer) -> None:
    data_set = varied(writer)
    boundaries = {0, *(element.end for element in scanned(data_set, writer).elements)}
    for length in range(len(data_set)):
        if length in boundaries:
            assert scanned(data_set[:length], writer).end == length
        else:
            assert isinstance(refused(data_set[:length], writer), Truncated), length


@pytest.mark.parametrize("name", ["rtplan.dcm", "UN_sequence.dcm", "reportsi.dcm", "MR_small_bigendian.dcm"])
def test_a_sample_file_cut_anywhere_is_truncated(name: str) -> None:
    data_set, carrier = opened(samples.sample(name).read_bytes())
    octets = bytes(data_set.source.view)[:3000]
    boundaries = {0, *(element.end for element in carrier.elements)}
    for length in range(len(octets)):
        if length not in boundaries:
            with pytest.raises(MalformedDataSet):
                scan(Source(octets[:length]), data_set.encoding)


BEYOND = {
    "short": (EXPLICIT.header(0x00100020, "LO", 10) + b"abc", "10 bytes, but only 3 ", 0),
    "long": (A + EXPLICIT.header(0x7FE00010, "OB", 1000) + b"abc", "1000 bytes, but only 3 ", len(A)),
    "sequence": (EXPLICIT.header(SEQUENCE, "SQ", 1000) + EXPLICIT.item(A), "1000 bytes, but only 18 ", 0),
    "item": (
        EXPLICIT.sequence(SEQUENCE, EXPLICIT.delimiter(ITEM, 50) + A),
        "50 bytes, but only 10 ",
        12,
    ),
    "item-of-undefined-sequence": (
        EXPLICIT.header(SEQUENCE, "SQ", UNDEFINED) + EXPLICIT.delimiter(ITEM, 50) + A,
        "50 bytes, but only 10 ",
        12,
    ),
    "element-in-item": (
        EXPLICIT.sequence(SEQUENCE, EXPLICIT.item(EXPLICIT.header(0x00100020, "LO", 9) + b"abcd")) + A,
        "9 bytes, but only 4 ",
        20,
    ),
    "fragment": (
        EXPLICIT.header(0x7FE00010, "OB", UNDEFINED) + EXPLICIT.delimiter(ITEM, 2**31) + b"abcd",
        "2147483648 bytes, but only 4 ",
        12,
    ),
}


@pytest.mark.parametrize(("data_set", "numbers", "offset"), BEYOND.values(), ids=BEYOND)
def test_a_length_beyond_the_end_is_refused_with_both_numbers_and_the_offset(
    data_set: bytes, numbers: str, offset: int
) -> None:
    error = refused(data_set)
    assert isinstance(error, Truncated)
    assert numbers in str(error)
    assert (error.offset, f"{error.needed} bytes, but only {error.available} ") == (offset, numbers)


END, CLOSE = EXPLICIT.delimiter(SEQUENCE_END), EXPLICIT.delimiter(ITEM_END)
OPEN_SEQUENCE = EXPLICIT.header(SEQUENCE, "SQ", UNDEFINED)
OPEN_ITEM = EXPLICIT.delimiter(ITEM, UNDEFINED)
MISPLACED = {
    "item at top level": (A + EXPLICIT.item(), "fffe,e000"),
    "item delimiter at top level": (A + CLOSE, "fffe,e00d"),
    "sequence delimiter at top level": (A + END, "fffe,e0dd"),
    "sequence delimiter in an item": (OPEN_SEQUENCE + OPEN_ITEM + A + END + CLOSE, "fffe,e0dd"),
    "item delimiter between items": (OPEN_SEQUENCE + EXPLICIT.item() + CLOSE + END, "fffe,e00d"),
    "item delimiter in an item of defined length": (
        EXPLICIT.sequence(SEQUENCE, EXPLICIT.item(A + CLOSE)),
        "fffe,e00d",
    ),
    "sequence delimiter in a sequence of defined length": (EXPLICIT.sequence(SEQUENCE, END), "fffe,e0dd"),
    "item in an item": (EXPLICIT.sequence(SEQUENCE, EXPLICIT.item(EXPLICIT.item())), "fffe,e000"),
    "element between items": (OPEN_SEQUENCE + A + END, "0010,0010"),
    "element among fragments": (EXPLICIT.header(0x7FE00010, "OB", UNDEFINED) + A + END, "0010,0010"),
    "item delimiter among fragments": (EXPLICIT.header(0x7FE00010, "OB", UNDEFINED) + CLOSE + END, "fffe,e00d"),
    "fragment of undefined length": (EXPLICIT.header(0x7FE00010, "OB", UNDEFINED) + OPEN_ITEM + END, "fffe,e000"),
    "item delimiter with a length": (
        OPEN_SEQUENCE + OPEN_ITEM + EXPLICIT.delimiter(ITEM_END, 4) + END,
        "length of 4",
    ),
    "sequence delimiter with a length": (OPEN_SEQUENCE + EXPLICIT.delimiter(SEQUENCE_END, 4), "length of 4"),
    "undefined length where the VR forbids it": (EXPLICIT.header(0x00080005, "UT", UNDEFINED) + END, "VR UT"),
}


@pytest.mark.parametrize(("data_set", "named"), MISPLACED.values(), ids=MISPLACED)
def test_what_stands_in_the_wrong_place_is_refused(data_set: bytes, named: str) -> None:
    error = refused(data_set)
    assert not isinstance(error, Truncated)
    assert named in str(error)
    assert re.search(r"^at offset \d+, ", str(error))


@pytest.mark.parametrize("behind", [b"", A, END, END + A, EXPLICIT.item() * 3], ids=range(5))
def test_an_item_of_undefined_length_does_not_reach_beyond_its_sequence(behind: bytes) -> None:
    item = EXPLICIT.item(A, B, undefined=True)
    for cut in range(1, len(item)):
        refused(EXPLICIT.header(SEQUENCE, "SQ", len(item) - cut) + item + behind)


@pytest.mark.parametrize("behind", [b"", A, CLOSE, CLOSE + END], ids=range(4))
def test_a_sequence_of_undefined_length_does_not_reach_beyond_its_item(behind: bytes) -> None:
    inner = EXPLICIT.sequence(0x00082112, EXPLICIT.item(A), undefined=True)
    for cut in range(1, len(inner)):
        content = EXPLICIT.delimiter(ITEM, len(inner) - cut) + inner
        refused(EXPLICIT.header(SEQUENCE, "SQ", UNDEFINED) + content + END + behind)


# --- limits


def test_depth_is_limited() -> None:
    data_set = b""
    for _ in range(5):
        data_set = EXPLICIT.sequence(SEQUENCE, EXPLICIT.item(data_set, undefined=True), undefined=True)
    assert scanned(data_set, max_depth=10).elements
    with pytest.raises(LimitExceeded, match=r"nested sequences and items .* more than the limit of 9"):
        scanned(data_set, max_depth=9)


def test_depth_is_limited_before_the_recursion_limit_of_python() -> None:
    deep = (OPEN_SEQUENCE + OPEN_ITEM) * 20000
    with pytest.raises(LimitExceeded, match="nested"):
        scanned(deep)


def test_elements_of_one_data_set_are_limited() -> None:
    data_set = b"".join(EXPLICIT.element(0x00100000 + n, "LO") for n in range(20))
    assert len(scanned(data_set, max_top_level_elements=20).elements) == 20
    with pytest.raises(LimitExceeded, match="elements of a data set: 20 is more than the limit of 19"):
        scanned(data_set, max_top_level_elements=19)


@pytest.mark.parametrize(
    "data_set",
    [
        b"".join(EXPLICIT.element(0x00100000 + n, "LO") for n in range(200)),
        EXPLICIT.sequence(SEQUENCE, *[EXPLICIT.item(A)] * 60, undefined=True),
        EXPLICIT.fragments(0x7FE00010, *[b""] * 200),
        b"".join(EXPLICIT.fragments(0x7FE00000 + n, *[b""] * 40) for n in range(5)),
    ],
    ids=["elements", "items", "fragments", "fragments of several elements"],
)
def test_headers_of_all_kinds_are_limited_together(data_set: bytes) -> None:
    assert scanned(data_set, max_tokens=250).elements
    with pytest.raises(LimitExceeded, match="elements, items and fragments: 101 is more than the limit of 100"):
        scanned(data_set, max_tokens=100)


# --- sources that grow


def grown(octets: bytes, encoding: Encoding, steps: list[int]) -> Carrier:
    """Scan while the source grows to each of `steps` bytes; at the last it is complete."""
    source = Source(octets[: steps[0]], complete=False)
    scan_ = Scan(source, encoding)
    for step in steps[1:]:
        assert not scan_.advance()
        source.extend(octets[:step], complete=False)
    assert not scan_.advance()
    source.extend(octets, complete=True)
    assert scan_.advance()
    return scan_.carrier()


def steps_of(length: int, rng: random.Random) -> list[int]:
    return sorted(rng.randrange(length + 1) for _ in range(rng.randrange(1, 12)))


@pytest.mark.parametrize("writer", WRITERS, ids=str)
def test_a_growing_source_gives_what_the_complete_one_gives(writer: Writer) -> None:
    octets = varied(writer)
    whole = scanned(octets, writer)
    rng = random.Random(str(writer))
    every_byte = list(range(len(octets) + 1))
    for steps in (every_byte, *(steps_of(len(octets), rng) for _ in range(100))):
        carrier = grown(octets, ENCODINGS[writer], steps)
        assert (carrier.elements, carrier.notes, carrier.end) == (whole.elements, whole.notes, whole.end)


@pytest.mark.parametrize("name", ["CT_small.dcm", "JPEG2000.dcm", "MR_small_implicit.dcm", "reportsi.dcm"])
def test_a_sample_file_that_arrives_in_pieces_gives_what_the_complete_one_gives(name: str) -> None:
    data_set, whole = opened(samples.sample(name).read_bytes())
    octets = bytes(data_set.source.view)
    rng = random.Random(name)
    for _ in range(20):
        assert grown(octets, data_set.encoding, steps_of(len(octets), rng)).elements == whole.elements


def test_a_source_that_is_complete_too_early_is_truncated_with_both_numbers() -> None:
    octets = varied(EXPLICIT)
    boundaries = {0, *(element.end for element in scanned(octets).elements)}
    for length in range(len(octets)):
        source = Source(octets[: length // 2], complete=False)
        scan_ = Scan(source, Encoding.EXPLICIT_LE)
        assert not scan_.advance()
        source.extend(octets[:length], complete=True)
        if length in boundaries:
            assert scan_.advance()
            continue
        with pytest.raises(Truncated) as caught:
            scan_.advance()
        assert 0 <= caught.value.available < caught.value.needed


def test_scanning_a_growing_source_as_if_it_were_complete_is_a_programming_error() -> None:
    with pytest.raises(ValueError, match="complete"):
        scan(Source(A, complete=False), Encoding.EXPLICIT_LE)


def test_a_source_does_not_shrink_and_does_not_grow_when_it_is_complete() -> None:
    source = Source(A + B, complete=False)
    with pytest.raises(ValueError, match="grows"):
        source.extend(A, complete=False)
    source.extend(A + B + C, complete=True)
    with pytest.raises(ValueError, match="grows"):
        source.extend(A + B + C + A, complete=True)


# --- large instances


def test_an_instance_above_4_gib_is_scanned_with_its_true_offsets(tmp_path: Path) -> None:
    sizes = (0, 0xFFFFFFFE, 0xFFFFFFFE, 1 << 20)
    path = tmp_path / "sparse"
    front = A + EXPLICIT.header(0x7FE00010, "OB", UNDEFINED)
    back = EXPLICIT.element(0xFFFCFFFC, "OB", b"ab")
    with path.open("wb") as file:
        file.write(front)
        for size in sizes:
            file.write(EXPLICIT.delimiter(ITEM, size))
            file.seek(size, 1)
        file.write(END + back)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        source = Source(mapped)
        carrier = scan(source, Encoding.EXPLICIT_LE)
        _, pixel_data, padding = carrier.elements
        pixel_data_end = len(front) + sum(sizes) + 8 * len(sizes)
        assert (pixel_data.value_end, pixel_data.end) == (pixel_data_end, pixel_data_end + 8)
        assert (padding.start, padding.end) == (pixel_data_end + 8, len(source))
        assert len(source) > 2 << 32
        fragments = [(t.value_end or 0) - t.value_start for t in walk_element(carrier, pixel_data)]
        assert fragments == list(sizes)
        source.view.release()
