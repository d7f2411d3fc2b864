"""Encoding of new elements, items and sequences (PS3.5 section 7), for the carrier they are spliced into."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence

from sealgate.dicom import tags
from sealgate.dicom.transfer_syntax import Encoding
from sealgate.dicom.vr import BY_NAME, SQ, VR, Padding
from sealgate.dicom.walk import UNDEFINED_LENGTH
from sealgate.dicom.words import swapped
from sealgate.errors import LengthOverflow

MAX_SHORT_LENGTH = 0xFFFF
"""Largest Value Length of an explicit VR header with a 16-bit length."""


def tag_bytes(tag: int, encoding: Encoding) -> bytes:
    """The four bytes of a tag."""
    return struct.pack(encoding.order + "HH", tag >> 16, tag & 0xFFFF)


def header(tag: int, vr: VR, length: int, encoding: Encoding) -> bytes:
    """Header of an element with a value of `length` bytes; of a VR with 16-bit length `length` must fit into it."""
    start = tag_bytes(tag, encoding)
    if not encoding.explicit:
        return start + struct.pack(encoding.order + "L", length)
    code = vr.name.encode("ascii")
    if vr.long:
        return start + code + b"\0\0" + struct.pack(encoding.order + "L", length)
    return start + code + struct.pack(encoding.order + "H", length)


def element(tag: int, vr_name: str, value: bytes, encoding: Encoding) -> bytes:
    """An element; `value` is in the byte order of `encoding` and is padded to even length here (PS3.5 6.2)."""
    vr = BY_NAME[vr_name]
    if len(value) % 2:
        value += b" " if vr.padding is Padding.TEXT else b"\0"
    return header(tag, vr, len(value), encoding) + value


def words(values: Iterable[int], encoding: Encoding) -> bytes:
    """Values of VR US."""
    return b"".join(struct.pack(encoding.order + "H", value) for value in values)


def attribute_tags(values: Iterable[int], encoding: Encoding) -> bytes:
    """Values of VR AT."""
    tag_numbers = list(values)
    big_endian = struct.pack(f">{len(tag_numbers)}L", *tag_numbers)
    return swapped(big_endian, 2) if encoding.little_endian else big_endian


def item(content: bytes, encoding: Encoding) -> bytes:
    """An item of explicit length. Raises LengthOverflow."""
    return tag_bytes(tags.ITEM, encoding) + length_field(len(content), encoding) + content


def sequence(tag: int, items: Sequence[bytes], encoding: Encoding) -> bytes:
    """A sequence of explicit length. Raises LengthOverflow."""
    content = b"".join(items)
    if len(content) >= UNDEFINED_LENGTH:
        raise LengthOverflow(f"the sequence {tags.written(tag)} would have a length of {len(content)} bytes")
    return header(tag, SQ, len(content), encoding) + content


def length_field(length: int, encoding: Encoding) -> bytes:
    """The 32-bit length field of an item or sequence. Raises LengthOverflow where it would reach FFFFFFFF."""
    if length >= UNDEFINED_LENGTH:
        raise LengthOverflow(f"a sequence or item would have a length of {length} bytes, which does not fit")
    return struct.pack(encoding.order + "L", length)
