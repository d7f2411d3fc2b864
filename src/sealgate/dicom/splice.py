"""Byte splicing: insert, replace or cut spans of a data set while every other byte stays as it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sealgate.dicom.source import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """At `offset` of the original, `cut` bytes go and `inserted` comes."""

    offset: int
    cut: int = 0
    inserted: bytes = b""


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
