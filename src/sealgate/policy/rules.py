"""What a source asks of its instances, as values: the action, and what happens to those that do not fit."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from enum import StrEnum


class Action(StrEnum):
    """What is done with the instances of a source."""

    SIGN = "sign"
    """Add a signature."""
    VERIFY = "verify"
    """Judge the signatures that are there."""
    VERIFY_AND_SIGN = "verify-and-sign"
    """Judge, and add a signature to what was accepted."""
    PASS = "pass"  # noqa: S105 (no password)
    """Take and register; the instance is scanned all the same."""

    @property
    def verifies(self) -> bool:
        """Whether the verdict depends on the signatures that are there."""
        return self in (Action.VERIFY, Action.VERIFY_AND_SIGN)

    @property
    def signs(self) -> bool:
        """Whether a signature is added."""
        return self in (Action.SIGN, Action.VERIFY_AND_SIGN)


class Handling(StrEnum):
    """What happens to an instance that does not fit."""

    FORWARD = "forward"
    HOLD = "hold"
    """Quarantine: it is safe with us, and a person decides."""
    REJECT = "reject"
    """The sender gets a failure status, and nothing is kept."""


class Condition(StrEnum):
    """Why an instance does not fit."""

    UNSIGNED = "unsigned"
    INVALID = "invalid"
    INDETERMINATE = "indeterminate"
    UNSIGNABLE = "unsignable"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcePolicy:
    """The rules of one source."""

    action: Action
    on_unsigned: Handling = Handling.HOLD
    on_invalid: Handling = Handling.HOLD
    on_indeterminate: Handling = Handling.HOLD
    on_unsignable: Handling = Handling.HOLD
    on_unreadable: Handling = Handling.HOLD

    def handling(self, condition: Condition) -> Handling:
        """What happens to an instance in `condition`."""
        by_condition = {
            Condition.UNSIGNED: self.on_unsigned,
            Condition.INVALID: self.on_invalid,
            Condition.INDETERMINATE: self.on_indeterminate,
            Condition.UNSIGNABLE: self.on_unsignable,
            Condition.UNREADABLE: self.on_unreadable,
        }
        return by_condition[condition]


def policy_digest(policy: SourcePolicy, anchors: tuple[bytes, ...]) -> str:
    """SHA-256, in hexadecimal, of the rules and of the trust anchors that verdicts under them rest on."""
    described = asdict(policy) | {"anchors": sorted(hashlib.sha256(anchor).hexdigest() for anchor in anchors)}
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()
