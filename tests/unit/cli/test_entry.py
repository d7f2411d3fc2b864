"""The entry point: what it imports before it knows what is asked, and how it ends."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sealgate import __version__

PROGRAM = [sys.executable, "-m", "sealgate"]
HEAVY = (
    "typer rich pydantic pydicom pynetdicom sqlalchemy structlog httpx pyhanko_certvalidator cryptography.x509".split()
)


def loaded_by(*arguments: str) -> list[str]:
    """Return which of the HEAVY libraries a call of `sealgate` with `arguments` imports."""
    program = (
        "import sys, atexit; heavy = sys.argv.pop(1).split();"
        " atexit.register(lambda: print('\\nloaded', *(name for name in heavy if name in sys.modules)));"
        " from sealgate.cli.entry import main; main()"
    )
    command = [sys.executable, "-c", program, " ".join(HEAVY), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.splitlines()[-1].split()[1:]


def test_dcmsign_is_told_its_usage_without_any_of_the_heavy_libraries() -> None:
    assert loaded_by("dcmsign", "--version") == []


def test_the_commands_are_reached_through_it() -> None:
    done = subprocess.run([*PROGRAM, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"sealgate {__version__}\n"
    assert subprocess.run([*PROGRAM, "nothing"], capture_output=True, check=False).returncode == 1


def test_the_exit_code_of_dcmsign_is_that_of_the_process(tmp_path: Path) -> None:
    done = subprocess.run([*PROGRAM, "dcmsign", str(tmp_path / "none.dcm")], capture_output=True, check=False)
    assert done.returncode == 20
    assert subprocess.run([*PROGRAM, "dcmsign", "--foo"], capture_output=True, check=False).returncode == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_under_standard_output_is_told_and_a_reader_who_left_is_not() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([*PROGRAM, "dcmsign", "--help"], stdout=full, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr.count(b"\n")) == (40, 1)
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([*PROGRAM, "dcmsign", "--help"], stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")
