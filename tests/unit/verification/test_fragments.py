"""Fragments that may have been merged: what speaks for it, and item tags that stand in compressed data by chance."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from sealgate.dicom.scan import scan
from sealgate.dicom.source import WINDOW_BYTES, Source
from sealgate.dicom.transfer_syntax import BY_UID, Encoding
from sealgate.errors import SealgateError
from sealgate.signature.reasons import Reason
from sealgate.verification.fragments import check_fragments
from support import samples
from support.elements import EXPLICIT, JPEG_UID
from support.signing import opened

ITEM_TAG = b"\xfe\xff\x00\xe0"
JPEG_2000_UID = "1.2.840.10008.1.2.4.90"
MPEG_UID = "1.2.840.10008.1.2.4.102"
RLE_UID = "1.2.840.10008.1.2.5"


def found(fragments: Sequence[bytes], frames: str | None = None, uid: str = JPEG_UID) -> list[Reason]:
    """Reasons for encapsulated pixel data; the first fragment is the offset table."""
    number = b"" if frames is None else EXPLICIT.element(0x00280008, "IS", frames.encode())
    encoded = number + EXPLICIT.fragments(0x7FE00010, *fragments)
    return [problem.reason for problem in check_fragments(scan(Source(encoded), Encoding.EXPLICIT_LE), BY_UID[uid])]


def merged(*fragments: bytes) -> bytes:
    return ITEM_TAG.join(fragments)


A, B, C = bytes(range(100)) * 41, bytes(100) * 41, b"\7" * 300
USUAL = bytes(4096)

AMBIGUOUS = {
    "fewer than frames": ((b"", merged(A, B), C), "3"),
    "the offset table has the first one in it": ((merged(b"", A), B), "2"),
    "the filled offset table has the first one in it": ((merged(bytes(8), A), B), "2"),
    "one is as large as another one and more": ((b"", A, merged(B, C)), "1"),
    "one is as large as something and another one": ((b"", merged(C, A), B), "1"),
    "one is as large as two of the same size": ((b"", merged(A, B), C), "1"),
    "the only one is as large as two of the same size": ((b"", merged(A, B)), "1"),
    "the only one could be cut at a usual size": ((b"", merged(USUAL, C)), None),
    "more fragments than frames": ((b"", A, B, merged(A, C), C), "2"),
    "an odd one was padded": ((b"", merged(A[:-1] + b"\0", B), C), "3"),
}


@pytest.mark.parametrize(("fragments", "frames"), AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_merged_fragments_are_ambiguous_where_something_else_does_not_fit(
    fragments: tuple[bytes, ...], frames: str | None
) -> None:
    assert found(fragments, frames) == [Reason.FRAGMENTS_AMBIGUOUS]


BY_CHANCE = {
    "one for each frame": ((b"", A[:50] + ITEM_TAG + A, B), "2"),
    "a frame in one fragment": ((b"", A[:50] + ITEM_TAG + A), "1"),
    "no number of frames": ((b"", A[:50] + ITEM_TAG + A), None),
    "frames of several fragments": ((b"", A, A[:50] + ITEM_TAG + B[:1000], C, C), "2"),
    "at an odd offset": ((b"", A[:51] + ITEM_TAG + A), "2"),
    "a filled offset table": ((bytes(8), A[:50] + ITEM_TAG + A, B), "2"),
    "no number at all": ((b"", A[:50] + ITEM_TAG + A), "x"),
    "no fragments": ((b"",), "1"),
    "empty fragments": ((b"", b"", b"", b""), "1"),
    "fewer than frames, but no tag": ((b"", A, B), "3"),
    "an offset table of another length, but no tag": ((bytes(12), A, B), "2"),
}


@pytest.mark.parametrize(("fragments", "frames"), BY_CHANCE.values(), ids=BY_CHANCE)
def test_an_item_tag_in_compressed_data_alone_says_nothing(fragments: tuple[bytes, ...], frames: str | None) -> None:
    assert found(fragments, frames) == []


def test_the_frames_of_a_video_need_not_fit_its_fragments() -> None:
    stream = A[:50] + ITEM_TAG + A
    assert found((b"", stream), "99", MPEG_UID) == []
    assert found((b"", A, merged(B, C), A), "99", MPEG_UID) == [Reason.FRAGMENTS_AMBIGUOUS]


SEQUENCE_END = b"\xfe\xff\xdd\xe0"
HEADERS = {
    "an element": (b"\xe1\x7f\x10\0LO", True),
    "what is no VR": (b"\xe1\x7f\x10\0lo", False),
    "nothing": (b"", False),
}


@pytest.mark.parametrize("before", [300, 301, WINDOW_BYTES - 2])
@pytest.mark.parametrize(("behind", "odd"), HEADERS.values(), ids=HEADERS)
def test_the_end_of_a_sequence_with_an_element_behind_is_odd_in_a_fragment(
    behind: bytes, odd: bool, before: int
) -> None:
    fragments = (b"", bytes(before) + SEQUENCE_END + behind)
    assert found(fragments, "1") == ([Reason.FRAGMENTS_AMBIGUOUS] if odd else [])


@pytest.mark.parametrize("tag", [ITEM_TAG, SEQUENCE_END])
def test_either_tag_in_a_fragment_of_an_icon_or_of_a_private_element_is_odd(tag: bytes) -> None:
    for inside, expected in ((b"abcd" + tag, [Reason.FRAGMENTS_AMBIGUOUS]), (b"abcdefgh", [])):
        icon = EXPLICIT.sequence(0x00880200, EXPLICIT.item(EXPLICIT.fragments(0x7FE00010, b"", inside)))
        for encoded in (icon, EXPLICIT.fragments(0x00991001, b"", inside)):
            carrier = scan(Source(encoded), Encoding.EXPLICIT_LE)
            assert [one.reason for one in check_fragments(carrier, BY_UID[JPEG_UID])] == expected


def test_an_item_tag_across_the_windows_in_which_bytes_are_read_is_found() -> None:
    for before in range(WINDOW_BYTES - 4, WINDOW_BYTES + 2, 2):
        assert found((b"", bytes(before) + ITEM_TAG + C), "2") == [Reason.FRAGMENTS_AMBIGUOUS], before


@pytest.mark.parametrize(
    ("begin", "uid", "other"),
    [
        (b"\xff\xd8\xff\xe0", JPEG_UID, False),
        (b"\xff\xd8\xff\xe0", JPEG_2000_UID, True),
        (b"\xff\xd8\xff\xe0", RLE_UID, True),
        (b"\xff\x4f\xff\x51", JPEG_2000_UID, False),
        (b"\xff\x4f\xff\x51", JPEG_UID, True),
        (b"\0\0\0\x0cjP  \r\n\x87\n", JPEG_UID, True),
        (b"any thing", JPEG_UID, False),
    ],
)
def test_pixel_data_of_another_compression_than_the_transfer_syntax_says_is_odd(
    begin: bytes, uid: str, other: bool
) -> None:
    assert found((b"", begin + A), "1", uid) == ([Reason.PIXEL_DATA_OF_OTHER_SYNTAX] if other else [])


def test_native_pixel_data_and_none_are_not_looked_at() -> None:
    for encoded in (b"", EXPLICIT.element(0x7FE00010, "OW", merged(A, B))):
        carrier = scan(Source(encoded), Encoding.EXPLICIT_LE)
        assert list(check_fragments(carrier, BY_UID[EXPLICIT.uid])) == []


def test_no_real_compressed_file_raises_an_alarm() -> None:
    seen = 0
    for path in samples.files():
        try:
            data_set, carrier = opened(path.read_bytes())
        except SealgateError:
            continue
        seen += data_set.syntax.encapsulated
        assert list(check_fragments(carrier, data_set.syntax)) == [], path.name
    assert seen > 30
