"""A storage SCP that does what a test tells it to do, association by association."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sealgate.node.associate import AnsweredContext, OperationsWindow, decode_request, encode_answer
from sealgate.node.dimse import AFFECTED_SOP_INSTANCE_UID, MESSAGE_ID, StoreResponse, encode_response
from sealgate.node.message import read_command
from sealgate.node.upper_layer import COMMAND, LAST, Connection
from support.ports import LOOPBACK
from support.raw_peer import fragment

PATIENCE_SECONDS = 10.0

Play = Callable[[Connection, socket.socket], None]
"""What the peer does with an association that it has accepted."""


@contextmanager
def scripted(*plays: Play, window: int = 1, max_pdu_bytes: int = 16384) -> Iterator[int]:
    """A peer that accepts associations in all their contexts and plays one of `plays` with each; gives its port.

    `window`: operations that it lets the requestor invoke at once, however many were proposed.
    """
    with socket.create_server((LOOPBACK, 0)) as server:

        def run() -> None:
            for play in plays:
                sock, _ = server.accept()
                connection = Connection(sock, max_pdu_bytes=131_072, pdu_s=PATIENCE_SECONDS, write_s=PATIENCE_SECONDS)
                _accept(connection, window, max_pdu_bytes)
                play(connection, sock)
                connection.close()

        thread = threading.Thread(target=run)
        thread.start()
        yield server.getsockname()[1]
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive()


def _accept(connection: Connection, window: int, max_pdu_bytes: int) -> None:
    _, body = connection.read_pdu(PATIENCE_SECONDS)
    request = decode_request(body)
    answers = [
        AnsweredContext(context_id=context.context_id, outcome=0, transfer_syntax_uid=context.transfer_syntax_uids[0])
        for context in request.contexts
    ]
    granted = OperationsWindow(invoked=window, performed=1)
    connection.send(encode_answer(request, answers, max_pdu_bytes, granted))


def read_store(connection: Connection) -> tuple[int, str] | None:
    """Read a C-STORE request to its end: message ID and SOP Instance UID; None when the release is asked for."""
    first = connection.read_fragment(PATIENCE_SECONDS)
    if first is None:
        return None
    command = read_command(connection, first, PATIENCE_SECONDS)
    while (part := connection.read_fragment(PATIENCE_SECONDS)) is not None and not part.is_last:
        pass
    return command.us(MESSAGE_ID), command.text(AFFECTED_SOP_INSTANCE_UID)


def answer(message_id: int, *, status: int = 0, comment: str = "") -> bytes:
    """A C-STORE response in the first presentation context."""
    response = StoreResponse(status=status, comment=comment)
    return fragment(1, COMMAND | LAST, encode_response(request_field=1, message_id=message_id, response=response))
