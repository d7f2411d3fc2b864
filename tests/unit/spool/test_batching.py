"""Who waits alone does it himself; of those who wait together one does it for all, and nobody is forgotten."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from sealgate.errors import StorageError
from sealgate.spool.batching import Batches, Pending
from support.waiting import wait_until

MAX_BATCH = 3


class Executed:
    """Executes batches and remembers of each how many functions it had and which thread it was."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.threads: list[int] = []
        self.batches = Batches(self.execute, MAX_BATCH, "the store")

    def execute(self, batch: Sequence[Pending[Any]]) -> None:
        self.sizes.append(len(batch))
        self.threads.append(threading.get_ident())
        for pending in batch:
            try:
                pending.succeed(pending.function())
            except LookupError as error:
                pending.fail(error)


@pytest.fixture
def executed() -> Executed:
    return Executed()


def raising(error: Exception) -> Callable[[], object]:
    def function() -> object:
        raise error

    return function


def test_who_waits_alone_executes_in_its_own_thread(executed: Executed) -> None:
    assert executed.batches.add(lambda: 7).result() == 7
    assert executed.threads == [threading.get_ident()]


def test_adding_executes_nothing_until_somebody_wants_a_result(executed: Executed) -> None:
    pending = [executed.batches.add(lambda number=number: number) for number in range(MAX_BATCH)]
    assert executed.sizes == []
    assert pending[1].result() == 1
    assert [one.done for one in pending] == [True] * MAX_BATCH
    assert [one.result() for one in pending] == [0, 1, 2]
    assert executed.sizes == [MAX_BATCH]


def test_who_waits_for_a_later_batch_executes_those_before_it(executed: Executed) -> None:
    pending = [executed.batches.add(lambda number=number: number) for number in range(2 * MAX_BATCH + 1)]
    assert pending[-1].result() == 2 * MAX_BATCH
    assert executed.sizes == [MAX_BATCH, MAX_BATCH, 1]


def test_those_who_come_meanwhile_share_the_next_batch_and_one_of_them_leads_it(executed: Executed) -> None:
    come = threading.Barrier(MAX_BATCH + 1)

    def come_and_wait(number: int) -> tuple[int, int]:
        pending = executed.batches.add(lambda: number)
        come.wait(timeout=10)
        return pending.result(), threading.get_ident()

    with ThreadPoolExecutor(MAX_BATCH) as pool:
        results = []

        def hold_up() -> None:
            results.extend(pool.submit(come_and_wait, number) for number in range(MAX_BATCH))
            come.wait(timeout=10)

        executed.batches.add(hold_up).result()
        found = [result.result(timeout=10) for result in results]
    assert [number for number, _ in found] == list(range(MAX_BATCH))
    assert executed.sizes == [1, MAX_BATCH]
    assert executed.threads[1] in {thread for _, thread in found}


def test_many_who_wait_all_the_time_are_all_served_and_in_the_order_of_each(executed: Executed) -> None:
    done: list[tuple[int, int]] = []

    def work(thread: int) -> list[int]:
        return [executed.batches.add(lambda step=step: done.append((thread, step)) or step).result() for step in steps]

    steps = range(300)
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(8), timeout=60)) == [list(steps)] * 8
    assert sum(executed.sizes) == len(done) == 8 * len(steps)
    for thread in range(8):
        assert [step for of, step in done if of == thread] == list(steps)


def test_an_error_of_one_function_is_raised_to_whoever_waits_for_it_and_to_nobody_else(executed: Executed) -> None:
    failing = executed.batches.add(raising(LookupError("mine alone")))
    assert executed.batches.add(lambda: 1).result() == 1
    with pytest.raises(LookupError, match="mine alone"):
        failing.result()


def test_what_ends_a_batch_is_raised_to_all_who_have_no_error_of_their_own(executed: Executed) -> None:
    pending = [
        executed.batches.add(function)
        for function in (lambda: 1, raising(LookupError("mine alone")), raising(ArithmeticError("for all")))
    ]
    for one, expected in zip(pending, (ArithmeticError, LookupError, ArithmeticError), strict=True):
        with pytest.raises(expected):
            one.result()
    assert executed.batches.add(lambda: 2).result() == 2


def test_closing_executes_what_nobody_waited_for_and_refuses_what_comes_later(executed: Executed) -> None:
    pending = executed.batches.add(lambda: 1)
    assert executed.batches.close()
    assert pending.result() == 1
    assert not executed.batches.close()
    with pytest.raises(StorageError, match="the store is closed"):
        executed.batches.add(lambda: 2)


def test_two_threads_that_wait_for_the_same_function_are_a_mistake_of_ours(executed: Executed) -> None:
    def hold_up() -> None:
        shared = pool.submit(executed.batches.add, lambda: 1).result(timeout=10)
        results.append(pool.submit(shared.result))
        wait_until(lambda: shared.sleeps, "the first thread sleeps")
        with pytest.raises(RuntimeError, match="two threads"):
            pool.submit(shared.result).result(timeout=10)

    results: list[Future[int]] = []
    with ThreadPoolExecutor(2) as pool:
        executed.batches.add(hold_up).result()
        assert results[0].result(timeout=10) == 1


def test_a_signal_that_ends_the_wait_of_one_thread_leaves_the_others_served(executed: Executed) -> None:
    class Interrupted(Exception):
        pass

    def interrupt(_number: int, _frame: object) -> None:
        raise Interrupted

    held_up, caught = threading.Event(), threading.Event()
    main = threading.get_ident()

    def hold_up() -> None:
        held_up.set()
        wait_until(lambda: mine and mine[0].sleeps, "the main thread sleeps")
        signal.pthread_kill(main, signal.SIGUSR1)
        assert caught.wait(timeout=10)

    mine: list[Pending[int]] = []
    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(executed.batches.add(hold_up).result)
            assert held_up.wait(timeout=10)
            mine.append(executed.batches.add(lambda: 1))
            with pytest.raises(Interrupted):
                mine[0].result()
            caught.set()
            first.result(timeout=10)
        assert mine[0].result() == 1
    finally:
        signal.signal(signal.SIGUSR1, before)
