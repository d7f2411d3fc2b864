"""What a person may do to the queue: replay, release from quarantine, drop.

Each function changes the tables only; who asked for it, when and why is written to the register by the caller, in the
same transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, and_, or_, select, update

from sealgate.errors import OperationRefused
from sealgate.spool.instances import enqueue
from sealgate.spool.schema import dead, in_any_state, instance, job, leased, ready, unfinished
from sealgate.spool.states import (
    INSTANCE_TRANSITIONS,
    OPEN_JOB_STATES,
    InstanceState,
    JobState,
    check_transition,
)

MAX_NAMED_JOBS: Final = 1000
"""Jobs that one call may name; whole destinations are replayed by their name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Touched:
    """An instance that an intervention changed, for the register."""

    instance_id: int
    sop_instance_uid: str
    destinations: tuple[str, ...]


def retry_now(
    connection: Connection, at: datetime, *, job_ids: Sequence[int] = (), destination: str | None = None
) -> tuple[int, ...]:
    """Make jobs ready at once, the dead ones with a new budget of attempts and age; returns the ids that changed.

    Either the named jobs, or all of one destination that are dead, postponed, or left behind by an expired lease.
    Raises OperationRefused for a named job that does not exist or cannot be retried.
    """
    if len(job_ids) > MAX_NAMED_JOBS:
        raise OperationRefused(f"at most {MAX_NAMED_JOBS} jobs can be named at once; name their destination instead")
    if bool(job_ids) == (destination is not None):
        raise OperationRefused("name either jobs or one destination to retry")
    chosen = job.c.id.in_(job_ids) if job_ids else job.c.destination == destination
    left_behind = and_(leased, job.c.lease_until <= at)
    # One update per kind: each is found by its own partial index. In this order no job is changed twice.
    conditions = (and_(ready, job.c.not_before.is_not(None)), left_behind, dead)
    changed = [job_id for condition in conditions for job_id in _make_ready(connection, and_(chosen, condition), at)]
    for job_id in set(job_ids) - set(changed):
        _explain_no_retry(connection, job_id)
    return tuple(sorted(changed))


def release(connection: Connection, instance_id: int, at: datetime) -> Touched:
    """Let a held instance go to the destinations that it was received for.

    Raises OperationRefused if there is no such instance or it is not held.
    """
    row = _instance(connection, instance_id)
    if row.state is not InstanceState.HELD:
        raise OperationRefused(f"instance {instance_id} is {row.state}, not held, so there is nothing to release")
    check_transition(row.state, InstanceState.QUEUED)
    connection.execute(update(instance).where(instance.c.id == instance_id).values(state=InstanceState.QUEUED))
    destinations = enqueue(connection, instance_id, row.destinations, at)
    return Touched(instance_id=instance_id, sop_instance_uid=row.sop_instance_uid, destinations=destinations)


def drop_instance(connection: Connection, instance_id: int, at: datetime, *, by: str, reason: str) -> Touched:
    """Give up what is not finished of an instance: the instance itself if it is held, else all its unfinished jobs.

    `by` names the person. Raises OperationRefused if nothing is left to drop, or if a delivery is under way right now.
    """
    _check_person(by, reason)
    row = _instance(connection, instance_id)
    if InstanceState.DROPPED in INSTANCE_TRANSITIONS[row.state]:
        change = update(instance).where(instance.c.id == instance_id)
        connection.execute(change.values(state=InstanceState.DROPPED, dropped_by=by, drop_reason=reason))
        return Touched(instance_id=instance_id, sop_instance_uid=row.sop_instance_uid, destinations=())
    being_sent = connection.execute(
        select(job.c.id).where(job.c.instance_id == instance_id, leased, job.c.lease_until > at).limit(1)
    ).scalar_one_or_none()
    if being_sent is not None:
        raise OperationRefused(f"job {being_sent} of instance {instance_id} is being sent right now; try again later")
    dropped = _drop(connection, job.c.instance_id == instance_id, at, by=by, reason=reason)
    if not dropped:
        raise OperationRefused(f"instance {instance_id} is {row.state} and no job of it is left to drop")
    return Touched(instance_id=instance_id, sop_instance_uid=row.sop_instance_uid, destinations=dropped)


def drop_job(connection: Connection, job_id: int, at: datetime, *, by: str, reason: str) -> Touched:
    """Give up one unfinished delivery. Raises OperationRefused if it is finished, unknown, or under way right now."""
    _check_person(by, reason)
    dropped = _drop(connection, job.c.id == job_id, at, by=by, reason=reason)
    row = _job(connection, job_id)
    if not dropped:
        advice = "try again later" if row.state is JobState.LEASED else "there is nothing to drop"
        raise OperationRefused(f"job {job_id} is {row.state}; {advice}")
    return Touched(instance_id=row.instance_id, sop_instance_uid=row.sop_instance_uid, destinations=dropped)


def _make_ready(connection: Connection, condition: ColumnElement[bool], at: datetime) -> list[int]:
    change = (
        update(job)
        .where(condition)
        .values(state=JobState.READY, not_before=None, attempts=0, enqueued_at=at, lease_owner=None, lease_until=None)
    )
    return list(connection.execute(change.returning(job.c.id)).scalars())


def _drop(
    connection: Connection, chosen: ColumnElement[bool], at: datetime, *, by: str, reason: str
) -> tuple[str, ...]:
    not_leased = in_any_state(state for state in (*OPEN_JOB_STATES, JobState.DEAD) if state is not JobState.LEASED)
    change = (
        update(job)
        .where(chosen, unfinished, or_(not_leased, and_(leased, job.c.lease_until <= at)))
        .values(
            state=JobState.DROPPED,
            dropped_by=by,
            drop_reason=reason,
            not_before=None,
            lease_owner=None,
            lease_until=None,
            fence=job.c.fence + 1,  # whoever comes back from an expired lease changes nothing any more
        )
        .returning(job.c.destination)
    )
    return tuple(sorted(connection.execute(change).scalars()))


def _check_person(by: str, reason: str) -> None:
    if not by.strip() or not reason.strip():
        raise OperationRefused("who drops something gives a name and a reason, since both go into the register")


def _instance(connection: Connection, instance_id: int) -> Row[*tuple[Any, ...]]:
    columns = (instance.c.state, instance.c.sop_instance_uid, instance.c.destinations)
    row = connection.execute(select(*columns).where(instance.c.id == instance_id)).one_or_none()
    if row is None:
        raise OperationRefused(f"there is no instance {instance_id}; look at `sealgate queue list`")
    return row


def _job(connection: Connection, job_id: int) -> Row[*tuple[Any, ...]]:
    columns = (job.c.state, job.c.instance_id, instance.c.sop_instance_uid)
    row = connection.execute(select(*columns).join_from(job, instance).where(job.c.id == job_id)).one_or_none()
    if row is None:
        raise OperationRefused(f"there is no job {job_id}; look at `sealgate queue list`")
    return row


def _explain_no_retry(connection: Connection, job_id: int) -> None:
    """Raise OperationRefused for a job that is not there or not to be retried; being due already is no error."""
    state = _job(connection, job_id).state
    if state is not JobState.READY:
        raise OperationRefused(f"job {job_id} is {state} and cannot be retried")
