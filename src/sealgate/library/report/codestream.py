"""How large a compressed image says it is: read from its header, before a decoder sets memory aside for it."""

from __future__ import annotations

import struct

_MAX_SEGMENTS = 4096
"""Marker segments in front of the frame header; a JPEG has some ten, more with long application segments."""
_JPEG = b"\xff\xd8"
_JPEG_2000 = b"\xff\x4f\xff\x51"
_FRAME_HEADERS = frozenset((*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0), 0xF7))
"""SOF markers of JPEG (ISO/IEC 10918-1 table B.1), without DHT, JPG and DAC between them; and that of JPEG-LS."""


def declared_size(codestream: memoryview) -> tuple[int, int] | None:
    """Columns and rows that a JPEG, JPEG-LS or JPEG 2000 codestream declares; None where no header is found."""
    head = bytes(codestream[:4])
    if head == _JPEG_2000:
        return _size_of_jpeg_2000(codestream)
    return _size_of_jpeg(codestream) if head.startswith(_JPEG) else None


def _size_of_jpeg_2000(codestream: memoryview) -> tuple[int, int] | None:
    """From the SIZ segment (ISO/IEC 15444-1 A.5.1): reference grid less the offset of the image."""
    if len(codestream) < 24:
        return None
    columns, rows, left, top = struct.unpack(">LLLL", codestream[8:24])
    return max(columns - left, 0), max(rows - top, 0)


def _size_of_jpeg(codestream: memoryview) -> tuple[int, int] | None:
    position = len(_JPEG)
    for _ in range(_MAX_SEGMENTS):
        segment = bytes(codestream[position : position + 9])
        if len(segment) < 9 or segment[0] != 0xFF:
            return None
        if segment[1] == 0xFF:  # a fill byte
            position += 1
            continue
        if segment[1] in _FRAME_HEADERS:
            rows, columns = struct.unpack(">HH", segment[5:9])
            return columns, rows
        position += 2 + int.from_bytes(segment[2:4], "big")
    return None
