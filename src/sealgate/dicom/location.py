"""Where a carrier stands in a data set: a path of sequence tags and item numbers, and the lengths around it."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sealgate.dicom import tags
from sealgate.dicom.dictionary import STANDARD, tag_of
from sealgate.dicom.scan import Carrier, Element, Item, Notes, items, scan, scan_item, walk_element
from sealgate.dicom.splice import LENGTH_FIELD_BYTES, LengthField
from sealgate.dicom.transfer_syntax import Encoding
from sealgate.dicom.walk import Kind, Token
from sealgate.dicom.work import Work
from sealgate.errors import LocationInvalid, LocationNotFound

MAX_LOCATION_CHARACTERS = 10_000
"""Written form of a location; one step has some 40, and no more than 32 steps can be nested."""

NEVER_CARRIERS = frozenset((tags.ORIGINAL_ATTRIBUTES_SEQUENCE, tags.DIGITAL_SIGNATURES_SEQUENCE))
"""Sequences that are not searched: inside the first is a record of the past, inside the second nothing signs."""

_MAX_ITEM_NUMBER = 0xFFFFFFFF

_SHOWN_CHARACTERS = 64
"""What an error shows of a keyword; the longest of PS3.6 has as many."""


@dataclass(frozen=True, slots=True)
class Location:
    """Path from the main data set to an item: pairs of sequence tag and item number, counted from 0."""

    path: tuple[tuple[int, int], ...] = ()

    def __str__(self) -> str:
        if not self.path:
            return "Main Dataset"
        return ".".join(f"{_name(tag)}[{number}]" for tag, number in self.path)

    @classmethod
    def parse(cls, text: str, keyword: Callable[[str], int] = tag_of) -> Location:
        """Location of a text as dcmsign takes it: `Keyword[0].(gggg,eeee)[1]`.

        Spaces may stand before a tag, before `[` and at the end. `keyword` gives the tag of a keyword, or raises
        ValueError. The empty path is not written. Raises LocationInvalid.
        """
        if len(text) > MAX_LOCATION_CHARACTERS:
            raise LocationInvalid(text[:40], "is too long")
        path: list[tuple[int, int]] = []
        position = 0
        while True:
            tag, position = _parsed_tag(text, position, keyword)
            number, position = _parsed_number(text, position)
            path.append((tag, number))
            if not text[position:].strip():
                return cls(tuple(path))
            if text[position] != ".":
                sentence = "has something else than a period behind an item number"
                unknown = _unknown_keyword(text, position, keyword)
                raise LocationInvalid(text, sentence, unknown_keyword=unknown)
            position += 1


MAIN_DATA_SET = Location()

_TAG = re.compile(r"\s*(?:\(\s*([0-9A-Fa-f]{1,4}),\s*([0-9A-Fa-f]{1,4})\s*\)|([0-9A-Za-z]+))")
_NUMBER = re.compile(r"\s*\[([0-9]+)\]")


def _parsed_tag(text: str, position: int, keyword: Callable[[str], int]) -> tuple[int, int]:
    """A sequence tag and the position behind it."""
    if not text[position:].strip():
        raise LocationInvalid(text, "ends where the tag of a sequence is expected", incomplete=True)
    match = _TAG.match(text, position)
    if match is None:
        raise LocationInvalid(text, "has neither a keyword nor (gggg,eeee) where the tag of a sequence is expected")
    if match[3] is None:
        return int(match[1], 16) << 16 | int(match[2], 16), match.end()
    try:
        return keyword(match[3]), match.end()
    except ValueError as error:
        sentence = f"names {match[3][:_SHOWN_CHARACTERS]!r}, which is no keyword of the data dictionary"
        raise LocationInvalid(text, sentence, unknown_keyword=match[3]) from error


def _unknown_keyword(text: str, position: int, keyword: Callable[[str], int]) -> str | None:
    """The keyword that stands at `position` and that no data dictionary knows."""
    match = _TAG.match(text, position)
    if match is None or match[3] is None:
        return None
    try:
        keyword(match[3])
    except ValueError:
        return match[3]
    return None


def _parsed_number(text: str, position: int) -> tuple[int, int]:
    """An item number and the position behind its bracket."""
    if not text[position:].strip():
        raise LocationInvalid(text, "ends where an item number is expected", incomplete=True)
    match = _NUMBER.match(text, position)
    if match is None:
        raise LocationInvalid(text, "has no item number [n] behind the tag of a sequence")
    digits = match[1].lstrip("0")
    number = int(digits or "0") if len(digits) <= len(str(_MAX_ITEM_NUMBER)) else _MAX_ITEM_NUMBER
    return min(number, _MAX_ITEM_NUMBER), match.end()


def _name(tag: int) -> str:
    return STANDARD.keyword(tag) or tags.written(tag)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A carrier where it stands: its elements can be edited so that everything around it stays well-formed."""

    location: Location
    carrier: Carrier
    enclosing: tuple[LengthField, ...] = ()
    """Length fields around the content of the carrier."""

    def around_element(self, tag: int) -> tuple[LengthField, ...]:
        """Length fields around an element of the carrier that comes, goes or changes as a whole."""
        group_length = _group_length(self.carrier, tag)
        return self.enclosing if group_length is None else (*self.enclosing, group_length)

    def around_items(self, sequence: Element) -> tuple[LengthField, ...]:
        """Length fields around the items of a sequence of the carrier."""
        outside = self.around_element(sequence.tag)
        if sequence.undefined_length:
            return outside
        return (*outside, _length_field(sequence.value_start, sequence.value_end, self.carrier.encoding))

    def around_content(self, sequence: Element, item: Item) -> tuple[LengthField, ...]:
        """Length fields around the elements of an item of a sequence of the carrier."""
        outside = self.around_items(sequence)
        if item.undefined_length:
            return outside
        return (*outside, _length_field(item.value_start, item.value_end, item.encoding))


def _length_field(value_start: int, value_end: int, encoding: Encoding) -> LengthField:
    """The field in front of the value of a sequence or item, of 32 bits in all encodings."""
    return LengthField(offset=value_start - LENGTH_FIELD_BYTES, length=value_end - value_start, encoding=encoding)


def _group_length(carrier: Carrier, tag: int) -> LengthField | None:
    """The value of the group length of the group of `tag`, where the carrier has one."""
    wanted = tag & 0xFFFF0000
    if carrier.notes & Notes.DISORDERED:
        return _retired_field(carrier, carrier.element(wanted))
    for element in reversed(carrier.elements):  # The signature sequences stand near the end.
        if element.tag <= wanted:
            return _retired_field(carrier, element) if element.tag == wanted else None
    return None


def _retired_field(carrier: Carrier, element: Element | None) -> LengthField | None:
    if element is None or element.kind is not Kind.ELEMENT:
        return None
    return _retired_length(carrier, element.value_start, element.value_end, carrier.encoding)


def _retired_length(carrier: Carrier, value_start: int, value_end: int, encoding: Encoding) -> LengthField | None:
    if value_end - value_start != LENGTH_FIELD_BYTES:
        return None
    (length,) = struct.unpack(encoding.order + "L", carrier.source.view[value_start:value_end])
    return LengthField(offset=value_start, length=length, encoding=encoding, retired=True)


def main_place(data_set: Carrier) -> Place:
    """The main data set as a place."""
    enclosing: tuple[LengthField, ...] = ()
    for element in data_set.elements[:2]:  # Length to End can only have the length of its group before it.
        if element.tag == tags.LENGTH_TO_END:
            length_to_end = _retired_field(data_set, element)
            enclosing = () if length_to_end is None else (length_to_end,)
    return Place(location=MAIN_DATA_SET, carrier=data_set, enclosing=enclosing)


def find(data_set: Carrier, location: Location) -> Place:
    """The carrier at `location` of the main data set `data_set`. Raises LocationNotFound and what `scan` raises."""
    place = main_place(data_set)
    for depth, (tag, number) in enumerate(location.path):
        sequence = place.carrier.element(tag)
        if sequence is None:
            raise LocationNotFound(location, tag, f"the sequence {tags.written(tag)} is not there")
        if sequence.kind is not Kind.SEQUENCE:
            raise LocationNotFound(location, tag, f"{tags.written(tag)} is no sequence", is_sequence=False)
        count, item = _numbered_item(place.carrier, sequence, number)
        if item is None:
            text = f"the sequence {tags.written(tag)} has {count} items, counted from 0"
            raise LocationNotFound(location, tag, text, items=count, number=number)
        place = Place(
            location=Location(location.path[: depth + 1]),
            carrier=scan_item(place.carrier, item),
            enclosing=place.around_content(sequence, item),
        )
    return place


def _numbered_item(carrier: Carrier, sequence: Element, number: int) -> tuple[int, Item | None]:
    """(number of items that were passed, the item with `number`, or None where there are too few)."""
    count = 0
    for item in items(carrier, sequence):
        if count == number:
            return count, item
        count += 1
    return count, None


def signature_carriers(data_set: Carrier) -> Iterator[Place]:
    """Every carrier with a Digital Signatures Sequence: items in the order of the bytes, the data set last.

    Raises what `scan` raises; LimitExceeded also where carriers are nested so that each is scanned with many others.
    """
    place = main_place(data_set)
    work = Work(data_set.source.allowed_headers)
    for element in data_set.elements:
        if element.notes & Notes.SIGNATURES and element.tag not in NEVER_CARRIERS:
            yield from _carriers_inside(place, element, work)
    if data_set.element(tags.DIGITAL_SIGNATURES_SEQUENCE) is not None:
        yield place


_ELEMENTS = frozenset((Kind.ELEMENT, Kind.SEQUENCE, Kind.FRAGMENTS))


class _OpenSequence:
    """A sequence that is being walked through."""

    __slots__ = ("enclosing", "number", "tag")

    def __init__(self, tag: int, enclosing: tuple[LengthField, ...]) -> None:
        self.tag = tag
        self.number = -1
        self.enclosing = enclosing


class _OpenItem:
    """An item that is being walked through."""

    __slots__ = ("enclosing", "group_lengths", "has_signatures", "number", "token")

    def __init__(self, token: Token, number: int, outside: tuple[LengthField, ...]) -> None:
        self.token = token
        self.number = number
        """Of its token; so many stand inside of it as come until its end."""
        self.has_signatures = False
        self.group_lengths: dict[int, LengthField] = {}
        self.enclosing = outside
        if token.value_end is not None:
            self.enclosing += (_length_field(token.value_start, token.value_end, token.encoding),)

    def around_items(self, sequence: Token) -> tuple[LengthField, ...]:
        """Length fields around the items of a sequence in this item."""
        group_length = self.group_lengths.get(sequence.tag >> 16)
        enclosing = self.enclosing if group_length is None else (*self.enclosing, group_length)
        if sequence.value_end is None:
            return enclosing
        return (*enclosing, _length_field(sequence.value_start, sequence.value_end, sequence.encoding))


def _carriers_inside(place: Place, outermost: Element, work: Work) -> Iterator[Place]:
    data_set = place.carrier
    sequences = [_OpenSequence(outermost.tag, place.around_items(outermost))]
    opened: list[_OpenItem] = []
    for number, token in enumerate(walk_element(data_set, outermost)):
        if token.tag == tags.DIGITAL_SIGNATURES_SEQUENCE and token.kind in _ELEMENTS:
            opened[-1].has_signatures = True  # whatever its VR: hidden signatures are reported as malformed
        if token.kind is Kind.ELEMENT and token.tag & 0xFFFF == 0:
            _note_group_length(data_set, opened[-1], token)
        elif token.kind is Kind.SEQUENCE:
            sequences.append(_OpenSequence(token.tag, opened[-1].around_items(token)))
        elif token.kind is Kind.SEQUENCE_END and len(sequences) > 1:
            sequences.pop()
        elif token.kind is Kind.ITEM:
            sequences[-1].number += 1
            opened.append(_OpenItem(token, number, sequences[-1].enclosing))
        elif token.kind is Kind.ITEM_END:
            item = opened.pop()
            if item.has_signatures and not NEVER_CARRIERS.intersection(sequence.tag for sequence in sequences):
                work.spend(number - item.number)
                location = Location(tuple((sequence.tag, sequence.number) for sequence in sequences))
                carrier = scan(
                    data_set.source,
                    item.token.encoding,
                    item.token.value_start,
                    token.value_start,
                    dictionary=data_set.dictionary,
                )
                yield Place(location=location, carrier=carrier, enclosing=item.enclosing)


def _note_group_length(data_set: Carrier, item: _OpenItem, token: Token) -> None:
    assert token.value_end is not None
    field = _retired_length(data_set, token.value_start, token.value_end, token.encoding)
    if field is not None:
        item.group_lengths.setdefault(token.tag >> 16, field)
