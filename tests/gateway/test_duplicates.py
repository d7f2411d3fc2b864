"""The same instance again, and the same UID with other bytes."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from sealgate.node.config import checked
from sealgate.node.dimse import Status, StoreRequest, StoreResponse
from sealgate.node.operations import Operations, open_database, read_clock
from sealgate.node.peer import Peer
from sealgate.node.pipeline import Intake, Pipeline
from sealgate.node.sources import open_sources
from sealgate.spool.payload import PayloadStore
from support.destination import node
from support.gateway import Gateway, gateway, identity
from support.instances import TAMPERED, Instance, ct_slice, data_set_of, send
from support.payload_files import payload_files
from support.pki import Authority
from support.ports import LOOPBACK
from support.storage import STOP_SECONDS

AT_ONCE = 20


def tables(pki: Authority, **changes: Any) -> dict[str, Any]:
    return {
        "identity": [identity(pki.issue("signer"))],
        "source": [{"name": "any", "action": "sign", "identity": "signer"}],
        **changes,
    }


def all_taken(running: Gateway, instances: Sequence[Instance]) -> None:
    assert {response.status for response in send(running.port, instances)} == {Status.SUCCESS}


def signatures_made(records: list[dict[str, Any]]) -> list[str]:
    return [signature["digital_signature_uid"] for record in records for signature in record["signatures"]]


@pytest.fixture
def running(tmp_path: Path, pki: Authority) -> Iterator[Gateway]:
    with gateway(tmp_path, tables=tables(pki)) as started:
        yield started


def test_while_its_delivery_is_open_the_same_again_changes_nothing(
    tmp_path: Path, pki: Authority, free_port: int
) -> None:
    instance = ct_slice(1)
    destination = {"name": "node", "ae_title": "PACS", "host": LOOPBACK, "port": free_port, "retry_first_seconds": 0.1}
    with gateway(tmp_path, tables=tables(pki, destination=[destination])) as running:
        all_taken(running, [instance, instance])
        all_taken(running, [instance])
        assert len(running.unfinished()) == 1
        assert len(payload_files(running.data_dir)) == 1
        assert len(signatures_made(running.audit())) == 1
        assert running.log.count("again=True") == 2
        with node(free_port) as arrived:
            running.wait_until_delivered()
        assert arrived == [instance.sop_instance_uid]


def test_after_its_delivery_the_same_again_is_delivered_again_with_the_same_signature(
    running: Gateway, tmp_path: Path
) -> None:
    instance = ct_slice(1)
    all_taken(running, [instance])
    running.wait_until_delivered()
    (path,) = (tmp_path / "received").iterdir()
    before = path.stat(), path.read_bytes()
    all_taken(running, [instance])
    running.wait_until_delivered()
    (path,) = (tmp_path / "received").iterdir()
    after = path.stat(), path.read_bytes()
    assert after[1] == before[1]
    assert (after[0].st_ino, after[0].st_mtime_ns) == (before[0].st_ino, before[0].st_mtime_ns), "nothing was written"
    (record,) = running.audit()
    assert [delivery["outcome"] for delivery in record["deliveries"]] == ["done", "done"]
    assert len(signatures_made([record])) == 1
    assert len(payload_files(running.data_dir)) == 1


def test_the_same_again_after_a_restart_is_known(tmp_path: Path, pki: Authority) -> None:
    instance = ct_slice(1)
    for _ in range(2):
        with gateway(tmp_path, tables=tables(pki)) as running:
            all_taken(running, [instance])
            running.wait_until_delivered()
            assert len(running.audit()) == 1
    assert len(payload_files(running.data_dir)) == 1
    assert len(list((tmp_path / "received").iterdir())) == 1


def test_the_same_uid_with_other_bytes_is_kept_apart_and_alerted(running: Gateway, tmp_path: Path) -> None:
    first, other = ct_slice(1), ct_slice(1, description=TAMPERED)
    assert first.sop_instance_uid == other.sop_instance_uid
    all_taken(running, [first])
    running.wait_until_delivered()
    assert "ALERT" not in running.log
    kept = (tmp_path / "received" / f"{first.sop_instance_uid}.dcm").read_bytes()
    all_taken(running, [other])
    running.wait_until_delivered()
    alerts = [line for line in running.log.splitlines() if "ALERT" in line]
    assert len(alerts) == 1
    assert "this SOP Instance UID came before with other bytes" in alerts[0]
    assert first.sop_instance_uid in alerts[0]
    files = sorted(path.name for path in (tmp_path / "received").iterdir())
    assert files == [f"{first.sop_instance_uid}.dcm", f"{first.sop_instance_uid}.dcm.2"]
    assert (tmp_path / "received" / files[0]).read_bytes() == kept, "what was there is never overwritten"
    assert TAMPERED in data_set_of((tmp_path / "received" / files[1]).read_bytes())
    assert len({record["digest_in"] for record in running.audit()}) == 2
    # Each of the two is known when it comes again, and finds its own file.
    all_taken(running, [other, first])
    running.wait_until_delivered()
    assert sorted(path.name for path in (tmp_path / "received").iterdir()) == files


def test_what_is_held_stays_held_once_when_it_comes_again(tmp_path: Path) -> None:
    instance = ct_slice(1)
    with gateway(tmp_path, tables={"source": [{"name": "any", "action": "verify"}]}) as running:
        all_taken(running, [instance, instance])
        assert [entry["state"] for entry in running.unfinished()] == ["held"]
        assert not list((tmp_path / "received").iterdir())


def test_what_was_rejected_is_judged_anew_when_it_comes_again(tmp_path: Path) -> None:
    instance = ct_slice(1)
    rule = {"name": "any", "action": "verify", "on_unsigned": "reject"}
    with gateway(tmp_path, tables={"source": [rule]}) as running:
        answers = send(running.port, [instance, instance])
        assert [answer.status for answer in answers] == [0xC100, 0xC100]
        assert [record["verdict"] for record in running.audit()] == ["reject", "reject"]
        assert not payload_files(running.data_dir)


def test_of_two_associations_with_the_same_instances_at_once_each_is_kept_once(
    running: Gateway, tmp_path: Path
) -> None:
    instances = [ct_slice(number) for number in range(1, AT_ONCE + 1)]
    both = threading.Barrier(2)
    failures: list[BaseException] = []

    def sender() -> None:
        try:
            both.wait(STOP_SECONDS)
            all_taken(running, instances)
        except BaseException as error:  # noqa: BLE001 - shown by the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=sender) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    running.wait_until_delivered()
    counted = Counter(record["sop_instance_uid"] for record in running.audit())
    assert counted == {instance.sop_instance_uid: 1 for instance in instances}
    assert len(payload_files(running.data_dir)) == AT_ONCE
    assert {path.name for path in (tmp_path / "received").iterdir()} == {f"{uid}.dcm" for uid in counted}
    assert "ALERT" not in running.log


def test_two_arrivals_that_meet_before_the_commit_are_one_instance(tmp_path: Path, pki: Authority) -> None:
    configuration = checked(
        {
            **tables(pki),
            "listener": [{"name": "plain", "port": 0}],
            "destination": [{"name": "folder", "directory": tmp_path / "received"}],
        },
        name="test",
        folder=tmp_path,
    )
    instance = ct_slice(1)
    request = StoreRequest(
        message_id=1,
        sop_class_uid=instance.sop_class_uid,
        sop_instance_uid=instance.sop_instance_uid,
        transfer_syntax_uid=instance.transfer_syntax_uid,
        peer=Peer(
            calling_ae_title="MODALITY", called_ae_title="SEALGATE", address=LOOPBACK, port=1, certificate=None,
            listener="plain",
        ),
    )  # fmt: skip
    both_sign = threading.Barrier(2)
    numbers = iter(range(1, 3))

    def new_uid() -> str:
        """A UID for a signature is asked for when it has been looked for the same instance, and before the commit."""
        both_sign.wait(STOP_SECONDS)
        return f"1.2.3.{next(numbers)}"

    woken: list[Sequence[str]] = []
    answers: list[StoreResponse] = []
    with open_database(tmp_path / "data") as database, PayloadStore(tmp_path / "data") as store:
        pipeline = Pipeline(
            Intake(
                sources=open_sources(configuration),
                store=store,
                database=database,
                min_free_bytes=0,
                called_ae_title=None,
                clock=read_clock,
                new_uid=new_uid,
                queued=woken.append,
            )
        )

        def arrival() -> None:
            reception = pipeline.begin(request)
            reception.write(memoryview(instance.data_set))
            answers.append(reception.finish())

        threads = [threading.Thread(target=arrival) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        operations = Operations(database)
        records = operations.call("audit_list", {})
        entries = operations.call("queue_list", {})
    assert answers == [StoreResponse(status=Status.SUCCESS)] * 2
    assert isinstance(records, list)
    assert isinstance(entries, list)
    assert len(signatures_made(records)) == len(records) == len(entries) == 1
    assert len(payload_files(tmp_path / "data")) == 1
    assert sorted(map(tuple, woken)) == [(), ("folder",)]
