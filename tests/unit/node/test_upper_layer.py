"""PDUs over a socket pair: limits before memory, deadlines, views into one buffer (PS3.8 section 9.3)."""

from __future__ import annotations

import os
import socket
import struct
import threading
from collections.abc import Iterator

import pytest

from sealgate.errors import AssociationAborted, DeadlineExceeded, ProtocolViolation
from sealgate.node.upper_layer import (
    COMMAND,
    LAST,
    AbortReason,
    AbortSource,
    Connection,
    Waited,
    data_header,
    encode_command,
    short_pdu,
)

MAX_PDU = 1024
PDU_SECONDS = 0.3


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, Connection]]:
    """The peer's socket and our connection."""
    peer, ours = socket.socketpair()
    connection = Connection(ours, max_pdu_bytes=MAX_PDU, pdu_s=PDU_SECONDS, write_s=PDU_SECONDS)
    yield peer, connection
    peer.close()
    connection.close()


def pdu(*fragments: bytes) -> bytes:
    """A P-DATA-TF PDU of PDV items for context 1 that are data and not the last."""
    items = b"".join(struct.pack(">LBB", len(fragment) + 2, 1, 0) + fragment for fragment in fragments)
    return struct.pack(">BxL", 4, len(items)) + items


def test_several_items_of_a_pdu_come_one_by_one(ends: tuple[socket.socket, Connection]) -> None:
    peer, connection = ends
    peer.sendall(pdu(b"first", b"second") + data_header(3, 0, LAST))
    values = [connection.read_fragment(1) for _ in range(3)]
    assert [fragment and bytes(fragment.value) for fragment in values] == [b"first", b"second", b""]
    assert [fragment and fragment[:3] for fragment in values] == [
        (1, False, False),
        (1, False, False),
        (3, False, True),
    ]


def test_fragments_stay_whole_over_the_end_of_the_buffer(ends: tuple[socket.socket, Connection]) -> None:
    peer, connection = ends
    content = [os.urandom(1 + number * 7 % (MAX_PDU - 6)) for number in range(2000)]
    sender = threading.Thread(target=peer.sendall, args=(b"".join(pdu(part) for part in content),))
    sender.start()
    for part in content:
        fragment = connection.read_fragment(5)
        assert fragment is not None
        assert fragment.value == part
    sender.join()


def test_a_pdu_that_comes_byte_by_byte_is_read(ends: tuple[socket.socket, Connection]) -> None:
    peer, connection = ends

    def drip() -> None:
        for byte in pdu(b"slowly"):
            peer.sendall(bytes([byte]))

    sender = threading.Thread(target=drip)
    sender.start()
    fragment = connection.read_fragment(5)
    sender.join()
    assert fragment is not None
    assert fragment.value == b"slowly"


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (struct.pack(">BxL", 4, MAX_PDU + 1), AbortReason.INVALID_PDU_PARAMETER_VALUE),
        (struct.pack(">BxL", 4, 0xFFFFFFFF), AbortReason.INVALID_PDU_PARAMETER_VALUE),
        (struct.pack(">BxL", 1, (128 << 10) + 1), AbortReason.INVALID_PDU_PARAMETER_VALUE),
        (struct.pack(">BxL", 7, 5), AbortReason.INVALID_PDU_PARAMETER_VALUE),
        (b"GET / ", AbortReason.UNRECOGNIZED_PDU),
        (short_pdu(6), AbortReason.UNEXPECTED_PDU),
        (pdu(), AbortReason.INVALID_PDU_PARAMETER_VALUE),
        (pdu(b""), AbortReason.INVALID_PDU_PARAMETER_VALUE),
        (struct.pack(">BxLL", 4, 4, 0), AbortReason.INVALID_PDU_PARAMETER_VALUE),
        (struct.pack(">BxLLBB", 4, 6, 3, 1, 0), AbortReason.INVALID_PDU_PARAMETER_VALUE),
        (struct.pack(">BxLLBB", 4, 6, 0x7FFFFFFF, 1, 0), AbortReason.INVALID_PDU_PARAMETER_VALUE),
    ],
)
def test_what_breaks_the_rules_is_refused_by_its_header(
    ends: tuple[socket.socket, Connection], header: bytes, reason: AbortReason
) -> None:
    peer, connection = ends
    peer.sendall(header)
    with pytest.raises(ProtocolViolation) as caught:
        connection.read_fragment(1)
    assert caught.value.abort_reason == reason


def test_a_release_request_ends_the_fragments(ends: tuple[socket.socket, Connection]) -> None:
    peer, connection = ends
    peer.sendall(short_pdu(5))
    assert connection.read_fragment(1) is None


@pytest.mark.parametrize(
    ("abort", "words"),
    [
        (short_pdu(7), "the peer aborted the association"),
        (short_pdu(7, source=2, reason=6), "invalid pdu parameter value"),
        (short_pdu(7, source=2, reason=99), "reason 99"),
    ],
)
def test_an_abort_is_told_in_words(ends: tuple[socket.socket, Connection], abort: bytes, words: str) -> None:
    peer, connection = ends
    peer.sendall(abort)
    with pytest.raises(AssociationAborted, match=words):
        connection.read_fragment(1)


def test_a_peer_that_goes_is_an_aborted_association(ends: tuple[socket.socket, Connection]) -> None:
    peer, connection = ends
    peer.sendall(pdu(b"whole")[:-1])
    peer.close()
    with pytest.raises(AssociationAborted, match="closed"):
        connection.read_fragment(1)


def test_silence_ends_after_its_own_time(ends: tuple[socket.socket, Connection]) -> None:
    with pytest.raises(DeadlineExceeded, match="sent nothing"):
        ends[1].read_fragment(0.05)


def test_a_pdu_has_a_deadline_from_its_first_byte_however_it_drips(ends: tuple[socket.socket, Connection]) -> None:
    peer, connection = ends
    over = threading.Event()

    def drip() -> None:
        peer.sendall(struct.pack(">BxL", 4, MAX_PDU))
        while not over.wait(PDU_SECONDS / 10):
            peer.sendall(b"\0")

    sender = threading.Thread(target=drip)
    sender.start()
    with pytest.raises(DeadlineExceeded):
        connection.read_fragment(60)
    over.set()
    sender.join()


def test_a_reader_that_takes_nothing_has_a_deadline(ends: tuple[socket.socket, Connection]) -> None:
    with pytest.raises(DeadlineExceeded, match="took nothing"):
        ends[1].send(bytes(8 << 20))


def test_gathered_parts_arrive_in_order_even_if_they_do_not_fit_at_once(ends: tuple[socket.socket, Connection]) -> None:
    peer, connection = ends
    parts: list[bytes | memoryview] = [os.urandom(size) for size in (1, 100_000, 3, 400_000, 12)]
    received = bytearray()

    def drain() -> None:
        while len(received) < sum(map(len, parts)):
            received.extend(peer.recv(65536))

    reader = threading.Thread(target=drain)
    reader.start()
    connection.send_gathered(parts)
    reader.join()
    assert received == b"".join(parts)


def test_a_command_is_cut_to_what_the_peer_takes() -> None:
    encoded = encode_command(5, b"0123456789", 6 + 4)
    controls = (COMMAND, COMMAND, COMMAND | LAST)
    pieces = (b"0123", b"4567", b"89")
    assert encoded == b"".join(
        data_header(5, len(piece), control) + piece for piece, control in zip(pieces, controls, strict=True)
    )


def test_a_wait_ends_by_bytes_by_its_descriptor_or_by_time() -> None:
    peer, ours = socket.socketpair()
    wake_fd = os.eventfd(0)
    connection = Connection(ours, max_pdu_bytes=MAX_PDU, pdu_s=1, write_s=1, wake_fd=wake_fd)
    assert connection.wait(0.01) is Waited.EXPIRED
    peer.sendall(pdu(b"one", b"two"))
    assert connection.wait(5) is Waited.READABLE
    connection.read_fragment(1)
    assert connection.wait(0) is Waited.READABLE, "the second item is in the buffer and not in the socket"
    connection.read_fragment(1)
    os.eventfd_write(wake_fd, 1)
    assert connection.wait(5) is Waited.WOKEN
    connection.close()
    peer.close()
    os.close(wake_fd)


def test_an_abort_is_read_by_a_peer_that_was_still_sending(ends: tuple[socket.socket, Connection]) -> None:
    peer, connection = ends
    peer.sendall(b"x" * 1000)
    closing = threading.Thread(target=connection.abort, args=(AbortSource.SERVICE_PROVIDER, 6))
    closing.start()
    assert peer.recv(100) == short_pdu(7, source=2, reason=6)
    peer.close()
    closing.join()
