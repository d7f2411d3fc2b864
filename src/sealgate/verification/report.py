"""What a verification found: numbered facts for each signature and the data set, outcomes with reasons, coverage."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING

from sealgate.dicom.location import MAIN_DATA_SET
from sealgate.signature.check import Problem
from sealgate.signature.reasons import Reason, Severity
from sealgate.verification.coverage import Coverage

if TYPE_CHECKING:
    from sealgate.signature.purposes import WrittenPurpose
    from sealgate.timestamp.token import Token


class Step(IntEnum):
    """The ladder of facts; the numbers are the same in the code of `verify` and in reports."""

    STRUCTURE = 1
    MAC_PARAMETERS = 2
    MAC = 3
    DCMTK_STREAM = 4
    SIGNER = 5
    DATES = 6
    PATH = 7
    REVOCATION = 8
    TIMESTAMP = 9
    PROFILE = 10
    COVERAGE = 11


class Status(StrEnum):
    """What one fact says."""

    PASSED = "passed"
    WARNING = "warning"
    FAILED = "failed"
    INDETERMINATE = "indeterminate"
    """It had to be checked, and could not be."""
    NOT_CHECKED = "not-checked"


class Outcome(StrEnum):
    """Outcome of a signature (the first four) or of a data set, from the best to the gravest."""

    VALID = "valid"
    QUESTIONABLE = "questionable"
    """The signature is good, but what a reader sees is not all protected, or something is odd."""
    INDETERMINATE = "indeterminate"
    INVALID = "invalid"
    UNSIGNED = "unsigned"


GOOD = frozenset((Outcome.VALID, Outcome.QUESTIONABLE))
"""Outcomes of a signature whose signer and MAC are proven, whatever else is odd."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One numbered fact about a signature or a data set."""

    step: Step
    status: Status
    text: str
    reasons: tuple[Reason, ...] = ()
    """Codes of what is wrong; none where the fact passed."""


class Proof(StrEnum):
    """What proves the moment at which a signature is judged, from the strongest."""

    TIMESTAMP = "timestamp"
    """The time of a verified token over the signature value."""
    FIRST_RECEIPT = "first-receipt"
    """The register knows these bytes since then."""
    NONE = "none"
    """Nothing: the moment of judging itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvenMoment:
    """When a signature is known to have been there: path and revocation are judged at that moment."""

    at: datetime
    proof: Proof


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureReport:
    """Everything that was found about one signature."""

    location: str
    digital_signature_uid: str | None
    digital_signature_datetime: str | None
    mac_algorithm: str | None
    signer: str | None
    """Subject of the signer's certificate (RFC 4514)."""
    signer_certificate: bytes | None = field(repr=False)
    """DER of the signer's certificate."""
    outcome: Outcome
    reasons: tuple[Reason, ...]
    facts: tuple[Fact, ...]
    """One for each step, in the order of their numbers."""
    data_elements_signed: tuple[int, ...]
    unsigned_elements: tuple[int, ...]
    """Elements of the carrier that are there, not listed and mean something: no group lengths, padding, signatures."""
    coverage: Coverage | None = field(default=None, repr=False)
    """What of its carrier it covers; None where the signature cannot be read."""
    mac_id_number: int | None = None
    mac_calculation_transfer_syntax_uid: str | None = None
    purpose: WrittenPurpose | None = None
    proven: ProvenMoment | None = None
    """None where there is no certificate to judge."""
    path: tuple[bytes, ...] = field(default=(), repr=False)
    """DER from the signer's certificate to the trust anchor; empty where no path was found."""
    timestamp: Token | None = field(default=None, repr=False)
    """What a certified timestamp says; whether it is good is in fact 9."""
    tsa_path: tuple[bytes, ...] = field(default=(), repr=False)
    """DER from the certificate of the TSA to the trust anchor."""

    @property
    def is_of_main_data_set(self) -> bool:
        """Whether it stands in the main data set, not in an item."""
        return self.location == str(MAIN_DATA_SET)

    @property
    def is_good(self) -> bool:
        """Whether signer and MAC are proven, whatever else is odd."""
        return self.outcome in GOOD


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSetReport:
    """Reports of all signatures of a data set, in the order in which they were found, and facts about the whole."""

    signatures: tuple[SignatureReport, ...]
    findings: tuple[Fact, ...] = ()
    """Facts about the data set as a whole, in the order of their steps."""
    coverage: Coverage | None = None
    """What the good signatures of the main data set cover together; None without any signature."""

    @property
    def outcome(self) -> Outcome:
        """The gravest outcome of signatures and findings; UNSIGNED without any signature, even a hidden one."""
        severities = [_SEVERITIES[signature.outcome] for signature in self.signatures]
        severities += [reason.severity for finding in self.findings for reason in finding.reasons]
        gravest = max(severities, default=Severity.WARNING)
        if not self.signatures and gravest is not Severity.INVALID:
            return Outcome.UNSIGNED
        return _OUTCOMES[gravest]

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """The codes of all signatures and findings, each one once."""
        found: list[SignatureReport | Fact] = [*self.signatures, *self.findings]
        return tuple(dict.fromkeys(reason for one in found for reason in one.reasons))


_OUTCOMES = {
    Severity.WARNING: Outcome.VALID,
    Severity.QUESTIONABLE: Outcome.QUESTIONABLE,
    Severity.INDETERMINATE: Outcome.INDETERMINATE,
    Severity.INVALID: Outcome.INVALID,
}
_SEVERITIES = {outcome: severity for severity, outcome in _OUTCOMES.items()}
_STATUSES = {
    Severity.WARNING: Status.WARNING,
    Severity.QUESTIONABLE: Status.WARNING,
    Severity.INDETERMINATE: Status.INDETERMINATE,
    Severity.INVALID: Status.FAILED,
}


def outcome_of(reasons: Iterable[Reason]) -> Outcome:
    """Outcome of a signature with these reasons."""
    return _OUTCOMES[max((reason.severity for reason in reasons), default=Severity.WARNING)]


def fact(step: Step, problems: Sequence[Problem], passed: str) -> Fact:
    """The fact of a step: the sentence `passed`, or what the problems say."""
    if not problems:
        return Fact(step=step, status=Status.PASSED, text=passed)
    return Fact(
        step=step,
        status=_STATUSES[max(problem.reason.severity for problem in problems)],
        text="; ".join(dict.fromkeys(problem.text for problem in problems)),
        reasons=tuple(dict.fromkeys(problem.reason for problem in problems)),
    )
