"""Exit codes of `sealgate`, the same for every command. Where dcmsign has a code for the same thing, it is that one."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from sealgate.errors import (
    AssociationRejected,
    CannotSign,
    ConfigurationError,
    ContextRefused,
    InputError,
    KeyUnusable,
    NetworkError,
    OperationRefused,
    SealgateError,
    StorageError,
    UnwritableFile,
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
    CANNOT_SIGN = 85
    """The data set may not, or can not, be signed."""
    UNSIGNED = 100
    """`verify`: a file without any signature."""
    INVALID = 101
    """`verify`: a signature that is invalid, or that could not be judged."""


# The first class that fits decides, so a leaf stands before its parent.
_CODES: Final = (
    (KeyUnusable, ExitCode.KEY),
    (InputError, ExitCode.UNREADABLE),
    (CannotSign, ExitCode.CANNOT_SIGN),
    (ConfigurationError, ExitCode.CONFIGURATION),
    (AssociationRejected, ExitCode.REFUSED),
    (ContextRefused, ExitCode.REFUSED),
    (NetworkError, ExitCode.PEER),
    (OperationRefused, ExitCode.NOT_POSSIBLE),
    (UnwritableFile, ExitCode.OUTPUT),
    (StorageError, ExitCode.STORAGE),
)


def exit_code_of(error: SealgateError) -> ExitCode:
    """The exit code for an error that ends a command."""
    for kind, code in _CODES:
        if isinstance(error, kind):
            return code
    return ExitCode.USAGE
