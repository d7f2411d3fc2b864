"""A database that an older version wrote becomes, on start, what a new one would be, and keeps what is in it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from sealgate.node.operations import DATABASE_NAME, open_database
from sealgate.spool.instances import find_instance
from sealgate.spool.states import InstanceState
from support.spooling import new_instance, store, take

RECORDED = Path(__file__).parents[2] / "data"


@pytest.fixture
def of_version_1(tmp_path: Path) -> Path:
    directory = tmp_path / "data"
    directory.mkdir(mode=0o700)
    with closing(sqlite3.connect(directory / DATABASE_NAME)) as connection:
        connection.executescript((RECORDED / "schema-1.sql").read_text())
    return directory


def shape(directory: Path) -> set[tuple[object, ...]]:
    """Every column, index, index column and foreign key of a database."""
    with closing(sqlite3.connect(directory / DATABASE_NAME)) as connection:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        indexes = "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL"
        found: set[tuple[object, ...]] = set(connection.execute(indexes))
        for table in tables:
            found.update((table, *row[1:]) for row in connection.execute(f"PRAGMA table_info({table})"))
            found.update(
                (table, "refers to", *row[2:]) for row in connection.execute(f"PRAGMA foreign_key_list({table})")
            )
            for _, index, unique, origin, partial in connection.execute(f"PRAGMA index_list({table})"):
                columns = tuple(row[2] for row in connection.execute(f"PRAGMA index_info({index})"))
                found.add((table, unique, origin, partial, columns))
    return found


def test_a_migrated_database_has_the_shape_of_a_new_one(of_version_1: Path, tmp_path: Path) -> None:
    open_database(of_version_1).close()
    open_database(tmp_path / "new").close()
    assert shape(of_version_1) == shape(tmp_path / "new")


def test_what_was_stored_and_delivered_is_still_there(of_version_1: Path) -> None:
    with open_database(of_version_1) as database:
        rows = database.run(
            lambda c: c.exec_driver_sql(
                "SELECT i.id, i.state, i.policy_digest, j.state, a.id FROM instance i"
                " LEFT JOIN job j ON j.instance_id = i.id LEFT JOIN attempt a ON a.job_id = j.id ORDER BY i.id"
            ).all()
        )
        assert [tuple(row) for row in rows] == [(1, "queued", "", "done", 1), (2, "held", "", None, None)]


def test_what_was_taken_before_rules_were_kept_is_examined_when_it_comes_again(of_version_1: Path) -> None:
    with open_database(of_version_1) as database:
        assert database.run(lambda c: find_instance(c, new_instance(1).key)) is None
        again = store(database, 1, payload="f" * 32)
        assert (again.already_known, again.state, again.instance_id) == (False, InstanceState.QUEUED, 3)
        assert [job.instance_id for job in take(database)] == [3]
