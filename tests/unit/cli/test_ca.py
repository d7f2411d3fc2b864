"""`sealgate ca`: the files that it makes, and what it refuses."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from sealgate.cli.app import run
from sealgate.cli.exit_codes import ExitCode
from sealgate.trust.authority import is_not_for_clinical_use

FAST = ("--key", "p256")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A folder with an authority in it."""
    folder = tmp_path / "ca"
    assert run(["ca", "new", str(folder), *FAST]) == ExitCode.OK
    return folder


@pytest.fixture
def open_umask() -> Iterator[None]:
    """A umask that would let everybody read."""
    before = os.umask(0)
    yield
    os.umask(before)


def issue(folder: Path, name: str, *options: str) -> int:
    return run(["ca", "issue", str(folder), name, *FAST, *options])


def certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def said(capsys: pytest.CaptureFixture[str]) -> str:
    text = capsys.readouterr().err
    assert text.count("\n") == 1
    return text


@pytest.mark.usefixtures("open_umask")
def test_keys_are_readable_by_their_owner_alone_whatever_the_umask(tmp_path: Path) -> None:
    assert run(["ca", "new", str(tmp_path), *FAST]) == ExitCode.OK
    assert issue(tmp_path, "gateway") == ExitCode.OK
    for name in ("ca", "gateway"):
        assert (tmp_path / f"{name}.key").stat().st_mode & 0o777 == 0o600
        assert (tmp_path / f"{name}.pem").stat().st_mode & 0o777 == 0o644


def test_key_and_certificate_belong_together(directory: Path) -> None:
    assert issue(directory, "gateway") == ExitCode.OK
    key = load_pem_private_key((directory / "gateway.key").read_bytes(), None)
    assert key.public_key() == certificate(directory / "gateway.pem").public_key()


def test_the_default_set_is_marked_as_an_example(directory: Path) -> None:
    assert issue(directory, "gateway") == ExitCode.OK
    assert is_not_for_clinical_use(certificate(directory / "ca.pem"))
    assert is_not_for_clinical_use(certificate(directory / "gateway.pem"))


def test_a_set_with_a_subject_of_its_own_is_not_marked(tmp_path: Path) -> None:
    assert run(["ca", "new", str(tmp_path), *FAST, "--subject", "CN=Radiology CA,O=Example Hospital"]) == ExitCode.OK
    assert issue(tmp_path, "ct1", "--common-name", "CT 1") == ExitCode.OK
    assert certificate(tmp_path / "ct1.pem").subject.rfc4514_string() == "CN=CT 1,O=Example Hospital"
    assert not is_not_for_clinical_use(certificate(tmp_path / "ct1.pem"))


def test_hosts_given_take_the_place_of_loopback(directory: Path) -> None:
    assert issue(directory, "gateway", "--host", "gw.example.org", "--host", "192.0.2.7") == ExitCode.OK
    names = certificate(directory / "gateway.pem").extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert names.value.get_values_for_type(x509.DNSName) == ["gw.example.org"]
    assert [str(address) for address in names.value.get_values_for_type(x509.IPAddress)] == ["192.0.2.7"]


@pytest.mark.parametrize("taken", ["gateway.key", "gateway.pem"])
def test_nothing_is_overwritten(directory: Path, taken: str, capsys: pytest.CaptureFixture[str]) -> None:
    (directory / taken).write_text("mine")
    before = sorted(directory.iterdir())
    capsys.readouterr()
    assert issue(directory, "gateway") == ExitCode.OUTPUT
    assert str(directory / taken) in said(capsys)
    assert (directory / taken).read_text() == "mine"
    assert sorted(directory.iterdir()) == before


def test_a_second_authority_in_the_same_folder_is_refused(directory: Path) -> None:
    before = (directory / "ca.pem").read_bytes()
    assert run(["ca", "new", str(directory), *FAST]) == ExitCode.OUTPUT
    assert (directory / "ca.pem").read_bytes() == before


@pytest.mark.parametrize("name", ["ca", "../gateway", "a/b", ".hidden", "", "x" * 65, "gate way"])
def test_a_name_that_is_no_plain_file_name_is_refused(directory: Path, name: str) -> None:
    before = sorted(directory.iterdir())
    assert issue(directory, name) == ExitCode.USAGE
    assert sorted(directory.iterdir()) == before


def test_an_authority_with_a_password_needs_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    right, wrong = tmp_path / "right", tmp_path / "wrong"
    right.write_text("s3cret\n")
    wrong.write_text("guess\n")
    assert run(["ca", "new", str(tmp_path), *FAST, "--password-file", str(right)]) == ExitCode.OK
    assert b"ENCRYPTED" in (tmp_path / "ca.key").read_bytes()
    assert issue(tmp_path, "a", "--password-file", str(right)) == ExitCode.OK
    capsys.readouterr()
    assert issue(tmp_path, "b") == ExitCode.KEY
    assert "--password-file" in said(capsys)
    assert issue(tmp_path, "b", "--password-file", str(wrong)) == ExitCode.KEY
    assert "guess" not in said(capsys)


def test_a_new_key_can_be_encrypted(directory: Path, tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("s3cret\n")
    assert issue(directory, "signer", "--signer", "--key-password-file", str(password)) == ExitCode.OK
    key = load_pem_private_key((directory / "signer.key").read_bytes(), b"s3cret")
    assert key.public_key() == certificate(directory / "signer.pem").public_key()


def test_a_password_file_without_a_password_is_refused(directory: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.write_text("\n")
    assert issue(directory, "signer", "--key-password-file", str(empty)) == ExitCode.KEY


@pytest.mark.parametrize("file", ["ca.pem", "ca.key"])
def test_a_damaged_authority_is_named(directory: Path, file: str, capsys: pytest.CaptureFixture[str]) -> None:
    (directory / file).write_text("not PEM")
    capsys.readouterr()
    assert issue(directory, "gateway") == ExitCode.KEY
    assert str(directory / file) in said(capsys)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert run(["ca", "new", str(tmp_path / "file" / "ca"), *FAST]) == ExitCode.OUTPUT
    assert str(tmp_path / "file") in said(capsys)


@pytest.mark.parametrize(
    "options",
    [("--subject", "Radiology"), ("--days", "0"), ("--days", "36501"), ("--key", "dsa1024")],
    ids=" ".join,
)
def test_an_authority_that_makes_no_sense_is_a_wrong_command_line(tmp_path: Path, options: tuple[str, str]) -> None:
    assert run(["ca", "new", str(tmp_path / "ca"), *options]) == ExitCode.USAGE
    assert not (tmp_path / "ca").exists()


def test_a_host_that_is_no_name_is_a_wrong_command_line(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert issue(directory, "gateway", "--host", "r\u00f6ntgen") == ExitCode.USAGE
    assert "r\u00f6ntgen" in said(capsys)
    assert not (directory / "gateway.key").exists()
