"""Exit codes of dcmsign, by the names that its manual page gives them."""

from __future__ import annotations

from enum import IntEnum


class Code(IntEnum):
    """What the exit code says."""

    NO_ERROR = 0
    COMMANDLINE_SYNTAX_ERROR = 1
    CANNOT_READ_INPUT_FILE = 20
    """Also of a certificate or a private key."""
    NO_INPUT_FILES = 21
    """The name of the input is empty."""
    CANNOT_READ_TAG_FILE = 30
    CANNOT_READ_TSQ_FILE = 31
    CANNOT_READ_TSR_FILE = 32
    CANNOT_READ_UID_FILE = 33
    CANNOT_WRITE_OUTPUT_FILE = 40
    CANNOT_WRITE_SUPPORT_FILE = 46
    CANNOT_ACCESS_SIGNATURE = 80
    CANNOT_ACCESS_TS = 81
    CANNOT_INSERT_TS = 82
    SIGNATURE_REMOVAL_FAILED = 83
    SIGNATURE_UID_NOT_FOUND = 84
    SIGNATURE_CREATION_FAILED = 85
    SYNTAX_ERROR_IN_TAG_FILE = 86
    TS_CONSISTENCY_CHECK_FAILED = 87
    NO_SIGNATURES_PRESENT = 100
    SIGNATURE_VERIFICATION_FAILED = 101
    SIGNATURE_VERIFICATION_POLICY = 102


class Ended(Exception):
    """The run ends with `code`; what there was to say has been said."""

    def __init__(self, code: Code) -> None:
        super().__init__(code)
        self.code = code
