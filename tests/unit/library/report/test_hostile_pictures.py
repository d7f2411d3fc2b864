"""Pixel data made to do harm costs the picture and nothing more."""

from __future__ import annotations

import os
import random
import resource
import struct
import sys
import time
import zlib
from io import BytesIO
from pathlib import Path

import pytest

from sealgate.library.report import drawing, picture
from sealgate.library.report.picture import NoPicture, Picture
from support.elements import JPEG_UID
from support.images import drawn, encapsulated, image, native

np = pytest.importorskip("numpy", reason="the extra `pictures` is not installed")
Image = pytest.importorskip("PIL.Image", reason="the extra `pictures` is not installed")

JPEG_2000_UID, RLE_UID, DEFLATED_FRAME_UID = "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.8.1"


def _jpeg(declared: tuple[int, int] | None = None) -> bytes:
    file = BytesIO()
    Image.new("L", (64, 64), 9).save(file, "JPEG")
    codestream = file.getvalue()
    size = codestream.index(b"\xff\xc0") + 5
    return (
        codestream if declared is None else codestream[:size] + struct.pack(">HH", *declared) + codestream[size + 4 :]
    )


def _jpeg_2000() -> bytes:
    file = BytesIO()
    pattern = (np.arange(64 * 64) % 251).astype(np.uint8).reshape(64, 64)
    Image.fromarray(pattern).save(file, "JPEG2000", no_jp2=True)
    return file.getvalue()


def _deflate_bomb() -> bytes:
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    return b"".join(deflate.compress(bytes(1 << 20)) for _ in range(4000)) + deflate.flush()


@pytest.mark.parametrize(
    ("uid", "codestream"),
    [
        pytest.param(JPEG_UID, _jpeg((65500, 65500)), id="JPEG that declares 4 gigapixels"),
        pytest.param(JPEG_UID, _jpeg((127, 127)), id="JPEG that declares twice its size"),
        pytest.param(JPEG_UID, _jpeg()[:300], id="JPEG that ends early"),
        pytest.param(DEFLATED_FRAME_UID, _deflate_bomb(), id="deflated frame of 4 GB"),
        pytest.param(RLE_UID, struct.pack("<16L", 1, 64, *([0] * 14)), id="RLE without segments"),
        pytest.param(RLE_UID, struct.pack("<16L", 0xFFFFFFFF, *([0xFFFFFFFF] * 15)), id="RLE of 4 G segments"),
        pytest.param("1.2.840.10008.1.2.4.110", bytes(100), id="JPEG XL, for which there is no decoder"),
    ],
)
def test_pixel_data_made_to_do_harm_gives_a_sentence_in_bounded_time_and_memory(uid: str, codestream: bytes) -> None:
    begun = time.monotonic()
    made = drawn(image(encapsulated(codestream), rows=64, columns=64, uid=uid))
    assert isinstance(made, NoPicture)
    assert made.sentence.startswith("The image ")
    assert time.monotonic() - begun < 30
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss << 10 < drawing.MAX_MEMORY_BYTES


@pytest.mark.parametrize("number", range(8))
def test_mutated_codestreams_never_raise(number: int) -> None:
    chance = random.Random(number)
    uid, codestream = ((JPEG_UID, _jpeg()), (JPEG_2000_UID, _jpeg_2000()))[number % 2]
    mutated = bytearray(codestream)
    for _ in range(chance.randrange(1, 12)):
        mutated[chance.randrange(len(mutated))] = chance.randrange(256)
    made = drawn(image(encapsulated(bytes(mutated)), rows=64, columns=64, uid=uid))
    assert isinstance(made, Picture | NoPicture)


def test_modules_in_the_current_folder_are_not_taken_for_libraries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "numpy.py").write_text("raise SystemExit(9)\n")
    monkeypatch.chdir(tmp_path)
    assert isinstance(drawn(image(native(bytes(range(16))))), Picture)


@pytest.mark.parametrize(
    ("program", "sentence"),
    [
        ("import time; time.sleep(60)", "took longer than 0.5 seconds"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "the decoder broke down"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGXFSZ)", "the decoder broke down"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "too much time or memory"),
        ("import sys; sys.exit(3)", "the extra sealgate[pictures] is not installed"),
        ("import sys; sys.exit(4)", "no decoder for transfer syntax 1.2.840.10008.1.2.1 is installed"),
        ("import sys; sys.exit(5)", "too much time or memory"),
        ("import sys; sys.exit(1)", "do not fit together"),
        ("print('{}')", "broke down"),
        ("print('[]'); print('GIF89a')", "broke down"),
        ("print('{}'); print('\\x89PNG')", "broke down"),
    ],
)
def test_whatever_becomes_of_the_child_a_sentence_says_so(
    program: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = tmp_path / "child"
    child.write_text(f"#!{sys.executable}\n{program}\n")
    child.chmod(0o700)
    monkeypatch.setattr(picture.sys, "executable", os.fspath(child))
    monkeypatch.setattr(picture, "MAX_SECONDS", 0.5 if "sleep" in program else 60)
    made = drawn(image(native(bytes(range(16)))))
    assert isinstance(made, NoPicture)
    assert sentence in made.sentence


def test_the_child_gives_up_memory_time_and_files_before_it_reads() -> None:
    program = (
        "import resource, sealgate.library.report.drawing as d; d._give_up_rights();"
        "print(*(resource.getrlimit(r)[1] for r in (resource.RLIMIT_AS, resource.RLIMIT_CPU, resource.RLIMIT_FSIZE)))"
    )
    shown = picture.subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    memory, seconds, size = map(int, shown.split())
    assert (memory, seconds, size) == (drawing.MAX_MEMORY_BYTES, drawing.MAX_CPU_SECONDS, drawing.MAX_OUTPUT_BYTES)
