"""Certified timestamps: what proves the moment of signing, and what is wrong with a token."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography import x509

from sealgate.dicom.transfer_syntax import BY_UID
from sealgate.signature.reasons import Reason
from sealgate.trust.revocation import Revocation
from sealgate.trust.store import TrustStore
from sealgate.verification.judging import Judging, Timestamps
from sealgate.verification.report import Outcome, Proof, SignatureReport, Status, Step
from sealgate.verification.verify import verify
from support import tokens
from support.attacks import generalized, with_token
from support.elements import EXPLICIT, EXPLICIT_LE_UID, part10
from support.forging import body, forge, with_signatures
from support.pki import DAY, YEAR, Authority, Credential, Revoked
from support.signing import AT, opened
from support.tsa import CRITICAL_TIMESTAMPING

LONG = {"not_before": AT - 5 * YEAR, "not_after": AT + 10 * YEAR}


class Bench:
    """Two authorities for long: one of the signer, whose certificate is valid for a year, and one of the TSA."""

    def __init__(self, authority: Authority, tsa_authority: Authority) -> None:
        self.authority, self.tsa_authority = authority, tsa_authority
        self.signer = authority.issue("signer", "rsa2048")
        self.tsa = tsa_authority.issue("tsa", "rsa2048", hosts=(), extensions=[CRITICAL_TIMESTAMPING], **LONG)
        self.store = TrustStore(anchors=(authority.credential.der, tsa_authority.credential.der))
        self.file = part10(with_signatures(body(), forge(self.signer)))

    def stamped(self, moment: datetime = AT, tsa: Credential | None = None, **odd: Any) -> bytes:
        """The file with a token."""
        by = tsa if tsa is not None else self.tsa
        return with_token(self.file, lambda value: tokens.token(by, value, gen_time=generalized(moment), **odd))

    def judge(self, file: bytes, now: datetime = AT, **judging: Any) -> SignatureReport:
        _, carrier = opened(file)
        judged = replace(Judging(store=self.store, now=now), **judging)
        (report,) = verify(carrier, BY_UID[EXPLICIT_LE_UID], judged).signatures
        return report


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    folder = tmp_path_factory.mktemp("pki")
    return Bench(Authority(folder / "ca", now=AT, **LONG), Authority(folder / "tsa-ca", "TSA root", now=AT, **LONG))


def fact(report: SignatureReport, step: Step) -> tuple[Status, str]:
    (found,) = [one for one in report.facts if one.step is step]
    return found.status, found.text


def test_a_good_token_proves_the_moment_and_outlives_the_certificate_of_the_signer(bench: Bench) -> None:
    late = AT + 3 * YEAR
    assert bench.judge(bench.file, late).reasons == (Reason.CERTIFICATE_EXPIRED,)
    report = bench.judge(bench.stamped(AT + timedelta(minutes=1)), late)
    assert (report.outcome, report.reasons) == (Outcome.VALID, ())
    assert report.proven is not None
    assert (report.proven.at, report.proven.proof) == (AT + timedelta(minutes=1), Proof.TIMESTAMP)
    status, text = fact(report, Step.TIMESTAMP)
    assert (status, "2026-03-01 12:01:00 UTC" in text) == (Status.PASSED, True)
    assert report.timestamp is not None
    assert report.tsa_path == (bench.tsa.der, bench.tsa_authority.credential.der)
    assert report.path == (bench.signer.der, bench.authority.credential.der)


def test_the_first_receipt_proves_the_moment_where_no_token_does(bench: Bench) -> None:
    late, seen = AT + 3 * YEAR, AT + DAY
    report = bench.judge(bench.file, late, first_receipt=seen)
    assert (report.outcome, report.reasons) == (Outcome.VALID, ())
    assert report.proven is not None
    assert (report.proven.at, report.proven.proof) == (seen, Proof.FIRST_RECEIPT)
    broken = bench.judge(bench.stamped(imprint="sha1", digest="sha1"), late, first_receipt=seen)
    assert broken.proven is not None
    stamped = bench.judge(bench.stamped(), late, first_receipt=seen)
    assert stamped.proven is not None
    assert stamped.proven.proof is Proof.TIMESTAMP


def test_a_signature_that_claims_to_be_later_than_its_first_receipt_is_invalid(bench: Bench) -> None:
    report = bench.judge(bench.file, AT + DAY, first_receipt=AT - timedelta(hours=1))
    assert report.reasons == (Reason.SIGNED_AFTER_VALIDATION_TIME,)


def test_a_token_that_came_after_the_certificate_expired_proves_too_late_a_moment(bench: Bench) -> None:
    report = bench.judge(bench.stamped(AT + 2 * YEAR), AT + 3 * YEAR)
    assert (report.outcome, report.reasons) == (Outcome.INDETERMINATE, (Reason.CERTIFICATE_EXPIRED,))


def test_a_token_outlives_the_certificate_of_its_own_tsa(bench: Bench) -> None:
    report = bench.judge(bench.stamped(), AT + 50 * YEAR)
    assert (report.outcome, report.reasons) == (Outcome.VALID, ())


ODD: dict[str, tuple[Reason, dict[str, Any]]] = {
    "of the future": (Reason.TIMESTAMP_IN_FUTURE, {"moment": AT + timedelta(minutes=6)}),
    "before the claimed time": (Reason.TIMESTAMP_BEFORE_SIGNING, {"moment": AT - timedelta(minutes=6)}),
    "over something else": (Reason.TIMESTAMP_INVALID, {"info": tokens.tst_info(b"x", gen_time=generalized(AT))}),
    "that was changed": (Reason.TIMESTAMP_INVALID, {"content_instead": tokens.tst_info(b"x")}),
    "without ESSCertID": (Reason.TIMESTAMP_INVALID, {"ess": ()}),
}


@pytest.mark.parametrize(("reason", "odd"), ODD.values(), ids=ODD)
def test_a_bad_token_makes_a_good_signature_questionable_and_proves_nothing(
    reason: Reason, odd: dict[str, Any], bench: Bench
) -> None:
    report = bench.judge(bench.stamped(**odd))
    assert reason in report.reasons
    assert report.outcome is Outcome.QUESTIONABLE
    assert report.proven is not None
    assert (report.proven.at, report.proven.proof) == (AT, Proof.NONE)
    assert fact(report, Step.TIMESTAMP)[0] is Status.WARNING
    expired = bench.judge(bench.stamped(**odd), AT + 3 * YEAR)
    assert expired.outcome is Outcome.INDETERMINATE or reason is Reason.TIMESTAMP_IN_FUTURE


def test_clocks_may_differ_a_little_and_by_the_accuracy_of_the_token(bench: Bench) -> None:
    for moment, accuracy in (
        (AT - timedelta(minutes=4), None),
        (AT + timedelta(minutes=4), None),
        (AT - timedelta(minutes=6), {"seconds": 120}),
    ):
        assert bench.judge(bench.stamped(moment, accuracy=accuracy)).reasons == ()


def test_a_weak_token_is_a_warning(bench: Bench) -> None:
    report = bench.judge(bench.stamped(imprint="sha1"))
    assert (report.outcome, report.reasons) == (Outcome.VALID, (Reason.WEAK_TIMESTAMP,))


@pytest.mark.parametrize(
    ("kind", "token"), [(b"CMS_TSP ", b"token "), (b"OTHER ", None), (b"CMS_TSP ", b"")], ids=["bytes", "kind", "empty"]
)
def test_a_timestamp_that_cannot_be_read_is_questionable(kind: bytes, token: bytes | None, bench: Bench) -> None:
    encoded = token if token is not None else tokens.token(bench.tsa, b"")
    elements: dict[int, bytes | None] = {
        0x04000305: EXPLICIT.element(0x04000305, "CS", kind),
        0x04000310: EXPLICIT.element(0x04000310, "OB", encoded + b"\0" * (len(encoded) % 2)),
    }
    report = bench.judge(part10(with_signatures(body(), forge(bench.signer, item=elements))))
    assert (report.outcome, report.reasons) == (Outcome.QUESTIONABLE, (Reason.TIMESTAMP_UNREADABLE,))


def test_a_token_of_a_tsa_that_is_not_trusted_proves_nothing(bench: Bench) -> None:
    report = bench.judge(bench.stamped(), store=TrustStore(anchors=(bench.authority.credential.der,)))
    assert (report.outcome, report.reasons) == (Outcome.QUESTIONABLE, (Reason.TIMESTAMP_NOT_TRUSTED,))


def test_a_certificate_that_is_not_that_of_a_tsa_proves_nothing(bench: Bench) -> None:
    usage = x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.TIME_STAMPING])
    for extensions in ([], [(usage, False)]):
        tsa = bench.tsa_authority.issue("no tsa", "rsa2048", hosts=(), extensions=extensions, **LONG)
        report = bench.judge(bench.stamped(tsa=tsa))
        assert (report.outcome, report.reasons) == (Outcome.QUESTIONABLE, (Reason.TIMESTAMP_INVALID,))


@pytest.mark.parametrize(("tsa_key", "authority_key"), [("rsa512", "p256"), ("rsa2048", "rsa512")])
def test_a_token_that_anybody_could_have_made_proves_nothing(tsa_key: str, authority_key: str, bench: Bench) -> None:
    folder = bench.tsa_authority.folder / f"{tsa_key} under {authority_key}"
    tiny = Authority(folder, "Tiny TSA root", key=authority_key, now=AT, **LONG)
    tsa = tiny.issue("tsa", tsa_key, hosts=(), extensions=[CRITICAL_TIMESTAMPING], **LONG)
    store = TrustStore(anchors=(bench.authority.credential.der, tiny.credential.der))
    report = bench.judge(bench.stamped(tsa=tsa, digest="sha256"), AT + 3 * YEAR, store=store)
    assert {Reason.TIMESTAMP_INVALID, Reason.CERTIFICATE_EXPIRED} <= set(report.reasons)
    assert report.proven is not None
    assert report.proven.proof is Proof.NONE


@pytest.mark.parametrize(
    ("reason", "at", "expected"),
    [
        (None, AT + YEAR, (Reason.TIMESTAMP_REVOKED,)),
        (x509.ReasonFlags.key_compromise, AT + YEAR, (Reason.TIMESTAMP_REVOKED,)),
        (x509.ReasonFlags.cessation_of_operation, AT - DAY, (Reason.TIMESTAMP_REVOKED,)),
        (x509.ReasonFlags.cessation_of_operation, AT + YEAR, ()),
    ],
)
def test_a_revoked_tsa_takes_its_tokens_with_it_unless_it_only_ceased_later(
    reason: x509.ReasonFlags | None, at: datetime, expected: tuple[Reason, ...], bench: Bench
) -> None:
    revoked = Revoked(bench.tsa.certificate.serial_number, at, reason)
    now = AT + 2 * YEAR
    crls = (bench.tsa_authority.crl(revoked, at=now - DAY),)
    report = bench.judge(bench.stamped(), now, store=replace(bench.store, crls=crls))
    assert tuple(one for one in report.reasons if one is not Reason.CERTIFICATE_EXPIRED) == expected


def test_a_revoked_signer_is_invalid_unless_a_token_proves_an_earlier_moment(bench: Bench) -> None:
    revoked = Revoked(bench.signer.certificate.serial_number, AT + DAY, x509.ReasonFlags.superseded)
    now = AT + 5 * DAY
    crls = bench.authority.crl(revoked, at=now - DAY), bench.tsa_authority.crl(at=now - DAY)
    store = replace(bench.store, crls=crls)
    plain = bench.judge(bench.file, now, store=store)
    assert (plain.outcome, plain.reasons) == (Outcome.INVALID, (Reason.CERTIFICATE_REVOKED,))
    assert fact(plain, Step.REVOCATION)[0] is Status.FAILED
    assert bench.judge(bench.stamped(), now, store=store).outcome is Outcome.VALID


def test_a_key_that_was_compromised_after_the_token_leaves_the_signature_questionable(bench: Bench) -> None:
    revoked = Revoked(bench.signer.certificate.serial_number, AT + DAY, x509.ReasonFlags.key_compromise)
    now = AT + 5 * DAY
    crls = bench.authority.crl(revoked, at=now - DAY), bench.tsa_authority.crl(at=now - DAY)
    store = replace(bench.store, crls=crls)
    assert bench.judge(bench.file, now, store=store).reasons == (Reason.CERTIFICATE_REVOKED,)
    stamped = bench.judge(bench.stamped(), now, store=store)
    assert (stamped.outcome, stamped.reasons) == (Outcome.QUESTIONABLE, (Reason.KEY_COMPROMISED_LATER,))


def test_revocation_that_is_required_and_not_known_is_indeterminate(bench: Bench) -> None:
    report = bench.judge(bench.file, revocation=Revocation.REQUIRED)
    assert (report.outcome, report.reasons) == (Outcome.INDETERMINATE, (Reason.REVOCATION_UNKNOWN,))
    assert fact(report, Step.REVOCATION)[0] is Status.INDETERMINATE


def test_timestamps_can_be_ignored_and_then_prove_nothing(bench: Bench) -> None:
    report = bench.judge(bench.stamped(AT + YEAR), AT, timestamps=Timestamps.IGNORE)
    assert (report.outcome, report.reasons, report.timestamp) == (Outcome.VALID, (), None)
    assert fact(report, Step.TIMESTAMP) == (Status.NOT_CHECKED, "the certified timestamp was ignored")
    late = bench.judge(bench.stamped(), AT + 3 * YEAR, timestamps=Timestamps.IGNORE)
    assert late.reasons == (Reason.CERTIFICATE_EXPIRED,)


def test_a_timestamp_can_be_required(bench: Bench) -> None:
    assert bench.judge(bench.stamped(), timestamps=Timestamps.REQUIRED).reasons == ()
    absent = bench.judge(bench.file, timestamps=Timestamps.REQUIRED)
    assert (absent.outcome, absent.reasons) == (Outcome.INVALID, (Reason.TIMESTAMP_REQUIRED,))
    bad = bench.judge(bench.stamped(AT + DAY), timestamps=Timestamps.REQUIRED)
    assert set(bad.reasons) == {Reason.TIMESTAMP_IN_FUTURE, Reason.TIMESTAMP_REQUIRED}


def test_without_trust_anchors_neither_signer_nor_token_is_trusted(bench: Bench) -> None:
    report = bench.judge(bench.stamped(), store=TrustStore())
    assert set(report.reasons) == {Reason.NO_TRUST_ANCHORS, Reason.TIMESTAMP_NOT_TRUSTED}
    assert report.outcome is Outcome.INDETERMINATE
