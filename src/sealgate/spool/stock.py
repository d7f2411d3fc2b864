"""Things that take a while to make, made in advance by a thread of their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from threading import Lock, Thread
from typing import Generic, TypeVar

from sealgate.errors import StorageError

T = TypeVar("T")


class Stock(Generic[T]):
    """What `make` gives, several at a time, taken one by one; more is made when fewer than `low` are left.

    Safe to share between threads; never do two threads make something at once.
    """

    def __init__(self, make: Callable[[], Sequence[T]], *, low: int) -> None:
        self._make = make
        self._low = low
        self._lock = Lock()
        self._made: list[T] = []
        self._making: Future[None] | None = None

    def take(self) -> T:
        """One that nobody else has. Where none is left, raises what `make` raises, or StorageError without a thread."""
        while True:
            with self._lock:
                taken = self._made.pop() if self._made else None
                if len(self._made) < self._low and self._making is None:
                    self._making = Future()
                    try:
                        Thread(target=self._fill, args=(self._making,), name="stock", daemon=True).start()
                    except RuntimeError as error:  # nobody has seen the future yet, and the next one may have more luck
                        self._making = None
                        if taken is None:
                            raise StorageError("no thread can be started; allow the gateway more of them") from error
                making = self._making
            if taken is not None:
                return taken
            assert making is not None
            making.result()

    def empty(self) -> list[T]:
        """All that is left, for the end or for a new beginning; more is made for whoever takes one."""
        with self._lock:
            making = self._making
        if making is not None:
            wait([making])
        with self._lock:
            left, self._made = self._made, []
        return left

    def _fill(self, making: Future[None]) -> None:
        made: Sequence[T] = ()
        failure: BaseException | None = None
        try:
            made = self._make()
        except BaseException as error:  # noqa: BLE001 - whoever waits for it gets it
            failure = error
        with self._lock:
            self._made += made
            self._making = None
        if failure is None:
            making.set_result(None)
        else:
            making.set_exception(failure)
