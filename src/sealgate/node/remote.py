"""Transactions of a worker process, executed by the process that owns the database.

The two ends of one socket pair talk in messages of `multiprocessing.connection`. A worker sends operations, many at a
time; the owner executes what is there together and answers each by its number.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from itertools import count
from multiprocessing.connection import Connection as Link
from typing import Any, NamedTuple, TypeAlias, TypeVar

import structlog
from sqlalchemy import Connection

from sealgate.errors import StorageError, StorageFull
from sealgate.spool.batching import Pending
from sealgate.spool.database import Database

T = TypeVar("T")

_log = structlog.get_logger(__name__)

_OWNER_GONE = 70
"""Exit code of a worker whose owner is gone (sysexits.h, EX_SOFTWARE)."""


class Operation(NamedTuple):
    """To be executed in a transaction, by a function of plain values that the other process can import."""

    number: int
    function: Callable[[Connection], Any]


class Queued(NamedTuple):
    """Destinations that got a new job."""

    destinations: Sequence[str]


class Outcome(NamedTuple):
    """What came of an operation."""

    number: int
    result: Any
    error: Exception | None
    failure: str | None
    """`Database.failure` afterwards."""


class Ready(NamedTuple):
    """The worker takes associations."""


Message: TypeAlias = Operation | Queued | Outcome | Ready


class RemoteDatabase:
    """The database as a worker has it. Safe to share between threads."""

    def __init__(self, link: Link) -> None:
        self.failure: str | None = None
        """As `Database.failure`."""
        self._link = link
        self._sending = threading.Lock()
        self._numbers = count(1)
        self._open: dict[int, Future[Any]] = {}
        threading.Thread(target=self._receive, name="owner", daemon=True).start()

    def submit(self, function: Callable[[Connection], T]) -> Future[T]:
        """As `Database.submit`; `function` goes to the other process by pickle."""
        future: Future[T] = Future()
        number = next(self._numbers)
        self._open[number] = future
        self._send(Operation(number, function))
        return future

    def run(self, function: Callable[[Connection], T]) -> T:
        """As `Database.run`."""
        return self.submit(function).result()

    def queued(self, destinations: Sequence[str]) -> None:
        """Tell the owner that there is something to deliver."""
        self._send(Queued(destinations))

    def ready(self) -> None:
        """Tell the owner that this worker takes associations."""
        self._send(Ready())

    def _send(self, message: Message) -> None:
        with self._sending:
            self._link.send(message)

    def _receive(self) -> None:
        try:
            while True:
                self._resolve(self._link.recv())
        except BaseException as error:  # noqa: BLE001 - whatever it is, nothing that comes later can be trusted
            # Nobody knows what was committed, nothing can be promised any more: no thread may answer anything.
            if not isinstance(error, EOFError | OSError):
                _log.exception("what the owner of the database said cannot be read")
            os._exit(_OWNER_GONE)

    def _resolve(self, outcome: Outcome) -> None:
        self.failure = outcome.failure
        future = self._open.pop(outcome.number)
        if outcome.error is None:
            future.set_result(outcome.result)
        else:
            future.set_exception(outcome.error)


def serve_worker(
    link: Link, database: Database, *, queued: Callable[[Sequence[str]], object], ready: Callable[[], object]
) -> None:
    """Execute what comes from a worker until it has ended."""
    while (batch := _batch(link)) is not None:
        pending = [(message, _submitted(database, message)) for message in batch if isinstance(message, Operation)]
        for operation, submitted in pending:
            try:
                link.send(_outcome(operation, submitted, database))
            except OSError:  # it is gone; what is committed is committed
                return
        for message in batch:
            if isinstance(message, Queued):
                queued(message.destinations)
            elif isinstance(message, Ready):
                ready()


def _batch(link: Link) -> list[Message] | None:
    """All messages that are there, at least one; None at the end."""
    try:
        batch: list[Message] = [link.recv()]
        while link.poll():
            batch.append(link.recv())
    except (EOFError, OSError):
        return None
    return batch


def _submitted(database: Database, operation: Operation) -> Pending[Any] | StorageError:
    try:
        return database.submit(operation.function)
    except StorageError as error:
        return error


def _outcome(operation: Operation, submitted: Pending[Any] | StorageError, database: Database) -> Outcome:
    if isinstance(submitted, StorageError):
        return Outcome(operation.number, None, submitted, database.failure)
    try:
        return Outcome(operation.number, submitted.result(), None, database.failure)
    except StorageError as error:
        plain = StorageFull(str(error)) if isinstance(error, StorageFull) else StorageError(str(error))
        return Outcome(operation.number, None, plain, database.failure)
    except Exception:  # noqa: BLE001 - whatever it is, the worker waits for an answer
        _log.exception("a transaction of a worker failed by a mistake of ours")
        ours = StorageError("the transaction failed by a mistake of ours; see the log")
        return Outcome(operation.number, None, ours, database.failure)
