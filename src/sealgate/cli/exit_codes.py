"""Exit codes of `sealgate`, the same for every command. Where dcmsign has a code for the same thing, it is that one."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import Final

from sealgate.errors import (
    AssociationRejected,
    CannotSign,
    ConfigurationError,
    ContextRefused,
    ConversionImpossible,
    InputError,
    KeyUnusable,
    NetworkError,
    OperationRefused,
    SealgateError,
    SignatureNotFound,
    StorageError,
    TimestampError,
    TimestampNotStorable,
    TimestampPart,
    TimestampUnreadable,
    UnwritableFile,
    WorkerLost,
)


class ExitCode(IntEnum):
    """What the exit code of a command tells a script."""

    OK = 0
    """Done; for `verify`: every signature is valid."""
    USAGE = 1
    """The command line is wrong."""
    CONFIGURATION = 2
    """The configuration is wrong or does not fit this machine."""
    UNREADABLE = 20
    """An input file cannot be read, or is not the DICOM file that it should be."""
    KEY = 22
    """A key, a certificate or a password does not serve."""
    TIMESTAMP_QUERY = 31
    """A timestamp query cannot be read."""
    TIMESTAMP_RESPONSE = 32
    """A timestamp response cannot be read."""
    UID_FILE = 33
    """A UID file cannot be read, or holds no UID."""
    OUTPUT = 40
    """An output file cannot be written."""
    PEER = 50
    """A DICOM node cannot be reached, or the association with it broke."""
    REFUSED = 51
    """A DICOM node refused the association, or an instance."""
    STORAGE = 60
    """The data directory, the database or the gateway that owns them does not serve."""
    NOT_POSSIBLE = 61
    """What was asked of the queue does not fit the state it is in."""
    TIMESTAMP_NOT_STORED = 82
    """A timestamp does not go into its signature."""
    NO_SUCH_SIGNATURE = 84
    """No signature has the Digital Signature UID, or the file has none at all."""
    WORKER = 62
    """A process of several that worked for a command was killed; what it had in hand was not done."""
    CANNOT_SIGN = 85
    """The data set may not, or can not, be signed."""
    TIMESTAMP = 87
    """A timestamp was refused, or it is for something else, or it is not what RFC 3161 demands."""
    UNSIGNED = 100
    """`verify`: a file without any signature."""
    INVALID = 101
    """`verify`: a signature that is invalid, or that could not be judged."""
    REQUIREMENT = 102
    """`verify`: a requirement (--require-...) is not met, although no signature is invalid."""
    QUESTIONABLE = 103
    """`verify`: the signatures are good, but what a reader sees is not all protected, or something is odd."""


# The first class that fits decides, so a leaf stands before its parent.
_CODES: Final = (
    (TimestampNotStorable, ExitCode.TIMESTAMP_NOT_STORED),
    (TimestampError, ExitCode.TIMESTAMP),
    (SignatureNotFound, ExitCode.NO_SUCH_SIGNATURE),
    (KeyUnusable, ExitCode.KEY),
    (InputError, ExitCode.UNREADABLE),
    (CannotSign, ExitCode.CANNOT_SIGN),
    (ConfigurationError, ExitCode.CONFIGURATION),
    (AssociationRejected, ExitCode.REFUSED),
    (ContextRefused, ExitCode.REFUSED),
    (NetworkError, ExitCode.PEER),
    (OperationRefused, ExitCode.NOT_POSSIBLE),
    (ConversionImpossible, ExitCode.OUTPUT),
    (UnwritableFile, ExitCode.OUTPUT),
    (StorageError, ExitCode.STORAGE),
    (WorkerLost, ExitCode.WORKER),
)


_UNREADABLE_PARTS: Final = {
    TimestampPart.QUERY: ExitCode.TIMESTAMP_QUERY,
    TimestampPart.RESPONSE: ExitCode.TIMESTAMP_RESPONSE,
    TimestampPart.TOKEN: ExitCode.TIMESTAMP,
    TimestampPart.UID_FILE: ExitCode.UID_FILE,
    TimestampPart.UID: ExitCode.UID_FILE,
}


_GRAVITY: Final = (
    *sorted(code for code in ExitCode if 0 < code < ExitCode.UNSIGNED),
    ExitCode.INVALID,
    ExitCode.REQUIREMENT,
    ExitCode.UNSIGNED,
    ExitCode.QUESTIONABLE,
)
"""From the gravest to the best: what could not be done, by its number, comes before what was found out."""


def gravest(codes: Iterable[ExitCode]) -> ExitCode:
    """The exit code of a command over several files: the worst wins."""
    occurring = set(codes)
    return next((code for code in _GRAVITY if code in occurring), ExitCode.OK)


def exit_code_of(error: SealgateError) -> ExitCode:
    """The exit code for an error that ends a command."""
    if isinstance(error, TimestampUnreadable):
        return _UNREADABLE_PARTS[error.part]
    for kind, code in _CODES:
        if isinstance(error, kind):
            return code
    return ExitCode.USAGE
