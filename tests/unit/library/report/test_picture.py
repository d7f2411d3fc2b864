"""Pictures are drawn of whatever can be decoded, with the window of the file; what is left out is said."""

from __future__ import annotations

import struct
from io import BytesIO

import pytest

from sealgate.library.report import drawing
from sealgate.library.report.picture import NoPicture, Picture
from support import samples
from support.elements import EXPLICIT
from support.images import drawn, image, native, text, us

np = pytest.importorskip("numpy", reason="the extra `pictures` is not installed")
Image = pytest.importorskip("PIL.Image", reason="the extra `pictures` is not installed")

DRAWN = (
    "693_J2KI.dcm ExplVR_BigEnd.dcm JPEG2000.dcm JPEGLSNearLossless_08.dcm MR_small_RLE.dcm"
    " MR_small_bigendian.dcm MR_small_jpeg_ls_lossless.dcm SC_rgb_dcmtk_+eb+cy+s2.dcm SC_rgb_rle_16bit_2frame.dcm"
    " SC_rgb_small_odd_big_endian.dcm SC_ybr_full_422_uncompressed.dcm examples_palette.dcm examples_ybr_color.dcm"
    " image_dfl.dcm liver_1frame.dcm rtdose_rle.dcm"
).split()
NOT_DRAWN = {
    "JPEG-lossy.dcm": "could not be decoded (transfer syntax 1.2.840.10008.1.2.4.51)",
    "JPGExtended.dcm": "could not be decoded (transfer syntax 1.2.840.10008.1.2.4.51)",
    "reportsi.dcm": "no pixel data",
    "rtplan.dcm": "no pixel data",
    "nested_priv_SQ.dcm": "Rows or Columns",
}


def pixels(picture_: Picture | NoPicture) -> np.ndarray:  # type: ignore[name-defined]
    assert isinstance(picture_, Picture), picture_
    return np.asarray(Image.open(BytesIO(picture_.png)))


@pytest.mark.parametrize("name", DRAWN)
def test_samples_of_every_kind_are_drawn(name: str) -> None:
    made = drawn(samples.sample(name).read_bytes())
    shown = pixels(made)
    assert isinstance(made, Picture)
    assert shown.shape[:2] == (made.height, made.width)
    assert max(made.width, made.height) <= drawing.MAX_SIDE
    assert len(np.unique(shown)) > 1


@pytest.mark.parametrize(("name", "sentence"), NOT_DRAWN.items())
def test_samples_that_cannot_be_drawn_get_a_sentence(name: str, sentence: str) -> None:
    made = drawn(samples.sample(name).read_bytes())
    assert isinstance(made, NoPicture)
    assert sentence in made.sentence


def test_the_window_of_the_file_is_applied() -> None:
    window = (text(0x00281050, "DS", "100"), text(0x00281051, "DS", "11"))
    values = struct.pack("<16H", 0, 94, 95, 99, 100, 105, 106, 200, *([0] * 8))
    made = drawn(image(native(values), *window, bits=16))
    assert list(pixels(made).ravel()[:8]) == [0, 0, 13, 115, 140, 255, 255, 255]
    assert isinstance(made, Picture)
    assert "The window of the file is applied: centre 100, width 11." in made.notes


def test_rescaled_values_go_through_the_window() -> None:
    more = (
        text(0x00281050, "DS", "-1000"),
        text(0x00281051, "DS", "1"),
        text(0x00281052, "DS", "-1024"),
        text(0x00281053, "DS", "1"),
    )
    values = struct.pack("<16h", 0, 20, 30, -500, *([0] * 12))
    assert list(pixels(drawn(image(native(values), *more, bits=16, signed=1))).ravel()[:4]) == [0, 0, 255, 0]


def test_without_a_window_the_values_of_the_image_span_the_grey_levels_and_padding_does_not_count() -> None:
    values = struct.pack("<16h", -2000, 0, 50, 100, *([0] * 12))
    padding = EXPLICIT.element(0x00280120, "SS", struct.pack("<h", -2000))
    made = drawn(image(native(values), padding, bits=16, signed=1))
    assert list(pixels(made).ravel()[:4]) == [0, 0, 128, 255]
    assert isinstance(made, Picture)
    assert "The file names no window: the darkest value is black, the brightest is white." in made.notes


@pytest.mark.parametrize("width", ["0", "-5", "nan", "1e999", "x"])
def test_a_window_that_is_none_is_not_applied(width: str) -> None:
    window = (text(0x00281050, "DS", "100"), text(0x00281051, "DS", width))
    assert list(pixels(drawn(image(native(bytes(range(16))), *window))).ravel()[::15]) == [0, 255]


def test_monochrome1_is_inverted_and_said_so() -> None:
    made = drawn(image(native(bytes(range(16))), interpretation="MONOCHROME1"))
    assert list(pixels(made).ravel()[::15]) == [255, 0]
    assert isinstance(made, Picture)
    assert "Low values are shown bright (MONOCHROME1)." in made.notes


def test_a_lookup_table_is_applied() -> None:
    descriptor = EXPLICIT.element(0x00283002, "US", struct.pack("<3H", 4, 0, 8))
    table = EXPLICIT.element(0x00283006, "US", struct.pack("<4H", 10, 255, 20, 30))
    lut = EXPLICIT.sequence(0x00283010, EXPLICIT.item(descriptor + table))
    made = drawn(image(native(bytes([0, 1, 2, 3] * 4)), lut))
    assert list(pixels(made).ravel()[:4]) == [10, 255, 20, 30]
    assert isinstance(made, Picture)
    assert "The lookup table of the file (VOI LUT) is applied." in made.notes


def test_which_frame_is_shown_is_said() -> None:
    made = drawn(image(native(bytes(range(80))), text(0x00280008, "IS", "5")))
    assert isinstance(made, Picture)
    assert made.notes[0] == "Frame 3 of 5 is shown, the middle one."


def test_what_is_left_out_is_said() -> None:
    overlay = EXPLICIT.element(0x60023000, "OW", bytes(2))
    shutter = text(0x00181600, "CS", "CIRCULAR")
    # behind Pixel Data, where nothing that is left out may hide either
    made = drawn(image(native(bytes(range(16))) + overlay, shutter))
    assert isinstance(made, Picture)
    assert made.notes[-2:] == ("Overlays of the image are not drawn.", "The display shutter is not applied.")


def test_large_images_are_made_small_and_pixels_square() -> None:
    made = drawn(image(native(bytes(2000 * 100)), text(0x00280034, "IS", "2\\1"), rows=100, columns=2000))
    assert isinstance(made, Picture)
    assert (made.width, made.height) == (768, 77)
    assert "Drawn with 768 × 77 pixels; the image has 2,000 × 100." in made.notes


def test_pixels_of_three_colours_and_palettes_are_drawn_in_colour() -> None:
    red, green = b"\xff\0\0", b"\0\xff\0"
    shown = pixels(drawn(image(native((red + green) * 8), samples=3, interpretation="RGB")))
    assert shown[0, 0].tolist() == [255, 0, 0]
    assert shown[0, 1].tolist() == [0, 255, 0]
    descriptors = [EXPLICIT.element(0x00281101 + n, "US", struct.pack("<3H", 2, 0, 16)) for n in range(3)]
    tables = [
        EXPLICIT.element(0x00281201 + n, "OW", struct.pack("<2H", first, second))
        for n, (first, second) in enumerate([(0, 0xFFFF), (0, 0x8000), (0xFFFF, 0)])
    ]
    shown = pixels(drawn(image(native(b"\0\1" * 8), *descriptors, *tables, interpretation="PALETTE COLOR")))
    assert shown[0, :2].tolist() == [[0, 0, 255], [255, 128, 0]]


def test_real_numbers_are_drawn() -> None:
    values = EXPLICIT.element(0x7FE00008, "OF", struct.pack("<16f", -1.5, float("nan"), 0.0, 1.5, *([0.0] * 12)))
    assert list(pixels(drawn(image(values, bits=32))).ravel()[::3][:2]) == [0, 255]


def test_an_absurd_shape_of_pixels_is_not_believed() -> None:
    made = drawn(image(native(bytes(range(16))), text(0x00280034, "IS", "60000\\1"), us(0x00280121, 3)))
    assert isinstance(made, Picture)
    assert (made.width, made.height) == (4, 4)
