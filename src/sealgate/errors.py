"""Every error that Sealgate raises on purpose, as one tree that says whose fault it is.

    SealgateError
    ├── InputError                    the bytes we were given are wrong (their fault)
    │   ├── UnreadableFile            a path cannot be opened or read
    │   ├── NotDicom                  neither a Part 10 file nor a bare data set
    │   ├── MalformedDataSet          the encoding breaks PS3.5 at an offset
    │   │   └── Truncated             an element, item or fragment reaches beyond the end
    │   ├── LimitExceeded             well formed, but beyond a named limit
    │   └── UnknownTransferSyntax     no rule says how the data set is encoded
    ├── CannotSign                    the data set is readable, but may or can not be signed
    │   ├── NothingSignable           no element of the carrier may be signed
    │   ├── ElementNotSignable        a requested element is present, but may not be signed
    │   ├── ElementAbsent             a requested element is not in the carrier
    │   ├── DuplicateElement          one tag stands twice in a data set or item
    │   ├── SignatureSequencesUnusable  signature sequences are too damaged to be extended or cut
    │   ├── MacIdNumbersUsedUp        all 65,536 MAC ID Numbers are taken
    │   ├── LocationNotFound          the data set has no item at a given location
    │   ├── ProfileNotMet             the data set, the key or the choice of elements does not fit the profile
    │   └── LengthOverflow            an explicit length would reach FFFFFFFF
    ├── TimestampError                a certified timestamp (RFC 3161) cannot be had, or does not serve
    │   ├── TimestampUnreadable       a query, response, token or UID file is not what it should be
    │   ├── TimestampRefused          the Time Stamping Authority did not grant a timestamp
    │   ├── TimestampMismatch         the response is for another query, or for another signature
    │   ├── TimestampInvalid          the token is not what RFC 3161 demands of one
    │   └── TimestampNotStorable      the signature item cannot take the token
    ├── ConversionImpossible          the data set cannot be written in that transfer syntax
    ├── KeyUnusable                   key, certificate or password do not serve
    │   └── TrustFileUnusable         trust anchors, CRLs or OCSP responses cannot be read
    ├── SignatureNotFound             no signature of the data set has the Digital Signature UID
    ├── ConfigurationError            configuration or command line is wrong
    │   └── LocationInvalid           the written location of an item cannot be read
    ├── WorkerLost                    a process of several that worked for a command was killed
    ├── OperationRefused              what an operator asked for does not fit the state of the queue
    ├── StoreRefused                  we do not take an instance; becomes the status of a C-STORE response
    ├── NetworkError                  a peer, or the way to it, failed
    │   ├── ConnectionFailed          no TCP connection or no TLS session
    │   ├── AssociationRejected       A-ASSOCIATE-RJ, or no presentation context accepted
    │   ├── ContextRefused            the peer does not take this SOP class in this transfer syntax
    │   ├── AssociationAborted        A-ABORT, or the transport connection was closed
    │   ├── TimestampAuthorityRefused  a Time Stamping Authority answered over HTTP, but with no timestamp response
    │   ├── DeadlineExceeded          a peer took longer than a named limit
    │   └── ProtocolViolation         a PDU or command set breaks PS3.7 or PS3.8
    └── StorageError                  the disk or the database under us failed
        ├── UnwritableFile            a path cannot be created or written
        ├── StorageFull               no space left
        ├── DataDirectoryInUse        another gateway owns the data directory
        ├── GatewaySilent             the gateway that owns the data directory does not answer an operator
        └── PayloadDamaged            bytes on disk are not the bytes that were committed

An error carries its values as attributes and formats itself as one sentence that a PACS administrator can act on.
A programming error of ours is a RuntimeError, never one of these.
"""

from __future__ import annotations

from enum import StrEnum


class SealgateError(Exception):
    """Root of all errors that Sealgate raises on purpose; str() is one sentence."""


class InputError(SealgateError):
    """The bytes that were given are wrong."""


class UnreadableFile(InputError):
    """A path cannot be opened or read."""

    def __init__(self, path: object, reason: str) -> None:
        super().__init__(f"cannot read {path}: {reason}")
        self.path = path
        self.reason = reason


class NotDicom(InputError):
    """Neither a Part 10 file (PS3.10) nor a bare data set."""


class MalformedDataSet(InputError):
    """The encoding breaks PS3.5 at `offset` bytes from the start of the data set."""

    def __init__(self, reason: str, offset: int) -> None:
        super().__init__(f"at offset {offset}, {reason}")  # where comes first: a C-STORE comment holds 64 characters
        self.reason = reason
        self.offset = offset


class Truncated(MalformedDataSet):
    """Something needs `needed` bytes at `offset`, but only `available` are there."""

    def __init__(self, what: str, offset: int, needed: int, available: int) -> None:
        super().__init__(f"{what} needs {needed} bytes, but only {available} are there", offset)
        self.needed = needed
        self.available = available


class LimitExceeded(InputError):
    """The input is beyond a named limit."""

    def __init__(self, what: str, value: int, limit: int) -> None:
        super().__init__(f"{what}: {value} is more than the limit of {limit}")
        self.what = what
        self.value = value
        self.limit = limit


class UnknownTransferSyntax(InputError):
    """No rule says how a data set in this transfer syntax is encoded."""

    def __init__(self, transfer_syntax_uid: str) -> None:
        # What is no UID may be anything, and has no place in a sentence.
        is_uid = all(character in "0123456789." for character in transfer_syntax_uid)
        shown = (transfer_syntax_uid or "(none)") if is_uid else "(no UID)"
        super().__init__(f"transfer syntax {shown} is not known")
        self.transfer_syntax_uid = transfer_syntax_uid


class CannotSign(SealgateError):
    """The data set is readable, but may not or can not be signed."""


class NothingSignable(CannotSign):
    """No element of the carrier may be signed (PS3.3 C.12.1.1.3.1.1)."""


class ElementNotSignable(CannotSign):
    """A requested element is present, but may not be signed."""


class ElementAbsent(CannotSign):
    """A requested element is not in the carrier."""


class DuplicateElement(CannotSign):
    """One tag stands twice in a data set or item, so readers would not agree on its value."""


class SignatureSequencesUnusable(CannotSign):
    """The signature sequences that are already there are too damaged to be extended, or to be cut one by one."""


class MacIdNumbersUsedUp(CannotSign):
    """All 65,536 MAC ID Numbers of the carrier are taken."""


class LocationNotFound(CannotSign):
    """The data set has no item at `location`: `tag` is the sequence at which the way ends.

    `items` is the number of items there, where that is too small for item `number`.
    """

    def __init__(
        self,
        location: object,
        tag: int,
        reason: str,
        *,
        is_sequence: bool = True,
        items: int | None = None,
        number: int | None = None,
    ) -> None:
        super().__init__(f"there is no item {location}: {reason}")
        self.tag = tag
        self.is_sequence = is_sequence
        self.items = items
        self.number = number


class ProfileNotMet(CannotSign):
    """A signature would not be one of the Digital Signature Profile that is asked for (PS3.15 annex C)."""

    def __init__(self, sentence: str, *, shortfall: str) -> None:
        super().__init__(sentence)
        self.shortfall = shortfall


class LengthOverflow(CannotSign):
    """An explicit Value Length would reach FFFFFFFF."""


class TimestampPart(StrEnum):
    """What of a certified timestamp is meant."""

    QUERY = "timestamp query"
    RESPONSE = "timestamp response"
    TOKEN = "timestamp token"  # noqa: S105
    UID_FILE = "UID file"
    UID = "Digital Signature UID of the UID file"
    """The file is a DICOM file, but it holds no such UID."""


class Mismatch(StrEnum):
    """In what a timestamp response does not fit; stable codes, in the order in which they are looked for."""

    VERSION = "version"
    QUERY_IMPRINT_ALGORITHM = "query-imprint-algorithm"
    QUERY_IMPRINT_LENGTH = "query-imprint-length"
    QUERY_IMPRINT = "query-imprint"
    NONCE_MISSING = "nonce-missing"
    NONCE = "nonce"
    POLICY = "policy"
    SIGNATURE_VALUE = "signature-value"
    CERTIFICATE = "certificate"
    IMPRINT_ALGORITHM = "imprint-algorithm"
    IMPRINT_LENGTH = "imprint-length"
    IMPRINT = "imprint"


class TimestampError(SealgateError):
    """A certified timestamp (RFC 3161) cannot be had, or does not serve."""


class TimestampUnreadable(TimestampError):
    """A query, response, token or UID file is not what it should be; `part` says which of them."""

    def __init__(self, part: TimestampPart, reason: str) -> None:
        super().__init__(f"the {part} cannot be read: {reason}")
        self.part = part
        self.reason = reason


class TimestampRefused(TimestampError):
    """The Time Stamping Authority gave no timestamp: PKIStatus, its texts, failures in words (RFC 3161 2.4.2)."""

    def __init__(self, status: int, status_text: str, texts: tuple[str, ...], failures: tuple[str, ...]) -> None:
        reasons = "; ".join((*failures, *texts)) or "it gave no reason"
        super().__init__(f"the Time Stamping Authority gave no timestamp ({status_text}): {reasons}")
        self.status = status
        self.status_text = status_text
        self.texts = texts
        self.failures = failures


class TimestampMismatch(TimestampError):
    """The response is for another query, or for another signature; `mismatch` says in what."""

    def __init__(self, mismatch: Mismatch, sentence: str) -> None:
        super().__init__(sentence)
        self.mismatch = mismatch


class TimestampInvalid(TimestampError):
    """The token is not what RFC 3161 demands of one; `flaws` are the codes of `sealgate.timestamp.flaws`."""

    def __init__(self, sentence: str, flaws: tuple[str, ...]) -> None:
        super().__init__(sentence)
        self.flaws = flaws


class TimestampNotStorable(TimestampError):
    """The signature item cannot take the token."""


class ConversionImpossible(SealgateError):
    """The data set cannot be written in a transfer syntax: pixel data would have to be compressed or decompressed."""

    def __init__(self, source_uid: str, target_uid: str, reason: str) -> None:
        super().__init__(f"transfer syntax {source_uid} cannot be converted to {target_uid}: {reason}")
        self.source_uid = source_uid
        self.target_uid = target_uid


class KeyUnusable(SealgateError):
    """A key, certificate or password does not serve its purpose."""


class SignatureNotFound(SealgateError):
    """No signature of the data set has the Digital Signature UID."""

    def __init__(self, digital_signature_uid: str) -> None:
        super().__init__(f"the data set has no signature with the Digital Signature UID {digital_signature_uid}")
        self.digital_signature_uid = digital_signature_uid


class TrustFileUnusable(KeyUnusable):
    """`what`, which trust was to rest on, cannot be used; without it a bad signature could pass for a good one."""

    def __init__(self, what: object, reason: str) -> None:
        super().__init__(f"{what} cannot be used: {reason}")
        self.reason = reason


class ConfigurationError(SealgateError):
    """The configuration or the command line is wrong."""


_SHOWN_CHARACTERS = 200
"""What an error shows of a text that somebody wrote."""


class LocationInvalid(ConfigurationError):
    """The written location of an item cannot be read."""

    def __init__(self, text: str, reason: str, *, incomplete: bool = False, unknown_keyword: str | None = None) -> None:
        shown = repr(text) if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]!r}..."
        super().__init__(f"the location {shown} {reason}; write it like SequenceName[0].(gggg,eeee)[1]")
        self.incomplete = incomplete
        self.unknown_keyword = unknown_keyword


class WorkerLost(SealgateError):
    """A process of several that worked for a command was killed."""


class OperationRefused(SealgateError):
    """What an operator asked for does not fit the state of the queue."""


class StoreRefused(SealgateError):
    """We do not take an instance: `status` and `comment` go into the C-STORE response (PS3.4 B.2.3)."""

    def __init__(self, status: int, comment: str = "") -> None:
        super().__init__(f"C-STORE is refused with status {status:04X}: {comment or 'no comment'}")
        self.status = status
        self.comment = comment


class NetworkError(SealgateError):
    """A peer, or the way to it, failed."""


class ConnectionFailed(NetworkError):
    """No TCP connection or no TLS session."""


class AssociationRejected(NetworkError):
    """A-ASSOCIATE-RJ (PS3.8 9.3.4), or no presentation context was accepted (then result is 0)."""

    def __init__(self, sentence: str, *, result: int = 0, source: int = 0, reason: int = 0) -> None:
        super().__init__(sentence)
        self.result = result
        self.source = source
        self.reason = reason


class ContextRefused(NetworkError):
    """The peer did not accept the presentation context that an instance needs; others of the association may serve."""

    def __init__(self, peer: str, sop_class_uid: str, transfer_syntax_uid: str) -> None:
        super().__init__(f"{peer} does not take SOP class {sop_class_uid} in transfer syntax {transfer_syntax_uid}")
        self.sop_class_uid = sop_class_uid
        self.transfer_syntax_uid = transfer_syntax_uid


class TimestampAuthorityRefused(NetworkError):
    """A Time Stamping Authority answered with another HTTP status than 200, or with something else than a response."""

    def __init__(self, authority: str, http_status: int, reason: str) -> None:
        answered = f" answered with HTTP status {http_status}" if http_status not in (0, 200) else " gave no timestamp"
        super().__init__(f"{authority}{answered}: {reason}")
        self.authority = authority
        self.http_status = http_status
        self.reason = reason


class AssociationAborted(NetworkError):
    """A-ABORT (PS3.8 9.3.8), or the transport connection was closed."""


class DeadlineExceeded(NetworkError):
    """A peer took longer than a named limit."""


class ProtocolViolation(NetworkError):
    """A PDU or a command set breaks PS3.7 or PS3.8; `abort_reason` is what A-ABORT says of it (PS3.8 table 9-26)."""

    def __init__(self, sentence: str, *, abort_reason: int = 0) -> None:
        super().__init__(sentence)
        self.abort_reason = abort_reason


class StorageError(SealgateError):
    """The disk or the database under us failed."""


class UnwritableFile(StorageError):
    """A path cannot be created or written, or it exists and would be overwritten."""

    def __init__(self, path: object, reason: str) -> None:
        super().__init__(f"cannot write {path}: {reason}")
        self.path = path
        self.reason = reason


class StorageFull(StorageError):
    """No space is left on the file system."""


class DataDirectoryInUse(StorageError):
    """Another gateway owns the data directory."""


class GatewaySilent(StorageError):
    """The gateway that owns the data directory does not answer an operator at its control socket."""


class PayloadDamaged(StorageError):
    """The bytes on disk are not the bytes that were committed."""
