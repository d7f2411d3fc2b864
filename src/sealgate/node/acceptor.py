"""One association from its A-ASSOCIATE-RQ to its end, as one blocking, linear loop (PS3.8 section 9, PS3.7 section 9).

The loop ends on every path with a closed socket and with every reception finished or discarded.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass, field

import structlog

from sealgate.errors import AssociationAborted, DeadlineExceeded, ProtocolViolation
from sealgate.node import dimse
from sealgate.node.admission import Ending, Phase, Place
from sealgate.node.associate import (
    APPLICATION_CONTEXT_NAME,
    PROTOCOL_VERSION,
    AssociateRequest,
    OperationsWindow,
    decode_request,
    encode_answer,
)
from sealgate.node.dimse import CommandField, CommandSet, Status, StatusCategory, StoreRequest, StoreResponse
from sealgate.node.limits import DEFAULT_MAX_PDU_BYTES, AssociationLimits
from sealgate.node.message import next_fragment, read_command
from sealgate.node.negotiation import VERIFICATION_SOP_CLASS_UID, AcceptedContext, accepted_contexts, answer_contexts
from sealgate.node.peer import Peer
from sealgate.node.reception import GuardedReception
from sealgate.node.storage_service import (
    APPLICATION_CONTEXT_NOT_SUPPORTED,
    CALLED_AE_TITLE_NOT_RECOGNIZED,
    CALLING_AE_TITLE_NOT_RECOGNIZED,
    PROTOCOL_VERSION_NOT_SUPPORTED,
    TEMPORARY_CONGESTION,
    Rejection,
    StorageService,
    describe_rejection,
)
from sealgate.node.upper_layer import (
    A_ASSOCIATE_RJ,
    A_ASSOCIATE_RQ,
    A_RELEASE_RP,
    AbortReason,
    AbortSource,
    Connection,
    Fragment,
    Waited,
    encode_command,
    short_pdu,
)

_NOT_UNDERSTOOD = StoreResponse(status=Status.UNRECOGNIZED_OPERATION, comment="only C-STORE and C-ECHO are served here")


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptorOptions:
    """What the associations of a listener have in common."""

    limits: AssociationLimits = field(default_factory=AssociationLimits)
    unrestricted: bool = False
    """Take any abstract syntax for a storage SOP class, as private ones are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A transport connection before the peer has said who it is."""

    address: str
    port: int
    listener: str
    opened_at: float
    """Moment of time.monotonic from which the ARTIM timer runs."""
    certificate: bytes | None = None


def serve_association(
    sock: socket.socket, *, arrival: Arrival, place: Place, options: AcceptorOptions, service: StorageService
) -> None:
    """Serve one association on a connected socket (TLS handshake done) to its end, and close the socket.

    Raises nothing for what the peer or the service does.
    """
    limits = options.limits
    connection = Connection(
        sock,
        max_pdu_bytes=limits.max_pdu_bytes,
        pdu_s=limits.pdu_s,
        write_s=limits.write_s,
        wake_fd=place.wake_fd,
    )
    log = structlog.get_logger().bind(listener=arrival.listener, address=arrival.address, port=arrival.port)
    _Acceptor(connection, arrival, place, options, service, log).run()


class _Acceptor:
    """The state of one association."""

    def __init__(
        self,
        connection: Connection,
        arrival: Arrival,
        place: Place,
        options: AcceptorOptions,
        service: StorageService,
        log: structlog.typing.FilteringBoundLogger,
    ) -> None:
        self._connection = connection
        self._arrival = arrival
        self._place = place
        self._options = options
        self._limits = options.limits
        self._service = service
        self._log = log
        self._contexts: dict[int, AcceptedContext] = {}
        self._max_pdu_bytes = DEFAULT_MAX_PDU_BYTES

    def run(self) -> None:
        """The whole association."""
        try:
            peer = self._negotiate()
            if peer is not None:
                self._serve(peer)
        except ProtocolViolation as error:
            self._log.warning("association aborted by us", why=str(error))
            self._connection.abort(AbortSource.SERVICE_PROVIDER, error.abort_reason)
        except DeadlineExceeded as error:
            self._log.warning("association aborted by us", why=str(error))
            self._connection.abort(AbortSource.SERVICE_USER)
        except AssociationAborted as error:
            ending = self._place.ending
            self._log.warning("association ended", why=ending.value if ending else str(error))
        except Exception:  # noqa: BLE001 - a fault of ours ends this association, not its thread without a word
            self._log.exception("association aborted by us", why="internal error")
            self._connection.abort(AbortSource.SERVICE_USER)
        finally:
            self._connection.close()

    # Negotiation

    def _negotiate(self) -> Peer | None:
        """Answer the A-ASSOCIATE-RQ; None if the association was rejected."""
        deadline = self._arrival.opened_at + self._limits.artim_s
        pdu_type, body = self._connection.read_pdu(self._limits.artim_s, deadline=deadline)
        if pdu_type != A_ASSOCIATE_RQ:
            raise ProtocolViolation(
                f"PDU type {pdu_type:02X} came instead of an A-ASSOCIATE-RQ", abort_reason=AbortReason.UNEXPECTED_PDU
            )
        request = decode_request(body)
        self._log = self._log.bind(calling=request.calling_ae_title, called=request.called_ae_title)
        peer = Peer(
            calling_ae_title=request.calling_ae_title,
            called_ae_title=request.called_ae_title,
            address=self._arrival.address,
            port=self._arrival.port,
            certificate=self._arrival.certificate,
            listener=self._arrival.listener,
        )
        rejection = _check_request(request) or self._admit(peer)
        if rejection is not None:
            self._log.warning("association rejected", why=describe_rejection(rejection))
            self._connection.close(
                farewell=short_pdu(A_ASSOCIATE_RJ, rejection.result, rejection.source, rejection.reason)
            )
            return None
        answers = answer_contexts(request, unrestricted=self._options.unrestricted)
        self._contexts = accepted_contexts(request, answers)
        if request.max_pdu_bytes:
            self._max_pdu_bytes = min(request.max_pdu_bytes, DEFAULT_MAX_PDU_BYTES)
        window = _granted(request.operations_window, self._limits.max_operations)
        self._connection.send(encode_answer(request, answers, self._limits.max_pdu_bytes, window))
        self._log.info(
            "association accepted",
            contexts=len(self._contexts),
            refused_contexts=len(answers) - len(self._contexts),
            implementation=request.implementation_version_name,
        )
        return peer

    def _admit(self, peer: Peer) -> Rejection | None:
        try:
            return self._service.admit(peer)
        except Exception:  # noqa: BLE001 - the service is not ours; the peer may come again, the log says why
            self._log.exception("admission failed")
            return TEMPORARY_CONGESTION

    # Messages

    def _serve(self, peer: Peer) -> None:
        """Answer requests until the peer releases the association or somebody ends it."""
        while True:
            self._place.enter(Phase.IDLE)
            waited = self._connection.wait(self._limits.idle_s)
            if waited is Waited.EXPIRED:
                raise DeadlineExceeded(f"no message came for {self._limits.idle_s:g} s")
            if waited is Waited.WOKEN and not self._last_words():
                return
            self._place.enter(Phase.ARRIVING)
            first = self._connection.read_fragment(self._limits.idle_in_message_s)
            if first is None:
                self._connection.close(farewell=short_pdu(A_RELEASE_RP))
                self._log.info("association released", messages=self._place.messages)
                return
            if self._place.ending is not None:
                self._abort_for(self._place.ending)
                return
            self._place.enter(Phase.BUSY)
            context = self._context_of(first)
            self._answer(peer, context, read_command(self._connection, first, self._limits.idle_in_message_s))

    def _last_words(self) -> bool:
        """We have been asked to end: whether something comes in the time that is left for an A-RELEASE-RQ."""
        ending = self._place.ending or Ending.DRAIN
        if ending is Ending.DRAIN and self._connection.wait_for_peer(self._limits.drain_grace_s):
            return True
        self._abort_for(ending)
        return False

    def _abort_for(self, ending: Ending) -> None:
        self._log.warning("association aborted by us", why=ending.value)
        self._connection.abort(AbortSource.SERVICE_USER)

    def _context_of(self, fragment: Fragment) -> AcceptedContext:
        context = self._contexts.get(fragment.context_id)
        if context is None:
            raise ProtocolViolation(
                f"a fragment came for presentation context {fragment.context_id}, which was not accepted",
                abort_reason=AbortReason.INVALID_PDU_PARAMETER_VALUE,
            )
        return context

    def _answer(self, peer: Peer, context: AcceptedContext, command: CommandSet) -> None:
        """Do what one request asks for and send its response."""
        operation = command.us(dimse.COMMAND_FIELD)
        if operation == CommandField.C_CANCEL_RQ:
            return  # asks to stop what is over when we read it; has no response (PS3.7 9.3.2.3)
        if operation & dimse.RESPONSE:
            raise ProtocolViolation(
                f"a response {operation:04X} came, but we asked for nothing",
                abort_reason=AbortReason.UNEXPECTED_PDU_PARAMETER,
            )
        for_verification = context.abstract_syntax_uid == VERIFICATION_SOP_CLASS_UID
        if operation == CommandField.C_STORE_RQ and not for_verification:
            response = self._store(peer, context, command)
        else:
            served = operation == CommandField.C_ECHO_RQ and for_verification
            response = StoreResponse(status=Status.SUCCESS) if served else _NOT_UNDERSTOOD
            if command.has_data_set:
                self._receive(context.context_id, None)
        self._respond(context, command, operation, response)

    def _respond(self, context: AcceptedContext, command: CommandSet, operation: int, response: StoreResponse) -> None:
        uids = (command.text(dimse.AFFECTED_SOP_CLASS_UID), command.text(dimse.AFFECTED_SOP_INSTANCE_UID))
        sop_class_uid, sop_instance_uid = (uid if dimse.is_uid(uid) else "" for uid in uids)
        encoded = dimse.encode_response(
            request_field=operation,
            message_id=command.us(dimse.MESSAGE_ID),
            response=response,
            sop_class_uid=sop_class_uid,
            sop_instance_uid=sop_instance_uid,
        )
        self._connection.send(encode_command(context.context_id, encoded, self._max_pdu_bytes))

    # C-STORE

    def _store(self, peer: Peer, context: AcceptedContext, command: CommandSet) -> StoreResponse:
        request = StoreRequest(
            message_id=command.us(dimse.MESSAGE_ID),
            sop_class_uid=command.text(dimse.AFFECTED_SOP_CLASS_UID),
            sop_instance_uid=command.text(dimse.AFFECTED_SOP_INSTANCE_UID),
            transfer_syntax_uid=context.transfer_syntax_uid,
            peer=peer,
        )
        refusal = _check_store(request, context, has_data_set=command.has_data_set)
        reception = GuardedReception(self._log, refusal)
        with reception:
            reception.begin(self._service, request)
            if command.has_data_set:
                self._receive(context.context_id, reception)
            response = reception.finish()
        if dimse.status_category(response.status) is StatusCategory.FAILURE:
            status = dimse.describe_status(response.status)
            self._log.warning("instance refused", status=status, comment=response.comment)
        return response

    def _receive(self, context_id: int, reception: GuardedReception | None) -> None:
        """Read a data set to its last fragment and hand it to `reception`; without one it is dropped."""
        last = False
        while not last:
            fragment = next_fragment(
                self._connection, context_id, of_command=False, wait_s=self._limits.idle_in_message_s
            )
            if reception is not None:
                reception.write(fragment.value)
            fragment.value.release()  # whoever kept it fails now, and does not read other bytes later
            last = fragment.is_last


def _granted(proposed: OperationsWindow, max_operations: int) -> OperationsWindow:
    """The asynchronous operations window that answers `proposed`; we invoke nothing, so nothing is performed there."""
    return OperationsWindow(invoked=min(proposed.invoked or max_operations, max_operations), performed=1)


def _check_request(request: AssociateRequest) -> Rejection | None:
    """What an acceptor has to reject before it asks who the peer is (PS3.8 9.3.2 and table 9-21)."""
    if not request.protocol_version & PROTOCOL_VERSION:
        return PROTOCOL_VERSION_NOT_SUPPORTED
    if request.application_context_name != APPLICATION_CONTEXT_NAME:
        return APPLICATION_CONTEXT_NOT_SUPPORTED
    if not request.called_ae_title:
        return CALLED_AE_TITLE_NOT_RECOGNIZED
    if not request.calling_ae_title:
        return CALLING_AE_TITLE_NOT_RECOGNIZED
    return None


def _check_store(request: StoreRequest, context: AcceptedContext, *, has_data_set: bool) -> StoreResponse | None:
    """Why a C-STORE-RQ cannot be served, judged by its command set alone (PS3.7 9.3.1, PS3.4 B.2.3)."""
    if not dimse.is_uid(request.sop_instance_uid):
        return StoreResponse(
            status=Status.INVALID_OBJECT_INSTANCE, comment="Affected SOP Instance UID is absent or not a UID"
        )
    if request.sop_class_uid != context.abstract_syntax_uid:
        return StoreResponse(
            status=Status.DATA_SET_DOES_NOT_MATCH_SOP_CLASS, comment="SOP class is not that of the presentation context"
        )
    if not has_data_set:
        return StoreResponse(status=Status.CANNOT_UNDERSTAND, comment="C-STORE request without a data set")
    return None
