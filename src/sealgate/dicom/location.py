"""Where a carrier stands in a data set: a path of sequence tags and item numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sealgate.dicom import tags
from sealgate.dicom.scan import Carrier, Notes, scan, walk_element
from sealgate.dicom.walk import Kind, Token

_NEVER_CARRIERS = frozenset((tags.ORIGINAL_ATTRIBUTES_SEQUENCE, tags.DIGITAL_SIGNATURES_SEQUENCE))
"""Sequences that are not searched: inside the first is a record of the past, inside the second nothing signs."""


@dataclass(frozen=True, slots=True)
class Location:
    """Path from the main data set to an item: pairs of sequence tag and item number, counted from 0."""

    path: tuple[tuple[int, int], ...] = ()

    def __str__(self) -> str:
        if not self.path:
            return "Main Dataset"
        return ".".join(f"{_name(tag)}[{number}]" for tag, number in self.path)


MAIN_DATA_SET = Location()


def _name(tag: int) -> str:
    from pydicom.datadict import keyword_for_tag

    return keyword_for_tag(tag) or tags.written(tag)


def signature_carriers(data_set: Carrier) -> Iterator[tuple[Location, Carrier]]:
    """Every carrier with a Digital Signatures Sequence: items in the order of the bytes, the data set last.

    Raises what `scan` raises.
    """
    for element in data_set.elements:
        if element.notes & Notes.SIGNATURES and element.tag not in _NEVER_CARRIERS:
            yield from _carriers_inside(data_set, walk_element(data_set, element), element.tag)
    if data_set.element(tags.DIGITAL_SIGNATURES_SEQUENCE) is not None:
        yield MAIN_DATA_SET, data_set


_ELEMENTS = frozenset((Kind.ELEMENT, Kind.SEQUENCE, Kind.FRAGMENTS))


class _Open:
    """An item that is being walked through."""

    __slots__ = ("has_signatures", "token")

    def __init__(self, token: Token) -> None:
        self.token = token
        self.has_signatures = False


def _carriers_inside(
    data_set: Carrier, tokens: Iterator[Token], outermost_tag: int
) -> Iterator[tuple[Location, Carrier]]:
    sequences: list[list[int]] = [[outermost_tag, -1]]
    opened: list[_Open] = []
    for token in tokens:
        if token.tag == tags.DIGITAL_SIGNATURES_SEQUENCE and token.kind in _ELEMENTS:
            opened[-1].has_signatures = True  # whatever its VR: hidden signatures are reported as malformed
        if token.kind is Kind.SEQUENCE:
            sequences.append([token.tag, -1])
        elif token.kind is Kind.SEQUENCE_END and len(sequences) > 1:
            sequences.pop()
        elif token.kind is Kind.ITEM:
            sequences[-1][1] += 1
            opened.append(_Open(token))
        elif token.kind is Kind.ITEM_END:
            item = opened.pop()
            if item.has_signatures and not _NEVER_CARRIERS.intersection(tag for tag, _ in sequences):
                location = Location(tuple((tag, number) for tag, number in sequences))
                start, end = item.token.value_start, token.value_start
                yield location, scan(data_set.source, item.token.encoding, start, end)
