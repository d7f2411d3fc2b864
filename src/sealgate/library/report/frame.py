"""One frame of an image, cut out of its data set so that nothing else has to reach a decoder.

The decoders of pixel data are large programs in C and read what strangers wrote. They get a small data set that is
made here, by our own strict reading: the elements that say how pixels are stored and shown, and one frame.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from sealgate.dicom import part10, tags, transfer_syntax
from sealgate.dicom.part10 import DataSet
from sealgate.dicom.scan import Carrier, Element, items, scan_item, walk_element
from sealgate.dicom.walk import Kind
from sealgate.library.report.codestream import declared_size

MAX_PIXELS = 64_000_000
"""Rows times columns of one frame; a stitched radiograph has some 40 million."""
MAX_FRAME_BYTES = 128 << 20
"""One frame as it is stored; 64 million pixels of 16 bits."""
MAX_ELEMENT_BYTES = 1 << 20
"""One of the elements about pixels; a palette of 65,536 entries of 16 bits takes 128 KiB."""
MAX_EXCESS = 4
"""How many times the pixels of Rows and Columns a compressed frame may declare; encoders round up a little."""
MAX_FRAMES = 1_000_000
"""Number of Frames (0028,0008); a whole slide image has some 100,000."""
MAX_FRAGMENTS = 2_000_000
"""Fragments of encapsulated pixel data; at least one for each frame."""

SAMPLES_PER_PIXEL = 0x00280002
PHOTOMETRIC_INTERPRETATION = 0x00280004
NUMBER_OF_FRAMES = 0x00280008
ROWS, COLUMNS = 0x00280010, 0x00280011
BITS_ALLOCATED = 0x00280100
EXTENDED_OFFSET_TABLE = 0x7FE00001
PIXEL_ELEMENTS = (tags.PIXEL_DATA, 0x7FE00008, 0x7FE00009)
"""Pixel Data, Float Pixel Data, Double Float Pixel Data: an image has one of them (PS3.3 C.7.6.3, C.7.6.24)."""

_ABOUT_PIXELS = frozenset(
    (
        SAMPLES_PER_PIXEL, PHOTOMETRIC_INTERPRETATION, 0x00280006, ROWS, COLUMNS, 0x00280030, 0x00280034,
        BITS_ALLOCATED, 0x00280101, 0x00280102, tags.PIXEL_REPRESENTATION, 0x00280120, 0x00280121,
        0x00281050, 0x00281051, 0x00281052, 0x00281053, 0x00281054, 0x00281056, 0x00281101, 0x00281102, 0x00281103,
        0x00281201, 0x00281202, 0x00281203, 0x00281221, 0x00281222, 0x00281223, 0x00283000, 0x00283010, 0x20500020,
    )
)  # fmt: skip
"""Image Pixel, Modality LUT, VOI LUT and Palette Color Lookup Table Modules, Presentation LUT Shape."""
_SHARED_FUNCTIONAL_GROUPS = 0x52009229
_PER_FRAME_FUNCTIONAL_GROUPS = 0x52009230
_FRAME_MACROS = (0x00289132, 0x00289145, 0x00289110)
"""Frame VOI LUT, Pixel Value Transformation and Pixel Measures Sequence (PS3.3 C.7.6.16.2)."""
_JPEG = "1.2.840.10008.1.2.4."
_ST_2110 = "1.2.840.10008.1.2.7."
_FIRST_NUMBER_OF_VIDEO, _LAST_NUMBER_OF_VIDEO = 100, 108


class NoFrame(Exception):
    """There is no picture to be had from this data set; str() is a sentence for the reader."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One frame with what a decoder has to know."""

    file: bytes
    """A Part 10 file with this frame alone; it holds no element that names a patient, and no other frame."""
    rows: int
    columns: int
    number: int
    """Which frame it is, counted from 1."""
    frames: int
    photometric_interpretation: str


def one_frame(data_set: DataSet, carrier: Carrier) -> Frame:
    """The only frame of `data_set`, scanned as `carrier`; of several the middle one.

    Raises NoFrame, and InputError where items or fragments break PS3.5.
    """
    pixels = _pixels(carrier)
    syntax_uid = data_set.syntax.uid
    if _is_video(syntax_uid):
        raise NoFrame("The pixel data is a video, and no picture is taken from videos.")
    rows, columns = _number(carrier, ROWS), _number(carrier, COLUMNS)
    if not rows or not columns:
        raise NoFrame("The image cannot be drawn: Rows or Columns are absent or zero.")
    if rows * columns > MAX_PIXELS:
        raise NoFrame(f"The image is too large to be drawn here: {columns:,} by {rows:,} pixels.")
    frames = _frames(carrier)
    if pixels.kind is Kind.FRAGMENTS:
        number, encoded = _encapsulated(carrier, pixels, frames, syntax_uid, rows * columns)
    else:
        number, encoded = _native(carrier, pixels, frames, rows * columns)
    about = _about_pixels(carrier, number, frames)
    header = part10.file_header(
        sop_class_uid="",
        sop_instance_uid="",
        transfer_syntax_uid=transfer_syntax.EXPLICIT_LE if data_set.syntax.deflated else syntax_uid,
        implementation_class_uid="",
        implementation_version_name="",
    )
    return Frame(
        file=b"".join((header, *(about[tag] for tag in sorted(about)), encoded)),
        rows=rows,
        columns=columns,
        number=number + 1,
        frames=frames,
        photometric_interpretation=_text(carrier, PHOTOMETRIC_INTERPRETATION),
    )


def _pixels(carrier: Carrier) -> Element:
    found = [element for tag in PIXEL_ELEMENTS if (element := carrier.element(tag)) is not None]
    if not found:
        raise NoFrame("This object has no pixel data, so there is no picture of it.")
    if len(found) > 1 or found[0].kind not in (Kind.ELEMENT, Kind.FRAGMENTS):
        raise NoFrame("The image cannot be drawn: its pixel data is ambiguous.")
    if found[0].value_start == found[0].value_end:
        raise NoFrame("The image cannot be drawn: its pixel data is empty.")
    return found[0]


def _is_video(syntax_uid: str) -> bool:
    """MPEG-2, MPEG-4 AVC and HEVC (1.2.840.10008.1.2.4.100 to 108), and SMPTE ST 2110 streams."""
    last = syntax_uid.removeprefix(_JPEG).split(".")[0]
    is_mpeg = syntax_uid.startswith(_JPEG) and _FIRST_NUMBER_OF_VIDEO <= int(last) <= _LAST_NUMBER_OF_VIDEO
    return is_mpeg or syntax_uid.startswith(_ST_2110)


def _value(carrier: Carrier, tag: int, at_most: int = 64) -> bytes:
    element = carrier.element(tag)
    if element is None or element.kind is not Kind.ELEMENT:
        return b""
    return bytes(carrier.source.view[element.value_start : min(element.value_end, element.value_start + at_most)])


def _number(carrier: Carrier, tag: int) -> int:
    """A value of VR US; 0 where it is absent."""
    value = _value(carrier, tag)
    return int(struct.unpack(carrier.encoding.order + "H", value[:2])[0]) if len(value) >= 2 else 0


def _text(carrier: Carrier, tag: int) -> str:
    return _value(carrier, tag).decode("ascii", "replace").strip(" \0")


def _frames(carrier: Carrier) -> int:
    """Number of Frames; 1 where it is absent, empty or no number."""
    text = _text(carrier, NUMBER_OF_FRAMES)
    frames = int(text) if text.isascii() and text.isdigit() else 1
    if frames > MAX_FRAMES:
        raise NoFrame(f"The image cannot be drawn: it claims to have {frames:,} frames.")
    return max(frames, 1)


def _native(carrier: Carrier, pixels: Element, frames: int, pixels_of_a_frame: int) -> tuple[int, bytes]:
    """Number (from 0) and pixel element of the middle frame, or of the first where only that one is there."""
    samples = _number(carrier, SAMPLES_PER_PIXEL) or 1
    if _text(carrier, PHOTOMETRIC_INTERPRETATION) == "YBR_FULL_422":
        samples = 2  # two pixels share their colour (PS3.3 C.7.6.3.1.2)
    bits = pixels_of_a_frame * samples * (_number(carrier, BITS_ALLOCATED) or 8)
    length = (bits + 7) // 8
    if length > MAX_FRAME_BYTES:
        raise NoFrame(f"The image is too large to be drawn here: one frame takes {length:,} bytes.")
    available = pixels.value_end - pixels.value_start
    number = frames // 2 if bits % 16 == 0 else 0  # the first frame alone surely begins with a word of its own
    if (number + 1) * length > available:
        number = 0
    if length > available:
        raise NoFrame(f"The image cannot be drawn: a frame needs {length:,} bytes, but only {available:,} are there.")
    start = pixels.value_start + number * length
    even = length + length % 2  # in big endian OW the last of an odd number of bytes is the second of its word
    value = bytes(carrier.source.view[start : min(start + even, pixels.value_end)])
    return number, _pixel_header(carrier, pixels, even) + value.ljust(even, b"\0")


def _pixel_header(carrier: Carrier, pixels: Element, length: int) -> bytes:
    order = carrier.encoding.order
    tag = struct.pack(order + "HH", pixels.tag >> 16, pixels.tag & 0xFFFF)
    if not carrier.encoding.explicit:
        return tag + struct.pack(order + "L", length)
    code = {0x7FE00008: b"OF", 0x7FE00009: b"OD"}.get(pixels.tag, b"OB" if pixels.vr.name == "OB" else b"OW")
    return tag + code + b"\0\0" + struct.pack(order + "L", length)


def _encapsulated(
    carrier: Carrier, pixels: Element, frames: int, syntax_uid: str, pixels_of_a_frame: int
) -> tuple[int, bytes]:
    """Number (from 0) and pixel element of the middle frame, its fragments as they are, without an offset table."""
    table, fragments = _fragments(carrier, pixels)
    number, own = _fragments_of_a_frame(carrier, table, fragments, frames, syntax_uid)
    length = sum(end - start for _, start, end in own)
    if length > MAX_FRAME_BYTES:
        raise NoFrame(f"The image is too large to be drawn here: one frame takes {length:,} bytes.")
    view = carrier.source.view
    declared = declared_size(view[own[0][1] : own[0][2]])
    if declared is not None and declared[0] * declared[1] > min(MAX_EXCESS * pixels_of_a_frame, MAX_PIXELS):
        columns, rows = declared
        raise NoFrame(f"The image cannot be drawn: compressed it says to have {columns:,} by {rows:,} pixels.")
    parts = [b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff", b"\xfe\xff\x00\xe0\0\0\0\0"]
    parts += [b"\xfe\xff\x00\xe0" + struct.pack("<L", end - start) + view[start:end] for _, start, end in own]
    return number, b"".join((*parts, b"\xfe\xff\xdd\xe0\0\0\0\0"))


_Fragment = tuple[int, int, int]
"""Start of the item, start and end of its value."""


def _fragments(carrier: Carrier, pixels: Element) -> tuple[tuple[int, ...], list[_Fragment]]:
    """The Basic Offset Table (PS3.5 A.4) or, where it is empty, the extended one; and the fragments."""
    found: list[_Fragment] = []
    for token in walk_element(carrier, pixels):
        if token.kind is Kind.FRAGMENT and token.value_end is not None:
            found.append((token.start, token.value_start, token.value_end))
            if len(found) > MAX_FRAGMENTS:
                raise NoFrame(f"The image cannot be drawn: it has more than {MAX_FRAGMENTS:,} fragments.")
    if len(found) < 2:
        raise NoFrame("The image cannot be drawn: its pixel data is empty.")
    _, start, end = found[0]
    basic = bytes(carrier.source.view[start : min(end, start + 4 * MAX_FRAMES)])
    offsets = struct.unpack(f"<{len(basic) // 4}L", basic[: len(basic) // 4 * 4])
    if not offsets:
        extended = _value(carrier, EXTENDED_OFFSET_TABLE, 8 * MAX_FRAMES)
        offsets = struct.unpack(f"<{len(extended) // 8}Q", extended[: len(extended) // 8 * 8])
    return offsets, found[1:]


def _fragments_of_a_frame(
    carrier: Carrier, offsets: tuple[int, ...], fragments: list[_Fragment], frames: int, syntax_uid: str
) -> tuple[int, list[_Fragment]]:
    if frames == 1:
        return 0, fragments
    number = frames // 2
    if len(fragments) == frames:
        return number, [fragments[number]]
    if len(offsets) == frames:
        base = fragments[0][0]
        begin = offsets[number]
        end = offsets[number + 1] if number + 1 < frames else carrier.end
        own = [fragment for fragment in fragments if begin <= fragment[0] - base < end]
        if own:
            return number, own
    if syntax_uid.startswith(_JPEG):
        view = carrier.source.view
        for count, (_, start, end) in enumerate(fragments, 1):
            if bytes(view[max(start, end - 4) : end]).rstrip(b"\0").endswith(b"\xff\xd9"):  # JPEG's end of image
                return 0, fragments[:count]
    raise NoFrame(f"The image cannot be drawn: {len(fragments):,} fragments do not tell where {frames:,} frames begin.")


def _about_pixels(carrier: Carrier, number: int, frames: int) -> dict[int, bytes]:
    """Elements about pixels by tag: of the frame's functional groups, else of the shared ones, else of the image."""
    found = dict(_copied(carrier))
    groups = [_item(carrier, _SHARED_FUNCTIONAL_GROUPS, 0)]
    if frames > 1 or carrier.element(_PER_FRAME_FUNCTIONAL_GROUPS) is not None:
        groups.append(_item(carrier, _PER_FRAME_FUNCTIONAL_GROUPS, number))
    for group in groups:
        for macro in _FRAME_MACROS:
            own = _item(group, macro, 0) if group is not None else None
            if own is not None:
                found |= dict(_copied(own))
    return found


def _item(carrier: Carrier, tag: int, number: int) -> Carrier | None:
    sequence = carrier.element(tag)
    if sequence is None or sequence.kind is not Kind.SEQUENCE:
        return None
    for index, item in enumerate(items(carrier, sequence)):
        if index == number:
            return scan_item(carrier, item) if item.encoding is carrier.encoding else None
    return None


def _copied(carrier: Carrier) -> Iterator[tuple[int, bytes]]:
    for element in carrier.elements:
        if element.tag in _ABOUT_PIXELS and element.end - element.start <= MAX_ELEMENT_BYTES:
            yield element.tag, bytes(carrier.source.view[element.start : element.end])
