"""Byte splicing: insert, replace or cut spans of a data set while every other byte stays as it is."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sealgate.dicom import encode
from sealgate.dicom.source import Source
from sealgate.dicom.transfer_syntax import Encoding

LENGTH_FIELD_BYTES = 4
"""Length of sequences, items and groups; what has a 16-bit length encloses nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """At `offset` of the original, `cut` bytes go and `inserted` comes."""

    offset: int
    cut: int = 0
    inserted: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class LengthField:
    """A 32-bit length of something around a place: it changes with what is inside."""

    offset: int
    length: int
    encoding: Encoding
    retired: bool = False
    """A group length or Length to End (PS3.5 7.2): no reader should rely on it, so it wraps rather than overflows."""

    def edit(self, growth: int) -> Edit:
        """The edit that raises the length by `growth` bytes. Raises LengthOverflow."""
        length = self.length + growth
        if self.retired:
            value = struct.pack(self.encoding.order + "L", length % (1 << 32))
        else:
            value = encode.length_field(length, self.encoding)
        return Edit(offset=self.offset, cut=LENGTH_FIELD_BYTES, inserted=value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """An edit, and the length fields of everything around it."""

    edit: Edit
    enclosing: tuple[LengthField, ...] = ()

    @property
    def growth(self) -> int:
        """Bytes that come minus bytes that go."""
        return len(self.edit.inserted) - self.edit.cut


def merged(changes: Iterable[Change]) -> tuple[Edit, ...]:
    """The edits of `changes` together with one edit for each length field around any of them.

    A change inside a span that another one cuts goes with it. Where two stand at one offset, the one of the inner item
    has to be given first. Raises LengthOverflow.
    """
    growth: dict[LengthField, int] = {}
    edits: list[Edit] = []
    for change in _outermost(changes):
        edits.append(change.edit)
        for field in change.enclosing:
            growth[field] = growth.get(field, 0) + change.growth
    edits += [field.edit(by) for field, by in growth.items() if by]
    return tuple(sorted(edits, key=lambda edit: (edit.offset, edit.cut > 0)))


def _outermost(changes: Iterable[Change]) -> Iterator[Change]:
    """The changes that do not lie inside a span which another one cuts."""
    cut_until = -1
    for change in sorted(changes, key=_before):
        end = change.edit.offset + change.edit.cut
        if change.edit.offset < cut_until and end <= cut_until:
            continue
        yield change
        cut_until = max(cut_until, end if change.edit.cut else -1)


def _before(change: Change) -> tuple[int, bool, int]:
    """Order of changes: at one offset what is inserted comes before what is cut, and of two cuts the larger first."""
    return change.edit.offset, change.edit.cut > 0, -change.edit.cut


@dataclass(frozen=True, slots=True)
class Span:
    """A run of original bytes that stays."""

    start: int
    end: int


def segments(length: int, edits: Iterable[Edit]) -> list[Span | bytes]:
    """The result of `edits` on an original of `length` bytes, as runs of it and inserted bytes, in order.

    Edits at one offset take effect in the order in which they are given.
    Raises ValueError where edits overlap or lie outside the original.
    """
    result: list[Span | bytes] = []
    position = 0
    for edit in sorted(edits, key=lambda edit: edit.offset):
        if edit.offset < position or edit.offset + edit.cut > length:
            raise ValueError(f"edit at {edit.offset} overlaps another one or lies outside")
        if edit.offset > position:
            result.append(Span(position, edit.offset))
        if edit.inserted:
            result.append(edit.inserted)
        position = edit.offset + edit.cut
    if position < length:
        result.append(Span(position, length))
    return result


def inserted_ranges(segments: Iterable[Span | bytes]) -> tuple[tuple[int, int], ...]:
    """Ranges [start, end) of the result that hold inserted bytes."""
    position, ranges = 0, []
    for segment in segments:
        end = position + (segment.end - segment.start if isinstance(segment, Span) else len(segment))
        if not isinstance(segment, Span):
            ranges.append((position, end))
        position = end
    return tuple(ranges)


def pieces(source: Source, edits: Iterable[Edit]) -> Iterator[memoryview | bytes]:
    """Bytes of `source` after `edits`, in windows of bounded size."""
    for segment in segments(len(source), edits):
        if isinstance(segment, Span):
            yield from source.windows(segment.start, segment.end)
        else:
            yield segment
