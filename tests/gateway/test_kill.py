"""SIGKILL of the gateway in the middle of everything: what was answered with Success is delivered, and nothing half."""

from __future__ import annotations

import random
import shutil
import sqlite3
import subprocess
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from sealgate.dicom.part10 import read_file_meta
from sealgate.errors import NetworkError
from sealgate.node.dimse import Status
from sealgate.node.requestor import RemoteNode, Requestor
from sealgate.verification.report import Outcome
from support.gateway import Gateway, gateway, identity
from support.instances import Instance, ct_slice, data_set_of, outcome_of
from support.payload_files import payload_files
from support.peers import Storescp, storescp
from support.pki import Authority
from support.ports import LOOPBACK
from support.waiting import wait_until

ROUNDS = 5
"""For each seed."""
INSTANCES = 200
"""That are under way in a round, by two associations at once."""
ASSOCIATIONS = 2
SEEDS = (20261121, 20261122, 20261123, 20261124)
LONGEST_DELAY_SECONDS = 0.02
"""Between an answer and the SIGKILL: some instances long, so that every step of one is hit."""


class Modality:
    """Sends instances by several associations, and keeps which were answered with Success."""

    def __init__(self, port: int, instances: list[Instance]) -> None:
        self.answered: list[str] = []
        self._remote = RemoteNode(host=LOOPBACK, port=port, calling_ae_title="MODALITY")
        self._threads = [
            threading.Thread(target=self._send, args=(instances[start::ASSOCIATIONS],)) for start in range(ASSOCIATIONS)
        ]
        for thread in self._threads:
            thread.start()

    def _send(self, instances: list[Instance]) -> None:
        contexts = [(instance.sop_class_uid, instance.transfer_syntax_uid) for instance in instances]
        try:
            with Requestor(self._remote, contexts) as requestor:
                for instance in instances:
                    if requestor.store(instance.outgoing()).status == Status.SUCCESS:
                        self.answered.append(instance.sop_instance_uid)
        except NetworkError:
            return  # that is what a modality sees of the SIGKILL

    def join(self) -> list[str]:
        """What was answered with Success, after all associations have ended."""
        for thread in self._threads:
            thread.join()
        return self.answered


def tables(node: Storescp, pki: Authority) -> dict[str, Any]:
    retries = {"retry_first_seconds": 0.05, "retry_max_seconds": 0.2}
    return {
        "log": {"level": "warning"},
        "identity": [identity(pki.issue("signer"))],
        "source": [{"name": "any", "action": "sign", "identity": "signer"}],
        "destination": [
            {"name": "folder", "directory": node.directory.parent / "gateway" / "received", **retries},
            {"name": "node", "ae_title": node.ae_title, "host": LOOPBACK, "port": node.port, **retries},
        ],
    }


def integrity(data_dir: Path, scratch: Path) -> list[str]:
    """What SQLite says about the database that a dead gateway left, judged by a copy."""
    copy = scratch / "copy.db"
    for name in ("sealgate.db", "sealgate.db-wal"):
        if (data_dir / name).exists():
            shutil.copyfile(data_dir / name, scratch / name.replace("sealgate.db", copy.name))
    with closing(sqlite3.connect(copy)) as connection:
        return [
            *(row[0] for row in connection.execute("PRAGMA integrity_check")),
            *(str(row) for row in connection.execute("PRAGMA foreign_key_check")),
        ]


def files_in(directory: Path) -> list[Path]:
    return [path for path in sorted(directory.rglob("*")) if path.is_file()]


def by_instance(paths: Iterable[Path]) -> dict[str, list[bytes]]:
    """The data sets in Part 10 files, by the SOP Instance UID in their File Meta Information."""
    found = defaultdict(list)
    for path in paths:
        content = path.read_bytes()
        found[read_file_meta(content).media_storage_sop_instance_uid].append(data_set_of(content))
    return dict(found)


class Blow(NamedTuple):
    """A SIGKILL at the `when`th system call of that name in any one thread, before it does what it should."""

    call: str
    when: int
    path: str = ""
    """Only calls that touch this file of the gateway's folder."""


BLOWS = {
    "before the payload is durable": Blow("fsync", 3),
    "before the names of payloads are durable": Blow("fsync", 1),
    "while the commit is written": Blow("pwrite64", 4, "data/sealgate.db-wal"),
    "before the commit is durable": Blow("fdatasync", 2, "data/sealgate.db-wal"),
    "before the answer": Blow("sendmsg", 3),
    "before the delivered file has its name": Blow("linkat", 2),
    "before the delivered name is durable": Blow("fsync", 2, "received"),
}


@contextmanager
def awaiting(blow: Blow, pid: int, folder: Path) -> Iterator[None]:
    """Let `blow` hit the process `pid`; skips the test where processes cannot be traced."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed: apt-get install strace")
    only = ["-P", str(folder / blow.path)] if blow.path else []
    inject = f"inject={blow.call}:signal=SIGKILL:when={blow.when}"
    tracer = subprocess.Popen(
        [strace, "-f", "-qq", "-o", "/dev/null", "-e", f"trace={blow.call}", "-e", inject, *only, "-p", str(pid)],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: tracer.poll() is not None or is_traced(pid), "strace to be there")
        if tracer.poll() is not None:
            pytest.skip("this machine does not let processes be traced")
        yield
    finally:
        tracer.terminate()
        tracer.wait()


def is_traced(pid: int) -> bool:
    """Whether every thread of the process has a tracer."""
    statuses = [task / "status" for task in Path(f"/proc/{pid}/task").iterdir()]
    return not any("TracerPid:\t0\n" in status.read_text() for status in statuses)


@pytest.mark.parametrize("blow", BLOWS.values(), ids=BLOWS)
def test_sigkill_at_any_step_loses_nothing_and_leaves_nothing_half(blow: Blow, tmp_path: Path, pki: Authority) -> None:
    folder = tmp_path / "gateway"
    configuration = {
        "identity": [identity(pki.issue("signer"))],
        "source": [{"name": "any", "action": "sign", "identity": "signer"}],
    }
    instances = [ct_slice(number) for number in range(1, 21)]
    answered: list[str] = []
    with gateway(folder, tables=configuration) as running:
        with awaiting(blow, running.pid, folder):
            remote = RemoteNode(host=LOOPBACK, port=running.port)
            contexts = [(instances[0].sop_class_uid, instances[0].transfer_syntax_uid)]
            with suppress(NetworkError), Requestor(remote, contexts) as requestor:
                for instance in instances:
                    assert requestor.store(instance.outgoing()).status == Status.SUCCESS
                    answered.append(instance.sop_instance_uid)
            running.ended(-9)
        assert integrity(running.data_dir, tmp_path) == ["ok"]
    with gateway(folder, tables=configuration) as running:
        running.wait_until_delivered()
        committed = [record["sop_instance_uid"] for record in running.audit()]
        assert len(payload_files(running.data_dir)) == len(committed)
    sent = [instance.sop_instance_uid for instance in instances]
    assert committed == sent[: len(committed)]
    assert answered == sent[: len(answered)]
    # One more at most, whose answer was on its way.
    assert len(answered) <= len(committed) <= len(answered) + 1
    delivered = by_instance(files_in(folder / "received"))
    assert set(delivered) == set(committed)
    for (data_set,) in delivered.values():
        assert outcome_of(data_set, pki) is Outcome.VALID


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Storescp]:
    """A destination that gives every file a name of its own, so that no repeat hides behind the file before."""
    with storescp(tmp_path / "node", "+B", "+uf", "+xa") as running:
        yield running


def interrupted(running: Gateway, instances: list[Instance], draw: random.Random) -> list[str]:
    """Send, kill the gateway at a random moment, and return what it had answered with Success."""
    enough = draw.randrange(INSTANCES)
    delay = draw.uniform(0, LONGEST_DELAY_SECONDS)
    modality = Modality(running.port, instances)
    wait_until(lambda: len(modality.answered) >= enough, f"{enough} answers")
    threading.Event().wait(delay)  # nothing is waited for: it only makes the moment random
    running.kill()
    return modality.join()


@pytest.mark.peer
@pytest.mark.parametrize("seed", SEEDS)
def test_after_sigkill_all_that_was_answered_is_delivered_and_nothing_half(
    seed: int, node: Storescp, tmp_path: Path, pki: Authority
) -> None:
    draw = random.Random(seed)
    configuration = tables(node, pki)
    sent: dict[str, Instance] = {}
    answered: set[str] = set()
    for round_number in range(ROUNDS):
        instances = [ct_slice(1 + round_number * INSTANCES + number) for number in range(INSTANCES)]
        sent |= {instance.sop_instance_uid: instance for instance in instances}
        with gateway(tmp_path / "gateway", tables=configuration) as running:
            answered |= set(interrupted(running, instances, draw))
        assert integrity(running.data_dir, tmp_path) == ["ok"]

    with gateway(tmp_path / "gateway", tables=configuration) as running:
        running.wait_until_delivered()
        assert not running.unfinished()
        committed = {record["sop_instance_uid"] for record in running.audit()}
        assert len(payload_files(running.data_dir)) == len(committed), "what was not acknowledged is removed"
    assert files_in(running.data_dir / "payload") == payload_files(running.data_dir)

    # An instance may be committed while its answer gets lost; then it is whole and is delivered as well.
    assert answered <= committed <= set(sent)
    assert len(answered) > ROUNDS
    folder = by_instance(files_in(tmp_path / "gateway" / "received"))
    assert set(folder) == committed
    assert {path.name for path in files_in(tmp_path / "gateway" / "received")} == {f"{uid}.dcm" for uid in committed}
    for (data_set,) in folder.values():
        assert outcome_of(data_set, pki) is Outcome.VALID
    arrived = by_instance(node.received())
    assert set(arrived) == committed
    for uid, data_sets in arrived.items():
        assert set(data_sets) == set(folder[uid]), "a repeat is byte-identical"
