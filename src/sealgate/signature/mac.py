"""The byte stream that the MAC is calculated over (PS3.3 C.12.1.1.3.1.1), and its digest.

The stream holds the signed elements in ascending tag order, in the encoding of the MAC Calculation Transfer Syntax,
without the lengths of sequences, items and fragments, and always with the sequence delimiter. Values are normalised
first, as dcmsign does it: odd lengths, surplus padding and white space in UIDs.

The stream is produced as pieces that point into the source as far as possible, so that a run of untouched bytes is
hashed as one slice without being copied.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from sealgate.dicom import encode, tags, vr
from sealgate.dicom.limits import MAX_DISORDERED_TOKENS, MAX_NORMALISED_BYTES
from sealgate.dicom.plain import is_normal
from sealgate.dicom.scan import Carrier, Element, Notes, walk_element
from sealgate.dicom.source import Source
from sealgate.dicom.transfer_syntax import Encoding
from sealgate.dicom.vr import VR, Padding
from sealgate.dicom.walk import Kind, Token
from sealgate.dicom.words import swapped as swapped_words
from sealgate.errors import LimitExceeded


class Op(IntEnum):
    """What a piece of the stream is, and what the fields of its tuple mean."""

    WHOLE = 0
    """Header and value of an element as they stand in the source: from `start`, value from `middle`, to `end`."""
    HEADER = 1
    """`octets`: header of an element or of pixel data; dcmsign wants `middle` bytes free in its buffer for it."""
    SOURCE = 2
    """Bytes of a value as they stand in the source: from `start` to `end`."""
    SWAPPED = 3
    """Words of a value from `start` to `end`, the bytes of each word of `middle` bytes reversed."""
    VALUE = 4
    """`octets`: bytes of a value that do not stand in the source like that."""
    OPEN = 5
    """`octets`: header of a sequence; `middle` as with HEADER."""
    MARK = 6
    """`octets`: tag of an item or fragment (in the old format with its length), or delimiter of pixel data."""
    CLOSE = 7
    """`octets`: delimiter of a sequence."""


Piece = tuple[Op, int, int, int, bytes]
"""(op, start, middle, end, octets). A plain tuple, because one is made for each element, on the hot path."""


@dataclass(frozen=True, slots=True)
class Normalised:
    """Tags of the elements of a stream of which readers may take the value for another one than the MAC does."""

    uids: set[int] = field(default_factory=set)
    """White space stands in front of a UID or within it."""
    padded: set[int] = field(default_factory=set)
    """A text ends in more spaces than it needs."""

    def note(
        self, element: tuple[int, VR, int, int, Encoding], view: memoryview, normal: tuple[int, bytes | None]
    ) -> None:
        """Take a value that is not in the stream as it stands: where its part that stays ends, or what replaces it."""
        tag, _, start, end, _ = element
        stays_until, replacement = normal
        if replacement is None:
            if end - stays_until > 1:
                self.padded.add(tag)
        elif replacement != bytes(view[start:end]).rstrip(b" \0"):
            self.uids.add(tag)


_CHUNK_BYTES = 1 << 16
"""Of a value that is looked at from its end."""
_MAX_SHORT = encode.MAX_SHORT_LENGTH


def _normalised(source: Source, element_vr: VR, start: int, end: int) -> tuple[int, bytes | None, bytes]:
    """(end of the bytes that stay, replacement of all of them or None, bytes that follow) of the normal value."""
    view = source.view
    odd = bool((end - start) % 2)
    if element_vr.padding is Padding.NONE:
        return end, None, b""
    if element_vr.padding is Padding.NUL:
        return end, None, b"\0" if odd else b""
    if element_vr.padding is Padding.TEXT:
        if odd:  # The NUL that makes it even stands behind the spaces, so they stay.
            return end, None, b"\0"
        end = _without_trailing_spaces(view, start, end)
        return end, None, b" " if (end - start) % 2 else b""
    if end - start > MAX_NORMALISED_BYTES:
        raise LimitExceeded("bytes of a UID element", end - start, MAX_NORMALISED_BYTES)
    value = b"".join(bytes(view[start:end]).split()).rstrip(b"\0")
    return end, value, b"\0" if len(value) % 2 else b""


def _without_trailing_spaces(view: memoryview, start: int, end: int) -> int:
    """Where a value ends without the spaces behind it, of which there may be any number."""
    while end > start:
        begin = max(start, end - _CHUNK_BYTES)
        length = len(bytes(view[begin:end]).rstrip(b" "))
        if length:
            return begin + length
        end = begin
    return end


def _element_pieces(
    source: Source,
    token: tuple[int, VR, int, int, Encoding],
    encoding: Encoding,
    normalised: Normalised | None,
) -> Iterator[Piece]:
    """Pieces of an element that cannot be taken as it stands."""
    tag, element_vr, start, end, stored = token
    stays_until, replacement, following = _normalised(source, element_vr, start, end)
    if normalised is not None:
        normalised.note(token, source.view, (stays_until, replacement))
    length = (stays_until - start if replacement is None else len(replacement)) + len(following)
    header_vr = element_vr
    if encoding.explicit and not element_vr.long and length > _MAX_SHORT:
        header_vr = vr.UN  # PS3.5 6.2.2 note 3: what does not fit a 16-bit length is written as UN.
    header = encode.header(tag, header_vr, length, encoding)
    yield Op.HEADER, 0, len(header), 0, header
    little_endian = encoding.little_endian or header_vr is not element_vr  # The words of UN are little endian.
    swapped = element_vr.width > 1 and stored.little_endian != little_endian
    if replacement is not None:
        yield _value(replacement + following)
    elif swapped and following:
        yield _value(swapped_words(bytes(source.view[start:end]) + following, element_vr.width))
    else:
        if stays_until > start:
            op, middle = (Op.SWAPPED, element_vr.width) if swapped else (Op.SOURCE, start)
            yield op, start, middle, stays_until, b""
        if following:
            yield _value(following)


def _value(octets: bytes) -> Piece:
    return Op.VALUE, 0, 0, 0, octets


def in_tag_order(tokens: Iterable[Token]) -> list[Token]:
    """Tokens inside a sequence, the elements of each item in ascending tag order; of equal tags the first stays.

    Raises LimitExceeded.
    """
    sequences: list[list[Token]] = [[]]
    opened: list[dict[int, list[Token]]] = []
    for count, token in enumerate(tokens):
        if count == MAX_DISORDERED_TOKENS:
            raise LimitExceeded("elements and items of a sequence out of order", count + 1, MAX_DISORDERED_TOKENS)
        kind = token.kind
        if kind is Kind.ELEMENT:
            opened[-1].setdefault(token.tag, [token])
        elif kind is Kind.ITEM:
            sequences[-1].append(token)
            opened.append({})
        elif kind is Kind.ITEM_END:
            elements = opened.pop()
            for tag in sorted(elements):
                sequences[-1].extend(elements[tag])
            sequences[-1].append(token)
        elif kind is Kind.SEQUENCE or kind is Kind.FRAGMENTS:
            sequences.append([token])
        elif (kind is Kind.SEQUENCE_END or kind is Kind.FRAGMENTS_END) and opened:
            opened[-1].setdefault(token.tag, [*sequences.pop(), token])
        else:
            sequences[-1].append(token)
    return sequences[0]


def merged_pieces(
    carrier: Carrier,
    elements: Sequence[Element],
    encoding: Encoding,
    *,
    old_format: bool = False,
    normalised: Normalised | None = None,
) -> Iterator[Piece]:
    """The bytes of `pieces`, with one SOURCE for each run of plain elements that all are among `elements`."""
    for part, is_plain in parts(carrier, elements):
        if is_plain and carrier.encoding is encoding:
            start = part[0].start
            yield _SOURCE, start, start, part[-1].end, b""
        else:
            yield from pieces(carrier, part, encoding, old_format=old_format, normalised=normalised)


def parts(carrier: Carrier, elements: Sequence[Element]) -> Iterator[tuple[Sequence[Element], bool]]:
    """`elements` of `carrier`, which are in ascending tag order, in parts: whole runs of plain ones (True), and others.

    Elements of a run that are not all among them are others too.
    """
    runs = _plain_runs(carrier)
    position = begin = 0
    while runs and position < len(elements):
        run = runs.get(elements[position].start)
        # As many as there are in the run, in order from its first to its last one: these are all of them.
        if run is None or elements[position + run[0] - 1 : position + run[0]] != [run[1]]:
            position += 1
            continue
        if begin < position:
            yield elements[begin:position], False
        begin, position = position, position + run[0]
        yield elements[begin:position], True
        begin = position
    if begin < len(elements):
        yield elements[begin:], False


def _plain_runs(carrier: Carrier) -> dict[int, tuple[int, Element]]:
    """Number of elements and last element of each run of plain elements, by the offset at which it starts."""
    if not carrier.is_in_order:
        return {}
    elements = carrier.elements
    return {elements[first].start: (beyond - first, elements[beyond - 1]) for first, beyond in carrier.plain}


def pieces(
    carrier: Carrier,
    elements: Iterable[Element],
    encoding: Encoding,
    *,
    old_format: bool = False,
    normalised: Normalised | None = None,
) -> Iterator[Piece]:
    """The MAC stream of `elements` of `carrier`, in the order given, encoded as `encoding`.

    `elements` are signable and in ascending tag order. In the `old_format` of DCMTK before 3.5.4 each fragment has its
    length behind its tag, which the standard does not allow. `normalised` is told what readers may see otherwise.
    Raises LimitExceeded.
    """
    source = carrier.source
    view = source.view
    stored = carrier.encoding
    as_stored = stored is encoding
    for element in elements:
        tag, element_vr, kind, start, value_start, value_end, _, notes, _ = element
        if kind is _ELEMENT:
            if as_stored and is_normal(view, element_vr.padding, value_start, value_end):
                yield _WHOLE, start, value_start, value_end, b""
            else:
                token = (tag, element_vr, value_start, value_end, stored)
                yield from _element_pieces(source, token, encoding, normalised)
            continue
        tokens: Iterable[Token] = walk_element(carrier, element)
        if notes & (Notes.DISORDERED | Notes.DUPLICATES):
            tokens = in_tag_order(tokens)
        if kind is Kind.SEQUENCE:
            yield _sequence_header(tag, encoding)
            yield from _nested_pieces(source, tokens, encoding, old_format, normalised)
            yield Op.CLOSE, 0, 0, 0, encode.tag_bytes(tags.SEQUENCE_DELIMITATION_ITEM, encoding)
        else:
            yield _pixel_data_header(tag, encoding)
            yield from _nested_pieces(source, tokens, encoding, old_format, normalised)
            yield Op.MARK, 0, 0, 0, encode.tag_bytes(tags.SEQUENCE_DELIMITATION_ITEM, encoding)


_ELEMENT = Kind.ELEMENT
_WHOLE = Op.WHOLE
_SOURCE = Op.SOURCE
_OPENING = frozenset((Kind.SEQUENCE, Kind.FRAGMENTS))
_CLOSING = frozenset((Kind.SEQUENCE_END, Kind.FRAGMENTS_END))


def _sequence_header(tag: int, encoding: Encoding) -> Piece:
    header = encode.tag_bytes(tag, encoding)
    return (Op.OPEN, 0, 12, 0, header + b"SQ\0\0") if encoding.explicit else (Op.OPEN, 0, 8, 0, header)


def _pixel_data_header(tag: int, encoding: Encoding) -> Piece:
    header = encode.tag_bytes(tag, encoding)
    return (Op.HEADER, 0, 12, 0, header + b"OB\0\0") if encoding.explicit else (Op.HEADER, 0, 8, 0, header)


def _nested_pieces(
    source: Source, tokens: Iterable[Token], encoding: Encoding, old_format: bool, normalised: Normalised | None
) -> Iterator[Piece]:
    """Pieces of what is inside a sequence or encapsulated pixel data; elements that are never signed are left out."""
    view = source.view
    item = encode.tag_bytes(tags.ITEM, encoding)
    delimiter = encode.tag_bytes(tags.SEQUENCE_DELIMITATION_ITEM, encoding)
    left_out = 0  # depth inside a sequence that is never signed
    for kind, tag, element_vr, start, value_start, value_end, stored in tokens:
        if left_out:
            left_out += (kind in _OPENING) - (kind in _CLOSING)
        elif kind is _ELEMENT:
            assert value_end is not None
            is_usual = tags.LENGTH_TO_END < tag < tags.MAC_PARAMETERS_SEQUENCE and tag & 0xFFFF
            if not is_usual and tags.is_never_signed(tag):
                continue
            if stored is encoding and is_normal(view, element_vr.padding, value_start, value_end):
                yield _WHOLE, start, value_start, value_end, b""
            else:
                token = (tag, element_vr, value_start, value_end, stored)
                yield from _element_pieces(source, token, encoding, normalised)
        elif kind is Kind.ITEM:
            yield Op.MARK, 0, 0, 0, item
        elif kind is Kind.FRAGMENT:
            assert value_end is not None
            odd = (value_end - value_start) % 2
            length = encode.length_field(value_end - value_start + odd, encoding) if old_format else b""
            yield Op.MARK, 0, 0, 0, item + length
            yield Op.SOURCE, value_start, value_start, value_end, b""
            if odd:
                yield _value(b"\0")
        elif kind in _OPENING and tags.is_never_signed(tag):
            left_out = 1
        elif kind is Kind.SEQUENCE:
            yield _sequence_header(tag, encoding)
        elif kind is Kind.SEQUENCE_END:
            yield Op.CLOSE, 0, 0, 0, delimiter
        elif kind is Kind.FRAGMENTS:
            yield _pixel_data_header(tag, encoding)
        elif kind is Kind.FRAGMENTS_END:
            yield Op.MARK, 0, 0, 0, delimiter


Update = Callable[[bytes | memoryview], object]


def feed(update: Update, source: Source, stream: Iterable[Piece]) -> None:
    """Give the bytes of `stream` to `update` (of a digest, or a file's write), untouched runs as one slice each."""
    run_start = run_end = 0
    for op, start, middle, end, octets in stream:
        if op is _WHOLE or op is _SOURCE:
            if start == run_end:
                run_end = end
                continue
            for window in source.windows(run_start, run_end):
                update(window)
            run_start, run_end = start, end
            continue
        if run_end > run_start:
            for window in source.windows(run_start, run_end):
                update(window)
        run_start = run_end = -1
        if op is Op.SWAPPED:
            for window in source.windows(start, end):
                update(swapped_words(window, middle))
        else:
            update(octets)
    if run_end > run_start:
        for window in source.windows(run_start, run_end):
            update(window)
