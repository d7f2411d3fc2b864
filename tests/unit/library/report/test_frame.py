"""One frame is cut out of an image with what a decoder needs, and with nothing else."""

from __future__ import annotations

import struct
from io import BytesIO

import pytest

from sealgate.dicom.part10 import open_file
from sealgate.dicom.scan import scan
from sealgate.library.report import frame as module
from sealgate.library.report.frame import NoFrame
from support import images, samples
from support.elements import EXPLICIT, JPEG_UID
from support.images import encapsulated, frame_of, image, native, text, us

JPEG = b"\xff\xd8\xff\xc0\x00\x0b\x08\x00\x04\x00\x04\x01\x01\x11\x00\xff\xd9"
END_OF_IMAGE = b"\xff\xd9"


def test_the_frames_of_all_samples_decode_to_what_pydicom_decodes_of_the_whole() -> None:
    numpy = pytest.importorskip("numpy", reason="the extra `pictures` is not installed")
    from pydicom.pixels.utils import pixel_array

    compared, different = 0, []
    for path in samples.files():
        try:
            frame = frame_of(path.read_bytes())
            expected = pixel_array(path, index=frame.number - 1)
        except Exception:  # noqa: BLE001  no frame, or one that pydicom does not decode either
            continue
        compared += 1
        if not numpy.array_equal(pixel_array(BytesIO(frame.file), index=0), expected):
            different.append(path.name)
    assert different == []
    assert compared > 80


@pytest.mark.parametrize("name", ["CT_small.dcm", "MR_small_implicit.dcm", "MR_small_bigendian.dcm", "JPEG2000.dcm"])
def test_what_a_decoder_gets_names_no_patient(name: str) -> None:
    import pydicom

    ds = pydicom.dcmread(BytesIO(frame_of(samples.sample(name).read_bytes()).file))
    assert ds
    assert {element.tag.group for element in ds} <= {0x0028, 0x2050, 0x7FE0}


def test_of_several_frames_the_middle_one_is_taken() -> None:
    frames = [bytes([number]) * 16 for number in range(5)]
    frame = frame_of(image(native(b"".join(frames)), text(0x00280008, "IS", "5")))
    assert (frame.number, frame.frames) == (3, 5)
    assert frame.file.endswith(frames[2])


def test_where_only_the_first_frame_is_there_it_is_taken() -> None:
    frame = frame_of(image(native(bytes(16)), text(0x00280008, "IS", "5")))
    assert (frame.number, frame.frames) == (1, 5)


def test_a_frame_that_begins_inside_a_byte_gives_way_to_the_first() -> None:
    file = image(native(b"\xff\x07\x00\x00"), text(0x00280008, "IS", "3"), rows=3, columns=3, bits=1)
    assert frame_of(file).number == 1


@pytest.mark.parametrize(
    ("fragments", "offsets", "frames", "number", "own"),
    [
        ((b"aa", b"bb"), (), 1, 1, (b"aa", b"bb")),
        ((b"aa", b"bb", b"cc"), (), 3, 2, (b"bb",)),
        ((b"aa", b"bb", b"cc", b"dd"), (0, 10, 30), 3, 2, (b"bb", b"cc")),
        ((b"aa", b"bb", b"cc"), (0, 20), 2, 2, (b"cc",)),
        ((b"aa", b"b" + END_OF_IMAGE + b"\0", b"cc"), (), 2, 1, (b"aa", b"b" + END_OF_IMAGE + b"\0")),
    ],
)
def test_fragments_are_told_apart_by_count_offset_table_or_end_of_image(
    fragments: tuple[bytes, ...], offsets: tuple[int, ...], frames: int, number: int, own: tuple[bytes, ...]
) -> None:
    file = image(encapsulated(*fragments, offsets=offsets), text(0x00280008, "IS", str(frames)), uid=JPEG_UID)
    frame = frame_of(file)
    assert frame.number == number
    assert frame.file.endswith(encapsulated(*own)[12:])


def test_an_extended_offset_table_serves_where_the_basic_one_is_empty() -> None:
    extended = EXPLICIT.element(0x7FE00001, "OV", struct.pack("<2Q", 0, 10))
    file = image(encapsulated(b"aa", b"bb", b"cc"), text(0x00280008, "IS", "2"), extended, uid=JPEG_UID)
    assert frame_of(file).file.endswith(encapsulated(b"bb", b"cc")[12:])


def test_window_and_rescale_come_from_the_functional_groups_of_the_frame() -> None:
    import pydicom

    def group(centre: str) -> bytes:
        window = text(0x00281050, "DS", centre) + text(0x00281051, "DS", "10")
        return EXPLICIT.item(EXPLICIT.sequence(0x00289132, EXPLICIT.item(window)))

    rescale = text(0x00281052, "DS", "-7") + text(0x00281053, "DS", "2")
    shared = EXPLICIT.sequence(0x52009229, EXPLICIT.item(EXPLICIT.sequence(0x00289145, EXPLICIT.item(rescale))))
    per_frame = EXPLICIT.sequence(0x52009230, *(group(centre) for centre in "123"))
    ds = pydicom.dcmread(
        BytesIO(frame_of(image(native(bytes(48)), text(0x00280008, "IS", "3"), shared, per_frame)).file)
    )
    assert (ds.WindowCenter, ds.WindowWidth, ds.RescaleIntercept, ds.RescaleSlope) == (2, 10, -7, 2)


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        (image(b""), "no pixel data"),
        (image(native(b"")), "empty"),
        (image(encapsulated(), uid=JPEG_UID), "empty"),
        (image(native(bytes(16)), rows=0), "Rows or Columns are absent or zero"),
        (image(native(bytes(16)), rows=65535, columns=65535), "too large"),
        (image(native(bytes(16)), rows=8000, columns=8000, bits=65535), "too large"),
        (image(native(bytes(15))), "needs 16 bytes, but only 15 are there"),
        (image(native(bytes(16)), text(0x00280008, "IS", "999999999999")), "claims to have"),
        (image(native(bytes(16)), EXPLICIT.element(0x7FE00008, "OF", bytes(64))), "ambiguous"),
        (image(encapsulated(JPEG), uid="1.2.840.10008.1.2.4.102"), "video"),
        (image(encapsulated(JPEG), uid="1.2.840.10008.1.2.4.105.1"), "video"),
        (image(encapsulated(b"aa", b"bb", b"cc"), text(0x00280008, "IS", "2"), uid=JPEG_UID), "do not tell"),
    ],
)
def test_what_cannot_be_drawn_gets_a_sentence(file: bytes, sentence: str) -> None:
    with pytest.raises(NoFrame, match=sentence):
        frame_of(file)


@pytest.mark.parametrize(
    "codestream",
    [
        JPEG.replace(b"\x00\x04\x00\x04", b"\xff\xdc\xff\xdc"),
        JPEG.replace(b"\xff\xc0", b"\xff\xf7").replace(b"\x00\x04\x00\x04", b"\xff\xdc\xff\xdc"),
        JPEG[:2] + b"\xff\xe0\x00\x04ab\xff" + JPEG[2:].replace(b"\x00\x04\x00\x04", b"\xff\xdc\xff\xdc"),
        b"\xff\x4f\xff\x51\x00\x29\x00\x00" + struct.pack(">LLLL", 60000, 60000, 0, 0) + bytes(22),
    ],
)
def test_a_compressed_image_that_declares_far_more_pixels_than_its_elements_is_not_decoded(codestream: bytes) -> None:
    with pytest.raises(NoFrame, match="compressed it says to have"):
        frame_of(image(encapsulated(codestream), uid=JPEG_UID))


@pytest.mark.parametrize("codestream", [JPEG, b"", b"\xff\xd8", b"\xff\xd8\xff\xe0\xff\xff", b"\xff\x4f\xff\x51", b"?"])
def test_a_header_that_says_nothing_is_left_to_the_decoder(codestream: bytes) -> None:
    file = image(encapsulated(codestream, b"more"), uid=JPEG_UID)
    assert frame_of(file).frames == 1


def test_a_frame_holds_little_more_than_its_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ELEMENT_BYTES", 100)
    lut = EXPLICIT.element(0x00281201, "OW", bytes(200))
    assert len(frame_of(image(native(bytes(16)), lut)).file) < 700
    assert images.PIXEL_DATA in {e.tag for e in _elements(frame_of(image(native(bytes(16)), us(0x00280120, 1))).file)}


def _elements(file: bytes) -> list[module.Element]:
    data_set = open_file(file)
    return scan(data_set.source, data_set.encoding).elements
