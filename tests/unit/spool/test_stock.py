"""A stock gives each thing once, whoever asks, and tells what went wrong to whoever finds it empty."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from itertools import count

import pytest

from sealgate.errors import StorageError, StorageFull
from sealgate.spool.stock import Stock


def test_many_threads_never_get_the_same_thing() -> None:
    numbers = count()
    stock = Stock(lambda: [next(numbers) for _ in range(4)], low=2)
    taken: list[int] = []
    threads = [threading.Thread(target=lambda: taken.extend(stock.take() for _ in range(50))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    left = stock.empty()
    assert sorted(taken + left) == list(range(next(numbers)))
    assert len(taken) == 400


def test_who_finds_it_empty_is_told_why_nothing_can_be_made_and_the_next_one_may_have_more_luck() -> None:
    room = False

    def make() -> Sequence[str]:
        if not room:
            raise StorageFull("no room")
        return ["made"]

    stock = Stock(make, low=1)
    for _ in range(2):
        with pytest.raises(StorageFull, match="no room"):
            stock.take()
    room = True
    assert stock.take() == "made"


def test_what_is_left_is_given_back_and_more_is_made_for_who_comes_after() -> None:
    numbers = count()
    stock = Stock(lambda: [next(numbers) for _ in range(3)], low=1)
    assert stock.take() == 2
    assert stock.empty() == [0, 1]
    assert stock.take() == 5
    assert stock.empty() == [3, 4]


def test_without_a_thread_to_make_more_it_says_so_and_goes_on_when_there_is_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def start(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    numbers = count()
    stock = Stock(lambda: [next(numbers) for _ in range(2)], low=2)
    assert stock.take() == 1
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start)
        assert sorted((stock.take(), *stock.empty())) == [0, 2, 3]
        with pytest.raises(StorageError, match="no thread"):
            stock.take()
    assert stock.take() in (3, 5)
