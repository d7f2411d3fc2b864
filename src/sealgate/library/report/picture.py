"""A small picture of the image in a data set, or a sentence that says why there is none.

Nothing of the file is decoded in this process: one frame is cut out by our own reading (`frame`), and a child process
with limits on memory and time draws it (`drawing`). So pixel data made to break decoders, or to fill the memory, costs
the picture and nothing more.
"""

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import sys
from dataclasses import dataclass
from typing import BinaryIO

from sealgate.dicom import transfer_syntax
from sealgate.dicom.part10 import DataSet
from sealgate.dicom.scan import Carrier
from sealgate.errors import InputError
from sealgate.library.report.drawing import MAX_OUTPUT_BYTES, Ended
from sealgate.library.report.frame import Frame, NoFrame, one_frame

MAX_SECONDS = 60
"""Wall time of the child process, interpreter and libraries included."""
MAX_SIDE = 1024
"""Pixels of the longer side that are taken from the child, which draws at most 768."""
_PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"

_NOT_DRAWN = (
    (lambda tag: tag >> 16 & 0xFF01 == 0x6000 and tag & 0xFFFF == 0x3000, "Overlays of the image are not drawn."),
    (lambda tag: tag == 0x00181600, "The display shutter is not applied."),
    (lambda tag: tag in (0x00700001, 0x00700008), "Graphic annotations are not drawn."),
    (lambda tag: tag == 0x00282000, "The ICC profile is not applied."),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture of one frame."""

    png: bytes
    width: int
    height: int
    rows: int
    columns: int
    """Size of the frame in the file; the picture may be smaller."""
    frame: int
    """Which frame is shown, counted from 1."""
    frames: int
    notes: tuple[str, ...]
    """How it was made and what is missing in it, a sentence each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoPicture:
    """Why there is no picture."""

    sentence: str


def picture_of(data_set: DataSet, carrier: Carrier) -> Picture | NoPicture:
    """A picture of `data_set`, which was scanned as `carrier`: its frame, or the middle one of several.

    Windows and lookup tables of the file are applied. Never raises for what the file contains. Needs the extra
    `pictures`; without it the sentence says so.
    """
    try:
        frame = one_frame(data_set, carrier)
    except NoFrame as reason:
        return NoPicture(sentence=str(reason))
    except InputError as error:
        return NoPicture(sentence=f"The image cannot be drawn: {error}.")
    return _drawn(frame, carrier, data_set.syntax.uid)


def _drawn(frame: Frame, carrier: Carrier, syntax_uid: str) -> Picture | NoPicture:
    # -P keeps the current folder, which may be one of strangers' files, out of the places where modules are found.
    command = [sys.executable, "-P", "-m", "sealgate.library.report.drawing"]
    one_thread = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    try:
        with _in_memory("frame", frame.file) as given, _in_memory("picture") as taken:
            child = subprocess.run(  # noqa: S603  a fixed program of our own
                command,
                stdin=given,
                stdout=taken,
                stderr=subprocess.DEVNULL,
                timeout=MAX_SECONDS,
                env=os.environ | one_thread,
                check=False,
            )
            taken.seek(0)
            line, _, png = taken.read(MAX_OUTPUT_BYTES).partition(b"\n")
    except subprocess.TimeoutExpired:
        return NoPicture(sentence=f"The image cannot be drawn: decoding took longer than {MAX_SECONDS} seconds.")
    except OSError as error:
        return NoPicture(sentence=f"The image was not drawn: no process could be started for it ({error.strerror}).")
    described = _described(line)
    if child.returncode or described is None or not _is_small_png(png):
        return NoPicture(sentence=_why(child.returncode, syntax_uid))
    width, height = struct.unpack(">LL", png[len(_PNG) : len(_PNG) + 8])
    return Picture(
        png=png,
        width=width,
        height=height,
        rows=frame.rows,
        columns=frame.columns,
        frame=frame.number,
        frames=frame.frames,
        notes=(*_made(frame, described, width, height), *_missing(carrier)),
    )


def _in_memory(name: str, content: bytes = b"") -> BinaryIO:
    """A file that never is on a disk. Unlike a pipe it lets the child's limit on files bound what we take from it."""
    file = os.fdopen(os.memfd_create(f"sealgate-{name}"), "w+b")
    file.write(content)
    file.seek(0)
    return file


def _described(line: bytes) -> dict[str, object] | None:
    """What the child says about its picture; it has read hostile bytes, so nothing is taken for granted."""
    try:
        described = json.loads(line[:1000])
    except ValueError:
        return None
    return described if isinstance(described, dict) else None


def _is_small_png(png: bytes) -> bool:
    if not png.startswith(_PNG) or len(png) < len(_PNG) + 8:
        return False
    return all(0 < side <= MAX_SIDE for side in struct.unpack(">LL", png[len(_PNG) : len(_PNG) + 8]))


def _why(status: int, syntax_uid: str) -> str:
    """The sentence about a child that did not draw."""
    if status in (-signal.SIGXCPU, -signal.SIGKILL, Ended.NO_MEMORY):
        return "The image cannot be drawn: decoding it takes too much time or memory."
    if status == Ended.NO_LIBRARY:
        return "The image was not drawn: the extra sealgate[pictures] is not installed."
    if status == Ended.NO_DECODER:
        return f"The image was not drawn: no decoder for transfer syntax {syntax_uid} is installed."
    if status != Ended.NOT_DECODED:
        return "The image cannot be drawn: the decoder broke down on this pixel data."
    if transfer_syntax.BY_UID[syntax_uid].encapsulated:
        return f"The image cannot be drawn: its pixel data could not be decoded (transfer syntax {syntax_uid})."
    return "The image cannot be drawn: its pixel data and the elements that describe it do not fit together."


def _made(frame: Frame, described: dict[str, object], width: int, height: int) -> list[str]:
    """How the picture was made."""
    notes = []
    if frame.frames > 1:
        which = "the first one" if frame.number == 1 else "the middle one"
        notes.append(f"Frame {frame.number:,} of {frame.frames:,} is shown, {which}.")
    if (width, height) != (frame.columns, frame.rows):
        notes.append(f"Drawn with {width:,} × {height:,} pixels; the image has {frame.columns:,} × {frame.rows:,}.")
    window = described.get("window")
    if isinstance(window, list) and len(window) == 2 and all(isinstance(number, int | float) for number in window):
        notes.append(f"The window of the file is applied: centre {window[0]:g}, width {window[1]:g}.")
    elif window == "lut":
        notes.append("The lookup table of the file (VOI LUT) is applied.")
    elif window == "range":
        notes.append("The file names no window: the darkest value is black, the brightest is white.")
    if frame.photometric_interpretation == "MONOCHROME1":
        notes.append("Low values are shown bright (MONOCHROME1).")
    return notes


def _missing(carrier: Carrier) -> list[str]:
    """What a viewer may show on top of the image and this picture does not."""
    return [note for holds, note in _NOT_DRAWN if any(holds(element.tag) for element in carrier.elements)]
