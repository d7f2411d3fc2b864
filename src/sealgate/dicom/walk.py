"""Strict, bounded walk over the headers of a data set: one pass that decodes no value that need not be.

Tokens come at every depth, in the order of the bytes. What breaks PS3.5 is refused with its offset, and the walk stops
at named limits. It can go on over a buffer that is still growing: it yields `Kind.STARVED` where more bytes are needed,
and takes up its work when it is asked again after `Source.extend`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple

from sealgate.dicom import tags, vr
from sealgate.dicom.dictionary import STANDARD, Dictionary, ImplicitContext
from sealgate.dicom.limits import DEFAULT_SCAN_LIMITS, ScanLimits
from sealgate.dicom.source import WINDOW_BYTES, Source
from sealgate.dicom.transfer_syntax import Encoding
from sealgate.dicom.vr import VR
from sealgate.errors import LimitExceeded, MalformedDataSet, Truncated

UNDEFINED_LENGTH = 0xFFFFFFFF


class Kind(IntEnum):
    """What a token stands for."""

    ELEMENT = 0
    """A data element with a value of defined length."""
    SEQUENCE = 1
    SEQUENCE_END = 2
    ITEM = 3
    ITEM_END = 4
    FRAGMENTS = 5
    """Encapsulated pixel data (PS3.5 A.4); its fragments follow, the Basic Offset Table first."""
    FRAGMENT = 6
    FRAGMENTS_END = 7
    STARVED = 8
    """The source has to grow before the scan can go on."""


class Token(NamedTuple):
    """One header, at any depth. `value_end` is None where the length is undefined; an end token spans its delimiter."""

    kind: Kind
    tag: int
    vr: VR
    start: int
    value_start: int
    value_end: int | None
    encoding: Encoding


_EXPLICIT = {"<": struct.Struct("<HH2sH").unpack_from, ">": struct.Struct(">HH2sH").unpack_from}
_IMPLICIT = {"<": struct.Struct("<HHL").unpack_from, ">": struct.Struct(">HHL").unpack_from}
_LENGTH = {"<": struct.Struct("<L").unpack_from, ">": struct.Struct(">L").unpack_from}

_HEADER_BYTES = 8
"""Tag and length of an item, or tag, VR and short length of an element; every header has at least these."""


class Frame(NamedTuple):
    """An open sequence or item (the data set itself is the outermost item)."""

    tag: int
    start: int
    end: int | None
    encoding: Encoding
    is_sequence: bool
    context: ImplicitContext | None
    """What an item in implicit VR has said about the VRs of its elements."""


def item_frame(start: int, end: int | None, encoding: Encoding, dictionary: Dictionary) -> Frame:
    """The frame of an item, or of the data set itself."""
    context = None if encoding.explicit else ImplicitContext(dictionary)
    return _new(Frame, (tags.ITEM, start, end, encoding, False, context))


def _sequence_frame(tag: int, start: int, end: int | None, encoding: Encoding) -> Frame:
    return _new(Frame, (tag, start, end, encoding, True, None))


class Walker:
    """State of one walk. The stack holds the open frames; the innermost one decides how the next header is read."""

    def __init__(self, source: Source, outermost: Frame, limits: ScanLimits, dictionary: Dictionary) -> None:
        self.source = source
        self.position = outermost.start
        """Where the next header begins. Who reads elements of the outermost frame otherwise puts it behind them."""
        self.stack = [outermost]
        self.limits = limits
        self.dictionary = dictionary
        self.work = source.work_of_walk(limits.max_tokens)

    def tokens(self) -> Iterator[Token]:
        """All tokens below the outermost frame, which itself gives none."""
        stack = self.stack
        source = self.source
        release_at = self.position + WINDOW_BYTES
        for _ in self.work.headers:
            frame = stack[-1]
            position = self.position
            if position >= release_at:
                source.forget(position)
                release_at = position + WINDOW_BYTES
            if position == frame.end:
                stack.pop()
                if not stack:
                    return
                yield _end_token(frame, position, position)
                continue
            while position + _HEADER_BYTES > len(source.view):
                if source.complete:
                    if len(stack) == 1 and frame.end is None and position == len(source.view):
                        return
                    raise self._no_header(position)
                yield _STARVED
            if frame.is_sequence:
                yield self._sequence_header(frame, position)
                continue
            token = self._explicit_le(frame, position) if frame.encoding is _EXPLICIT_LE else None
            if token is None:
                yield from self._element_header(frame, position)
            else:
                yield token
        raise self.work.exceeded()

    def _explicit_le(self, frame: Frame, position: int) -> Token | None:
        """An element that nearly every data set is made of; None for all others, which `_element_header` reads."""
        view = self.source.view
        group, number, code, length = _EXPLICIT_LE_HEADER(view, position)
        known = _KNOWN.get(code)
        if known is None or group == 0xFFFE:
            return None
        value_start = position + _HEADER_BYTES
        if known.long:
            if value_start + 4 > len(view):
                return None
            (length,) = _LENGTH_LE(view, value_start)
            if length == UNDEFINED_LENGTH:
                return None
            value_start += 4
        tag, end = group << 16 | number, value_start + length
        if (frame.end is not None and end > frame.end) or (end > len(view) and self.source.complete):
            raise self._beyond(frame, position, value_start, length, tag)
        if known is vr.SQ:
            self._push(_sequence_frame(tag, value_start, end, _EXPLICIT_LE), position)
            return _new(Token, (_SEQUENCE, tag, known, position, value_start, end, _EXPLICIT_LE))
        self.position = end
        return _new(Token, (_ELEMENT, tag, known, position, value_start, end, _EXPLICIT_LE))

    def _no_header(self, position: int) -> Truncated:
        """What is missing where the bytes end before a header does; a source that grew may end within a value."""
        available = len(self.source.view) - position
        if available < 0:
            return Truncated("the data set", 0, position, len(self.source.view))
        return Truncated("a header", position, _HEADER_BYTES, available)

    def _delimiter(self, frame: Frame, tag: int, length: int, position: int) -> Token:
        """Leave a frame of undefined length at its delimiter."""
        expected = tags.SEQUENCE_DELIMITATION_ITEM if frame.is_sequence else tags.ITEM_DELIMITATION_ITEM
        if tag != expected or frame.end is not None or len(self.stack) == 1:
            raise MalformedDataSet(f"unexpected {tags.written(tag)}", position)
        if length:
            raise MalformedDataSet(f"delimiter {tags.written(tag)} with a length of {length}", position)
        self.stack.pop()
        self.position = position + _HEADER_BYTES
        return _end_token(frame, position, self.position)

    def _push(self, frame: Frame, offset: int) -> None:
        if len(self.stack) > self.limits.max_depth:
            raise LimitExceeded(
                f"nested sequences and items at offset {offset}", len(self.stack), self.limits.max_depth
            )
        self.stack.append(frame)
        self.position = frame.start

    def _sequence_header(self, frame: Frame, position: int) -> Token:
        """An item of the sequence, or the delimiter of the sequence."""
        unpack = _ITEM_BE if frame.encoding is Encoding.EXPLICIT_BE else _ITEM_LE
        group, number, length = unpack(self.source.view, position)
        tag = group << 16 | number
        if tag != tags.ITEM:
            return self._delimiter(frame, tag, length, position)
        value_start = position + _HEADER_BYTES
        end = None
        if length != UNDEFINED_LENGTH:
            end = value_start + length
            self._check_end(frame, end, position, value_start, length, tag)
        self._push(item_frame(value_start, end, frame.encoding, self.dictionary), position)
        return _new(Token, (Kind.ITEM, tag, vr.SQ, position, value_start, end, frame.encoding))

    def _element_header(self, frame: Frame, position: int) -> Iterator[Token]:
        """An element of a data set or item, or the delimiter of the item."""
        view = self.source.view
        encoding = frame.encoding
        group, number, code, length = _EXPLICIT[encoding.order](view, position)
        tag = group << 16 | number
        value_start = position + _HEADER_BYTES
        if group == 0xFFFE or not encoding.explicit:
            (length,) = _LENGTH[encoding.order](view, position + 4)
            if tag in (tags.ITEM, tags.ITEM_DELIMITATION_ITEM, tags.SEQUENCE_DELIMITATION_ITEM):
                yield self._delimiter(frame, tag, length, position)
                return
            element_vr = frame.context.vr(tag) if frame.context is not None else vr.UNKNOWN_LONG
        else:
            element_vr = vr.of_code(code)
            if element_vr.long:
                yield from self._await(value_start + 4, position)
                (length,) = _LENGTH[encoding.order](self.source.view, value_start)
                value_start += 4
        if length == UNDEFINED_LENGTH and (element_vr.long or not encoding.explicit):
            yield from self._undefined_length(frame, tag, element_vr, position, value_start)
            return
        end = value_start + length
        self._check_end(frame, end, position, value_start, length, tag)
        if element_vr is vr.SQ:
            self._push(_sequence_frame(tag, value_start, end, encoding), position)
            yield Token(Kind.SEQUENCE, tag, vr.SQ, position, value_start, end, encoding)
            return
        if frame.context is not None and frame.context.needs(tag):
            yield from self._await(min(end, value_start + 64), position)
            frame.context.read(tag, bytes(self.source.view[value_start : min(end, value_start + 64)]))
        self.position = end
        yield Token(Kind.ELEMENT, tag, element_vr, position, value_start, end, encoding)

    def _undefined_length(
        self, frame: Frame, tag: int, element_vr: VR, start: int, value_start: int
    ) -> Iterator[Token]:
        """A sequence, or encapsulated pixel data. UN of undefined length is a sequence in implicit VR (PS3.5 6.2.2)."""
        encoding = frame.encoding
        if element_vr is vr.OB or element_vr is vr.OW:
            yield Token(Kind.FRAGMENTS, tag, vr.OB, start, value_start, None, encoding)
            self.position = value_start
            yield from self.fragments(frame, tag, value_start)
            return
        if element_vr.signable and element_vr is not vr.SQ:
            raise MalformedDataSet(f"element {tags.written(tag)} of VR {element_vr} with undefined length", start)
        inner = encoding if element_vr is vr.SQ else Encoding.IMPLICIT_LE
        self._push(_sequence_frame(tag, value_start, None, inner), start)
        yield Token(Kind.SEQUENCE, tag, vr.SQ, start, value_start, None, encoding)

    def fragments(self, frame: Frame, tag: int, start: int) -> Iterator[Token]:
        """Fragments until the Sequence Delimitation Item (PS3.5 A.4)."""
        release_at = start + WINDOW_BYTES
        for _ in self.work.headers:
            position = self.position
            yield from self._await(position + _HEADER_BYTES, position)
            group, number, length = _IMPLICIT[frame.encoding.order](self.source.view, position)
            value_start = position + _HEADER_BYTES
            item_tag = group << 16 | number
            if item_tag == tags.SEQUENCE_DELIMITATION_ITEM and length == 0:
                self.position = value_start
                yield Token(Kind.FRAGMENTS_END, tag, vr.OB, start, position, value_start, frame.encoding)
                return
            if item_tag != tags.ITEM or length == UNDEFINED_LENGTH:
                raise MalformedDataSet(f"{tags.written(item_tag)} among the fragments of pixel data", position)
            end = value_start + length
            self._check_end(frame, end, position, value_start, length, item_tag)
            self.position = end
            if end >= release_at:
                self.source.forget(position)
                release_at = end + WINDOW_BYTES
            yield Token(Kind.FRAGMENT, item_tag, vr.OB, position, value_start, end, frame.encoding)
        raise self.work.exceeded()

    def _await(self, needed: int, offset: int) -> Iterator[Token]:
        """Starve until `needed` bytes are there; refuse where they never will be."""
        while needed > len(self.source.view):
            if self.source.complete:
                raise Truncated("a header", offset, needed - offset, len(self.source.view) - offset)
            yield _STARVED

    def _check_end(self, frame: Frame, end: int, start: int, value_start: int, length: int, tag: int) -> None:
        if (frame.end is not None and end > frame.end) or (self.source.complete and end > len(self.source.view)):
            raise self._beyond(frame, start, value_start, length, tag)

    def _beyond(self, frame: Frame, start: int, value_start: int, length: int, tag: int) -> Truncated:
        limit = len(self.source.view)
        if frame.end is not None and not (self.source.complete and limit < frame.end):
            limit = frame.end
        return Truncated(f"the value of {tags.written(tag)}", start, length, max(limit - value_start, 0))


_ELEMENT, _SEQUENCE = Kind.ELEMENT, Kind.SEQUENCE
_EXPLICIT_LE = Encoding.EXPLICIT_LE
_EXPLICIT_LE_HEADER = _EXPLICIT["<"]
_ITEM_LE, _ITEM_BE = _IMPLICIT["<"], _IMPLICIT[">"]
_LENGTH_LE = _LENGTH["<"]
_KNOWN = vr.BY_CODE
_new = tuple.__new__
_STARVED = Token(Kind.STARVED, 0, vr.UN, 0, 0, None, Encoding.EXPLICIT_LE)


def _end_token(frame: Frame, value_end: int, end: int) -> Token:
    kind = Kind.SEQUENCE_END if frame.is_sequence else Kind.ITEM_END
    return _new(Token, (kind, frame.tag, vr.SQ, frame.start, value_end, end, frame.encoding))


def walk(
    source: Source,
    encoding: Encoding,
    start: int = 0,
    end: int | None = None,
    limits: ScanLimits = DEFAULT_SCAN_LIMITS,
    dictionary: Dictionary = STANDARD,
) -> Iterator[Token]:
    """Tokens of the data set or item content between `start` and `end` (None: to the end of the source).

    `dictionary` gives the VRs of implicit VR.
    Raises MalformedDataSet, Truncated and LimitExceeded.
    """
    return Walker(source, item_frame(start, end, encoding, dictionary), limits, dictionary).tokens()


def walk_sequence(
    source: Source,
    encoding: Encoding,
    tag: int,
    start: int,
    end: int,
    limits: ScanLimits = DEFAULT_SCAN_LIMITS,
    dictionary: Dictionary = STANDARD,
) -> Iterator[Token]:
    """Tokens inside the sequence `tag`, whose items stand between `start` and `end` and are encoded as `encoding`.

    Raises MalformedDataSet, Truncated and LimitExceeded.
    """
    return Walker(source, _sequence_frame(tag, start, end, encoding), limits, dictionary).tokens()


def walk_fragments(
    source: Source,
    encoding: Encoding,
    tag: int,
    start: int,
    end: int,
    limits: ScanLimits = DEFAULT_SCAN_LIMITS,
) -> Iterator[Token]:
    """Fragments of the encapsulated pixel data `tag`, which stand between `start` and `end`.

    Raises MalformedDataSet, Truncated and LimitExceeded.
    """
    frame = item_frame(start, end, encoding, STANDARD)
    tokens = Walker(source, frame, limits, STANDARD).fragments(frame, tag, start)
    return (token for token in tokens if token.kind is Kind.FRAGMENT)
