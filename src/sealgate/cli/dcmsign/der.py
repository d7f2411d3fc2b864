"""Objects of strict DER (X.690), found by their places and not decoded further."""

from __future__ import annotations

SEQUENCE, INTEGER, BIT_STRING, OID, UTC_TIME, GENERALIZED_TIME = 0x30, 0x02, 0x03, 0x06, 0x17, 0x18


def object_at(der: bytes, position: int, end: int) -> tuple[int, int, int]:
    """(tag, start of content, end of content) of the object at `position`. Raises ValueError."""
    if position + 2 > end:
        raise ValueError("an object is cut off")
    tag, length, header = der[position], der[position + 1], 2
    if length & 0x80:
        count = length & 0x7F
        octets = der[position + 2 : position + 2 + count]
        if not 0 < count <= 4 or len(octets) < count or octets[0] == 0 or (count == 1 and octets[0] < 0x80):
            raise ValueError("a length is not DER")
        length, header = int.from_bytes(octets), 2 + count
    start = position + header
    if tag & 0x1F == 0x1F or start + length > end:
        raise ValueError("an object is cut off")
    return tag, start, start + length


def content_at(der: bytes, position: int, end: int, expected: int) -> tuple[int, int]:
    """Start and end of the content of the object at `position`, whose tag must be `expected`. Raises ValueError."""
    tag, start, stop = object_at(der, position, end)
    if tag != expected:
        raise ValueError("another object is expected")
    return start, stop


def positive_integer_at(der: bytes, position: int, end: int) -> tuple[int, int]:
    """A positive INTEGER and the position behind it. Raises ValueError."""
    start, stop = content_at(der, position, end, INTEGER)
    octets = der[start:stop]
    if not octets or octets[0] & 0x80 or (octets[0] == 0 and (len(octets) == 1 or not octets[1] & 0x80)):
        raise ValueError("no positive integer in DER")
    return int.from_bytes(octets), stop
