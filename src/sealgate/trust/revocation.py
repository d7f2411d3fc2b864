"""Revocation of the certificates of a path at a proven moment, by CRLs and OCSP responses that are at hand.

Rules beyond those of RFC 5280 6.3, all of them about time:

1. A revocation counts from its date on, or from its Invalidity Date where that is earlier.
2. A TSA certificate that was revoked for compromise, or without a reason, takes all its tokens with it, whatever the
   dates (RFC 3161 section 4). A signer's that was revoked for compromise after the moment leaves the signature good and
   doubtful: nobody knows since when others had the key, unless its Invalidity Date says so.
3. A list from after the moment serves as well as one that was in force then; one that had run out by then proves
   nothing, unless the certificate stands on it.
4. Who does not stand on a list that was issued after his certificate expired may have been taken off it (RFC 5280 3.3),
   so that list proves nothing, unless it says that it keeps the expired ones.
5. What was put on hold (certificateHold) and is not on a later list that was in force by the moment is good again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from sealgate.trust.findings import KeyPurpose
from sealgate.trust.statements import Revoked, Statement, Unusable, statements
from sealgate.trust.store import TrustStore

if TYPE_CHECKING:
    from cryptography import x509

COMPROMISED: Final = frozenset(("keyCompromise", "cACompromise", "aACompromise"))
"""Reasons after which nobody knows who used the key."""

UNTIL_NEWER: Final = timedelta(minutes=30)
"""How long what does not say until when it holds serves (RFC 6960 2.4: newer answers are always there)."""

_ON_HOLD = "certificateHold"
_MAX_SENTENCE = 300


class Revocation(StrEnum):
    """How much must be known about revocation."""

    NONE = "none"
    """Nothing: CRLs and OCSP responses are not looked at."""
    IF_GIVEN = "if-given"
    """What is at hand counts: a certificate about which there is a CRL or OCSP response must be proven good."""
    REQUIRED = "required"
    """Every certificate but the trust anchor must be proven good."""


class RevocationStatus(StrEnum):
    """What is known about revocation."""

    GOOD = "good"
    REVOKED = "revoked"
    UNKNOWN = "unknown"
    """It had to be checked and could not be: never valid."""
    NOT_CHECKED = "not checked"


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationResult:
    """Status of one certificate, or of all of a path, with a sentence about this case."""

    status: RevocationStatus
    text: str
    at: datetime | None = None
    """Since when, where it is revoked, or was later for compromise (UTC)."""
    reason: str | None = None
    """CRLReason as in RFC 5280 5.3.1, such as keyCompromise; None where none is given."""

    @property
    def is_doubtful(self) -> bool:
        """Whether the certificate was good at the moment, and was revoked later for compromise (rule 2)."""
        return self.status is RevocationStatus.GOOD and self.reason is not None


def check_revocation(
    path: Sequence[x509.Certificate], store: TrustStore, at: datetime, *, purpose: KeyPurpose, extent: Revocation
) -> RevocationResult:
    """Status of `path`, from the certificate itself to the trust anchor, at the moment `at` (aware).

    The gravest status of its certificates: revoked, unknown, not checked, good. A trust anchor is on no list.
    """
    if extent is Revocation.NONE:
        return _result(RevocationStatus.NOT_CHECKED, "revocation was not checked")
    if len(path) == 1:
        text = "the certificate is itself a trust anchor, so no list says whether it is revoked"
        return _result(RevocationStatus.NOT_CHECKED, text)
    results = []
    for certificate, issuer in pairwise(path):
        found = statements(certificate, issuer, store)
        who = "the certificate" if certificate is path[0] else certificate.subject.rfc4514_string()
        if found or extent is Revocation.REQUIRED:
            results.append(_status(who, certificate, found, at, purpose))
        else:
            text = f"no CRL or OCSP response about {who} is at hand"
            results.append(_result(RevocationStatus.NOT_CHECKED, text))
    for status in (RevocationStatus.REVOKED, RevocationStatus.UNKNOWN):
        gravest = next((result for result in results if result.status is status), None)
        if gravest is not None:
            return gravest
    if results[0].status is RevocationStatus.NOT_CHECKED:
        return results[0]
    more = [result for result in results[1:] if result.status is RevocationStatus.NOT_CHECKED or result.is_doubtful]
    doubtful = next((result for result in results if result.is_doubtful), results[0])
    text = "; ".join(result.text for result in (results[0], *more))
    return _result(RevocationStatus.GOOD, text, at=doubtful.at, reason=doubtful.reason)


def _status(
    who: str,
    certificate: x509.Certificate,
    found: Sequence[Statement | Unusable],
    at: datetime,
    purpose: KeyPurpose,
) -> RevocationResult:
    usable = [one for one in found if isinstance(one, Statement)]
    for statement in usable:
        revoked = statement.revoked
        if revoked is not None and _counts(revoked, at, purpose) and not _was_lifted(statement, usable, at):
            reason = f"reason {revoked.reason}" if revoked.reason else "no reason given"
            text = f"{who} was revoked at {revoked.at:%F %T} UTC ({reason}), says {statement.source}"
            return _result(RevocationStatus.REVOKED, text, at=revoked.at, reason=revoked.reason)
    why = [f"{one.source} is of no use: {one.why}" for one in found if isinstance(one, Unusable)]
    for statement in sorted(usable, key=lambda one: one.this_update):
        objection = _objection(statement, certificate, at)
        if objection is None:
            return _good(who, statement, usable)
        why.append(f"{statement.source} proves nothing: {objection}")
    reasons = "; ".join(dict.fromkeys(why)) or "no CRL or OCSP response about it is at hand"
    return _result(RevocationStatus.UNKNOWN, f"whether {who} was revoked is not known: {reasons}")


def _good(who: str, statement: Statement, found: Sequence[Statement]) -> RevocationResult:
    text = f"{who} was not revoked, says {statement.source}"
    doubted = next((one.revoked for one in found if one.revoked is not None and _is_doubtful(one.revoked)), None)
    later = doubted or statement.revoked
    if later is not None:
        text += f"; it was revoked later, at {later.at:%F %T} UTC"
    if doubted is None:
        return _result(RevocationStatus.GOOD, text)
    text += f" ({doubted.reason}), and who had the key before that is not known"
    return _result(RevocationStatus.GOOD, text, at=doubted.at, reason=doubted.reason)


def _is_doubtful(revoked: Revoked) -> bool:
    return revoked.reason in COMPROMISED and revoked.invalid_since is None


def _counts(revoked: Revoked, at: datetime, purpose: KeyPurpose) -> bool:
    """Whether a revocation takes what was signed or issued at `at` (rules 1 and 2)."""
    if purpose is KeyPurpose.TIMESTAMPING and (revoked.reason is None or revoked.reason in COMPROMISED):
        return True
    since = revoked.at if revoked.invalid_since is None else min(revoked.at, revoked.invalid_since)
    return since <= at


def _was_lifted(holding: Statement, found: Sequence[Statement], at: datetime) -> bool:
    """Whether a hold was over by `at` (rule 5)."""
    if holding.revoked is None or holding.revoked.reason != _ON_HOLD:
        return False
    return any(one.complete and one.revoked is None and holding.this_update < one.this_update <= at for one in found)


def _objection(statement: Statement, certificate: x509.Certificate, at: datetime) -> str | None:
    """Why the absence of a revocation from `statement` proves nothing about the moment `at` (rules 3 and 4)."""
    if statement.revoked is not None:
        return None if statement.revoked.at > at else "what it listed was lifted later"
    if not statement.complete:
        return "it is not a list of all revoked certificates"
    expired = certificate.not_valid_after_utc
    if statement.this_update > expired:
        since = statement.knows_expired_since
        if since is None or since > expired:
            return "it was issued after the certificate had expired"
    if statement.this_update > at:
        return None
    until = statement.next_update if statement.next_update is not None else statement.this_update + UNTIL_NEWER
    if until < at:
        return f"it had expired at {until:%F %T} UTC"
    return None


def _result(
    status: RevocationStatus, text: str, *, at: datetime | None = None, reason: str | None = None
) -> RevocationResult:
    return RevocationResult(status=status, text=text[:_MAX_SENTENCE], at=at, reason=reason)
