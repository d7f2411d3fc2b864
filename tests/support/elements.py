"""An independent writer of data elements, so that tests can make what no library would write.

Nothing is checked and nothing is padded: what is asked for is what comes out.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

LONG_VRS = frozenset("OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
UNDEFINED = 0xFFFFFFFF

IMPLICIT_LE_UID = "1.2.840.10008.1.2"
EXPLICIT_LE_UID = "1.2.840.10008.1.2.1"
DEFLATED_LE_UID = "1.2.840.10008.1.2.1.99"
EXPLICIT_BE_UID = "1.2.840.10008.1.2.2"
JPEG_UID = "1.2.840.10008.1.2.4.50"


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes elements in one of the three encodings of PS3.5."""

    name: str
    uid: str
    explicit: bool = True
    order: str = "<"

    def __str__(self) -> str:
        return self.name

    def tag(self, tag: int) -> bytes:
        """The four bytes of a tag."""
        return struct.pack(self.order + "HH", tag >> 16, tag & 0xFFFF)

    def header(self, tag: int, vr: str, length: int) -> bytes:
        """The header of an element; an unknown VR of two upper case letters has a long one."""
        if not self.explicit:
            return self.tag(tag) + struct.pack(self.order + "L", length)
        if vr in LONG_VRS or vr in ("ZZ", "QQ"):
            return self.tag(tag) + vr.encode() + b"\0\0" + struct.pack(self.order + "L", length)
        return self.tag(tag) + vr.encode() + struct.pack(self.order + "H", length)

    def element(self, tag: int, vr: str, value: bytes = b"") -> bytes:
        """An element of defined length."""
        return self.header(tag, vr, len(value)) + value

    def words(self, *values: int) -> bytes:
        """16-bit words, such as the values of US."""
        return struct.pack(f"{self.order}{len(values)}H", *values)

    def item(self, *elements: bytes, undefined: bool = False) -> bytes:
        """An item of a sequence."""
        content = b"".join(elements)
        if undefined:
            return self.delimiter(0xFFFEE000, UNDEFINED) + content + self.delimiter(0xFFFEE00D)
        return self.delimiter(0xFFFEE000, len(content)) + content

    def sequence(self, tag: int, *items: bytes, undefined: bool = False, vr: str = "SQ") -> bytes:
        """A sequence of items."""
        content = b"".join(items)
        if undefined:
            return self.header(tag, vr, UNDEFINED) + content + self.delimiter(0xFFFEE0DD)
        return self.header(tag, vr, len(content)) + content

    def fragments(self, tag: int, *fragments: bytes, vr: str = "OB") -> bytes:
        """Encapsulated pixel data; the first fragment is the Basic Offset Table."""
        content = b"".join(self.delimiter(0xFFFEE000, len(fragment)) + fragment for fragment in fragments)
        return self.header(tag, vr, UNDEFINED) + content + self.delimiter(0xFFFEE0DD)

    def delimiter(self, tag: int, length: int = 0) -> bytes:
        """Tag and length of an item, or a delimiter."""
        return self.tag(tag) + struct.pack(self.order + "L", length)


EXPLICIT = Writer("explicit-le", EXPLICIT_LE_UID)
IMPLICIT = Writer("implicit-le", IMPLICIT_LE_UID, explicit=False)
BIG = Writer("explicit-be", EXPLICIT_BE_UID, order=">")
WRITERS = (EXPLICIT, IMPLICIT, BIG)


def part10(data_set: bytes, uid: str = EXPLICIT_LE_UID) -> bytes:
    """A Part 10 file with a minimal File Meta Information around `data_set`."""
    text = uid.encode() + b"\0" * (len(uid) % 2)
    group = EXPLICIT.element(0x00020010, "UI", text)
    length = EXPLICIT.element(0x00020000, "UL", struct.pack("<L", len(group)))
    return bytes(128) + b"DICM" + length + group + data_set
