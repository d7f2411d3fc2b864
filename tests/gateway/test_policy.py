"""What becomes of an instance under every rule of a source: the answer, the register, and where it goes."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from sealgate.errors import AssociationRejected, StoreRefused
from sealgate.node.dimse import Status, StoreRequest, StoreResponse
from sealgate.node.operations import read_clock
from sealgate.node.peer import Peer
from sealgate.node.pipeline import Intake, Pipeline
from sealgate.spool.database import Database
from sealgate.spool.payload import PayloadStore
from sealgate.verification.report import Outcome
from support.elements import EXPLICIT
from support.gateway import Gateway, gateway, identity
from support.instances import (
    UNTAMPERED,
    Instance,
    ct_slice,
    data_set_of,
    identification,
    outcome_of,
    send,
    signed_slice,
    uid,
)
from support.payload_files import payload_files
from support.pki import Authority, Credential
from support.signing import signed

NUMBERS = itertools.count(1)
"""Every test has instances of its own, since they all share one gateway."""
CONDITIONS = {
    "sign": ("unsignable", "unreadable"),
    "verify": ("unsigned", "invalid", "indeterminate", "questionable", "unreadable"),
    "verify-and-sign": ("unsigned", "invalid", "indeterminate", "questionable", "unsignable", "unreadable"),
    "pass": ("unreadable",),
}
"""What the rules of a source with each action can decide about."""
HANDLINGS = ("forward", "hold", "reject")
STATUS = {
    "unsigned": 0xC100,
    "invalid": 0xC101,
    "indeterminate": 0xC102,
    "unsignable": 0xC103,
    "questionable": 0xC104,
    "unreadable": 0xC000,
}
COMMENT = {
    "unsigned": "Rejected by policy: no digital signature",
    "invalid": "Rejected by policy: digital signature invalid",
    "indeterminate": "Rejected by policy: signature could not be judged",
    "unsignable": "Rejected by policy: the data set cannot be signed",
    "questionable": "Rejected by policy: not all that is shown is signed",
    "unreadable": "",
}
DECISION = {"forward": "accept", "hold": "hold", "reject": "reject"}
SHORT = {
    "sign": "S",
    "verify": "V",
    "verify-and-sign": "VS",
    "pass": "P",
    "unsigned": "NONE",
    "invalid": "INV",
    "indeterminate": "INDET",
    "questionable": "QUEST",
    "unsignable": "USG",
    "unreadable": "BAD",
}
"""AE titles have 16 characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The gateway, and the keys around it."""

    gateway: Gateway
    received: Path
    trusted: Authority
    signer: Credential
    stranger: Credential


class Seen(NamedTuple):
    """What can be seen of an instance after it has been answered for."""

    response: StoreResponse
    record: dict[str, Any]
    held: bool
    delivered: bytes | None
    """The data set in the destination."""


def ae_title(action: str, condition: str = "", handling: str = "") -> str:
    words = filter(None, (action, condition, handling))
    return "-".join(SHORT.get(word, word) for word in words).upper()


def sources() -> Iterator[dict[str, Any]]:
    """One source for each rule, known by its calling AE title, and one for each action with the defaults."""
    for action, conditions in CONDITIONS.items():
        signs = {"identity": "signer"} if "sign" in action else {}
        yield {"name": action, "calling_ae_titles": [ae_title(action)], "action": action, **signs}
        for condition, handling in itertools.product(conditions, HANDLINGS):
            title = ae_title(action, condition, handling)
            # An element that no instance has cannot be signed in one whose own signature is valid.
            absent = {"elements": ["PatientID"]} if (action, condition) == ("verify-and-sign", "unsignable") else {}
            rule = {"name": title, "calling_ae_titles": [title], "action": action, f"on_{condition}": handling}
            yield {**rule, **signs, **absent}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, pki: Authority) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("policy")
    signer = pki.issue("policy signer")
    stranger = Authority(folder / "stranger", "Unknown CA").issue("stranger")
    tables = {
        "node": {"ae_title": "SEALGATE", "any_called_ae_title": False},
        "identity": [identity(signer)],
        "source": list(sources()),
        "trust": {"anchors": [pki.certificate_path]},
    }
    with gateway(folder, tables=tables) as running:
        yield Site(gateway=running, received=folder / "received", trusted=pki, signer=signer, stranger=stranger)


def instance_that_is(condition: str, site: Site, action: str = "verify") -> Instance:
    number = next(NUMBERS)
    if condition == "invalid":
        return signed_slice(number, site.signer, tampered=True)
    if condition == "indeterminate":
        return signed_slice(number, site.stranger)
    if condition == "questionable":
        good = signed_slice(number, site.signer)
        return replace(good, data_set=good.data_set + EXPLICIT.element(0xFFFCFFFC, "OB", b"payload "))
    if condition == "valid" or (condition == "unsignable" and action == "verify-and-sign"):
        return signed_slice(number, site.signer)
    unsigned = ct_slice(number)
    if condition == "unsignable":
        twice = EXPLICIT.element(0x00081030, "LO", UNTAMPERED)
        return replace(unsigned, data_set=unsigned.data_set.replace(twice, twice * 2))
    if condition == "unreadable":
        return replace(unsigned, data_set=unsigned.data_set[:-10])
    return unsigned


def sent(site: Site, instance: Instance, calling: str) -> Seen:
    """Send one instance, wait until it has gone where it goes, and look at everything."""
    (response,) = send(site.gateway.port, [instance], calling=calling)
    site.gateway.wait_until_delivered()
    (record,) = site.gateway.ask("audit_list", sop_instance_uid=instance.sop_instance_uid)
    held = [entry["sop_instance_uid"] for entry in site.gateway.ask("queue_list", state="held", limit=1000)]
    path = site.received / f"{instance.sop_instance_uid}.dcm"
    delivered = data_set_of(path.read_bytes()) if path.exists() else None
    return Seen(response, record, instance.sop_instance_uid in held, delivered)


def verdicts(record: dict[str, Any]) -> list[tuple[bool, str]]:
    """Of each signature in the register: whether it was made here, and its outcome."""
    return [(signature["made_here"], signature["outcome"]) for signature in record["signatures"]]


@pytest.mark.parametrize("handling", HANDLINGS)
@pytest.mark.parametrize(
    ("action", "condition"), [(action, condition) for action, found in CONDITIONS.items() for condition in found]
)
def test_each_rule_decides_about_its_own_condition(action: str, condition: str, handling: str, site: Site) -> None:
    instance = instance_that_is(condition, site, action)
    seen = sent(site, instance, ae_title(action, condition, handling))

    rejected = handling == "reject"
    assert seen.response.status == (STATUS[condition] if rejected else Status.SUCCESS)
    assert seen.response.comment.startswith(COMMENT[condition]) if rejected else seen.response.comment == ""
    assert len(seen.response.comment) <= 64
    assert seen.held == (handling == "hold")
    # What was forwarded although it does not fit goes as it came; nothing of ours vouches for it.
    assert seen.delivered == (instance.data_set if handling == "forward" else None)

    record = seen.record
    assert (record["verdict"], record["reasons"][0]) == (DECISION[handling], condition)
    assert record["status"] == seen.response.status
    assert record["action"] == action
    assert record["source"] == record["calling_ae_title"] == ae_title(action, condition, handling)
    assert (record["instance_id"] is None) == rejected
    assert record["digest_out"] == (None if rejected else record["digest_in"])
    assert record["spliced"] == []
    assert len(record["policy_digest"]) == 64
    found = {"invalid": Outcome.INVALID, "indeterminate": Outcome.INDETERMINATE}.get(condition)
    if condition == "questionable" or (condition == "unsignable" and action == "verify-and-sign"):
        found = Outcome.VALID
    assert verdicts(record) == ([] if found is None else [(False, found)])
    assert [delivery["outcome"] for delivery in record["deliveries"]] == (["done"] if handling == "forward" else [])


@pytest.mark.parametrize("action", CONDITIONS)
@pytest.mark.parametrize(
    "condition", ["valid", "unsigned", "invalid", "indeterminate", "questionable", "unsignable", "unreadable"]
)
def test_what_does_not_fit_is_held_by_default(action: str, condition: str, site: Site) -> None:
    instance = instance_that_is(condition, site)
    seen = sent(site, instance, ae_title(action))
    held = condition in CONDITIONS[action]
    if action.startswith("verify") and condition == "unsignable":
        held = True  # being unsigned, it does not come that far
    assert seen.response == StoreResponse(status=Status.SUCCESS)
    assert seen.held == held
    assert (seen.delivered is None) == held
    assert seen.record["verdict"] == ("hold" if held else "accept")
    found = [] if condition not in ("valid", "invalid", "indeterminate") else [(False, condition)]
    if condition == "questionable":
        found = [(False, "valid")]  # the signature is good, the data set is not all that it covers
    signs = "sign" in action and not held
    assert verdicts(seen.record) == ([*found, (True, "valid")] if signs else found)
    if signs:
        assert seen.delivered is not None
        # An older signature that is not good stays what it is, whatever is added.
        expected = {"unsigned": Outcome.VALID}.get(condition, Outcome(condition) if found else Outcome.VALID)
        assert outcome_of(seen.delivered, site.trusted) is expected
        assert without_insertions(seen.delivered, seen.record["spliced"]) == instance.data_set
    elif not held:
        assert seen.delivered == instance.data_set


def without_insertions(delivered: bytes, spliced: list[list[int]]) -> bytes:
    """`delivered` without what was inserted; the lengths of sequences that grew get their old value again."""
    original, position = b"", 0
    for (start, end), (next_start, next_end) in itertools.pairwise([*spliced, [0, 0]]):
        original += delivered[position:start]
        if end - start == 4:
            (length,) = struct.unpack_from("<L", delivered, start)
            original += struct.pack("<L", length - (next_end - next_start))
        position = end
    return original + delivered[position:]


def test_the_register_says_who_signed_and_what_is_not_signed(site: Site) -> None:
    instance = ct_slice(next(NUMBERS))
    unsigned_group = EXPLICIT.element(0x00090001, "UN", b"\1\2")
    instance = replace(
        instance,
        data_set=instance.data_set.replace(
            EXPLICIT.element(0x00280010, "US", EXPLICIT.words(1)),
            unsigned_group + EXPLICIT.element(0x00280010, "US", EXPLICIT.words(1)),
        ),
    )
    record = sent(site, instance, ae_title("sign")).record
    (signature,) = record["signatures"]
    assert signature["made_here"] is True
    assert signature["mac_algorithm"] == "SHA256"
    assert "policy signer" in signature["signer"]
    assert signature["unsigned_elements"] == ["(0009,0001)"]
    assert signature["unsigned_element_count"] == 1
    assert signature["digital_signature_datetime"].endswith("+0000")
    assert record["peer_address"] == "127.0.0.1"
    assert (record["calling_ae_title"], record["called_ae_title"]) == ("S", "SEALGATE")
    assert len(record["spliced"]) == 2
    assert record["digest_in"] != record["digest_out"] == record["deliveries"][0]["digest"]


def test_a_data_set_of_which_nothing_may_be_signed_is_unsignable(site: Site) -> None:
    unknown = EXPLICIT.element(0x00090001, "UN", b"\1\2")
    instance = Instance(sop_instance_uid=uid(next(NUMBERS)), data_set=unknown)
    seen = sent(site, instance, ae_title("sign", "unsignable", "reject"))
    assert seen.response.status == 0xC103
    assert seen.record["reasons"][0] == "unsignable"
    assert seen.record["digest_out"] is None


def test_a_rejected_unreadable_instance_says_where_it_breaks(site: Site) -> None:
    instance = instance_that_is("unreadable", site)
    seen = sent(site, instance, ae_title("pass", "unreadable", "reject"))
    assert seen.response.comment
    assert seen.record["reasons"][-1].startswith(seen.response.comment.removesuffix(" ..."))
    assert "(7fe0,0010)" in seen.response.comment


@pytest.mark.parametrize("element", ["SOP class", "SOP instance"])
@pytest.mark.parametrize("action", CONDITIONS)
def test_a_data_set_that_is_another_instance_than_its_request_is_refused(element: str, action: str, site: Site) -> None:
    own = ct_slice(next(NUMBERS))
    other = identification(next(NUMBERS))
    data_set = own.data_set.replace(identification(int(own.sop_instance_uid.rpartition(".")[2])), other)
    if element == "SOP class":
        data_set = own.data_set.replace(b"1.2.840.10008.5.1.4.1.1.2\0", b"1.2.840.10008.5.1.4.1.1.4\0")
    assert data_set != own.data_set
    seen = sent(site, replace(own, data_set=data_set), ae_title(action))
    assert seen.response.status == 0xA900
    assert seen.response.comment == "Data set and request name different instances"
    assert (seen.record["verdict"], seen.record["status"]) == ("reject", 0xA900)
    assert ("(0008,0016)" if element == "SOP class" else "(0008,0018)") in seen.record["reasons"][0]
    assert seen.delivered is None
    assert not seen.held


def test_a_refused_instance_does_not_end_its_association(site: Site) -> None:
    good = [ct_slice(next(NUMBERS)) for _ in range(2)]
    bad = instance_that_is("unreadable", site)
    responses = send(site.gateway.port, [good[0], bad, good[1]], calling=ae_title("pass", "unreadable", "reject"))
    assert [response.status for response in responses] == [0x0000, 0xC000, 0x0000]


def test_an_unknown_source_gets_no_association(site: Site) -> None:
    with pytest.raises(AssociationRejected, match="calling AE title not recognized") as rejection:
        send(site.gateway.port, [ct_slice(next(NUMBERS))], calling="NOBODY")
    assert (rejection.value.result, rejection.value.source, rejection.value.reason) == (1, 1, 3)
    assert "NOBODY" in site.gateway.log


def test_another_called_ae_title_gets_no_association(site: Site) -> None:
    with pytest.raises(AssociationRejected, match="called AE title not recognized") as rejection:
        send(site.gateway.port, [ct_slice(next(NUMBERS))], calling=ae_title("pass"), called="SOMEBODY")
    assert (rejection.value.result, rejection.value.source, rejection.value.reason) == (1, 1, 7)


def test_an_instance_of_a_source_that_is_not_there_is_not_authorised(tmp_path: Path) -> None:
    request = StoreRequest(
        message_id=1,
        sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
        sop_instance_uid=uid(1),
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        peer=Peer(
            calling_ae_title="NOBODY", called_ae_title="SEALGATE", address="192.0.2.1", port=1, certificate=None,
            listener="plain",
        ),
    )  # fmt: skip
    with Database(tmp_path / "sealgate.db") as database, PayloadStore(tmp_path) as store:
        intake = Intake(
            sources=(), store=store, database=database, min_free_bytes=0, called_ae_title=None, clock=read_clock,
            new_uid=lambda: "1.2", queued=lambda _: None,
        )  # fmt: skip
        with pytest.raises(StoreRefused) as refusal:
            Pipeline(intake).begin(request)
    assert refusal.value.status == 0x0124
    assert not payload_files(tmp_path)


def test_patient_data_and_values_never_reach_the_log(site: Site) -> None:
    number = next(NUMBERS)
    name = b"Doe^Never Logged"
    patient = EXPLICIT.element(0x00100010, "PN", name)
    rows = EXPLICIT.element(0x00280010, "US", EXPLICIT.words(1))
    instance = ct_slice(number)
    data_set = instance.data_set.replace(rows, patient + rows)
    for calling in (
        ae_title("sign"),
        ae_title("verify", "unsigned", "reject"),
        ae_title("pass", "unreadable", "reject"),
    ):
        send(site.gateway.port, [replace(instance, data_set=data_set)], calling=calling)
        send(site.gateway.port, [replace(instance, data_set=data_set[:-10])], calling=calling)
    assert "Never Logged" not in site.gateway.log
    assert uid(number) in site.gateway.log


def test_signing_time_is_now(site: Site) -> None:
    before = datetime.now(UTC)
    record = sent(site, ct_slice(next(NUMBERS)), ae_title("sign")).record
    written = record["signatures"][0]["digital_signature_datetime"]
    signed_at = datetime.strptime(written, "%Y%m%d%H%M%S.%f%z")
    assert before <= signed_at <= datetime.now(UTC)


def test_a_signature_from_the_future_is_invalid(site: Site) -> None:
    number = next(NUMBERS)
    future = signed(ct_slice(number).data_set, site.signer, at=datetime(2090, 1, 1, tzinfo=UTC)).data_set
    seen = sent(site, Instance(sop_instance_uid=uid(number), data_set=future), ae_title("verify"))
    assert seen.held
    assert seen.record["reasons"][0] == "invalid"
    assert "signed-after-validation-time" in seen.record["signatures"][0]["reasons"]
