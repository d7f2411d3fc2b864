"""Where --sign-item signs: the item that a location string leads to, or dcmsign's complaint about the way there."""

from __future__ import annotations

from sealgate.cli.dcmsign.run import Run
from sealgate.cli.dcmsign.tag_names import Kind, next_token
from sealgate.dicom import tags
from sealgate.dicom.location import Location, Place, find
from sealgate.dicom.scan import Carrier, Element, items
from sealgate.dicom.walk import Kind as TokenKind
from sealgate.errors import LocationNotFound


class NoSuchItem(Exception):
    """The location string leads nowhere; what there was to say has been said."""


def locate(data_set: Carrier, text: str, run: Run) -> Place:
    """The item at a location string. Each step is taken as it is read, as dcmsign does. Raises NoSuchItem."""
    path: list[tuple[int, int]] = []
    position, expected = 0, Kind.TAG
    place, sequence, tag = find(data_set, Location()), None, 0
    while True:
        kind, number, position = next_token(text, position, run)
        if kind is Kind.END:
            if expected is not Kind.PERIOD:
                raise _wrong(f"item location string '{text}' incomplete.", run)
            return place
        if kind is not expected:
            raise _wrong(f"parse error in item location string '{text}'", run)
        if kind is Kind.TAG:
            tag, sequence = number, _sequence(place.carrier, number, text, run)
            expected = Kind.INDEX
        elif kind is Kind.INDEX:
            assert sequence is not None
            count = sum(1 for _ in items(place.carrier, sequence))
            if number >= count:
                raise _wrong(
                    f"sequence {tags.written(tag)} only has {count} items, cannot locate item {number}"
                    f" (item location string is '{text}')",
                    run,
                )
            path.append((tag, number))
            place = _found(data_set, path, run)
            expected = Kind.PERIOD
        else:
            expected = Kind.TAG


def _found(data_set: Carrier, path: list[tuple[int, int]], run: Run) -> Place:
    try:
        return find(data_set, Location(tuple(path)))
    except LocationNotFound as error:
        raise _wrong(str(error), run) from error


def _sequence(carrier: Carrier, tag: int, text: str, run: Run) -> Element:
    element = carrier.element(tag)
    if element is None:
        raise _wrong(f"attribute {tags.written(tag)} not found in dataset (item location string is '{text}')", run)
    if element.kind is not TokenKind.SEQUENCE:
        raise _wrong(f"attribute {tags.written(tag)} is not a sequence (item location string is '{text}')", run)
    return element


def _wrong(text: str, run: Run) -> NoSuchItem:
    run.messages.error(text)
    return NoSuchItem(text)
