"""Deflated data sets: whole, within limits, and never accepted where the stream has no end."""

from __future__ import annotations

import random
import zlib

import pytest

from sealgate.dicom import deflate as module
from sealgate.dicom.deflate import deflate, inflate
from sealgate.dicom.limits import MAX_FREE_INFLATION_BYTES, MAX_INFLATION_RATIO
from sealgate.errors import LimitExceeded, MalformedDataSet, Truncated

MIB = 1 << 20
TEXT = b"".join(b"%d and some text " % n for n in range(5000))


def raw(value: bytes, level: int = 6) -> bytes:
    deflater = zlib.compressobj(level, wbits=-15)
    return deflater.compress(value) + deflater.flush()


def inflated(stream: bytes, pieces_of: int | None = None, **limits: int) -> bytes:
    step = pieces_of or max(len(stream), 1)
    view = memoryview(stream)
    return b"".join(inflate((view[at : at + step] for at in range(0, len(view), step)), **limits))


@pytest.mark.parametrize("value", [b"", b"a", TEXT, bytes(3 * MIB + 7)], ids=["empty", "one", "text", "zeros"])
def test_what_was_deflated_is_inflated_to_the_same_bytes(value: bytes) -> None:
    stream = b"".join(deflate([value]))
    assert inflated(stream) == value
    assert len(stream) % 2 == 0


def test_the_stream_is_padded_to_even_length_with_one_nul() -> None:
    for n in range(20):
        value = TEXT[: n * 7]
        stream = b"".join(deflate([value]))
        assert stream in (raw(value), raw(value) + b"\0")


def test_pieces_are_deflated_as_one_stream() -> None:
    pieces = [memoryview(TEXT)[at : at + 1000] for at in range(0, len(TEXT), 1000)]
    assert zlib.decompress(b"".join(deflate(pieces)), -15) == TEXT


@pytest.mark.parametrize("pieces_of", [1, 7, 100, None])
def test_it_does_not_matter_how_the_stream_comes_in_pieces(pieces_of: int | None) -> None:
    assert inflated(raw(TEXT), pieces_of) == TEXT


def test_output_that_zlib_holds_back_when_a_chunk_is_full_is_not_lost() -> None:
    for n in (*range(MIB - 2, MIB + 600), 2 * MIB, 2 * MIB + 258):
        assert len(inflated(raw(bytes(n)))) == n


def test_a_chunk_is_never_larger_than_1_mib() -> None:
    assert max(map(len, inflate([memoryview(raw(bytes(10 * MIB)))]))) == MIB


@pytest.mark.parametrize("level", [0, 1, 9])
def test_a_stream_that_is_cut_anywhere_is_truncated_with_both_numbers(level: int) -> None:
    stream = raw(TEXT[:300], level)
    for length in range(len(stream)):
        with pytest.raises(Truncated) as caught:
            inflated(stream[:length])
        assert (caught.value.needed, caught.value.available) == (length + 1, length)


def test_damage_is_reported_with_its_offset() -> None:
    with pytest.raises(MalformedDataSet, match="the deflate stream is damaged"):
        inflated(b"\xff" * 40)


def test_random_damage_never_passes_as_something_else_than_an_input_error() -> None:
    rng = random.Random(5)
    stream = bytearray(raw(TEXT))
    for _ in range(300):
        damaged = bytearray(stream)
        damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
        try:
            inflated(bytes(damaged))
        except (MalformedDataSet, LimitExceeded):
            continue


def test_what_stands_behind_the_end_of_the_stream_is_no_part_of_the_data_set() -> None:
    for behind in (b"\0", b"\0\0\0", b"something else", raw(b"another stream")):
        assert inflated(raw(TEXT) + behind) == TEXT
        assert inflated(raw(TEXT) + behind, 3) == TEXT


def test_the_inflated_size_is_limited() -> None:
    assert len(inflated(raw(bytes(5000)), max_bytes=5000)) == 5000
    with pytest.raises(LimitExceeded, match="bytes of the inflated data set: 5001 is more than the limit of 5000"):
        inflated(raw(bytes(5001)), max_bytes=5000)


def test_a_bomb_is_refused_before_it_is_inflated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_FREE_INFLATION_BYTES", 2 * MIB)
    stream = raw(bytes(20 * MIB))
    assert len(stream) * MAX_INFLATION_RATIO < 20 * MIB
    taken: list[bytes] = []
    with pytest.raises(LimitExceeded, match=f"inflated to deflated size: .* limit of {MAX_INFLATION_RATIO}"):
        taken.extend(inflate([memoryview(stream)]))
    assert sum(map(len, taken)) <= 2 * MIB


def test_an_empty_image_below_the_free_size_is_not_taken_for_a_bomb() -> None:
    value = bytes(8 * MIB)
    assert len(value) < MAX_FREE_INFLATION_BYTES
    assert inflated(raw(value)) == value
