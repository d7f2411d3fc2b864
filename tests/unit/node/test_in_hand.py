"""The jobs in hand of a worker: few transactions, nothing forgotten, and nothing written for what somebody else has."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from sealgate.audit import schema as audit_schema
from sealgate.errors import StorageError
from sealgate.node.in_hand import BATCH_JOBS, RENEW_BELOW, WRITE_WITHIN_SECONDS, JobsInHand
from sealgate.spool.database import Database
from sealgate.spool.jobs import Outcome
from sealgate.spool.states import JobState
from support.spooling import NOW, job_states, store, take

DONE = Outcome(state=JobState.DONE, started_at=NOW, ended_at=NOW, status=0)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with Database(tmp_path / "sealgate.db", metadatas=(audit_schema.metadata,)) as database:
        yield database


def in_hand(database: Database, owner: str = "pacs/1") -> JobsInHand:
    return JobsInHand(database, lambda: NOW, "pacs", owner)


def deliveries(database: Database) -> list[str]:
    """Outcomes in the register, oldest first."""
    return database.run(
        lambda connection: [row[0] for row in connection.exec_driver_sql("SELECT outcome FROM audit_delivery")]
    )


def test_what_has_ended_is_written_down_and_the_next_jobs_are_leased_by_one_commit(database: Database) -> None:
    for number in range(BATCH_JOBS + 2):
        store(database, number)
    hand = in_hand(database)
    first = hand.exchange()
    assert len(first) == BATCH_JOBS
    for job in first[1:]:
        hand.end(job, DONE)
    assert hand.write_within is not None
    before = database.commits
    second = hand.exchange()
    assert database.commits == before + 1
    assert hand.write_within is None
    assert deliveries(database) == ["done"] * (BATCH_JOBS - 1)
    # The one that was not attempted was given back, and comes first again.
    assert [job.job_id for job in second] == [first[0].job_id, first[-1].job_id + 1, first[-1].job_id + 2]


def test_what_has_ended_is_due_at_once_when_it_is_a_batch_and_soon_before(database: Database) -> None:
    for number in range(BATCH_JOBS):
        store(database, number)
    hand = in_hand(database)
    assert hand.write_within is None
    first, *others = hand.exchange()
    hand.end(first, DONE)
    assert 0 < (hand.write_within or 0) <= WRITE_WITHIN_SECONDS
    for job in others:
        hand.end(job, DONE)
    assert hand.write_within == 0
    hand.write()
    assert hand.write_within is None
    assert set(job_states(database).values()) == {"done"}


def test_nothing_is_in_hand_after_giving_back(database: Database) -> None:
    store(database, 1)
    store(database, 2)
    hand = in_hand(database)
    hand.end(hand.exchange()[0], DONE)
    hand.give_back()
    assert sorted(job_states(database).values()) == ["done", "ready"]
    before = database.commits
    hand.give_back()
    assert database.commits == before


def test_what_could_not_be_written_down_is_written_down_with_what_comes_next(database: Database) -> None:
    store(database)
    hand = in_hand(database)
    hand.end(hand.exchange()[0], DONE)
    database.failure = "the disk is away"
    with pytest.raises(StorageError, match="away"):
        hand.write()
    database.failure = None
    assert deliveries(database) == []
    assert hand.exchange() == []
    assert deliveries(database) == ["done"]
    assert set(job_states(database).values()) == {"done"}


def test_what_somebody_else_has_by_now_is_left_to_them(database: Database) -> None:
    store(database)
    hand = in_hand(database)
    (job,) = hand.exchange()
    (taken,) = take(database, at=job.lease_until, owner="other")
    assert taken.job_id == job.job_id
    hand.end(job, DONE)
    hand.write()
    assert job_states(database) == {job.job_id: "leased"}
    assert deliveries(database) == []


def test_a_lease_that_ends_soon_is_renewed_before_an_attempt(database: Database) -> None:
    store(database)
    now = [NOW]
    hand = JobsInHand(database, lambda: now[0], "pacs", "pacs/1")
    (job,) = hand.exchange()
    before = database.commits
    assert hand.renew(job)
    assert database.commits == before
    now[0] = job.lease_until - RENEW_BELOW + timedelta(seconds=1)
    assert hand.renew(job)
    assert take(database, at=job.lease_until) == []
    (taken,) = take(database, at=job.lease_until + timedelta(hours=1))
    assert taken.job_id == job.job_id
    assert not hand.renew(job)
