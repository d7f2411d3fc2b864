"""Certified timestamps of good signatures, with dcmsign's verdicts and in its order of checks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sealgate.cli.dcmsign import chain
from sealgate.cli.dcmsign.certificate import read_certificate
from sealgate.cli.dcmsign.dates import IllegalDate, moment
from sealgate.cli.dcmsign.details import show_timestamp, show_tsa_certificate
from sealgate.cli.dcmsign.run import Run
from sealgate.cli.dcmsign.selected import Selected
from sealgate.cli.dcmsign.settings import Settings, TimestampPolicy
from sealgate.errors import TimestampUnreadable
from sealgate.signature.keys import KeyType, signature_bytes
from sealgate.timestamp.flaws import TokenFlaw

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sealgate.timestamp.flaws import TokenProblem
    from sealgate.timestamp.token import Token

_FAILED = "timestamp signature verification failed: "
_VERIFY_ERROR = "certificate verify error"
_EXTENDS = "OK, extends validity period of expired signature."

_OF_SIGNATURE: Mapping[TokenFlaw, str] = {
    TokenFlaw.NOT_ONE_SIGNER: "there must be one signer",
    TokenFlaw.SIGNER_CERTIFICATE_MISSING: "signer certificate not found",
    TokenFlaw.SIGNER_CERTIFICATE_UNREADABLE: "signer certificate not found",
    TokenFlaw.EXTENDED_KEY_USAGE: _VERIFY_ERROR,
    TokenFlaw.KEY_USAGE: _VERIFY_ERROR,
    TokenFlaw.SIGNING_CERTIFICATE_MISSING: "missing signing certificate attribute",
    TokenFlaw.SIGNING_CERTIFICATE: "ess cert id not found",
    TokenFlaw.SIGNED_ATTRIBUTES: "unable to find message digest",
    TokenFlaw.DIGEST: "digest failure",
    TokenFlaw.ALGORITHM_UNSUPPORTED: "unknown digest type",
    TokenFlaw.SIGNATURE: "signature failure",
}
"""OpenSSL's reasons for what is wrong with the signature of a token, in the order in which it finds them."""
_OF_TSA: Mapping[TokenFlaw, str] = {
    TokenFlaw.BEFORE_TSA_VALIDITY: "timestamp created before start of TSA certificate validity.",
    TokenFlaw.AFTER_TSA_VALIDITY: "timestamp created after expiry of TSA certificate.",
}
_OF_CONTENT: Mapping[TokenFlaw, str] = {
    TokenFlaw.VERSION: "unsupported version",
    TokenFlaw.IMPRINT_ALGORITHM: "unsupported md algorithm",
    TokenFlaw.IMPRINT: "message imprint mismatch",
    TokenFlaw.TSA_NAME: "tsa name mismatch",
    TokenFlaw.CRITICAL_EXTENSION: "unhandled critical extension",
}
_BEFORE_SIGNER = "timestamp created before start of signer certificate validity."
_AFTER_SIGNER = "timestamp created after expiry of signer certificate."


@dataclass(slots=True, kw_only=True)
class TimestampResult:
    """What became of a timestamp, or of its absence where one is required."""

    verdict: str = ""
    """Empty where there was none to be checked."""
    is_good: bool = False
    extends: bool = False
    """Whether it makes up for the certificate having expired since."""
    notes: tuple[str, ...] = ()


def verify_timestamp(
    selected: Selected, settings: Settings, run: Run, now: datetime, *, has_expired: bool
) -> TimestampResult | None:
    """Verify the timestamp of a signature that is good, or good but for its certificate having expired.

    None where nothing is to be said: none is there and none is needed, or it is to be ignored.
    """
    policy, token = settings.timestamp_policy, selected.token
    show_timestamp(token, policy, run)
    if token is None:
        if policy is not TimestampPolicy.REQUIRE:
            return None
        run.messages.warn("  Certified timestamp : absent, but required by timestamp policy")
        return TimestampResult()
    if policy is TimestampPolicy.IGNORE:
        return None
    problem = _problem(selected, token, settings, run, now)
    if problem is not None:
        return TimestampResult(verdict=f"{_FAILED}{problem}")
    notes = _oddities(selected, token, settings, now)
    if not has_expired:
        return TimestampResult(verdict="OK", is_good=True, notes=notes)
    assert selected.certificate is not None
    then = chain.verdict(selected.certificate.der, settings.trust, token.gen_time, check_crl=False)
    if then is not None:
        note = (
            "dcmsign takes this timestamp for an extension of the expired certificate, but at its time the certificate"
            f" was not valid either: {then}"
        )
        return TimestampResult(verdict="OK", is_good=True, notes=(note, *notes))
    return TimestampResult(verdict=_EXTENDS, is_good=True, extends=True, notes=notes)


def _problem(selected: Selected, token: Token, settings: Settings, run: Run, now: datetime) -> str | None:
    """What is wrong with a timestamp, in OpenSSL's or dcmsign's words."""
    from sealgate.timestamp.check import check_token, signer_certificate

    certificate, value = selected.certificate, selected.signature.signature_value
    assert certificate is not None
    assert certificate.public_key is not None
    assert value is not None
    others = (*settings.trust.untrusted,)
    try:
        flaws = {
            problem.flaw: problem
            for problem in check_token(token, signature_bytes(value, certificate.public_key), untrusted=others)
        }
        tsa = signer_certificate(token, others)
    except TimestampUnreadable as error:
        return error.reason
    problem = _problem_of_signature(flaws, tsa, token, settings, now)
    if problem is not None:
        return problem
    problem = _first(flaws, _OF_TSA)
    if problem is not None:
        run.messages.error(problem)
    if tsa is not None:
        show_tsa_certificate(tsa, run)
    if problem is not None:
        return problem
    problem = _first(flaws, _OF_CONTENT)
    if problem is not None:
        return problem
    if token.gen_time < certificate.not_before:
        problem = _BEFORE_SIGNER
    elif token.gen_time > certificate.not_after:
        problem = _AFTER_SIGNER
    if problem is not None:
        run.messages.error(problem)
    return problem


def _problem_of_signature(
    flaws: Mapping[TokenFlaw, TokenProblem], tsa: bytes | None, token: Token, settings: Settings, now: datetime
) -> str | None:
    for flaw, text in _OF_SIGNATURE.items():
        if flaw is TokenFlaw.EXTENDED_KEY_USAGE and tsa is not None:
            trust = settings.trust.with_untrusted(token.certificates)
            if chain.verdict(tsa, trust, now, check_crl=False) is not None:
                return _VERIFY_ERROR
        if flaw in flaws:
            return _INVALID_PADDING if flaw is TokenFlaw.SIGNATURE and _is_rsa(tsa) else text
    return None


def _is_rsa(tsa: bytes | None) -> bool:
    certificate = None if tsa is None else read_certificate(tsa)
    return certificate is not None and certificate.key_type is KeyType.RSA


_INVALID_PADDING = "invalid padding"
"""What OpenSSL nearly always finds first in an RSA signature that is none."""


def _first(flaws: Mapping[TokenFlaw, TokenProblem], texts: Mapping[TokenFlaw, str]) -> str | None:
    return next((text for flaw, text in texts.items() if flaw in flaws), None)


def _oddities(selected: Selected, token: Token, settings: Settings, now: datetime) -> tuple[str, ...]:
    """What dcmsign does not look at in a timestamp that it calls good."""
    found = []
    if token.gen_time > now:
        found.append("the timestamp is dated in the future")
    text = selected.signature.digital_signature_datetime
    try:
        signed_at = moment(text or "")
    except IllegalDate:
        signed_at = None
    if signed_at is not None and f"{token.gen_time:%Y%m%d}" < signed_at[:8] and _is_a_day_before(token, signed_at):
        found.append("the timestamp is older than the signature claims to be")
    return (*found, *_revoked_authority(token, settings, now))


def _is_a_day_before(token: Token, signed_at: str) -> bool:
    """Whether more than a day lies between: the offset of the signature's own time is not looked at."""
    return (datetime.strptime(signed_at, "%Y%m%d%H%M%S") - token.gen_time.replace(tzinfo=None)).days >= 1  # noqa: DTZ007


def _revoked_authority(token: Token, settings: Settings, now: datetime) -> Sequence[str]:
    from sealgate.timestamp.check import signer_certificate

    tsa = signer_certificate(token, settings.trust.untrusted)
    if tsa is None or not settings.trust.check_crl:
        return ()
    verdict = chain.verdict(tsa, settings.trust.with_untrusted(token.certificates), now, check_crl=True)
    return ("the certificate of the time stamping authority is revoked",) if verdict == _REVOKED else ()


_REVOKED = "certificate revoked"
