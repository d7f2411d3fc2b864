"""PKCS #12 files, odd key sizes and all the curves: what signs, and what is refused with a reason."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from sealgate.errors import KeyUnusable
from sealgate.signature.algorithms import MAC_ALGORITHMS
from sealgate.signature.keys import is_pkcs12, is_signature_of, load_pkcs12, load_signer
from support import peers
from support.elements import EXPLICIT, part10
from support.pki import CURVES, Authority, Credential
from support.placing import put
from support.signing import signer

SHA256 = MAC_ALGORITHMS["SHA256"]
DATA_SET = part10(EXPLICIT.element(0x00080018, "UI", b"1.2.34"))


def packed(credential: Credential, password: bytes | None = b"secret", chain: tuple[Credential, ...] = ()) -> bytes:
    """A PKCS #12 file."""
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    others = [one.certificate for one in chain]
    return pkcs12.serialize_key_and_certificates(b"x", credential.key, credential.certificate, others, encryption)


@pytest.mark.parametrize("kind", ["rsa2048", "dsa2048", *CURVES])
@pytest.mark.parametrize("password", [b"secret", None], ids=["encrypted", "plain"])
def test_a_pkcs12_file_signs(kind: str, password: bytes | None, pki: Authority) -> None:
    credential = pki.issue(f"p12-{kind}", kind)
    loaded = load_signer(packed(credential, password), None, (lambda: password) if password else None)
    assert loaded.certificate == credential.der
    digest = SHA256.new().digest()
    value = loaded.sign(SHA256, digest)
    assert is_signature_of(credential.key.public_key(), SHA256, digest, value)
    assert len(value) % 2 == 0


def test_the_chain_in_a_pkcs12_file_comes_along(pki: Authority, tmp_path: Path) -> None:
    authority = pki.subordinate(tmp_path / "sub")
    credential = authority.issue("signer")
    loaded = load_pkcs12(packed(credential, chain=(authority.credential, pki.credential)), lambda: b"secret")
    assert loaded.certificate == credential.der
    assert set(loaded.other_certificates) == {authority.credential.der, pki.credential.der}


def test_a_certificate_beside_a_pkcs12_file_takes_the_place_of_the_one_in_it(pki: Authority) -> None:
    first, second = pki.issue("p12-twice"), pki.issue("p12-twice")
    assert first.key == second.key
    assert load_signer(packed(first), second.pem, lambda: b"secret").certificate == second.der
    with pytest.raises(KeyUnusable, match="belong together"):
        load_signer(packed(first), pki.issue("p12-other").pem, lambda: b"secret")


def test_a_password_is_asked_once_and_only_where_it_is_needed(pki: Authority) -> None:
    credential = pki.issue("p12-asked")
    asked: list[int] = []

    def password() -> bytes:
        asked.append(1)
        return b"secret"

    load_signer(packed(credential, None), None, password)
    assert not asked
    load_signer(packed(credential), None, password)
    assert asked == [1]


@pytest.mark.parametrize(
    ("spoil", "password", "reason"),
    [
        (lambda whole: whole, b"wrong", "its password is wrong"),
        (lambda whole: whole, None, "no password was given"),
        (lambda whole: whole[:-20], b"secret", "damaged"),
        (lambda whole: whole[:40], b"secret", "damaged"),
        (lambda whole: whole[:6], b"secret", "damaged"),
    ],
    ids=["wrong", "none", "cut", "short", "head"],
)
def test_a_pkcs12_file_that_does_not_open_is_unusable(
    spoil: object, password: bytes | None, reason: str, pki: Authority
) -> None:
    whole = spoil(packed(pki.issue("p12-spoilt")))  # type: ignore[operator]
    with pytest.raises(KeyUnusable, match=reason):
        load_pkcs12(whole, (lambda: password) if password else None)


def test_a_pkcs12_file_of_certificates_alone_is_unusable(pki: Authority) -> None:
    whole = pkcs12.serialize_key_and_certificates(
        b"x", None, pki.certificate, None, serialization.BestAvailableEncryption(b"secret")
    )
    with pytest.raises(KeyUnusable, match="does not hold a private key"):
        load_signer(whole, None, lambda: b"secret")


@pytest.mark.parametrize("octets", [b"", b"\x30", b"\x30\x82", b"\x30\x80\x02\x01\x03", b"-----BEGIN", b"\x31\x03\x02"])
def test_other_bytes_are_no_pkcs12(octets: bytes) -> None:
    assert not is_pkcs12(octets) or octets[2:5] == b"\x02\x01\x03"
    with pytest.raises(KeyUnusable):
        load_signer(octets, None, lambda: b"secret")


def test_a_key_file_without_a_certificate_needs_one(pki: Authority) -> None:
    with pytest.raises(KeyUnusable, match="certificate has to be given"):
        load_signer(pki.issue("p12-bare").key_path.read_bytes())


@pytest.mark.peer
@pytest.mark.parametrize("legacy", [False, True], ids=["modern", "legacy"])
def test_a_pkcs12_file_that_openssl_made_signs(legacy: bool, pki: Authority, tmp_path: Path) -> None:
    credential = pki.issue("p12-openssl", "rsa2048")
    path = tmp_path / "signer.p12"
    outcome = peers.openssl(
        *("pkcs12", "-export", "-inkey", credential.key_path, "-in", credential.certificate_path),
        *("-certfile", pki.certificate_path, "-passout", "pass:secret", "-out", path, *(["-legacy"] if legacy else [])),
    )
    assert outcome.exit_code == 0, outcome.text
    loaded = load_signer(path.read_bytes(), None, lambda: b"secret")
    assert loaded.certificate == credential.der
    assert loaded.other_certificates == (pki.credential.der,)


def test_an_rsa_key_of_an_odd_number_of_bytes_is_refused_for_signing_but_read(pki: Authority) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2056)
    digest = SHA256.new().digest()
    odd = Credential(
        certificate=pki.certificate, key=key, certificate_path=pki.certificate_path, key_path=pki.certificate_path
    )
    with pytest.raises(KeyUnusable, match="signatures of 257 bytes, an odd number"):
        put(DATA_SET, odd)
    value = signer(odd).sign(SHA256, digest)
    assert len(value) == 257
    for stored in (value, value + b"\0"):
        assert is_signature_of(key.public_key(), SHA256, digest, stored)


@pytest.mark.peer
@pytest.mark.parametrize("kind", ["p521", "brainpoolp256", "brainpoolp384", "dsa2048"])
def test_der_signatures_are_of_even_length_and_every_one_is_accepted(kind: str, pki: Authority, tmp_path: Path) -> None:
    credential = pki.issue(f"even-{kind}", kind)
    file = DATA_SET
    for number in range(12):
        file, created = put(file, credential, uid=f"1.2.{number}", at=datetime.now(UTC))
        assert len(created.signature_value) % 2 == 0
    path = tmp_path / "signed.dcm"
    path.write_bytes(file)
    outcome = peers.dcmsign("--verify", "+rg", "+cf", pki.certificate_path, path)
    assert outcome.exit_code == 0, outcome.text
    assert outcome.text.count("Signature Verification : OK") == 12
