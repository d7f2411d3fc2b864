"""The path from a signer's certificate to a trust anchor at a given moment."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from sealgate.trust.bundle import certificates_in
from sealgate.trust.findings import FindingKind, KeyPurpose
from sealgate.trust.path import PathStatus, validate_path
from sealgate.trust.store import TrustStore
from support import peers
from support.pki import DAY, YEAR, Authority, Revoked, private_key

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("pki"), now=AT)


def anchors(*authorities: Authority) -> TrustStore:
    return TrustStore(anchors=tuple(authority.credential.der for authority in authorities))


def status(certificate: bytes, trusted: TrustStore, at: datetime = AT) -> PathStatus:
    return validate_path(certificate, trusted, at).status


@pytest.mark.parametrize("kind", ["p256", "p384", "p521", "rsa2048", "dsa1024", "brainpoolp256"])
def test_a_certificate_of_a_trusted_authority_is_valid(authority: Authority, kind: str) -> None:
    assert status(authority.issue("signer", kind).der, anchors(authority)) is PathStatus.VALID


@pytest.mark.parametrize("kind", ["p384", "rsa2048", "dsa1024"])
def test_an_authority_may_have_any_kind_of_key(tmp_path_factory: pytest.TempPathFactory, kind: str) -> None:
    authority = Authority(tmp_path_factory.mktemp("pki"), key=kind, now=AT)
    assert status(authority.issue("signer").der, anchors(authority)) is PathStatus.VALID


def test_without_anchors_nothing_can_be_said(authority: Authority) -> None:
    assert status(authority.issue("signer").der, TrustStore()) is PathStatus.NO_ANCHORS


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
    assert status(signer.der, TrustStore(anchors=(signer.der,))) is PathStatus.VALID


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


def test_a_forged_certificate_gives_no_path_whose_addresses_somebody_could_ask(authority: Authority) -> None:
    assert validate_path(forged(authority), anchors(authority), AT).path == ()


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


def test_a_forged_certificate_is_invalid_whatever_fillingit_claims(tmp_path_factory: pytest.TempPathFactory) -> None:
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


def test_an_expired_trust_anchor_makes_the_path_expired(tmp_path: Path) -> None:
    old = Authority(tmp_path, "Old Root", now=AT, not_before=AT - YEAR, not_after=AT - DAY)
    signer = old.issue("signer", not_before=AT - 9 * DAY)
    assert status(signer.der, anchors(old)) is PathStatus.EXPIRED
    assert status(signer.der, anchors(old), AT - 2 * DAY) is PathStatus.VALID


def test_a_certificate_that_only_names_an_expired_authority_is_never_merely_expired(tmp_path: Path) -> None:
    old = Authority(tmp_path / "old", "Old Root", now=AT, not_before=AT - YEAR, not_after=AT - DAY)
    for at in (AT, AT - 2 * DAY, AT + YEAR):
        assert status(forged(old), anchors(old), at) is PathStatus.INVALID
    root = Authority(tmp_path / "root", "Root", now=AT)
    expired = root.subordinate(tmp_path / "sub", not_before=AT - YEAR, not_after=AT - DAY)
    store = TrustStore(anchors=(root.credential.der,), intermediates=(expired.credential.der,))
    for at in (AT, AT - 2 * DAY):
        assert status(forged(expired), store, at) is PathStatus.INVALID
    genuine = expired.issue("genuine", not_before=AT - 9 * DAY)
    assert status(genuine.der, store) is PathStatus.EXPIRED


def test_a_copy_of_an_authoritys_name_and_key_is_not_the_authority(authority: Authority) -> None:
    """Whoever has no private key can still put any dates around the public one."""
    copy = x509.CertificateBuilder(
        authority.certificate.subject,
        authority.certificate.subject,
        authority.key.public_key(),
        1,
        AT - YEAR,
        AT + 9 * YEAR,
    )
    made = copy.sign(private_key("p256", "attacker"), hashes.SHA256()).public_bytes(Encoding.DER)
    assert status(made, anchors(authority)) is PathStatus.INVALID


def test_intermediates_help_and_are_trusted_for_nothing(authority: Authority) -> None:
    sub = authority.subordinate(authority.folder / "sub")
    signer, root, between = sub.issue("signer"), authority.credential.der, sub.credential.der
    assert status(signer.der, TrustStore(anchors=(root,))) is PathStatus.NOT_FOUND
    assert status(signer.der, TrustStore(intermediates=(root, between))) is PathStatus.NO_ANCHORS
    result = validate_path(signer.der, TrustStore(anchors=(root,), intermediates=(between,)), AT)
    assert result.status is PathStatus.VALID
    assert result.path == (signer.der, between, root)
    assert validate_path(signer.der, TrustStore(anchors=(root,)), AT, other_certificates=[between]) == result


def test_certificates_that_came_along_and_cannot_be_decoded_change_nothing(authority: Authority) -> None:
    sub = authority.subordinate(authority.folder / "sub")
    signer, store = sub.issue("signer"), anchors(authority)
    damaged = sub.credential.der[:60] + b"\xff" + sub.credential.der[61:]
    others = [b"", b"\x30\x00", damaged, b"\x30\x80" * 50, sub.credential.der]
    assert validate_path(signer.der, store, AT, other_certificates=others).status is PathStatus.VALID


def test_a_certificate_of_unreal_size_is_invalid_at_once(authority: Authority) -> None:
    filling = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4.5"), b"\x04\x83\x01\x00\x00" + bytes(1 << 16))
    large = authority.issue("large", extensions=[(filling, False)]).der
    assert status(large, anchors(authority)) is PathStatus.INVALID
    assert status(authority.issue("s").der, anchors(authority)) is PathStatus.VALID


def test_certificates_that_all_issue_each_other_cost_little(authority: Authority) -> None:
    """Twelve certificates of one name and one key: every order of them is a chain, and none ends at an anchor."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loop")])
    key = private_key("p256", "attacker")
    loop = [
        x509.CertificateBuilder(name, name, key.public_key(), number, AT - DAY, AT + DAY)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
        .public_bytes(Encoding.DER)
        for number in range(1, 40)
    ]
    began = time.process_time()
    result = validate_path(loop[0], anchors(authority), AT, other_certificates=loop[1:])
    assert result.status is PathStatus.NOT_FOUND
    assert time.process_time() - began < 5.0


def test_the_path_length_of_every_authority_binds(tmp_path: Path) -> None:
    for number, (of_root, of_sub, expected) in enumerate(
        [
            (None, None, PathStatus.VALID),
            (2, 1, PathStatus.VALID),
            (1, None, PathStatus.INVALID),
            (None, 0, PathStatus.INVALID),
        ]
    ):
        root = Authority(tmp_path / f"root{number}", "Root", now=AT, path_length=of_root)
        sub = root.subordinate(tmp_path / f"sub{number}", "Sub", path_length=of_sub)
        low = sub.subordinate(tmp_path / f"low{number}", "Low")
        store = TrustStore(anchors=(root.credential.der,), intermediates=(sub.credential.der, low.credential.der))
        assert status(low.issue("signer").der, store) is expected


def test_what_a_trusted_signers_key_issues_is_not_trusted(authority: Authority) -> None:
    signer = authority.issue("trusted signer")
    builder = x509.CertificateBuilder(
        signer.certificate.subject,
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "below")]),
        private_key("p256", "below").public_key(),
        2,
        AT - DAY,
        AT + DAY,
    )
    below = builder.sign(signer.key, hashes.SHA256()).public_bytes(Encoding.DER)
    assert status(signer.der, TrustStore(anchors=(signer.der,))) is PathStatus.VALID
    assert status(below, TrustStore(anchors=(signer.der,))) is PathStatus.INVALID


def test_names_outside_the_constraints_of_an_authority_are_invalid(authority: Authority) -> None:
    permitted = x509.NameConstraints([x509.DNSName("hospital.example")], None)
    sub = authority.subordinate(authority.folder / "sub", extensions=[(permitted, True)])
    store = TrustStore(anchors=(authority.credential.der,), intermediates=(sub.credential.der,))
    assert status(sub.issue("inside", hosts=["ct.hospital.example"]).der, store) is PathStatus.VALID
    assert status(sub.issue("outside", hosts=["ct.clinic.example"]).der, store) is PathStatus.INVALID


def test_a_second_way_up_is_tried_where_the_first_is_expired(tmp_path: Path) -> None:
    """An authority certified twice: the older certificate has run out."""
    root = Authority(tmp_path / "root", "Root", now=AT, not_before=AT - YEAR)
    old = root.subordinate(tmp_path / "sub", "Sub", not_before=AT - YEAR, not_after=AT - DAY)
    subject = old.certificate.subject
    renewed = (
        x509.CertificateBuilder(root.certificate.subject, subject, old.key.public_key(), 77, AT - DAY, AT + YEAR)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(root.key, hashes.SHA256())
        .public_bytes(Encoding.DER)
    )
    signer = old.issue("signer")
    store = TrustStore(anchors=(root.credential.der,), intermediates=(old.credential.der, renewed))
    assert validate_path(signer.der, store, AT).path == (signer.der, renewed, root.credential.der)


def kinds(certificate: bytes, store: TrustStore, purpose: KeyPurpose = KeyPurpose.SIGNING) -> set[FindingKind]:
    result = validate_path(certificate, store, AT, purpose=purpose)
    assert result.status is PathStatus.VALID
    assert all(finding.text for finding in result.findings)
    return {finding.kind for finding in result.findings}


def usage(**allowed: bool) -> x509.KeyUsage:
    names = (
        "digital_signature content_commitment key_encipherment data_encipherment key_agreement key_cert_sign crl_sign"
    )
    flags = dict.fromkeys((*names.split(), "encipher_only", "decipher_only"), False)
    return x509.KeyUsage(**(flags | allowed))


def test_a_signer_may_have_either_key_usage_for_signatures(authority: Authority) -> None:
    store = anchors(authority)
    for allowed in ("digital_signature", "content_commitment"):
        assert kinds(authority.issue("s", key_usage=usage(**{allowed: True})).der, store) == set()
    only_encryption = authority.issue("s", key_usage=usage(key_encipherment=True))
    assert kinds(only_encryption.der, store) == {FindingKind.KEY_USAGE_NOT_SIGNING}


def test_an_extended_key_usage_that_is_for_other_things_only_is_a_finding(authority: Authority) -> None:
    store, found = anchors(authority), {FindingKind.EXTENDED_KEY_USAGE_NOT_SIGNING}
    for purposes in (["client"], ["server", "client"], ["timestamping"]):
        assert kinds(authority.issue("s", purposes=purposes).der, store) == found
    for purposes in ([], ["email"], ["client", "email"]):
        assert kinds(authority.issue("s", purposes=purposes).der, store) == set()
    own = x509.ExtendedKeyUsage([x509.ObjectIdentifier("1.2.3.4.5.6")])
    assert kinds(authority.issue("s", extensions=[(own, False)]).der, store) == set()


def test_an_authority_as_signer_is_a_finding(authority: Authority) -> None:
    sub = authority.subordinate(authority.folder / "sub")
    found = kinds(sub.credential.der, anchors(authority))
    assert found == {FindingKind.AUTHORITY_AS_SIGNER, FindingKind.KEY_USAGE_NOT_SIGNING}


def test_a_tsa_needs_time_stamping_as_its_only_and_critical_extended_key_usage(authority: Authority) -> None:
    stamping, email = x509.ExtendedKeyUsageOID.TIME_STAMPING, x509.ExtendedKeyUsageOID.EMAIL_PROTECTION

    def found(*usages: x509.ObjectIdentifier, critical: bool = True) -> set[FindingKind]:
        extensions = [(x509.ExtendedKeyUsage(usages), critical)] if usages else []
        tsa = authority.issue("tsa", extensions=extensions)
        return kinds(tsa.der, anchors(authority), KeyPurpose.TIMESTAMPING)

    assert found(stamping) == set()
    for wrong in (found(stamping, critical=False), found(stamping, email), found(email), found()):
        assert wrong == {FindingKind.NOT_FOR_TIMESTAMPING}


def test_a_small_key_of_an_authority_is_a_finding_and_not_a_broken_path(tmp_path: Path) -> None:
    weak = Authority(tmp_path, "Weak", key="rsa1024", now=AT)
    signer = weak.issue("signer")
    assert kinds(signer.der, anchors(weak)) == {FindingKind.WEAK_KEY_IN_PATH}
    tiny = Authority(tmp_path / "tiny", "Tiny", key="rsa512", now=AT)
    assert kinds(tiny.issue("signer").der, anchors(tiny)) == {FindingKind.BREAKABLE_KEY_IN_PATH}
    # The signer's own key is judged with the signature.
    strong = Authority(tmp_path / "strong", "Strong", now=AT)
    assert kinds(strong.issue("signer", "rsa1024").der, anchors(strong)) == set()


@pytest.mark.peer
@pytest.mark.parametrize(("digest", "weak"), [("md5", True), ("sha1", True), ("sha224", False), ("sha256", False)])
def test_a_certificate_over_a_weak_digest_is_a_finding_and_not_a_broken_path(
    tmp_path: Path, digest: str, *, weak: bool
) -> None:
    authority = Authority(tmp_path, "Root", key="rsa2048", now=datetime.now(UTC))
    request, made = tmp_path / "request.pem", tmp_path / "made.pem"
    subject = ("-subj", "/CN=old signer")
    peers.openssl("req", "-new", "-key", authority.issue("signer").key_path, *subject, "-out", request)
    issuer = ("-CA", authority.certificate_path, "-CAkey", authority.credential.key_path)
    outcome = peers.openssl("x509", "-req", "-in", request, *issuer, f"-{digest}", "-days", "3", "-out", made)
    assert outcome.exit_code == 0, outcome.text
    (certificate,) = certificates_in(made.read_bytes())
    at = datetime.now(UTC) + timedelta(hours=1)
    result = validate_path(certificate, anchors(authority), at)
    assert result.status is PathStatus.VALID, result.text
    assert [finding.kind for finding in result.findings] == [FindingKind.WEAK_DIGEST_IN_PATH] * weak


def test_a_cached_path_is_judged_anew_at_every_moment_and_by_every_store(authority: Authority) -> None:
    signer = authority.issue("signer", not_after=AT + DAY)
    other = Authority(authority.folder / "other", "Other CA", now=AT)
    for _ in range(2):
        assert status(signer.der, anchors(authority)) is PathStatus.VALID
        assert status(signer.der, anchors(other)) is PathStatus.NOT_FOUND
        assert status(signer.der, anchors(authority), AT + 2 * DAY) is PathStatus.EXPIRED
        crl = authority.crl(Revoked(signer.certificate.serial_number, AT - DAY))
        revoking = TrustStore(anchors=anchors(authority).anchors, crls=(crl,))
        assert not validate_path(signer.der, revoking, AT).trusted
        assert validate_path(signer.der, anchors(authority), AT).trusted
