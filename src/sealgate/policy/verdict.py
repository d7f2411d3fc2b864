"""The verdict on an instance: what the facts about it mean under the policy of its source."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sealgate.policy.rules import Condition, Handling, SourcePolicy
from sealgate.signature.reasons import Severity
from sealgate.verification.report import DataSetReport, Outcome


class Decision(StrEnum):
    """What becomes of an instance."""

    ACCEPT = "accept"
    HOLD = "hold"
    REJECT = "reject"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A decision with its reasons: conditions and codes first, then sentences for a person."""

    decision: Decision
    condition: Condition | None = None
    """Why it is not simply accepted; also there where the policy forwards it all the same."""
    reasons: tuple[str, ...] = ()


ACCEPTED = Verdict(decision=Decision.ACCEPT)

_DECISIONS = {
    Handling.FORWARD: Decision.ACCEPT,
    Handling.HOLD: Decision.HOLD,
    Handling.REJECT: Decision.REJECT,
}
_CONDITIONS = {
    Outcome.UNSIGNED: Condition.UNSIGNED,
    Outcome.INVALID: Condition.INVALID,
    Outcome.INDETERMINATE: Condition.INDETERMINATE,
    Outcome.QUESTIONABLE: Condition.QUESTIONABLE,
}


def judge(policy: SourcePolicy, report: DataSetReport) -> Verdict:
    """Verdict on a data set that was verified, with the codes of all that is more than a warning.

    Where the action does not verify, signatures decide nothing.
    """
    condition = _CONDITIONS.get(report.outcome)
    if not policy.action.verifies or condition is None:
        return ACCEPTED
    grave = (reason for reason in report.reasons if reason.severity is not Severity.WARNING)
    return misfit(policy, condition, *(reason.value for reason in grave))


def misfit(policy: SourcePolicy, condition: Condition, *reasons: str) -> Verdict:
    """Verdict on an instance that does not fit."""
    decision = _DECISIONS[policy.handling(condition)]
    return Verdict(decision=decision, condition=condition, reasons=(condition.value, *reasons))
