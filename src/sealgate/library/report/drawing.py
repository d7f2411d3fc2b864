"""Draws one frame as a small PNG: the program of the child process in which decoders run (see `picture`).

It reads a Part 10 file with one frame from standard input and writes one line of JSON, then the PNG. Decoders are
programs in C that read what strangers wrote; so this process gives up, before it looks at a byte, the right to take
more memory, time, files or processes than drawing needs. Whatever goes wrong here ends this process and nothing else.
"""

from __future__ import annotations

import json
import resource
import sys
from enum import IntEnum
from io import BytesIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image
    from pydicom import Dataset
    from pydicom.uid import UID

MAX_MEMORY_BYTES = 2 << 30
"""Address space of this process, libraries included. A frame of 64 million pixels with 16 bits takes 0.6 GiB."""
MAX_CPU_SECONDS = 40
"""A JPEG 2000 frame of 64 million pixels of mere noise takes 28 on a small machine; real ones take a few."""
MAX_OPEN_FILES = 64
"""What loading the libraries needs."""
MAX_OUTPUT_BYTES = 8 << 20
"""What this process may write; 768 by 768 pixels in colour are 1.7 MiB before compression."""
MAX_SIDE = 768
"""Pixels of the longer side of what is drawn: enough to recognise an image, too few to diagnose from."""
MAX_ASPECT = 16
"""A pixel this many times as high as wide, or more, is not believed."""
_REDUCED_FIRST = 8_000_000
"""Samples above which values that need arithmetic (colours of a palette, real numbers) are thinned out before it."""


class Ended(IntEnum):
    """Exit codes of this process; others, and signals, mean that a decoder broke down."""

    DRAWN = 0
    NOT_DECODED = 1
    NO_LIBRARY = 3
    NO_DECODER = 4
    NO_MEMORY = 5


def main() -> Ended:
    """Draw the frame on standard input."""
    _give_up_rights()
    try:
        import numpy as np  # noqa: F401
        import PIL  # noqa: F401
        import pydicom
    except ImportError:
        return Ended.NO_LIBRARY
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    try:
        ds = pydicom.dcmread(BytesIO(sys.stdin.buffer.read()))
        if not _has_decoder(ds.file_meta.TransferSyntaxUID):
            return Ended.NO_DECODER
        image, window = drawn(ds)
        png = BytesIO()
        image.save(png, "PNG")
    except MemoryError:
        return Ended.NO_MEMORY
    except Exception:  # noqa: BLE001  decoders raise whatever they like, and what they say may quote the file
        return Ended.NOT_DECODED
    described = {"window": window}
    sys.stdout.buffer.write(json.dumps(described).encode() + b"\n" + png.getvalue())
    sys.stdout.buffer.flush()
    return Ended.DRAWN


def _give_up_rights() -> None:
    for name, limit in (
        (resource.RLIMIT_AS, MAX_MEMORY_BYTES),
        (resource.RLIMIT_CPU, MAX_CPU_SECONDS),
        (resource.RLIMIT_NOFILE, MAX_OPEN_FILES),
        (resource.RLIMIT_FSIZE, MAX_OUTPUT_BYTES),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(name)[1]
        lowered = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(name, (lowered, lowered))


def _has_decoder(transfer_syntax_uid: UID) -> bool:
    from pydicom.pixels.decoders.base import get_decoder

    try:
        return not transfer_syntax_uid.is_encapsulated or bool(get_decoder(transfer_syntax_uid).is_available)
    except NotImplementedError:
        return False


def drawn(ds: Dataset) -> tuple[Image, list[float] | str | None]:
    """The picture of a one-frame `ds`, and how grey levels came about: [centre, width], "lut", "range" or None."""
    from PIL.Image import fromarray
    from pydicom.pixels.utils import pixel_array

    values = pixel_array(ds, index=0)
    window: list[float] | str | None = None
    if values.ndim == 3 and values.shape[2] in (3, 4):
        shown = _to_eight_bits(values[:, :, :3], int(ds.BitsStored))
    elif ds.get("PhotometricInterpretation") == "PALETTE COLOR":
        shown = _coloured(values, ds)
    else:
        shown, window = _grey(values, ds)
    return _fitted(fromarray(shown), _aspect(ds)), window


def _to_eight_bits(values: np.ndarray[Any, Any], bits: int) -> np.ndarray[Any, Any]:
    import numpy as np

    return (values >> max(bits - 8, 0)).astype(np.uint8) if values.dtype.itemsize > 1 else np.ascontiguousarray(values)


def _coloured(values: np.ndarray[Any, Any], ds: Dataset) -> np.ndarray[Any, Any]:
    from pydicom.pixels.processing import apply_color_lut

    colours = apply_color_lut(_thinned(values), ds)
    return _to_eight_bits(colours[:, :, :3], 8 * colours.dtype.itemsize)


def _thinned(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    step = 1
    while values.size // (step * step) > _REDUCED_FIRST:
        step += 1
    return values[::step, ::step]


def _grey(values: np.ndarray[Any, Any], ds: Dataset) -> tuple[np.ndarray[Any, Any], list[float] | str]:
    """Grey levels of 8 bits by Modality LUT, VOI LUT and photometric interpretation (PS3.3 C.11.1, C.11.2)."""
    import numpy as np

    if values.dtype.kind in "iu" and values.dtype.itemsize <= 2:
        # Every possible stored value is looked up once, so a large image costs one byte a pixel.
        unsigned = values.view(np.uint16 if values.dtype.itemsize == 2 else np.uint8)
        domain = np.arange(1 << 8 * values.dtype.itemsize, dtype=np.uint32).astype(unsigned.dtype).view(values.dtype)
        extremes = _extremes(values, ds)
        levels, window = _levels(domain, extremes, ds)
        return levels[unsigned], window
    values = _thinned(values)
    return _levels(values, _extremes(values, ds), ds)


def _extremes(values: np.ndarray[Any, Any], ds: Dataset) -> np.ndarray[Any, Any]:
    """Smallest and largest stored value, padding (PS3.3 C.7.5.1.1.2) and what is no number left out."""
    import numpy as np

    padding = ds.get("PixelPaddingValue")
    if isinstance(padding, int):
        limit = ds.get("PixelPaddingRangeLimit")
        limit = limit if isinstance(limit, int) else padding
        image = values[(values < min(padding, limit)) | (values > max(padding, limit))]
        values = image if image.size else values
    if values.dtype.kind == "f":
        values = values[np.isfinite(values)]
    return np.array([values.min(), values.max()] if values.size else [0, 1], dtype=values.dtype)


def _levels(
    stored: np.ndarray[Any, Any], extremes: np.ndarray[Any, Any], ds: Dataset
) -> tuple[np.ndarray[Any, Any], list[float] | str]:
    import numpy as np
    from pydicom.pixels.processing import apply_modality_lut

    both = apply_modality_lut(np.concatenate((stored.ravel(), extremes)), ds).astype(np.float64)
    values, low, high = both[:-2].reshape(stored.shape), *sorted(both[-2:])
    window: list[float] | str
    centre_and_width = _window(ds)
    if ds.get("VOILUTSequence"):
        levels, window = _by_voi_lut(values, ds), "lut"
    elif centre_and_width is not None:
        levels, window = _windowed(values, *centre_and_width, str(ds.get("VOILUTFunction") or "LINEAR")), "window"
        window = list(centre_and_width)
    else:
        levels, window = (values - low) / max(high - low, 1e-9), "range"
    if ds.get("PhotometricInterpretation") == "MONOCHROME1" or ds.get("PresentationLUTShape") == "INVERSE":
        levels = 1 - levels
    return (np.clip(np.nan_to_num(levels), 0, 1) * 255 + 0.5).astype(np.uint8), window


def _window(ds: Dataset) -> tuple[float, float] | None:
    """The first Window Center and Window Width, where both are usable."""
    numbers = []
    for keyword in ("WindowCenter", "WindowWidth"):
        value = ds.get(keyword)
        first = value if isinstance(value, int | float | str) or value is None else next(iter(value), None)
        try:
            numbers.append(float(first))  # type: ignore[arg-type]
        except (TypeError, ValueError):
            return None
    centre, width = numbers
    usable = abs(centre) < 1e9 and 0 < width < 1e9
    return (centre, width) if usable else None


def _windowed(values: np.ndarray[Any, Any], centre: float, width: float, function: str) -> np.ndarray[Any, Any]:
    """Grey levels from 0 to 1 (PS3.3 C.11.2.1.2 and C.11.2.1.3)."""
    import numpy as np

    if function == "SIGMOID":
        return 1 / (1 + np.exp(np.clip(-4 * (values - centre) / width, -500, 500)))
    if function == "LINEAR_EXACT":
        return (values - centre) / width + 0.5
    if width <= 1:
        return (values > centre - 0.5).astype(np.float64)
    return (values - (centre - 0.5)) / (width - 1) + 0.5


def _by_voi_lut(values: np.ndarray[Any, Any], ds: Dataset) -> np.ndarray[Any, Any]:
    import numpy as np
    from pydicom.pixels.processing import apply_voi

    bits = int(ds.VOILUTSequence[0].LUTDescriptor[2])
    looked_up = apply_voi(values.astype(np.int32), ds)
    return looked_up.astype(np.float64) / ((1 << min(max(bits, 8), 16)) - 1)


def _aspect(ds: Dataset) -> float:
    """Height of a pixel over its width, by Pixel Aspect Ratio or Pixel Spacing; 1 where none is to be believed."""
    for keyword in ("PixelAspectRatio", "PixelSpacing"):
        try:
            vertical, horizontal = (float(number) for number in ds.get(keyword) or ())
            if 1 / MAX_ASPECT < vertical / horizontal < MAX_ASPECT:
                return vertical / horizontal
        except (TypeError, ValueError, ZeroDivisionError):
            continue
    return 1.0


def _fitted(image: Image, aspect: float) -> Image:
    """The picture with square pixels, at most MAX_SIDE wide and high."""
    from PIL.Image import Resampling

    width, height = image.width, image.height * aspect
    scale = min(1.0, MAX_SIDE / max(width, height))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    if size == image.size:
        return image
    return image.resize(size, Resampling.LANCZOS if scale < 1 else Resampling.BICUBIC, reducing_gap=3.0)


if __name__ == "__main__":
    sys.exit(main())
