"""The register keeps what it was told, whole and for ever."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from sealgate.audit.register import (
    MAX_UNSIGNED_ELEMENTS,
    ActionRecord,
    DeliveryRecord,
    Filters,
    InstanceRecord,
    SignatureRecord,
    first_receipt,
    list_actions,
    list_records,
    record_action,
    record_delivery,
    record_instance,
    record_signature,
)
from sealgate.audit.schema import metadata
from sealgate.spool.database import Database
from sealgate.sql.prepared import driver
from support.spooling import MINUTE, NOW, new_record


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with Database(tmp_path / "sealgate.db", metadatas=[metadata]) as database:
        yield database


def add(database: Database, *records: InstanceRecord) -> list[int]:
    return database.run(lambda c: [record_instance(c, record) for record in records])


def listed(database: Database, limit: int = 100, **filters: Any) -> list[dict[str, Any]]:
    return database.run(lambda c: list_records(c, Filters(**filters), limit))


def signature(record_id: int, **changes: Any) -> SignatureRecord:
    values: dict[str, Any] = {
        "record_id": record_id,
        "made_here": True,
        "digital_signature_uid": "1.2.826.9",
        "location": "",
        "mac_algorithm": "SHA256",
        "outcome": "valid",
    }
    return SignatureRecord(**{**values, **changes})


def test_a_record_comes_back_as_it_was_written(database: Database) -> None:
    record = new_record(
        instance_id=4,
        spliced=((100, 200), (900, 1000)),
        reasons=("UNSIGNED",),
        status=0,
        policy_digest="a" * 64,
        peer_certificate_sha256="b" * 64,
    )
    (record_id,) = add(database, record)
    (found,) = listed(database)
    assert found["id"] == record_id
    assert found["at"] == NOW
    assert found["spliced"] == [[100, 200], [900, 1000]]
    assert (found["reasons"], found["status"], found["policy_digest"]) == (["UNSIGNED"], 0, "a" * 64)
    assert (found["signatures"], found["deliveries"]) == ([], [])


def test_signatures_and_deliveries_are_nested_in_the_order_of_their_events(database: Database) -> None:
    first, second = add(database, new_record(1, instance_id=1), new_record(2, instance_id=2))
    delivery = DeliveryRecord(
        at=NOW, instance_id=1, sop_instance_uid="1.2.3.1", destination="pacs", outcome="ready", status=0xA700
    )

    def write(connection: Any) -> None:
        record_signature(connection, signature(first, made_here=False, outcome="invalid", reasons=["MAC_MISMATCH"]))
        record_signature(connection, signature(second))
        record_signature(connection, signature(first))
        record_delivery(connection, delivery)

    database.run(write)
    newest, oldest = listed(database)
    assert (newest["id"], oldest["id"]) == (second, first)
    assert [row["outcome"] for row in oldest["signatures"]] == ["invalid", "valid"]
    assert [row["made_here"] for row in oldest["signatures"]] == [False, True]
    assert [(row["destination"], row["status"]) for row in oldest["deliveries"]] == [("pacs", 0xA700)]
    assert len(newest["signatures"]) == 1
    assert newest["deliveries"] == []


def test_an_instance_that_was_refused_is_in_the_register_without_an_instance(database: Database) -> None:
    add(database, new_record(verdict="reject", reasons=["NOT_PERMITTED"], digest_in=None, digest_out=None))
    (found,) = listed(database, verdict="reject")
    assert (found["instance_id"], found["digest_in"], found["reasons"]) == (None, None, ["NOT_PERMITTED"])


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, [3, 2, 1]),
        ({"sop_instance_uid": "1.2.3.2"}, [2]),
        ({"calling_ae_title": "CT3"}, [3]),
        ({"verdict": "hold"}, [2]),
        ({"since": NOW + MINUTE}, [3, 2]),
        ({"until": NOW + MINUTE}, [1]),
        ({"since": NOW + MINUTE, "until": NOW + 2 * MINUTE}, [2]),
        ({"verdict": "hold", "calling_ae_title": "CT3"}, []),
        ({"verdict": "accept"}, [3, 1]),
        ({"verdict": "accept' OR 'a' = 'a"}, []),
        ({"calling_ae_title": "CT1", "until": NOW + MINUTE}, [1]),
    ],
)
def test_filters_narrow_the_listing(database: Database, filters: dict[str, Any], expected: list[int]) -> None:
    add(
        database,
        new_record(1),
        new_record(2, at=NOW + MINUTE, verdict="hold"),
        new_record(3, at=NOW + 2 * MINUTE, calling_ae_title="CT3"),
    )
    assert [row["id"] for row in listed(database, **filters)] == expected


def test_the_limit_takes_the_newest(database: Database) -> None:
    add(database, *(new_record(number) for number in range(5)))
    assert [row["id"] for row in listed(database, limit=2)] == [5, 4]
    assert listed(database, limit=0) == []


def test_the_first_receipt_is_the_earliest_of_the_same_bytes(database: Database) -> None:
    new = new_record(1)
    others = (
        new_record(1, at=NOW - MINUTE, digest_in="f" * 64),
        new_record(2, at=NOW - MINUTE, digest_in=new.digest_in),
    )
    add(database, *others, new_record(1, at=NOW + MINUTE), new, new_record(1, at=NOW + 2 * MINUTE))
    assert new.digest_in is not None
    assert database.run(lambda c: first_receipt(c, new.sop_instance_uid, new.digest_in)) == NOW
    assert database.run(lambda c: first_receipt(c, "1.2.3.2", "e" * 64)) is None


@pytest.mark.parametrize(
    "filters",
    [
        {},
        {"sop_instance_uid": "1.2.3.2"},
        {"calling_ae_title": "NOBODY"},
        {"verdict": "hold"},
        {"since": NOW},
        {"until": NOW},
        {"calling_ae_title": "CT1", "since": NOW, "until": NOW + MINUTE},
    ],
)
def test_a_question_about_a_full_register_reads_only_what_it_lists(database: Database, filters: dict[str, Any]) -> None:
    statements: list[str] = []
    database.run(lambda c: driver(c).set_trace_callback(statements.append))
    listed(database, **filters)
    database.run(lambda c: driver(c).set_trace_callback(None))
    (query,) = (text for text in statements if "FROM audit_instance" in text)
    plan = database.run(lambda c: c.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}").all())
    assert ["USING INDEX" in row[3] for row in plan] == [True], "one index, which also gives the order"


def test_moments_are_kept_as_text_in_utc_that_sorts(database: Database) -> None:
    east = timezone(timedelta(hours=9))
    add(database, new_record(1, at=NOW.astimezone(east)))
    text = database.run(lambda c: c.exec_driver_sql("SELECT at FROM audit_instance").scalar_one())
    assert text == "2026-11-21T08:00:00.000000Z"


def test_a_moment_without_time_zone_is_a_mistake_of_ours(database: Database) -> None:
    with pytest.raises(Exception, match="without a time zone"):
        add(database, new_record(at=NOW.replace(tzinfo=None)))


def test_what_a_peer_made_long_is_cut_and_the_count_stays_whole(database: Database) -> None:
    (record_id,) = add(database, new_record())
    elements = [f"(0009,{number:04x})" for number in range(2000)]
    database.run(lambda c: record_signature(c, signature(record_id, unsigned_elements=elements, signer="x" * 9000)))
    (found,) = listed(database)[0]["signatures"]
    assert found["unsigned_elements"] == elements[:MAX_UNSIGNED_ELEMENTS]
    assert found["unsigned_element_count"] == 2000
    assert len(found["signer"]) == 2000


def test_actions_of_people_are_listed_newest_first(database: Database) -> None:
    for action in ("release", "drop"):
        record = ActionRecord(at=NOW, operator="A. Person", action=action, reason="seen", destinations=("pacs",))
        database.run(lambda c, record=record: record_action(c, record))
    assert [row["action"] for row in database.run(lambda c: list_actions(c, 10))] == ["drop", "release"]


@pytest.mark.parametrize("table", sorted(metadata.tables))
@pytest.mark.parametrize("statement", ["UPDATE {} SET id = id + 100", "DELETE FROM {}"])
def test_the_database_refuses_to_change_or_delete_a_row(database: Database, table: str, statement: str) -> None:
    (record_id,) = add(database, new_record())

    def write(connection: Any) -> None:
        record_signature(connection, signature(record_id))
        delivery = DeliveryRecord(
            at=NOW, instance_id=1, sop_instance_uid="1.2.3", destination="pacs", outcome="done", status=0
        )
        record_delivery(connection, delivery)
        record_action(connection, ActionRecord(at=NOW, operator="A. Person", action="drop"))

    database.run(write)
    with pytest.raises(IntegrityError, match="only ever added to"):
        database.run(lambda c: c.exec_driver_sql(statement.format(table)))


def test_a_signature_belongs_to_a_record(database: Database) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        database.run(lambda c: record_signature(c, signature(99)))
