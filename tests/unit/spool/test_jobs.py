"""Leases in order, one worker per job, and a fence that keeps out whoever was given up."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from sealgate.spool.database import Database
from sealgate.spool.interventions import drop_instance, retry_now
from sealgate.spool.jobs import LEASE_WINDOW, Outcome, give_back, lease, next_due, reclaim, renew
from sealgate.spool.listing import list_instances, list_jobs, summary
from sealgate.spool.states import InstanceState, JobState
from sealgate.sql.prepared import driver
from support.spooling import MINUTE, NOW, end, job_states, new_instance, store, take


def uids(database: Database, **options: object) -> list[str]:
    return [job.sop_instance_uid.rpartition(".")[2] for job in take(database, **options)]  # type: ignore[arg-type]


def test_jobs_go_by_priority_and_then_in_the_order_of_their_commit(database: Database) -> None:
    for number, priority in enumerate([0, 5, 0, 5, -1]):
        store(database, number, {"pacs": priority})
    assert uids(database, limit=2) == ["1", "3"]
    assert uids(database) == ["0", "2", "4"]
    assert uids(database) == []


def test_a_lease_carries_what_the_delivery_needs(database: Database) -> None:
    store(database, layout=((132, 500), (900, 1000), (500, 900)))
    (job,) = take(database)
    expected = new_instance()
    assert job.layout == ((132, 500), (900, 1000), (500, 900))
    assert (job.payload, job.digest_out, job.payload_size) == (expected.payload, expected.digest_out, 1000)
    assert (job.sop_class_uid, job.transfer_syntax_uid) == (expected.sop_class_uid, expected.transfer_syntax_uid)
    assert (job.fence, job.attempts, job.lease_until, job.received_at) == (1, 0, NOW + MINUTE, NOW)


def test_destinations_do_not_see_each_others_jobs(database: Database) -> None:
    store(database, 1, {"pacs": 0, "archive": 0})
    assert (uids(database), uids(database), uids(database, destination="archive")) == (["1"], [], ["1"])


def test_a_retry_is_not_leased_before_its_moment(database: Database) -> None:
    store(database, 1)
    store(database, 2)
    end(database, take(database, limit=1)[0], JobState.READY, not_before=NOW + MINUTE, error="no connection")
    assert uids(database, at=NOW + MINUTE - timedelta(microseconds=1), limit=1) == ["2"]
    assert database.run(lambda c: next_due(c, "pacs")) == NOW + MINUTE
    assert uids(database, at=NOW + MINUTE) == ["1"]


def test_retries_that_are_due_keep_the_order_among_each_other_and_go_before_younger_jobs(database: Database) -> None:
    for number in range(4):
        store(database, number)
    for delay, job in zip((3, 2, 1), take(database, limit=3), strict=True):
        end(database, job, JobState.READY, not_before=NOW + delay * MINUTE)
    assert uids(database, at=NOW + 3 * MINUTE) == ["0", "1", "2", "3"]


def test_an_expired_lease_is_taken_over_and_the_first_worker_is_fenced_out(database: Database) -> None:
    store(database)
    (frozen,) = take(database, owner="frozen")
    assert take(database, at=NOW + MINUTE - timedelta(microseconds=1)) == []
    (taken,) = take(database, at=NOW + MINUTE, owner="other")
    assert (taken.job_id, taken.fence) == (frozen.job_id, frozen.fence + 1)
    assert not end(database, frozen, JobState.DONE, status=0)
    assert not database.run(lambda c: renew(c, frozen.job_id, frozen.fence, NOW + 9 * MINUTE))
    assert not database.run(lambda c: give_back(c, frozen.job_id, frozen.fence))
    assert job_states(database) == {taken.job_id: "leased"}
    assert end(database, taken, JobState.DONE, status=0)
    assert not end(database, taken, JobState.DEAD)
    assert job_states(database) == {taken.job_id: "done"}


def test_only_attempts_that_counted_are_written_down(database: Database) -> None:
    store(database)
    (first,) = take(database)
    end(database, first, JobState.READY, not_before=NOW, status=0xA700, error="out of resources")
    (second,) = take(database)
    end(database, first, JobState.DONE)
    end(database, second, JobState.DONE, status=0)
    columns = "job_id, fence, status, error"
    rows = database.run(lambda c: c.exec_driver_sql(f"SELECT {columns} FROM attempt ORDER BY id").all())
    assert [tuple(row) for row in rows] == [(1, 1, 0xA700, "out of resources"), (1, 2, 0, None)]
    (entry,) = database.run(lambda c: list_jobs(c, 10, states=[JobState.DONE]))
    assert (entry.attempts, entry.last_status, entry.last_error) == (2, 0, None)


def test_attempts_cannot_be_rewritten(database: Database) -> None:
    store(database)
    end(database, take(database)[0], JobState.DONE, status=0)
    with pytest.raises(IntegrityError, match="only ever added"):
        database.run(lambda c: c.exec_driver_sql("UPDATE attempt SET status = 1"))


def test_a_job_that_is_given_back_keeps_its_place_and_counts_no_attempt(database: Database) -> None:
    for number in range(3):
        store(database, number)
    first, second = take(database, limit=2)
    assert database.run(lambda c: give_back(c, second.job_id, second.fence))
    assert database.run(lambda c: give_back(c, first.job_id, first.fence))
    assert uids(database) == ["0", "1", "2"]


def test_a_renewed_lease_lasts_longer(database: Database) -> None:
    store(database)
    (job,) = take(database)
    assert database.run(lambda c: renew(c, job.job_id, job.fence, NOW + 5 * MINUTE))
    assert take(database, at=NOW + 4 * MINUTE) == []
    assert len(take(database, at=NOW + 5 * MINUTE)) == 1


def test_at_the_start_of_the_only_owner_all_leases_are_void(database: Database) -> None:
    store(database, 1)
    store(database, 2)
    (before, _) = take(database)
    assert database.run(reclaim) == 2
    assert uids(database) == ["1", "2"]
    assert not end(database, before, JobState.DONE)


def test_the_next_due_moment_is_that_of_the_first_job_of_any_kind(database: Database) -> None:
    assert database.run(lambda c: next_due(c, "pacs")) is None
    store(database)
    assert database.run(lambda c: next_due(c, "pacs")) == NOW
    take(database)
    assert database.run(lambda c: next_due(c, "pacs")) == NOW + MINUTE


def test_a_held_instance_has_nothing_to_lease(database: Database) -> None:
    store(database, state=InstanceState.HELD)
    assert take(database) == []


def test_errors_that_a_peer_made_long_are_cut(database: Database) -> None:
    store(database)
    end(database, take(database)[0], JobState.DEAD, error="x" * 100_000)
    (entry,) = database.run(lambda c: list_jobs(c, 10))
    assert entry.last_error == "x" * 500


@pytest.mark.parametrize(
    ("state", "not_before"),
    [(JobState.LEASED, None), (JobState.DROPPED, None), (JobState.READY, None), (JobState.DONE, NOW)],
)
def test_an_attempt_ends_only_in_what_can_follow_it(state: JobState, not_before: object) -> None:
    with pytest.raises(RuntimeError):
        Outcome(state=state, started_at=NOW, ended_at=NOW, not_before=not_before)  # type: ignore[arg-type]


def test_no_statement_of_the_queue_reads_finished_jobs(database: Database) -> None:
    """Every access goes by a partial index or by a key; what is done is not in the partial ones."""
    for number in range(LEASE_WINDOW // 16):
        store(database, number)
    end(database, take(database, limit=1)[0], JobState.DONE)
    statements: list[str] = []
    database.run(lambda c: driver(c).set_trace_callback(statements.append))
    database.run(lambda c: lease(c, "pacs", 3, "worker", NOW, MINUTE))
    database.run(lambda c: next_due(c, "pacs"))
    database.run(lambda c: summary(c, NOW))
    database.run(lambda c: list_jobs(c, 10))
    database.run(lambda c: list_jobs(c, 10, states=[JobState.DEAD], destination="pacs"))
    database.run(lambda c: list_jobs(c, 10, states=[JobState.DROPPED]))
    database.run(lambda c: list_instances(c, 10))
    database.run(lambda c: list_instances(c, 10, state=InstanceState.DROPPED))
    database.run(reclaim)
    database.run(lambda c: retry_now(c, NOW, destination="pacs"))
    database.run(lambda c: drop_instance(c, 9, NOW, by="A. Person", reason="a test"))
    database.run(lambda c: driver(c).set_trace_callback(None))
    queries = [text for text in statements if text.lstrip().startswith(("SELECT", "UPDATE"))]
    assert len(queries) >= 20
    for query in queries:
        for row in database.run(lambda c, query=query: c.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}").all()):
            step = row[3]
            assert "SCAN job" not in step or "USING" in step, f"{step}\n{query}"
            assert "SCAN instance" not in step or "USING" in step, f"{step}\n{query}"
            assert "TEMP B-TREE FOR ORDER BY" not in step or "UPDATE" in query, f"{step}\n{query}"
