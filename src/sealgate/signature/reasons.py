"""Why a signature, or a signed data set, is not simply valid: stable codes, each with what it does to the outcome."""

from __future__ import annotations

from enum import IntEnum, StrEnum


class Severity(IntEnum):
    """What a reason does to an outcome."""

    WARNING = 0
    """Worth knowing; the outcome stays."""
    QUESTIONABLE = 1
    """The signature is good, but what a reader sees is not all protected, or something is odd."""
    INDETERMINATE = 2
    """Something could not be checked: neither valid nor invalid."""
    INVALID = 3
    """The signature is not good, or not what was asked for."""


class Reason(StrEnum):
    """Stable codes; new ones may come, none changes its meaning."""

    SIGNATURE_SEQUENCES_MALFORMED = "signature-sequences-malformed"
    SIGNATURE_HIDDEN = "signature-hidden"
    """What looks like a signature stands where no reader looks for one."""
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
    UNSIGNABLE_IN_SIGNATURE_ITEM = "unsignable-in-signature-item"
    DATA_IN_SIGNATURE_ITEM = "data-in-signature-item"
    """Elements stand in the signature item that enter the MAC as if they were the end of the data set."""
    MAC_MISMATCH = "mac-mismatch"
    DCMTK_TRUNCATED_STREAM = "dcmtk-truncated-stream"
    DATETIME_MISSING = "datetime-missing"
    DATETIME_UNREADABLE = "datetime-unreadable"
    SIGNED_OUTSIDE_CERTIFICATE_VALIDITY = "signed-outside-certificate-validity"
    SIGNED_AFTER_VALIDATION_TIME = "signed-after-validation-time"
    PATH_INVALID = "path-invalid"
    CERTIFICATE_REVOKED = "certificate-revoked"
    TIMESTAMP_REQUIRED = "timestamp-required"
    """A timestamp was asked for, and there is none that proves anything."""
    PROFILE_REQUIRED = "profile-required"
    """A profile was asked for, and no good signature fits it."""
    COVERAGE_REQUIRED = "coverage-required"
    """Elements were to be signed, and no good signature covers them."""

    NO_TRUST_ANCHORS = "no-trust-anchors"
    TRUST_STORE_UNUSABLE = "trust-store-unusable"
    PATH_NOT_FOUND = "path-not-found"
    CERTIFICATE_EXPIRED = "certificate-expired"
    CERTIFICATE_NOT_YET_VALID = "certificate-not-yet-valid"
    REVOCATION_UNKNOWN = "revocation-unknown"

    LISTED_ELEMENT_ABSENT = "listed-element-absent"
    VR_NOT_COVERED = "vr-not-covered"
    """The MAC is over implicit VR, so Value Representations can be exchanged."""
    UID_WITH_WHITE_SPACE = "uid-with-white-space"
    """White space inside of a signed UID does not enter the MAC, and readers see another UID."""
    FRAGMENTS_AMBIGUOUS = "fragments-ambiguous"
    """Item tags stand inside fragments of pixel data, and the fragments do not fit the frames or each other."""
    PIXEL_DATA_OF_OTHER_SYNTAX = "pixel-data-of-other-syntax"
    NESTED_ELEMENT_NOT_SIGNED = "nested-element-not-signed"
    """Elements inside of signed sequences that no MAC covers."""
    SIGNATURE_UID_TWICE = "signature-uid-twice"
    """Two signatures of one data set have the same Digital Signature UID: one was copied."""
    UNSIGNED_PAYLOAD = "unsigned-payload"
    """Bytes in elements that no MAC covers, and that should not be there or should be empty."""
    VR_UNKNOWN = "vr-unknown"
    """An element in explicit VR has no known VR, and readers differ in where its value ends."""
    ENCODING_AMBIGUOUS = "encoding-ambiguous"
    """The first element looks as if the data set were in explicit VR, which it is not."""
    VALUE_LENGTH_UNFIT = "value-length-unfit"
    """A value has a length that its VR cannot have, or that readers take for another one."""
    BREAKABLE_KEY = "breakable-key"
    KEY_USAGE_NOT_SIGNING = "key-usage-not-signing"
    EXTENDED_KEY_USAGE_NOT_SIGNING = "extended-key-usage-not-signing"
    AUTHORITY_AS_SIGNER = "authority-as-signer"
    KEY_COMPROMISED_LATER = "key-compromised-later"
    """A certificate of the path was revoked for compromise after the proven moment."""
    TIMESTAMP_UNREADABLE = "timestamp-unreadable"
    TIMESTAMP_INVALID = "timestamp-invalid"
    TIMESTAMP_NOT_TRUSTED = "timestamp-not-trusted"
    """The path of the TSA was not valid at the time of the token, or could not be checked."""
    TIMESTAMP_REVOKED = "timestamp-revoked"
    TIMESTAMP_IN_FUTURE = "timestamp-in-future"
    TIMESTAMP_BEFORE_SIGNING = "timestamp-before-signing"
    IDENTITY_NOT_SIGNED = "identity-not-signed"
    """Elements that say who and what it is (patient, study, series, instance) are there and not signed."""
    RENDERING_NOT_SIGNED = "rendering-not-signed"
    """Elements that change what a reader sees are there and not signed."""
    ITEM_CONTEXT_NOT_SIGNED = "item-context-not-signed"
    """A signature in an item is good, but nothing binds the item to this data set."""

    WEAK_KEY = "weak-key"
    WEAK_MAC_ALGORITHM = "weak-mac-algorithm"
    WEAK_PATH = "weak-path"
    """A certificate of the path has a weak key, or is signed over a weak digest."""
    WEAK_TIMESTAMP = "weak-timestamp"
    MAC_TRANSFER_SYNTAX_FORBIDDEN = "mac-transfer-syntax-forbidden"
    VALUE_PADDED = "value-padded"
    """A signed value ends in more padding than it needs; readers take it for the same value."""
    CERTIFICATE_WITH_TRAILING_BYTES = "certificate-with-trailing-bytes"
    DATETIME_WITHOUT_OFFSET = "datetime-without-offset"
    DATETIME_INCOMPLETE = "datetime-incomplete"
    PROFILE_NOT_MET = "profile-not-met"
    OLD_FORMAT = "old-format"
    """The MAC is over DCMTK's old form of encapsulated pixel data."""
    TIFF_DIRECTORY = "tiff-directory"
    """Trailing padding tells programs that read TIFF what to show; DICOM readers do not look at it."""
    SIGNATURE_OF_THE_PAST = "signature-of-the-past"
    """A signature inside Original Attributes Sequence (0400,0561); it is not verified."""
    MAC_PARAMETERS_WITHOUT_SIGNATURE = "mac-parameters-without-signature"

    @property
    def severity(self) -> Severity:
        """What the reason does to the outcome."""
        return _SEVERITIES.get(self, Severity.INVALID)


_INDETERMINATE = (
    Reason.NO_TRUST_ANCHORS,
    Reason.TRUST_STORE_UNUSABLE,
    Reason.PATH_NOT_FOUND,
    Reason.CERTIFICATE_EXPIRED,
    Reason.CERTIFICATE_NOT_YET_VALID,
    Reason.REVOCATION_UNKNOWN,
)
_QUESTIONABLE = (
    Reason.LISTED_ELEMENT_ABSENT,
    Reason.VR_NOT_COVERED,
    Reason.UID_WITH_WHITE_SPACE,
    Reason.FRAGMENTS_AMBIGUOUS,
    Reason.PIXEL_DATA_OF_OTHER_SYNTAX,
    Reason.NESTED_ELEMENT_NOT_SIGNED,
    Reason.SIGNATURE_UID_TWICE,
    Reason.UNSIGNED_PAYLOAD,
    Reason.VR_UNKNOWN,
    Reason.ENCODING_AMBIGUOUS,
    Reason.VALUE_LENGTH_UNFIT,
    Reason.BREAKABLE_KEY,
    Reason.KEY_USAGE_NOT_SIGNING,
    Reason.EXTENDED_KEY_USAGE_NOT_SIGNING,
    Reason.AUTHORITY_AS_SIGNER,
    Reason.KEY_COMPROMISED_LATER,
    Reason.TIMESTAMP_UNREADABLE,
    Reason.TIMESTAMP_INVALID,
    Reason.TIMESTAMP_NOT_TRUSTED,
    Reason.TIMESTAMP_REVOKED,
    Reason.TIMESTAMP_IN_FUTURE,
    Reason.TIMESTAMP_BEFORE_SIGNING,
    Reason.IDENTITY_NOT_SIGNED,
    Reason.RENDERING_NOT_SIGNED,
    Reason.ITEM_CONTEXT_NOT_SIGNED,
)
_WARNINGS = (
    Reason.WEAK_KEY,
    Reason.WEAK_MAC_ALGORITHM,
    Reason.WEAK_PATH,
    Reason.WEAK_TIMESTAMP,
    Reason.MAC_TRANSFER_SYNTAX_FORBIDDEN,
    Reason.VALUE_PADDED,
    Reason.CERTIFICATE_WITH_TRAILING_BYTES,
    Reason.DATETIME_WITHOUT_OFFSET,
    Reason.DATETIME_INCOMPLETE,
    Reason.PROFILE_NOT_MET,
    Reason.OLD_FORMAT,
    Reason.TIFF_DIRECTORY,
    Reason.SIGNATURE_OF_THE_PAST,
    Reason.MAC_PARAMETERS_WITHOUT_SIGNATURE,
)
_SEVERITIES = {
    **dict.fromkeys(_INDETERMINATE, Severity.INDETERMINATE),
    **dict.fromkeys(_QUESTIONABLE, Severity.QUESTIONABLE),
    **dict.fromkeys(_WARNINGS, Severity.WARNING),
}
"""What is not here makes a signature invalid: a reason that somebody forgets to place errs on the safe side."""
