"""Certification path of a signer or of a TSA (RFC 5280 section 6) at a proven moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from sealgate.errors import TrustFileUnusable, UnreadableFile
from sealgate.trust.findings import Finding, KeyPurpose
from sealgate.trust.revocation import Revocation, RevocationResult, RevocationStatus, check_revocation
from sealgate.trust.store import TrustStore

if TYPE_CHECKING:
    from cryptography import x509

    from sealgate.trust.building import CandidatePath

MAX_OTHER_CERTIFICATES: Final = 50
"""Certificates out of a token or file that help to build a path; what comes behind them is not looked at."""

MAX_CERTIFICATE_BYTES: Final = 64 << 10
"""A certificate that is judged or helps; real ones have 1 to 4 kB."""

_KEPT_PATHS: Final = 256
"""Paths of which the decoded certificates are kept."""

_MAX_SENTENCE = 300


class PathStatus(Enum):
    """What the validation of a path came to. Only VALID is good; revocation is a status of its own."""

    VALID = "valid"
    NO_ANCHORS = "no trust anchors were given"
    NOT_FOUND = "no path leads to a trust anchor"
    EXPIRED = "a certificate of the path has expired"
    NOT_YET_VALID = "a certificate of the path is not yet valid"
    INVALID = "the path breaks a rule of RFC 5280"
    STORE_UNUSABLE = "what trust rests on cannot be read"


@dataclass(frozen=True, slots=True, kw_only=True)
class PathResult:
    """Status of a path, with a sentence about this case."""

    status: PathStatus
    text: str
    path: tuple[bytes, ...] = ()
    """DER from the certificate itself to the trust anchor; empty where none keeps the rules.

    So the addresses in its certificates are those that trusted authorities wrote there.
    """
    revocation: RevocationResult
    findings: tuple[Finding, ...] = ()
    """What is weak or odd about the certificates; it leaves the status as it is."""

    @property
    def trusted(self) -> bool:
        """Whether the path is valid and nothing in it is revoked, nor could be for want of an answer."""
        unproven = (RevocationStatus.REVOKED, RevocationStatus.UNKNOWN)
        return self.status is PathStatus.VALID and self.revocation.status not in unproven


def validate_path(
    certificate: bytes,
    store: TrustStore,
    at: datetime,
    *,
    purpose: KeyPurpose = KeyPurpose.SIGNING,
    other_certificates: Sequence[bytes] = (),
    revocation: Revocation = Revocation.IF_GIVEN,
) -> PathResult:
    """Find and validate a path from the DER `certificate` to an anchor of `store` at the moment `at` (aware).

    `other_certificates` (DER, trusted for nothing) help to find it. Whatever breaks the path at every moment, a forged
    signature above all, is INVALID before dates are looked at. Never raises for what certificates, CRLs and OCSP
    responses contain.
    """
    try:
        return _validated(certificate, store, at.astimezone(UTC), purpose, tuple(other_certificates), revocation)
    except (TrustFileUnusable, UnreadableFile) as error:
        return _without_path(PathStatus.STORE_UNUSABLE, str(error))
    except Exception as error:  # noqa: BLE001
        # The libraries decode lazily and assert what a forger may have made otherwise: a damaged certificate shows
        # wherever it is touched, as AssertionError, AttributeError, NotImplementedError or any other error.
        text = f"a certificate of the path cannot be decoded ({type(error).__name__}: {error})"
        return _without_path(PathStatus.INVALID, text)


def _validated(
    certificate: bytes,
    store: TrustStore,
    at: datetime,
    purpose: KeyPurpose,
    others: tuple[bytes, ...],
    revocation: Revocation,
) -> PathResult:
    if len(certificate) > MAX_CERTIFICATE_BYTES:
        return _without_path(
            PathStatus.INVALID, f"the certificate has more than {MAX_CERTIFICATE_BYTES >> 10} KiB, as no real one has"
        )
    if not store:
        return _without_path(PathStatus.NO_ANCHORS, "no trust anchors were given, so the signer is unknown")
    from sealgate.trust.building import candidate_paths, gathered

    crls = revocation is not Revocation.NONE
    helping = tuple(one for one in others[:MAX_OTHER_CERTIFICATES] if len(one) <= MAX_CERTIFICATE_BYTES)
    whole = gathered(store, certificate, helping, crls=crls)
    candidates = candidate_paths(certificate, whole.anchors, whole.intermediates)
    if not candidates:
        return _without_path(PathStatus.NOT_FOUND, _nobody_known(certificate))
    results = []
    for candidate in candidates:
        if candidate.problem is not None:
            break  # they come last
        result = _judged(candidate, whole, at, purpose, revocation)
        if result.trusted:
            return result
        results.append(result)
    if not results:
        assert candidates[0].problem is not None
        return _without_path(PathStatus.INVALID, candidates[0].problem)
    return next((result for result in results if result.status is PathStatus.VALID), results[0])


def _judged(
    candidate: CandidatePath, store: TrustStore, at: datetime, purpose: KeyPurpose, revocation: Revocation
) -> PathResult:
    """What a path that keeps all other rules comes to at a moment."""
    certificates, findings = _decoded(candidate.certificates, purpose)
    status, text = _dates(certificates, at)
    return PathResult(
        status=status,
        text=text[:_MAX_SENTENCE],
        path=candidate.certificates,
        revocation=check_revocation(certificates, store, at, purpose=purpose, extent=revocation),
        findings=findings,
    )


@lru_cache(maxsize=_KEPT_PATHS)
def _decoded(path: tuple[bytes, ...], purpose: KeyPurpose) -> tuple[tuple[x509.Certificate, ...], tuple[Finding, ...]]:
    """The certificates of a path, and what is weak or odd about them at any moment."""
    from cryptography import x509

    from sealgate.trust.algorithms import weak_algorithms
    from sealgate.trust.usage import usage_findings

    certificates = tuple(x509.load_der_x509_certificate(one) for one in path)
    return certificates, (*usage_findings(certificates[0], purpose), *weak_algorithms(certificates, purpose))


def _dates(certificates: Sequence[x509.Certificate], at: datetime) -> tuple[PathStatus, str]:
    """Whether every certificate, the trust anchor too, is within its validity period at `at`."""
    for number, certificate in enumerate(certificates):
        begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        who = "the certificate" if number == 0 else f"the issuer {certificate.subject.rfc4514_string()}"
        if at > ends:
            return PathStatus.EXPIRED, f"at {at:%F %T} UTC {who} had expired; it was valid until {ends:%F %T} UTC"
        if at < begins:
            text = f"at {at:%F %T} UTC {who} was not yet valid; it is valid from {begins:%F %T} UTC"
            return PathStatus.NOT_YET_VALID, text
    anchor = certificates[-1].subject.rfc4514_string()
    return PathStatus.VALID, f"a valid path leads to the trust anchor {anchor}"


def _nobody_known(certificate: bytes) -> str:
    from cryptography import x509

    parsed = x509.load_der_x509_certificate(certificate)
    if parsed.subject == parsed.issuer:
        return "the certificate is self-signed and none of the trust anchors"
    return f"no path leads from its issuer {parsed.issuer.rfc4514_string()} to a trust anchor"


def _without_path(status: PathStatus, text: str) -> PathResult:
    unchecked = RevocationResult(
        status=RevocationStatus.NOT_CHECKED, text="revocation was not checked, since there is no valid path"
    )
    sentence = " ".join(text.split())[:_MAX_SENTENCE]
    return PathResult(status=status, text=sentence, revocation=unchecked)
