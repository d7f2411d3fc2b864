"""Jobs: leased in order, finished under a fence, so that a worker that was given up changes nothing any more.

A lease ends by itself. Whoever takes the job over gets a higher fence, and every update names the fence that it was
given: an update with an old one changes no row and says so.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    JSON,
    Connection,
    Integer,
    String,
    bindparam,
    func,
    insert,
    select,
    union_all,
    update,
)

from sealgate.spool.instances import MAX_ERROR_LENGTH
from sealgate.spool.payload import Layout
from sealgate.spool.schema import Moment, attempt, instance, job, leased, ready
from sealgate.spool.states import JobState, check_transition
from sealgate.sql.prepared import Prepared

LEASE_WINDOW: Final = 256
"""Postponed jobs, those that are due longest, among which a lease keeps the order by priority; bounds its cost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeasedJob:
    """A delivery that is ours until `lease_until`, with what it takes to make it."""

    job_id: int
    fence: int
    instance_id: int
    destination: str
    priority: int
    attempts: int
    """Attempts that ended before this one, since the job was queued or replayed."""
    lease_until: datetime
    enqueued_at: datetime
    """Since when the job waits; what RetryPolicy.max_age counts from."""
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    payload: str
    payload_size: int
    layout: Layout
    digest_in: str
    digest_out: str
    calling_ae_title: str
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How an attempt ended and what becomes of its job; `not_before` belongs to JobState.READY, a retry."""

    state: JobState
    started_at: datetime
    ended_at: datetime
    status: int | None = None
    """Status of the C-STORE response (PS3.7 C); None where there was none."""
    error: str | None = None
    not_before: datetime | None = None

    def __post_init__(self) -> None:
        check_transition(JobState.LEASED, self.state)
        if self.state in (JobState.LEASED, JobState.DROPPED):
            raise RuntimeError(f"no attempt ends as {self.state}")
        if (self.state is JobState.READY) != (self.not_before is not None):
            raise RuntimeError("a retry, and nothing else, has a moment before which it may not be made")


def lease(
    connection: Connection, destination: str, limit: int, owner: str, at: datetime, duration: timedelta
) -> list[LeasedJob]:
    """Take up to `limit` due jobs of `destination` for `owner`, by priority and then in the order of their commit.

    Due is what never failed, what was postponed to a moment that has come, and what another lease left behind.
    """
    parameters = {
        "of": destination,
        "count": limit,
        "window": max(limit, LEASE_WINDOW),
        "now": at,
        "owner": owner,
        "until": at + duration,
    }
    ids = [job_id for (job_id,) in _LEASE.rows(connection, parameters)]
    if not ids:
        return []
    taken = [_leased(row) for row in _WITH_INSTANCE.rows(connection, {"ids": ids})]
    return sorted(taken, key=lambda job: (-job.priority, job.job_id))


def renew(connection: Connection, job_id: int, fence: int, until: datetime) -> bool:
    """Keep a lease longer; False if somebody else has the job by now."""
    return _RENEW.execute(connection, {"job": job_id, "old_fence": fence, "until": until}) == 1


def give_back(connection: Connection, job_id: int, fence: int) -> bool:
    """Return a job that was not attempted, to its old place in the order; False if somebody else has it by now."""
    return _GIVE_BACK.execute(connection, {"job": job_id, "old_fence": fence}) == 1


def finish(connection: Connection, job_id: int, fence: int, outcome: Outcome) -> bool:
    """Write the end of an attempt; False, and nothing is written, if somebody else has the job by now."""
    error = None if outcome.error is None else outcome.error[:MAX_ERROR_LENGTH]
    change = {
        "job": job_id,
        "old_fence": fence,
        "new_state": outcome.state,
        "later": outcome.not_before,
        "status": outcome.status,
        "error": error,
    }
    if _FINISH.execute(connection, change) != 1:
        return False
    row = {"job_id": job_id, "fence": fence, "started_at": outcome.started_at, "ended_at": outcome.ended_at}
    _ATTEMPT.execute(connection, {**row, "status": outcome.status, "error": error})
    return True


def reclaim(connection: Connection) -> int:
    """Return all leased jobs, at the start of the one process that owns the data directory; returns how many.

    The lock of the data directory proves that no other worker is left, so nobody needs to wait for leases to end.
    """
    change = update(job).where(leased).values(state=JobState.READY, lease_owner=None, lease_until=None)
    return connection.execute(change).rowcount


def next_due(connection: Connection, destination: str) -> datetime | None:
    """When a lease of `destination` can next succeed, a moment in the past if at once; None if nothing waits."""
    moments = _NEXT_DUE.row(connection, {"of": destination}) or ()
    return min((moment for moment in moments if moment is not None), default=None)


_OF_DESTINATION: Final = job.c.destination == bindparam("of", type_=String)
_COUNT: Final = bindparam("count", type_=Integer)
_WINDOW: Final = bindparam("window", type_=Integer)
_NOW: Final = bindparam("now", type_=Moment)

_NEW: Final = (
    select(job.c.id, job.c.priority)
    .where(_OF_DESTINATION, ready, job.c.not_before.is_(None))
    .order_by(job.c.priority.desc(), job.c.id)
    .limit(_COUNT)
)
_POSTPONED: Final = (
    select(job.c.id, job.c.priority)
    .where(_OF_DESTINATION, ready, job.c.not_before.is_not(None), job.c.not_before <= _NOW)
    .order_by(job.c.not_before)
    .limit(_WINDOW)
)
_LEFT_BEHIND: Final = (
    select(job.c.id, job.c.priority)
    .where(_OF_DESTINATION, leased, job.c.lease_until <= _NOW)
    .order_by(job.c.lease_until)
    .limit(_WINDOW)
)
_DUE: Final = union_all(*(select(part.subquery()) for part in (_NEW, _POSTPONED, _LEFT_BEHIND))).subquery("due")

# One statement, so that no other worker, of another process later, can come between choosing and taking.
_LEASE: Final = Prepared(
    update(job)
    .where(job.c.id.in_(select(_DUE.c.id).order_by(_DUE.c.priority.desc(), _DUE.c.id).limit(_COUNT)))
    .values(
        state=JobState.LEASED,
        fence=job.c.fence + 1,
        lease_owner=bindparam("owner", type_=String),
        lease_until=bindparam("until", type_=Moment),
        not_before=None,
    )
    .returning(job.c.id)
)

_LEASED_FIELDS: Final = tuple(field.name for field in fields(LeasedJob))
_WITH_INSTANCE: Final = Prepared(
    select(*({"job_id": job.c.id, **instance.c, **job.c}[name] for name in _LEASED_FIELDS))
    .join_from(job, instance)
    .where(job.c.id.in_(select(func.json_each(bindparam("ids", type_=JSON)).table_valued("value").c.value)))
)

_UNDER_FENCE: Final = update(job).where(
    job.c.id == bindparam("job", type_=Integer), job.c.fence == bindparam("old_fence", type_=Integer), leased
)
_RENEW: Final = Prepared(_UNDER_FENCE.values(lease_until=bindparam("until", type_=Moment)))
_GIVE_BACK: Final = Prepared(_UNDER_FENCE.values(state=JobState.READY, lease_owner=None, lease_until=None))
_FINISH: Final = Prepared(
    _UNDER_FENCE.values(
        state=bindparam("new_state", type_=job.c.state.type),
        not_before=bindparam("later", type_=Moment),
        attempts=job.c.attempts + 1,
        lease_owner=None,
        lease_until=None,
        last_status=bindparam("status", type_=Integer),
        last_error=bindparam("error", type_=String),
    )
)
_ATTEMPT: Final = Prepared(insert(attempt), columns=("job_id", "fence", "started_at", "ended_at", "status", "error"))

_NEXT_DUE: Final = Prepared(
    select(
        select(job.c.created_at)
        .where(_OF_DESTINATION, ready, job.c.not_before.is_(None))
        .order_by(job.c.priority.desc(), job.c.id)
        .limit(1)
        .scalar_subquery(),
        select(func.min(job.c.not_before))
        .where(_OF_DESTINATION, ready, job.c.not_before.is_not(None))
        .scalar_subquery(),
        select(func.min(job.c.lease_until)).where(_OF_DESTINATION, leased).scalar_subquery(),
    )
)


def _leased(row: tuple[Any, ...]) -> LeasedJob:
    """The job of a row of `_WITH_INSTANCE`."""
    values = dict(zip(_LEASED_FIELDS, row, strict=True))
    values["layout"] = tuple((start, end) for start, end in values["layout"])
    return LeasedJob(**values)
