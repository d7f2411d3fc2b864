"""Images of any odd kind, written element by element."""

from __future__ import annotations

import struct

from sealgate.dicom.part10 import open_file
from sealgate.dicom.scan import scan
from sealgate.library.report.frame import Frame, one_frame
from sealgate.library.report.picture import NoPicture, Picture, picture_of
from support.elements import EXPLICIT, EXPLICIT_LE_UID, part10

PIXEL_DATA = 0x7FE00010


def us(tag: int, value: int) -> bytes:
    """An element of VR US."""
    return EXPLICIT.element(tag, "US", struct.pack("<H", value))


def text(tag: int, vr: str, value: str) -> bytes:
    """An element of text."""
    return EXPLICIT.element(tag, vr, value.encode() + b" " * (len(value) % 2))


def image(
    pixel_data: bytes,
    *more: bytes,
    rows: int = 4,
    columns: int = 4,
    bits: int = 8,
    samples: int = 1,
    interpretation: str = "MONOCHROME2",
    signed: int = 0,
    uid: str = EXPLICIT_LE_UID,
) -> bytes:
    """A file with Image Pixel Module, the elements `more`, and the whole element `pixel_data`."""
    elements = [
        us(0x00280002, samples),
        text(0x00280004, "CS", interpretation),
        us(0x00280010, rows),
        us(0x00280011, columns),
        us(0x00280100, bits),
        us(0x00280101, bits),
        us(0x00280102, max(bits - 1, 0)),
        us(0x00280103, signed),
        *more,
    ]
    if samples > 1:
        elements.append(us(0x00280006, 0))
    in_order = sorted(elements, key=lambda element: struct.unpack("<HH", element[:4]))
    return part10(b"".join((*in_order, pixel_data)), uid)


def native(value: bytes, vr: str = "OW") -> bytes:
    """Pixel Data as it is."""
    return EXPLICIT.element(PIXEL_DATA, vr, value)


def encapsulated(*fragments: bytes, offsets: tuple[int, ...] = ()) -> bytes:
    """Pixel Data in fragments, with these numbers in the Basic Offset Table."""
    table = struct.pack(f"<{len(offsets)}L", *offsets)
    return EXPLICIT.fragments(PIXEL_DATA, table, *(fragment + b"\0" * (len(fragment) % 2) for fragment in fragments))


def frame_of(file: bytes) -> Frame:
    """The frame that is cut out of a file."""
    data_set = open_file(file)
    return one_frame(data_set, scan(data_set.source, data_set.encoding))


def drawn(file: bytes) -> Picture | NoPicture:
    """The picture of a file."""
    data_set = open_file(file)
    return picture_of(data_set, scan(data_set.source, data_set.encoding))
