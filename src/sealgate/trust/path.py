"""Certification path of a signer (RFC 5280 section 6) at a given moment, by pyhanko-certvalidator."""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any

from sealgate.trust.anchors import TrustAnchors

if TYPE_CHECKING:
    from pyhanko_certvalidator.context import ValidationContext


class PathStatus(Enum):
    """What the validation of a path came to."""

    VALID = "valid"
    NO_ANCHORS = "no trust anchors were given"
    NOT_FOUND = "no path leads to a trust anchor"
    EXPIRED = "a certificate of the path has expired"
    NOT_YET_VALID = "a certificate of the path is not yet valid"
    INVALID = "the path breaks a rule of RFC 5280"


@dataclass(frozen=True, slots=True, kw_only=True)
class PathResult:
    """Status of a path, with a sentence about this case."""

    status: PathStatus
    text: str


def _finishes(coroutine: Coroutine[Any, Any, object]) -> bool:
    """Run a coroutine that never waits, which without fetching is so: validation only calculates. False if it waits."""
    try:
        coroutine.send(None)
    except StopIteration:
        return True
    coroutine.close()
    return False


def _context(anchors: TrustAnchors, at: datetime) -> ValidationContext:
    from asn1crypto import x509 as asn1_x509
    from pyhanko_certvalidator.context import ValidationContext
    from pyhanko_certvalidator.policy_decl import (
        AcceptAllAlgorithms,
        CertRevTrustPolicy,
        RevocationCheckingPolicy,
        RevocationCheckingRule,
    )

    # The modes of the library by name accept revoked certificates in cases that its rules by name do not.
    no_check = RevocationCheckingPolicy(RevocationCheckingRule.NO_CHECK, RevocationCheckingRule.NO_CHECK)
    return ValidationContext(
        trust_roots=[asn1_x509.Certificate.load(anchor) for anchor in anchors.certificates],
        moment=at,
        time_tolerance=timedelta(0),
        allow_fetching=False,
        revinfo_policy=CertRevTrustPolicy(no_check),
        # Old signatures have old algorithms; a weak one is a fact of its own and does not make the path wrong.
        algorithm_usage_policy=AcceptAllAlgorithms(),
    )


def validate_path(certificate: bytes, anchors: TrustAnchors, at: datetime) -> PathResult:
    """Find and validate a path from the DER `certificate` to one of `anchors` at the moment `at` (aware).

    Revocation is not checked. Never raises for what the certificates contain.
    """
    if not anchors:
        return PathResult(status=PathStatus.NO_ANCHORS, text="no trust anchors were given, so the signer is unknown")
    from asn1crypto import x509 as asn1_x509
    from pyhanko_certvalidator import CertificateValidator
    from pyhanko_certvalidator.errors import (
        ExpiredError,
        NotYetValidError,
        PathBuildingError,
        PathError,
        ValidationError,
    )

    try:
        subject = asn1_x509.Certificate.load(certificate)
        validator = CertificateValidator(subject, validation_context=_context(anchors, at))
        finished = _finishes(validator.async_validate_path())
    except ExpiredError as error:
        return PathResult(status=PathStatus.EXPIRED, text=_sentence(error))
    except NotYetValidError as error:
        return PathResult(status=PathStatus.NOT_YET_VALID, text=_sentence(error))
    except PathBuildingError as error:
        return PathResult(status=PathStatus.NOT_FOUND, text=_sentence(error))
    except (ValidationError, PathError) as error:
        return PathResult(status=PathStatus.INVALID, text=_sentence(error))
    except Exception as error:  # noqa: BLE001
        # The libraries decode lazily and assert what a forger may have made otherwise: a damaged certificate shows
        # wherever it is touched, as AssertionError, AttributeError, NotImplementedError or any other error.
        text = f"a certificate of the path cannot be decoded ({type(error).__name__}: {_sentence(error)})"
        return PathResult(status=PathStatus.INVALID, text=text[:_MAX_SENTENCE])
    if not finished:
        raise RuntimeError("path validation waited for something although fetching is switched off")
    return PathResult(status=PathStatus.VALID, text="a valid path leads to a trust anchor; revocation was not checked")


_MAX_SENTENCE = 300


def _sentence(error: Exception) -> str:
    return " ".join(str(error).split())[:_MAX_SENTENCE]
