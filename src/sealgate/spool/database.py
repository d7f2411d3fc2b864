"""The one database of a data directory: one process, one connection, one thread, many commits in one fsync.

Every thread hands a function to `Database.run`. The owner thread takes all that is waiting, executes each in a
SAVEPOINT inside one BEGIN IMMEDIATE transaction, commits once, and only then lets the callers go on. So a commit, which
costs one fsync, is shared by all who wait for it, and nobody is told of success before it is on the disk.
"""

from __future__ import annotations

import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from sqlalchemy import Connection, MetaData
from sqlalchemy.exc import DBAPIError

from sealgate.errors import SealgateError, StorageError
from sealgate.spool.connection import Schema, connect, driver, prepare
from sealgate.spool.faults import from_sqlite_error, is_disk_failure
from sealgate.spool.lock import DataDirectoryLock
from sealgate.spool.schema import MIGRATIONS, Migration, metadata

T = TypeVar("T")

MAX_BATCH: Final = 256
"""Operations that share one commit: more than any number of associations hands in at once, and it bounds the wait."""

_BEGIN: Final = "BEGIN IMMEDIATE"
_SAVEPOINT: Final = "SAVEPOINT operation"
_RELEASE: Final = "RELEASE operation"
_UNDO: Final = "ROLLBACK TO operation"


class _Operation:
    """One function that waits for its turn, and the future of its caller."""

    __slots__ = ("error", "function", "future", "result")

    def __init__(self, function: Callable[[Connection], Any]) -> None:
        self.function = function
        self.future: Future[Any] = Future()
        self.result: Any = None
        self.error: BaseException | None = None

    def resolve(self, failure: BaseException | None = None) -> None:
        """Let the caller go on, with its own error before that of the whole commit."""
        error = self.error or failure
        if error is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(error)


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
        self._schema = Schema(metadatas=(metadata, *metadatas), migrations=tuple(migrations))
        self._lock = DataDirectoryLock(path.parent)
        self._waiting: queue.SimpleQueue[_Operation | None] = queue.SimpleQueue()
        self._closing = threading.Lock()
        self._closed = False
        opened: Future[bool] = Future()
        self._owner = threading.Thread(target=self._own, args=(opened,), name="database", daemon=True)
        self._owner.start()
        try:
            self.created = opened.result()
            """Whether the file was made just now, so that it knows no instance."""
        except BaseException:  # the thread is gone, so nobody else gives the directory back
            self._owner.join()
            self._lock.release()
            raise

    def run(self, function: Callable[[Connection], T]) -> T:
        """Execute `function` with the connection in the owner thread; return its result once it is committed.

        An exception of `function` undoes what it wrote, and nothing else, and is raised here. The function must not
        commit, roll back, wait or keep the connection. Raises StorageFull or StorageError where nothing was stored.
        """
        if threading.current_thread() is self._owner:
            raise RuntimeError("a function that runs in the database's thread cannot wait for that thread")
        operation = _Operation(function)
        with self._closing:
            if self._closed:
                raise StorageError(f"the database {self.path} is closed, since the gateway is stopping")
            self._waiting.put(operation)
        result: T = operation.future.result()
        return result

    def close(self) -> None:
        """Finish what is waiting, close the file and give the data directory up; a second call does nothing."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
            self._waiting.put(None)
        self._owner.join()
        self._lock.release()

    def _own(self, opened: Future[bool]) -> None:
        """The owner thread: open, serve, close."""
        try:
            connection = connect(self.path)
        except BaseException as error:  # noqa: BLE001 - whoever constructs the database gets it, whatever it is
            opened.set_exception(error)
            return
        try:
            created = prepare(connection, self.path, self._schema)
        except BaseException as error:  # noqa: BLE001 - as above
            connection.close()
            opened.set_exception(self._translated(error))
            return
        opened.set_result(created)
        self._serve(connection)
        with suppress(DBAPIError, sqlite3.Error):  # all commits are on the disk, and the next start reads the log
            connection.close()

    def _serve(self, connection: Connection) -> None:
        while (batch := self._next_batch()) is not None:
            failure: BaseException | None = None
            try:
                self._commit(connection, batch)
            except BaseException as error:  # noqa: BLE001 - every caller gets it; without it they would wait for ever
                failure = self._translated(error)
                self._roll_back(connection)
            for operation in batch:
                operation.resolve(failure)

    def _next_batch(self) -> list[_Operation] | None:
        """All operations that wait, at least one and MAX_BATCH at most; None at the end."""
        first = self._waiting.get()
        if first is None:
            return None
        batch = [first]
        while len(batch) < MAX_BATCH:
            try:
                operation = self._waiting.get_nowait()
            except queue.Empty:
                break
            if operation is None:
                self._waiting.put(None)  # nothing can follow it, so it is found again after this batch
                break
            batch.append(operation)
        return batch

    def _commit(self, connection: Connection, batch: list[_Operation]) -> None:
        if self.failure is not None:
            raise StorageError(self.failure)
        connection.exec_driver_sql(_BEGIN)
        for operation in batch:
            self._execute(connection, operation)
        connection.commit()
        self.commits += 1

    def _execute(self, connection: Connection, operation: _Operation) -> None:
        """Run one operation; its own error is kept for its caller, and only a lost transaction is raised."""
        raw = driver(connection)
        raw.execute(_SAVEPOINT)
        try:
            operation.result = operation.function(connection)
        except BaseException as error:  # the caller gets it, whatever it is
            operation.error = self._translated(error)
            if not raw.in_transaction:  # SQLite itself rolls all back on some errors, a full disk for one
                raise
            raw.execute(_UNDO)
        if not raw.in_transaction:
            raise RuntimeError("a function ended the transaction that it shares with others")
        raw.execute(_RELEASE)

    def _roll_back(self, connection: Connection) -> None:
        try:
            connection.rollback()
            raw = driver(connection)
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
