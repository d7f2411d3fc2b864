"""The certified timestamp of a signature (PS3.15 annex B, RFC 3161): whether it proves when the signature was there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sealgate.errors import TimestampError
from sealgate.signature.check import Problem
from sealgate.signature.keys import signature_bytes
from sealgate.signature.reasons import Reason, Severity
from sealgate.trust.findings import FindingKind, KeyPurpose
from sealgate.trust.path import PathResult, PathStatus
from sealgate.trust.revocation import RevocationStatus
from sealgate.verification.dates import CLOCK_TOLERANCE, earliest_moment
from sealgate.verification.judging import Judging, Timestamps

if TYPE_CHECKING:
    from cryptography import x509

    from sealgate.signature.model import DigitalSignature
    from sealgate.timestamp.token import Token

ValidatePath = Callable[[bytes, datetime, KeyPurpose, tuple[bytes, ...]], PathResult]
"""Validates a certificate at a moment for a purpose, with further certificates; see `trust.path.validate_path`."""


@dataclass(slots=True, kw_only=True)
class TimestampCheck:
    """What the check of a timestamp came to."""

    problems: list[Problem] = field(default_factory=list)
    passed: str = ""
    """The sentence where there are no problems."""
    checked: bool = False
    token: Token | None = None
    tsa_path: tuple[bytes, ...] = ()
    proven_at: datetime | None = None
    """The time of the token, where nothing speaks against it."""


def check_timestamp(
    signature: DigitalSignature, certificate: x509.Certificate, judging: Judging, validate: ValidatePath
) -> TimestampCheck:
    """Check the timestamp of a signature that was made with the key of `certificate`."""
    result = TimestampCheck()
    present = signature.certified_timestamp is not None
    if judging.timestamps is Timestamps.IGNORE or not present:
        result.passed = "there is no certified timestamp" if not present else "the certified timestamp was ignored"
    else:
        result.checked = True
        try:
            _check(signature, certificate, judging, validate, result)
        except TimestampError as error:
            result.problems.append(Problem(reason=Reason.TIMESTAMP_UNREADABLE, text=str(error)))
        if result.token is not None and not _grave(result.problems):
            result.proven_at = result.token.gen_time
    if judging.timestamps is Timestamps.REQUIRED and result.proven_at is None:
        what = "there is none" if not present else "the one that is there proves nothing"
        result.problems.append(
            Problem(reason=Reason.TIMESTAMP_REQUIRED, text=f"a certified timestamp is required, but {what}")
        )
    return result


def _grave(problems: Sequence[Problem]) -> bool:
    return any(problem.reason.severity is not Severity.WARNING for problem in problems)


def _check(
    signature: DigitalSignature,
    certificate: x509.Certificate,
    judging: Judging,
    validate: ValidatePath,
    result: TimestampCheck,
) -> None:
    from sealgate.timestamp.check import check_token
    from sealgate.timestamp.token import CMS_TSP, read_token

    if signature.certified_timestamp_type != CMS_TSP:
        text = f"the Certified Timestamp Type (0400,0305) is not {CMS_TSP}"
        result.problems.append(Problem(reason=Reason.TIMESTAMP_UNREADABLE, text=text))
        return
    token = result.token = read_token(signature.certified_timestamp or b"")
    value = signature_bytes(signature.signature_value or b"", certificate.public_key())
    untrusted = tuple(judging.store.intermediates)
    for flaw in check_token(token, value, untrusted=untrusted):
        reason = Reason.WEAK_TIMESTAMP if flaw.is_warning else Reason.TIMESTAMP_INVALID
        result.problems.append(Problem(reason=reason, text=f"the timestamp: {flaw.text}"))
    result.problems += _time_problems(token, signature.digital_signature_datetime, judging.now)
    tsa = _tsa_certificate(token, untrusted)
    if tsa is not None:
        path = validate(tsa, token.gen_time, KeyPurpose.TIMESTAMPING, token.certificates)
        result.tsa_path = path.path
        result.problems += _path_problems(path)
    authority = f" of {token.tsa_name}" if token.tsa_name else ""
    result.passed = f"a timestamp{authority} proves that the signature was there at {token.gen_time:%F %T} UTC"


def _tsa_certificate(token: Token, untrusted: Sequence[bytes]) -> bytes | None:
    if token.signer_certificate is not None:
        return token.signer_certificate
    from sealgate.timestamp.check import signer_certificate

    return signer_certificate(token, untrusted)


def _time_problems(token: Token, claimed: str | None, now: datetime) -> Iterator[Problem]:
    """The time of the token against the claimed time and the moment of judging."""
    tolerance = CLOCK_TOLERANCE + (token.accuracy or timedelta(0))
    if token.gen_time - now > tolerance:
        text = f"the timestamp of {token.gen_time:%F %T} UTC lies in the future"
        yield Problem(reason=Reason.TIMESTAMP_IN_FUTURE, text=text)
    signed_at = None if claimed is None else earliest_moment(claimed)
    if signed_at is not None and signed_at - token.gen_time > tolerance:
        text = f"the timestamp of {token.gen_time:%F %T} UTC is older than the signature claims to be"
        yield Problem(reason=Reason.TIMESTAMP_BEFORE_SIGNING, text=text)


_WEAK = frozenset((FindingKind.WEAK_DIGEST_IN_PATH, FindingKind.WEAK_KEY_IN_PATH))


def _path_problems(path: PathResult) -> Iterator[Problem]:
    """What the path of the TSA means for the token."""
    if path.status is not PathStatus.VALID:
        yield Problem(reason=Reason.TIMESTAMP_NOT_TRUSTED, text=f"the certificate of the TSA: {path.text}")
    elif path.revocation.status is RevocationStatus.REVOKED:
        yield Problem(reason=Reason.TIMESTAMP_REVOKED, text=f"the certificate of the TSA: {path.revocation.text}")
    elif path.revocation.status is RevocationStatus.UNKNOWN:
        yield Problem(reason=Reason.TIMESTAMP_NOT_TRUSTED, text=f"the certificate of the TSA: {path.revocation.text}")
    for finding in path.findings:
        reason = Reason.WEAK_TIMESTAMP if finding.kind in _WEAK else Reason.TIMESTAMP_INVALID
        yield Problem(reason=reason, text=f"the certificate of the TSA: {finding.text}")
