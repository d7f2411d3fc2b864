"""OpenSSL and DCMTK take the keys and certificates that `sealgate ca` makes."""

from __future__ import annotations

from pathlib import Path

import pytest

from sealgate.cli.app import run
from sealgate.cli.exit_codes import ExitCode
from support import peers

KINDS = ("rsa2048", "rsa3072", "p256", "p384", "p521")


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the set that scripts/run makes."""
    folder = tmp_path_factory.mktemp("certs-example")
    assert run(["ca", "new", str(folder)]) == ExitCode.OK
    for words in (["gateway", "--server", "--client"], ["modality", "--client"], ["signer", "--signer"], ["any"]):
        assert run(["ca", "issue", str(folder), *words]) == ExitCode.OK
    return folder


@pytest.mark.parametrize(
    ("name", "purpose"),
    [
        ("gateway", "sslserver"),
        ("gateway", "sslclient"),
        ("modality", "sslclient"),
        ("signer", "any"),
        ("any", "sslserver"),
        ("any", "sslclient"),
    ],
)
def test_openssl_verifies_each_certificate_for_its_purpose(example: Path, name: str, purpose: str) -> None:
    outcome = peers.openssl(
        *("verify", "-x509_strict", "-purpose", purpose, "-CAfile", example / "ca.pem", example / f"{name}.pem")
    )
    assert outcome.exit_code == 0, outcome.text


def test_openssl_refuses_a_client_certificate_as_a_server(example: Path) -> None:
    outcome = peers.openssl("verify", "-purpose", "sslserver", "-CAfile", example / "ca.pem", example / "modality.pem")
    assert outcome.exit_code != 0


@pytest.mark.parametrize("kind", KINDS)
def test_openssl_verifies_every_kind_of_key(tmp_path: Path, kind: str) -> None:
    assert run(["ca", "new", str(tmp_path), "--key", kind]) == ExitCode.OK
    assert run(["ca", "issue", str(tmp_path), "node", "--key", kind]) == ExitCode.OK
    outcome = peers.openssl("verify", "-x509_strict", "-CAfile", tmp_path / "ca.pem", tmp_path / "node.pem")
    assert outcome.exit_code == 0, outcome.text
    assert peers.openssl("pkey", "-check", "-noout", "-in", tmp_path / "node.key").exit_code == 0


def test_openssl_reads_an_encrypted_key_with_the_password(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("s3cret\n")
    assert run(["ca", "new", str(tmp_path), "--key", "p256", "--password-file", str(password)]) == ExitCode.OK
    assert peers.openssl("pkey", "-noout", "-in", tmp_path / "ca.key", "-passin", f"file:{password}").exit_code == 0
    assert peers.openssl("pkey", "-noout", "-in", tmp_path / "ca.key", "-passin", "pass:guess").exit_code != 0


def test_dcmtk_speaks_mutual_tls_with_them(example: Path, tmp_path: Path, sample: Path) -> None:
    def identity(name: str) -> list[object]:
        return ["+tls", example / f"{name}.key", example / f"{name}.pem", "+cf", example / "ca.pem"]

    with peers.storescp(tmp_path / "in", *identity("gateway")) as scp:
        outcome = peers.storescu(scp.port, [sample], *identity("modality"))
        assert outcome.exit_code == 0, outcome.text
        assert len(scp.received()) == 1


@pytest.mark.parametrize("name", ["signer", "any"])
def test_dcmsign_signs_and_verifies_with_them(example: Path, tmp_path: Path, sample: Path, name: str) -> None:
    signed = tmp_path / "signed.dcm"
    outcome = peers.dcmsign("--sign", example / f"{name}.key", example / f"{name}.pem", sample, signed)
    assert outcome.exit_code == 0, outcome.text
    outcome = peers.dcmsign("--verify", "+cf", example / "ca.pem", signed)
    assert outcome.exit_code == 0, outcome.text
