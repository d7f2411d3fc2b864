"""The quick reader of certificates against the full one, and the dates of signatures against certificates."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sealgate.cli.dcmsign.certificate import is_plain, read_certificate
from sealgate.cli.dcmsign.dates import IllegalDate, moment
from sealgate.cli.dcmsign.public_key import public_key_of
from sealgate.cli.dcmsign.trust_files import TrustFiles
from sealgate.signature.keys import KeyType
from support.pki import KEY_KINDS, Authority

MUTATIONS = 3000


@pytest.mark.parametrize("kind", KEY_KINDS)
def test_the_quick_reader_sees_what_the_full_one_sees(kind: str, pki: Authority) -> None:
    credential = pki.issue("quick", kind)
    found = read_certificate(credential.der + b"\0payload")
    assert found is not None
    certificate = credential.certificate
    assert (found.not_before, found.not_after) == (certificate.not_valid_before_utc, certificate.not_valid_after_utc)
    assert (found.der, found.trailing) == (credential.der, 8)
    assert found.public_key == certificate.public_key()
    assert found.key_type is not None
    assert kind.upper().startswith(found.key_type.value) or found.key_type is KeyType.EC
    assert found.may_be_unfit is False
    assert found.parsed() == certificate


def test_years_beyond_2049_and_before_2000_are_read(pki: Authority) -> None:
    long = pki.issue("long", not_before=datetime(1999, 1, 2, tzinfo=UTC), not_after=datetime(2061, 3, 4, tzinfo=UTC))
    found = read_certificate(long.der)
    assert found is not None
    assert (found.not_before.year, found.not_after.year) == (1999, 2061)


def test_certificates_that_are_not_for_signers_ask_for_a_closer_look(pki: Authority) -> None:
    usage = x509.KeyUsage(
        digital_signature=False, content_commitment=False, key_encipherment=True, data_encipherment=False,
        key_agreement=False, key_cert_sign=False, crl_sign=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    odd = (pki.credential, pki.issue("client", purposes=["client"]), pki.issue("keys", key_usage=usage))
    for credential in odd:
        found = read_certificate(credential.der)
        assert found is not None
        assert found.may_be_unfit


def test_a_key_of_no_known_kind_is_no_key() -> None:
    key = ed25519.Ed25519PrivateKey.generate().public_key()
    info = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert public_key_of(info) == key
    assert public_key_of(b"\x30\x03\x02\x01\x05") is None
    assert public_key_of(b"") is None


@pytest.mark.parametrize("kind", ["rsa2048", "p256"])
def test_damaged_certificates_are_read_as_the_full_reader_does_or_not_at_all(kind: str, pki: Authority) -> None:
    good, chance = pki.issue("damaged", kind).der, random.Random(kind)
    for _ in range(MUTATIONS):
        octets = bytearray(good)
        for _ in range(chance.choice((1, 1, 2))):
            octets[chance.randrange(len(octets))] = chance.randrange(256)
        found = read_certificate(bytes(octets))
        if found is None:
            continue
        try:
            full = x509.load_der_x509_certificate(found.der)
            expected = (full.not_valid_before_utc, full.not_valid_after_utc, full.public_key())
        except Exception:  # noqa: BLE001  # the full reader refuses in many ways; then OpenSSL does so later
            continue
        assert (found.not_before, found.not_after) == expected[:2]
        assert found.public_key in (expected[2], None)


def test_a_plain_file_of_certificates_needs_no_other_reader(pki: Authority, tmp_path: Path) -> None:
    (tmp_path / "two.pem").write_bytes(b"# comment\n" + pki.credential.pem + pki.credential.pem)
    (tmp_path / "one.der").write_bytes(pki.credential.der)
    (tmp_path / "odd.pem").write_bytes(pki.credential.pem.replace(b"MII", b"MI!", 1))
    trust = TrustFiles()
    assert trust.add_trusted(str(tmp_path / "two.pem"), is_der=False)
    assert trust.trusted == [pki.credential.der] * 2
    assert not trust.add_trusted(str(tmp_path / "odd.pem"), is_der=False)
    assert not trust.add_trusted(str(tmp_path / "two.pem"), is_der=True)
    assert trust.add_untrusted(str(tmp_path / "one.der"), is_der=True)
    assert not trust.add_crl(str(tmp_path / "two.pem"), is_der=False)
    assert not trust.check_crl
    assert is_plain(pki.credential.der)
    assert not is_plain(pki.credential.der + b"\0")


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("2026", "20260101000000"),
        ("202603", "20260301000000"),
        ("2026030112+0100", "20260301120000"),
        ("20260301120000.123456+1400", "20260301120000"),
        ("00000229", "00000229000000"),
        ("20240229", "20240229000000"),
        ("20260229", None),
        ("20260431", None),
        ("20260301120060", None),
    ],
)
def test_dates_are_read_as_dcmtk_and_openssl_do(text: str, digits: str | None) -> None:
    assert moment(text) == digits


@pytest.mark.parametrize(
    "text",
    [
        *("", "x", "202613", "2026112", "20260301126000", "20260301240000", "20260301120060.5"),
        *("20260301120000+1401", "20260301120000-1201", "20260301120000.", "20260301120000.+0100"),
        *("2026-03", "20260301120000+01"),
    ],
)
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(IllegalDate):
        moment(text)
