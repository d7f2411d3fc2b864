"""Associations with a listener: DCMTK and pynetdicom as modalities, and peers that misbehave."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from pynetdicom import AE
from pynetdicom.pdu_primitives import AsynchronousOperationsWindowNegotiation
from structlog.testing import capture_logs

from sealgate.dicom.part10 import read_file_meta
from sealgate.errors import ConfigurationError, ConnectionFailed, StoreRefused
from sealgate.node import dimse
from sealgate.node.acceptor import AcceptorOptions
from sealgate.node.associate import ProposedContext
from sealgate.node.dimse import StoreRequest, StoreResponse
from sealgate.node.limits import AdmissionLimits, AssociationLimits
from sealgate.node.listener import Listener, ListenerOptions
from sealgate.node.requestor import RemoteNode, Requestor
from sealgate.node.storage_service import CALLED_AE_TITLE_NOT_RECOGNIZED
from sealgate.node.tls import client_context, server_context
from support import peers
from support.instances import ct_slice
from support.pki import Authority
from support.ports import LOOPBACK
from support.raw_peer import (
    ABORT,
    CT,
    CT_CONTEXT,
    ECHO_CONTEXT,
    EXPLICIT_LE,
    RELEASE_RQ,
    RawPeer,
    associate_request,
    echo_command,
    fragment,
    raw_peer,
    store_command,
)
from support.storage import SHORT, Service, listening
from support.waiting import wait_until

COMMAND, LAST = 0x01, 0x02
A_ASSOCIATE_AC, A_ASSOCIATE_RJ, A_RELEASE_RP, A_ABORT, CLOSED = 2, 3, 6, 7, 0
LOCAL_LIMIT_EXCEEDED = bytes((0, 2, 3, 2))


Client = Callable[..., peers.Outcome]


def pixel_data(content: bytes) -> bytes:
    """The last Pixel Data element with VR OW of a file in explicit VR little endian."""
    start = content.rindex(b"\xe0\x7f\x10\0OW\0\0")
    return content[start : start + 12 + int.from_bytes(content[start + 8 : start + 12], "little")]


def server_tls(pki: Authority) -> ssl.SSLContext:
    server = pki.issue("listener")
    return server_context(key=server.key_path, certificate=server.certificate_path, client_ca=pki.certificate_path)


def tls_options(authority: Authority, trust: Authority) -> tuple[object, ...]:
    """Options of a DCMTK client with a certificate of `authority` that trusts `trust`."""
    client = authority.issue("modality")
    return ("+tls", client.key_path, client.certificate_path, "+cf", trust.certificate_path)


@pytest.fixture
def connect() -> Iterator[Callable[[int], RawPeer]]:
    """Opens connections to a port; they are closed after the test, however it ends."""
    with ExitStack() as stack:
        yield lambda port: stack.enter_context(raw_peer(port))


# Real peers


@pytest.mark.parametrize("client", [peers.storescu, peers.dcmsend], ids=["storescu", "dcmsend"])
def test_what_dcmtk_sends_arrives_with_all_that_its_request_says(client: Client, sample: Path) -> None:
    service = Service()
    with listening(service) as port:
        outcome = client(port, [sample], called="SEALGATE", calling="CT SCANNER 1")
    assert outcome.exit_code == 0, outcome.text
    (request,) = service.requests
    meta = read_file_meta(sample.read_bytes())
    assert request.sop_class_uid == CT
    assert request.sop_instance_uid == meta.media_storage_sop_instance_uid
    assert request.transfer_syntax_uid == EXPLICIT_LE
    assert (request.peer.called_ae_title, request.peer.calling_ae_title) == ("SEALGATE", "CT SCANNER 1")
    assert (request.peer.address, request.peer.listener, request.peer.certificate) == (LOOPBACK, "test", None)
    # DCMTK decodes what it sends and encodes it again without its padding; the pixels stay what they were.
    assert pixel_data(sample.read_bytes()) in service.stored[request.sop_instance_uid]


def test_dcmtk_over_mutual_tls_is_served_and_its_certificate_is_known(pki: Authority, sample: Path) -> None:
    service = Service()
    client = pki.issue("modality")
    options = ("+tls", client.key_path, client.certificate_path, "+cf", pki.certificate_path)
    with listening(service, tls=server_tls(pki)) as port:
        assert peers.echoscu(port, *options).exit_code == 0
        outcome = peers.storescu(port, [sample], *options)
    assert outcome.exit_code == 0, outcome.text
    assert service.requests[0].peer.certificate == client.der


@pytest.mark.parametrize(("proposed", "granted"), [(4, 4), (0, 16), (1000, 16)])
def test_pynetdicom_is_granted_the_operations_window_that_it_proposes_up_to_a_limit(
    proposed: int, granted: int
) -> None:
    window = AsynchronousOperationsWindowNegotiation()
    window.maximum_number_operations_invoked = proposed
    ae = AE()
    ae.add_requested_context(CT, [EXPLICIT_LE])
    with listening(Service()) as port:
        association = ae.associate(LOOPBACK, port, ext_neg=[window])
        assert association.is_established
        assert association.acceptor.asynchronous_operations == (granted, 1)
        association.release()


def test_nothing_is_said_of_an_operations_window_where_none_was_proposed() -> None:
    ae = AE()
    ae.add_requested_context(CT, [EXPLICIT_LE])
    with listening(Service()) as port:
        association = ae.associate(LOOPBACK, port)
        items = association.acceptor.user_information
        association.release()
    assert not any(isinstance(item, AsynchronousOperationsWindowNegotiation) for item in items)


def test_requests_that_were_sent_ahead_are_answered_in_their_order() -> None:
    arrived: list[str] = []
    all_sent = threading.Event()

    def hold_the_first(request: StoreRequest) -> None:
        if not arrived:
            assert all_sent.wait(10)
        arrived.append(request.sop_instance_uid)

    instances = [ct_slice(number) for number in range(1, 9)]
    contexts = [(CT, EXPLICIT_LE)]
    service = Service(on_finish=hold_the_first)
    with listening(service) as port, Requestor(RemoteNode(host=LOOPBACK, port=port), contexts) as requestor:
        assert requestor.window >= len(instances)
        sent = [requestor.send(instance.outgoing()) for instance in instances]
        all_sent.set()
        answers = [requestor.receive() for _ in instances]
    assert answers == [(message_id, StoreResponse(status=0)) for message_id in sent]
    assert arrived == [instance.sop_instance_uid for instance in instances]
    assert service.stored == {instance.sop_instance_uid: instance.data_set for instance in instances}


def test_pynetdicom_gets_the_explicit_syntax_though_it_offers_the_implicit_one_first() -> None:
    ae = AE()
    ae.add_requested_context(CT, ["1.2.840.10008.1.2", EXPLICIT_LE])
    with listening(Service()) as port:
        association = ae.associate(LOOPBACK, port)
        assert association.is_established
        (context,) = association.accepted_contexts
        association.release()
    assert context.transfer_syntax == [EXPLICIT_LE]


@pytest.mark.parametrize("foreign", [False, True], ids=["without a certificate", "with a foreign certificate"])
def test_a_tls_client_that_proves_nothing_is_refused_in_one_plain_line(
    foreign: bool, pki: Authority, tmp_path: Path
) -> None:
    service = Service()
    stranger = Authority(tmp_path / "foreign", "Foreign CA").issue("stranger") if foreign else None
    context = client_context(
        server_ca=pki.certificate_path,
        key=stranger and stranger.key_path,
        certificate=stranger and stranger.certificate_path,
    )
    with capture_logs() as logs, listening(service, tls=server_tls(pki)) as port:
        stranger_to_us = Requestor(RemoteNode(host=LOOPBACK, port=port, tls=context), [(CT, EXPLICIT_LE)])
        with pytest.raises(ConnectionFailed, match="the peer does not accept our certificate"):
            stranger_to_us.open()
        assert peers.echoscu(port, *tls_options(pki, pki)).exit_code == 0
    assert not [peer for peer in service.peers if peer.calling_ae_title == "SEALGATE"]
    (refusal,) = [line for line in logs if line["event"] == "connection refused"]
    assert refusal["address"] == LOOPBACK
    assert "certificate" in refusal["why"]
    assert "\n" not in refusal["why"]


@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "tls"])
def test_fifty_silent_connections_do_not_slow_an_echo(encrypted: bool, pki: Authority) -> None:
    options = tls_options(pki, pki) if encrypted else ()
    with listening(Service(), tls=server_tls(pki) if encrypted else None) as port:
        silent = [socket.create_connection((LOOPBACK, port)) for _ in range(50)]
        half = [socket.create_connection((LOOPBACK, port)) for _ in range(20)]
        for sock in half:
            sock.sendall(b"\x16\x03" if encrypted else b"\x01\x00")
        started = time.monotonic()
        outcome = peers.echoscu(port, *options)
        took = time.monotonic() - started
        for sock in (*silent, *half):
            sock.close()
    assert outcome.exit_code == 0, outcome.text
    assert took < 1.0


# What the service says


def test_a_rejected_peer_is_told_the_reason(sample: Path) -> None:
    with listening(Service(rejection=CALLED_AE_TITLE_NOT_RECOGNIZED)) as port:
        outcome = peers.echoscu(port)
    assert outcome.exit_code != 0
    assert "Called AE Title Not Recognized" in outcome.text


def refuse(status: int, comment: str) -> object:
    def raising(_: object) -> None:
        raise StoreRefused(status, comment)

    return raising


@pytest.mark.parametrize("step", ["on_begin", "on_write"])
def test_a_refused_instance_is_answered_with_its_status_and_the_association_goes_on(step: str) -> None:
    service = Service()
    setattr(service, step, refuse(0xA700, "disk is full, 12 MB are left"))
    with listening(service) as port, raw_peer(port) as peer:
        peer.associate().send(store_command("1.2.3"), *[fragment(1, 0, bytes(1000))] * 20, fragment(1, LAST, b"last"))
        response = peer.read_response()
        assert response.us(dimse.STATUS) == 0xA700
        assert response.text(dimse.ERROR_COMMENT) == "disk is full, 12 MB are left"
        assert response.us(dimse.MESSAGE_ID_BEING_RESPONDED_TO) == 7
        setattr(service, step, lambda _: None)
        peer.send(store_command("1.2.4"), fragment(1, LAST, b"data"))
        assert peer.read_response().us(dimse.STATUS) == 0
    assert service.stored == {"1.2.4": b"data"}
    assert service.discarded == (["1.2.3"] if step == "on_write" else [])


@pytest.mark.parametrize("step", ["on_begin", "on_write", "on_finish"])
def test_a_fault_of_the_service_is_never_a_success(step: str) -> None:
    service = Service()

    def fail(_: object) -> None:
        raise ZeroDivisionError("a mistake")

    setattr(service, step, fail)
    with listening(service) as port, raw_peer(port) as peer:
        peer.associate().send(store_command("1.2.3"), fragment(1, LAST, b"data"))
        response = peer.read_response()
    assert response.us(dimse.STATUS) == 0x0110
    assert service.stored == {}
    assert service.discarded == ([] if step == "on_begin" else ["1.2.3"])


def test_the_status_of_the_service_is_the_status_of_the_response() -> None:
    with listening(Service(response=StoreResponse(status=0xC123, comment="unsigned"))) as port, raw_peer(port) as peer:
        peer.associate().send(store_command("1.2.3"), fragment(1, LAST, b"data"))
        response = peer.read_response()
    assert response.us(dimse.STATUS) == 0xC123
    assert response.text(dimse.AFFECTED_SOP_INSTANCE_UID) == "1.2.3"


def test_a_fragment_that_the_service_keeps_cannot_be_read_later() -> None:
    kept: list[memoryview] = []
    service = Service(on_write=kept.append)
    with listening(service) as port, raw_peer(port) as peer:
        peer.associate().send(store_command(), fragment(1, LAST, b"data"))
        peer.read_response()
    with pytest.raises(ValueError, match="released"):
        bytes(kept[0])


# Messages


def test_a_data_set_may_come_in_any_cut() -> None:
    service = Service()
    content = bytes(range(256)) * 4
    parts = [content[:1], content[1:3], content[3:700], content[700:]]
    cut = [fragment(1, 0, part) for part in parts] + [fragment(1, LAST, b"")]
    with listening(service) as port, raw_peer(port) as peer:
        peer.associate().send(store_command("1.2.3"), *cut)
        assert peer.read_response().us(dimse.STATUS) == 0
    assert service.stored == {"1.2.3": content}


@pytest.mark.parametrize("uid", ["../../etc/passwd", "..", "", "1.2.x", "1" * 65])
def test_an_instance_uid_that_is_none_is_refused_before_the_service_hears_of_it(uid: str) -> None:
    service = Service()
    with listening(service) as port, raw_peer(port) as peer:
        peer.associate().send(store_command(uid), fragment(1, LAST, b"data"))
        assert peer.read_response().us(dimse.STATUS) == 0x0117
        peer.send(echo_command())
        assert peer.read_response().us(dimse.STATUS) == 0
    assert service.requests == []


def test_a_sop_class_other_than_that_of_its_context_is_refused() -> None:
    with listening(Service()) as port, raw_peer(port) as peer:
        peer.associate().send(store_command(sop_class_uid="1.2.840.10008.5.1.4.1.1.4"), fragment(1, LAST, b"data"))
        assert peer.read_response().us(dimse.STATUS) == 0xA900


def test_a_store_without_a_data_set_is_refused_and_nothing_is_waited_for() -> None:
    command = store_command().replace(b"\0\x08\x02\0\0\0\0\0", b"\0\x08\x02\0\0\0\x01\x01")
    with listening(Service()) as port, raw_peer(port) as peer:
        peer.associate().send(command)
        assert peer.read_response().us(dimse.STATUS) == 0xC000


def test_an_unknown_operation_is_answered_and_its_data_set_dropped() -> None:
    command = store_command().replace(b"\0\x01\x02\0\0\0\x01\0", b"\0\x01\x02\0\0\0\x20\0")  # C-FIND-RQ
    with listening(Service()) as port, raw_peer(port) as peer:
        peer.associate().send(command, fragment(1, 0, b"query"), fragment(1, LAST, b"query"))
        response = peer.read_response()
        assert response.us(dimse.STATUS) == 0x0211
        assert response.us(dimse.COMMAND_FIELD) == 0x8020
        peer.send(echo_command())
        assert peer.read_response().us(dimse.STATUS) == 0


def test_an_echo_is_no_store_and_a_store_is_no_echo() -> None:
    with listening(Service()) as port, raw_peer(port) as peer:
        peer.associate().send(echo_command(CT_CONTEXT))
        assert peer.read_response().us(dimse.STATUS) == 0x0211
        peer.send(store_command(context_id=ECHO_CONTEXT), fragment(ECHO_CONTEXT, LAST, b"data"))
        assert peer.read_response().us(dimse.STATUS) == 0x0211


def test_a_release_is_answered() -> None:
    with listening(Service()) as port, raw_peer(port) as peer:
        peer.associate().send(RELEASE_RQ)
        assert peer.read_pdu()[0] == A_RELEASE_RP
        assert peer.read_pdu()[0] == CLOSED


def test_private_sop_classes_are_stored_where_the_listener_is_unrestricted() -> None:
    private = "1.2.840.113619.4.30"
    context = ProposedContext(context_id=1, abstract_syntax_uid=private, transfer_syntax_uids=(EXPLICIT_LE,))
    service = Service()
    with listening(service, unrestricted=True) as port, raw_peer(port) as peer:
        peer.associate([context]).send(store_command("1.2.3", private), fragment(1, LAST, b"data"))
        assert peer.read_response().us(dimse.STATUS) == 0
    assert service.stored == {"1.2.3": b"data"}


# Peers that misbehave


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"\x04\0\xff\xff\xff\xff", 6),
        (b"\x0a\0\0\0\0\x04", 1),
        (associate_request(), 2),
        (fragment(99, COMMAND | LAST, b""), 6),
        (fragment(CT_CONTEXT, LAST, b"data first"), 5),
        (fragment(CT_CONTEXT, COMMAND | LAST, b"\xff" * 20), 6),
        (b"".join([fragment(CT_CONTEXT, COMMAND, bytes(16000))] * 5), 6),
        (store_command() + echo_command(), 5),
        (store_command() + RELEASE_RQ, 5),
        (store_command() + fragment(ECHO_CONTEXT, LAST, b"data"), 5),
    ],
    ids=[
        "a PDU of 4 GiB",
        "an unknown PDU",
        "a second A-ASSOCIATE-RQ",
        "an unknown context",
        "a data set without a command",
        "a command set of nonsense",
        "an endless command set",
        "another command in a data set",
        "a release in a data set",
        "another context in a data set",
    ],
)
def test_what_breaks_the_protocol_is_aborted_and_nothing_is_kept(sent: bytes, reason: int) -> None:
    service = Service()
    with listening(service) as port, raw_peer(port) as peer:
        peer.associate().send(sent)
        assert peer.read_pdu() == (A_ABORT, bytes((0, 0, 2, reason)))
        assert peer.read_pdu()[0] == CLOSED
    assert service.stored == {}
    assert len(service.discarded) == len(service.requests)


@pytest.mark.parametrize(
    ("sent", "answer", "why"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", (A_ABORT, bytes((0, 0, 2, 1))), "does not begin with an A-ASSOCIATE-RQ"),
        (fragment(1, 0, b"data"), (A_ABORT, bytes((0, 0, 2, 2))), "does not begin with an A-ASSOCIATE-RQ"),
        (b"\x16\x03\x01\x02\0" + bytes(512), (CLOSED, b""), "the peer speaks TLS, and this is a port without TLS"),
    ],
    ids=["HTTP", "P-DATA", "TLS"],
)
def test_what_is_no_dicom_is_turned_away_at_once(sent: bytes, answer: tuple[int, bytes], why: str) -> None:
    with capture_logs() as logs, listening(Service()) as port, raw_peer(port) as peer:
        peer.send(sent)
        assert peer.read_pdu() == answer
    (refusal,) = [line for line in logs if line["event"] == "connection refused"]
    assert why in refusal["why"]


def test_plain_dicom_on_a_tls_port_is_named_in_the_log(pki: Authority) -> None:
    with capture_logs() as logs, listening(Service(), tls=server_tls(pki)) as port:
        assert peers.echoscu(port).exit_code != 0
    assert "the peer does not speak TLS" in next(line["why"] for line in logs if line["event"] == "connection refused")


@pytest.mark.parametrize("how", ["abort", "close", "reset"])
def test_a_transfer_that_is_cut_off_is_discarded(how: str) -> None:
    service = Service()
    with listening(service) as port, raw_peer(port) as peer:
        peer.associate().send(store_command("1.2.3"), fragment(1, 0, bytes(10_000)))
        wait_until(lambda: service.requests, "the beginning of the transfer")
        if how == "abort":
            peer.send(ABORT)
        elif how == "reset":
            peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        peer.close()
        wait_until(lambda: service.discarded == ["1.2.3"], "discarding what was written")
    assert service.stored == {}


def drip(peer: RawPeer, over: threading.Event) -> None:
    """Send a byte every tenth of a second until the connection or the test is over."""
    while not over.wait(0.1):
        try:
            peer.send(b"\0")
        except OSError:
            return


@pytest.mark.parametrize("when", ["before the association", "in a message"])
def test_a_slow_drip_is_cut_off(when: str) -> None:
    service, over = Service(), threading.Event()
    with listening(service, limits=SHORT) as port, raw_peer(port) as peer:
        if when == "in a message":
            peer.associate().send(store_command("1.2.3"), fragment(1, 0, bytes(10_000))[:20])
        else:
            peer.send(associate_request()[:10])
        dripping = threading.Thread(target=drip, args=(peer, over))
        started = time.monotonic()
        dripping.start()
        assert peer.read_pdu()[0] in (A_ABORT, CLOSED)
        took = time.monotonic() - started
        over.set()
        dripping.join()
    assert took < 2.0
    assert service.discarded == [request.sop_instance_uid for request in service.requests]


@pytest.mark.parametrize("when", ["at once", "between messages", "in a message"])
def test_silence_is_cut_off(when: str) -> None:
    service = Service()
    with listening(service, limits=SHORT) as port, raw_peer(port) as peer:
        if when != "at once":
            peer.associate()
        if when == "in a message":
            peer.send(store_command("1.2.3"), fragment(1, 0, b"data"))
        assert peer.read_pdu()[0] == (CLOSED if when == "at once" else A_ABORT)
    assert service.discarded == [request.sop_instance_uid for request in service.requests]


def test_a_peer_beyond_the_limit_is_rejected_for_now(connect: Callable[[int], RawPeer]) -> None:
    limits = AdmissionLimits(max_associations=2, reclaim_unused_s=60)
    with listening(Service(), admission=limits) as port:
        first, second, third = (connect(port) for _ in range(3))
        first.associate()
        second.associate()
        third.send(associate_request())
        assert third.read_pdu() == (A_ASSOCIATE_RJ, LOCAL_LIMIT_EXCEEDED)
        first.send(RELEASE_RQ)
        assert first.read_pdu()[0] == A_RELEASE_RP
        wait_until(lambda: peers.echoscu(port).exit_code == 0, "an echo in the place that came free")


def test_an_association_that_asked_for_nothing_makes_room_for_one_that_does(
    connect: Callable[[int], RawPeer],
) -> None:
    limits = AdmissionLimits(max_associations_per_address=3, reclaim_unused_s=0.0, reclaim_idle_s=60)
    with listening(Service(), admission=limits) as port:
        used, idle, idler = (connect(port).associate() for _ in range(3))
        used.send(echo_command())
        assert used.read_response().us(dimse.STATUS) == 0
        assert peers.echoscu(port).exit_code == 0
        assert idle.read_pdu()[0] == A_ABORT
        for peer in (used, idler):
            peer.send(echo_command())
            assert peer.read_response().us(dimse.STATUS) == 0


def test_of_too_many_silent_connections_the_longest_silent_goes(connect: Callable[[int], RawPeer]) -> None:
    with listening(Service(), admission=AdmissionLimits(max_silent_connections=3)) as port:
        silent = [connect(port) for _ in range(5)]
        assert [peer.read_pdu()[0] for peer in silent[:2]] == [CLOSED, CLOSED]
        silent[4].associate()


# The end


def test_a_message_under_way_is_answered_before_the_listener_ends(connect: Callable[[int], RawPeer]) -> None:
    entered, go_on = threading.Event(), threading.Event()

    def finish(_: StoreRequest) -> None:
        entered.set()
        assert go_on.wait(10)

    service = Service(on_finish=finish)
    listener = Listener(ListenerOptions(name="test", port=0), service)
    listener.start()
    port = listener.address[1]
    idle, busy = connect(port).associate(), connect(port).associate()
    busy.send(store_command("1.2.3"), fragment(1, LAST, b"data"))
    assert entered.wait(10)
    ended: list[bool] = []
    closing = threading.Thread(target=lambda: ended.append(listener.close(10)))
    closing.start()
    assert idle.read_pdu() == (A_ABORT, bytes(4))
    with pytest.raises(ConnectionRefusedError):
        RawPeer(port)
    go_on.set()
    assert busy.read_response().us(dimse.STATUS) == 0
    busy.send(RELEASE_RQ)
    assert busy.read_pdu()[0] == A_RELEASE_RP
    closing.join()
    assert ended == [True]
    assert service.stored == {"1.2.3": b"data"}


def test_a_transfer_that_does_not_end_is_cut_off_and_discarded() -> None:
    service = Service()
    listener = Listener(ListenerOptions(name="test", port=0), service)
    listener.start()
    with raw_peer(listener.address[1]) as peer:
        peer.associate().send(store_command("1.2.3"), fragment(1, 0, b"data"))
        wait_until(lambda: service.requests, "the beginning of the transfer")
        assert listener.close(0.1) is False
        assert peer.read_pdu()[0] == CLOSED
    assert service.discarded == ["1.2.3"]


def test_a_port_in_use_is_named_in_one_sentence() -> None:
    with listening(Service()) as port:
        second = Listener(ListenerOptions(name="second", port=port), Service())
        with pytest.raises(ConfigurationError, match=f"port {port} of 127.0.0.1: another program listens there"):
            second.start()


def test_a_listener_on_ipv6_gives_addresses_as_ipv6() -> None:
    service = Service()
    acceptor = AcceptorOptions(limits=AssociationLimits())
    listener = Listener(ListenerOptions(name="six", address="::1", port=0, acceptor=acceptor), service)
    try:
        listener.start()
    except ConfigurationError:
        pytest.skip("this machine has no IPv6")
    with socket.create_connection(listener.address) as sock:
        sock.sendall(associate_request())
        assert sock.recv(1) == bytes([A_ASSOCIATE_AC])
    listener.close(5)
    assert service.peers[0].address == "::1"
