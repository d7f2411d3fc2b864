"""What a verification found: numbered facts for each signature, an outcome with its reasons, and the coverage."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from sealgate.signature.check import Problem
from sealgate.signature.reasons import Reason, Severity


class Step(IntEnum):
    """The ladder of facts; the numbers are the same in the code of `verify` and in reports."""

    STRUCTURE = 1
    MAC = 2
    SIGNER = 3
    DATES = 4
    PATH = 5
    REVOCATION = 6
    COVERAGE = 7


class Status(StrEnum):
    """What one fact says."""

    PASSED = "passed"
    WARNING = "warning"
    FAILED = "failed"
    NOT_CHECKED = "not checked"


class Outcome(StrEnum):
    """Outcome of a signature (the first three) or of a data set."""

    VALID = "valid"
    INDETERMINATE = "indeterminate"
    INVALID = "invalid"
    UNSIGNED = "unsigned"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One numbered fact about a signature."""

    step: Step
    status: Status
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureReport:
    """Everything that was found about one signature."""

    location: str
    digital_signature_uid: str | None
    digital_signature_datetime: str | None
    mac_algorithm: str | None
    signer: str | None
    """Subject of the signer's certificate (RFC 4514)."""
    signer_certificate: bytes | None
    """DER of the signer's certificate."""
    outcome: Outcome
    reasons: tuple[Reason, ...]
    facts: tuple[Fact, ...]
    data_elements_signed: tuple[int, ...]
    unsigned_elements: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSetReport:
    """Reports of all signatures of a data set, in the order in which they were found."""

    signatures: tuple[SignatureReport, ...]

    @property
    def outcome(self) -> Outcome:
        """The gravest outcome of its signatures; UNSIGNED without any."""
        if not self.signatures:
            return Outcome.UNSIGNED
        outcomes = {signature.outcome for signature in self.signatures}
        return next(o for o in (Outcome.INVALID, Outcome.INDETERMINATE, Outcome.VALID) if o in outcomes)


def outcome_of(problems: list[Problem]) -> Outcome:
    """Outcome of a signature with these problems."""
    gravest = max((problem.reason.severity for problem in problems), default=Severity.WARNING)
    return {
        Severity.WARNING: Outcome.VALID,
        Severity.INDETERMINATE: Outcome.INDETERMINATE,
        Severity.INVALID: Outcome.INVALID,
    }[gravest]


def fact(step: Step, problems: list[Problem], passed: str) -> Fact:
    """The fact of a step: the sentence `passed`, or what the problems say."""
    if not problems:
        return Fact(step=step, status=Status.PASSED, text=passed)
    only_warnings = all(problem.reason.severity is Severity.WARNING for problem in problems)
    text = "; ".join(problem.text for problem in problems)
    return Fact(step=step, status=Status.WARNING if only_warnings else Status.FAILED, text=text)
