"""The model of dcmsign's buffer: where it loses nested content, and where it must not."""

from __future__ import annotations

import random

import pytest

from sealgate.dicom.scan import scan
from sealgate.dicom.source import Source
from sealgate.dicom.transfer_syntax import Encoding
from sealgate.signature import mac
from sealgate.signature.dcmtk_stream import BUFFER_BYTES, DcmtkStream, may_differ
from sealgate.signature.stream import dcmtk_lost_bytes
from support import samples
from support.elements import EXPLICIT
from support.signing import opened

SEQUENCE, INNER, DEEPER, VALUE = 0x00081140, 0x00081199, 0x00082112, 0x00091001
ITEM, END = bytes.fromhex("feff00e0"), bytes.fromhex("feffdde0")


def streams(data_set: bytes) -> tuple[bytes, bytes, int]:
    """The standard's stream, dcmsign's, and the number of bytes that it lost."""
    carrier = scan(Source(data_set), Encoding.EXPLICIT_LE)
    whole, kept = bytearray(), bytearray()
    mac.feed(whole.extend, carrier.source, mac.pieces(carrier, carrier.elements, Encoding.EXPLICIT_LE))
    model = DcmtkStream()
    pieces = model.filter(mac.pieces(carrier, carrier.elements, Encoding.EXPLICIT_LE))
    mac.feed(kept.extend, carrier.source, pieces)
    assert len(whole) == len(kept) + model.lost_bytes
    assert dcmtk_lost_bytes(carrier, carrier.elements, Encoding.EXPLICIT_LE) == model.lost_bytes
    return bytes(whole), bytes(kept), model.lost_bytes


def value(size: int) -> bytes:
    return EXPLICIT.element(VALUE, "OB", b"x" * size)


def test_small_data_sets_and_large_values_at_top_level_lose_nothing() -> None:
    for data_set in (value(10), value(BUFFER_BYTES), value(5 * BUFFER_BYTES), value(BUFFER_BYTES - 12) * 1):
        whole, kept, lost = streams(data_set)
        assert (whole, lost) == (kept, 0)


def test_values_in_items_of_top_level_sequences_lose_nothing() -> None:
    data_set = EXPLICIT.sequence(SEQUENCE, EXPLICIT.item(value(20000)), EXPLICIT.item(value(40000)))
    whole, kept, lost = streams(data_set)
    assert (whole, lost) == (kept, 0)


def test_an_inner_sequence_is_cut_where_the_buffer_is_full_and_its_delimiter_follows() -> None:
    inner = EXPLICIT.sequence(INNER, EXPLICIT.item(value(20000)), EXPLICIT.item(value(10)))
    behind = EXPLICIT.element(0x00100020, "LO", b"AB")
    whole, kept, lost = streams(EXPLICIT.sequence(SEQUENCE, EXPLICIT.item(inner, behind)))
    assert kept == whole[:BUFFER_BYTES] + END + behind + END
    assert lost == len(whole) - len(kept)


def test_an_inner_sequence_that_fills_the_buffer_exactly_loses_nothing() -> None:
    front = len(EXPLICIT.tag(SEQUENCE) + b"SQ\0\0" + ITEM) * 2 + len(value(0))
    for size, loses in ((BUFFER_BYTES - front, False), (BUFFER_BYTES - front + 2, True)):
        inner = EXPLICIT.sequence(INNER, EXPLICIT.item(value(size)))
        whole, kept, lost = streams(EXPLICIT.sequence(SEQUENCE, EXPLICIT.item(inner)))
        assert (bool(lost), whole == kept) == (loses, not loses)


def test_what_is_deeper_is_lost_with_the_inner_sequence() -> None:
    deeper = EXPLICIT.sequence(DEEPER, EXPLICIT.item(value(20000)))
    inner = EXPLICIT.sequence(INNER, EXPLICIT.item(deeper), EXPLICIT.item(value(100)))
    whole, kept, _ = streams(EXPLICIT.sequence(SEQUENCE, EXPLICIT.item(inner), EXPLICIT.item(value(4))))
    assert kept == whole[:BUFFER_BYTES] + END + ITEM + value(4) + END


def test_each_inner_sequence_may_lose_its_rest() -> None:
    inner = EXPLICIT.sequence(INNER, EXPLICIT.item(value(20000)))
    whole, kept, lost = streams(EXPLICIT.sequence(SEQUENCE, *[EXPLICIT.item(inner)] * 3))
    assert lost > 2 * (20000 - BUFFER_BYTES)
    assert kept.count(END) == whole.count(END) == 4


@pytest.mark.parametrize("name", ["CT_small.dcm", "test-SR.dcm", "rtplan.dcm", "liver_expb_1frame.dcm"])
def test_the_streams_of_small_sample_files_are_the_same(name: str) -> None:
    _, carrier = opened(samples.sample(name).read_bytes())
    assert dcmtk_lost_bytes(carrier, carrier.in_tag_order(), Encoding.EXPLICIT_LE) == 0


def test_the_streams_can_differ_only_where_a_sequence_stands_inside_an_item() -> None:
    flat = EXPLICIT.sequence(SEQUENCE, EXPLICIT.item(value(40000)))
    deep = EXPLICIT.sequence(SEQUENCE, EXPLICIT.item(EXPLICIT.sequence(INNER)))
    for data_set, differs in ((value(10), False), (flat, False), (deep, True)):
        assert may_differ(scan(Source(data_set), Encoding.EXPLICIT_LE).elements) is differs


def test_what_is_passed_over_counts_like_what_is_filtered() -> None:
    rng = random.Random("buffer")
    losses = 0
    for _ in range(200):
        sizes = [
            rng.choice((0, 2, 8, 8184, 16_370, 16_376, 16_380, 16_384, 40_000)) for _ in range(rng.randrange(1, 8))
        ]
        values = b"".join(EXPLICIT.element(VALUE + number, "OB", bytes(size)) for number, size in enumerate(sizes))
        inner = EXPLICIT.sequence(INNER, EXPLICIT.item(EXPLICIT.element(VALUE, "OB", bytes(rng.randrange(0, 600, 2)))))
        deep = EXPLICIT.sequence(0x00400275, EXPLICIT.item(inner), EXPLICIT.item(inner))
        losses += streams(values + deep + EXPLICIT.element(0x7FE00010, "OW", bytes(20_000)))[2] > 0
    assert 0 < losses < 200
