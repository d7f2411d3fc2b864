"""`sealgate sign`: OUT is whole or not there, IN is never touched, and what cannot be signed is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from sealgate.cli.app import run
from sealgate.cli.exit_codes import ExitCode
from support import samples
from support.pki import Authority


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in.dcm"
    path.write_bytes(samples.sample("CT_small.dcm").read_bytes())
    return path


def sign(pki: Authority, source: Path, target: Path, *more: str) -> int:
    signer = pki.issue("signer")
    return run(
        ["sign", str(source), str(target), "--key", str(signer.key_path), "--cert", str(signer.certificate_path), *more]
    )


def nothing_but(folder: Path, *names: str) -> bool:
    return {path.name for path in folder.iterdir()} == set(names)


def test_out_is_in_with_two_insertions(pki: Authority, source: Path, tmp_path: Path) -> None:
    original = source.read_bytes()
    assert sign(pki, source, tmp_path / "out.dcm") == ExitCode.OK
    assert source.read_bytes() == original
    signed = (tmp_path / "out.dcm").read_bytes()
    start = signed.index(b"\xfe\x4f\x01\x00SQ")
    assert signed[:start] == original[:start]
    assert len(signed) > len(original)
    assert nothing_but(tmp_path, "in.dcm", "out.dcm")


def test_the_input_is_never_overwritten(
    pki: Authority, source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    original = source.read_bytes()
    assert sign(pki, source, source) == ExitCode.OUTPUT
    assert "name another output file" in capsys.readouterr().err
    assert source.read_bytes() == original
    assert nothing_but(tmp_path, "in.dcm")


def test_a_failure_leaves_no_output_and_no_temporary_file(
    pki: Authority, source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source.write_bytes(source.read_bytes()[:-1000])
    assert sign(pki, source, tmp_path / "out.dcm") == ExitCode.UNREADABLE
    assert "bytes, but only" in capsys.readouterr().err
    assert nothing_but(tmp_path, "in.dcm")


def test_a_failure_leaves_an_older_output_as_it_was(pki: Authority, source: Path, tmp_path: Path) -> None:
    (tmp_path / "out.dcm").write_bytes(b"older")
    source.write_bytes(b"no DICOM at all")
    assert sign(pki, source, tmp_path / "out.dcm") == ExitCode.UNREADABLE
    assert (tmp_path / "out.dcm").read_bytes() == b"older"


@pytest.mark.parametrize(
    ("more", "exit_code", "named"),
    [
        (("--tag", "PatientID", "--tag", "7fe0,0010"), ExitCode.OK, ""),
        (("--tag", "fffc,fffc"), ExitCode.CANNOT_SIGN, "(fffc,fffc)"),
        (("--tag", "0010,2000"), ExitCode.CANNOT_SIGN, "(0010,2000)"),
        (("--tag", "NoSuchKeyword"), ExitCode.CONFIGURATION, "'NoSuchKeyword'"),
        (("--mac", "CRC32"), ExitCode.CONFIGURATION, "'CRC32'"),
        (("--mac", "ripemd160"), ExitCode.OK, ""),
    ],
)
def test_options_are_taken_or_named(
    more: tuple[str, ...],
    exit_code: ExitCode,
    named: str,
    pki: Authority,
    source: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert sign(pki, source, tmp_path / "out.dcm", *more) == exit_code
    assert named in capsys.readouterr().err


def test_the_password_of_an_encrypted_key_comes_from_a_file(
    pki: Authority, source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    encrypted = pki.issue("encrypted", password=b"open sesame")
    password = tmp_path / "password"
    arguments = ["sign", str(source), str(tmp_path / "out.dcm"), "--password-file", str(password)]
    arguments += ["--key", str(encrypted.key_path), "--cert", str(encrypted.certificate_path)]
    password.write_text("something else\n", encoding="utf-8")
    assert run(arguments) == ExitCode.KEY
    complaint = capsys.readouterr().err
    assert str(encrypted.key_path) in complaint
    assert "something else" not in complaint
    password.write_text("open sesame\n", encoding="utf-8")
    assert run(arguments) == ExitCode.OK


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"\0" * 200, b"\0" * 128 + b"DICM"], ids=lambda text: repr(text[-9:])
)
def test_an_input_that_is_no_dicom_file_is_named(
    pki: Authority, source: Path, tmp_path: Path, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    source.write_bytes(content)
    assert sign(pki, source, tmp_path / "out.dcm") == ExitCode.UNREADABLE
    complaint = capsys.readouterr().err
    assert complaint.startswith(f"sealgate: cannot read {source}: ")
    assert complaint.count("\n") == 1
    assert nothing_but(tmp_path, "in.dcm")


def test_an_input_that_is_missing_or_a_folder_is_named(
    pki: Authority, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (tmp_path / "none.dcm", tmp_path):
        assert sign(pki, path, tmp_path / "out.dcm") == ExitCode.UNREADABLE
        assert f"cannot read {path}: " in capsys.readouterr().err
    assert nothing_but(tmp_path)


def test_a_data_set_that_readers_would_show_differently_is_named_and_not_signed(
    pki: Authority, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    twice = samples.sample("winter.dcm")
    assert sign(pki, twice, tmp_path / "out.dcm") == ExitCode.CANNOT_SIGN
    assert f"{twice} cannot be signed: (0008,0018) stands twice" in capsys.readouterr().err
    assert nothing_but(tmp_path)


@pytest.mark.parametrize("target", ["none/out.dcm", "."])
def test_an_output_that_cannot_be_written_is_named(
    pki: Authority, source: Path, tmp_path: Path, target: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sign(pki, source, tmp_path / target) == ExitCode.OUTPUT
    assert f"cannot write {tmp_path / target}: " in capsys.readouterr().err
    assert nothing_but(tmp_path, "in.dcm")


@pytest.mark.parametrize("option", ["--key", "--cert"])
def test_keys_and_certificates_that_do_not_serve_are_named(
    pki: Authority, source: Path, tmp_path: Path, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    other = pki.issue("other")
    (tmp_path / "garbage").write_text("no key, no certificate", encoding="utf-8")
    foreign = {"--key": other.key_path, "--cert": other.certificate_path}[option]
    for path, exit_code in (
        (tmp_path / "none", ExitCode.UNREADABLE),
        (tmp_path / "garbage", ExitCode.KEY),
        (foreign, ExitCode.KEY),
    ):
        assert sign(pki, source, tmp_path / "out.dcm", option, str(path)) == exit_code
        complaint = capsys.readouterr().err
        assert str(path) in complaint
        assert complaint.count("\n") == 1
    assert nothing_but(tmp_path, "in.dcm", "garbage")
