"""SIGTERM: nothing new is taken, what is under way is finished or not acknowledged, and what was acknowledged stays."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sealgate.node.dimse import ERROR_COMMENT, STATUS, Status, StoreRequest, decode_command
from sealgate.node.upper_layer import LAST
from support.destination import node
from support.gateway import Gateway, gateway
from support.instances import Instance, ct_slice, data_set_of, send
from support.ports import LOOPBACK, is_listening
from support.raw_peer import CT_CONTEXT, RELEASE_RQ, RawPeer, fragment, raw_peer, store_command
from support.storage import STOP_SECONDS
from support.waiting import wait_until

LARGE_BYTES = 8 << 20
PART_BYTES = 16 << 10
AT_ONCE_SECONDS = 5.0
"""Far below the time that an orderly end may take; enough for a busy machine."""


@contextmanager
def half_sent(running: Gateway, instance: Instance) -> Iterator[RawPeer]:
    """A peer that has sent the first half of `instance`, which has reached the gateway's disk."""
    half = len(instance.data_set) // 2
    with raw_peer(running.port) as peer:
        peer.associate()
        peer.send(store_command(instance.sop_instance_uid))
        for start in range(0, half, PART_BYTES):
            peer.send(fragment(CT_CONTEXT, 0, instance.data_set[start : min(start + PART_BYTES, half)]))
        wait_until(lambda: largest_file(running.data_dir) >= half - PART_BYTES, "the first half on disk")
        yield peer


def send_the_rest(peer: RawPeer, instance: Instance) -> None:
    """The second half, in one fragment after the other, the last one marked."""
    parts = range(len(instance.data_set) // 2, len(instance.data_set), PART_BYTES)
    for start in parts:
        peer.send(
            fragment(CT_CONTEXT, LAST if start == parts[-1] else 0, instance.data_set[start : start + PART_BYTES])
        )


def largest_file(folder: Path) -> int:
    return max(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def asked_to_end(running: Gateway) -> None:
    """Send SIGTERM and wait until nobody can connect any more."""
    running.process.send_signal(signal.SIGTERM)
    wait_until(lambda: not is_listening(running.port), "the end of listening")


def received(folder: Path) -> list[bytes]:
    return [data_set_of(path.read_bytes()) for path in sorted((folder / "received").iterdir())]


def to_node(port: int, **section: Any) -> dict[str, Any]:
    destination = {"name": "node", "ae_title": "PACS", "host": LOOPBACK, "port": port, "retry_first_seconds": 0.05}
    return {"node": section, "destination": [destination]}


# Reception


def test_an_instance_that_is_being_received_is_finished_and_delivered(tmp_path: Path) -> None:
    instance = ct_slice(1, pixels=LARGE_BYTES)
    with gateway(tmp_path) as running:
        with half_sent(running, instance) as peer:
            asked_to_end(running)
            send_the_rest(peer, instance)
            assert peer.read_response().us(STATUS) == Status.SUCCESS
            peer.send(RELEASE_RQ)
        running.ended(0)
    with gateway(tmp_path) as running:
        running.wait_until_delivered()
        (record,) = running.audit()
        assert [delivery["outcome"] for delivery in record["deliveries"]] == ["done"]
    assert received(tmp_path) == [instance.data_set]


def test_an_instance_that_takes_too_long_is_cut_off_and_not_acknowledged(tmp_path: Path) -> None:
    instance = ct_slice(1, pixels=LARGE_BYTES)
    tables = {"node": {"drain_seconds": 0.2}}
    with gateway(tmp_path, tables=tables) as running:
        with half_sent(running, instance) as peer:
            running.process.send_signal(signal.SIGTERM)
            running.ended(0, seconds=AT_ONCE_SECONDS)
            assert peer.read_pdu()[0] in (0, 7)  # closed, or an A-ABORT before
        assert "associations were cut off" in running.log
    with gateway(tmp_path, tables=tables) as running:
        assert running.audit() == []
        assert largest_file(tmp_path / "data") < len(instance.data_set) // 4
    assert received(tmp_path) == []


def test_no_further_instance_is_taken(tmp_path: Path) -> None:
    first, second = ct_slice(1, pixels=LARGE_BYTES), ct_slice(2)
    with gateway(tmp_path) as running:
        with half_sent(running, first) as peer:
            asked_to_end(running)
            with pytest.raises(ConnectionRefusedError):
                RawPeer(running.port)
            send_the_rest(peer, first)
            assert peer.read_response().us(STATUS) == Status.SUCCESS
            peer.send(store_command(second.sop_instance_uid), fragment(CT_CONTEXT, LAST, second.data_set))
            check_that_it_is_not_acknowledged(peer)
        running.ended(0)
    with gateway(tmp_path) as running:
        running.wait_until_delivered()
    assert received(tmp_path) == [first.data_set]


def check_that_it_is_not_acknowledged(peer: RawPeer) -> None:
    """The association ends, or the instance is refused with a comment."""
    pdu_type, body = peer.read_pdu()
    assert pdu_type in (0, 4, 7)
    if pdu_type == 4:
        response = decode_command(body[6:])
        assert response.us(STATUS) != Status.SUCCESS
        assert response.text(ERROR_COMMENT)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_an_idle_association_does_not_hold_up_the_end(tmp_path: Path, number: signal.Signals) -> None:
    with gateway(tmp_path) as running, raw_peer(running.port) as peer:
        peer.associate()
        running.process.send_signal(number)
        running.ended(0, seconds=AT_ONCE_SECONDS)


# Delivery


def test_the_delivery_in_hand_is_finished_and_the_others_are_made_after_the_next_start(
    tmp_path: Path, free_port: int
) -> None:
    instances = [ct_slice(number) for number in range(1, 11)]
    reached, free_to_answer = threading.Event(), threading.Event()

    def answer(_: StoreRequest) -> int:
        reached.set()
        free_to_answer.wait(STOP_SECONDS)
        return Status.SUCCESS

    with node(free_port, answer) as arrived:
        with gateway(tmp_path, tables=to_node(free_port)) as running:
            assert {response.status for response in send(running.port, instances)} == {Status.SUCCESS}
            assert reached.wait(STOP_SECONDS)
            asked_to_end(running)
            free_to_answer.set()
            running.ended(0)
        assert arrived == [instance.sop_instance_uid for instance in instances[: len(arrived)]]
        with gateway(tmp_path, tables=to_node(free_port)) as running:
            running.wait_until_delivered()
        assert arrived == [instance.sop_instance_uid for instance in instances]


def test_a_delivery_that_takes_too_long_is_repeated_after_the_next_start(tmp_path: Path, free_port: int) -> None:
    instances = [ct_slice(number) for number in range(1, 11)]
    uids = [instance.sop_instance_uid for instance in instances]
    reached, free_to_answer = threading.Event(), threading.Event()

    def answer(_: StoreRequest) -> int:
        reached.set()
        free_to_answer.wait(STOP_SECONDS)
        return Status.SUCCESS

    tables = to_node(free_port, drain_seconds=0.2)
    with node(free_port, answer) as arrived:
        with gateway(tmp_path, tables=tables) as running:
            assert {response.status for response in send(running.port, instances)} == {Status.SUCCESS}
            assert reached.wait(STOP_SECONDS)
            running.process.send_signal(signal.SIGTERM)
            running.ended(0, seconds=AT_ONCE_SECONDS)
            assert "a delivery was cut off" in running.log
        free_to_answer.set()
        assert arrived == uids[:1]
        with gateway(tmp_path, tables=tables) as running:
            running.wait_until_delivered()
            assert all(record["deliveries"][-1]["outcome"] == "done" for record in running.audit())
        assert arrived == [uids[0], *uids]


# At once


def test_a_second_sigterm_ends_it_at_once_and_loses_nothing_that_was_acknowledged(
    tmp_path: Path, free_port: int
) -> None:
    acknowledged, unfinished = ct_slice(1), ct_slice(2, pixels=LARGE_BYTES)
    tables = to_node(free_port)
    with gateway(tmp_path, tables=tables) as running:
        (response,) = send(running.port, [acknowledged])
        assert response.status == Status.SUCCESS
        with half_sent(running, unfinished):
            asked_to_end(running)
            running.process.send_signal(signal.SIGTERM)
            running.ended(1, seconds=AT_ONCE_SECONDS)
    with node(free_port) as arrived, gateway(tmp_path, tables=tables) as running:
        running.wait_until_delivered()
        assert arrived == [acknowledged.sop_instance_uid]
        assert largest_file(tmp_path / "data") < len(unfinished.data_set) // 4
