"""An independent reader and writer of explicit VR little endian data sets, and an independent MAC byte stream.

It shares no code with the package: what the package says about a damaged file is held against this. It takes only what
is well formed; anything else is a `Broken`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from support.elements import LONG_VRS, UNDEFINED

ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
MAC_PARAMETERS, SIGNATURES = 0x4FFE0001, 0xFFFAFFFA
NOT_IN_MAC = frozenset((0x04000115, 0x04000120, 0x04000305, 0x04000310))
_TEXT = frozenset("AE AS CS DA DS DT IS TM LO LT PN SH ST UC UR UT".split())
_KNOWN = _TEXT | LONG_VRS | frozenset("AT FD FL SL SS UI UL US".split())


class Broken(Exception):
    """The bytes are no well-formed data set."""


@dataclass(slots=True)
class Item:
    """An item of a sequence."""

    elements: list[Element]
    undefined: bool = False


@dataclass(slots=True)
class Element:
    """A data element: a value, or items."""

    tag: int
    vr: str
    value: bytes = b""
    items: list[Item] = field(default_factory=list)
    undefined: bool = False


def _tag(encoded: bytes, at: int) -> int:
    group, number = struct.unpack_from("<HH", encoded, at)
    return int(group) << 16 | int(number)


def read(encoded: bytes) -> list[Element]:
    """The elements of a data set. Raises Broken."""
    try:
        elements, end = _elements(encoded, 0, len(encoded), closed=False)
    except struct.error as error:
        raise Broken("it ends inside of a header") from error
    if end != len(encoded):
        raise Broken("bytes are left over")
    return elements


def _elements(encoded: bytes, at: int, end: int, *, closed: bool) -> tuple[list[Element], int]:
    elements: list[Element] = []
    while at < end:
        tag = _tag(encoded, at)
        if tag == ITEM_END and closed:
            return elements, at + 8
        vr = encoded[at + 4 : at + 6].decode("latin-1")
        if vr in LONG_VRS:
            (length,) = struct.unpack_from("<L", encoded, at + 8)
            at += 12
        else:
            (length,) = struct.unpack_from("<H", encoded, at + 6)
            at += 8
        if vr == "SQ":
            items, at = _items(encoded, at, end if length == UNDEFINED else at + length, closed=length == UNDEFINED)
            elements.append(Element(tag, vr, items=items, undefined=length == UNDEFINED))
        elif at + length > end:
            raise Broken("a value reaches beyond the end")
        else:
            elements.append(Element(tag, vr, encoded[at : at + length]))
            at += length
    if closed:
        raise Broken("an item does not end")
    return elements, at


def _items(encoded: bytes, at: int, end: int, *, closed: bool) -> tuple[list[Item], int]:
    items: list[Item] = []
    while at < end:
        tag, (length,) = _tag(encoded, at), struct.unpack_from("<L", encoded, at + 4)
        at += 8
        if tag == SEQUENCE_END and closed:
            return items, at
        if tag != ITEM:
            raise Broken("something else stands where an item must")
        undefined = length == UNDEFINED
        elements, at = _elements(encoded, at, end if undefined else at + length, closed=undefined)
        items.append(Item(elements, undefined))
    if closed or at != end:
        raise Broken("a sequence does not end where it says")
    return items, at


def _code(tag: int) -> bytes:
    return struct.pack("<HH", tag >> 16, tag & 0xFFFF)


def write(elements: Iterable[Element]) -> bytes:
    """The bytes of elements, in the order in which they stand, with lengths that fit."""
    return b"".join(map(_written, elements))


def _written(element: Element) -> bytes:
    head = _code(element.tag) + element.vr.encode("latin-1")
    value = b"".join(_written_item(item) for item in element.items) if element.vr == "SQ" else element.value
    if element.undefined:
        return head + b"\0\0" + struct.pack("<L", UNDEFINED) + value + _code(SEQUENCE_END) + bytes(4)
    if element.vr in LONG_VRS:
        return head + b"\0\0" + struct.pack("<L", len(value)) + value
    return head + struct.pack("<H", len(value)) + value


def _written_item(item: Item) -> bytes:
    content = write(item.elements)
    if item.undefined:
        return _code(ITEM) + struct.pack("<L", UNDEFINED) + content + _code(ITEM_END) + bytes(4)
    return _code(ITEM) + struct.pack("<L", len(content)) + content


def element(elements: Iterable[Element], tag: int) -> Element | None:
    """The first element with a tag."""
    return next((one for one in elements if one.tag == tag), None)


def mac_stream(elements: list[Element]) -> bytes:
    """The bytes under the first signature of the main data set (PS3.3 C.12.1.1.3.1.1). Raises Broken."""
    parameters, signatures = element(elements, MAC_PARAMETERS), element(elements, SIGNATURES)
    if parameters is None or signatures is None or not parameters.items or not signatures.items:
        raise Broken("there is no signature")
    listed = element(parameters.items[0].elements, 0x04000020)
    if listed is None:
        raise Broken("nothing is listed as signed")
    signed = {_tag(listed.value, at) for at in range(0, len(listed.value) - 3, 4)}
    item = [one for one in signatures.items[0].elements if one.tag not in NOT_IN_MAC]
    return b"".join(_stream(one for one in elements if one.tag in signed)) + b"".join(_stream(item))


def _stream(elements: Iterable[Element]) -> Iterator[bytes]:
    seen: set[int] = set()
    for one in sorted(elements, key=lambda one: one.tag):
        if one.tag in seen or _is_never_signed(one.tag):
            continue
        seen.add(one.tag)
        head = _code(one.tag) + one.vr.encode("latin-1")
        if one.vr == "SQ":
            yield head + b"\0\0"
            for item in one.items:
                yield _code(ITEM)
                yield from _stream(item.elements)
            yield _code(SEQUENCE_END)
            continue
        if one.vr not in _KNOWN or one.vr == "UN":
            raise Broken("an element of unknown VR is signed")
        value = _normal(one.vr, one.value)
        length = struct.pack("<HL", 0, len(value)) if one.vr in LONG_VRS else struct.pack("<H", len(value))
        yield head + length + value


def _is_never_signed(tag: int) -> bool:
    group = tag >> 16
    return tag & 0xFFFF == 0 or group < 8 or group == 0xFFFA or tag in (0x00080001, MAC_PARAMETERS, 0xFFFCFFFC)


def _normal(vr: str, value: bytes) -> bytes:
    if vr != "OW" and len(value) % 2:
        value += b"\0"
    if vr in _TEXT:
        value = value.rstrip(b" ")
        value += b" " * (len(value) % 2)
    elif vr == "UI":
        value = bytes(byte for byte in value if byte not in b"\t\n\v\f\r ").rstrip(b"\0")
        value += b"\0" * (len(value) % 2)
    return value
