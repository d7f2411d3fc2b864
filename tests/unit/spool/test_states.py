"""The table of states is complete, and what it does not have is refused."""

from __future__ import annotations

import pytest

from sealgate.spool.states import (
    INSTANCE_TRANSITIONS,
    JOB_TRANSITIONS,
    UNFINISHED_JOB_STATES,
    InstanceState,
    JobState,
    check_transition,
)


def test_every_state_has_its_row() -> None:
    assert set(INSTANCE_TRANSITIONS) == set(InstanceState)
    assert set(JOB_TRANSITIONS) == set(JobState)


def test_every_state_can_be_reached() -> None:
    assert set(InstanceState) - set().union(*INSTANCE_TRANSITIONS.values()) == {InstanceState.RECEIVED}
    assert set().union(*JOB_TRANSITIONS.values()) == set(JobState)


def test_held_and_dead_are_never_final() -> None:
    assert INSTANCE_TRANSITIONS[InstanceState.HELD]
    assert JOB_TRANSITIONS[JobState.DEAD]
    assert JobState.DEAD in UNFINISHED_JOB_STATES


def test_what_is_finished_stays_finished() -> None:
    for state in (JobState.DONE, JobState.DONE_WITH_WARNING, JobState.DROPPED):
        assert not JOB_TRANSITIONS[state]
        assert state not in UNFINISHED_JOB_STATES


def test_a_transition_of_the_table_is_let_through() -> None:
    check_transition(InstanceState.HELD, InstanceState.QUEUED)
    check_transition(JobState.LEASED, JobState.READY)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (JobState.READY, JobState.DONE),
        (JobState.DONE, JobState.READY),
        (InstanceState.QUEUED, InstanceState.HELD),
        (InstanceState.HELD, JobState.READY),
        (JobState.DROPPED, InstanceState.DROPPED),
    ],
)
def test_any_other_transition_is_a_mistake_of_ours(
    before: InstanceState | JobState, after: InstanceState | JobState
) -> None:
    with pytest.raises(RuntimeError):
        check_transition(before, after)
