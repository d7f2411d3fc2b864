"""Revocation at a proven moment: what CRLs and OCSP responses of before and after it prove, and what they do not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.x509 import ReasonFlags

from sealgate.trust.findings import KeyPurpose
from sealgate.trust.path import PathResult, PathStatus, validate_path
from sealgate.trust.revocation import Revocation, RevocationStatus
from sealgate.trust.store import TrustStore
from support.pki import DAY, YEAR, Authority, Credential, Revoked, private_key

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
GOOD, REVOKED = RevocationStatus.GOOD, RevocationStatus.REVOKED
UNKNOWN, NOT_CHECKED = RevocationStatus.UNKNOWN, RevocationStatus.NOT_CHECKED
NO_CHECK = x509.OCSPNoCheck()
OCSP_SIGNING = x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.OCSP_SIGNING])


@dataclass(frozen=True, kw_only=True)
class Bench:
    root: Authority
    sub: Authority
    leaf: Credential

    def judge(
        self,
        *crls: bytes,
        ocsp: Sequence[bytes] = (),
        leaf: Credential | None = None,
        at: datetime = AT,
        extent: Revocation = Revocation.IF_GIVEN,
        purpose: KeyPurpose = KeyPurpose.SIGNING,
    ) -> PathResult:
        store = TrustStore(
            anchors=(self.root.credential.der,),
            intermediates=(self.sub.credential.der,),
            crls=crls,
            ocsp_responses=tuple(ocsp),
        )
        return validate_path((leaf or self.leaf).der, store, at, revocation=extent, purpose=purpose)

    def status(self, *crls: bytes, **kind: object) -> RevocationStatus:
        result = self.judge(*crls, **kind)
        assert result.status is PathStatus.VALID, result.text
        assert result.revocation.text
        assert "\n" not in result.revocation.text
        assert result.trusted is (result.revocation.status in (GOOD, NOT_CHECKED))
        return result.revocation.status

    def revoked(
        self, at: datetime, reason: ReasonFlags | None = None, invalid_since: datetime | None = None
    ) -> Revoked:
        return Revoked(self.leaf.certificate.serial_number, at, reason, invalid_since)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    folder = tmp_path_factory.mktemp("pki")
    root = Authority(folder / "root", "Root", now=AT, not_before=AT - YEAR)
    sub = root.subordinate(folder / "sub", not_before=AT - YEAR, not_after=AT + 2 * YEAR)
    return Bench(root=root, sub=sub, leaf=root.issue("leaf", not_before=AT - YEAR / 2, not_after=AT + 90 * DAY))


def test_without_lists_nothing_is_checked_unless_it_is_required(bench: Bench) -> None:
    assert bench.status() is NOT_CHECKED
    assert bench.status(extent=Revocation.NONE) is NOT_CHECKED
    assert bench.status(extent=Revocation.REQUIRED) is UNKNOWN


def test_a_list_in_force_that_does_not_name_the_certificate_proves_it_good(bench: Bench) -> None:
    for extent in (Revocation.IF_GIVEN, Revocation.REQUIRED):
        assert bench.status(bench.root.crl(), extent=extent) is GOOD
    assert bench.status(bench.root.crl(Revoked(4711, AT - DAY)), extent=Revocation.REQUIRED) is GOOD


def test_a_certificate_without_distribution_point_is_revoked_by_a_list_all_the_same(bench: Bench) -> None:
    with pytest.raises(x509.ExtensionNotFound):
        bench.leaf.certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints)
    crl = bench.root.crl(bench.revoked(AT - DAY, ReasonFlags.superseded))
    for extent in (Revocation.IF_GIVEN, Revocation.REQUIRED):
        result = bench.judge(crl, extent=extent)
        assert not result.trusted
        assert result.revocation.status is REVOKED
        assert (result.revocation.at, result.revocation.reason) == (AT - DAY, "superseded")
    assert bench.status(crl, extent=Revocation.NONE) is NOT_CHECKED


LATER = AT + 30 * DAY
HARMLESS = [reason for reason in ReasonFlags if "ompromise" not in reason.value and reason.value != "removeFromCRL"]
COMPROMISED = [reason for reason in ReasonFlags if "ompromise" in reason.value]


@pytest.mark.parametrize("reason", [None, *HARMLESS])
def test_a_signature_from_before_a_revocation_stays_good(bench: Bench, reason: ReasonFlags | None) -> None:
    crl = bench.root.crl(bench.revoked(LATER, reason), at=LATER + DAY)
    assert bench.status(crl, extent=Revocation.REQUIRED) is GOOD
    assert bench.status(crl, at=LATER) is REVOKED


@pytest.mark.parametrize("reason", COMPROMISED)
def test_a_key_that_was_compromised_later_leaves_what_was_proven_before_doubtful(
    bench: Bench, reason: ReasonFlags
) -> None:
    crl = bench.root.crl(bench.revoked(LATER, reason), at=LATER + DAY)
    result = bench.judge(bench.root.crl(), crl, extent=Revocation.REQUIRED).revocation
    assert (result.status, result.is_doubtful, result.at) == (GOOD, True, LATER)
    assert "who had the key before that is not known" in result.text
    assert bench.status(crl, at=LATER) is REVOKED


def test_a_later_revocation_without_compromise_leaves_nothing_doubtful(bench: Bench) -> None:
    for reason, since in ((None, None), (ReasonFlags.superseded, None), (ReasonFlags.key_compromise, AT + DAY)):
        crl = bench.root.crl(bench.revoked(LATER, reason, since), at=LATER + DAY)
        result = bench.judge(crl).revocation
        assert (result.status, result.is_doubtful) == (GOOD, False)


def test_a_compromise_counts_from_its_invalidity_date(bench: Bench) -> None:
    compromise = ReasonFlags.key_compromise
    known = bench.root.crl(bench.revoked(LATER, compromise, AT + DAY), at=LATER + DAY)
    assert bench.status(known) is GOOD
    assert bench.status(known, at=AT + DAY) is REVOKED
    earlier = bench.root.crl(bench.revoked(AT - DAY, compromise, AT + DAY), at=LATER)
    assert bench.status(earlier) is REVOKED


def test_an_invalidity_date_makes_a_harmless_revocation_count_earlier(bench: Bench) -> None:
    crl = bench.root.crl(bench.revoked(LATER, ReasonFlags.superseded, AT - DAY), at=LATER + DAY)
    assert bench.status(crl) is REVOKED
    assert bench.status(crl, at=AT - 2 * DAY) is GOOD


@pytest.mark.parametrize("reason", [None, *COMPROMISED])
def test_a_tsa_revoked_for_compromise_or_without_reason_loses_all_its_tokens(
    bench: Bench, reason: ReasonFlags | None
) -> None:
    invalid_since = LATER if reason is not None else None
    crl = bench.root.crl(bench.revoked(LATER, reason, invalid_since), at=LATER + DAY)
    assert bench.status(crl, purpose=KeyPurpose.TIMESTAMPING) is REVOKED


@pytest.mark.parametrize("reason", HARMLESS)
def test_a_tsa_revoked_with_a_harmless_reason_keeps_its_older_tokens(bench: Bench, reason: ReasonFlags) -> None:
    crl = bench.root.crl(bench.revoked(LATER, reason), at=LATER + DAY)
    assert bench.status(crl, purpose=KeyPurpose.TIMESTAMPING) is GOOD
    assert bench.status(crl, purpose=KeyPurpose.TIMESTAMPING, at=LATER) is REVOKED


def test_a_list_from_after_the_moment_serves_and_one_that_had_run_out_does_not(bench: Bench) -> None:
    assert bench.status(bench.root.crl(at=AT + 60 * DAY)) is GOOD
    assert bench.status(bench.root.crl(at=AT - 7 * DAY, until=AT)) is GOOD
    old = bench.root.crl(at=AT - 8 * DAY, until=AT - DAY)
    assert bench.status(old) is UNKNOWN
    assert bench.status(old, bench.root.crl()) is GOOD


def test_a_list_that_had_run_out_still_says_who_was_revoked(bench: Bench) -> None:
    old = bench.root.crl(bench.revoked(AT - 9 * DAY), at=AT - 8 * DAY, until=AT - DAY)
    assert bench.status(old) is REVOKED
    assert bench.status(old, bench.root.crl()) is REVOKED


def test_absence_from_a_list_of_after_the_expiry_proves_nothing(bench: Bench) -> None:
    expired = bench.leaf.certificate.not_valid_after_utc
    assert bench.status(bench.root.crl(at=expired)) is GOOD
    late = bench.root.crl(at=expired + DAY)
    assert bench.status(late) is UNKNOWN
    assert "after the certificate had expired" in bench.judge(late).revocation.text


def test_a_list_that_keeps_expired_certificates_proves_them_good(bench: Bench) -> None:
    def keeping(since: datetime) -> bytes:
        value = b"\x18\x0f" + since.strftime("%Y%m%d%H%M%SZ").encode()
        extension = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.60"), value)
        return bench.root.crl(at=AT + YEAR, extensions=[(extension, False)])

    assert bench.status(keeping(AT)) is GOOD
    assert bench.status(keeping(AT + 100 * DAY)) is UNKNOWN


def test_a_hold_counts_until_a_later_list_lifts_it(bench: Bench) -> None:
    held = bench.root.crl(bench.revoked(AT - 5 * DAY, ReasonFlags.certificate_hold), at=AT - 4 * DAY)
    lifted = bench.root.crl(at=AT - 2 * DAY)
    assert bench.status(held) is REVOKED
    assert bench.status(held, lifted) is GOOD
    assert bench.status(held, lifted, at=AT - 3 * DAY) is REVOKED


def test_a_list_that_somebody_else_signed_proves_nothing_either_way(bench: Bench) -> None:
    attacker = private_key("p256", "attacker")
    assert bench.status(bench.root.crl(signer=attacker)) is UNKNOWN
    assert bench.status(bench.root.crl(bench.revoked(AT - DAY), signer=attacker)) is UNKNOWN
    assert bench.status(bench.root.crl(signer=attacker), bench.root.crl()) is GOOD


def test_lists_of_others_are_passed_over(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = Authority(tmp_path_factory.mktemp("other"), "Other Root", now=AT)
    assert bench.status(other.crl()) is NOT_CHECKED
    assert bench.status(bench.sub.crl(), extent=Revocation.REQUIRED) is UNKNOWN


def point(**scope: object) -> tuple[x509.ExtensionType, bool]:
    kinds: dict[str, object] = {
        "full_name": None,
        "relative_name": None,
        "only_contains_user_certs": False,
        "only_contains_ca_certs": False,
        "only_some_reasons": None,
        "indirect_crl": False,
        "only_contains_attribute_certs": False,
    }
    return x509.IssuingDistributionPoint(**(kinds | scope)), True


URL = x509.UniformResourceIdentifier("http://ca.example/1.crl")


@pytest.mark.parametrize(
    ("scope", "absent", "present"),
    [
        ({"only_contains_user_certs": True}, GOOD, REVOKED),
        ({"only_contains_ca_certs": True}, NOT_CHECKED, NOT_CHECKED),
        ({"only_contains_attribute_certs": True}, NOT_CHECKED, NOT_CHECKED),
        ({"indirect_crl": True}, UNKNOWN, UNKNOWN),
        ({"only_some_reasons": frozenset({ReasonFlags.key_compromise})}, UNKNOWN, REVOKED),
        ({"full_name": [URL]}, UNKNOWN, REVOKED),
    ],
    ids=["users", "authorities", "attributes", "indirect", "reasons", "point"],
)
def test_a_list_proves_no_more_than_its_scope(
    bench: Bench, scope: dict[str, object], absent: RevocationStatus, present: RevocationStatus
) -> None:
    assert bench.status(bench.root.crl(extensions=[point(**scope)])) is absent
    assert bench.status(bench.root.crl(bench.revoked(AT - DAY), extensions=[point(**scope)])) is present


def test_a_list_for_the_certificates_own_distribution_point_proves_it_good(bench: Bench) -> None:
    named = x509.CRLDistributionPoints([x509.DistributionPoint([URL], None, None, None)])
    leaf = bench.root.issue("named", extensions=[(named, False)])
    assert bench.status(bench.root.crl(extensions=[point(full_name=[URL])]), leaf=leaf) is GOOD
    elsewhere = x509.UniformResourceIdentifier("http://ca.example/2.crl")
    assert bench.status(bench.root.crl(extensions=[point(full_name=[elsewhere])]), leaf=leaf) is UNKNOWN


def test_a_delta_list_revokes_but_proves_nobody_good(bench: Bench) -> None:
    delta = (x509.DeltaCRLIndicator(1), True)
    assert bench.status(bench.root.crl(extensions=[delta])) is UNKNOWN
    assert bench.status(bench.root.crl(), bench.root.crl(bench.revoked(AT - DAY), extensions=[delta])) is REVOKED


def test_a_list_with_an_unknown_critical_extension_is_of_no_use(bench: Bench) -> None:
    unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4.5"), b"\x05\x00")
    assert bench.status(bench.root.crl(extensions=[(unknown, True)])) is UNKNOWN
    assert bench.status(bench.root.crl(extensions=[(unknown, False)])) is GOOD


def test_a_list_of_an_authority_that_may_not_sign_lists_is_of_no_use(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    usage = x509.KeyUsage(False, False, False, False, False, True, False, False, False)
    authority = Authority(tmp_path_factory.mktemp("pki"), "No Lists", now=AT, key_usage=usage)
    store = TrustStore(anchors=(authority.credential.der,), crls=(authority.crl(),))
    assert validate_path(authority.issue("leaf").der, store, AT).revocation.status is UNKNOWN


def test_a_trust_anchor_with_a_new_key_signs_the_lists_of_its_old_one(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    old = Authority(tmp_path_factory.mktemp("old"), "Rekeyed", now=AT)
    new = Authority(tmp_path_factory.mktemp("new"), "Rekeyed", now=AT)
    leaf = old.issue("leaf")
    revoking = new.crl(Revoked(leaf.certificate.serial_number, AT - DAY))

    def status(crl: bytes, *anchors: Authority) -> RevocationStatus:
        store = TrustStore(anchors=tuple(one.credential.der for one in anchors), crls=(crl,))
        return validate_path(leaf.der, store, AT).revocation.status

    assert status(revoking, old) is UNKNOWN
    assert status(revoking, old, new) is REVOKED
    assert status(new.crl(), old, new) is GOOD


def test_an_intermediate_authority_is_checked_too(bench: Bench) -> None:
    below = bench.sub.issue("below")
    serial = bench.sub.certificate.serial_number
    revoking = bench.root.crl(Revoked(serial, AT - DAY, ReasonFlags.cessation_of_operation))
    assert bench.status(bench.sub.crl(), leaf=below) is GOOD
    assert bench.status(bench.sub.crl(), leaf=below, extent=Revocation.REQUIRED) is UNKNOWN
    assert bench.status(bench.sub.crl(), bench.root.crl(), leaf=below, extent=Revocation.REQUIRED) is GOOD
    assert bench.status(bench.sub.crl(), revoking, leaf=below) is REVOKED
    assert bench.status(bench.root.crl(), leaf=below) is NOT_CHECKED
    compromised = bench.root.crl(Revoked(serial, LATER, ReasonFlags.ca_compromise), at=LATER)
    result = bench.judge(bench.sub.crl(), compromised, leaf=below).revocation
    assert (result.status, result.is_doubtful, result.reason) == (GOOD, True, "cACompromise")


def test_an_answer_by_ocsp_counts_though_the_certificate_names_no_responder(bench: Bench) -> None:
    respond, leaf = bench.root.ocsp_response, bench.leaf.certificate
    assert bench.status(ocsp=[respond(leaf)], extent=Revocation.REQUIRED) is GOOD
    assert bench.status(ocsp=[respond(leaf, revoked=bench.revoked(AT - DAY))]) is REVOKED
    assert bench.status(ocsp=[respond(leaf, unknown=True)]) is UNKNOWN
    assert bench.status(ocsp=[respond(leaf, at=AT - 8 * DAY, until=AT - DAY)]) is UNKNOWN
    assert bench.status(ocsp=[respond(leaf, at=AT + 8 * DAY)]) is GOOD
    assert bench.status(ocsp=[respond(leaf, at=AT + YEAR)]) is UNKNOWN
    assert bench.status(ocsp=[respond(bench.root.issue("another").certificate)]) is NOT_CHECKED


def test_a_revocation_by_either_way_is_not_outweighed_by_the_other(bench: Bench) -> None:
    good, revoking = bench.root.ocsp_response(bench.leaf.certificate), bench.root.crl(bench.revoked(AT - DAY))
    assert bench.status(revoking, ocsp=[good]) is REVOKED
    bad = bench.root.ocsp_response(bench.leaf.certificate, revoked=bench.revoked(AT - DAY))
    assert bench.status(bench.root.crl(), ocsp=[bad, good]) is REVOKED


def test_a_responder_needs_a_certificate_of_the_authority_for_ocsp(
    bench: Bench, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = Authority(tmp_path_factory.mktemp("other"), "Other Root", now=AT)
    signing, unchecked = (OCSP_SIGNING, False), (NO_CHECK, False)

    def status(responder: Credential, *crls: bytes) -> RevocationStatus:
        response = bench.root.ocsp_response(bench.leaf.certificate, responder=responder)
        return bench.status(*crls, ocsp=[response])

    assert status(bench.root.issue("responder", extensions=[signing, unchecked])) is GOOD
    assert status(bench.root.issue("plain responder")) is UNKNOWN
    assert status(bench.root.issue("tls", purposes=["server"])) is UNKNOWN
    assert status(other.issue("foreign", extensions=[signing, unchecked])) is UNKNOWN
    old = bench.root.issue("old", not_before=AT - 9 * DAY, not_after=AT - DAY, extensions=[signing, unchecked])
    assert status(old) is UNKNOWN
    checked = bench.root.issue("checked", extensions=[signing])
    assert status(checked) is GOOD
    gone = bench.root.crl(Revoked(checked.certificate.serial_number, AT - DAY), at=AT - 9 * DAY, until=AT - 2 * DAY)
    assert status(checked, gone) is UNKNOWN


def test_every_damage_of_a_list_or_response_is_never_good(bench: Bench) -> None:
    crl = bench.root.crl(bench.revoked(AT - DAY))
    response = bench.root.ocsp_response(bench.leaf.certificate, revoked=bench.revoked(AT - DAY))
    for offset in range(len(crl)):
        damaged = bytes((*crl[:offset], crl[offset] ^ 1 << offset % 8, *crl[offset + 1 :]))
        assert bench.judge(damaged, extent=Revocation.REQUIRED).revocation.status is not GOOD, offset
    for offset in range(len(response)):
        damaged = bytes((*response[:offset], response[offset] ^ 1 << offset % 8, *response[offset + 1 :]))
        assert bench.judge(ocsp=[damaged], extent=Revocation.REQUIRED).revocation.status is not GOOD, offset


def test_what_is_no_list_makes_the_store_unusable_and_nothing_valid(bench: Bench) -> None:
    for wrong in (b"", b"no CRL", bench.leaf.der):
        assert bench.judge(wrong).status is PathStatus.STORE_UNUSABLE
        assert bench.judge(ocsp=[wrong]).status is PathStatus.STORE_UNUSABLE


# A second opinion: pyhanko-certvalidator under an explicit policy that requires a CRL for every certificate. It knows
# neither compromised keys nor expired certificates, so those cases stand above.
@pytest.mark.parametrize("signed_by_another", [False, True])
@pytest.mark.parametrize(
    ("revoked_at", "issued"),
    [
        *((None, issued) for issued in (AT - 9 * DAY, AT - DAY, AT + 2 * DAY)),
        *((AT - 10 * DAY, issued) for issued in (AT - 9 * DAY, AT - DAY, AT + 2 * DAY)),
        (AT - DAY, AT - DAY),
        (AT - DAY, AT + 2 * DAY),
        (AT + DAY, AT + 2 * DAY),
    ],
)
def test_certvalidator_under_a_policy_that_requires_lists_agrees(
    bench: Bench, revoked_at: datetime | None, issued: datetime, *, signed_by_another: bool
) -> None:
    entries = [] if revoked_at is None else [bench.revoked(revoked_at, ReasonFlags.superseded)]
    signer = private_key("p256", "attacker") if signed_by_another else None
    crl = bench.root.crl(*entries, at=issued, signer=signer)
    assert bench.judge(crl, extent=Revocation.REQUIRED).trusted is _certvalidator_accepts(bench, crl)


def _certvalidator_accepts(bench: Bench, crl: bytes) -> bool:
    import asyncio

    from pyhanko_certvalidator import CertificateValidator
    from pyhanko_certvalidator.context import ValidationContext
    from pyhanko_certvalidator.errors import PathError, ValidationError
    from pyhanko_certvalidator.policy_decl import (
        CertRevTrustPolicy,
        RevocationCheckingPolicy,
        RevocationCheckingRule,
    )

    required = RevocationCheckingRule.CRL_REQUIRED
    context = ValidationContext(
        trust_roots=[asn1_x509.Certificate.load(bench.root.credential.der)],
        moment=AT,
        crls=[crl],
        revinfo_policy=CertRevTrustPolicy(RevocationCheckingPolicy(required, required), retroactive_revinfo=True),
    )
    validator = CertificateValidator(asn1_x509.Certificate.load(bench.leaf.der), validation_context=context)
    try:
        asyncio.run(validator.async_validate_path())
    except (ValidationError, PathError):
        return False
    return True
