"""Private keys are loaded as cryptography's public functions load them, without the package around those."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from sealgate.signature.key_loaders import certificate_der, load_der_private_key, load_pem_private_key
from support.pki import Authority

HEAVY = "cryptography.hazmat.primitives.serialization"


def test_the_functions_are_the_public_ones() -> None:
    from cryptography.hazmat.bindings._rust import openssl

    assert openssl.keys.load_pem_private_key is serialization.load_pem_private_key
    assert openssl.keys.load_der_private_key is serialization.load_der_private_key


@pytest.mark.parametrize("kind", ["rsa2048", "p256"])
def test_keys_are_those_that_the_public_functions_load(pki: Authority, kind: str) -> None:
    key = pki.issue(f"Loaded {kind}", kind).key
    for password in (None, b"secret"):
        protection = serialization.NoEncryption() if password is None else BestAvailableEncryption(password)
        pem, der = (key.private_bytes(form, PrivateFormat.PKCS8, protection) for form in (Encoding.PEM, Encoding.DER))
        expected = key.private_numbers()
        assert load_pem_private_key(pem, password).private_numbers() == expected
        assert load_der_private_key(der, password).private_numbers() == expected
        if password is not None:
            with pytest.raises(TypeError):
                load_pem_private_key(pem, None)
            with pytest.raises(ValueError, match="password"):
                load_pem_private_key(pem, b"wrong")
    with pytest.raises(ValueError, match=r"."):
        load_der_private_key(b"no key", None)


def test_the_der_of_a_certificate_is_that_of_its_file(pki: Authority) -> None:
    der = pki.issue("In a file").der
    certificate = x509.load_der_x509_certificate(der)
    pem = certificate.public_bytes(Encoding.PEM)
    bundle = b"text before\n" + pem + pki.issue("Another").der
    damaged = pem.replace(b"-----\n", b"-----\nAAAA", 1)
    for encoded in (der, pem, bundle, pem.replace(b"CERTIFICATE", b"X509 CERTIFICATE"), damaged, b"", b"\x30"):
        assert certificate_der(certificate, encoded) == der


def test_the_package_with_all_formats_is_not_imported(pki: Authority, tmp_path: Path) -> None:
    credential = pki.issue("Light")
    (tmp_path / "key").write_bytes(
        credential.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    (tmp_path / "certificate").write_bytes(x509.load_der_x509_certificate(credential.der).public_bytes(Encoding.PEM))
    program = (
        "import sys, pathlib; from sealgate.signature.keys import load_signer;"
        "load_signer(*(pathlib.Path(name).read_bytes() for name in sys.argv[2:]));"
        "print(sys.argv[1] in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, HEAVY, tmp_path / "key", tmp_path / "certificate"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "False"
