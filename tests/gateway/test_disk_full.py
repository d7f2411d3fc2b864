"""A full disk: honest answers while it lasts, nothing left over, and everything goes on when there is room again."""

from __future__ import annotations

import errno
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sealgate.node.dimse import Status, StoreRequest
from support.destination import node
from support.gateway import Gateway, gateway, identity
from support.instances import ct_slice, data_set_of, send
from support.payload_files import payload_files
from support.pki import Authority
from support.ports import LOOPBACK
from support.waiting import DEADLINE_SECONDS, wait_until

MIB = 1 << 20
DISK_BYTES = 16 * MIB
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
A_PAGE_EACH = range(24)
"""Free pages that are tried: a small instance and its commit need fewer than so many."""

Disk = Callable[[str], Path]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """Makes small file systems below tmp_path; they are gone at the end."""
    mounted: list[Path] = []

    def mount(name: str) -> Path:
        path = tmp_path / name
        path.mkdir(mode=0o700)
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=0700", "tmpfs", str(path)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            pytest.skip(f"no small file system can be made here: {done.stderr.strip()}")
        mounted.append(path)
        return path

    if os.geteuid() != 0:
        pytest.skip("only root can make small file systems")
    yield mount
    for path in mounted:
        subprocess.run(["umount", str(path)], check=True)


@contextmanager
def filled(path: Path, *, but_pages: int = 0) -> Iterator[None]:
    """Fill the file system of `path` but for some pages until the block ends."""
    filler = path / "filler"
    try:
        with filler.open("wb") as file:
            wait_until(lambda: has_taken_all(file.fileno(), but_pages), "the filling of the disk")
        yield
    finally:
        filler.unlink()


def has_taken_all(fd: int, but_pages: int) -> bool:
    """Whether the file could take all room but for some pages; the gateway may write at the same time."""
    free = os.fstatvfs(fd)
    wanted = free.f_bavail * free.f_frsize - but_pages * PAGE_BYTES
    if wanted <= 0:
        return True
    try:
        os.posix_fallocate(fd, 0, wanted)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        return False
    return True


def tables(pki: Authority, data_dir: Path | None, **node: Any) -> dict[str, Any]:
    return {
        "node": {**({"data_dir": data_dir} if data_dir else {}), **node},
        "identity": [identity(pki.issue("signer"))],
        "source": [{"name": "any", "action": "sign", "identity": "signer"}],
    }


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def nothing_left_over(running: Gateway) -> None:
    """Only what was committed is kept."""
    assert len(payload_files(running.data_dir)) == len(running.audit())


def test_an_instance_that_does_not_fit_is_refused_and_its_association_goes_on(
    disk: Disk, tmp_path: Path, pki: Authority
) -> None:
    small, large, other = ct_slice(1), ct_slice(2, pixels=DISK_BYTES + MIB), ct_slice(3)
    with gateway(tmp_path / "gateway", tables=tables(pki, disk("data"))) as running:
        answers = send(running.port, [small, large, other, large, small])
        assert [answer.status for answer in answers] == [0, 0xA700, 0, 0xA700, 0]
        assert answers[1].comment == "The gateway's disk is full; free space and send again"
        running.wait_until_delivered()
        nothing_left_over(running)
        assert {record["sop_instance_uid"] for record in running.audit()} == {
            small.sop_instance_uid,
            other.sop_instance_uid,
        }
        assert "no space is left on the file system" in running.log


def test_a_disk_that_fills_up_at_any_moment_of_an_instance_leaves_nothing_over(
    disk: Disk, tmp_path: Path, pki: Authority
) -> None:
    with gateway(tmp_path / "gateway", tables=tables(pki, disk("data"))) as running:
        send(running.port, [ct_slice(1)])
        statuses = []
        for pages in A_PAGE_EACH:
            with filled(running.data_dir, but_pages=pages):
                (answer,) = send(running.port, [ct_slice(100 + pages)])
            statuses.append(answer.status)
            nothing_left_over(running)
        assert set(statuses) == {0xA700, Status.SUCCESS}
        assert statuses[0] == 0xA700
        assert statuses[-1] == Status.SUCCESS
        (answer,) = send(running.port, [ct_slice(2)])
        assert answer.status == Status.SUCCESS
        running.wait_until_delivered()
        committed = {record["sop_instance_uid"] for record in running.audit()}
        assert {path.stem for path in files_in(tmp_path / "gateway" / "received")} == committed
        assert len(committed) == 2 + statuses.count(Status.SUCCESS)


def test_a_delivery_that_could_not_be_written_down_is_written_down_as_soon_as_there_is_room(
    disk: Disk, tmp_path: Path, pki: Authority, free_port: int
) -> None:
    instances = [ct_slice(number) for number in range(1, 6)]
    there, full = threading.Event(), threading.Event()
    disk_is_full: list[bool] = []

    def answer(_: StoreRequest) -> int:
        if not disk_is_full:
            there.set()
            full.wait(DEADLINE_SECONDS)
        return Status.SUCCESS

    destination = {"name": "node", "ae_title": "PACS", "host": LOOPBACK, "port": free_port}
    configuration = {**tables(pki, disk("data")), "destination": [destination]}
    with gateway(tmp_path / "gateway", tables=configuration) as running, node(free_port, answer) as arrived:
        send(running.port, instances)
        assert there.wait(DEADLINE_SECONDS)
        with filled(running.data_dir):
            disk_is_full.append(True)
            full.set()
            wait_until(lambda: "the queue cannot be read" in running.log, "the failure to write the result down")
        running.wait_until_delivered()
        assert not running.unfinished()
        uids = [instance.sop_instance_uid for instance in instances]
        # What was on its way in that moment, for which there was no answer, may have been sent again.
        assert arrived.count(uids[0]) == 1
        assert list(dict.fromkeys(arrived)) == uids
        assert all(len(record["deliveries"]) == 1 for record in running.audit())


def test_below_the_reserve_nothing_is_taken_any_more(disk: Disk, tmp_path: Path, pki: Authority) -> None:
    reserve = tables(pki, disk("data"), min_free_mib=8)
    with gateway(tmp_path / "gateway", tables=reserve) as running:
        assert [answer.status for answer in send(running.port, [ct_slice(1)])] == [0]
        with filled(running.data_dir, but_pages=7 * MIB // PAGE_BYTES):
            (answer,) = send(running.port, [ct_slice(2)])
            assert (answer.status, bool(answer.comment)) == (0xA700, True)
        assert [answer.status for answer in send(running.port, [ct_slice(2)])] == [0]


def test_a_full_destination_gets_everything_as_soon_as_there_is_room(
    disk: Disk, tmp_path: Path, pki: Authority
) -> None:
    full = disk("received")
    instances = [ct_slice(number) for number in range(1, 11)]
    destination = {"name": "folder", "directory": full, "retry_first_seconds": 0.05, "retry_max_seconds": 0.1}
    with gateway(tmp_path / "gateway", tables={**tables(pki, None), "destination": [destination]}) as running:
        with filled(full):
            assert {answer.status for answer in send(running.port, instances)} == {Status.SUCCESS}
            wait_until(lambda: running.unfinished()[0]["attempts"] > 2, "more than two attempts")
            assert len(running.unfinished()) == len(instances)
            assert "no space is left" in running.unfinished()[0]["last_error"]
            assert [path.name for path in files_in(full)] == ["filler"], "nothing half is there"
        running.wait_until_delivered()
        assert {path.stem for path in files_in(full)} == {instance.sop_instance_uid for instance in instances}
        for path in files_in(full):
            assert data_set_of(path.read_bytes())
        assert not running.unfinished()
