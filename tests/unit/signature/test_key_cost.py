"""Key files whose password takes forever to try are refused before anybody waits."""

from __future__ import annotations

import base64
import time
from pathlib import Path

import pytest
from asn1crypto import keys, pkcs12
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.serialization import pkcs12 as cryptography_pkcs12

from sealgate.errors import KeyUnusable
from sealgate.signature.key_cost import MAX_ITERATIONS, refuse_costly
from sealgate.signature.keys import load_signer
from support import peers
from support.pki import Authority, Credential

MAX_SECONDS = 1.0
PASSWORD = b"secret"


@pytest.fixture(scope="module")
def credential(pki: Authority) -> Credential:
    return pki.issue("costly")


def pkcs8(credential: Credential) -> bytes:
    encryption = serialization.BestAvailableEncryption(PASSWORD)
    der, form = serialization.Encoding.DER, serialization.PrivateFormat.PKCS8
    return credential.key.private_bytes(der, form, encryption)


def costly_pkcs8(credential: Credential, rounds: int) -> bytes:
    parsed = keys.EncryptedPrivateKeyInfo.load(pkcs8(credential))
    derivation = parsed["encryption_algorithm"]["parameters"]["key_derivation_func"]
    derivation["parameters"]["iteration_count"] = rounds
    encoded: bytes = parsed.dump(force=True)
    return encoded


def packed(credential: Credential, rounds: int) -> bytes:
    form = serialization.PrivateFormat.PKCS12.encryption_builder().kdf_rounds(2048)
    scheme = cryptography_pkcs12.PBES.PBESv2SHA256AndAES256CBC
    encryption = form.key_cert_algorithm(scheme).hmac_hash(hashes.SHA256()).build(PASSWORD)
    made = cryptography_pkcs12.serialize_key_and_certificates(
        b"x", credential.key, credential.certificate, None, encryption
    )
    parsed = pkcs12.Pfx.load(made)
    parsed["mac_data"]["iterations"] = rounds
    encoded: bytes = parsed.dump(force=True)
    return encoded


def refused(key: bytes, credential: Credential) -> None:
    begun = time.monotonic()
    with pytest.raises(KeyUnusable, match="more work"):
        load_signer(key, credential.der, lambda: PASSWORD)
    assert time.monotonic() - begun < MAX_SECONDS


@pytest.mark.parametrize("rounds", [MAX_ITERATIONS + 1, 2**31 - 1, 2**64])
def test_more_rounds_than_anybody_needs_are_refused(rounds: int, credential: Credential) -> None:
    refused(packed(credential, rounds), credential)
    refused(costly_pkcs8(credential, rounds), credential)
    lines = base64.encodebytes(costly_pkcs8(credential, rounds))
    refused(b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n" + lines + b"-----END ENCRYPTED PRIVATE KEY-----\n", credential)


def test_keys_as_they_are_usually_made_are_loaded(credential: Credential) -> None:
    assert load_signer(pkcs8(credential), credential.der, lambda: PASSWORD).certificate == credential.der
    assert load_signer(packed(credential, 2048), None, lambda: PASSWORD).certificate == credential.der
    for key in (credential.key_path.read_bytes(), credential.der, b"", b"\x30", b"\x04\x80\x02\x84"):
        refuse_costly(key)
    refuse_costly(b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nA\n-----END ENCRYPTED PRIVATE KEY-----\n")


@pytest.mark.peer
def test_scrypt_is_limited_by_all_its_costs_together(credential: Credential, tmp_path: Path) -> None:
    def made(*costs: str) -> bytes:
        out = tmp_path / "scrypt.der"
        command = ("pkcs8", "-topk8", "-in", credential.key_path, "-passout", "pass:secret", "-outform", "DER")
        outcome = peers.openssl(*command, "-out", out, "-scrypt", *costs)
        assert outcome.exit_code == 0, outcome.text
        return out.read_bytes()

    assert load_signer(made(), credential.der, lambda: PASSWORD).certificate == credential.der
    refused(made("-scrypt_N", "4096", "-scrypt_r", "8", "-scrypt_p", "3000"), credential)
