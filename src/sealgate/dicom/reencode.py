"""Writing a data set in another uncompressed transfer syntax, or with other forms of length (PS3.5 section 7, A.1-A.5).

Two passes over the headers: the first one adds up the lengths of sequences, items and groups, the second one writes. So
memory does not grow with values, and the words of pixel data are swapped window by window. Values stay as they are but
for the byte order; a value of odd length gets its NUL where its element has to be written anew.
"""

from __future__ import annotations

import array
import struct
from collections.abc import Iterable, Iterator
from enum import Enum
from itertools import chain

from sealgate.dicom import encode, tags, vr
from sealgate.dicom.deflate import deflate
from sealgate.dicom.part10 import (
    FILE_META_GROUP_LENGTH,
    PREAMBLE_BYTES,
    PREFIX,
    TRANSFER_SYNTAX_UID,
    DataSet,
    Inflated,
    read_file_meta,
)
from sealgate.dicom.scan import Carrier
from sealgate.dicom.source import Source
from sealgate.dicom.transfer_syntax import Encoding, TransferSyntax
from sealgate.dicom.unknown import misread_sequence, with_known_vrs
from sealgate.dicom.vr import VR, Padding
from sealgate.dicom.walk import UNDEFINED_LENGTH, Kind, Token, walk
from sealgate.dicom.words import swapped
from sealgate.errors import ConversionImpossible


class Lengths(Enum):
    """How the lengths of sequences and items are written (PS3.5 7.5.1 and 7.5.2)."""

    KEPT = "kept"
    """Each as it was."""
    EXPLICIT = "explicit"
    """All explicit, but for those that do not fit 32 bits."""
    UNDEFINED = "undefined"


def reencoded(
    data_set: Carrier,
    source_syntax: TransferSyntax,
    target_syntax: TransferSyntax,
    *,
    lengths: Lengths = Lengths.EXPLICIT,
    convert_unknown: bool = False,
) -> Iterator[bytes | memoryview]:
    """The main data set `data_set`, which is in `source_syntax`, as it stands in a file in `target_syntax`.

    Group lengths and Length to End that are there get the values that are true of the result; offsets inside a DICOMDIR
    do not. UN of undefined length becomes a sequence (PS3.5 6.2.2 note 4), and what does not fit the 16-bit length of
    its VR becomes UN (note 3). With `convert_unknown`, UN of defined length gets the VR that the dictionary knows.

    Raises, before the first byte is asked for, ConversionImpossible where pixel data would have to be compressed or
    decompressed, or where a value would no longer be readable; MalformedDataSet, Truncated and LimitExceeded.
    """
    if target_syntax.encapsulated and target_syntax.uid != source_syntax.uid:
        reason = "pixel data is not compressed here; choose the same syntax or an uncompressed one"
        raise ConversionImpossible(source_syntax.uid, target_syntax.uid, reason)
    if data_set.encoding.explicit and not target_syntax.encoding.explicit:
        tag = misread_sequence(_tokens(data_set), data_set)
        if tag is not None:
            reason = f"{tags.written(tag)} is a sequence in only one of them, so it could not be read"
            raise ConversionImpossible(source_syntax.uid, target_syntax.uid, reason)
    # Fragments are copied as they are, which may only be where their transfer syntax stays.
    stays = source_syntax.uid == target_syntax.uid
    written = _written(data_set, target_syntax.encoding, lengths, fragments=stays, convert_unknown=convert_unknown)
    if written is None:
        reason = "compressed pixel data is not decompressed here; choose the same syntax"
        raise ConversionImpossible(source_syntax.uid, target_syntax.uid, reason)
    return deflate(written) if target_syntax.deflated else written


def with_unknown_converted(data_set: DataSet, carrier: Carrier, placed: Inflated) -> DataSet:
    """`data_set`, in which elements of VR UN and defined length have the VR that the dictionary of `carrier` knows.

    Everything else stays, forms of length included. The result lies where `placed` puts it; a data set in which there
    is nothing to convert is returned as it is. Raises MalformedDataSet, Truncated and LimitExceeded.
    """
    if not carrier.encoding.explicit or all(token.vr is not vr.UN for token in _tokens(carrier)):
        return data_set
    written = _written(carrier, carrier.encoding, Lengths.KEPT, fragments=True, convert_unknown=True)
    if written is None:
        return data_set  # fragments inside UN of undefined length: nothing that anybody writes, so it stays as it is
    return data_set.with_content(placed(written))


def _tokens(data_set: Carrier) -> Iterator[Token]:
    start, end = data_set.start, data_set.end
    return walk(data_set.source, data_set.encoding, start, end, dictionary=data_set.dictionary)


def _written(
    data_set: Carrier, encoding: Encoding, lengths: Lengths, *, fragments: bool, convert_unknown: bool
) -> Iterator[bytes | memoryview] | None:
    """The data set in another encoding, not deflated; None where there are fragments that cannot be copied."""

    def tokens() -> Iterator[Token]:
        found = _tokens(data_set)
        return with_known_vrs(found, data_set) if convert_unknown and encoding.explicit else found

    measure = _Measure(encoding, lengths, fragments=fragments)
    if not all(measure.take(token) for token in tokens()):
        return None
    return _joined(data_set.source, _parts(data_set.source, tokens(), encoding, measure.finished()))


class _Level:
    """The data set, a sequence or an item, while its length is added up."""

    __slots__ = ("group", "group_slot", "opened", "size", "slot")

    def __init__(self, opened: Token | None, slot: int) -> None:
        self.opened = opened
        self.slot = slot
        self.size = 0
        self.group = -1
        self.group_slot = -1


class _Measure:
    """Adds up the lengths of the result: of sequences and items, of groups, and Length to End.

    They come in the order in which they are written, at 8 bytes each.
    """

    def __init__(self, encoding: Encoding, lengths: Lengths, *, fragments: bool) -> None:
        self._encoding = encoding
        self._lengths = lengths
        self._fragments = fragments
        self._slots = array.array("Q")
        self._levels = [_Level(None, -1)]
        self._length_to_end: tuple[int, int] | None = None

    def take(self, token: Token) -> bool:
        """Take the next token; False where it is one of pixel data that cannot be written."""
        kind = token.kind
        if kind is _ELEMENT:
            self._element(token)
        elif kind in _OPENING:
            self._levels.append(_Level(token, len(self._slots)))
            self._slots.append(0)
        elif kind in _CLOSING:
            self._close(self._levels.pop())
        elif not self._fragments or token.encoding is not self._encoding:
            return False
        else:
            start, end = _fragment_span(token)
            self._add(token.tag, end - start)
        return True

    def finished(self) -> array.array[int]:
        """The lengths, when all tokens were taken."""
        if self._length_to_end is not None:
            slot, before = self._length_to_end
            self._slots[slot] = (self._levels[0].size - before) & 0xFFFFFFFF
        return self._slots

    def _element(self, token: Token) -> None:
        level = self._levels[-1]
        if _is_group_length(token):
            self._add(token.tag, _NUMBER_BYTES)
            level.group, level.group_slot = token.tag >> 16, len(self._slots)
            self._slots.append(0)
        elif _is_length_to_end(token, len(self._levels) - 1):
            self._add(token.tag, _NUMBER_BYTES)
            self._length_to_end = len(self._slots), level.size
            self._slots.append(0)
        else:
            self._add(token.tag, _element_size(token, self._encoding))

    def _add(self, tag: int, size: int) -> None:
        level = self._levels[-1]
        level.size += size
        if level.group_slot >= 0 and tag >> 16 in (level.group, _FRAGMENT_GROUP):
            slots = self._slots
            slots[level.group_slot] = (slots[level.group_slot] + size) & 0xFFFFFFFF  # retired, so it need not fit

    def _close(self, level: _Level) -> None:
        opened = level.opened
        assert opened is not None
        is_kept = self._lengths is Lengths.KEPT and opened.value_end is None
        is_undefined = is_kept or self._lengths is Lengths.UNDEFINED or level.size >= UNDEFINED_LENGTH
        self._slots[level.slot] = UNDEFINED_LENGTH if is_undefined else level.size
        size = level.size + (_DELIMITER_BYTES if is_undefined else 0)
        is_explicit_sequence = opened.kind is Kind.SEQUENCE and self._encoding.explicit
        self._add(opened.tag, size + (12 if is_explicit_sequence else 8))


_ELEMENT = Kind.ELEMENT
_OPENING = frozenset((Kind.SEQUENCE, Kind.ITEM))
_CLOSING = frozenset((Kind.SEQUENCE_END, Kind.ITEM_END))
_DELIMITER_BYTES = 8
_NUMBER_BYTES = 12
"""An element of VR UL with one value, in every encoding."""
_FRAGMENT_GROUP = 0xFFFE
"""Fragments are items; they stand in the group of their pixel data."""


def _is_group_length(token: Token) -> bool:
    return token.tag & 0xFFFF == 0 and token.value_end == token.value_start + 4


def _is_length_to_end(token: Token, depth: int) -> bool:
    return token.tag == tags.LENGTH_TO_END and depth == 0 and token.value_end == token.value_start + 4


def _fragment_span(token: Token) -> tuple[int, int]:
    """Bytes of the header of pixel data, of a fragment, or of the delimiter."""
    if token.kind is Kind.FRAGMENTS:
        return token.start, token.value_start
    assert token.value_end is not None
    return token.value_start if token.kind is Kind.FRAGMENTS_END else token.start, token.value_end


def _is_untouched(token: Token, encoding: Encoding) -> bool:
    """Whether header and value are written as they stand."""
    return token.encoding is encoding


def _padded_length(token: Token) -> int:
    assert token.value_end is not None
    length = token.value_end - token.value_start
    return length + 1 if length % 2 and token.vr.padding is not Padding.NONE else length


def _written_vr(element_vr: VR, length: int) -> VR:
    """VR in an explicit header that is written anew."""
    does_not_fit = not element_vr.long and length > encode.MAX_SHORT_LENGTH
    return vr.UN if does_not_fit or not element_vr.signable else element_vr


def _element_size(token: Token, encoding: Encoding) -> int:
    if _is_untouched(token, encoding):
        assert token.value_end is not None
        return token.value_end - token.start
    length = _padded_length(token)
    return length + (12 if encoding.explicit and _written_vr(token.vr, length).long else 8)


Part = bytes | tuple[int, int]
"""New bytes, or where original ones stand."""


def _parts(source: Source, tokens: Iterable[Token], encoding: Encoding, slots: Iterable[int]) -> Iterator[Part]:
    """The result; `slots` are the lengths that `_Measure` gave."""
    lengths = iter(slots)
    undefined: list[bool] = []
    for token in tokens:
        kind = token.kind
        if kind is _ELEMENT:
            if _is_group_length(token) or _is_length_to_end(token, len(undefined)):
                yield encode.header(token.tag, vr.UL, 4, encoding) + struct.pack(encoding.order + "L", next(lengths))
            elif _is_untouched(token, encoding):
                assert token.value_end is not None
                yield token.start, token.value_end
            else:
                yield from _element_parts(source, token, encoding)
        elif kind in _OPENING:
            length = next(lengths)
            undefined.append(length == UNDEFINED_LENGTH)
            if kind is Kind.SEQUENCE:
                yield encode.header(token.tag, vr.SQ, length, encoding)
            else:
                yield _mark(tags.ITEM, length, encoding)
        elif kind in _CLOSING:
            if undefined.pop():
                is_item = kind is Kind.ITEM_END
                tag = tags.ITEM_DELIMITATION_ITEM if is_item else tags.SEQUENCE_DELIMITATION_ITEM
                yield _mark(tag, 0, encoding)
        else:
            yield _fragment_span(token)


def _mark(tag: int, length: int, encoding: Encoding) -> bytes:
    return encode.tag_bytes(tag, encoding) + struct.pack(encoding.order + "L", length)


def _element_parts(source: Source, token: Token, encoding: Encoding) -> Iterator[Part]:
    """An element that is written anew."""
    length = _padded_length(token)
    written_vr = _written_vr(token.vr, length)
    start, end = token.value_start, token.value_end
    assert end is not None
    yield encode.header(token.tag, written_vr, length, encoding)
    # The words of UN are little endian in every transfer syntax (PS3.5 6.2.2 note 2).
    is_little = encoding.little_endian or written_vr is vr.UN
    if token.vr.width == 1 or token.encoding.little_endian == is_little:
        yield start, end
        if length > end - start:
            yield b"\0"
    elif length > end - start:  # The NUL belongs to the last word.
        yield swapped(bytes(source.view[start:end]) + b"\0", token.vr.width)
    else:
        for window in source.windows(start, end):
            yield swapped(window, token.vr.width)


_JOINED_BYTES = 1 << 16
"""Size of the pieces into which headers and small values are gathered."""


def _joined(source: Source, parts: Iterable[Part]) -> Iterator[bytes | memoryview]:
    """The bytes of `parts`: small ones gathered, untouched runs as windows of the source."""
    gathered = bytearray()
    run_start = run_end = 0
    for part in chain(parts, (b"",)):
        if isinstance(part, tuple) and part[0] == run_end:
            run_end = part[1]
            continue
        if run_end - run_start > _JOINED_BYTES:
            if gathered:
                yield bytes(gathered)
                gathered.clear()
            yield from source.windows(run_start, run_end)
        elif run_end > run_start:
            gathered += source.view[run_start:run_end]
        if isinstance(part, tuple):
            run_start, run_end = part
        else:
            run_start = run_end = -1
            gathered += part
        if len(gathered) > _JOINED_BYTES:
            yield bytes(gathered)
            gathered.clear()
    if gathered:
        yield bytes(gathered)


def reencoded_header(header: bytes | memoryview, transfer_syntax_uid: str) -> bytes:
    """Preamble, prefix and File Meta Information with another Transfer Syntax UID; its other elements stay.

    A header of no bytes stays one. Raises what `read_file_meta` raises.
    """
    if not header:
        return b""
    file_meta = read_file_meta(header)
    start = PREAMBLE_BYTES + len(PREFIX)
    source = Source(header, start, file_meta.data_set_start)
    value = transfer_syntax_uid.encode("ascii")
    element = encode.element(TRANSFER_SYNTAX_UID, "UI", value, Encoding.EXPLICIT_LE)
    kept = [
        (token.tag, bytes(source.view[token.start : token.value_end]))
        for token in walk(source, Encoding.EXPLICIT_LE)
        if token.tag not in (FILE_META_GROUP_LENGTH, TRANSFER_SYNTAX_UID)
    ]
    group = b"".join(octets for _, octets in sorted([*kept, (TRANSFER_SYNTAX_UID, element)], key=lambda kept: kept[0]))
    length = encode.element(FILE_META_GROUP_LENGTH, "UL", struct.pack("<L", len(group)), Encoding.EXPLICIT_LE)
    return bytes(header[:start]) + length + group
