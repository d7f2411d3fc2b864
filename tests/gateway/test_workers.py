"""Worker processes: the same gateway, received by several processes, none of which can lose what it acknowledged."""

from __future__ import annotations

import os
import random
import signal
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from sealgate.errors import NetworkError
from sealgate.node.dimse import Status
from sealgate.node.requestor import RemoteNode, Requestor
from sealgate.verification.report import Outcome
from support.gateway import Gateway, gateway, identity
from support.instances import Instance, ct_slice, data_set_of, outcome_of, send
from support.payload_files import payload_files
from support.pki import Authority
from support.ports import LOOPBACK
from support.waiting import wait_until

WORKERS = 2
ASSOCIATIONS = 4
INSTANCES = 60


def tables(pki: Authority, **node: Any) -> dict[str, Any]:
    return {
        "node": {"workers": WORKERS, **node},
        "identity": [identity(pki.issue("signer"))],
        "source": [{"name": "any", "action": "sign", "identity": "signer"}],
    }


def children(pid: int) -> set[int]:
    """The worker processes of a gateway."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return {int(child) for task in tasks for child in (task / "children").read_text().split()}


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def delivered(folder: Path, pki: Authority) -> dict[str, Outcome]:
    return {path.stem: outcome_of(data_set_of(path.read_bytes()), pki) for path in (folder / "received").iterdir()}


class Modality:
    """Sends by several associations at once, and opens another one where one breaks."""

    def __init__(self, port: int, instances: list[Instance]) -> None:
        self.answered: list[str] = []
        self._remote = RemoteNode(host=LOOPBACK, port=port)
        self._threads = [
            threading.Thread(target=self._send, args=(instances[start::ASSOCIATIONS],)) for start in range(ASSOCIATIONS)
        ]
        for thread in self._threads:
            thread.start()

    def _send(self, instances: list[Instance]) -> None:
        left = list(instances)
        contexts = [(instances[0].sop_class_uid, instances[0].transfer_syntax_uid)]
        while left:
            with suppress(NetworkError), Requestor(self._remote, contexts) as requestor:
                while left:
                    assert requestor.store(left[0].outgoing()).status == Status.SUCCESS
                    self.answered.append(left.pop(0).sop_instance_uid)

    def join(self) -> list[str]:
        for thread in self._threads:
            thread.join()
        return self.answered


@pytest.fixture
def running(tmp_path: Path, pki: Authority) -> Iterator[Gateway]:
    with gateway(tmp_path, tables=tables(pki)) as started:
        yield started


def test_what_any_worker_takes_is_signed_registered_and_delivered_once(
    running: Gateway, tmp_path: Path, pki: Authority
) -> None:
    assert len(children(running.pid)) == WORKERS
    instances = [ct_slice(number) for number in range(1, INSTANCES + 1)]
    answered = Modality(running.port, instances).join()
    running.wait_until_delivered()
    sent = {instance.sop_instance_uid for instance in instances}
    assert set(answered) == sent
    assert delivered(tmp_path, pki) == dict.fromkeys(sent, Outcome.VALID)
    assert sorted(record["sop_instance_uid"] for record in running.audit()) == sorted(sent)


def test_the_same_again_is_recognised_by_whichever_worker_it_comes_to(running: Gateway) -> None:
    instance = ct_slice(1)
    for _ in range(8):
        assert [answer.status for answer in send(running.port, [instance])] == [Status.SUCCESS]
    assert len(running.audit()) == 1
    assert len(payload_files(running.data_dir)) == 1


def test_an_orderly_end_ends_the_workers_and_leaves_no_file_that_nobody_needs(running: Gateway) -> None:
    workers = children(running.pid)
    send(running.port, [ct_slice(1)])
    running.wait_until_delivered()
    running.stop()
    assert not any(map(is_alive, workers))
    assert [path for path in (running.data_dir / "payload").rglob("*") if path.is_file()] == payload_files(
        running.data_dir
    )


def test_a_worker_that_is_killed_is_replaced_and_loses_nothing_that_was_answered(
    running: Gateway, tmp_path: Path, pki: Authority
) -> None:
    draw = random.Random(20261121)
    instances = [ct_slice(number) for number in range(1, INSTANCES + 1)]
    modality = Modality(running.port, instances)
    for enough in (INSTANCES // 4, INSTANCES // 2):
        wait_until(lambda enough=enough: len(modality.answered) >= enough, "answers")  # type: ignore[misc]
        wait_until(lambda: len(children(running.pid)) == WORKERS, "all workers")
        os.kill(draw.choice(sorted(children(running.pid))), signal.SIGKILL)
    sent = {instance.sop_instance_uid for instance in instances}
    assert set(modality.join()) == sent
    wait_until(lambda: len(children(running.pid)) == WORKERS, "another worker")
    running.wait_until_delivered()
    assert delivered(tmp_path, pki) == dict.fromkeys(sent, Outcome.VALID)
    assert running.log.count("ALERT: a worker process ended") == 2


def test_after_sigkill_of_the_owner_no_worker_stays_and_nothing_answered_is_lost(
    tmp_path: Path, pki: Authority
) -> None:
    configuration = tables(pki)
    instances = [ct_slice(number) for number in range(1, INSTANCES + 1)]
    contexts = [(instances[0].sop_class_uid, instances[0].transfer_syntax_uid)]
    answered = []
    with gateway(tmp_path, tables=configuration) as running:
        workers = children(running.pid)
        with suppress(NetworkError), Requestor(RemoteNode(host=LOOPBACK, port=running.port), contexts) as requestor:
            for instance in instances:
                assert requestor.store(instance.outgoing()).status == Status.SUCCESS
                answered.append(instance.sop_instance_uid)
                if len(answered) == INSTANCES // 2:
                    os.kill(running.pid, signal.SIGKILL)
        running.ended(-9)
        wait_until(lambda: not any(map(is_alive, workers)), "the end of the workers")
    assert INSTANCES // 2 <= len(answered) < INSTANCES
    with gateway(tmp_path, tables=configuration) as running:
        running.wait_until_delivered()
        committed = {record["sop_instance_uid"] for record in running.audit()}
        assert len(payload_files(running.data_dir)) == len(committed)
    assert set(answered) <= committed
    assert delivered(tmp_path, pki) == dict.fromkeys(committed, Outcome.VALID)
