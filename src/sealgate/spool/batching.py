"""Leader and followers: of all who wait for something to be executed, one executes it for all, batch by batch.

Who waits alone executes what it waits for itself, so nothing is handed from thread to thread. Where several wait, the
first one takes all that was added so far as one batch; what is added meanwhile is the next batch, and one of those who
wait for it is woken to lead it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from sealgate.errors import StorageError

T = TypeVar("T")


class Pending(Generic[T]):
    """A function that waits for its turn, and then what came of it."""

    __slots__ = ("_batches", "_error", "_result", "_woken", "done", "function")

    def __init__(self, batches: Batches, function: Callable[..., T]) -> None:
        self.function = function
        self.done = False
        """Whether its batch has ended."""
        self._batches = batches
        self._result: Any = None
        self._error: BaseException | None = None
        self._woken: threading.Lock | None = None

    def result(self) -> T:
        """What the function returned, once its batch has ended well; it is executed by this thread if by no other.

        Raises what the function raised, or else what ended the batch. For one thread at a time.
        """
        self._batches.complete(self)
        if self._error is not None:
            raise self._error
        result: T = self._result
        return result

    def succeed(self, result: T) -> None:
        """Keep what the function returned."""
        self._result = result

    def fail(self, error: BaseException) -> None:
        """Keep what went wrong; the first error is the one that is told."""
        if self._error is None:
            self._error = error

    @property
    def sleeps(self) -> bool:
        """Whether a thread sleeps until `wake`."""
        return self._woken is not None

    def prepare_to_sleep(self) -> None:
        """Announce a sleep: from now on no `wake` is lost."""
        if self._woken is not None:
            raise RuntimeError("two threads wait for the same operation")
        self._woken = threading.Lock()
        self._woken.acquire()

    def sleep(self) -> None:
        """Wait for `wake`, which may have come already."""
        assert self._woken is not None
        try:
            self._woken.acquire()
        finally:
            self._woken = None

    def wake(self) -> None:
        """End the announced sleep; without one it does nothing."""
        if (woken := self._woken) is not None:
            woken.release()


class Batches:
    """Functions in the order in which they were added, executed batch by batch; `name` says what is closed by `close`.

    `execute` gets each batch, of `max_batch` functions at most and never two at once. It calls `succeed` or `fail` of
    each; what it raises itself fails all of them.
    """

    def __init__(self, execute: Callable[[Sequence[Pending[Any]]], None], max_batch: int, name: str) -> None:
        self._execute = execute
        self._max_batch = max_batch
        self._name = name
        self._lock = threading.Lock()
        """For the fields below; nobody waits, or executes anything, while holding it."""
        self._waiting: deque[Pending[Any]] = deque()
        self._leader: Pending[Any] | None = None
        """That whose thread executes, or was woken to."""
        self._executing: int | None = None
        """Identifier of the thread that is in `execute`."""
        self._closed = False

    def add(self, function: Callable[..., T]) -> Pending[T]:
        """Let `function` wait for its turn. Raises StorageError after `close`, RuntimeError within a batch."""
        self._refuse_within_batch()
        pending = Pending(self, function)
        with self._lock:
            if self._closed:
                raise StorageError(f"{self._name} is closed, since the gateway is stopping")
            self._waiting.append(pending)
        return pending

    def complete(self, pending: Pending[Any]) -> None:
        """Return when `pending` is done: let another thread do it, or lead. Raises RuntimeError within a batch."""
        if pending.done:
            return
        self._refuse_within_batch()
        if self._has_to_lead(pending):
            self._lead(pending)

    def close(self) -> bool:
        """Execute all that was added, and refuse what comes later; False if it was closed before."""
        self._refuse_within_batch()
        last: Pending[None] = Pending(self, lambda *_: None)
        with self._lock:
            if self._closed:
                return False
            self._closed = True
            self._waiting.append(last)
        self.complete(last)
        return True

    def _has_to_lead(self, pending: Pending[Any]) -> bool:
        """False once another thread has done `pending`; True as soon as nobody leads, and then this thread does."""
        with self._lock:
            if pending.done:
                return False
            if self._leader is None:
                self._leader = pending
                return True
            pending.prepare_to_sleep()
        try:
            pending.sleep()
        except BaseException:  # a signal: this thread will not lead, and may have been chosen to
            with self._lock:
                chosen = self._leader is pending
            if chosen:
                self._hand_over()
            raise
        return self._leader is pending

    def _lead(self, pending: Pending[Any]) -> None:
        try:
            while not pending.done:
                self._execute_batch()
        finally:
            self._hand_over()

    def _execute_batch(self) -> None:
        with self._lock:
            batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), self._max_batch))]
        self._executing = threading.get_ident()
        try:
            self._execute(batch)
        except BaseException as error:  # noqa: BLE001 - each gets it; without it those who sleep would for ever
            for pending in batch:
                pending.fail(error)
        finally:
            self._executing = None
        with self._lock:
            for pending in batch:
                pending.done = True
                pending.wake()

    def _hand_over(self) -> None:
        """Let the first one that sleeps lead. What nobody waits for stays until somebody leads or closes."""
        with self._lock:
            self._leader = next((pending for pending in self._waiting if pending.sleeps), None)
            if self._leader is not None:
                self._leader.wake()

    def _refuse_within_batch(self) -> None:
        if self._executing == threading.get_ident():
            raise RuntimeError("a function within a batch cannot wait for another one")
