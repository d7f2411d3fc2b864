"""The queue as a person sees it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sealgate.spool.database import Database
from sealgate.spool.instances import insert_instance
from sealgate.spool.interventions import drop_job
from sealgate.spool.listing import AGE_LIMITS, Backlog, list_jobs, summary
from sealgate.spool.states import InstanceState, JobState
from support.spooling import MINUTE, NOW, end, new_instance, store, take


def test_unfinished_jobs_are_listed_in_their_order_and_finished_ones_youngest_first(database: Database) -> None:
    for number in range(5):
        store(database, number)
    for job in take(database, limit=3):
        end(database, job, JobState.DEAD if job.job_id == 1 else JobState.DONE)
    unfinished = database.run(lambda c: list_jobs(c, 10))
    assert [(entry.job_id, entry.state) for entry in unfinished] == [(1, "dead"), (4, "ready"), (5, "ready")]
    done = database.run(lambda c: list_jobs(c, 10, states=[JobState.DONE]))
    assert [entry.job_id for entry in done] == [3, 2]
    assert len(database.run(lambda c: list_jobs(c, 2))) == 2


def test_a_listing_can_be_for_one_destination(database: Database) -> None:
    store(database, 1, {"pacs": 0, "archive": 0})
    entries = database.run(lambda c: list_jobs(c, 10, destination="archive"))
    assert [(entry.instance_id, entry.sop_instance_uid, entry.destination) for entry in entries] == [
        (1, "1.2.3.1", "archive")
    ]


def test_a_listing_of_all_destinations_is_in_the_order_of_the_commits(database: Database) -> None:
    for number in range(6):
        store(database, number, {("pacs", "archive", "backup")[number % 3]: number})
    end(database, take(database, "archive", limit=1)[0], JobState.DEAD)
    entries = database.run(lambda c: list_jobs(c, 5))
    assert [(entry.job_id, entry.destination) for entry in entries] == [
        (1, "pacs"),
        (2, "archive"),
        (3, "backup"),
        (4, "pacs"),
        (5, "archive"),
    ]


def test_a_listing_can_be_for_one_state(database: Database) -> None:
    for number in range(6):
        store(database, number, {"pacs": 0, "archive": 0})
    first, second, third = take(database, limit=3)
    end(database, first, JobState.DONE_WITH_WARNING)
    end(database, second, JobState.DEAD)
    end(database, third, JobState.DONE_WITH_WARNING)
    database.run(lambda c: drop_job(c, 2, NOW, by="A. Person", reason="a test"))

    def jobs(state: JobState, **options: Any) -> list[int | None]:
        return [entry.job_id for entry in database.run(lambda c: list_jobs(c, 2, states=[state], **options))]

    assert jobs(JobState.READY) == [4, 6]
    assert jobs(JobState.READY, destination="pacs") == [7, 9]
    assert jobs(JobState.DEAD) == [3]
    assert jobs(JobState.DEAD, destination="archive") == []
    assert jobs(JobState.DONE_WITH_WARNING) == [5, 1]
    assert jobs(JobState.DONE_WITH_WARNING, destination="archive") == []
    assert jobs(JobState.DROPPED) == [2]


def test_a_limit_below_one_lists_nothing_and_one_beyond_the_maximum_is_cut(database: Database) -> None:
    store(database)
    assert database.run(lambda c: list_jobs(c, -5)) == []
    assert len(database.run(lambda c: list_jobs(c, 10**9))) == 1


def test_the_summary_counts_by_destination_state_and_age(database: Database) -> None:
    for number in range(3):
        store(database, number, {"pacs": 0})
    store(database, 3, {"archive": 0}, state=InstanceState.HELD)
    end(database, take(database, limit=1)[0], JobState.DEAD)
    ages = [0] * (len(AGE_LIMITS) + 1)
    in_second_column = ages.copy()
    in_second_column[1] = 1
    two_in_second_column = [2 * count for count in in_second_column]
    assert database.run(lambda c: summary(c, NOW + 6 * MINUTE)) == [
        Backlog(destination="pacs", state=JobState.DEAD, count=1, oldest_at=NOW, ages=tuple(in_second_column)),
        Backlog(destination="pacs", state=JobState.READY, count=2, oldest_at=NOW, ages=tuple(two_in_second_column)),
        Backlog(destination=None, state=InstanceState.HELD, count=1, oldest_at=NOW, ages=tuple(in_second_column)),
    ]


def test_each_age_is_counted_in_its_own_column(database: Database) -> None:
    ages = (timedelta(0), *(limit - MINUTE for limit in AGE_LIMITS), AGE_LIMITS[-1], 2 * AGE_LIMITS[-1])
    for number, age in enumerate(ages):
        new = new_instance(number)
        database.run(lambda c, new=new, at=NOW - age: insert_instance(c, new, {"pacs": 0}, at))
    (row,) = database.run(lambda c: summary(c, NOW))
    assert row.ages == (2,) + (1,) * (len(AGE_LIMITS) - 1) + (2,)
    assert (row.count, row.oldest_at) == (len(ages), NOW - ages[-1])


def test_what_is_older_than_all_limits_is_counted_last(database: Database) -> None:
    store(database)
    (row,) = database.run(lambda c: summary(c, NOW + AGE_LIMITS[-1]))
    assert row.ages == (0,) * len(AGE_LIMITS) + (1,)


def test_the_summary_of_an_empty_queue_is_empty(database: Database) -> None:
    assert database.run(lambda c: summary(c, NOW)) == []
