"""Our side as requestor: one association, by which instances are stored in their order (PS3.4 annex B).

A presentation context is proposed for each pair of SOP class and transfer syntax, so that nothing is ever transcoded.
Where the peer grants an asynchronous operations window (PS3.7 D.3.3.3), several C-STORE requests may wait for their
responses at once, which come in any order.
"""

from __future__ import annotations

import socket
import ssl
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from sealgate.errors import (
    AssociationAborted,
    AssociationRejected,
    ConfigurationError,
    ConnectionFailed,
    ContextRefused,
    DeadlineExceeded,
    NetworkError,
    ProtocolViolation,
)
from sealgate.node import dimse
from sealgate.node.associate import (
    AssociateAnswer,
    AssociateRequest,
    ContextOutcome,
    OperationsWindow,
    ProposedContext,
    decode_answer,
    encode_request,
)
from sealgate.node.dimse import CommandField, CommandSet, StoreResponse
from sealgate.node.limits import MAX_PRESENTATION_CONTEXTS, RequestorLimits
from sealgate.node.message import read_command, send_with_data_set
from sealgate.node.negotiation import VERIFICATION_SOP_CLASS_UID, accepted_contexts
from sealgate.node.outgoing_instance import ContextPair, OutgoingInstance
from sealgate.node.storage_service import Rejection, describe_rejection
from sealgate.node.tls import error_words, handshake
from sealgate.node.upper_layer import (
    A_ABORT,
    A_ASSOCIATE_AC,
    A_ASSOCIATE_RJ,
    A_RELEASE_RP,
    A_RELEASE_RQ,
    P_DATA_TF,
    AbortReason,
    AbortSource,
    Connection,
    abort_sentence,
    encode_command,
    short_pdu,
)

MAX_AE_TITLE_LENGTH: Final = 16
_MAX_MESSAGE_ID: Final = 0xFFFF
_SHOWN_REFUSALS: Final = 3
"""Refused presentation contexts that an error names; the sentence is for a person."""

_OUTCOME_WORDS: Final[Mapping[int, str]] = {
    ContextOutcome.USER_REJECTION: "refused by its user",
    ContextOutcome.NO_REASON: "refused without a reason",
    ContextOutcome.ABSTRACT_SYNTAX_NOT_SUPPORTED: "SOP class not supported",
    ContextOutcome.TRANSFER_SYNTAXES_NOT_SUPPORTED: "transfer syntax not supported",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteNode:
    """Where a DICOM node is and how it is addressed. Raises ConfigurationError for what is no AE title or port."""

    host: str
    port: int
    called_ae_title: str = "ANY-SCP"
    calling_ae_title: str = "SEALGATE"
    tls: ssl.SSLContext | None = None

    def __post_init__(self) -> None:
        for title in (self.called_ae_title, self.calling_ae_title):
            printable = title.isascii() and title.isprintable() and "\\" not in title
            if not title.strip() or len(title) > MAX_AE_TITLE_LENGTH or not printable:
                raise ConfigurationError(
                    f"{title!r} is no AE title: it takes 1 to 16 printable ASCII characters, no \\"
                )
        if not 0 < self.port < 1 << 16:
            raise ConfigurationError(f"{self.port} is no TCP port: ports go from 1 to 65535")

    def __str__(self) -> str:
        return f"{self.called_ae_title}@{self.host}:{self.port}"


class Requestor:
    """An association that we asked for, as a context manager: it is released at the end, or aborted after an error.

    Every method raises NetworkError leaves: AssociationAborted, DeadlineExceeded or ProtocolViolation. After any of
    these the association is over.
    """

    def __init__(
        self, remote: RemoteNode, contexts: Iterable[ContextPair], limits: RequestorLimits | None = None
    ) -> None:
        """`contexts`: what may be stored, at most 128 different pairs (ValueError)."""
        self.remote = remote
        self._limits = limits or RequestorLimits()
        self._proposed = tuple(dict.fromkeys(contexts))
        if not 0 < len(self._proposed) <= MAX_PRESENTATION_CONTEXTS:
            raise ValueError(f"an association takes 1 to {MAX_PRESENTATION_CONTEXTS} presentation contexts")
        self._accepted: dict[ContextPair, int] = {}
        self._refused: dict[ContextPair, str] = {}
        self._connection: Connection | None = None
        self._max_pdu_bytes = self._limits.max_pdu_bytes
        self._message_id = 0
        self._unanswered: dict[int, int] = {}
        """Presentation contexts of the requests that wait for their responses, by message ID, oldest first."""
        self._saved: deque[tuple[int, StoreResponse]] = deque()
        """Responses that had come when the association ended."""
        self.window = 1
        """C-STORE requests that may wait for their responses at once, as it was negotiated."""

    @property
    def accepted(self) -> frozenset[ContextPair]:
        """The pairs that the peer takes."""
        return frozenset(self._accepted)

    @property
    def refused(self) -> Mapping[ContextPair, str]:
        """The pairs that the peer does not take, and why, in words."""
        return dict(self._refused)

    @property
    def is_open(self) -> bool:
        """Whether the association stands, as far as it is known."""
        return self._connection is not None

    @property
    def has_answers(self) -> bool:
        """Whether `receive` has answers to give that came before the association ended."""
        return bool(self._saved)

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None:
            self.release()
        else:
            self.abort()

    # Opening

    def open(self) -> None:
        """Connect and negotiate. Raises ConnectionFailed, AssociationRejected and what every method raises."""
        connection = Connection(
            self._connect(),
            max_pdu_bytes=self._limits.max_pdu_bytes,
            pdu_s=self._limits.pdu_s,
            write_s=self._limits.write_s,
        )
        self._connection = connection
        with self._ending_on_error():
            self._negotiate(connection)
        if not self._accepted:
            self.release()
            raise AssociationRejected(f"{self.remote} accepts no presentation context: {self._refusals()}")

    def _connect(self) -> socket.socket:
        remote, seconds = self.remote, self._limits.connect_s
        try:
            sock = socket.create_connection((remote.host, remote.port), timeout=seconds)
        except TimeoutError as error:
            raise ConnectionFailed(f"{remote} did not answer within {seconds:g} s") from error
        except socket.gaierror as error:
            raise ConnectionFailed(f"{remote} cannot be reached: the name {remote.host} is not known") from error
        except OSError as error:
            raise ConnectionFailed(f"{remote} cannot be reached: {error_words(error)}") from error
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if remote.tls is None:
            return sock
        encrypted = None
        try:
            encrypted = remote.tls.wrap_socket(sock, server_hostname=remote.host, do_handshake_on_connect=False)
            handshake(encrypted, seconds)
        except (ConnectionFailed, OSError, ValueError) as error:
            (encrypted or sock).close()
            raise ConnectionFailed(f"{remote} cannot be reached: {error}") from error
        return encrypted

    def _negotiate(self, connection: Connection) -> None:
        request = AssociateRequest(
            called_ae_title=self.remote.called_ae_title,
            calling_ae_title=self.remote.calling_ae_title,
            contexts=tuple(
                ProposedContext(context_id=2 * index + 1, abstract_syntax_uid=pair[0], transfer_syntax_uids=(pair[1],))
                for index, pair in enumerate(self._proposed)
            ),
            max_pdu_bytes=self._limits.max_pdu_bytes,
            operations_window=OperationsWindow(invoked=self._limits.max_operations_invoked, performed=1),
        )
        connection.send(encode_request(request))
        answer = self._read_answer(connection)
        if answer.max_pdu_bytes:
            self._max_pdu_bytes = min(answer.max_pdu_bytes, self._limits.max_pdu_bytes)
        most = self._limits.max_operations_invoked
        self.window = min(answer.operations_window.invoked or most, most)
        if self.window > 1:  # it may be busy with earlier requests before it reads the next one
            connection.write_s = max(connection.write_s, self._limits.response_s)
        pairs = {context.context_id: pair for context, pair in zip(request.contexts, self._proposed, strict=True)}
        for context in accepted_contexts(request, answer.contexts).values():
            pair = pairs[context.context_id]
            if context.transfer_syntax_uid == pair[1]:
                self._accepted[pair] = context.context_id
        outcomes = {context.context_id: context.outcome for context in answer.contexts}
        for context_id, pair in pairs.items():
            if pair not in self._accepted:
                outcome = outcomes.get(context_id, ContextOutcome.NO_REASON)
                self._refused[pair] = _OUTCOME_WORDS.get(outcome, f"result {outcome}")

    def _read_answer(self, connection: Connection) -> AssociateAnswer:
        pdu_type, body = connection.read_pdu(self._limits.associate_s)
        if pdu_type == A_ASSOCIATE_RJ:
            rejection = Rejection(result=body[1], source=body[2], reason=body[3])
            raise AssociationRejected(
                f"{self.remote} rejected the association {describe_rejection(rejection)}",
                result=rejection.result,
                source=rejection.source,
                reason=rejection.reason,
            )
        if pdu_type == A_ABORT:
            raise AssociationAborted(abort_sentence(body))
        if pdu_type != A_ASSOCIATE_AC:
            raise ProtocolViolation(
                f"PDU type {pdu_type:02X} came as the answer to an A-ASSOCIATE-RQ",
                abort_reason=AbortReason.UNEXPECTED_PDU,
            )
        return decode_answer(body)

    def _refusals(self) -> str:
        """What was refused, as a sentence holds it."""
        shown = [
            f"{sop_class_uid} in transfer syntax {transfer_syntax_uid} ({why})"
            for (sop_class_uid, transfer_syntax_uid), why in list(self._refused.items())[:_SHOWN_REFUSALS]
        ]
        more = len(self._refused) - len(shown)
        return ", ".join(shown) + (f" and {more} more" if more > 0 else "")

    # Services

    def store(self, instance: OutgoingInstance) -> StoreResponse:
        """Send one instance, while no other waits, and give the peer's answer (PS3.7 9.1.1). Raises as `send` does."""
        self.send(instance)
        return self.receive()[1]

    def send(self, instance: OutgoingInstance) -> int:
        """Send one instance, for whose answer `receive` waits; its message ID.

        Raises ContextRefused, and what `instance.chunks` raises instead of its first chunk; the association goes on
        after these. What it raises later comes out of here after an A-ABORT, and the peer has not got the last
        fragment.
        """
        connection = self._open_connection()
        if len(self._unanswered) >= self.window:
            raise RuntimeError(f"{len(self._unanswered)} requests wait for their responses, which is all that may")
        context_id = self._accepted.get(instance.pair)
        if context_id is None:
            raise ContextRefused(str(self.remote), *instance.pair)
        instance.read_ahead()
        message_id = self._next_message_id()
        command = dimse.encode_store_request(
            message_id=message_id, sop_class_uid=instance.sop_class_uid, sop_instance_uid=instance.sop_instance_uid
        )
        with self._ending_on_error(), self._saving_answers(connection):
            send_with_data_set(
                connection,
                encode_command(context_id, command, self._max_pdu_bytes),
                context_id=context_id,
                chunks=instance.padded_chunks(),
                size=instance.padded_size,
                max_pdu_bytes=self._max_pdu_bytes,
            )
        self._unanswered[message_id] = context_id
        return message_id

    def wait(self, seconds: float) -> bool:
        """Whether a response, or the end of the association, has begun to arrive within `seconds`."""
        return self.has_answers or self._open_connection().wait_for_peer(seconds)

    def receive(self) -> tuple[int, StoreResponse]:
        """The next answer to a request that was sent, with the message ID of the request.

        After an error it gives the answers that had come before it, and then raises AssociationAborted. What has not
        been answered by then may have been stored or not.
        """
        if self._saved:
            return self._saved.popleft()
        connection = self._open_connection()
        if not self._unanswered:
            raise RuntimeError("no request waits for its response")
        with self._ending_on_error():
            return self._read_store_response(connection)

    def _read_store_response(self, connection: Connection) -> tuple[int, StoreResponse]:
        response = self._read_response(connection, self._unanswered, CommandField.C_STORE_RSP)
        message_id = response.us(dimse.MESSAGE_ID_BEING_RESPONDED_TO)
        answer = StoreResponse(status=response.us(dimse.STATUS), comment=_comment(response))
        del self._unanswered[message_id]
        return message_id, answer

    def echo(self) -> int:
        """Ask whether the peer is there (PS3.7 9.1.5); the status of its answer, 0 for yes. Raises ContextRefused."""
        connection = self._open_connection()
        pair = next((pair for pair in self._accepted if pair[0] == VERIFICATION_SOP_CLASS_UID), None)
        if pair is None:
            raise ContextRefused(str(self.remote), VERIFICATION_SOP_CLASS_UID, "of any kind")
        context_id, message_id = self._accepted[pair], self._next_message_id()
        command = dimse.encode_echo_request(message_id=message_id, sop_class_uid=VERIFICATION_SOP_CLASS_UID)
        with self._ending_on_error():
            connection.send(encode_command(context_id, command, self._max_pdu_bytes))
            response = self._read_response(connection, {message_id: context_id}, CommandField.C_ECHO_RSP)
            return response.us(dimse.STATUS)

    def _read_response(
        self, connection: Connection, unanswered: Mapping[int, int], command_field: CommandField
    ) -> CommandSet:
        """A response to one of the requests `unanswered`: their presentation contexts by message ID."""
        fragment = connection.read_fragment(self._limits.response_s)
        if fragment is None or fragment.context_id not in unanswered.values():
            raise ProtocolViolation("something else came instead of a response")
        context_id = fragment.context_id
        response = read_command(connection, fragment, self._limits.pdu_s)
        message_id = response.us(dimse.MESSAGE_ID_BEING_RESPONDED_TO)
        is_expected = response.us(dimse.COMMAND_FIELD) == command_field and unanswered.get(message_id) == context_id
        if not is_expected or response.has_data_set:
            raise ProtocolViolation(f"a response to message {message_id} came, which is one to something else")
        return response

    def _next_message_id(self) -> int:
        self._message_id = self._message_id % _MAX_MESSAGE_ID + 1
        return self._message_id

    # Ending

    def release(self) -> None:
        """End the association in order (PS3.8 7.2). All responses are in, so a peer that does not answer is left."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            with suppress(NetworkError):
                connection.send(short_pdu(A_RELEASE_RQ))
                pdu_type = P_DATA_TF
                while pdu_type == P_DATA_TF:
                    pdu_type, _ = connection.read_pdu(self._limits.release_s)
                if pdu_type == A_RELEASE_RQ:  # both sides asked at once (PS3.8 7.2.2.7)
                    connection.send(short_pdu(A_RELEASE_RP))
        finally:
            connection.close()

    def abort(self) -> None:
        """End the association at once (PS3.8 7.3); nothing happens where it is over."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.abort(AbortSource.SERVICE_USER)

    def _open_connection(self) -> Connection:
        if self._connection is None:
            raise AssociationAborted(f"the association with {self.remote} is over")
        return self._connection

    @contextmanager
    def _ending_on_error(self) -> Iterator[None]:
        """Whatever is raised ends the association; what the peer did is told with the peer's name."""
        try:
            yield
        except (AssociationAborted, DeadlineExceeded, ProtocolViolation) as error:
            self.abort()
            if isinstance(error.__cause__, ssl.SSLError):
                raise ConnectionFailed(f"{self.remote}: {error}") from error
            raise type(error)(f"{self.remote}: {error}") from error
        except BaseException:
            self.abort()
            raise

    @contextmanager
    def _saving_answers(self, connection: Connection) -> Iterator[None]:
        """Where sending fails, the answers to earlier requests that have come by then are kept."""
        try:
            yield
        except BaseException:
            with suppress(NetworkError):
                while self._unanswered and connection.wait_for_peer(0.0):
                    self._saved.append(self._read_store_response(connection))
            raise


def _comment(response: CommandSet) -> str:
    """The Error Comment as it may be shown: printable ASCII."""
    text = response.text(dimse.ERROR_COMMENT)[: dimse.MAX_COMMENT_LENGTH]
    return "".join(character if " " <= character <= "~" else "?" for character in text)
