"""Mistakes that people make on a command line: what was there before stays, and one sentence says what to do."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from sealgate.cli import passwords
from sealgate.cli.app import READER_LEFT, run
from sealgate.cli.exit_codes import ExitCode
from support import samples
from support.pki import Authority

NM = samples.sample("JPEG2000.dcm")
PROGRAM = [sys.executable, "-c", "from sealgate.cli.entry import main; main()"]


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "image.dcm"
    path.write_bytes(NM.read_bytes())
    return path


@pytest.fixture
def key(pki: Authority) -> list[str]:
    signer = pki.issue("signer")
    return ["--key", str(signer.key_path), "--cert", str(signer.certificate_path)]


@pytest.fixture
def signed(image: Path, key: list[str], tmp_path: Path) -> Path:
    path = tmp_path / "signed.dcm"
    assert run(["sign", str(image), str(path), *key]) == ExitCode.OK
    return path


@pytest.mark.parametrize(
    "words",
    [
        ["verify", "{signed}", "--html", "{signed}"],
        ["sign", "{signed}", "{out}", "--dump", "{signed}"],
        ["sign", "{signed}", "{out}", "--timestamp-query", "{signed}"],
        ["sign", "{signed}", "{out}", "--timestamp-query", "{out}.tsq", "--uid-file", "{link}"],
        ["timestamp", "request", "{signed}", "--query", "{signed}", "--uid-file", "{out}"],
        ["timestamp", "request", "{signed}", "--query", "{out}", "--uid-file", "{link}"],
    ],
)
def test_nothing_that_is_written_beside_a_result_overwrites_an_input(
    words: list[str], signed: Path, key: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before, out, link = signed.read_bytes(), tmp_path / "out", tmp_path / "link"
    link.symlink_to(signed)
    arguments = [word.format(signed=signed, out=out, link=link) for word in words]
    assert run([*arguments, *(key if words[0] == "sign" else [])]) == ExitCode.OUTPUT
    assert "one of the files that are read; name another one" in capsys.readouterr().err
    assert signed.read_bytes() == before
    assert not out.exists()


def test_a_dump_does_not_overwrite_the_key(image: Path, key: list[str], tmp_path: Path) -> None:
    before = Path(key[1]).read_bytes()
    assert run(["sign", str(image), str(tmp_path / "out"), *key, "--dump", key[1]]) == ExitCode.OUTPUT
    assert Path(key[1]).read_bytes() == before


def test_a_file_that_is_named_twice_is_signed_once(
    image: Path, key: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["sign", str(image), str(image), "--in-place", *key]) == ExitCode.OK
    assert capsys.readouterr().out.startswith(f"{image}: signed ")
    assert run(["inspect", str(image), "--json"]) == ExitCode.OK
    (described,) = json.loads(capsys.readouterr().out)
    assert len(described["signatures"]) == 1


@pytest.mark.parametrize(
    ("output", "said"),
    [("{folder}", "it is a folder; name a file, or give --output-dir"), ("{folder}/no/x.dcm", "there is no folder")],
)
def test_an_output_that_cannot_be_is_refused_in_plain_words(
    output: str, said: str, image: Path, key: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["sign", str(image), output.format(folder=tmp_path), *key]) == ExitCode.OUTPUT
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--uid-file", "x"], "--uid-file is of no use without --timestamp-query"),
        (["--timestamp-user", "me"], "--timestamp-user is of no use without --timestamp-url"),
    ],
)
def test_an_option_that_would_do_nothing_is_refused(
    words: list[str], said: str, image: Path, key: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["sign", str(image), str(tmp_path / "out"), *key, *words]) == ExitCode.CONFIGURATION
    assert said in capsys.readouterr().err


def test_a_key_and_a_certificate_that_are_exchanged_are_recognised(
    image: Path, key: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exchanged = ["--key", key[3], "--cert", key[1]]
    assert run(["sign", str(image), str(tmp_path / "out"), *exchanged]) == ExitCode.KEY
    assert "exchanged" in capsys.readouterr().err


def test_options_of_the_page_are_refused_without_it(signed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["verify", str(signed), "--html-values"]) == ExitCode.CONFIGURATION
    assert "without --html" in capsys.readouterr().err


def test_a_signature_that_is_not_there_is_said_of_the_file(signed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["remove", str(signed), "--in-place"], ["verify", str(signed)]):
        assert run([*words, "--uid", "1.2.3"]) == ExitCode.NO_SUCH_SIGNATURE
        assert capsys.readouterr().err.startswith(f"sealgate: {signed}: ")


def test_a_conversion_that_is_impossible_is_said_of_the_file(
    image: Path, key: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["sign", str(image), str(tmp_path / "out"), "--output-syntax", "explicit-be", *key]
    assert run(words) == ExitCode.OUTPUT
    assert capsys.readouterr().err.startswith(f"sealgate: {image}: transfer syntax ")


def test_what_is_left_unsigned_is_counted(image: Path, key: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sign", str(image), "--in-place", "--tag", "PatientID", *key]) == ExitCode.OK
    assert capsys.readouterr().out == f"{image}: signed 1 of 151 elements with SHA256\n"
    ct = image.with_name("ct.dcm")
    assert run(["sign", str(samples.sample("CT_small.dcm")), str(ct), *key]) == ExitCode.OK
    assert capsys.readouterr().out == f"{ct}: signed 257 of 258 elements with SHA256, not (fffc,fffc)\n"


def test_names_of_files_do_not_steer_a_terminal(
    image: Path, key: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = tmp_path / "two\nlines\x1b[2J\udcff.dcm"
    image.rename(odd)
    assert run(["sign", str(odd), "--in-place", *key]) == ExitCode.OK
    assert run(["sign", str(odd), str(odd), *key]) == ExitCode.OUTPUT
    said = capsys.readouterr()
    for text in (said.out, said.err):
        assert text.count("\n") == 1
        assert "two\N{REPLACEMENT CHARACTER}lines\N{REPLACEMENT CHARACTER}[2J" in text


def test_names_that_the_encoding_of_the_output_lacks_are_written_out(signed: Path, tmp_path: Path) -> None:
    named = tmp_path / "ü.dcm"
    signed.rename(named)
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        [*PROGRAM, "inspect", str(named)], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (ExitCode.OK, "")
    assert "\\xfc.dcm: 1 signature" in done.stdout


def test_a_reader_that_leaves_early_ends_the_command_without_complaint(signed: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    done = subprocess.run(
        [*PROGRAM, "inspect", str(signed)], env=environment, stdout=writer, stderr=subprocess.PIPE, check=False
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (READER_LEFT, b"")


def test_closed_streams_are_no_mistake_of_ours(signed: Path, tmp_path: Path) -> None:
    def code(redirection: str, *words: str) -> int:
        return subprocess.run(
            ["sh", "-c", f'"$@" {redirection}', "sh", *PROGRAM, *words], stderr=subprocess.DEVNULL, check=False
        ).returncode

    assert code(">&-", "inspect", str(signed)) == ExitCode.OK
    assert code("2>&- >&-", "inspect", str(signed), str(tmp_path)) == ExitCode.OK
    assert code(">&-", "remove", str(signed), "-", "--all") == ExitCode.OUTPUT
    assert code("<&-", "inspect", "-") == ExitCode.UNREADABLE


def test_the_end_of_input_instead_of_a_password_is_one_sentence(
    image: Path, pki: Authority, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    encrypted = pki.issue("encrypted", password=b"open sesame")
    key = ["--key", str(encrypted.key_path), "--cert", str(encrypted.certificate_path)]
    terminal, other = pty.openpty()

    def ended(_prompt: str) -> str:
        raise EOFError

    monkeypatch.setattr(passwords, "getpass", ended)
    with os.fdopen(terminal), os.fdopen(other) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        assert run(["sign", str(image), str(tmp_path / "out"), *key]) == ExitCode.KEY
    assert "no password was typed" in capsys.readouterr().err
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    assert run(["sign", str(image), str(tmp_path / "out"), *key]) == ExitCode.KEY
    assert "--password-file" in capsys.readouterr().err
