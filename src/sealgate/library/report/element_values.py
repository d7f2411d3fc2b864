"""Values of data elements in short, for a reader who has the file anyway."""

from __future__ import annotations

import struct
import warnings
from collections.abc import Callable

from sealgate.dicom import tags
from sealgate.dicom.scan import Carrier, Element, items
from sealgate.dicom.walk import Kind
from sealgate.errors import InputError

MAX_CHARACTERS = 80
"""Characters of a value that are shown."""
_MAX_BYTES = 4 * MAX_CHARACTERS
"""Bytes of a value that are read; a character takes up to four."""
_MAX_CHARACTER_SETS = 16
_CHARACTER_SETS_BYTES = 256

_ENCODED = frozenset("SH LO UC LT ST UT PN".split())
"""Text in the character sets that Specific Character Set names (PS3.5 6.1.2.3); PN has components as well."""
_PLAIN = frozenset("AE AS CS DA DS DT IS TM UI UR".split())
_NUMBERS = {"US": "H", "SS": "h", "UL": "L", "SL": "l", "FL": "f", "FD": "d", "UV": "Q", "SV": "q"}
_MAX_NUMBERS = 6


def values_of(carrier: Carrier, data_set: Carrier) -> Callable[[int], str]:
    """Gives the values of `carrier`'s elements by tag; character sets are those of `data_set` where it has none."""
    elements = {element.tag: element for element in reversed(carrier.elements)}
    encodings = _encodings(carrier) or _encodings(data_set) or ["iso8859"]

    def value(tag: int) -> str:
        element = elements.get(tag)
        return "" if element is None else _written(carrier, element, encodings)

    return value


def _encodings(carrier: Carrier) -> list[str]:
    """Python's names of the character sets in Specific Character Set (0008,0005)."""
    element = carrier.element(tags.SPECIFIC_CHARACTER_SET)
    if element is None or element.kind is not Kind.ELEMENT:
        return []
    from pydicom.charset import convert_encodings

    names = _plain(_bytes(carrier, element, _CHARACTER_SETS_BYTES)).split("\\")[:_MAX_CHARACTER_SETS]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom warns about unknown names and takes the default for them
        try:
            return [str(name) for name in convert_encodings(names)]
        except (LookupError, ValueError):
            return []


def _bytes(carrier: Carrier, element: Element, at_most: int) -> bytes:
    return bytes(carrier.source.view[element.value_start : min(element.value_end, element.value_start + at_most)])


def _plain(value: bytes) -> str:
    return value.decode("ascii", "replace").strip(" \0")


def _written(carrier: Carrier, element: Element, encodings: list[str]) -> str:
    if element.kind is Kind.SEQUENCE:
        return _items(carrier, element)
    length = element.value_end - element.value_start
    if element.kind is not Kind.ELEMENT:
        return f"{length:,} bytes in fragments"
    name, value = element.vr.name, _bytes(carrier, element, _MAX_BYTES)
    if not value:
        return "(empty)"
    if name in _ENCODED:
        return _short(_text(value, encodings), length)
    if name in _PLAIN:
        return _short(_plain(value), length)
    if name in _NUMBERS:
        return _numbers(value, carrier.encoding.order, _NUMBERS[name])
    if name == "AT" and len(value) >= 4:
        group, number = struct.unpack(carrier.encoding.order + "HH", value[:4])
        return tags.written(group << 16 | number) + (" …" if length > 4 else "")
    return f"{length:,} bytes"


def _items(carrier: Carrier, element: Element) -> str:
    try:
        count = sum(1 for _ in items(carrier, element))
    except InputError:
        return "a sequence that cannot be read"
    return f"{count:,} item" + ("" if count == 1 else "s")


def _text(value: bytes, encodings: list[str]) -> str:
    from pydicom.charset import decode_bytes

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return str(decode_bytes(value, encodings, {*b"\r\n\t\f\\^="})).strip(" \0")
        except (LookupError, ValueError):
            return value.decode("latin-1").strip(" \0")


def _short(text: str, length: int) -> str:
    cut = len(text) > MAX_CHARACTERS or length > _MAX_BYTES
    return text[:MAX_CHARACTERS] + ("…" if cut else "")


def _numbers(value: bytes, order: str, code: str) -> str:
    width = struct.calcsize(order + code)
    count = min(len(value) // width, _MAX_NUMBERS)
    numbers = struct.unpack(f"{order}{count}{code}", value[: count * width])
    return ", ".join(f"{number:.6g}" if code in "fd" else f"{number}" for number in numbers) + (
        ", …" if len(value) // width > count else ""
    )
