"""The path from a signer's certificate to a trust anchor at a given moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from sealgate.errors import KeyUnusable
from sealgate.trust.anchors import TrustAnchors, load_anchors
from sealgate.trust.path import PathStatus, validate_path
from support.pki import DAY, YEAR, Authority, private_key
from support.signing import anchors

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("pki"), now=AT)


def status(certificate: bytes, trusted: TrustAnchors, at: datetime = AT) -> PathStatus:
    return validate_path(certificate, trusted, at).status


@pytest.mark.parametrize("kind", ["p256", "p384", "p521", "rsa2048", "dsa1024", "brainpoolp256"])
def test_a_certificate_of_a_trusted_authority_is_valid(authority: Authority, kind: str) -> None:
    assert status(authority.issue("signer", kind).der, anchors(authority)) is PathStatus.VALID


@pytest.mark.parametrize("kind", ["p384", "rsa2048", "dsa1024"])
def test_an_authority_may_have_any_kind_of_key(tmp_path_factory: pytest.TempPathFactory, kind: str) -> None:
    authority = Authority(tmp_path_factory.mktemp("pki"), key=kind, now=AT)
    assert status(authority.issue("signer").der, anchors(authority)) is PathStatus.VALID


def test_without_anchors_nothing_can_be_said(authority: Authority) -> None:
    assert status(authority.issue("signer").der, TrustAnchors()) is PathStatus.NO_ANCHORS


def test_an_authority_that_is_not_trusted_gives_no_path(authority: Authority) -> None:
    other = Authority(authority.folder / "other", "Other CA", now=AT)
    assert status(other.issue("signer").der, anchors(authority)) is PathStatus.NOT_FOUND


def test_an_authority_of_the_same_name_with_another_key_is_not_trusted(authority: Authority) -> None:
    namesake = Authority(authority.folder / "namesake", now=AT)
    assert namesake.certificate.subject == authority.certificate.subject
    assert status(namesake.issue("signer").der, anchors(authority)) in (PathStatus.INVALID, PathStatus.NOT_FOUND)
    assert status(namesake.issue("signer").der, anchors(authority, namesake)) is PathStatus.VALID
    assert status(authority.issue("signer").der, anchors(namesake, authority)) is PathStatus.VALID


def test_an_intermediate_authority_may_be_the_anchor_itself(authority: Authority) -> None:
    sub = authority.subordinate(authority.folder / "sub")
    assert status(sub.issue("signer").der, anchors(sub)) is PathStatus.VALID
    assert status(sub.issue("signer").der, anchors(authority)) is PathStatus.NOT_FOUND


def test_a_certificate_may_be_the_anchor_itself(authority: Authority) -> None:
    signer = authority.issue("signer")
    assert status(signer.der, TrustAnchors((signer.der,))) is PathStatus.VALID


def test_the_moment_decides_between_expired_valid_and_not_yet_valid(authority: Authority) -> None:
    signer = authority.issue("signer", not_before=AT, not_after=AT + DAY)
    trusted = anchors(authority)
    assert status(signer.der, trusted, AT - SECOND) is PathStatus.NOT_YET_VALID
    assert status(signer.der, trusted, AT) is PathStatus.VALID
    assert status(signer.der, trusted, AT + DAY) is PathStatus.VALID
    assert status(signer.der, trusted, AT + DAY + SECOND) is PathStatus.EXPIRED


def unsigned(authority: Authority, *, at: datetime = AT) -> x509.CertificateBuilder:
    """A certificate that names `authority` as its issuer."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "forged")])
    public_key = private_key("p256", "forged").public_key()
    return x509.CertificateBuilder(authority.certificate.subject, name, public_key, 1, at - DAY, at + DAY)


def forged(authority: Authority, *, at: datetime = AT, kind: str = "p256") -> bytes:
    """A certificate that names `authority` as its issuer and was signed by somebody else with a key of `kind`."""
    return unsigned(authority, at=at).sign(private_key(kind, "attacker"), hashes.SHA256()).public_bytes(Encoding.DER)


def test_a_certificate_that_only_names_a_trusted_issuer_is_invalid(authority: Authority) -> None:
    assert status(forged(authority), anchors(authority)) is PathStatus.INVALID


def test_a_forged_certificate_is_never_merely_expired(authority: Authority) -> None:
    for at in (AT - YEAR, AT + 30 * DAY, AT + 3 * YEAR):
        assert status(forged(authority, at=AT), anchors(authority), at) is not PathStatus.VALID
    expired = forged(authority, at=AT - 10 * DAY)
    assert status(expired, anchors(authority)) is PathStatus.INVALID


@pytest.mark.parametrize("claimed", ["p256", "rsa2048", "dsa1024"])
@pytest.mark.parametrize("kind", ["p256", "rsa2048", "dsa1024"])
def test_a_forged_certificate_is_invalid_whatever_kind_of_key_signed_it(
    tmp_path_factory: pytest.TempPathFactory, kind: str, claimed: str
) -> None:
    authority = Authority(tmp_path_factory.mktemp("pki"), key=kind, now=AT)
    assert status(forged(authority, kind=claimed), anchors(authority)) is PathStatus.INVALID


def test_a_forged_certificate_is_invalid_whatever_padding_it_claims(tmp_path_factory: pytest.TempPathFactory) -> None:
    authority = Authority(tmp_path_factory.mktemp("pki"), key="rsa2048", now=AT)
    key = private_key("rsa2048", "attacker")
    assert isinstance(key, rsa.RSAPrivateKey)
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    certificate = unsigned(authority).sign(key, hashes.SHA256(), rsa_padding=pss).public_bytes(Encoding.DER)
    mgf1 = bytes.fromhex("06092a864886f70d010108")
    assert status(certificate, anchors(authority)) is PathStatus.INVALID
    assert status(certificate.replace(mgf1, mgf1[:-1] + b"\x09"), anchors(authority)) is PathStatus.INVALID


def test_a_name_of_an_unusual_string_type_is_a_status(authority: Authority) -> None:
    organization = b"\x0c\x0eSealgate tests"
    signer = authority.issue("signer").der
    assert organization in signer
    damaged = signer.replace(organization, b"\x27" + organization[1:])
    assert status(damaged, anchors(authority)) in (PathStatus.INVALID, PathStatus.NOT_FOUND)


def test_an_end_entity_issues_nothing(authority: Authority) -> None:
    leaf = authority.issue("leaf")
    builder = x509.CertificateBuilder(
        leaf.certificate.subject,
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "below")]),
        private_key("p256", "below").public_key(),
        2,
        AT - DAY,
        AT + DAY,
    )
    below = builder.sign(leaf.key, hashes.SHA256()).public_bytes(Encoding.DER)
    assert status(below, anchors(authority)) is PathStatus.NOT_FOUND


def test_an_unknown_critical_extension_makes_the_path_invalid(authority: Authority) -> None:
    unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4.5"), b"\x05\x00")
    critical = authority.issue("signer", extensions=[(unknown, True)])
    assert status(critical.der, anchors(authority)) is PathStatus.INVALID
    harmless = authority.issue("signer", extensions=[(unknown, False)])
    assert status(harmless.der, anchors(authority)) is PathStatus.VALID


@pytest.mark.filterwarnings("ignore:Parsed a serial number")
def test_every_damage_of_a_certificate_is_a_status_and_never_valid(authority: Authority) -> None:
    signer, trusted = authority.issue("signer"), anchors(authority)
    for offset in range(len(signer.der)):
        damaged = bytearray(signer.der)
        damaged[offset] ^= 1 << offset % 8
        assert status(bytes(damaged), trusted) is not PathStatus.VALID, offset
    for length in (0, 1, 2, 100, len(signer.der) - 1):
        assert status(signer.der[:length], trusted) is PathStatus.INVALID


def test_what_a_path_came_to_is_one_sentence(authority: Authority) -> None:
    for certificate in (forged(authority), b"", authority.issue("signer").der):
        text = validate_path(certificate, anchors(authority), AT).text
        assert text
        assert "\n" not in text
        assert len(text) <= 300


def test_anchors_are_read_from_pem_bundles_and_der(authority: Authority) -> None:
    other = Authority(authority.folder / "other", "Other CA", now=AT)
    bundle = authority.credential.pem + other.credential.pem
    both = (authority.credential.der, other.credential.der)
    assert load_anchors([bundle]).certificates == both
    assert load_anchors([authority.credential.der, other.credential.pem]).certificates == both
    assert not load_anchors([])
    for wrong in (b"", b"text", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"):
        with pytest.raises(KeyUnusable):
            load_anchors([wrong])
