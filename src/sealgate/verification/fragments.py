"""Encapsulated pixel data (PS3.5 A.4) whose fragments may have been merged or split without the MAC noticing it.

The MAC stream has the tag FFFE,E000 before each fragment and no lengths. So two fragments that are merged, with the tag
between them as four bytes of the value, give the same stream. These bytes occur in compressed data by chance as well;
what counts is therefore whether the fragments also do not fit the frames, or each other. In the same way what follows
the fragments can be put into the last of them, behind a Sequence Delimitation Item. Fragments elsewhere than in Pixel
Data of the data set, as in an icon, are small, and seldom: there either tag counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from sealgate.dicom import tags, vr
from sealgate.dicom.scan import Carrier, Element, Notes, walk_element
from sealgate.dicom.source import Source
from sealgate.dicom.transfer_syntax import TransferSyntax
from sealgate.dicom.walk import Kind
from sealgate.signature.check import Problem
from sealgate.signature.model import text_value
from sealgate.signature.reasons import Reason

MAX_FRAGMENTS = 1_000_000
"""Fragments that are looked at; those of a whole slide image have some 100,000."""

MAX_PLACES = 64
"""Item tags within one fragment that are held against the sizes of other fragments; by chance there is one in 4 GiB."""

_NUMBER_OF_FRAMES = 0x00280008
_ITEM_TAG = {"<": b"\xfe\xff\x00\xe0", ">": b"\xff\xfe\xe0\x00"}
_SEQUENCE_END = {"<": b"\xfe\xff\xdd\xe0", ">": b"\xff\xfe\xe0\xdd"}
_MAX_NUMBER_CHARACTERS = 12
"""VR IS (PS3.5 6.2)."""

_VIDEO = tuple(f"1.2.840.10008.1.2.4.{number}" for number in range(100, 109))
"""MPEG-2, MPEG-4 and HEVC: all frames are one stream, and a fragment is any part of it (PS3.5 8.2.5 and following)."""


def check_fragments(data_set: Carrier, syntax: TransferSyntax) -> Iterator[Problem]:
    """What is ambiguous, or of another compression than the transfer syntax says. Raises what `walk_element` raises."""
    pixel_data = data_set.element(tags.PIXEL_DATA)
    yield from _elsewhere(data_set, pixel_data)
    if pixel_data is None or pixel_data.kind is not Kind.FRAGMENTS:
        return
    spans = _spans(data_set, pixel_data)
    if not spans:
        return
    table, fragments = spans[0], spans[1:]
    frames = _number_of_frames(data_set, syntax)
    source, item_tag = data_set.source, _ITEM_TAG[data_set.encoding.order]
    if _table_is_merged(source, table, frames, item_tag):
        text = (
            "the Basic Offset Table does not fit the number of frames, and seems to be merged with the first fragment"
        )
        yield Problem(reason=Reason.FRAGMENTS_AMBIGUOUS, text=text)
    elif (merged := _merged(source, fragments, frames, item_tag)) is not None:
        yield Problem(reason=Reason.FRAGMENTS_AMBIGUOUS, text=f"{merged}: fragments may have been merged")
    elif _has_swallowed(source, (table[0], spans[-1][1]), _SEQUENCE_END[data_set.encoding.order]):
        text = "the end of a sequence and an element stand in a fragment: they may have followed the pixel data"
        yield Problem(reason=Reason.FRAGMENTS_AMBIGUOUS, text=text)
    if fragments:
        start, end = fragments[0]
        other = _other_syntax(bytes(source.view[start : min(start + _SEEN_BYTES, end)]), syntax)
        if other is not None:
            text = f"the pixel data begins like {other}, which the transfer syntax {syntax.uid} is not"
            yield Problem(reason=Reason.PIXEL_DATA_OF_OTHER_SYNTAX, text=text)


def _elsewhere(data_set: Carrier, pixel_data: Element | None) -> Iterator[Problem]:
    """Fragments with the tag of an item or of the end of a sequence, in another element than Pixel Data."""
    for element in data_set.others():
        if element is pixel_data or not (element.kind is Kind.FRAGMENTS or element.notes & Notes.FRAGMENTS):
            continue
        for token in walk_element(data_set, element):
            if token.kind is not Kind.FRAGMENT or token.value_end is None:
                continue
            order, span = token.encoding.order, (token.value_start, token.value_end)
            if any(True for tag in (_ITEM_TAG, _SEQUENCE_END) for _ in _places(data_set.source, span, tag[order], 1)):
                text = (
                    f"the tag of an item or of the end of a sequence stands in a fragment: {tags.written(element.tag)}"
                )
                yield Problem(reason=Reason.FRAGMENTS_AMBIGUOUS, text=text)
                return


def _has_swallowed(source: Source, span: tuple[int, int], sequence_end: bytes) -> bool:
    """Whether a Sequence Delimitation Item and an element stand in a fragment as in the MAC stream, without length."""
    start, end = span
    for place in _places(source, span, sequence_end, 1):
        code = start + place + 8
        if code + 2 <= end and bytes(source.view[code : code + 2]) in vr.BY_CODE:
            return True
    return False


def _spans(data_set: Carrier, pixel_data: Element) -> list[tuple[int, int]]:
    """Where the values of the offset table and of the fragments start and end."""
    spans = []
    for token in walk_element(data_set, pixel_data):
        assert token.value_end is not None
        spans.append((token.value_start, token.value_end))
        if len(spans) > MAX_FRAGMENTS:
            break
    return spans


def _number_of_frames(data_set: Carrier, syntax: TransferSyntax) -> int | None:
    """Number of Frames (0028,0008); None where it says nothing about fragments."""
    if syntax.uid.startswith(_VIDEO):
        return None
    text = text_value(data_set, _NUMBER_OF_FRAMES)
    if text is None or not text:
        return 1
    return int(text) if text.isdecimal() and len(text) <= _MAX_NUMBER_CHARACTERS else None


def _table_is_merged(source: Source, table: tuple[int, int], frames: int | None, item_tag: bytes) -> bool:
    """Whether the offset table is no table for the frames, and an item tag stands where it would end."""
    start, end = table
    if start == end:
        return False
    length = 0 if frames is None else 4 * frames
    if end - start == length:
        return False
    return any(bytes(source.view[start + at : start + at + 4]) == item_tag for at in {0, length} if at < end - start)


def _merged(source: Source, fragments: list[tuple[int, int]], frames: int | None, item_tag: bytes) -> str | None:
    """In what the fragments do not fit, where an item tag stands in one of them as well."""
    if frames is not None and len(fragments) == frames:
        if frames == 1 and any(_is_at(source, fragments[0], place, item_tag) for place in _likely_places(fragments[0])):
            return "the only fragment could be two of a usual size"
        return None  # one for each frame, the usual case: what is merged would be missing
    if frames is not None and len(fragments) < frames:
        if any(True for fragment in fragments for _ in _places(source, fragment, item_tag)):
            return f"there are {len(fragments)} fragments for {frames} frames, and the tag of an item stands in one"
        return None
    sizes = Counter(end - start for start, end in fragments)
    usual, count = sizes.most_common(1)[0] if sizes else (0, 0)
    for fragment in fragments:
        size = fragment[1] - fragment[0]
        if size <= (usual if count > 1 else min(sizes)):
            continue  # a merged one is larger than the two that it was made of
        for place in _places(source, fragment, item_tag):
            if place in sizes or size - place - 4 in sizes or place in _likely_places(fragment):
                return "one fragment is as large as two with the tag of an item between them"
    return None


def _likely_places(fragment: tuple[int, int]) -> list[int]:
    """Where a fragment would end if it had a usual size: at powers of two, and in the middle."""
    size = fragment[1] - fragment[0]
    powers = [1 << power for power in range(10, size.bit_length()) if (1 << power) + 4 <= size]
    return [*powers, (size - 4) // 2] if size > 8 else powers


def _is_at(source: Source, fragment: tuple[int, int], place: int, item_tag: bytes) -> bool:
    start = fragment[0] + place
    return bytes(source.view[start : start + 4]) == item_tag


def _places(source: Source, fragment: tuple[int, int], item_tag: bytes, step: int = 2) -> Iterator[int]:
    """Offsets in a fragment at which an item tag stands: even ones, since a merged fragment has even length."""
    start, end = fragment
    found = 0
    position = start
    for window in source.windows(start, end):
        octets = bytes(window)
        at = octets.find(item_tag)
        while at >= 0 and found < MAX_PLACES:
            if (position + at - start) % step == 0:
                found += 1
                yield position + at - start
            at = octets.find(item_tag, at + 1)
        seam = position + len(octets)
        across = bytes(source.view[max(seam - 3, start) : min(seam + 3, end)]) if seam < end else b""
        at = across.find(item_tag)
        if at >= 0 and (offset := max(seam - 3, start) + at - start) % step == 0:
            yield offset
        position = seam


_SEEN_BYTES = 12
_JPEG_2000 = (b"\xff\x4f\xff\x51", b"\x00\x00\x00\x0cjP  \r\n\x87\n"[:_SEEN_BYTES])
_JPEG = (b"\xff\xd8\xff",)
_JPEG_SYNTAXES = (
    *(f"1.2.840.10008.1.2.4.{number}" for number in range(50, 67)),
    *("1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81"),
)
_JPEG_2000_SYNTAXES = tuple(f"1.2.840.10008.1.2.4.{number}" for number in (90, 91, 92, 93, 201, 202, 203))
_OTHERS = ("1.2.840.10008.1.2.5", "1.2.840.10008.1.2.8.1")
"""RLE Lossless, Deflated Image Frame."""


def _other_syntax(begin: bytes, syntax: TransferSyntax) -> str | None:
    """The compression that the pixel data shows, where that is surely another one."""
    if begin.startswith(_JPEG) and syntax.uid in (*_JPEG_2000_SYNTAXES, *_OTHERS):
        return "JPEG"
    if begin.startswith(_JPEG_2000) and syntax.uid in (*_JPEG_SYNTAXES, *_OTHERS):
        return "JPEG 2000"
    return None
