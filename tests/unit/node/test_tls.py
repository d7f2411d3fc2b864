"""TLS contexts: what is allowed, and what is said of files that do not serve."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from sealgate.errors import ConfigurationError, KeyUnusable
from sealgate.node.tls import client_context, server_context
from support.pki import Authority, Credential

PASSWORD = b"correct horse"


@pytest.fixture
def credential(pki: Authority) -> Credential:
    return pki.issue("node")


def test_only_tls_1_2_and_1_3_with_forward_secrecy_and_authenticated_encryption(
    pki: Authority, credential: Credential
) -> None:
    context = server_context(
        key=credential.key_path, certificate=credential.certificate_path, client_ca=pki.certificate_path
    )
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.verify_mode == ssl.CERT_REQUIRED
    ciphers = context.get_ciphers()
    assert {cipher["protocol"] for cipher in ciphers} == {"TLSv1.2", "TLSv1.3"}
    assert all(cipher["aead"] for cipher in ciphers)
    assert all(cipher["name"].startswith(("ECDHE-", "DHE-")) for cipher in ciphers if cipher["protocol"] == "TLSv1.2")


def test_a_client_trusts_nobody_but_the_given_ca(pki: Authority) -> None:
    context = client_context(server_ca=pki.certificate_path)
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.get_ca_certs(binary_form=True) == [pki.credential.der]
    assert not context.check_hostname
    assert client_context(server_ca=pki.certificate_path, check_hostname=True).check_hostname


@pytest.mark.parametrize("missing", ["key", "certificate", "client_ca"])
def test_a_missing_file_is_named(missing: str, pki: Authority, credential: Credential, tmp_path: Path) -> None:
    files = {
        "key": credential.key_path,
        "certificate": credential.certificate_path,
        "client_ca": pki.certificate_path,
        missing: tmp_path / "gone.pem",
    }
    with pytest.raises(ConfigurationError, match=r"cannot read the .*gone\.pem: No such file or directory"):
        server_context(**files)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("key", "holds no private key in PEM form"),
        ("certificate", "holds no certificate in PEM form"),
        ("client_ca", "holds no CA certificate in PEM form"),
    ],
)
def test_a_file_with_something_else_in_it_is_named(
    wrong: str, words: str, pki: Authority, credential: Credential, tmp_path: Path
) -> None:
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_text("nothing of this kind")
    files = {
        "key": credential.key_path,
        "certificate": credential.certificate_path,
        "client_ca": pki.certificate_path,
        wrong: nonsense,
    }
    with pytest.raises(KeyUnusable, match=rf"nonsense\.pem {words}"):
        server_context(**files)


@pytest.mark.parametrize("kind", ["rsa2048", "p256"])
def test_a_key_that_belongs_to_another_certificate_is_refused(kind: str, pki: Authority) -> None:
    with pytest.raises(KeyUnusable, match=r"does not belong to the certificate"):
        server_context(
            key=pki.issue("other", "rsa2048").key_path,
            certificate=pki.issue("another", kind).certificate_path,
            client_ca=pki.certificate_path,
        )


def test_the_password_of_a_key_comes_from_a_callback_and_stands_in_no_error(pki: Authority) -> None:
    locked = pki.issue("locked", password=PASSWORD)

    def load(password: bytes | None) -> ssl.SSLContext:
        return client_context(
            server_ca=pki.certificate_path,
            key=locked.key_path,
            certificate=locked.certificate_path,
            password=None if password is None else lambda: password,
        )

    assert load(PASSWORD)
    with pytest.raises(KeyUnusable, match="the password does not open the private key") as caught:
        load(b"battery staple")
    assert "battery" not in str(caught.value)
    with pytest.raises(KeyUnusable, match="is encrypted, and no password was given"):
        load(None)


def test_a_certificate_without_its_key_is_no_client(pki: Authority, credential: Credential) -> None:
    with pytest.raises(ConfigurationError, match="both a key and a certificate"):
        client_context(server_ca=pki.certificate_path, certificate=credential.certificate_path)
