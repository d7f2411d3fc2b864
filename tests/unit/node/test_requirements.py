"""What a source requires of signatures: from the configuration to the verdict."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sealgate.errors import ConfigurationError
from sealgate.node.config import Configuration, checked
from sealgate.node.examination import Subject, examine
from sealgate.node.sources import Source, open_sources
from sealgate.policy.rules import NO_REQUIREMENTS, Condition, Requirements
from sealgate.policy.verdict import Decision, Verdict
from sealgate.signature.profiles import ProfileName
from sealgate.signature.reasons import Reason
from sealgate.verification.coverage import CoverageRequirement, RequiredCoverage
from support.elements import EXPLICIT, EXPLICIT_LE_UID
from support.instances import CT_IMAGE_STORAGE, UNTAMPERED, ct_slice, uid
from support.pki import Authority, Credential
from support.signing import signed

DESCRIPTION = EXPLICIT.element(0x00081030, "LO", UNTAMPERED)
MANUFACTURER = EXPLICIT.element(0x00080070, "LO", b"AB")


def configuration(pki: Authority, **source: Any) -> Configuration:
    tables = {
        "listener": [{"name": "l", "port": 0}],
        "source": [{"name": "s", "action": "verify", **source}],
        "destination": [{"name": "d", "directory": "out"}],
        "trust": {"anchors": [str(pki.certificate_path)]},
    }
    return checked(tables, name="test", folder=Path("/nowhere"))


def source(pki: Authority, **keys: Any) -> Source:
    (opened,) = open_sources(configuration(pki, **keys))
    return opened


def verdict(pki: Authority, credential: Credential, elements: tuple[int, ...] | None = None, **keys: Any) -> Verdict:
    """Verdict on a CT slice that was signed just now."""
    slice_ = ct_slice(1).data_set.replace(DESCRIPTION, MANUFACTURER + DESCRIPTION)
    assert MANUFACTURER in slice_
    data_set = signed(slice_, credential, elements=elements, at=datetime.now(UTC)).data_set
    subject = Subject(
        buffer=data_set,
        start=0,
        sop_class_uid=CT_IMAGE_STORAGE,
        sop_instance_uid=uid(1),
        transfer_syntax_uid=EXPLICIT_LE_UID,
    )

    def refuse() -> Any:
        raise AssertionError("nothing is deflated here")

    return examine(subject, source(pki, **keys), at=datetime.now(UTC), new_uid=refuse, inflated=refuse).verdict


def test_nothing_is_required_by_default(pki: Authority) -> None:
    opened = source(pki)
    assert opened.policy.requirements == NO_REQUIREMENTS
    assert verdict(pki, pki.issue("signer")).decision is Decision.ACCEPT


def test_requirements_are_read(pki: Authority) -> None:
    opened = source(pki, require_profile="creator", require_coverage=["PatientID", "7fe0,0010"], require_timestamp=True)
    coverage = CoverageRequirement(required=RequiredCoverage.TAGS, tags=(0x00100020, 0x7FE00010))
    assert opened.policy.requirements == Requirements(profile=ProfileName.CREATOR, coverage=coverage, timestamp=True)


@pytest.mark.parametrize(
    ("keys", "reasons"),
    [
        ({"require_profile": "base"}, {Reason.PROFILE_REQUIRED}),
        ({"require_timestamp": True}, {Reason.TIMESTAMP_REQUIRED}),
    ],
)
def test_what_does_not_meet_a_requirement_is_invalid(
    keys: dict[str, Any], reasons: set[Reason], pki: Authority
) -> None:
    found = verdict(pki, pki.issue("elliptic"), **keys)
    assert (found.decision, found.condition) == (Decision.HOLD, Condition.INVALID)
    assert set(found.reasons) == {"invalid", *reasons}


def test_required_coverage_counts_all_elements_that_it_names(pki: Authority) -> None:
    signer = pki.issue("signer")
    some = (0x00080016, 0x00080018, 0x00081030, 0x00280010, 0x7FE00010)
    assert verdict(pki, signer, some).decision is Decision.ACCEPT
    assert verdict(pki, signer, some, require_coverage=["rendering"]).decision is Decision.ACCEPT
    found = verdict(pki, signer, some, require_coverage=["all"])
    assert (found.condition, found.reasons) == (Condition.INVALID, ("invalid", "coverage-required"))


def test_what_is_not_all_signed_is_held_unless_the_source_says_otherwise(pki: Authority) -> None:
    signer, without_pixels = pki.issue("signer"), (0x00080016, 0x00080018, 0x00081030)
    found = verdict(pki, signer, without_pixels)
    assert (found.decision, found.condition) == (Decision.HOLD, Condition.QUESTIONABLE)
    assert found.reasons == ("questionable", "rendering-not-signed")
    assert verdict(pki, signer, without_pixels, on_questionable="forward").decision is Decision.ACCEPT
    assert verdict(pki, signer, without_pixels, on_questionable="reject").decision is Decision.REJECT


def test_every_requirement_is_part_of_the_digest_of_the_policy(pki: Authority) -> None:
    keys: list[dict[str, Any]] = [
        {},
        {"require_profile": "base"},
        {"require_coverage": ["all"]},
        {"require_coverage": ["PatientID"]},
        {"require_timestamp": True},
        {"on_questionable": "forward"},
    ]
    assert len({source(pki, **one).policy_digest for one in keys}) == len(keys)


@pytest.mark.parametrize(
    ("keys", "named"),
    [
        ({"require_profile": "manager"}, "require_profile"),
        ({"require_coverage": ["everything"]}, "require_coverage"),
        ({"require_coverage": ["all", "PatientID"]}, "require_coverage"),
        ({"on_questionable": "maybe"}, "on_questionable"),
        ({"action": "pass", "require_timestamp": True}, "does not verify"),
        ({"action": "pass", "require_coverage": ["all"]}, "does not verify"),
        ({"action": "pass", "require_profile": "base"}, "does not verify"),
    ],
)
def test_a_wrong_requirement_is_refused(keys: dict[str, Any], named: str, pki: Authority) -> None:
    with pytest.raises(ConfigurationError, match=named):
        configuration(pki, **keys)
