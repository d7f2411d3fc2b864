"""What a person may do to the queue, and what is refused with a sentence."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from sealgate.errors import OperationRefused
from sealgate.spool.database import Database
from sealgate.spool.interventions import drop_instance, drop_job, release, retry_now
from sealgate.spool.listing import list_instances
from sealgate.spool.states import InstanceState, JobState
from support.spooling import MINUTE, NOW, end, job_states, store, take

LATER = NOW + 10 * MINUTE
PERSON: dict[str, Any] = {"by": "A. Person", "reason": "a test image"}


def test_dead_jobs_can_be_replayed_with_a_new_budget(database: Database) -> None:
    store(database)
    end(database, take(database)[0], JobState.DEAD)
    assert database.run(lambda c: retry_now(c, LATER, job_ids=[1])) == (1,)
    (job,) = take(database, at=LATER)
    assert (job.attempts, job.enqueued_at) == (0, LATER)


def test_a_whole_destination_is_replayed_and_no_other_one(database: Database) -> None:
    for number in range(4):
        store(database, number, {"pacs": 0, "archive": 0})
    dead, postponed, leased, _ = take(database)
    end(database, dead, JobState.DEAD)
    end(database, postponed, JobState.READY, not_before=NOW + 60 * MINUTE)
    end(database, take(database, "archive")[0], JobState.DEAD)
    assert database.run(lambda c: retry_now(c, NOW, destination="pacs")) == (dead.job_id, postponed.job_id)
    assert [job.job_id for job in take(database)] == [dead.job_id, postponed.job_id]
    left_behind = database.run(lambda c: retry_now(c, LATER, destination="pacs"))
    assert leased.job_id in left_behind


def test_asking_to_retry_what_is_ready_already_is_no_error(database: Database) -> None:
    store(database)
    assert database.run(lambda c: retry_now(c, NOW, job_ids=[1])) == ()


@pytest.mark.parametrize("state", [JobState.DONE, None])
def test_a_job_that_is_finished_or_being_sent_cannot_be_retried(database: Database, state: JobState | None) -> None:
    store(database)
    (job,) = take(database)
    if state is not None:
        end(database, job, state)
    with pytest.raises(OperationRefused, match=r"job 1 is (done|leased) and cannot be retried"):
        database.run(lambda c: retry_now(c, NOW, job_ids=[1]))


@pytest.mark.parametrize("arguments", [{}, {"job_ids": [1], "destination": "pacs"}, {"job_ids": range(1001)}])
def test_a_retry_names_either_some_jobs_or_a_destination(database: Database, arguments: dict[str, Any]) -> None:
    with pytest.raises(OperationRefused):
        database.run(lambda c: retry_now(c, NOW, **arguments))


def test_a_released_instance_goes_to_the_destinations_it_came_for(database: Database) -> None:
    store(database, 1, {"pacs": 3, "archive": 0}, state=InstanceState.HELD, reasons=["MAC_MISMATCH"])
    (entry,) = database.run(lambda c: list_instances(c, 10))
    assert (entry.state, entry.reasons) == (InstanceState.HELD, ("MAC_MISMATCH",))
    assert database.run(lambda c: release(c, 1, NOW)).destinations == ("pacs", "archive")
    assert take(database)[0].priority == 3
    assert database.run(lambda c: list_instances(c, 10)) == []
    with pytest.raises(OperationRefused, match="instance 1 is queued, not held"):
        database.run(lambda c: release(c, 1, NOW))


def test_a_dropped_instance_is_never_leased_nor_released(database: Database) -> None:
    store(database, state=InstanceState.HELD)
    database.run(lambda c: drop_instance(c, 1, NOW, **PERSON))
    with pytest.raises(OperationRefused, match="instance 1 is dropped"):
        database.run(lambda c: release(c, 1, NOW))
    assert take(database) == []


def test_dropping_a_queued_instance_drops_all_that_is_not_finished(database: Database) -> None:
    store(database, 1, {"pacs": 0, "archive": 0, "backup": 0})
    end(database, take(database, "archive")[0], JobState.DONE)
    end(database, take(database, "backup")[0], JobState.DEAD)
    assert database.run(lambda c: drop_instance(c, 1, NOW, **PERSON)).destinations == ("backup", "pacs")
    assert sorted(job_states(database).values()) == ["done", "dropped", "dropped"]
    with pytest.raises(OperationRefused, match="no job of it is left to drop"):
        database.run(lambda c: drop_instance(c, 1, NOW, **PERSON))


def test_what_is_being_sent_is_not_dropped_until_its_lease_has_ended(database: Database) -> None:
    store(database)
    (job,) = take(database)
    with pytest.raises(OperationRefused, match="being sent right now"):
        database.run(lambda c: drop_instance(c, 1, NOW, **PERSON))
    with pytest.raises(OperationRefused, match="job 1 is leased; try again later"):
        database.run(lambda c: drop_job(c, 1, NOW, **PERSON))
    database.run(lambda c: drop_job(c, 1, LATER, **PERSON))
    assert not end(database, job, JobState.DONE), "the worker of the expired lease comes too late"
    assert job_states(database) == {1: "dropped"}


def test_one_delivery_can_be_dropped_alone(database: Database) -> None:
    store(database, 1, {"pacs": 0, "archive": 0})
    assert database.run(lambda c: drop_job(c, 1, NOW, **PERSON)).destinations == ("pacs",)
    assert job_states(database) == {1: "dropped", 2: "ready"}
    with pytest.raises(OperationRefused, match="nothing to drop"):
        database.run(lambda c: drop_job(c, 1, NOW, **PERSON))


@pytest.mark.parametrize("person", [{"by": "", "reason": "x"}, {"by": "x", "reason": " "}])
def test_nothing_is_dropped_without_a_name_and_a_reason(database: Database, person: dict[str, Any]) -> None:
    store(database, state=InstanceState.HELD)
    for drop in (drop_instance, drop_job):
        with pytest.raises(OperationRefused, match="a name and a reason"):
            database.run(lambda c, drop=drop: drop(c, 1, NOW, **person))


def test_the_database_itself_refuses_a_drop_by_nobody(database: Database) -> None:
    store(database)
    for table in ("instance", "job"):
        with pytest.raises(IntegrityError, match="dropped_by_a_person"):
            database.run(lambda c, table=table: c.exec_driver_sql(f"UPDATE {table} SET state = 'dropped'"))


@pytest.mark.parametrize("operation", ["release", "drop_instance", "drop_job", "retry_now"])
def test_what_does_not_exist_is_said_so(database: Database, operation: str) -> None:
    calls = {
        "release": lambda c: release(c, 9, NOW),
        "drop_instance": lambda c: drop_instance(c, 9, NOW, **PERSON),
        "drop_job": lambda c: drop_job(c, 9, NOW, **PERSON),
        "retry_now": lambda c: retry_now(c, NOW, job_ids=[9]),
    }
    with pytest.raises(OperationRefused, match=r"there is no (instance|job) 9"):
        database.run(calls[operation])
