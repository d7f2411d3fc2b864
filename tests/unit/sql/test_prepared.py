"""A prepared statement does what SQLAlchemy would do with it, without SQLAlchemy."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from enum import StrEnum
from typing import Any

import pytest
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Connection,
    Enum,
    Integer,
    MetaData,
    StaticPool,
    String,
    Table,
    bindparam,
    create_engine,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects import sqlite

from sealgate.sql.prepared import Prepared, driver


class Colour(StrEnum):
    RED = "dark red"
    BLUE = "blue"


table = Table(
    "thing",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("name", String, unique=True),
    Column("colour", Enum(Colour, native_enum=False, values_callable=lambda kind: [one.value for one in kind])),
    Column("parts", JSON),
    Column("good", Boolean),
)
VALUES = {"name": "a", "colour": Colour.RED, "parts": [[1, 2], {"x": None}], "good": True}


@pytest.fixture
def connection() -> Iterator[Connection]:
    engine = create_engine("sqlite://", poolclass=StaticPool)
    with engine.connect() as connection:
        table.create(connection)
        yield connection
    engine.dispose()


def stored(connection: Connection) -> list[Any]:
    return driver(connection).execute("SELECT name, colour, parts, good FROM thing ORDER BY id").fetchall()


def test_it_stores_and_reads_what_sqlalchemy_stores_and_reads(connection: Connection) -> None:
    Prepared(insert(table), columns=list(VALUES)).execute(connection, VALUES)
    connection.execute(insert(table), {**VALUES, "name": "b"})
    (first, second) = stored(connection)
    assert first[1:] == second[1:]
    assert first[1] == "dark red"
    columns = select(table.c.name, table.c.colour, table.c.parts, table.c.good).order_by(table.c.id)
    assert Prepared(columns).rows(connection, {}) == [tuple(row) for row in connection.execute(columns)]


def test_nothing_stays_nothing(connection: Connection) -> None:
    Prepared(insert(table), columns=["name", "colour"]).execute(connection, {"name": None, "colour": None})
    columns = select(table.c.name, table.c.colour, table.c.parts, table.c.good)
    assert Prepared(columns).row(connection, {}) == (None, None, None, None)


def test_values_that_the_statement_holds_itself_need_not_be_given(connection: Connection) -> None:
    Prepared(insert(table), columns=list(VALUES)).execute(connection, VALUES)
    of_name = table.c.name == bindparam("wanted")
    change = Prepared(update(table).where(of_name).values(colour=Colour.BLUE, parts=bindparam("new")))
    assert change.execute(connection, {"wanted": "a", "new": [7]}) == 1
    assert change.execute(connection, {"wanted": "b", "new": [8]}) == 0
    assert stored(connection) == [("a", "blue", "[7]", 1)]


def test_a_value_that_is_missing_is_a_mistake_of_ours(connection: Connection) -> None:
    with pytest.raises(KeyError, match="wanted"):
        Prepared(select(table.c.id).where(table.c.name == bindparam("wanted"))).rows(connection, {"other": "a"})


def test_rows_that_an_insert_returns_are_read(connection: Connection) -> None:
    add = Prepared(
        sqlite.insert(table)
        .on_conflict_do_nothing(index_elements=[table.c.name])
        .returning(table.c.id, table.c.colour),
        columns=list(VALUES),
    )
    assert add.row(connection, VALUES) == (1, Colour.RED)
    assert add.row(connection, VALUES) is None


def test_many_rows_go_in_at_once_also_none(connection: Connection) -> None:
    add = Prepared(insert(table), columns=list(VALUES))
    add.execute_each(connection, [])
    add.execute_each(connection, [{**VALUES, "name": str(number)} for number in range(3)])
    assert [row[0] for row in stored(connection)] == ["0", "1", "2"]


def test_several_rows_are_asked_for_by_one_list(connection: Connection) -> None:
    add = Prepared(insert(table), columns=list(VALUES))
    add.execute_each(connection, [{**VALUES, "name": str(number)} for number in range(5)])
    wanted = select(func.json_each(bindparam("ids", type_=JSON)).table_valued("value").c.value)
    chosen = Prepared(select(table.c.name).where(table.c.id.in_(wanted)))
    assert chosen.rows(connection, {"ids": [2, 4, 99]}) == [("1",), ("3",)]


def test_an_error_of_the_driver_is_raised_as_it_is(connection: Connection) -> None:
    add = Prepared(insert(table), columns=list(VALUES))
    add.execute(connection, VALUES)
    with pytest.raises(sqlite3.IntegrityError, match=r"thing\.name"):
        add.execute(connection, VALUES)
