"""An instance is stored once, with its jobs, and recognised when it comes again."""

from __future__ import annotations

import sqlite3
from threading import Barrier, Thread

import pytest

from sealgate.spool.database import Database
from sealgate.spool.instances import Stored, find_instance, insert_instance
from sealgate.spool.interventions import drop_instance
from sealgate.spool.states import InstanceState, JobState
from support.spooling import NOW, end, job_states, new_instance, store, take

BOTH = {"pacs": 0, "archive": 5}


def test_a_new_instance_has_one_job_per_destination(database: Database) -> None:
    stored = store(database, 1, BOTH)
    assert stored == Stored(
        instance_id=1, state=InstanceState.QUEUED, already_known=False, same_uid_other_bytes=False, requeued=()
    )
    assert [job.priority for job in take(database, "pacs") + take(database, "archive")] == [0, 5]


def test_the_same_again_adds_nothing_while_its_jobs_are_open(database: Database) -> None:
    first = store(database, 1, BOTH)
    again = store(database, 1, BOTH, payload="f" * 32)
    assert (again.instance_id, again.already_known, again.requeued) == (first.instance_id, True, ())
    assert len(job_states(database)) == 2


@pytest.mark.parametrize("state", [JobState.DONE, JobState.DONE_WITH_WARNING])
def test_the_same_again_is_queued_for_destinations_that_have_finished(database: Database, state: JobState) -> None:
    store(database, 1, BOTH)
    end(database, take(database, "pacs")[0], state)
    assert store(database, 1, BOTH).requeued == ("pacs",)
    assert sorted(job_states(database).values()) == sorted([state, "ready", "ready"])


def test_the_same_again_revives_a_dead_job_with_a_new_budget(database: Database) -> None:
    store(database)
    (job,) = take(database)
    end(database, job, JobState.DEAD, error="gave up")
    assert store(database).requeued == ("pacs",)
    (revived,) = take(database)
    assert (revived.job_id, revived.attempts) == (job.job_id, 0)


def test_the_same_again_while_waiting_for_storage_commitment_adds_nothing(database: Database) -> None:
    store(database)
    end(database, take(database)[0], JobState.WAITING_COMMITMENT)
    assert store(database).requeued == ()


def test_the_same_again_that_is_now_to_be_held_is_not_sent_again(database: Database) -> None:
    store(database)
    end(database, take(database)[0], JobState.DONE)
    again = store(database, state=InstanceState.HELD)
    assert (again.state, again.requeued) == (InstanceState.QUEUED, ())


def test_the_same_again_of_something_held_stays_held_without_a_job(database: Database) -> None:
    assert store(database, state=InstanceState.HELD).state is InstanceState.HELD
    again = store(database)
    assert (again.state, again.already_known, again.requeued) == (InstanceState.HELD, True, ())
    assert job_states(database) == {}


def test_the_same_again_of_something_dropped_is_held_again(database: Database) -> None:
    held = store(database, state=InstanceState.HELD)
    database.run(lambda c: drop_instance(c, held.instance_id, NOW, by="A. Person", reason="a test image"))
    assert store(database).state is InstanceState.HELD
    assert job_states(database) == {}


def test_other_bytes_with_the_same_uid_are_a_new_instance_and_said_so(database: Database) -> None:
    first = store(database, 1)
    other = store(database, 2, sop_instance_uid="1.2.3.1")
    assert (other.already_known, other.same_uid_other_bytes) == (False, True)
    assert other.instance_id != first.instance_id
    assert store(database, 1).same_uid_other_bytes


@pytest.mark.parametrize("change", [{"source": "mr"}, {"policy_digest": "b" * 64}])
def test_the_same_bytes_under_other_rules_are_an_instance_of_their_own(
    database: Database, change: dict[str, str]
) -> None:
    first = store(database, 1)
    other = store(database, 1, payload="f" * 32, **change)
    assert other.instance_id != first.instance_id
    assert (other.already_known, other.same_uid_other_bytes) == (False, False)
    assert len(job_states(database)) == 2


def test_of_two_arrivals_at_once_exactly_one_is_stored(database: Database) -> None:
    barrier = Barrier(2)
    results: list[Stored] = []

    def arrive(payload: str) -> None:
        for number in range(50):
            barrier.wait(timeout=10)
            results.append(store(database, number, payload=f"{payload}{number:031x}"))

    threads = [Thread(target=arrive, args=(digit,)) for digit in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert len(results) == 100
    assert sorted(result.already_known for result in results) == [False] * 50 + [True] * 50
    assert len({result.instance_id for result in results}) == 50
    assert list(job_states(database).values()) == ["ready"] * 50


def test_a_known_instance_is_found_before_it_is_signed_again(database: Database) -> None:
    stored = store(database)
    known = database.run(lambda c: find_instance(c, new_instance().key))
    assert known is not None
    assert (known.instance_id, known.payload, known.state) == (
        stored.instance_id,
        new_instance().payload,
        InstanceState.QUEUED,
    )
    assert database.run(lambda c: find_instance(c, new_instance(digest_in="0" * 64).key)) is None


def test_a_payload_belongs_to_one_instance(database: Database) -> None:
    store(database, 1)
    with pytest.raises(sqlite3.IntegrityError, match="payload"):
        store(database, 2, payload=new_instance(1).payload)


@pytest.mark.parametrize("state", [InstanceState.RECEIVED, InstanceState.SIGNED, InstanceState.DROPPED])
def test_an_instance_is_not_stored_in_a_state_that_promises_nothing(state: InstanceState) -> None:
    with pytest.raises(RuntimeError, match="cannot be stored"):
        new_instance(state=state)


@pytest.mark.parametrize("layout", [(), ((0, 0),), ((5, 2),), ((-1, 3),), ((0, 1001),)])
def test_a_layout_outside_of_its_payload_is_a_mistake_of_ours(layout: tuple[tuple[int, int], ...]) -> None:
    with pytest.raises(RuntimeError, match="does not lie within"):
        new_instance(layout=layout)


def test_a_moment_without_time_zone_is_a_mistake_of_ours(database: Database) -> None:
    with pytest.raises(Exception, match="without a time zone"):
        database.run(lambda c: insert_instance(c, new_instance(), {}, NOW.replace(tzinfo=None)))
