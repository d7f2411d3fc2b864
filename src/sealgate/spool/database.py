"""The one database of a data directory: one process, one connection, many commits in one fsync.

Every thread hands functions to `Database`. Whoever waits for the result of one takes all functions that are there,
executes each in a SAVEPOINT inside one BEGIN IMMEDIATE transaction, commits once, and only then do the callers go on.
So a commit, which costs one fsync, is shared by all who wait for it, nobody is told of success before it is on the
disk, and one caller alone never waits for another thread.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from sqlalchemy import Connection, MetaData
from sqlalchemy.exc import DBAPIError

from sealgate.errors import SealgateError, StorageError
from sealgate.spool.batching import Batches, Pending
from sealgate.spool.connection import Schema, connect, prepare
from sealgate.spool.faults import from_sqlite_error, is_disk_failure
from sealgate.spool.lock import DataDirectoryLock
from sealgate.spool.schema import MIGRATIONS, Migration, metadata
from sealgate.sql.prepared import driver

T = TypeVar("T")

MAX_BATCH: Final = 256
"""Operations that share one commit: more than any number of associations hands in at once, and it bounds the wait."""

_BEGIN: Final = "BEGIN IMMEDIATE"
_SAVEPOINT: Final = "SAVEPOINT operation"
_RELEASE: Final = "RELEASE operation"
_UNDO: Final = "ROLLBACK TO operation"


class Database:
    """Owner of the SQLite file `path` and, through the file `lock` beside it, of its data directory.

    `metadata` holds the tables of the spool; those of others who keep their rows in the same file, and so in the same
    transactions, come in `metadatas`. Usable from all threads. Raises DataDirectoryInUse or StorageError when
    constructed.
    """

    def __init__(
        self,
        path: Path,
        *,
        metadatas: Sequence[MetaData] = (),
        migrations: Sequence[Migration] = MIGRATIONS,
    ) -> None:
        self.path = path
        self.commits = 0
        """Transactions committed so far; with many callers far fewer than operations."""
        self.failure: str | None = None
        """Why nothing is taken any more, as a sentence; None as long as the disk has kept its word."""
        schema = Schema(metadatas=(metadata, *metadatas), migrations=tuple(migrations))
        self._lock = DataDirectoryLock(path.parent)
        try:
            self._connection = connect(self.path)
            try:
                self.created = prepare(self._connection, path, schema)
                """Whether the file was made just now, so that it knows no instance."""
            except BaseException as error:  # noqa: BLE001 - whatever it is, it is raised, by the name that it has here
                self._connection.close()
                translated = self._translated(error)
                raise translated from translated.__cause__
        except BaseException:
            self._lock.release()
            raise
        self._batches = Batches(self._execute_batch, MAX_BATCH, f"the database {path}")

    def submit(self, function: Callable[[Connection], T]) -> Pending[T]:
        """Let `function` be executed in one transaction with others; it is committed when `Pending.result` returns.

        By itself this executes nothing: whoever asks for a result next does it, or `close`. So a result that nobody
        asks for comes to no harm, but may be long in coming. Functions are executed in the order in which they were
        submitted, by whatever thread, and get the connection. An exception of one undoes what it wrote, and nothing
        else, and is raised by `Pending.result`, as are StorageFull or StorageError where nothing was stored. A function
        must not commit, roll back, wait or keep the connection. Raises StorageError once the database is closed.
        """
        return self._batches.add(function)

    def run(self, function: Callable[[Connection], T]) -> T:
        """The result of `function`, submitted and committed."""
        return self._batches.add(function).result()

    def close(self) -> None:
        """Finish what is waiting, close the file and give the data directory up; a second call does nothing."""
        if not self._batches.close():
            return
        with suppress(DBAPIError, sqlite3.Error):  # all commits are on the disk, and the next start reads the log
            self._connection.close()
        self._lock.release()

    def _execute_batch(self, batch: Sequence[Pending[Any]]) -> None:
        try:
            self._commit(batch)
        except BaseException as error:  # noqa: BLE001 - whatever it is, the next batch begins without a transaction
            translated = self._translated(error)
            self._roll_back()
            raise translated from translated.__cause__

    def _commit(self, batch: Sequence[Pending[Any]]) -> None:
        if self.failure is not None:
            raise StorageError(self.failure)
        raw = driver(self._connection)
        raw.execute(_BEGIN)
        for operation in batch:
            self._execute(raw, operation)
        self._connection.commit()  # ends what SQLAlchemy knows of the transaction, if one of its statements was used
        raw.commit()
        self.commits += 1

    def _execute(self, raw: sqlite3.Connection, operation: Pending[Any]) -> None:
        """Run one operation; its own error is kept for its caller, and only a lost transaction is raised."""
        raw.execute(_SAVEPOINT)
        try:
            operation.succeed(operation.function(self._connection))
        except BaseException as error:  # the caller gets it, whatever it is
            operation.fail(self._translated(error))
            if not raw.in_transaction:  # SQLite itself rolls all back on some errors, a full disk for one
                raise
            raw.execute(_UNDO)
        if not raw.in_transaction:
            raise RuntimeError("a function ended the transaction that it shares with others")
        raw.execute(_RELEASE)

    def _roll_back(self) -> None:
        try:
            self._connection.rollback()
            raw = driver(self._connection)
            if raw.in_transaction:
                raw.rollback()
        except (DBAPIError, sqlite3.Error) as error:
            self._translated(error)
            if self.failure is None:
                self.failure = f"the database {self.path} cannot undo a failed commit; start the gateway again"

    def _translated(self, error: BaseException) -> BaseException:
        """`error` as a StorageError if it is the disk's or SQLite's; what cannot be trusted any more is remembered.

        A failed fsync may have thrown the pages away, and a second one would still call itself successful. After an
        input or output error the file is therefore left alone until the next start reads it anew.
        """
        original = error.orig if isinstance(error, DBAPIError) else error
        if isinstance(error, SealgateError) or not isinstance(original, sqlite3.Error):
            return error
        if isinstance(original, (sqlite3.IntegrityError, sqlite3.ProgrammingError)):
            return error  # a mistake of ours, not of the disk
        translated = from_sqlite_error(original, self.path)
        translated.__cause__ = error
        if is_disk_failure(original) and self.failure is None:
            self.failure = f"{translated}; the gateway must be started again"
        return translated

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
