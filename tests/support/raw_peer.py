"""A DICOM peer that sends any bytes, right or wrong, and reads what comes back."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sealgate.node.associate import AssociateRequest, ProposedContext, encode_request
from sealgate.node.dimse import CommandSet, decode_command, encode_echo_request, encode_store_request
from sealgate.node.upper_layer import COMMAND, LAST, data_header
from support.ports import LOOPBACK

VERIFICATION = "1.2.840.10008.1.1"
CT = "1.2.840.10008.5.1.4.1.1.2"
IMPLICIT_LE = "1.2.840.10008.1.2"
EXPLICIT_LE = "1.2.840.10008.1.2.1"
CT_CONTEXT, ECHO_CONTEXT = 1, 3
CONTEXTS = (
    ProposedContext(context_id=CT_CONTEXT, abstract_syntax_uid=CT, transfer_syntax_uids=(EXPLICIT_LE,)),
    ProposedContext(context_id=ECHO_CONTEXT, abstract_syntax_uid=VERIFICATION, transfer_syntax_uids=(IMPLICIT_LE,)),
)
RELEASE_RQ = bytes.fromhex("05000000000400000000")
ABORT = bytes.fromhex("07000000000400000000")
PATIENCE_SECONDS = 10.0


def associate_request(contexts: Sequence[ProposedContext] = CONTEXTS, calling: str = "RAW") -> bytes:
    """An A-ASSOCIATE-RQ."""
    return encode_request(
        AssociateRequest(
            called_ae_title="ANY-SCP", calling_ae_title=calling, contexts=tuple(contexts), max_pdu_bytes=16384
        )
    )


def fragment(context_id: int, control: int, value: bytes) -> bytes:
    """A P-DATA-TF PDU with one PDV item."""
    return data_header(context_id, len(value), control) + value


def store_command(sop_instance_uid: str = "1.2.3", sop_class_uid: str = CT, context_id: int = CT_CONTEXT) -> bytes:
    """A C-STORE-RQ, ready to be sent."""
    command = encode_store_request(message_id=7, sop_class_uid=sop_class_uid, sop_instance_uid=sop_instance_uid)
    return fragment(context_id, COMMAND | LAST, command)


def echo_command(context_id: int = ECHO_CONTEXT) -> bytes:
    """A C-ECHO-RQ, ready to be sent."""
    return fragment(context_id, COMMAND | LAST, encode_echo_request(message_id=8, sop_class_uid=VERIFICATION))


class RawPeer:
    """A TCP connection with the few moves of a peer."""

    def __init__(self, port: int) -> None:
        self.sock = socket.create_connection((LOOPBACK, port), timeout=PATIENCE_SECONDS)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def associate(self, contexts: Sequence[ProposedContext] = CONTEXTS) -> RawPeer:
        """Negotiate; anything but an A-ASSOCIATE-AC fails the test."""
        self.send(associate_request(contexts))
        assert self.read_pdu()[0] == 2
        return self

    def send(self, *encoded: bytes) -> None:
        """Send bytes."""
        self.sock.sendall(b"".join(encoded))

    def read_pdu(self) -> tuple[int, bytes]:
        """Next PDU as (type, what follows its header); type 0 when the connection has been closed."""
        header = self._read(6)
        if len(header) < 6:
            return 0, b""
        pdu_type, length = struct.unpack(">BxL", header)
        return pdu_type, self._read(length)

    def read_response(self) -> CommandSet:
        """Next command set, which has to fit into one fragment."""
        pdu_type, body = self.read_pdu()
        assert pdu_type == 4, f"PDU type {pdu_type} came instead of a response"
        assert body[5] == COMMAND | LAST
        return decode_command(body[6:])

    def _read(self, count: int) -> bytes:
        received = b""
        try:
            while len(received) < count and (part := self.sock.recv(count - len(received))):
                received += part
        except ConnectionError:
            pass
        return received

    def close(self) -> None:
        """Close the connection without a word."""
        self.sock.close()


@contextmanager
def raw_peer(port: int) -> Iterator[RawPeer]:
    """A connection to `port` for the length of a block."""
    peer = RawPeer(port)
    try:
        yield peer
    finally:
        peer.close()
