"""The rules of a source: what each action does, defaults, and a digest that tells one policy from another."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from sealgate.policy.rules import Action, Condition, Handling, SourcePolicy, policy_digest


def with_rule(policy: SourcePolicy, name: str, handling: Handling) -> SourcePolicy:
    changes: dict[str, Any] = {name: handling}
    return replace(policy, **changes)


@pytest.mark.parametrize(
    ("action", "verifies", "signs"),
    [
        (Action.SIGN, False, True),
        (Action.VERIFY, True, False),
        (Action.VERIFY_AND_SIGN, True, True),
        (Action.PASS, False, False),
    ],
)
def test_each_action_verifies_or_signs_or_both(action: Action, verifies: bool, signs: bool) -> None:
    assert (action.verifies, action.signs) == (verifies, signs)


@pytest.mark.parametrize("condition", Condition)
def test_what_does_not_fit_is_held_unless_said_otherwise(condition: Condition) -> None:
    assert SourcePolicy(action=Action.VERIFY_AND_SIGN).handling(condition) is Handling.HOLD


@pytest.mark.parametrize("condition", Condition)
@pytest.mark.parametrize("handling", Handling)
def test_each_condition_has_a_rule_of_its_own(condition: Condition, handling: Handling) -> None:
    policy = with_rule(SourcePolicy(action=Action.VERIFY), f"on_{condition.value}", handling)
    others = set(Condition) - {condition}
    assert policy.handling(condition) is handling
    assert {policy.handling(other) for other in others} == {Handling.HOLD}


def test_the_digest_depends_on_every_rule() -> None:
    plain = SourcePolicy(action=Action.PASS)
    changed = [replace(plain, action=action) for action in Action if action is not Action.PASS]
    changed += [
        with_rule(plain, field.name, handling)
        for field in fields(plain)
        if field.name != "action"
        for handling in (Handling.FORWARD, Handling.REJECT)
    ]
    digests = {policy_digest(policy, ()) for policy in (plain, *changed)}
    assert len(digests) == 1 + len(changed)


def test_the_digest_depends_on_the_trust_anchors_and_not_on_their_order() -> None:
    policy = SourcePolicy(action=Action.VERIFY)
    digests = [policy_digest(policy, anchors) for anchors in ((), (b"one",), (b"one", b"two"), (b"two", b"one"))]
    assert digests[2] == digests[3]
    assert len(set(digests)) == 3


def test_the_digest_stays_the_same_from_one_version_to_the_next() -> None:
    digest = policy_digest(SourcePolicy(action=Action.SIGN), (b"anchor",))
    assert digest == "b27955a9fa7bb48001b2c5623a4209defbe0caa3d7321186797c9af86084d313"
