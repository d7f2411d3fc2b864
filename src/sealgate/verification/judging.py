"""What signatures are judged by: what is trusted, at which moment, and what is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from sealgate.trust.revocation import Revocation
from sealgate.trust.store import TrustStore
from sealgate.verification.coverage import NO_REQUIREMENT, CoverageRequirement

if TYPE_CHECKING:
    from sealgate.signature.profiles import ProfileName


class Timestamps(StrEnum):
    """What certified timestamps are for."""

    CHECK = "check"
    """Those that are there are checked; a good one proves the moment of signing."""
    IGNORE = "ignore"
    """They are not looked at, and prove nothing."""
    REQUIRED = "required"
    """A signature without a good one is invalid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judging:
    """What signatures are judged by."""

    store: TrustStore
    now: datetime
    """The moment of judging (aware)."""
    first_receipt: datetime | None = None
    """Since when a register knows these very bytes (aware): the proven moment where no token is better."""
    revocation: Revocation = Revocation.IF_GIVEN
    timestamps: Timestamps = Timestamps.CHECK
    profile: ProfileName | None = None
    """A profile that at least one good signature of the main data set must fit; None or NONE: any."""
    coverage: CoverageRequirement = NO_REQUIREMENT
    """What the good signatures of the main data set must cover together."""
    old_format: bool = False
    """Take the MAC over DCMTK's old form of encapsulated pixel data, as `dcmsign --format-old` does."""
