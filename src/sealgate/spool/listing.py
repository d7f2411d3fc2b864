"""The queue as a person sees it: entries, and how much waits for whom since when."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from heapq import nlargest, nsmallest
from itertools import pairwise
from typing import Final

from sqlalchemy import (
    JSON,
    Column,
    ColumnElement,
    Connection,
    Integer,
    RowMapping,
    Select,
    String,
    bindparam,
    func,
    literal,
    null,
    select,
)

from sealgate.spool.schema import Moment, held, in_state, instance, job
from sealgate.spool.states import UNFINISHED_JOB_STATES, InstanceState, JobState
from sealgate.sql.prepared import Prepared

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
    if set(states) <= set(UNFINISHED_JOB_STATES):
        ids = _oldest(connection, _bounded(limit), states, destination)
    else:
        ids = _youngest(connection, _bounded(limit), states, destination)
    found = {entry.job_id: entry for entry in _entries(connection.execute(_JOBS, {"ids": ids}).mappings())}
    return [found[job_id] for job_id in ids]


def list_instances(
    connection: Connection, limit: int, *, state: InstanceState = InstanceState.HELD
) -> list[QueueEntry]:
    """Up to `limit` instances in `state`, oldest first; meant for those that have no job yet."""
    query = _INSTANCES.where(in_state(state)).order_by(instance.c.stored_at, instance.c.id).limit(_bounded(limit))
    return _entries(connection.execute(query).mappings())


def summary(connection: Connection, at: datetime) -> list[Backlog]:
    """Counts and ages of everything unfinished, per destination and state.

    What is finished costs nothing; what is not is counted, some ten million a second.
    """
    deliveries = sorted(
        (destination, state) for state in UNFINISHED_JOB_STATES for destination in _destinations(connection, state)
    )
    backlog = [_backlog(connection, _DELIVERIES[state], destination, state, at) for destination, state in deliveries]
    quarantine = _backlog(connection, _QUARANTINE, None, InstanceState.HELD, at)
    return backlog + ([quarantine] if quarantine.count else [])


def _oldest(connection: Connection, limit: int, states: Sequence[JobState], destination: str | None) -> list[int]:
    """Up to `limit` unfinished jobs, in the order of their commit: the first of those of each state and destination."""
    first = (
        row
        for state in states
        for of in (_destinations(connection, state) if destination is None else [destination])
        for row in _DELIVERIES[state].first.rows(connection, {"of": of, "count": limit})
    )
    return [job_id for _, job_id in nsmallest(limit, first)]


def _youngest(connection: Connection, limit: int, states: Sequence[JobState], destination: str | None) -> list[int]:
    """Up to `limit` jobs, those that were committed last first."""
    last = (
        job_id
        for state in states
        for (job_id,) in _LAST[state, destination is None].rows(connection, {"of": destination, "count": limit})
    )
    return nlargest(limit, last)


def _destinations(connection: Connection, state: JobState) -> Iterator[str]:
    """Every destination that has jobs in an unfinished `state`: one look into the index for each."""
    destination = ""
    while (row := _NEXT_DESTINATION[state].row(connection, {"after": destination})) is not None:
        (destination,) = row
        yield destination


def _backlog(
    connection: Connection,
    of_kind: _Waiting,
    destination: str | None,
    state: JobState | InstanceState,
    at: datetime,
) -> Backlog:
    edges = (_LATEST, *(at - limit for limit in AGE_LIMITS), _EARLIEST)
    ages = []
    for until, after in pairwise(edges):
        ((count,),) = of_kind.count.rows(connection, {"of": destination, "after": after, "until": until})
        ages.append(count)
    oldest = of_kind.first.row(connection, {"of": destination, "count": 1})
    return Backlog(
        destination=destination,
        state=state,
        count=sum(ages),
        oldest_at=at if oldest is None else oldest[0],
        ages=tuple(ages),
    )


def _entries(rows: Iterable[RowMapping]) -> list[QueueEntry]:
    return [QueueEntry(**{**row, "reasons": tuple(row["reasons"])}) for row in rows]


def _bounded(limit: int) -> int:
    return max(0, min(limit, MAX_ROWS))


_EARLIEST: Final = datetime.min.replace(tzinfo=UTC)
_LATEST: Final = datetime.max.replace(tzinfo=UTC)


class _Waiting:
    """The statements about the rows that meet `condition`, by `moment`, the column that says since when they wait."""

    def __init__(self, moment: Column[datetime], key: Column[int], *condition: ColumnElement[bool]) -> None:
        after, until = bindparam("after", type_=Moment), bindparam("until", type_=Moment)
        self.count = Prepared(select(func.count()).where(*condition, moment > after, moment <= until))
        self.first = Prepared(
            select(moment, key).where(*condition).order_by(moment, key).limit(bindparam("count", type_=Integer))
        )


_OF: Final = job.c.destination == bindparam("of", type_=String)
_DELIVERIES: Final = {
    state: _Waiting(job.c.created_at, job.c.id, in_state(state), _OF) for state in UNFINISHED_JOB_STATES
}
_QUARANTINE: Final = _Waiting(instance.c.stored_at, instance.c.id, held)
_NEXT_DESTINATION: Final = {
    state: Prepared(
        select(job.c.destination)
        .where(in_state(state), job.c.destination > bindparam("after", type_=String))
        .order_by(job.c.destination)
        .limit(1)
    )
    for state in UNFINISHED_JOB_STATES
}


def _last(state: JobState, *condition: ColumnElement[bool]) -> Prepared:
    ids: Select[int] = select(job.c.id).where(in_state(state), *condition).order_by(job.c.id.desc())
    return Prepared(ids.limit(bindparam("count", type_=Integer)))


_LAST: Final = {
    (state, everywhere): _last(state) if everywhere else _last(state, _OF)
    for state in JobState
    for everywhere in (True, False)
}

_JOBS: Final = (
    select(
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
    )
    .join_from(job, instance)
    .where(job.c.id.in_(select(func.json_each(bindparam("ids", type_=JSON)).table_valued("value").c.value)))
)

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
