"""A destination that is away, dies, or refuses: the queue keeps everything, in order, and a person can steer it."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from sealgate.node.dimse import Status, StoreRequest
from support.destination import node
from support.gateway import Gateway, gateway, sealgate
from support.instances import Instance, ct_slice, send
from support.peers import Storescp, storescp
from support.ports import LOOPBACK
from support.storage import STOP_SECONDS
from support.waiting import wait_until

COUNT = 30
DYING_AT = 10
RETRIES = {"retry_first_seconds": 0.05, "retry_max_seconds": 0.2}
_REQUEST = re.compile(r"Affected SOP Instance UID +: ([0-9.]+)$", re.MULTILINE)


def to_node(port: int, **changes: Any) -> dict[str, Any]:
    return {"name": "node", "ae_title": "PACS", "host": LOOPBACK, "port": port, **RETRIES, **changes}


def to_folder(folder: Path) -> dict[str, Any]:
    return {"name": "folder", "directory": folder / "received", **RETRIES}


def slices(count: int = COUNT, first: int = 1) -> list[Instance]:
    return [ct_slice(number) for number in range(first, first + count)]


def uids(instances: Sequence[Instance]) -> list[str]:
    return [instance.sop_instance_uid for instance in instances]


def all_taken(running: Gateway, instances: list[Instance]) -> None:
    """Send them; each must be answered with Success."""
    assert {response.status for response in send(running.port, instances)} == {Status.SUCCESS}


def jobs(running: Gateway, destination: str = "node", state: str | None = None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = running.ask("queue_list", destination=destination, state=state, limit=1000)
    return found


def attempts(running: Gateway, instance: Instance) -> list[tuple[str, int | None]]:
    """Outcome and status of each delivery of an instance in the register."""
    (record,) = running.ask("audit_list", sop_instance_uid=instance.sop_instance_uid)
    return [(delivery["outcome"], delivery["status"]) for delivery in record["deliveries"]]


def order_of(node: Storescp) -> list[str]:
    """SOP Instance UIDs in the order in which storescp got them; it needs the option -d."""
    return _REQUEST.findall(node.log.read_text(encoding="utf-8", errors="replace"))


# Away


@pytest.mark.peer
def test_what_came_while_the_destination_was_off_arrives_in_the_order_of_its_commit(
    tmp_path: Path, free_port: int
) -> None:
    instances = slices()
    tables = {"destination": [to_node(free_port), to_folder(tmp_path)]}
    with gateway(tmp_path, tables=tables) as running:
        all_taken(running, instances)
        # The other destination does not notice.
        wait_until(lambda: not jobs(running, "folder"), "the deliveries to the folder")
        assert len(list((tmp_path / "received").iterdir())) == COUNT
        assert [entry["sop_instance_uid"] for entry in jobs(running)] == uids(instances)
        wait_until(lambda: jobs(running)[0]["attempts"] > 2, "more than two attempts")
        assert "nobody listens there" in jobs(running)[0]["last_error"]
        with storescp(tmp_path / "node", "-d", "+B", ae_title="PACS", port=free_port) as pacs:
            running.wait_until_delivered()
            assert order_of(pacs) == uids(instances)
        assert attempts(running, instances[-1]) == [("done", 0), ("done", 0)]
    assert "will be tried again" in running.log


@pytest.mark.peer
def test_the_queue_survives_the_end_of_the_gateway_while_the_destination_is_off(tmp_path: Path, free_port: int) -> None:
    instances = slices()
    tables = {"destination": [to_node(free_port)]}
    with gateway(tmp_path, tables=tables) as running:
        all_taken(running, instances[:20])
    with gateway(tmp_path, tables=tables) as running:
        all_taken(running, instances[20:])
        with storescp(tmp_path / "node", "-d", "+B", ae_title="PACS", port=free_port) as pacs:
            running.wait_until_delivered()
            assert order_of(pacs) == uids(instances)


def test_a_destination_that_dies_in_the_middle_gets_the_rest_when_it_is_back(tmp_path: Path, free_port: int) -> None:
    instances = slices()
    dying = threading.Event()
    dead = threading.Event()

    def answer(request: StoreRequest) -> int:
        if request.sop_instance_uid == instances[DYING_AT].sop_instance_uid:
            dying.set()
            dead.wait(STOP_SECONDS)  # it has everything, and its answer never comes
        return Status.SUCCESS

    def until_noticed() -> None:
        wait_until(lambda: jobs(running)[0]["attempts"], "the failed attempt")
        dead.set()

    with gateway(tmp_path, tables={"destination": [to_node(free_port), to_folder(tmp_path)]}) as running:
        with node(free_port, answer) as before:
            all_taken(running, instances)
            assert dying.wait(STOP_SECONDS)
            watcher = threading.Thread(target=until_noticed)
            watcher.start()
        watcher.join()
        wait_until(lambda: not jobs(running, "folder"), "the deliveries to the folder")
        assert len(list((tmp_path / "received").iterdir())) == COUNT
        with node(free_port) as after:
            running.wait_until_delivered()
    assert before == uids(instances[: DYING_AT + 1])
    # What had no answer is sent once more; nothing else twice, and nothing out of order.
    assert after == uids(instances[DYING_AT:])


# Refuses


def test_permanent_refusals_are_dead_at_once_and_a_person_replays_them(tmp_path: Path, free_port: int) -> None:
    statuses = (0xA900, 0xC000, 0xC123, 0x0117, 0x0122, 0x0124)
    instances = slices(len(statuses) + 1)
    refused = dict(zip(uids(instances), statuses, strict=False))
    with (
        gateway(tmp_path, tables={"destination": [to_node(free_port)]}) as running,
        node(free_port, lambda request: refused.get(request.sop_instance_uid, Status.SUCCESS)) as arrived,
    ):
        all_taken(running, instances)
        running.wait_until_delivered()
        assert arrived == uids(instances), "the others do not wait"
        dead = jobs(running)
        assert [(job["state"], job["attempts"]) for job in dead] == [("dead", 1)] * len(statuses)
        assert [job["last_status"] for job in dead] == list(statuses)
        assert all("said the destination" in job["last_error"] for job in dead)
        assert running.log.count("ALERT: delivery given up") == len(statuses)
        refused.clear()
        first = dead[0]["job_id"]
        done = sealgate("queue", "retry", first, "--data-dir", running.data_dir, "--by", "Ada")
        assert (done.exit_code, done.out) == (0, "1 job will be sent again\n"), done.err
        running.wait_until_delivered()
        assert arrived[len(instances) :] == uids(instances[:1])
        done = sealgate("queue", "retry", "--destination", "node", "--data-dir", running.data_dir, "--by", "Ada")
        assert (done.exit_code, done.out) == (0, f"{len(statuses) - 1} jobs will be sent again\n"), done.err
        running.wait_until_delivered()
        assert arrived[len(instances) :] == uids(instances[:-1])
        assert not running.unfinished()
        assert attempts(running, instances[1]) == [("dead", statuses[1]), ("done", 0)]
        actions = running.ask("audit_actions")[::-1]
        assert [(action["operator"], action["action"]) for action in actions] == [("Ada", "retry")] * 2
        assert (actions[0]["job_id"], actions[1]["destinations"]) == (first, ["node"])


def test_passing_refusals_are_tried_again(tmp_path: Path, free_port: int) -> None:
    statuses = (0xA700, 0xA7FE, 0x0110, 0x0213, 0xFE00, 0x9999)
    instances = slices(len(statuses))
    left = {uid: [status, status] for uid, status in zip(uids(instances), statuses, strict=True)}

    def answer(request: StoreRequest) -> int:
        return left[request.sop_instance_uid].pop() if left[request.sop_instance_uid] else Status.SUCCESS

    with (
        gateway(tmp_path, tables={"destination": [to_node(free_port)]}) as running,
        node(free_port, answer) as arrived,
    ):
        all_taken(running, instances)
        running.wait_until_delivered()
        assert sorted(arrived) == sorted(uids(instances) * 3)
        for instance, status in zip(instances, statuses, strict=True):
            assert attempts(running, instance) == [("ready", status), ("ready", status), ("done", 0)]


def test_others_do_not_wait_for_an_instance_that_is_refused_for_now(tmp_path: Path, free_port: int) -> None:
    instances = slices(4)
    (first, *others) = uids(instances)
    patient = to_node(free_port, retry_first_seconds=600.0, retry_max_seconds=900.0)
    with (
        gateway(tmp_path, tables={"destination": [patient]}) as running,
        node(free_port, lambda request: 0xA700 if request.sop_instance_uid == first else 0) as arrived,
    ):
        all_taken(running, instances)
        wait_until(lambda: arrived[-3:] == others, "the others")
        (job,) = jobs(running, state="ready")
        assert (job["sop_instance_uid"], job["last_status"]) == (first, 0xA700)
        assert job["waits_seconds"] > 300


def test_warnings_are_deliveries_that_can_be_seen(tmp_path: Path, free_port: int) -> None:
    statuses = (0xB000, 0xB006, 0xB007, 0x0111)
    instances = slices(len(statuses))
    answers = dict(zip(uids(instances), statuses, strict=True))
    with (
        gateway(tmp_path, tables={"destination": [to_node(free_port)]}) as running,
        node(free_port, lambda request: answers[request.sop_instance_uid]) as arrived,
    ):
        all_taken(running, instances)
        running.wait_until_delivered()
        assert arrived == uids(instances)
        for instance, status in zip(instances, statuses, strict=True):
            assert attempts(running, instance) == [("done_with_warning", status)]
        seen = jobs(running, state="done_with_warning")
        assert sorted(job["last_status"] for job in seen) == sorted(statuses)


@pytest.mark.peer
def test_a_destination_that_takes_only_another_syntax_gets_nothing_transcoded(tmp_path: Path) -> None:
    (instance,) = slices(1)
    with (
        storescp(tmp_path / "node", "+xi", ae_title="PACS") as pacs,
        gateway(tmp_path, tables={"destination": [to_node(pacs.port)]}) as running,
    ):
        all_taken(running, [instance])
        running.wait_until_delivered()
        (job,) = jobs(running)
        assert (job["state"], job["attempts"]) == ("dead", 1)
        assert "transfer syntax" in job["last_error"]
        assert not pacs.received()


# What a person does


def test_a_person_who_knows_that_the_destination_is_back_need_not_wait(tmp_path: Path, free_port: int) -> None:
    instances = slices(5)
    patient = to_node(free_port, retry_first_seconds=600.0, retry_max_seconds=900.0)
    with gateway(tmp_path, tables={"destination": [patient]}) as running:
        all_taken(running, instances)
        wait_until(lambda: jobs(running)[0]["attempts"] == 1, "the first attempt")
        with node(free_port) as arrived:
            running.ask("queue_retry", destination="node", by="Ada")
            running.wait_until_delivered()
        assert arrived == uids(instances)


def queue(data_dir: Path, *arguments: object) -> str:
    """What `sealgate queue` with `arguments` writes; it must end well."""
    done = sealgate("queue", *arguments, "--data-dir", data_dir)
    assert done.exit_code == 0, done.err
    return done.out


def test_held_instances_are_listed_released_and_dropped_while_the_gateway_runs_and_when_it_does_not(
    tmp_path: Path,
) -> None:
    instances = slices(4)
    tables = {"source": [{"name": "any", "action": "verify"}]}
    received = tmp_path / "received"

    def held() -> dict[str, int]:
        return {entry["sop_instance_uid"]: entry["instance_id"] for entry in running.ask("queue_list", state="held")}

    with gateway(tmp_path, tables=tables) as running:
        all_taken(running, instances)
        ids = held()
        assert list(ids) == uids(instances)
        assert not list(received.iterdir())
        listed = queue(running.data_dir, "list")
        assert all(uid in listed for uid in ids)
        assert "unsigned" in listed
        first, second, third, fourth = ids.values()
        assert "goes to folder" in queue(running.data_dir, "release", first, "--reason", "seen")
        assert "dropped" in queue(running.data_dir, "drop", second, "--reason", "a test image", "--by", "Ada")
        wait_until(lambda: len(list(received.iterdir())) == 1, "the released instance")
        again = sealgate("queue", "release", second, "--data-dir", running.data_dir)
        assert again.exit_code == 61
        assert again.err == f"sealgate: instance {second} is dropped, not held, so there is nothing to release\n"
        assert list(held().values()) == [third, fourth]
    # Nobody runs: the commands take the data directory themselves.
    assert list(held().values()) == [third, fourth]
    assert "goes to folder" in queue(running.data_dir, "release", third)
    assert "dropped" in queue(running.data_dir, "drop", fourth, "--reason", "a test image")
    assert len(list(received.iterdir())) == 1
    with gateway(tmp_path, tables=tables) as running:
        running.wait_until_delivered()
        assert not running.unfinished()
        assert sorted(path.stem for path in received.iterdir()) == uids([instances[0], instances[2]])
        actions = [(action["action"], action["instance_id"]) for action in running.ask("audit_actions")]
    assert actions[::-1] == [("release", first), ("drop", second), ("release", third), ("drop", fourth)]


def test_what_a_person_dropped_is_held_again_when_it_comes_again(tmp_path: Path) -> None:
    (instance,) = slices(1)
    with gateway(tmp_path, tables={"source": [{"name": "any", "action": "verify"}]}) as running:
        all_taken(running, [instance])
        (entry,) = running.unfinished()
        running.ask("queue_drop", instances=[entry["instance_id"]], reason="a test image", by="Ada")
        assert not running.unfinished()
        all_taken(running, [instance])
        assert [entry["state"] for entry in running.unfinished()] == ["held"]


def test_dropping_what_a_destination_stumbles_over_lets_the_others_through_at_once(
    tmp_path: Path, free_port: int
) -> None:
    instances = slices(3)
    patient = to_node(free_port, retry_first_seconds=600.0, retry_max_seconds=900.0)
    with gateway(tmp_path, tables={"destination": [patient]}) as running:
        all_taken(running, instances)
        wait_until(lambda: jobs(running)[0]["attempts"] == 1, "the first attempt")
        with node(free_port) as arrived:
            running.ask("queue_drop", jobs=[jobs(running)[0]["job_id"]], reason="a test image", by="Ada")
            running.wait_until_delivered()
        assert arrived == uids(instances[1:])
