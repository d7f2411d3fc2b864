"""What can be wrong with a timestamp token: stable codes, each with a sentence about the case."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class TokenFlaw(StrEnum):
    """Stable codes, in the order in which they are looked for; new ones may come, none changes its meaning."""

    NOT_ONE_SIGNER = "not-one-signer"
    CONTENT_TYPE = "content-type"
    """The content type in the signed attributes is absent, stands twice, or is not TSTInfo; dcmsign does not look."""
    SIGNED_ATTRIBUTES = "signed-attributes"
    """The message digest in the signed attributes is absent or stands twice, or there are no signed attributes."""
    SIGNER_CERTIFICATE_MISSING = "signer-certificate-missing"
    SIGNER_CERTIFICATE_UNREADABLE = "signer-certificate-unreadable"
    EXTENDED_KEY_USAGE = "extended-key-usage"
    KEY_USAGE = "key-usage"
    SIGNING_CERTIFICATE_MISSING = "signing-certificate-missing"
    """Neither SigningCertificate nor SigningCertificateV2 is there, or one of them stands twice (RFC 5816)."""
    SIGNING_CERTIFICATE = "signing-certificate"
    """SigningCertificate or SigningCertificateV2 names another certificate (RFC 5816)."""
    DIGEST = "digest"
    """The message digest in the signed attributes is not that of TSTInfo."""
    ALGORITHM_UNSUPPORTED = "algorithm-unsupported"
    SIGNATURE = "signature"
    """The CMS signature is not one of the certificate's key."""
    VERSION = "version"
    CRITICAL_EXTENSION = "critical-extension"
    IMPRINT_ALGORITHM = "imprint-algorithm"
    IMPRINT = "imprint"
    TSA_NAME = "tsa-name"
    BEFORE_TSA_VALIDITY = "before-tsa-validity"
    AFTER_TSA_VALIDITY = "after-tsa-validity"
    WEAK_IMPRINT = "weak-imprint"
    WEAK_SIGNATURE = "weak-signature"


WARNINGS = frozenset({TokenFlaw.WEAK_IMPRINT, TokenFlaw.WEAK_SIGNATURE})
"""Flaws with which a token is still what RFC 3161 demands."""

UNKNOWABLE = frozenset({TokenFlaw.SIGNER_CERTIFICATE_MISSING, TokenFlaw.ALGORITHM_UNSUPPORTED})
"""Flaws that leave open whether the signature of the token is good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenProblem:
    """A flaw with a sentence about this case."""

    flaw: TokenFlaw
    text: str

    @property
    def is_warning(self) -> bool:
        """Whether the token is still what RFC 3161 demands."""
        return self.flaw in WARNINGS
