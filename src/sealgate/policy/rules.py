"""What a source asks of its instances, as values: the action, and what happens to those that do not fit."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from sealgate.signature.profiles import ProfileName
from sealgate.verification.coverage import NO_REQUIREMENT, CoverageRequirement


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
    QUESTIONABLE = "questionable"
    """A good signature, but what a reader sees is not all protected, or something is odd."""
    UNSIGNABLE = "unsignable"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirements:
    """What the good signatures of an instance must show; where they do not, the instance is invalid."""

    profile: ProfileName = ProfileName.NONE
    """A profile that at least one of the main data set fits."""
    coverage: CoverageRequirement = NO_REQUIREMENT
    """What they cover together."""
    timestamp: bool = False
    """Whether each has a certified timestamp that proves when it was there."""


NO_REQUIREMENTS = Requirements()


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcePolicy:
    """The rules of one source."""

    action: Action
    on_unsigned: Handling = Handling.HOLD
    on_invalid: Handling = Handling.HOLD
    on_indeterminate: Handling = Handling.HOLD
    on_questionable: Handling = Handling.HOLD
    on_unsignable: Handling = Handling.HOLD
    on_unreadable: Handling = Handling.HOLD
    requirements: Requirements = field(default=NO_REQUIREMENTS)

    def handling(self, condition: Condition) -> Handling:
        """What happens to an instance in `condition`."""
        by_condition = {
            Condition.UNSIGNED: self.on_unsigned,
            Condition.INVALID: self.on_invalid,
            Condition.INDETERMINATE: self.on_indeterminate,
            Condition.QUESTIONABLE: self.on_questionable,
            Condition.UNSIGNABLE: self.on_unsignable,
            Condition.UNREADABLE: self.on_unreadable,
        }
        return by_condition[condition]


_LATER_RULES = {"on_questionable": Handling.HOLD, "requirements": asdict(NO_REQUIREMENTS)}
"""Rules that came with later versions, as they are when nobody sets them: then they leave the digest as it was."""


def policy_digest(policy: SourcePolicy, anchors: tuple[bytes, ...], more: Mapping[str, Any] | None = None) -> str:
    """SHA-256, in hexadecimal, of the rules and of the trust anchors that verdicts under them rest on.

    `more` are the other things that they rest on, such as digests of CRLs, by name, as values for JSON.
    """
    rules = {name: rule for name, rule in asdict(policy).items() if _LATER_RULES.get(name) != rule}
    described = rules | {"anchors": sorted(hashlib.sha256(anchor).hexdigest() for anchor in anchors)} | dict(more or {})
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()
