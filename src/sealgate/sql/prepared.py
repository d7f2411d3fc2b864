"""Statements that are compiled once and then executed by the driver itself.

SQLAlchemy takes about ten times as long as SQLite for a statement that touches one row. So those that every instance
needs are written in Core like the others, are compiled when their module is imported, and go to the driver with the
values that the types of their columns make of ours.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias, cast

from sqlalchemy import Connection, Delete, Insert, Select, Update
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

Statement: TypeAlias = "Select[*tuple[Any, ...]] | Insert | Update | Delete"

_Process: TypeAlias = Callable[[Any], Any]

_DIALECT: Final = sqlite.dialect()


class Prepared:
    """One statement, ready for SQLite.

    An `insert` names its `columns` unless it holds their values itself. Values are given by the name of their column or
    bind parameter, and each has to be there. Errors of the driver are raised as they are (sqlite3.Error).
    """

    def __init__(self, statement: Statement, columns: Sequence[str] | None = None) -> None:
        compiled = statement.compile(dialect=_DIALECT, column_keys=columns)
        assert isinstance(compiled, SQLCompiler)
        self._text = str(compiled)
        self._parameters = tuple(_parameter(compiled, name) for name in compiled.positiontup or ())
        self._results = tuple(_from_database(column.type) for column in statement.exported_columns)

    def execute(self, connection: Connection, values: Mapping[str, object]) -> int:
        """Execute a statement that returns no rows; how many it changed."""
        return driver(connection).execute(self._text, self._bound(values)).rowcount

    def execute_each(self, connection: Connection, rows: Iterable[Mapping[str, object]]) -> None:
        """Execute a statement that returns no rows for each of `rows`."""
        driver(connection).executemany(self._text, [self._bound(values) for values in rows])

    def rows(self, connection: Connection, values: Mapping[str, object]) -> list[tuple[Any, ...]]:
        """All rows, each with its columns in the order of the statement."""
        found = driver(connection).execute(self._text, self._bound(values)).fetchall()
        return [
            tuple([value if made is None else made(value) for made, value in zip(self._results, row, strict=True)])
            for row in found
        ]

    def row(self, connection: Connection, values: Mapping[str, object]) -> tuple[Any, ...] | None:
        """The only row, or the first one; None where there is none."""
        return next(iter(self.rows(connection, values)), None)

    def _bound(self, values: Mapping[str, object]) -> list[object]:
        return [
            value if name is None else values[name] if process is None else process(values[name])
            for name, process, value in self._parameters
        ]


def driver(connection: Connection) -> sqlite3.Connection:
    """The connection of the sqlite3 module under `connection`."""
    return cast("sqlite3.Connection", connection.connection.dbapi_connection)


def _parameter(compiled: SQLCompiler, name: str) -> tuple[str | None, _Process | None, object]:
    """(name, how its value is made ready, None), or (None, None, value) where the statement holds the value itself."""
    bind = compiled.binds[name]
    process = _to_database(bind.type)
    if bind.required:
        return name, process, None
    return None, None, bind.value if process is None else process(bind.value)


def _to_database(type_: TypeEngine[Any]) -> _Process | None:
    return type_.dialect_impl(_DIALECT).bind_processor(_DIALECT)


def _from_database(type_: TypeEngine[Any]) -> _Process | None:
    return type_.dialect_impl(_DIALECT).result_processor(_DIALECT, None)
