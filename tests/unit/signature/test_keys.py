"""Keys and certificates: what is read, what is refused, and signature values that dcmsign can read too."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from sealgate.errors import KeyUnusable
from sealgate.signature.algorithms import MAC_ALGORITHMS
from sealgate.signature.keys import (
    KeyType,
    der_length,
    is_signature_of,
    is_weak,
    load_certificate,
    load_signer,
    signature_bytes,
)
from support.pki import Authority, Credential
from support.signing import signer

KINDS = {"rsa2048": KeyType.RSA, "p256": KeyType.EC, "p384": KeyType.EC, "p521": KeyType.EC, "dsa1024": KeyType.DSA}


def key_bytes(credential: Credential, encoding: serialization.Encoding, password: bytes | None = None) -> bytes:
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return credential.key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, encryption)


PEM, DER = serialization.Encoding.PEM, serialization.Encoding.DER


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("encoding", [PEM, DER], ids=["PEM", "DER"])
def test_keys_of_every_kind_are_read_from_pem_and_der(
    pki: Authority, kind: str, encoding: serialization.Encoding
) -> None:
    credential = pki.issue("signer", kind)
    certificate = credential.certificate.public_bytes(encoding)
    loaded = load_signer(key_bytes(credential, encoding), certificate)
    assert (loaded.key_type, loaded.certificate) == (KINDS[kind], credential.der)


@pytest.mark.parametrize("encoding", [PEM, DER], ids=["PEM", "DER"])
def test_the_password_of_an_encrypted_key_comes_from_the_callback(
    pki: Authority, encoding: serialization.Encoding
) -> None:
    credential = pki.issue("signer")
    asked: list[str] = []

    def password() -> bytes:
        asked.append("password")
        return b"correct horse"

    encrypted = key_bytes(credential, encoding, b"correct horse")
    assert load_signer(encrypted, credential.pem, password).key_type is KeyType.EC
    assert asked == ["password"]
    load_signer(key_bytes(credential, encoding), credential.pem, password)
    assert asked == ["password"]


def test_the_traditional_encrypted_pem_of_openssl_is_read(pki: Authority) -> None:
    credential = pki.issue("signer", "rsa2048")
    encrypted = credential.key.private_bytes(
        PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.BestAvailableEncryption(b"secret")
    )
    assert load_signer(encrypted, credential.pem, lambda: b"secret").key_type is KeyType.RSA


def test_an_encrypted_key_without_password_is_refused(pki: Authority) -> None:
    credential = pki.issue("signer")
    with pytest.raises(KeyUnusable, match="encrypted and no password was given"):
        load_signer(key_bytes(credential, PEM, b"secret"), credential.pem)


@pytest.mark.parametrize("encoding", [PEM, DER], ids=["PEM", "DER"])
@pytest.mark.parametrize("wrong", [b"wrong", b""])
def test_a_wrong_password_is_refused_and_not_repeated(
    pki: Authority, encoding: serialization.Encoding, wrong: bytes
) -> None:
    credential = pki.issue("signer")
    with pytest.raises(KeyUnusable, match="its password is wrong") as caught:
        load_signer(key_bytes(credential, encoding, b"secret"), credential.pem, lambda: wrong)
    assert "secret" not in str(caught.value)


def test_a_key_and_a_certificate_that_do_not_belong_together_are_refused(pki: Authority) -> None:
    one, other, rsa = pki.issue("one"), pki.issue("other"), pki.issue("third", "rsa2048")
    for foreign in (other, rsa):
        with pytest.raises(KeyUnusable, match="do not belong together"):
            load_signer(key_bytes(one, PEM), foreign.pem)


@pytest.mark.parametrize("octets", [b"", b"text", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_what_is_no_key_or_no_certificate_is_refused(pki: Authority, octets: bytes) -> None:
    credential = pki.issue("signer")
    with pytest.raises(KeyUnusable, match="private key cannot be read"):
        load_signer(octets, credential.pem)
    with pytest.raises(KeyUnusable, match=r"X\.509 certificate"):
        load_signer(key_bytes(credential, PEM), octets)
    with pytest.raises(KeyUnusable, match=r"X\.509 certificate"):
        load_certificate(octets)


def test_a_kind_of_key_that_dicom_does_not_use_is_refused(pki: Authority) -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    octets = key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    with pytest.raises(KeyUnusable, match="neither RSA nor DSA nor elliptic curve"):
        load_signer(octets, pki.issue("signer").pem)


def test_the_first_certificate_of_a_bundle_is_that_of_the_signer(pki: Authority) -> None:
    credential = pki.issue("signer")
    bundle = credential.pem + pki.credential.pem
    assert load_signer(key_bytes(credential, PEM), bundle).certificate == credential.der


@pytest.mark.filterwarnings("ignore:Parsed a serial number")
def test_every_damage_of_a_certificate_is_refused_or_harmless_and_never_something_else(pki: Authority) -> None:
    credential = pki.issue("signer")
    key = key_bytes(credential, PEM)
    for offset in range(len(credential.der)):
        damaged = bytearray(credential.der)
        damaged[offset] ^= 1 << offset % 8
        try:
            load_signer(key, bytes(damaged))
        except KeyUnusable:
            continue


@pytest.mark.parametrize("mac_algorithm", MAC_ALGORITHMS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_signature_verifies_for_its_key_mac_algorithm_and_digest_alone(
    pki: Authority, kind: str, mac_algorithm: str
) -> None:
    algorithm = MAC_ALGORITHMS[mac_algorithm]
    key = signer(pki.issue("signer", kind))
    public_key = load_certificate(key.certificate).public_key()
    digest = hashlib.new(algorithm.hashlib_name, b"stream").digest()
    value = key.sign(algorithm, digest)
    assert is_signature_of(public_key, algorithm, digest, value)
    assert not is_signature_of(public_key, algorithm, bytes([digest[0] ^ 1]) + digest[1:], value)
    assert not is_signature_of(public_key, algorithm, digest, value[:10] + bytes([value[10] ^ 1]) + value[11:])
    assert not is_signature_of(public_key, algorithm, digest, b"")
    foreign = load_certificate(pki.issue("foreign", "p256").der).public_key()
    assert not is_signature_of(foreign, algorithm, digest, value)


def test_the_mac_algorithm_is_bound_into_an_rsa_signature(pki: Authority) -> None:
    key = signer(pki.issue("signer", "rsa2048"))
    public_key = load_certificate(key.certificate).public_key()
    value = key.sign(MAC_ALGORITHMS["SHA1"], bytes(20))
    assert not is_signature_of(public_key, MAC_ALGORITHMS["RIPEMD160"], bytes(20), value)


@pytest.mark.parametrize("kind", ["p521", "p384", "p256", "dsa1024"])
def test_der_signatures_always_have_an_even_length(pki: Authority, kind: str) -> None:
    key = signer(pki.issue("signer", kind))
    for n in range(40):
        value = key.sign(MAC_ALGORITHMS["SHA256"], hashlib.sha256(b"%d" % n).digest())
        assert len(value) % 2 == 0
        assert der_length(value) == len(value)


@pytest.mark.parametrize("kind", ["p521", "p256", "dsa1024", "rsa2048"])
def test_one_pad_byte_behind_a_signature_is_no_part_of_it(pki: Authority, kind: str) -> None:
    key = signer(pki.issue("signer", kind))
    public_key = load_certificate(key.certificate).public_key()
    value = key.sign(MAC_ALGORITHMS["SHA256"], bytes(32))
    assert signature_bytes(value + b"\0", public_key) == value
    assert is_signature_of(public_key, MAC_ALGORITHMS["SHA256"], bytes(32), value + b"\0")


@pytest.mark.parametrize("kind", ["p256", "dsa1024", "rsa2048"])
def test_more_than_a_pad_byte_behind_a_signature_is_refused(pki: Authority, kind: str) -> None:
    key = signer(pki.issue("signer", kind))
    public_key = load_certificate(key.certificate).public_key()
    value = key.sign(MAC_ALGORITHMS["SHA256"], bytes(32))
    assert not is_signature_of(public_key, MAC_ALGORITHMS["SHA256"], bytes(32), value + b"\0\0")


@pytest.mark.parametrize(
    ("octets", "length"),
    [
        (bytes([0x30, 3, 1, 2, 3, 9, 9]), 5),
        (bytes([0x30, 0x81, 2, 1, 2, 9]), 5),
        (bytes([0x30, 0x82, 0, 2, 1, 2]), 6),
        (bytes([0x30, 3, 1, 2]), None),
        (bytes([0x30, 0x80, 0, 0]), None),
        (bytes([0x30, 0x85, 0, 0, 0, 0, 1, 1]), None),
        (bytes([0x30]), None),
        (b"", None),
    ],
)
def test_the_length_of_a_der_object_is_read_in_every_form(octets: bytes, length: int | None) -> None:
    assert der_length(octets) == length


def test_small_keys_are_weak(pki: Authority) -> None:
    weak = {kind: is_weak(pki.issue("signer", kind).key.public_key()) for kind in ("rsa1024", "rsa2048", "dsa1024")}
    assert weak == {"rsa1024": True, "rsa2048": False, "dsa1024": True}
    assert not is_weak(pki.issue("signer", "p256").key.public_key())


def test_loading_an_encrypted_key_takes_bounded_time(pki: Authority, tmp_path: Path) -> None:
    credential = pki.issue("signer")
    begun = time.monotonic()
    with pytest.raises(KeyUnusable):
        load_signer(key_bytes(credential, PEM, b"secret"), credential.pem, lambda: b"x" * 1000)
    assert time.monotonic() - begun < 10


def test_der_with_the_words_of_pem_inside_is_read_as_der(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    other = authority.issue("other")
    carried = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4.5"), other.pem)
    outer = authority.issue("outer", extensions=[(carried, False)])
    assert b"-----BEGIN CERTIFICATE-----" in outer.der
    assert load_certificate(outer.der) == outer.certificate
