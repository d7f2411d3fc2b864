"""The one table of states: what an instance and a job can be, and what may follow what.

    instance   received ─▶ (waiting_signer) ─▶ signed ─▶ (waiting_tsa) ─▶ queued
                   └──────────────┴───────────────┴────────────┴────────▶ held ─▶ queued | dropped

    job        ready ◀─▶ leased ─▶ done | done_with_warning
                            ├────▶ waiting_commitment ─▶ done | done_with_warning | ready | dead
                            └────▶ dead ─▶ ready

A person may drop what is not finished. `received` and `signed` live in memory only: the first commit of an instance
stores it in one of STORED_FIRST. `held` and `dead` are never final: somebody may still need them.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class InstanceState(StrEnum):
    """Where an instance stands before its deliveries."""

    RECEIVED = "received"  # all fragments are in the intake file
    WAITING_SIGNER = "waiting_signer"  # safe on disk, but the key is out of reach
    SIGNED = "signed"  # the signature is in; nothing is promised yet
    WAITING_TSA = "waiting_tsa"  # signed, and no time-stamping authority answers
    QUEUED = "queued"  # its bytes are final; the jobs say the rest
    HELD = "held"  # quarantined by the policy until a person releases or drops it
    DROPPED = "dropped"  # a named person gave it up, with a reason


class JobState(StrEnum):
    """Where one delivery, of one instance to one destination, stands."""

    READY = "ready"  # may be leased as soon as its time has come
    LEASED = "leased"  # somebody is at it until the lease ends
    WAITING_COMMITMENT = "waiting_commitment"  # stored there; Storage Commitment has not been confirmed
    DONE = "done"
    DONE_WITH_WARNING = "done_with_warning"  # the destination has it, and said something that a person should see
    DEAD = "dead"  # given up after the last attempt; a person can replay it
    DROPPED = "dropped"  # a named person gave it up, with a reason


INSTANCE_TRANSITIONS: Final[Mapping[InstanceState, frozenset[InstanceState]]] = {
    InstanceState.RECEIVED: frozenset(
        {InstanceState.WAITING_SIGNER, InstanceState.SIGNED, InstanceState.QUEUED, InstanceState.HELD}
    ),
    InstanceState.WAITING_SIGNER: frozenset({InstanceState.SIGNED, InstanceState.HELD, InstanceState.DROPPED}),
    InstanceState.SIGNED: frozenset({InstanceState.WAITING_TSA, InstanceState.QUEUED, InstanceState.HELD}),
    InstanceState.WAITING_TSA: frozenset({InstanceState.QUEUED, InstanceState.HELD, InstanceState.DROPPED}),
    InstanceState.QUEUED: frozenset(),
    InstanceState.HELD: frozenset({InstanceState.QUEUED, InstanceState.DROPPED}),
    # The sender sends it once more and is told that it is safe: then a person has to look once more.
    InstanceState.DROPPED: frozenset({InstanceState.HELD}),
}

JOB_TRANSITIONS: Final[Mapping[JobState, frozenset[JobState]]] = {
    JobState.READY: frozenset({JobState.LEASED, JobState.DROPPED}),
    JobState.LEASED: frozenset(
        {
            JobState.READY,
            JobState.LEASED,  # the lease ended without a word, and another worker takes the job over
            JobState.WAITING_COMMITMENT,
            JobState.DONE,
            JobState.DONE_WITH_WARNING,
            JobState.DEAD,
            JobState.DROPPED,  # only when the lease has ended: what is being sent cannot be called back
        }
    ),
    JobState.WAITING_COMMITMENT: frozenset(
        {JobState.READY, JobState.DONE, JobState.DONE_WITH_WARNING, JobState.DEAD, JobState.DROPPED}
    ),
    JobState.DONE: frozenset(),
    JobState.DONE_WITH_WARNING: frozenset(),
    JobState.DEAD: frozenset({JobState.READY, JobState.DROPPED}),
    JobState.DROPPED: frozenset(),
}

STORED_FIRST: Final = frozenset(
    {InstanceState.WAITING_SIGNER, InstanceState.WAITING_TSA, InstanceState.QUEUED, InstanceState.HELD}
)
"""States in which an instance may be committed for the first time."""

OPEN_JOB_STATES: Final = (JobState.READY, JobState.LEASED, JobState.WAITING_COMMITMENT)
"""A delivery is under way: the same instance again adds no second one."""

UNFINISHED_JOB_STATES: Final = (*OPEN_JOB_STATES, JobState.DEAD)
"""Somebody may still need the payload."""

NOTEWORTHY_JOB_STATES: Final = (JobState.DONE_WITH_WARNING, JobState.DROPPED)
"""Finished, and few: a person may want to see them among all that is done."""

LISTED_INSTANCE_STATES: Final = (
    InstanceState.WAITING_SIGNER,
    InstanceState.WAITING_TSA,
    InstanceState.HELD,
    InstanceState.DROPPED,
)
"""Committed without an unfinished job, so that the queue lists the instance itself."""


def check_transition(before: InstanceState | JobState, after: InstanceState | JobState) -> None:
    """Raise RuntimeError, since it is a mistake of ours, unless the table lets `after` follow `before`."""
    if isinstance(before, InstanceState) and isinstance(after, InstanceState):
        allowed = after in INSTANCE_TRANSITIONS[before]
    elif isinstance(before, JobState) and isinstance(after, JobState):
        allowed = after in JOB_TRANSITIONS[before]
    else:
        raise RuntimeError(f"{before!r} and {after!r} are states of different things")
    if not allowed:
        kind = "an instance" if isinstance(before, InstanceState) else "a job"
        raise RuntimeError(f"{kind} may not go from {before} to {after}")
