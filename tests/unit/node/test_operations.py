"""What an operator may do, by name, with values that JSON can carry, and always in the register."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from sealgate.audit.register import record_instance
from sealgate.errors import OperationRefused
from sealgate.node.arguments import PARAMETERS
from sealgate.node.operations import Operations, open_database
from sealgate.spool.database import Database
from sealgate.spool.states import InstanceState, JobState
from support.spooling import MINUTE, NOW, end, job_states, new_record, store, take

LATER = NOW + 6 * MINUTE


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with open_database(tmp_path / "var") as database:
        yield database


@pytest.fixture
def operations(database: Database) -> Operations:
    def clock() -> datetime:
        return LATER

    return Operations(database, clock=clock)


def ask(operations: Operations, name: str, **arguments: Any) -> Any:
    """The result, after a round trip through JSON."""
    return json.loads(json.dumps(operations.call(name, json.loads(json.dumps(arguments)))))


def actions(operations: Operations) -> list[tuple[Any, ...]]:
    return [
        (row["action"], row["operator"], row["reason"], row["instance_id"], row["job_id"], row["destinations"])
        for row in ask(operations, "audit_actions")
    ]


def test_every_operation_that_can_be_called_exists(operations: Operations) -> None:
    assert all(callable(getattr(operations, name)) for name in PARAMETERS)


def test_the_queue_shows_unfinished_deliveries_and_then_held_instances(
    operations: Operations, database: Database
) -> None:
    store(database, 1, state=InstanceState.HELD, reasons=["UNSIGNED"])
    store(database, 2)
    end(database, take(database)[0], JobState.READY, not_before=LATER + MINUTE, status=0xA700, error="no resources")
    delivery, held = ask(operations, "queue_list")
    assert delivery == {
        "instance_id": 2,
        "job_id": 1,
        "sop_instance_uid": "1.2.3.2",
        "state": "ready",
        "destination": "pacs",
        "priority": 0,
        "attempts": 1,
        "last_status": 0xA700,
        "last_error": "no resources",
        "created_at": "2026-11-21T08:00:00+00:00",
        "not_before": "2026-11-21T08:07:00+00:00",
        "reasons": [],
        "age_seconds": 360.0,
        "waits_seconds": 60.0,
    }
    assert (held["instance_id"], held["job_id"], held["state"], held["reasons"]) == (1, None, "held", ["UNSIGNED"])


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"state": "held"}, [(1, None)]),
        ({"state": "done"}, [(2, 1)]),
        ({"state": "ready"}, [(3, 2)]),
        ({"destination": "pacs"}, [(3, 2)]),
        ({"destination": "nowhere"}, []),
        ({"limit": 1}, [(3, 2)]),
        ({"state": "dropped"}, []),
    ],
)
def test_the_queue_can_be_narrowed(
    operations: Operations, database: Database, arguments: dict[str, Any], expected: list[tuple[int, int | None]]
) -> None:
    store(database, 1, state=InstanceState.HELD)
    store(database, 2)
    end(database, take(database)[0], JobState.DONE)
    store(database, 3)
    found = ask(operations, "queue_list", **arguments)
    assert [(entry["instance_id"], entry["job_id"]) for entry in found] == expected


def test_dropped_shows_both_instances_and_deliveries(operations: Operations, database: Database) -> None:
    store(database, 1, state=InstanceState.HELD)
    store(database, 2)
    ask(operations, "queue_drop", by="A. Person", reason="tests", instances=[1, 2])
    found = ask(operations, "queue_list", state="dropped")
    assert [(entry["instance_id"], entry["job_id"]) for entry in found] == [(2, 1), (1, None)]


def test_the_summary_has_one_row_per_destination_and_state(operations: Operations, database: Database) -> None:
    store(database, 1, {"pacs": 0, "archive": 0})
    found = ask(operations, "queue_summary")
    assert found["age_limits_minutes"] == [5, 10, 20, 40, 80, 160, 320, 640, 1280]
    assert [(row["destination"], row["state"], row["count"]) for row in found["rows"]] == [
        ("archive", "ready", 1),
        ("pacs", "ready", 1),
    ]
    assert found["rows"][0]["oldest_age_seconds"] == 360.0
    assert found["rows"][0]["ages"] == [0, 1, 0, 0, 0, 0, 0, 0, 0, 0]


def test_a_retry_is_recorded_with_the_person(operations: Operations, database: Database) -> None:
    store(database)
    end(database, take(database)[0], JobState.DEAD)
    assert ask(operations, "queue_retry", by="A. Person", jobs=[1], reason="repaired") == {"jobs": [1]}
    assert actions(operations) == [("retry", "A. Person", "repaired", None, 1, [])]


def test_a_retry_of_a_destination_is_one_action(operations: Operations, database: Database) -> None:
    for number in range(3):
        store(database, number)
    for job in take(database):
        end(database, job, JobState.DEAD)
    assert ask(operations, "queue_retry", by="A. Person", destination="pacs") == {"jobs": [1, 2, 3]}
    assert actions(operations) == [("retry", "A. Person", None, None, None, ["pacs"])]


def test_a_release_is_recorded_and_queues_the_instance(operations: Operations, database: Database) -> None:
    store(database, state=InstanceState.HELD)
    assert ask(operations, "queue_release", by="A. Person", instances=[1], reason="known signer") == [
        {"instance_id": 1, "sop_instance_uid": "1.2.3.1", "destinations": ["pacs"]}
    ]
    assert job_states(database) == {1: "ready"}
    assert actions(operations) == [("release", "A. Person", "known signer", 1, None, ["pacs"])]


def test_whoever_delivers_is_told_of_every_change_after_its_commit_and_of_nothing_else(database: Database) -> None:
    seen: list[InstanceState] = []

    def changed() -> None:
        (row,) = database.run(lambda connection: connection.exec_driver_sql("SELECT state FROM instance").all())
        seen.append(row[0])

    operations = Operations(database, changed=changed)
    store(database, 1, state=InstanceState.HELD)
    ask(operations, "queue_list")
    ask(operations, "queue_release", instances=[1], by="Ada")
    ask(operations, "queue_retry", destination="pacs", by="Ada")
    ask(operations, "queue_drop", instances=[1], by="Ada", reason="a test image")
    with pytest.raises(OperationRefused):
        ask(operations, "queue_release", instances=[1], by="Ada")
    assert seen == ["queued"] * 3


def test_if_one_of_several_cannot_be_changed_none_is_and_nothing_is_recorded(
    operations: Operations, database: Database
) -> None:
    store(database, 1, state=InstanceState.HELD)
    store(database, 2)
    with pytest.raises(OperationRefused, match="instance 2 is queued"):
        ask(operations, "queue_release", by="A. Person", instances=[1, 2])
    assert job_states(database) == {1: "ready"}
    assert [entry["state"] for entry in ask(operations, "queue_list", state="held")] == ["held"]
    assert actions(operations) == []


def test_a_dropped_delivery_is_recorded_with_its_job(operations: Operations, database: Database) -> None:
    store(database)
    ask(operations, "queue_drop", by="A. Person", reason="archive is gone", jobs=[1])
    assert actions(operations) == [("drop", "A. Person", "archive is gone", 1, 1, ["pacs"])]


def test_the_register_is_listed_with_times_as_text(operations: Operations, database: Database) -> None:
    database.run(lambda c: record_instance(c, new_record(1)))
    database.run(lambda c: record_instance(c, new_record(2, at=LATER)))
    (found,) = ask(operations, "audit_list", since="2026-11-21T09:06:00+01:00")
    assert (found["sop_instance_uid"], found["at"]) == ("1.2.3.2", "2026-11-21T08:06:00+00:00")


@pytest.mark.parametrize(
    ("name", "arguments", "sentence"),
    [
        ("queue_delete_all", {}, "there is no operation 'queue_delete_all'"),
        ("call", {}, "there is no operation 'call'"),
        ("_database", {}, "there is no operation '_database'"),
        ("queue_list", {"order": "up"}, "queue_list takes no 'order'"),
        ("queue_list", {"limit": "many"}, "limit must be a whole number"),
        ("queue_list", {"limit": 0}, "limit must be a whole number"),
        ("queue_list", {"limit": True}, "limit must be a whole number"),
        ("queue_list", {"limit": 2**63}, "limit must be a whole number"),
        ("queue_list", {"state": "lost"}, "there is no state 'lost'"),
        ("queue_list", {"state": "received"}, "there is no state 'received'"),
        ("queue_retry", {"jobs": [1]}, "queue_retry needs by"),
        ("queue_retry", {"by": "A. Person"}, "name either jobs or one destination"),
        ("queue_drop", {"by": "A. Person", "jobs": [1]}, "queue_drop needs reason"),
        ("queue_drop", {"by": "A. Person", "jobs": [1], "reason": " "}, "reason must be a text"),
        ("queue_drop", {"by": "x" * 1001, "jobs": [1], "reason": "x"}, "by must be a text"),
        ("queue_release", {"by": "A. Person", "instances": ["1"]}, "instances must be|whole number"),
        ("queue_release", {"by": "A. Person", "instances": list(range(1, 1002))}, "at most 1000 ids"),
        ("audit_list", {"since": "yesterday"}, "since must be a moment"),
        ("audit_list", {"since": "2026-11-21T08:00:00"}, "since must be a moment with its offset"),
    ],
)
def test_arguments_that_do_not_fit_are_refused_with_a_sentence(
    operations: Operations, name: str, arguments: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(OperationRefused, match=sentence):
        operations.call(name, arguments)
