"""Plain elements: what is read in runs is what a walk finds, and there is nothing to note about any of it."""

from __future__ import annotations

import random
import struct
from itertools import pairwise
from operator import length_hint
from pathlib import Path

import pytest

from sealgate.dicom import tags
from sealgate.dicom.plain import is_normal
from sealgate.dicom.scan import Carrier, Element, has_unfit_length, has_unknown_vr, scan, walk_element
from sealgate.dicom.source import WINDOW_BYTES, Source
from sealgate.dicom.transfer_syntax import Encoding
from sealgate.dicom.vr import BY_NAME
from sealgate.dicom.walk import Kind, walk, walk_sequence
from sealgate.errors import LimitExceeded
from support import samples
from support.elements import BIG, EXPLICIT, IMPLICIT, LONG_VRS, UNDEFINED, Writer

NAMES = (*BY_NAME, "ZZ", "zz")
VALUES = (b"", b"A", b"AB", b"A ", b"A  ", b"AB  ", b" A", b"1.2", b"1.2\0", b"1.2\0\0\0", b"1 .2", bytes(8), bytes(13))


def explicit(data_set: bytes) -> Carrier:
    return scan(Source(data_set), Encoding.EXPLICIT_LE)


def plain_elements(carrier: Carrier) -> list[Element]:
    return [element for first, beyond in carrier.plain for element in carrier.elements[first:beyond]]


def alone(tag: int, vr: str, value: bytes) -> Carrier:
    """The scan of one element, with another behind it."""
    return explicit(EXPLICIT.element(tag, vr, value) + EXPLICIT.element(0xFFFAFFFA, "OB"))


@pytest.mark.parametrize("vr", [name for name in NAMES if name not in ("SQ", "zz")])
@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_an_element_is_plain_where_nothing_is_odd_about_it(vr: str, value: bytes) -> None:
    carrier = alone(0x00091001, vr, value)
    element = carrier.elements[0]
    is_odd = (
        not element.vr.signable
        or has_unknown_vr(carrier, element)
        or has_unfit_length(carrier, element)
        or not is_normal(carrier.source.view, element.vr.padding, element.value_start, element.value_end)
        or (vr == "OW" and len(value) % 2 == 1)
    )
    assert (plain_elements(carrier) == []) is is_odd
    assert [*plain_elements(carrier), *carrier.others()] == carrier.elements


@pytest.mark.parametrize("tag", [0x00080000, 0x00080001, 0x00041500, 0x4FFE0001, 0xFFFA0010, 0xFFFCFFFC, 0x00100000])
def test_what_is_never_signed_is_not_plain(tag: int) -> None:
    assert plain_elements(alone(tag, "LO", b"AB")) == []


def test_an_element_that_is_not_behind_the_one_before_it_is_not_plain() -> None:
    first, second = EXPLICIT.element(0x00100010, "PN", b"AB"), EXPLICIT.element(0x00100020, "LO", b"CD")
    for data_set in (second + first, first + first):
        carrier = explicit(data_set)
        assert (len(plain_elements(carrier)), carrier.is_in_order) == (1, False)


@pytest.mark.parametrize("writer", [IMPLICIT, BIG], ids=str)
def test_there_are_plain_elements_in_explicit_vr_little_endian_only(writer: Writer) -> None:
    encoding = Encoding.IMPLICIT_LE if writer is IMPLICIT else Encoding.EXPLICIT_BE
    carrier = scan(Source(writer.element(0x00100010, "PN", b"AB")), encoding)
    assert (carrier.plain, carrier.others()) == ((), carrier.elements)


def random_elements(rng: random.Random) -> bytes:
    parts = []
    for tag in sorted(rng.sample(range(0x00090010, 0x00092000), rng.randrange(1, 40))):
        if rng.random() < 0.1:
            item = EXPLICIT.item(EXPLICIT.element(0x00080100, "SH", b"AB"), undefined=rng.random() < 0.5)
            parts.append(EXPLICIT.sequence(tag, item, item, undefined=rng.random() < 0.5))
        elif rng.random() < 0.05:
            inner = IMPLICIT.item(IMPLICIT.element(0x00080100, "SH", b"AB"))
            parts.append(EXPLICIT.header(tag, "UN", UNDEFINED) + inner + EXPLICIT.delimiter(0xFFFEE0DD))
        else:
            vr = rng.choice([name for name in NAMES if name != "SQ"])
            parts.append(EXPLICIT.element(tag, vr, rng.choice(VALUES)))
    if rng.random() < 0.2:
        rng.shuffle(parts)
    return b"".join(parts)


def test_a_scan_has_the_elements_that_a_walk_has() -> None:
    rng = random.Random("plain")
    for _ in range(300):
        source = Source(random_elements(rng))
        carrier = scan(source, Encoding.EXPLICIT_LE)
        depth, starts = 0, []
        for token in walk(source, Encoding.EXPLICIT_LE):
            if depth == 0:
                starts.append((token.tag, token.vr, token.kind, token.start, token.value_start))
            depth += (token.kind in (Kind.SEQUENCE, Kind.ITEM)) - (token.kind in (Kind.SEQUENCE_END, Kind.ITEM_END))
        found = [
            (one.tag, BY_NAME["SQ"] if one.kind is Kind.SEQUENCE else one.vr, *one[2:5]) for one in carrier.elements
        ]
        assert found == starts
        for first, beyond in carrier.plain:
            run = carrier.elements[first:beyond]
            assert all(one.end == other.start for one, other in pairwise(run))


def test_what_is_kept_of_a_sequence_is_what_a_walk_finds_inside_of_it() -> None:
    rng = random.Random("kept")
    sequences = 0
    for _ in range(100):
        carrier = explicit(random_elements(rng))
        for element in carrier.elements:
            if element.kind is Kind.SEQUENCE:
                encoding = Encoding.IMPLICIT_LE if element.vr.name == "UN" else Encoding.EXPLICIT_LE
                again = walk_sequence(carrier.source, encoding, element.tag, element.value_start, element.value_end)
                assert list(walk_element(carrier, element)) == list(again)
                sequences += 1
    assert sequences > 100


def test_to_walk_through_what_is_kept_counts_as_work_like_reading_it() -> None:
    carrier = explicit(EXPLICIT.sequence(0x00081140, EXPLICIT.item() * 100))
    with carrier.source.shared_work() as work:
        before = length_hint(work.headers)
        list(walk_element(carrier, carrier.elements[0]))
        assert before - length_hint(work.headers) == 201
        work.spend(length_hint(work.headers) - 100)
        with pytest.raises(LimitExceeded):
            list(walk_element(carrier, carrier.elements[0]))


def test_few_tokens_are_kept_of_large_sequences() -> None:
    carrier = explicit(EXPLICIT.sequence(0x00081140, EXPLICIT.item() * 10_000))
    assert not carrier.kept
    assert len(list(walk_element(carrier, carrier.elements[0]))) == 20_000


def test_runs_go_on_behind_the_end_of_a_window() -> None:
    size = (WINDOW_BYTES // 40) & ~1
    data_set = b"".join(EXPLICIT.element(0x00091000 + number, "OB", bytes(size)) for number in range(100))
    carrier = explicit(data_set)
    assert len(carrier.elements) == 100
    assert len(plain_elements(carrier)) > 80


@pytest.mark.parametrize("name", ["CT_small.dcm", "rtplan.dcm", "reportsi.dcm"])
def test_elements_are_found_by_their_tags_in_sample_files(name: str) -> None:
    path: Path = samples.sample(name)
    carrier = explicit_file(path)
    for element in carrier.elements:
        assert carrier.element(element.tag) == element
        assert carrier.element(element.tag + 1) in (None, *carrier.elements)
    assert carrier.element(0) is None
    assert carrier.element(0xFFFFFFFF) is None
    assert carrier.plain_and(lambda _: True) == carrier.elements


def explicit_file(path: Path) -> Carrier:
    from support.signing import opened

    return opened(path.read_bytes())[1]


def test_a_header_that_is_cut_is_left_to_the_walk() -> None:
    whole = EXPLICIT.element(0x00091001, "OB", b"AB")
    for length in range(1, len(whole)):
        with pytest.raises(Exception, match="needs"):
            explicit(EXPLICIT.element(0x00090010, "LO", b"AB") + whole[:length])


def test_the_headers_of_the_table_are_those_of_the_standard() -> None:
    """PS3.5 7.1.2: which VRs have a 32-bit length."""
    assert {name for name, vr in BY_NAME.items() if vr.long} == LONG_VRS
    assert tags.LENGTH_TO_END < struct.unpack(">L", b"\0\x08\0\x05")[0] < tags.MAC_PARAMETERS_SEQUENCE
