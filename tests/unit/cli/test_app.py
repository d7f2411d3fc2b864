"""The command line as a whole: what it imports, how it fails, and with which exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sealgate import __version__
from sealgate.cli.app import COMMANDS, Command, run
from sealgate.cli.exit_codes import ExitCode

HEAVY = "sqlalchemy pynetdicom pydantic_settings aiohttp".split()


def loaded_by(*arguments: str) -> list[str]:
    """Return which of the HEAVY libraries a call of `sealgate` with `arguments` imports."""
    program = (
        "import sys; from sealgate.cli.app import run; run(sys.argv[2:]);"
        " print('\\nloaded', *(name for name in sys.argv[1].split() if name in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, " ".join(HEAVY), *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()[-1].split()[1:]


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["ca", "--help"]], ids=" ".join)
def test_a_command_imports_nothing_that_others_need(arguments: list[str]) -> None:
    assert loaded_by(*arguments) == []


@pytest.mark.parametrize("name", ["sign", "verify"])
def test_signing_and_verifying_need_neither_the_database_nor_the_network(name: str) -> None:
    assert not {"sqlalchemy", "pynetdicom", "pydantic_settings"} & set(loaded_by(name, "--help"))


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_has_help(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([command.name, "--help"]) == ExitCode.OK
    assert f"sealgate {command.name}" in capsys.readouterr().out


def test_without_arguments_the_overview_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == ExitCode.OK
    overview = capsys.readouterr().out
    assert all(f"  {command.name} " in overview for command in COMMANDS)


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == ExitCode.OK
    assert capsys.readouterr().out == f"sealgate {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "what", "where"),
    [
        (["sing"], "sing", "sealgate --help"),
        (["--colour"], "--colour", "sealgate --help"),
        (["ca"], "Missing command", "sealgate ca --help"),
        (["ca", "new"], "DIR", "sealgate ca new --help"),
        (["ca", "new", "x", "--days", "soon"], "--days", "sealgate ca new --help"),
        (["ca", "new", "x", "--key", "rsa512"], "rsa512", "sealgate ca new --help"),
    ],
)
def test_a_mistyped_command_line_is_one_sentence_that_says_where_help_is(
    arguments: list[str], what: str, where: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == ExitCode.USAGE
    said = capsys.readouterr().err
    assert said.startswith("sealgate: ")
    assert said.count("\n") == 1
    assert what in said
    assert where in said


def test_an_error_of_ours_is_one_sentence_that_names_the_thing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["ca", "issue", str(tmp_path), "gateway"]) != ExitCode.OK
    said = capsys.readouterr().err
    assert said.startswith(f"sealgate: cannot read {tmp_path}/ca.pem: ")
    assert said.count("\n") == 1


PROGRAM = [sys.executable, "-c", "from sealgate.cli.app import main; main()"]


def test_a_reader_that_leaves_early_brings_no_complaint() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([*PROGRAM, "--help"], stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert done.stderr == ""


def test_a_full_disk_under_standard_output_is_one_sentence() -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([*PROGRAM, "--help"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == ExitCode.OUTPUT
    assert done.stderr == "sealgate: cannot write to standard output: no space is left under it\n"
