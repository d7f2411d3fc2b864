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
    │   ├── SignatureSequencesUnusable  existing signature sequences cannot be extended
    │   ├── MacIdNumbersUsedUp        all 65,536 MAC ID Numbers are taken
    │   └── LengthOverflow            an explicit length would reach FFFFFFFF
    ├── KeyUnusable                   key, certificate or password do not serve
    ├── ConfigurationError            configuration or command line is wrong
    ├── OperationRefused              what an operator asked for does not fit the state of the queue
    ├── StoreRefused                  we do not take an instance; becomes the status of a C-STORE response
    ├── NetworkError                  a peer, or the way to it, failed
    │   ├── ConnectionFailed          no TCP connection or no TLS session
    │   ├── AssociationRejected       A-ASSOCIATE-RJ, or no presentation context accepted
    │   ├── ContextRefused            the peer does not take this SOP class in this transfer syntax
    │   ├── AssociationAborted        A-ABORT, or the transport connection was closed
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
        super().__init__(f"transfer syntax {transfer_syntax_uid or '(none)'} is not known")
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
    """The signature sequences that are already there cannot be extended."""


class MacIdNumbersUsedUp(CannotSign):
    """All 65,536 MAC ID Numbers of the carrier are taken."""


class LengthOverflow(CannotSign):
    """An explicit Value Length would reach FFFFFFFF."""


class KeyUnusable(SealgateError):
    """A key, certificate or password does not serve its purpose."""


class ConfigurationError(SealgateError):
    """The configuration or the command line is wrong."""


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

    @property
    def transient(self) -> bool:
        """Whether the peer said that a later try may succeed (result 2 of PS3.8 table 9-21)."""
        return self.result == 2


class ContextRefused(NetworkError):
    """The peer did not accept the presentation context that an instance needs; others of the association may serve."""

    def __init__(self, peer: str, sop_class_uid: str, transfer_syntax_uid: str) -> None:
        super().__init__(f"{peer} does not take SOP class {sop_class_uid} in transfer syntax {transfer_syntax_uid}")
        self.sop_class_uid = sop_class_uid
        self.transfer_syntax_uid = transfer_syntax_uid


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
