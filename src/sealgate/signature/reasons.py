"""Why a signature is not simply valid: stable codes, each with what it does to the outcome."""

from __future__ import annotations

from enum import IntEnum, StrEnum


class Severity(IntEnum):
    """What a reason does to the outcome of a signature."""

    WARNING = 0
    """Worth knowing; the outcome stays."""
    INDETERMINATE = 1
    """Something could not be checked: neither valid nor invalid."""
    INVALID = 2
    """The signature is not good."""


class Reason(StrEnum):
    """Stable codes; new ones may come, none changes its meaning."""

    SIGNATURE_SEQUENCES_MALFORMED = "signature-sequences-malformed"
    MAC_PARAMETERS_MISSING = "mac-parameters-missing"
    MAC_PARAMETERS_AMBIGUOUS = "mac-parameters-ambiguous"
    MAC_ALGORITHM_UNKNOWN = "mac-algorithm-unknown"
    MAC_TRANSFER_SYNTAX_UNUSABLE = "mac-transfer-syntax-unusable"
    DATA_ELEMENTS_SIGNED_MISSING = "data-elements-signed-missing"
    SIGNATURE_VALUE_MISSING = "signature-value-missing"
    CERTIFICATE_MISSING = "certificate-missing"
    CERTIFICATE_UNREADABLE = "certificate-unreadable"
    ELEMENT_NOT_SIGNABLE = "element-not-signable"
    DUPLICATE_ELEMENT = "duplicate-element"
    MAC_MISMATCH = "mac-mismatch"
    DCMTK_TRUNCATED_STREAM = "dcmtk-truncated-stream"
    DATETIME_MISSING = "datetime-missing"
    DATETIME_UNREADABLE = "datetime-unreadable"
    SIGNED_OUTSIDE_CERTIFICATE_VALIDITY = "signed-outside-certificate-validity"
    SIGNED_AFTER_VALIDATION_TIME = "signed-after-validation-time"
    PATH_INVALID = "path-invalid"

    NO_TRUST_ANCHORS = "no-trust-anchors"
    PATH_NOT_FOUND = "path-not-found"
    CERTIFICATE_EXPIRED = "certificate-expired"
    CERTIFICATE_NOT_YET_VALID = "certificate-not-yet-valid"

    WEAK_KEY = "weak-key"
    WEAK_MAC_ALGORITHM = "weak-mac-algorithm"
    MAC_TRANSFER_SYNTAX_FORBIDDEN = "mac-transfer-syntax-forbidden"
    LISTED_ELEMENT_ABSENT = "listed-element-absent"
    DATETIME_WITHOUT_OFFSET = "datetime-without-offset"
    UNSIGNABLE_IN_SIGNATURE_ITEM = "unsignable-in-signature-item"

    @property
    def severity(self) -> Severity:
        """What the reason does to the outcome."""
        if self in _WARNINGS:
            return Severity.WARNING
        return Severity.INDETERMINATE if self in _INDETERMINATE else Severity.INVALID


_INDETERMINATE = frozenset(
    (Reason.NO_TRUST_ANCHORS, Reason.PATH_NOT_FOUND, Reason.CERTIFICATE_EXPIRED, Reason.CERTIFICATE_NOT_YET_VALID)
)
_WARNINGS = frozenset(
    (
        Reason.WEAK_KEY,
        Reason.WEAK_MAC_ALGORITHM,
        Reason.MAC_TRANSFER_SYNTAX_FORBIDDEN,
        Reason.LISTED_ELEMENT_ABSENT,
        Reason.DATETIME_WITHOUT_OFFSET,
    )
)
