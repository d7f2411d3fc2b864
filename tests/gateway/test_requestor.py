"""Our requestor against DCMTK's storescp, against our own listener, and against peers that misbehave."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from sealgate.dicom.part10 import read_file_meta
from sealgate.errors import (
    AssociationAborted,
    AssociationRejected,
    ConfigurationError,
    ConnectionFailed,
    ContextRefused,
    DeadlineExceeded,
    ProtocolViolation,
)
from sealgate.node.dimse import StoreResponse
from sealgate.node.limits import RequestorLimits
from sealgate.node.outgoing_instance import OutgoingInstance
from sealgate.node.requestor import RemoteNode, Requestor
from sealgate.node.storage_service import CALLED_AE_TITLE_NOT_RECOGNIZED
from sealgate.node.tls import client_context, server_context
from sealgate.node.upper_layer import COMMAND, LAST, Connection, short_pdu
from support import peers
from support.pki import Authority
from support.ports import LOOPBACK, free_port
from support.raw_peer import CT, EXPLICIT_LE, IMPLICIT_LE, VERIFICATION, fragment
from support.scripted_peer import answer, scripted
from support.storage import Service, listening

PRIVATE = "1.2.840.113619.4.30"
PAIR = (CT, EXPLICIT_LE)
IMPATIENT = RequestorLimits(connect_s=1, associate_s=0.3, response_s=0.3, pdu_s=0.3, write_s=0.3, release_s=0.3)


def outgoing(
    chunks: Iterable[bytes | memoryview], size: int, uid: str = "1.2.3", pair: tuple[str, str] = PAIR
) -> OutgoingInstance:
    return OutgoingInstance(
        sop_class_uid=pair[0], sop_instance_uid=uid, transfer_syntax_uid=pair[1], size=size, chunks=chunks
    )


def remote(port: int, **settings: object) -> RemoteNode:
    return RemoteNode(host=LOOPBACK, port=port, **settings)  # type: ignore[arg-type]


def test_storescp_writes_the_bytes_that_were_sent(tmp_path: Path, sample: Path) -> None:
    content = sample.read_bytes()
    meta = read_file_meta(content)
    data_set = content[meta.data_set_start :]
    with peers.storescp(tmp_path / "in", "+B", "+xa") as scp:
        with Requestor(remote(scp.port), [PAIR]) as requestor:
            instance = outgoing([data_set], len(data_set), meta.media_storage_sop_instance_uid)
            assert requestor.store(instance) == StoreResponse(status=0)
        (received,) = scp.received()
    written = received.read_bytes()
    assert written[read_file_meta(written).data_set_start :] == data_set


def test_storescp_over_tls_answers_an_echo(tmp_path: Path, pki: Authority) -> None:
    server, client = pki.issue("storescp"), pki.issue("storescu")
    tls = client_context(server_ca=pki.certificate_path, key=client.key_path, certificate=client.certificate_path)
    options = ("+tls", server.key_path, server.certificate_path, "+cf", pki.certificate_path)
    with (
        peers.storescp(tmp_path / "in", *options) as scp,
        Requestor(remote(scp.port, tls=tls), [(VERIFICATION, IMPLICIT_LE)]) as requestor,
    ):
        assert requestor.echo() == 0


@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "tls"])
def test_data_sets_of_every_size_arrive_byte_for_byte_however_they_are_cut(encrypted: bool, pki: Authority) -> None:
    credential = pki.issue("node")
    files = {"key": credential.key_path, "certificate": credential.certificate_path}
    server = server_context(client_ca=pki.certificate_path, **files) if encrypted else None
    client = client_context(server_ca=pki.certificate_path, **files) if encrypted else None
    service, sent = Service(), {}
    with listening(service, tls=server) as port, Requestor(remote(port, tls=client), [PAIR]) as requestor:
        for number, size in enumerate((1, 2, 131_066, 131_067, 262_132, 3_000_001)):
            content = os.urandom(size)
            for window in (2, 1000, 1 << 20) if size < 1000 else (65_536, 1 << 20, 4 << 20):
                uid = f"1.2.{number}.{window}"
                sent[uid] = content
                assert requestor.store(outgoing(reused_windows(content, window), size, uid)).status == 0
    assert service.stored == sent


def reused_windows(content: bytes, window: int) -> Iterator[memoryview]:
    """`content` in one buffer that is overwritten for each chunk."""
    buffer = memoryview(bytearray(window))
    for start in range(0, len(content), window):
        part = content[start : start + window]
        buffer[: len(part)] = part
        yield buffer[: len(part)]
    buffer[:] = bytes(window)


def test_fragments_are_no_longer_than_the_peer_takes() -> None:
    longest: list[int] = []
    service = Service(on_write=lambda part: longest.append(len(part)))
    with listening(service) as port:
        limits = RequestorLimits(max_pdu_bytes=4096)
        with Requestor(remote(port), [PAIR], limits) as requestor:
            requestor.store(outgoing([bytes(100_000)], 100_000))
    assert max(longest) == 4096 - 6


def test_the_answer_of_the_peer_is_given_with_its_comment() -> None:
    answer = StoreResponse(status=0xA700, comment="disk is full")
    with listening(Service(response=answer)) as port, Requestor(remote(port), [PAIR]) as requestor:
        assert requestor.store(outgoing([b"data"], 4)) == answer


def test_a_refused_context_is_named_and_the_others_serve() -> None:
    service = Service()
    private = (PRIVATE, EXPLICIT_LE)
    with listening(service) as port, Requestor(remote(port), [private, PAIR]) as requestor:
        assert requestor.accepted == {PAIR}
        assert requestor.refused == {private: "SOP class not supported"}
        with pytest.raises(ContextRefused, match=f"does not take SOP class {PRIVATE}"):
            requestor.store(outgoing([b"data"], 4, pair=private))
        assert requestor.store(outgoing([b"data"], 4)).status == 0


def test_an_association_without_any_accepted_context_is_rejected_by_name() -> None:
    with (
        listening(Service()) as port,
        pytest.raises(AssociationRejected, match=rf"{PRIVATE} .*\(SOP class not supported\)") as caught,
        Requestor(remote(port), [(PRIVATE, EXPLICIT_LE)]),
    ):
        pass
    assert caught.value.result == 0


def test_a_rejection_is_told_in_words() -> None:
    with listening(Service(rejection=CALLED_AE_TITLE_NOT_RECOGNIZED)) as port:
        with pytest.raises(AssociationRejected, match="for good, by its user: called AE title not") as caught:
            Requestor(remote(port, called_ae_title="NOBODY"), [PAIR]).open()
        assert (caught.value.result, caught.value.source, caught.value.reason) == (1, 1, 7)


def test_an_error_of_the_chunks_aborts_before_the_last_fragment_and_comes_out() -> None:
    service = Service()

    def broken() -> Iterator[bytes]:
        yield bytes(300_000)
        raise ZeroDivisionError("the digest differs")

    with listening(service) as port:
        requestor = Requestor(remote(port), [PAIR])
        requestor.open()
        with pytest.raises(ZeroDivisionError):
            # All bytes have been handed over when the error comes, but the last fragment has not gone out.
            requestor.store(outgoing(broken(), 300_000))
        with pytest.raises(AssociationAborted, match="is over"):
            requestor.store(outgoing([b"data"], 4))
    assert service.stored == {}
    assert service.discarded == ["1.2.3"]


@pytest.mark.parametrize(
    "chunks", [[b"too short"[:8]], [bytes(11)], [b"odd", bytes(7)]], ids=["short", "long", "odd in the middle"]
)
def test_chunks_that_are_not_the_size_that_was_said_are_a_mistake_of_ours(chunks: list[bytes]) -> None:
    service = Service()
    with listening(service) as port:
        requestor = Requestor(remote(port), [PAIR])
        requestor.open()
        with pytest.raises(RuntimeError):
            requestor.store(outgoing(chunks, 10))
    assert service.stored == {}


def test_nobody_at_the_port_is_named_in_one_sentence() -> None:
    port = free_port()
    with pytest.raises(ConnectionFailed, match=f"PACS@127.0.0.1:{port} cannot be reached: nobody listens there"):
        Requestor(remote(port, called_ae_title="PACS"), [PAIR]).open()


def test_a_server_of_a_foreign_authority_is_not_trusted(tmp_path: Path, pki: Authority) -> None:
    server = Authority(tmp_path / "foreign", "Foreign CA").issue("listener")
    tls = server_context(key=server.key_path, certificate=server.certificate_path, client_ca=pki.certificate_path)
    with (
        listening(Service(), tls=tls) as port,
        pytest.raises(ConnectionFailed, match="certificate is not accepted"),
    ):
        Requestor(remote(port, tls=client_context(server_ca=pki.certificate_path)), [PAIR]).open()


def test_the_name_in_the_certificate_counts_only_where_it_is_asked_for(pki: Authority) -> None:
    server = pki.issue("listener", hosts=("device-17",))
    tls = server_context(key=server.key_path, certificate=server.certificate_path, client_ca=pki.certificate_path)
    client = {"key": server.key_path, "certificate": server.certificate_path}
    with listening(Service(), tls=tls) as port:
        loose = client_context(server_ca=pki.certificate_path, **client)
        with Requestor(remote(port, tls=loose), [(VERIFICATION, IMPLICIT_LE)]) as requestor:
            assert requestor.echo() == 0
        strict = client_context(server_ca=pki.certificate_path, check_hostname=True, **client)
        with pytest.raises(ConnectionFailed, match="IP address mismatch"):
            Requestor(remote(port, tls=strict), [PAIR]).open()


@pytest.mark.parametrize("title", ["", " ", "SEVENTEEN LETTERS", "BACK\\SLASH", "TAB\t", "ÄPFEL"])
def test_what_cannot_be_an_ae_title_is_a_wrong_configuration(title: str) -> None:
    with pytest.raises(ConfigurationError, match="no AE title"):
        remote(104, called_ae_title=title)


# Peers that misbehave


def read_to_the_end(connection: Connection) -> None:
    """Read fragments until the last one of a data set."""
    while (part := connection.read_fragment(5)) is not None and (part.is_command or not part.is_last):
        pass


def test_a_peer_that_never_answers_costs_no_longer_than_the_limit() -> None:
    def silent(connection: Connection, _: socket.socket) -> None:
        read_to_the_end(connection)
        with pytest.raises(AssociationAborted, match="the peer aborted"):
            connection.read_fragment(5)

    with (
        scripted(silent) as port,
        Requestor(remote(port), [PAIR], IMPATIENT) as requestor,
        pytest.raises(DeadlineExceeded, match=f"127.0.0.1:{port}: the peer sent nothing"),
    ):
        requestor.store(outgoing([b"data"], 4))


def test_a_peer_that_takes_nothing_costs_no_longer_than_the_limit() -> None:
    given_up = threading.Event()

    def deaf(_: Connection, __: socket.socket) -> None:
        assert given_up.wait(10)

    with scripted(deaf) as port, Requestor(remote(port), [PAIR], IMPATIENT) as requestor:
        with pytest.raises(DeadlineExceeded, match="took nothing"):
            requestor.store(outgoing((bytes(1 << 20) for _ in range(64)), 64 << 20))
        given_up.set()


@pytest.mark.parametrize(
    ("answers", "error", "words"),
    [
        (answer(9, status=0), ProtocolViolation, "one to something else"),
        (fragment(3, COMMAND | LAST, b""), ProtocolViolation, "instead of a response"),
        (fragment(1, COMMAND | LAST, b"\xff" * 9), ProtocolViolation, "no place"),
        (short_pdu(5), ProtocolViolation, "instead of a response"),
        (short_pdu(7, source=2, reason=1), AssociationAborted, "unrecognized pdu"),
        (b"\x04\0\xff\xff\xff\xff", ProtocolViolation, "the limit is"),
        (b"", AssociationAborted, "closed the connection"),
    ],
    ids=["another message", "another context", "nonsense", "a release", "an abort", "a PDU of 4 GiB", "nothing"],
)
def test_an_answer_that_is_none_is_never_a_success(answers: bytes, error: type[Exception], words: str) -> None:
    def play(connection: Connection, _: socket.socket) -> None:
        read_to_the_end(connection)
        connection.close(farewell=answers) if answers else connection.close()

    with (
        scripted(play) as port,
        Requestor(remote(port), [PAIR], IMPATIENT) as requestor,
        pytest.raises(error, match=words),
    ):
        requestor.store(outgoing([b"data"], 4))


def test_message_ids_begin_again_at_one() -> None:
    with listening(Service()) as port, Requestor(remote(port), [(VERIFICATION, IMPLICIT_LE)]) as requestor:
        requestor._message_id = 0xFFFE  # noqa: SLF001 - 65,534 echoes take too long
        assert [requestor.echo() for _ in range(3)] == [0, 0, 0]
