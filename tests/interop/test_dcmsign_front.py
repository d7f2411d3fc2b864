"""`sealgate dcmsign` beside dcmsign itself: same command lines, same files, exit codes and messages compared."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from sealgate.cli.dcmsign import main
from support import peers
from support.dcmsign_rows import ROWS, Row
from support.dcmsign_scene import Scene

pytestmark = pytest.mark.peer

RUN_SECONDS = 60.0
NOTE = re.compile(r"W:   Sealgate +: ")
"""What we say of a signature and dcmsign does not."""
READER = re.compile(r"[WE]: (Dcm\w+: |at offset |this is no DICOM file|the deflate stream )")
"""What the readers say of a damaged input."""
UID = re.compile(r"\b(2\.25\.\d+|\d+(\.\d+){4,})\b")
MOMENT = re.compile(r"(Signature date/time +: )\d{14}\.\d{6}[+-]\d{4}$", re.MULTILINE)
IDENTIFICATION = re.compile(r"\$(dcmtk|sealgate): dcmsign v\S+.*\$")


class Ran(NamedTuple):
    """What one step came to."""

    code: int
    text: str

    def lines(self, row: Row) -> list[str]:
        """The messages, without what differs from run to run, our own notes, and words about damaged input."""
        text = IDENTIFICATION.sub("<identification>", UID.sub("<uid>", self.text))
        text = MOMENT.sub(r"\1<moment>", text)
        lines = [line.rstrip("\r") for line in text.split("\n")]
        lines = [line for line in lines if not NOTE.match(line) and not READER.match(line)]
        return [_plain_failure(line) if row.reader else line for line in lines]


def _plain_failure(line: str) -> str:
    """`F: why: reading file: name` without why."""
    return re.sub(r"^F: .*(: reading file: )", r"F: \1", line)


class Bench:
    """Two folders with the same files: one for dcmsign, one for us."""

    def __init__(self, folder: Path) -> None:
        self.scene = Scene(folder / "theirs")
        self.theirs, self.ours = folder / "theirs", folder / "ours"
        shutil.copytree(self.theirs, self.ours, symlinks=True)
        self.files = {path.name for path in self.theirs.iterdir()}

    def clean(self) -> None:
        for folder in (self.theirs, self.ours):
            for path in folder.iterdir():
                if path.name not in self.files:
                    path.unlink()

    def run_theirs(self, arguments: list[str], row: Row, *, folder: Path | None = None) -> Ran:
        return self._process("dcmsign", [peers.require("dcmsign")], arguments, row, folder or self.theirs)

    def run_ours(self, arguments: list[str], row: Row) -> Ran:
        if row.process:
            program = [sys.executable, "-m", "sealgate", "dcmsign"]
            return self._process(program[0], program, arguments, row, self.ours)
        before, stderr = Path.cwd(), sys.stderr
        captured = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
        os.chdir(self.ours)
        sys.stderr = captured
        try:
            code = main(arguments)
        finally:
            sys.stderr = stderr
            os.chdir(before)
        buffer = captured.buffer
        assert isinstance(buffer, io.BytesIO)
        return Ran(int(code), buffer.getvalue().decode("utf-8", "replace"))

    def _process(self, name: str, program: list[str], arguments: list[str], row: Row, folder: Path) -> Ran:
        stdin = (folder / row.stdin).read_bytes() if row.stdin else b""
        done = subprocess.run(
            [name, *program[1:], *arguments],
            executable=program[0],
            input=stdin,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd=folder,
            env={**os.environ, "LC_ALL": "C.UTF-8", "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            timeout=RUN_SECONDS,
            start_new_session=True,  # no terminal: passwords are asked for on standard input
            check=False,
        )
        return Ran(done.returncode, done.stderr.decode("utf-8", "replace"))


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("front"))


@pytest.fixture(autouse=True)
def clean(bench: Bench) -> Iterator[None]:
    yield
    bench.clean()


def test_the_rows_have_names_of_their_own() -> None:
    names = [row.name for row in ROWS]
    assert sorted(set(names)) == sorted(names)
    assert len(names) >= 250


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_exit_code_and_messages_are_those_of_dcmsign(row: Row, bench: Bench) -> None:
    steps = row.arguments(bench.scene.uids)
    for number, arguments in enumerate(steps):
        theirs, ours = bench.run_theirs(arguments, row), bench.run_ours(arguments, row)
        if row.why and number == len(steps) - 1:
            assert (ours.code, ours.lines(row)) != (theirs.code, theirs.lines(row)), "we no longer differ"
            assert ours.code == row.code
            assert row.says in ours.text
            return
        assert (ours.code, ours.lines(row)) == (theirs.code, theirs.lines(row))
        if number == len(steps) - 1:
            _expect_the_notes(ours.text, row)
        if number and "--verify" in arguments:
            crossed = bench.run_theirs(arguments, row, folder=bench.ours)
            assert (crossed.code, crossed.lines(row)) == (theirs.code, theirs.lines(row)), "dcmsign on what we wrote"
        _expect_the_same_files(bench, row)


def _expect_the_notes(text: str, row: Row) -> None:
    """What we add to dcmsign's messages is what the row says, and what stays unsigned; else nothing."""
    notes = [line for line in text.split("\n") if NOTE.match(line)]
    others = [note for note in notes if "not signed: " not in note]
    assert (row.notes in "\n".join(notes)) if row.notes else others == []


def _expect_the_same_files(bench: Bench, row: Row) -> None:
    """No output where dcmsign leaves none, and one where it does."""
    made = [{path.name for path in folder.iterdir()} - bench.files for folder in (bench.theirs, bench.ours)]
    assert made[0] == made[1]
    for name in made[0]:
        if name.endswith(".dump"):
            lengths = [(folder / name).stat().st_size for folder in (bench.theirs, bench.ours)]
            assert abs(lengths[0] - lengths[1]) <= 64, row.name  # the UIDs have different lengths
