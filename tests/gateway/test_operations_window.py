"""Several C-STORE requests at once, where the peer grants an asynchronous operations window (PS3.7 D.3.3.3)."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pynetdicom import AE, evt
from pynetdicom.events import Event

from sealgate.cli import app
from sealgate.cli.exit_codes import ExitCode
from sealgate.dicom.part10 import file_header
from sealgate.errors import AssociationAborted, ProtocolViolation
from sealgate.node.dimse import StoreResponse
from sealgate.node.identity import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from sealgate.node.limits import RequestorLimits
from sealgate.node.outgoing_instance import OutgoingInstance
from sealgate.node.requestor import RemoteNode, Requestor
from sealgate.node.upper_layer import A_RELEASE_RP, Connection, short_pdu
from support.elements import EXPLICIT_LE_UID
from support.gateway import Gateway, gateway
from support.instances import CT_IMAGE_STORAGE, Instance, ct_slice, send
from support.ports import LOOPBACK
from support.scripted_peer import PATIENCE_SECONDS, Play, answer, read_store, scripted
from support.storage import Service, listening

PAIR = (CT_IMAGE_STORAGE, EXPLICIT_LE_UID)
COUNT = 5
LARGE_BYTES = 64 << 20
"""More than sockets hold."""


def remote(port: int) -> RemoteNode:
    return RemoteNode(host=LOOPBACK, port=port)


def slices(count: int) -> list[Instance]:
    return [ct_slice(number) for number in range(1, count + 1)]


def uids(instances: list[Instance]) -> list[str]:
    return [instance.sop_instance_uid for instance in instances]


def test_as_many_requests_wait_for_their_responses_as_our_listener_grants() -> None:
    most = RequestorLimits().max_operations_invoked
    instances = slices(2 * most)
    free_to_answer = threading.Event()
    service = Service(on_finish=lambda _: free_to_answer.wait(PATIENCE_SECONDS))
    with listening(service) as port, Requestor(remote(port), [PAIR]) as requestor:
        assert requestor.window == most
        waiting = [requestor.send(instance.outgoing()) for instance in instances[:most]]
        with pytest.raises(RuntimeError, match="which is all that may"):
            requestor.send(instances[most].outgoing())
        assert not requestor.wait(0)
        free_to_answer.set()
        for instance in instances[most:]:
            assert requestor.receive() == (waiting.pop(0), StoreResponse(status=0))
            waiting.append(requestor.send(instance.outgoing()))
        assert [requestor.receive()[0] for _ in range(most)] == waiting
    assert service.stored == {instance.sop_instance_uid: instance.data_set for instance in instances}


def test_pynetdicom_is_asked_and_grants_none() -> None:
    asked: list[tuple[int, int]] = []
    stored: dict[str, bytes] = {}

    def asked_for(event: Event) -> tuple[int, int]:
        asked.append((event.nr_invoked, event.nr_performed))
        return asked[0]  # pynetdicom answers (1, 1) whatever is said here

    def store(event: Event) -> int:
        stored[str(event.request.AffectedSOPInstanceUID)] = event.encoded_dataset(include_meta=False)
        return 0

    ae = AE()
    ae.add_supported_context(*PAIR)
    handlers = [(evt.EVT_C_STORE, store), (evt.EVT_ASYNC_OPS, asked_for)]
    server = ae.start_server((LOOPBACK, 0), block=False, evt_handlers=handlers)
    try:
        with Requestor(remote(server.socket.getsockname()[1]), [PAIR]) as requestor:
            assert requestor.window == 1
            assert requestor.store(ct_slice(1).outgoing()).status == 0
    finally:
        server.shutdown()
    assert asked == [(RequestorLimits().max_operations_invoked, 1)]
    assert stored == {ct_slice(1).sop_instance_uid: ct_slice(1).data_set}


def test_the_command_sends_ahead_of_the_answers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    instances = slices(COUNT)
    for instance in instances:
        header = file_header(
            sop_class_uid=instance.sop_class_uid,
            sop_instance_uid=instance.sop_instance_uid,
            transfer_syntax_uid=instance.transfer_syntax_uid,
            implementation_class_uid=IMPLEMENTATION_CLASS_UID,
            implementation_version_name=IMPLEMENTATION_VERSION_NAME,
        )
        (tmp_path / instance.sop_instance_uid).write_bytes(header + instance.data_set)
    stored: list[str] = []

    def play(connection: Connection, _: socket.socket) -> None:
        requests = [request for _ in instances if (request := read_store(connection))]
        stored.extend(uid for _, uid in requests)
        for message_id, _ in reversed(requests):
            connection.send(answer(message_id))
        assert read_store(connection) is None
        connection.send(short_pdu(A_RELEASE_RP))

    with scripted(play, window=COUNT) as port:
        assert app.run(["send", LOOPBACK, str(port), str(tmp_path)]) == ExitCode.OK
    assert stored == uids(instances)
    assert f"{COUNT} stored" in capsys.readouterr().out


def test_answers_in_another_order_are_those_of_their_requests() -> None:
    def play(connection: Connection, _: socket.socket) -> None:
        requests = [request for _ in range(3) if (request := read_store(connection))]
        for number, (message_id, _) in enumerate(reversed(requests)):
            connection.send(answer(message_id, status=0xB000 + number))
        connection.read_fragment(5)

    with scripted(play, window=3) as port, Requestor(remote(port), [PAIR]) as requestor:
        ids = [requestor.send(instance.outgoing()) for instance in slices(3)]
        received = dict(requestor.receive() for _ in ids)
    assert {message_id: response.status for message_id, response in received.items()} == dict(
        zip(ids, (0xB002, 0xB001, 0xB000), strict=True)
    )


@pytest.mark.parametrize(("granted", "used"), [(1, 1), (3, 3), (100, 16), (0, 16)], ids=str)
def test_no_more_is_used_than_was_asked_for(granted: int, used: int) -> None:
    with (
        scripted(lambda connection, _: connection.close(), window=granted) as port,
        Requestor(remote(port), [PAIR]) as requestor,
    ):
        assert requestor.window == used


def test_a_window_is_not_even_proposed_where_one_operation_is_enough() -> None:
    limits = RequestorLimits(max_operations_invoked=1)
    with (
        scripted(lambda connection, _: connection.close(), window=3) as port,
        Requestor(remote(port), [PAIR], limits) as requestor,
    ):
        assert requestor.window == 1


def test_an_answer_to_what_was_answered_before_ends_the_association() -> None:
    def play(connection: Connection, _: socket.socket) -> None:
        requests = [request for _ in range(2) if (request := read_store(connection))]
        connection.close(farewell=answer(requests[0][0]) * 2)

    with scripted(play, window=3) as port, Requestor(remote(port), [PAIR]) as requestor:
        first = requestor.send(ct_slice(1).outgoing())
        requestor.send(ct_slice(2).outgoing())
        assert requestor.receive() == (first, StoreResponse(status=0))
        with pytest.raises(ProtocolViolation, match="one to something else"):
            requestor.receive()
        assert not requestor.has_answers


def test_answers_that_came_before_the_association_broke_are_given() -> None:
    def play(connection: Connection, sock: socket.socket) -> None:
        (message_id, _) = read_store(connection) or (0, "")
        connection.send(answer(message_id, status=0xB000))
        assert connection.read_fragment(5) is not None  # the next one has begun
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()

    with scripted(play, window=3) as port, Requestor(remote(port), [PAIR]) as requestor:
        first = requestor.send(ct_slice(1).outgoing())
        with pytest.raises(AssociationAborted):
            requestor.send(large())
        assert requestor.has_answers
        assert requestor.receive() == (first, StoreResponse(status=0xB000))
        with pytest.raises(AssociationAborted, match="is over"):
            requestor.receive()


def large() -> OutgoingInstance:
    return OutgoingInstance(
        sop_class_uid=PAIR[0],
        sop_instance_uid="1.2.3",
        transfer_syntax_uid=PAIR[1],
        size=LARGE_BYTES,
        chunks=(bytes(1 << 20) for _ in range(LARGE_BYTES >> 20)),
    )


def test_an_error_of_our_own_costs_no_answer_that_has_come() -> None:
    def broken() -> Iterator[bytes]:
        yield bytes(300_000)
        assert requestor.wait(5)
        raise ZeroDivisionError("the digest differs")

    def play(connection: Connection, _: socket.socket) -> None:
        (message_id, _) = read_store(connection) or (0, "")
        connection.send(answer(message_id))
        with pytest.raises(AssociationAborted):
            read_store(connection)

    with scripted(play, window=3) as port:
        requestor = Requestor(remote(port), [PAIR])
        requestor.open()
        first = requestor.send(ct_slice(1).outgoing())
        instance = large()
        instance.chunks = broken()
        with pytest.raises(ZeroDivisionError):
            requestor.send(instance)
        assert requestor.receive() == (first, StoreResponse(status=0))
        assert not requestor.is_open


# Delivery


def to_node(port: int) -> dict[str, Any]:
    """Tables of a gateway that holds what comes until it is released, and delivers it to `port` then."""
    retries = {"retry_first_seconds": 0.05, "retry_max_seconds": 0.2}
    return {
        "source": [{"name": "any", "action": "verify"}],
        "destination": [{"name": "node", "ae_title": "PACS", "host": LOOPBACK, "port": port, **retries}],
    }


def deliver_at_once(running: Gateway, instances: list[Instance]) -> None:
    """Let all begin to be delivered in one moment, and wait until they are."""
    send(running.port, instances)
    held = [entry["instance_id"] for entry in running.unfinished()]
    running.ask("queue_release", instances=held, by="Ada")
    running.wait_until_delivered()


def serving(delivered: list[str]) -> Play:
    """Answer one after the other."""

    def play(connection: Connection, _: socket.socket) -> None:
        while (request := read_store(connection)) is not None:
            delivered.append(request[1])
            connection.send(answer(request[0]))
        connection.send(short_pdu(A_RELEASE_RP))

    return play


def test_what_was_not_answered_when_the_association_broke_and_nothing_else_is_delivered_again(tmp_path: Path) -> None:
    instances = slices(6)
    delivered: list[str] = []

    def breaking(connection: Connection, _: socket.socket) -> None:
        requests = [request for _ in range(4) if (request := read_store(connection))]
        connection.close(farewell=answer(requests[2][0]) + answer(requests[0][0]))

    with (
        scripted(breaking, serving(delivered), window=4) as port,
        gateway(tmp_path, tables=to_node(port)) as running,
    ):
        deliver_at_once(running, instances)
        made = {
            record["sop_instance_uid"]: [delivery["outcome"] for delivery in record["deliveries"]]
            for record in running.audit()
        }
    first, second, third, *others = uids(instances)
    assert delivered == [second, *others]
    # The oldest without an answer is charged with the failure.
    assert made == {second: ["ready", "done"], **{uid: ["done"] for uid in (first, third, *others)}}


def test_what_failed_before_goes_alone(tmp_path: Path) -> None:
    instances = slices(4)
    delivered: list[str] = []
    followed: list[bool] = []

    def breaking(connection: Connection, _: socket.socket) -> None:
        read_store(connection)

    def watching(connection: Connection, sock: socket.socket) -> None:
        (message_id, uid) = read_store(connection) or (0, "")
        delivered.append(uid)
        followed.append(connection.wait_for_peer(0.3))
        connection.send(answer(message_id))
        serving(delivered)(connection, sock)

    with scripted(breaking, watching, window=4) as port, gateway(tmp_path, tables=to_node(port)) as running:
        deliver_at_once(running, instances)
    assert delivered == uids(instances)
    assert followed == [False]
