"""The queue as a person sees it: entries, and how much waits for whom since when."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Integer, RowMapping, cast, func, literal, null, select

from sealgate.spool.schema import held, in_any_state, in_state, instance, job, unfinished
from sealgate.spool.states import UNFINISHED_JOB_STATES, InstanceState, JobState

MAX_ROWS: Final = 10_000
"""Rows that one listing may have: nobody reads more, and the database serves nobody else meanwhile."""

AGE_LIMITS: Final = tuple(timedelta(minutes=5 * 2**power) for power in range(9))
"""Upper ends of the age columns of the summary, as in Postfix' qshape: 5, 10, 20 … 1280 minutes; one more is beyond."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueEntry:
    """One delivery, or an instance that has none yet; then `job_id` and `destination` are None."""

    instance_id: int
    job_id: int | None
    sop_instance_uid: str
    state: JobState | InstanceState
    destination: str | None
    priority: int | None
    attempts: int
    last_status: int | None
    last_error: str | None
    created_at: datetime
    not_before: datetime | None
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """What waits for one destination in one state; for held instances the destination is None."""

    destination: str | None
    state: JobState | InstanceState
    count: int
    oldest_at: datetime
    ages: tuple[int, ...]
    """How many are younger than each of AGE_LIMITS and not younger than the one before, and last all older ones."""


def list_jobs(
    connection: Connection,
    limit: int,
    *,
    states: Sequence[JobState] = UNFINISHED_JOB_STATES,
    destination: str | None = None,
) -> list[QueueEntry]:
    """Up to `limit` jobs in one of `states`: unfinished ones in the order of their commit, else the youngest first."""
    chosen = select(job.c.id).where(in_any_state(states)).limit(_bounded(limit))
    if destination is not None:
        chosen = chosen.where(job.c.destination == destination)
    if set(states) <= set(UNFINISHED_JOB_STATES):
        # The sum keeps SQLite from walking all jobs by id; it reads the index of the backlog instead.
        chosen = chosen.order_by(job.c.id + 0)
        order = job.c.id.asc()
    else:
        order = job.c.id.desc()
        chosen = chosen.order_by(order)
    return _entries(connection.execute(_JOBS.where(job.c.id.in_(chosen)).order_by(order)).mappings())


def list_instances(
    connection: Connection, limit: int, *, state: InstanceState = InstanceState.HELD
) -> list[QueueEntry]:
    """Up to `limit` instances in `state`, oldest first; meant for those that have no job yet."""
    query = _INSTANCES.where(in_state(state)).order_by(instance.c.stored_at, instance.c.id).limit(_bounded(limit))
    return _entries(connection.execute(query).mappings())


def summary(connection: Connection, at: datetime) -> list[Backlog]:
    """Counts and ages of everything unfinished, per destination and state; costs what the backlog costs, not more."""
    deliveries = (
        select(job.c.destination, job.c.state, *_measures(job.c.created_at, at))
        .where(unfinished)
        .group_by(job.c.destination, job.c.state)
        .order_by(job.c.destination, job.c.state)
    )
    backlog = [
        _backlog(destination, state, *measures) for destination, state, *measures in connection.execute(deliveries)
    ]
    quarantine = connection.execute(select(*_measures(instance.c.stored_at, at)).where(held)).one()
    if quarantine[0]:
        backlog.append(_backlog(None, InstanceState.HELD, *quarantine))
    return backlog


def _measures(moment: ColumnElement[datetime], at: datetime) -> list[ColumnElement[Any]]:
    """How many, the oldest, and how many are younger than each of AGE_LIMITS."""
    younger = [func.sum(cast(moment > at - limit, Integer)) for limit in AGE_LIMITS]
    return [func.count(), func.min(moment), *younger]


def _backlog(
    destination: str | None, state: JobState | InstanceState, count: int, oldest_at: datetime, *younger: int
) -> Backlog:
    ages = tuple(upper - lower for lower, upper in pairwise((0, *younger, count)))
    return Backlog(destination=destination, state=state, count=count, oldest_at=oldest_at, ages=ages)


def _entries(rows: Iterable[RowMapping]) -> list[QueueEntry]:
    return [QueueEntry(**{**row, "reasons": tuple(row["reasons"])}) for row in rows]


def _bounded(limit: int) -> int:
    return max(0, min(limit, MAX_ROWS))


_JOBS: Final = select(
    job.c.instance_id,
    job.c.id.label("job_id"),
    instance.c.sop_instance_uid,
    job.c.state,
    job.c.destination,
    job.c.priority,
    job.c.attempts,
    job.c.last_status,
    job.c.last_error,
    job.c.created_at,
    job.c.not_before,
    instance.c.reasons,
).join_from(job, instance)

_INSTANCES: Final = select(
    instance.c.id.label("instance_id"),
    null().label("job_id"),
    instance.c.sop_instance_uid,
    instance.c.state,
    null().label("destination"),
    null().label("priority"),
    literal(0).label("attempts"),
    null().label("last_status"),
    null().label("last_error"),
    instance.c.stored_at.label("created_at"),
    null().label("not_before"),
    instance.c.reasons,
)
