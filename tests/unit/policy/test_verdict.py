"""The verdict: what a verification and the rules of a source make of an instance, and why."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sealgate.policy.rules import Action, Condition, Handling, SourcePolicy
from sealgate.policy.verdict import ACCEPTED, Decision, judge, misfit
from sealgate.verification.report import DataSetReport, Outcome
from support.elements import EXPLICIT
from support.pki import Authority
from support.samples import sample
from support.signing import AT, anchors, signed, verified

DECISIONS = {
    Handling.FORWARD: Decision.ACCEPT,
    Handling.HOLD: Decision.HOLD,
    Handling.REJECT: Decision.REJECT,
}
VERIFYING = (Action.VERIFY, Action.VERIFY_AND_SIGN)


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[Outcome, DataSetReport]:
    """One verified data set of each outcome."""
    authority = Authority(tmp_path_factory.mktemp("pki"), now=AT)
    original = sample("CT_small.dcm").read_bytes()
    file = signed(original, authority.issue("signer")).file
    tampered = file.replace(b"CompressedSamples^CT1", b"CompressedSamples^CT2")
    padded = EXPLICIT.element(0xFFFCFFFC, "OB", b"ab")
    found = {
        Outcome.VALID: verified(file, anchors(authority)),
        Outcome.QUESTIONABLE: verified(file[: file.rindex(b"\xfc\xff\xfc\xff")] + padded, anchors(authority)),
        Outcome.INVALID: verified(tampered, anchors(authority)),
        Outcome.INDETERMINATE: verified(file, anchors()),
        Outcome.UNSIGNED: verified(original, anchors(authority)),
    }
    assert all(report.outcome is outcome for outcome, report in found.items())
    return found


@pytest.mark.parametrize("action", VERIFYING)
@pytest.mark.parametrize("handling", Handling)
@pytest.mark.parametrize("outcome", [outcome for outcome in Outcome if outcome is not Outcome.VALID])
def test_what_is_not_valid_is_treated_by_its_rule(
    reports: dict[Outcome, DataSetReport], outcome: Outcome, handling: Handling, action: Action
) -> None:
    rules = {f"on_{outcome.value}": handling}
    verdict = judge(SourcePolicy(action=action, **rules), reports[outcome])
    assert verdict.decision is DECISIONS[handling]
    assert verdict.condition == outcome.value
    assert verdict.reasons[0] == outcome.value


@pytest.mark.parametrize("action", VERIFYING)
def test_what_is_valid_is_accepted_whatever_the_rules(reports: dict[Outcome, DataSetReport], action: Action) -> None:
    strict = SourcePolicy(
        action=action,
        on_unsigned=Handling.REJECT,
        on_invalid=Handling.REJECT,
        on_indeterminate=Handling.REJECT,
        on_questionable=Handling.REJECT,
        on_unsignable=Handling.REJECT,
        on_unreadable=Handling.REJECT,
    )
    assert judge(strict, reports[Outcome.VALID]) == ACCEPTED


@pytest.mark.parametrize("action", [Action.SIGN, Action.PASS])
@pytest.mark.parametrize("outcome", Outcome)
def test_signatures_decide_nothing_where_nobody_asked_for_them(
    reports: dict[Outcome, DataSetReport], outcome: Outcome, action: Action
) -> None:
    strict = SourcePolicy(action=action, on_unsigned=Handling.REJECT, on_invalid=Handling.REJECT)
    assert judge(strict, reports[outcome]) == ACCEPTED


def test_the_reasons_are_the_codes_of_signatures_and_data_set_each_one_once(
    reports: dict[Outcome, DataSetReport],
) -> None:
    questionable = judge(SourcePolicy(action=Action.VERIFY), reports[Outcome.QUESTIONABLE])
    assert questionable.reasons == ("questionable", "unsigned-payload")
    verdict = judge(SourcePolicy(action=Action.VERIFY), reports[Outcome.INVALID])
    assert verdict.reasons == ("invalid", "mac-mismatch")
    twice = replace(reports[Outcome.INVALID], signatures=reports[Outcome.INVALID].signatures * 2)
    assert judge(SourcePolicy(action=Action.VERIFY), twice).reasons == verdict.reasons


@pytest.mark.parametrize("condition", [Condition.UNSIGNABLE, Condition.UNREADABLE])
@pytest.mark.parametrize("handling", Handling)
@pytest.mark.parametrize("action", Action)
def test_a_misfit_is_treated_by_its_rule_with_the_sentence_as_a_reason(
    condition: Condition, handling: Handling, action: Action
) -> None:
    rules = {f"on_{condition.value}": handling}
    verdict = misfit(SourcePolicy(action=action, **rules), condition, "this is why")
    assert verdict.decision is DECISIONS[handling]
    assert verdict.condition is condition
    assert verdict.reasons == (condition.value, "this is why")
