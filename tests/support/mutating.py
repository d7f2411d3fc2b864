"""Damage of every kind: to bytes, to text, to DER as the tree that it is, and to the elements of a data set.

Damage to a tree leaves all lengths around it right, so that a reader goes on into what was damaged.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from support.tree import Element, Item

LENGTHS = (0, 1, 2, 7, 8, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)
MAX_DER_DEPTH = 24


def damaged_bytes(rng: random.Random, encoded: bytes) -> bytes:
    """`encoded` with one to four kinds of damage that know nothing of what it is."""
    octets = bytearray(encoded)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        at = rng.randrange(len(octets))
        match rng.randrange(7):
            case 0:
                octets[at] ^= 1 << rng.randrange(8)
            case 1:
                octets[at] = rng.choice((0, 0xFF, 0x20, 0x5C, rng.randrange(256)))
            case 2:
                del octets[at : at + rng.choice((1, 2, 4, 8, 100))]
            case 3:
                octets[at:at] = rng.randbytes(rng.choice((1, 2, 4, 8, 12)))
            case 4:
                order, number = rng.choice("<>"), rng.choice((*LENGTHS, rng.randrange(len(octets) * 2)))
                octets[at : at + 4] = struct.pack(order + "L", number)
            case 5:
                del octets[at:]
            case _:
                source = rng.randrange(len(octets))
                octets[at:at] = octets[source : source + rng.randrange(1, 300)]
        if not octets:
            return b""
    return bytes(octets)


def damaged_text(rng: random.Random, text: bytes, words: Sequence[bytes]) -> bytes:
    """Text with words out of `words` put in, lines doubled or dropped, and bytes changed."""
    octets = bytearray(text)
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randrange(len(octets) + 1)
        match rng.randrange(6):
            case 0:
                octets[at:at] = rng.choice(words)
            case 1:
                octets[at : at + rng.choice((1, 2, 5))] = rng.choice(words)
            case 2:
                del octets[at : at + rng.choice((1, 2, 8))]
            case 3:
                lines = bytes(octets).split(b"\n")
                lines.insert(rng.randrange(len(lines) + 1), rng.choice(lines))
                octets = bytearray(b"\n".join(lines))
            case 4:
                octets[at:at] = rng.choice(words)[:1] * rng.choice((1, 3, 1000, 20_000))
            case _:
                octets[at : at + 1] = bytes((rng.randrange(256),))
    return bytes(octets)


# --- DER


@dataclass(slots=True)
class Object:
    """An object of DER: a value, or objects in a constructed one, in an OCTET STRING or in a BIT STRING."""

    tag: int
    value: bytes = b""
    parts: list[Object] = field(default_factory=list)
    front: bytes = b""
    """What stands in front of the parts: of a BIT STRING the number of unused bits."""

    def copy(self) -> Object:
        """Another one with copies of the parts; deepcopy goes too deep for deep ones."""
        return Object(self.tag, self.value, [part.copy() for part in self.parts], self.front)


def _header(encoded: bytes, at: int) -> tuple[int, int, int] | None:
    """(tag, start of the value, end of it); None where there is no object of low tag number and definite length."""
    if len(encoded) < at + 2 or encoded[at] & 0x1F == 0x1F:
        return None
    tag, length, start = encoded[at], encoded[at + 1], at + 2
    if length & 0x80:
        count = length & 0x7F
        if not 0 < count <= 4:
            return None
        length, start = int.from_bytes(encoded[start : start + count]), start + count
    return (tag, start, start + length) if start + length <= len(encoded) else None


def _objects(encoded: bytes, depth: int) -> list[Object] | None:
    """The objects that `encoded` is made of, without a rest."""
    found, at = [], 0
    while at < len(encoded):
        header = _header(encoded, at)
        if header is None:
            return None
        tag, start, end = header
        found.append(_object(tag, encoded[start:end], depth))
        at = end
    return found


def _object(tag: int, value: bytes, depth: int) -> Object:
    front = value[:1] if tag == 0x03 and value[:1] == b"\0" else b""
    if (tag & 0x20 or tag == 0x04 or front) and len(value) > len(front) + 1 and depth < MAX_DER_DEPTH:
        parts = _objects(value[len(front) :], depth + 1)
        if parts:
            return Object(tag, parts=parts, front=front)
    return Object(tag, value)


def der(encoded: bytes) -> Object:
    """The tree of an object; what is no DER is a value."""
    parts = _objects(encoded, 0)
    return parts[0] if parts is not None and len(parts) == 1 else Object(0x04, encoded)


def encoded_der(tree: Object) -> bytes:
    """The bytes of a tree, with lengths that fit."""
    value = tree.front + b"".join(map(encoded_der, tree.parts)) if tree.parts else tree.value
    length = len(value)
    if length < 0x80:
        return bytes((tree.tag, length)) + value
    size = (length.bit_length() + 7) // 8
    return bytes((tree.tag, 0x80 | size)) + length.to_bytes(size) + value


def _all(tree: Object) -> Iterator[Object]:
    yield tree
    for part in tree.parts:
        yield from _all(part)


_OIDS = """
    55040a 550403 551d13 551d0f 551d25 551d11 551d1e 551d1f 551d24 551d20 551d1b 2a864886f70d010101 2a864886f70d01010a
    2a864886f70d010107 2a8648ce3d0201 2a8648ce380401 2a8648ce3d030107 2b81040022 2b81040023 2b8104000a
    2b2403030208010107 2b656f 2b6570 2b6571 2a8648ce3d0101 2a8648ce3d0102 2a864886f70d01010b 2a8648ce3d040302
    2a864886f70d010104 2a8648ce3d040305 608648016503040201 2b0e03021a 2a864886f70d0205 2a864886f70d010702
    2a864886f70d010910010c 2b06010505070308 2b0601050507300105 80 ff 2b0601050507010b
"""
OIDS = (b"", b"\xff" * 200, b"\x2a" + b"\xff" * 30 + b"\x7f", *map(bytes.fromhex, _OIDS.split()))
"""Extensions, keys, curves, signature algorithms, digests, contents; and what is none of them."""
INTEGERS = (
    *(b"", b"\0", b"\1", b"\2", b"\3", b"\x7f", b"\x80", b"\xff", b"\0\x80", b"\x7f\xff\xff\xff", b"\0\0\0\1"),
    *(b"\1\0\1", b"\7" * 16, b"\x80" + bytes(31), b"\x7f" + b"\xff" * 600, b"\x7f" + b"\xff" * 2100, b"\0" * 40),
)
TIMES = (
    *(b"", b"Z", b"000101000000Z", b"991231235959Z", b"500101000000Z", b"20500101000000Z", b"99991231235959Z"),
    *(b"00000000000000Z", b"20260230250061Z", b"20260301120000.123456789012345678901Z", b"20260301120000+0100"),
    *(b"2026030112Z", b"-0260301120000Z", b"\xd9\xa2026301120000Z", b"20260301120000,5Z", b"20260301120000.Z"),
)
TEXTS = (
    *(b"", b"\0", b"\xff\xfe", b"\xc3\x28", b"\xed\xa0\x80", b"a\0b", b"\x1b[2J", b"\n", b"*", b"..", b"x" * 5000),
    *(b"[/x]", b"-----BEGIN CERTIFICATE-----", b"http://[", b"http://127.0.0.1:1/", b"\xd8\x00", b"a@", b"\x7f" * 3),
)
_VALUES: dict[int, tuple[bytes, ...]] = {
    0x01: (b"", b"\0", b"\1", b"\xff", b"\xff\xff"),
    0x02: INTEGERS,
    0x0A: INTEGERS,
    0x03: (b"", b"\0", b"\7", b"\x08", b"\xff", b"\7\x80", b"\0" * 70_000),
    0x05: (b"", b"\0"),
    0x06: OIDS,
    0x17: TIMES,
    0x18: TIMES,
}
TAGS = bytes.fromhex("01 02 03 04 05 06 0a 0c 13 16 17 18 1c 1e 1f 30 31 80 81 82 85 86 87 a0 a1 a2 a3 a4 bf 24 00 ff")


def damaged_der(rng: random.Random, encoded: bytes, others: Sequence[bytes] = ()) -> bytes:
    """An object of DER with one to three parts damaged; `others` give parts to put in their place."""
    tree = der(encoded)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        _damage(rng, tree, others)
    octets = bytearray(encoded_der(tree))
    if rng.randrange(8) == 0:
        octets[rng.randrange(len(octets))] ^= 1 << rng.randrange(8)
    return bytes(octets)


def _damage(rng: random.Random, tree: Object, others: Sequence[bytes]) -> None:
    every = list(_all(tree))
    chosen = rng.choice(every)
    match rng.randrange(9):
        case 0:
            chosen.tag = rng.choice(TAGS)
        case 1 if chosen.parts:
            del chosen.parts[rng.randrange(len(chosen.parts))]
        case 2 if chosen.parts:
            part = rng.choice(chosen.parts).copy()
            at = rng.randrange(len(chosen.parts) + 1)
            chosen.parts[at:at] = [part] * rng.choice((1, 1, 2, 40))
        case 3 if len(chosen.parts) > 1:
            rng.shuffle(chosen.parts)
        case 4:
            other = rng.choice(list(_all(der(rng.choice(others))))) if others else rng.choice(every)
            chosen.parts = [part.copy() for part in other.parts]
            chosen.tag, chosen.value, chosen.front = other.tag, other.value, other.front
        case 5:
            inner = Object(chosen.tag, chosen.value, chosen.parts, chosen.front)
            for _ in range(rng.choice((1, 2, 30, 100))):
                inner = Object(rng.choice((0x30, 0x31, 0xA0, 0x24)), parts=[inner])
            chosen.tag, chosen.value, chosen.parts, chosen.front = inner.tag, inner.value, inner.parts, inner.front
        case 6:
            chosen.parts = []
            chosen.value = rng.choice((b"", rng.randbytes(rng.choice((1, 8, 40))), rng.choice(TEXTS)))
        case _:
            values = [one for one in every if not one.parts]
            chosen = rng.choice(values)
            chosen.value = rng.choice(_VALUES.get(chosen.tag & 0x1F if chosen.tag < 0x40 else 0x04, TEXTS))


# --- elements


def copied(elements: Iterable[Element]) -> list[Element]:
    """Copies of elements; deepcopy goes too deep for deep ones."""
    return [
        Element(
            one.tag,
            one.vr,
            one.value,
            [Item(copied(item.elements), item.undefined) for item in one.items],
            one.undefined,
        )
        for one in elements
    ]


def _lists(elements: list[Element]) -> Iterator[list[Element]]:
    yield elements
    for element in elements:
        for item in element.items:
            yield from _lists(item.elements)


VRS = ("OB", "OW", "UN", "SQ", "UI", "CS", "US", "AT", "DT", "LO", "ZZ", "ob", "\0\0", "UT", "OV")


def damaged_elements(
    rng: random.Random, elements: list[Element], chosen: Callable[[Element], bool], values: Sequence[bytes] = ()
) -> list[Element]:
    """A copy with one to three of the elements for which `chosen` holds, or what is inside of them, damaged."""
    result = copied(elements)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        tops = [element for element in result if chosen(element)]
        if not tops:
            return result
        every = [(one, result) for one in tops]
        every += [(one, each) for top in tops for item in top.items for each in _lists(item.elements) for one in each]
        element, among = rng.choice(every)
        _damage_element(rng, element, among, result, values)
    return result


def _damage_element(
    rng: random.Random, element: Element, among: list[Element], whole: list[Element], values: Sequence[bytes]
) -> None:
    match rng.randrange(12):
        case 0:
            element.vr = rng.choice(VRS)
        case 1:
            element.tag ^= 1 << rng.randrange(32)
        case 2:
            element.tag = rng.choice(whole).tag
        case 3:
            among.remove(element)
        case 4:
            among.insert(rng.randrange(len(among) + 1), copied([element])[0])
        case 5:
            among.remove(element)
            lists = list(_lists(whole))
            rng.choice(lists).append(element)
        case 6 if element.items:
            item = rng.choice(element.items)
            again = Item(copied(item.elements), item.undefined)
            element.items.insert(rng.randrange(len(element.items) + 1), again)
        case 7 if element.items:
            del element.items[rng.randrange(len(element.items))]
        case 8 if element.items:
            element.undefined = not element.undefined
            rng.choice(element.items).undefined ^= True
        case 9:
            for _ in range(rng.choice((1, 3, 40))):
                inner = Element(element.tag, element.vr, element.value, element.items, element.undefined)
                element.vr, element.items, element.value = "SQ", [Item([inner], undefined=rng.random() < 0.5)], b""
        case 10 if element.value:
            element.value = damaged_bytes(rng, element.value)[:0xFFFE]
        case _:
            if not element.items:
                element.value = rng.choice((b"", b"\0", b"\0\0", b"1\\2 ", b" " * 64, b"\xff" * 8, *values))[:0xFFFE]
