"""What an operator may ask of the queue and the register; the same for the command line, the socket and later the web.

Arguments and results are values that JSON can carry. What changes something is written to the register in the same
transaction: who, when, what and why.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar

from sqlalchemy import Connection

from sealgate.audit.register import (
    ActionRecord,
    Filters,
    list_actions,
    list_records,
    record_action,
)
from sealgate.audit.schema import metadata as audit_metadata
from sealgate.errors import OperationRefused
from sealgate.node.arguments import check_arguments
from sealgate.spool.database import Database
from sealgate.spool.interventions import Touched, drop_instance, drop_job, release, retry_now
from sealgate.spool.listing import AGE_LIMITS, QueueEntry, list_instances, list_jobs, summary
from sealgate.spool.states import LISTED_INSTANCE_STATES, UNFINISHED_JOB_STATES, InstanceState, JobState

T = TypeVar("T")

Json: TypeAlias = dict[str, Any] | list[Any] | str | int | float | bool | None

DATABASE_NAME: Final = "sealgate.db"
"""The database of a data directory; its lock, its write-ahead log and the control socket lie beside it."""

DEFAULT_LIMIT: Final = 100
"""Rows of a listing, if the caller does not say."""


def read_clock() -> datetime:
    """Now, aware, in UTC."""
    return datetime.now(UTC)


def open_database(data_dir: Path) -> Database:
    """Open, or make, the database of `data_dir` with the tables of spool and register, and own the directory.

    Raises DataDirectoryInUse, which names the process that owns it, or StorageError.
    """
    return Database(data_dir / DATABASE_NAME, metadatas=[audit_metadata])


class Operations:
    """The operations on one database; `call` takes a name and arguments that came as JSON."""

    def __init__(
        self,
        database: Database,
        *,
        clock: Callable[[], datetime] = read_clock,
        changed: Callable[[], object] = lambda: None,
    ) -> None:
        """`changed`: told, after the commit, that there may be something to deliver at once."""
        self._database = database
        self._clock = clock
        self._changed = changed

    def call(self, name: str, arguments: Mapping[str, object]) -> Json:
        """Execute the operation `name`. Raises OperationRefused for arguments that do not fit, and what it raises."""
        checked = check_arguments(name, arguments)
        operation: Callable[..., Json] = getattr(self, name)
        return operation(**checked)

    def queue_list(
        self, *, destination: str | None = None, state: str | None = None, limit: int = DEFAULT_LIMIT
    ) -> Json:
        """Deliveries in the order of their commit, then held instances; without `state` all that is unfinished."""
        at = self._clock()
        jobs, instances = _states(state)

        def read(connection: Connection) -> list[QueueEntry]:
            entries: list[QueueEntry] = []
            if jobs:
                entries += list_jobs(connection, limit, states=jobs, destination=destination)
            if instances is not None and destination is None:
                entries += list_instances(connection, limit - len(entries), state=instances)
            return entries

        return [_entry(entry, at) for entry in self._database.run(read)]

    def queue_summary(self) -> Json:
        """What waits, per destination and state, and how old it is: `ages` counts by `age_limits_minutes`."""
        at = self._clock()
        backlog = self._database.run(lambda connection: summary(connection, at))
        rows = [
            {
                "destination": row.destination,
                "state": row.state,
                "count": row.count,
                "oldest_age_seconds": _seconds(at - row.oldest_at),
                "ages": list(row.ages),
            }
            for row in backlog
        ]
        return {"age_limits_minutes": [limit // timedelta(minutes=1) for limit in AGE_LIMITS], "rows": rows}

    def queue_retry(
        self,
        *,
        by: str,
        jobs: tuple[int, ...] = (),
        destination: str | None = None,
        reason: str | None = None,
    ) -> Json:
        """Make the jobs, or all dead and postponed ones of the destination, ready at once; returns their ids."""
        at = self._clock()

        def change(connection: Connection) -> tuple[int, ...]:
            changed = retry_now(connection, at, job_ids=jobs, destination=destination)
            action = ActionRecord(at=at, operator=by, action="retry", reason=reason)
            if destination is not None and changed:
                record_action(connection, replace(action, destinations=(destination,)))
            elif destination is None:
                for job_id in changed:
                    record_action(connection, replace(action, job_id=job_id))
            return changed

        return {"jobs": list(self._change(change))}

    def queue_release(self, *, by: str, instances: tuple[int, ...], reason: str | None = None) -> Json:
        """Release held instances to their destinations, all of them or, if one cannot be released, none."""
        at = self._clock()

        def change(connection: Connection) -> list[Touched]:
            released = [release(connection, instance_id, at) for instance_id in instances]
            for touched in released:
                _record_touched(connection, ActionRecord(at=at, operator=by, action="release", reason=reason), touched)
            return released

        return [_touched(touched) for touched in self._change(change)]

    def queue_drop(self, *, by: str, reason: str, instances: tuple[int, ...] = (), jobs: tuple[int, ...] = ()) -> Json:
        """Give up instances or single deliveries, all of them or, if one cannot be dropped, none."""
        at = self._clock()

        def change(connection: Connection) -> list[Touched]:
            action = ActionRecord(at=at, operator=by, action="drop", reason=reason)
            dropped = []
            for instance_id in instances:
                dropped.append(drop_instance(connection, instance_id, at, by=by, reason=reason))
                _record_touched(connection, action, dropped[-1])
            for job_id in jobs:
                dropped.append(drop_job(connection, job_id, at, by=by, reason=reason))
                _record_touched(connection, action, dropped[-1], job_id=job_id)
            return dropped

        return [_touched(touched) for touched in self._change(change)]

    def audit_list(
        self,
        *,
        sop_instance_uid: str | None = None,
        calling_ae_title: str | None = None,
        verdict: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = DEFAULT_LIMIT,
    ) -> Json:
        """Instance records, newest first, each with its signatures and deliveries."""
        filters = Filters(
            sop_instance_uid=sop_instance_uid,
            calling_ae_title=calling_ae_title,
            verdict=verdict,
            since=since,
            until=until,
        )
        records: Json = _jsonable(self._database.run(lambda connection: list_records(connection, filters, limit)))
        return records

    def audit_actions(self, *, limit: int = DEFAULT_LIMIT) -> Json:
        """What people did to the queue, newest first."""
        actions: Json = _jsonable(self._database.run(lambda connection: list_actions(connection, limit)))
        return actions

    def _change(self, change: Callable[[Connection], T]) -> T:
        result = self._database.run(change)
        self._changed()
        return result


def _states(word: str | None) -> tuple[tuple[JobState, ...], InstanceState | None]:
    """The states of jobs and of instances that `word` names; without one, all that somebody may have to look at."""
    if word is None:
        return UNFINISHED_JOB_STATES, InstanceState.HELD
    if word in LISTED_INSTANCE_STATES:
        # Jobs have a state `dropped` too, and both kinds are meant by the word.
        return ((JobState.DROPPED,) if word == JobState.DROPPED else ()), InstanceState(word)
    if word in set(JobState):
        return (JobState(word),), None
    known = ", ".join(dict.fromkeys((*JobState, *LISTED_INSTANCE_STATES)))
    raise OperationRefused(f"there is no state {word!r}; there are {known}")


def _entry(entry: QueueEntry, at: datetime) -> dict[str, Any]:
    waits = None if entry.not_before is None else max(0.0, _seconds(entry.not_before - at))
    ages = {"age_seconds": _seconds(at - entry.created_at), "waits_seconds": waits}
    return {**_jsonable(asdict(entry)), **ages}


def _touched(touched: Touched) -> dict[str, Any]:
    return {
        "instance_id": touched.instance_id,
        "sop_instance_uid": touched.sop_instance_uid,
        "destinations": list(touched.destinations),
    }


def _record_touched(connection: Connection, action: ActionRecord, touched: Touched, job_id: int | None = None) -> None:
    done = replace(
        action,
        instance_id=touched.instance_id,
        job_id=job_id,
        sop_instance_uid=touched.sop_instance_uid,
        destinations=touched.destinations,
    )
    record_action(connection, done)


def _seconds(span: timedelta) -> float:
    return round(span.total_seconds(), 3)


def _jsonable(value: Any) -> Any:  # noqa: ANN401 - rows of the register are of any shape
    """`value` with moments as ISO 8601 text and tuples as lists."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): _jsonable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_jsonable(item) for item in value]
    return value
