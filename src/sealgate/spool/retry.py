"""What a failed delivery means: try again, when, or give up. Pure: it neither waits nor writes.

Statuses of a C-STORE response are those of PS3.4 B.2.3 and of PS3.7 annex C. A warning says that the destination has
the instance, so it ends the job, visibly. What may pass by itself (no resources, the network, an association refused)
is retried until attempts or age are used up; what the same bytes will meet again is given up at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final, TypeAlias


class StatusClass(StrEnum):
    """What a C-STORE status says about the delivery."""

    SUCCESS = "success"
    WARNING = "warning"  # stored, and something to tell a person
    TRANSIENT = "transient"  # not stored; the same request may succeed later
    PERMANENT = "permanent"  # not stored; the same bytes will be refused again


class Failure(StrEnum):
    """Why an attempt failed, as far as the decision needs to know."""

    TRANSIENT = "transient"  # no connection, no resources, a lost association, A-ASSOCIATE-RJ transient
    ASSOCIATION_REJECTED = "association_rejected"  # A-ASSOCIATE-RJ permanent: somebody there has to change something
    PERMANENT = "permanent"


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How patient a destination is. Raises RuntimeError for numbers that make no sense."""

    first_delay: timedelta = timedelta(seconds=10)
    multiplier: float = 2.0
    max_delay: timedelta = timedelta(minutes=15)
    jitter: float = 0.2
    """Share of a delay by which it may grow or shrink, so that jobs that failed together do not return together."""
    max_attempts: int = 500
    max_age: timedelta = timedelta(days=7)
    """Since the job was queued; a PACS may be gone over a long weekend without losing its images."""

    def __post_init__(self) -> None:
        if not timedelta(0) < self.first_delay <= self.max_delay:
            raise RuntimeError("first_delay must be positive and at most max_delay")
        if self.multiplier < 1 or not 0 <= self.jitter < 1:
            raise RuntimeError("multiplier must be at least 1, and jitter at least 0 and below 1")
        if self.max_attempts < 1 or self.max_age <= timedelta(0):
            raise RuntimeError("max_attempts and max_age must be positive")


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Try again after `delay`."""

    delay: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveUp:
    """The job is dead; `reason` goes into the queue listing, and a person can replay it."""

    reason: str


Decision: TypeAlias = Retry | GiveUp


def decide(policy: RetryPolicy, failure: Failure, attempts: int, age: timedelta, jitter_draw: float) -> Decision:
    """Decide after attempt number `attempts` (from 1) of a job queued for `age`.

    `jitter_draw` is a random number in [0, 1). A retry never comes later than the moment at which the age is used up,
    so that the last attempt is made at the end and not long before.
    """
    if attempts < 1 or not 0 <= jitter_draw < 1:
        raise RuntimeError("attempts count from 1, and the draw lies in [0, 1)")
    if failure is Failure.PERMANENT:
        return GiveUp(reason="the destination refuses these bytes, and will refuse them again")
    if attempts >= policy.max_attempts:
        return GiveUp(reason=f"given up after {attempts} attempts")
    if age >= policy.max_age:
        return GiveUp(reason=f"given up after {_in_words(age)}")
    delay = _delay(policy, failure, attempts) * (1 + policy.jitter * (2 * jitter_draw - 1))
    return Retry(delay=min(delay, policy.max_age - age))


def _delay(policy: RetryPolicy, failure: Failure, attempts: int) -> timedelta:
    if failure is Failure.ASSOCIATION_REJECTED:
        return policy.max_delay  # an administrator has to act; asking often only fills the log of the destination
    delay = policy.first_delay
    for _ in range(attempts - 1):
        delay *= policy.multiplier
        if delay >= policy.max_delay or policy.multiplier == 1:
            break
    return min(delay, policy.max_delay)


def _in_words(age: timedelta) -> str:
    hours = age // timedelta(hours=1)
    return f"{hours} hours" if hours else f"{age // timedelta(minutes=1)} minutes"


SUCCESS_STATUS: Final = 0x0000

_STATUS: Final = {
    SUCCESS_STATUS: StatusClass.SUCCESS,
    # PS3.4 table B.2-1: elements coerced or discarded, data set does not match the SOP class; then those of PS3.7 C.4.
    0xB000: StatusClass.WARNING,
    0xB006: StatusClass.WARNING,
    0xB007: StatusClass.WARNING,
    0x0001: StatusClass.WARNING,
    0x0107: StatusClass.WARNING,
    0x0116: StatusClass.WARNING,
    # Duplicate SOP Instance (PS3.7 C.5.7): it is there. Whether with our bytes is for a person to see, so not silently.
    0x0111: StatusClass.WARNING,
    # PS3.7 C.5: trouble of that moment, not of this instance.
    0x0110: StatusClass.TRANSIENT,  # processing failure
    0x0210: StatusClass.TRANSIENT,  # duplicate invocation
    0x0213: StatusClass.TRANSIENT,  # resource limitation
    0xFE00: StatusClass.TRANSIENT,  # cancelled, which nobody asked for
}

_RANGES: Final = (
    (0xA700, 0xA7FF, StatusClass.TRANSIENT),  # out of resources
    (0xA900, 0xA9FF, StatusClass.PERMANENT),  # data set does not match SOP class
    (0xB000, 0xBFFF, StatusClass.WARNING),  # PS3.7 C.3: every Bxxx is a warning
    (0xC000, 0xCFFF, StatusClass.PERMANENT),  # cannot understand
    (0x0100, 0x02FF, StatusClass.PERMANENT),  # 0117 invalid instance, 0122 class not supported, 0124 not authorised …
)


def status_class(status: int) -> StatusClass:
    """The class of a C-STORE status; one that the standard does not know is transient, so that nothing is given up
    at once for a reason that nobody understands."""
    known = _STATUS.get(status)
    if known is not None:
        return known
    for first, last, found in _RANGES:
        if first <= status <= last:
            return found
    return StatusClass.TRANSIENT


def failure_of(status: int) -> Failure:
    """The failure that a status without success stands for. Raises RuntimeError for a success or a warning."""
    found = status_class(status)
    if found is StatusClass.TRANSIENT:
        return Failure.TRANSIENT
    if found is StatusClass.PERMANENT:
        return Failure.PERMANENT
    raise RuntimeError(f"status {status:04X} is no failure")
