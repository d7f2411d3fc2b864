"""Whether and when a failed delivery is tried again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealgate.spool.retry import Failure, GiveUp, Retry, RetryPolicy, StatusClass, decide, failure_of, status_class

SECOND = timedelta(seconds=1)
POLICY = RetryPolicy(
    first_delay=10 * SECOND, multiplier=2, max_delay=100 * SECOND, jitter=0.2, max_attempts=8, max_age=3600 * SECOND
)
MIDDLE = 0.5
"""The draw that changes no delay."""


@pytest.mark.parametrize(("attempts", "seconds"), [(1, 10), (2, 20), (3, 40), (4, 80), (5, 100), (7, 100)])
def test_delays_grow_by_the_multiplier_up_to_the_largest(attempts: int, seconds: int) -> None:
    assert decide(POLICY, Failure.TRANSIENT, attempts, SECOND, MIDDLE) == Retry(delay=seconds * SECOND)


@pytest.mark.parametrize(("draw", "seconds"), [(0.0, 8), (0.25, 9), (0.75, 11)])
def test_jitter_spreads_a_delay_to_both_sides(draw: float, seconds: int) -> None:
    assert decide(POLICY, Failure.TRANSIENT, 1, SECOND, draw) == Retry(delay=seconds * SECOND)


def test_the_last_attempt_is_the_last() -> None:
    decision = decide(POLICY, Failure.TRANSIENT, 8, SECOND, MIDDLE)
    assert decision == GiveUp(reason="given up after 8 attempts")


def test_an_age_that_is_used_up_ends_the_retries() -> None:
    decision = decide(POLICY, Failure.TRANSIENT, 1, 7200 * SECOND, MIDDLE)
    assert decision == GiveUp(reason="given up after 2 hours")


def test_the_last_retry_comes_when_the_age_is_used_up_and_not_later() -> None:
    assert decide(POLICY, Failure.TRANSIENT, 5, 3590 * SECOND, MIDDLE) == Retry(delay=10 * SECOND)


def test_a_permanent_failure_is_given_up_at_once() -> None:
    assert isinstance(decide(POLICY, Failure.PERMANENT, 1, SECOND, MIDDLE), GiveUp)


def test_a_rejected_association_is_retried_at_the_longest_delay_since_somebody_may_repair_it() -> None:
    assert decide(POLICY, Failure.ASSOCIATION_REJECTED, 1, SECOND, MIDDLE) == Retry(delay=100 * SECOND)


@given(
    attempts=st.integers(1, 10_000),
    age=st.timedeltas(timedelta(0), timedelta(days=30)),
    draw=st.floats(0, 1, exclude_max=True),
    failure=st.sampled_from(Failure),
)
def test_every_retry_lies_ahead_and_within_the_age(
    attempts: int, age: timedelta, draw: float, failure: Failure
) -> None:
    policy = replace(POLICY, max_attempts=20_000, max_age=timedelta(days=7))
    decision = decide(policy, failure, attempts, age, draw)
    if isinstance(decision, Retry):
        assert timedelta(0) < decision.delay <= min(1.2 * policy.max_delay, policy.max_age - age)
    else:
        assert failure is Failure.PERMANENT or age >= policy.max_age


@pytest.mark.parametrize(
    "changes",
    [
        {"first_delay": timedelta(0)},
        {"first_delay": timedelta(hours=1)},
        {"multiplier": 0.5},
        {"jitter": 1.0},
        {"jitter": -0.1},
        {"max_attempts": 0},
        {"max_age": timedelta(0)},
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(RuntimeError):
        replace(POLICY, **changes)


@pytest.mark.parametrize(("attempts", "draw"), [(0, 0.5), (1, 1.0), (1, -0.1)])
def test_a_decision_about_no_attempt_or_an_impossible_draw_is_a_mistake_of_ours(attempts: int, draw: float) -> None:
    with pytest.raises(RuntimeError):
        decide(POLICY, Failure.TRANSIENT, attempts, SECOND, draw)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (0x0000, StatusClass.SUCCESS),
        (0xB000, StatusClass.WARNING),
        (0xB006, StatusClass.WARNING),
        (0xB007, StatusClass.WARNING),
        (0x0107, StatusClass.WARNING),
        (0x0116, StatusClass.WARNING),
        (0x0111, StatusClass.WARNING),
        (0xA700, StatusClass.TRANSIENT),
        (0xA702, StatusClass.TRANSIENT),
        (0xA7FF, StatusClass.TRANSIENT),
        (0x0110, StatusClass.TRANSIENT),
        (0x0213, StatusClass.TRANSIENT),
        (0xA900, StatusClass.PERMANENT),
        (0xA9FF, StatusClass.PERMANENT),
        (0xC000, StatusClass.PERMANENT),
        (0xCFFF, StatusClass.PERMANENT),
        (0x0117, StatusClass.PERMANENT),
        (0x0122, StatusClass.PERMANENT),
        (0x0124, StatusClass.PERMANENT),
        (0x0211, StatusClass.PERMANENT),
    ],
)
def test_statuses_of_the_standard_have_their_class(status: int, expected: StatusClass) -> None:
    assert status_class(status) is expected


def test_a_status_that_nobody_knows_is_never_taken_for_a_delivery_nor_given_up_at_once() -> None:
    assert status_class(0x1234) is StatusClass.TRANSIENT


def test_only_a_failure_has_a_failure() -> None:
    assert failure_of(0xA700) is Failure.TRANSIENT
    assert failure_of(0xC123) is Failure.PERMANENT
    for status in (0x0000, 0xB000):
        with pytest.raises(RuntimeError):
            failure_of(status)
