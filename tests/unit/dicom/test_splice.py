"""Splicing: what is not edited stays, byte for byte."""

from __future__ import annotations

import random

import pytest

from sealgate.dicom.source import WINDOW_BYTES, Source
from sealgate.dicom.splice import Edit, Span, pieces, segments

ORIGINAL = bytes(range(100))


def spliced(*edits: Edit) -> bytes:
    return b"".join(pieces(Source(ORIGINAL), edits))


def test_without_edits_the_original_comes_out() -> None:
    assert spliced() == ORIGINAL
    assert segments(100, []) == [Span(0, 100)]
    assert segments(0, []) == []


def test_bytes_are_inserted_cut_and_replaced() -> None:
    assert spliced(Edit(offset=10, inserted=b"abc")) == ORIGINAL[:10] + b"abc" + ORIGINAL[10:]
    assert spliced(Edit(offset=10, cut=5)) == ORIGINAL[:10] + ORIGINAL[15:]
    assert spliced(Edit(offset=10, cut=4, inserted=b"abcd")) == ORIGINAL[:10] + b"abcd" + ORIGINAL[14:]
    assert spliced(Edit(offset=0, inserted=b"a"), Edit(offset=100, inserted=b"z")) == b"a" + ORIGINAL + b"z"


def test_edits_at_one_offset_take_effect_in_the_order_given() -> None:
    assert spliced(Edit(offset=50, inserted=b"ab"), Edit(offset=50, inserted=b"cd")) == (
        ORIGINAL[:50] + b"abcd" + ORIGINAL[50:]
    )


def test_edits_may_be_given_in_any_order_of_offsets() -> None:
    edits = [Edit(offset=80, cut=2), Edit(offset=3, inserted=b"x"), Edit(offset=40, cut=1, inserted=b"yy")]
    assert spliced(*edits) == spliced(*reversed(edits))


def test_inserted_bytes_stand_between_runs_of_the_original() -> None:
    assert segments(100, [Edit(offset=10, cut=4, inserted=b"abcd")]) == [Span(0, 10), b"abcd", Span(14, 100)]


@pytest.mark.parametrize(
    "edits",
    [
        [Edit(offset=101, inserted=b"a")],
        [Edit(offset=98, cut=3)],
        [Edit(offset=10, cut=5), Edit(offset=12, inserted=b"a")],
    ],
    ids=["behind", "beyond", "overlap"],
)
def test_edits_outside_or_on_top_of_each_other_are_programming_errors(edits: list[Edit]) -> None:
    with pytest.raises(ValueError, match="overlaps another one or lies outside"):
        segments(100, edits)


def test_a_large_original_comes_in_windows_that_are_not_copied() -> None:
    octets = bytes(2 * WINDOW_BYTES + 10)
    out = list(pieces(Source(octets), [Edit(offset=5, inserted=b"abc")]))
    assert all(len(piece) <= WINDOW_BYTES for piece in out)
    assert [piece.obj is octets for piece in out if isinstance(piece, memoryview)] == [True] * (len(out) - 1)
    assert b"".join(out) == octets[:5] + b"abc" + octets[5:]


def test_random_edits_equal_a_plain_model() -> None:
    rng = random.Random(7)
    for _ in range(200):
        points = sorted(rng.sample(range(100), rng.randrange(0, 10)))
        bounds = [*points, 100]
        edits = [
            Edit(offset=at, cut=rng.randrange(bounds[n + 1] - at + 1), inserted=rng.randbytes(rng.randrange(4)))
            for n, at in enumerate(points)
        ]
        expected, position = b"", 0
        for edit in edits:
            expected += ORIGINAL[position : edit.offset] + edit.inserted
            position = edit.offset + edit.cut
        assert spliced(*edits) == expected + ORIGINAL[position:]
