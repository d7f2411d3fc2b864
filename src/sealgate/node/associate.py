"""A-ASSOCIATE PDUs (PS3.8 section 9.3 and annex D).

Encoded and decoded here: pynetdicom's decoder checks by `assert`, logs what the peer sent, and takes 60 ms for 128
presentation contexts of 38 transfer syntaxes, and to import its encoder takes longer than to send a study.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from sealgate.dicom.transfer_syntax import IMPLICIT_LE
from sealgate.errors import ProtocolViolation
from sealgate.node.dimse import is_uid
from sealgate.node.identity import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from sealgate.node.limits import MAX_PRESENTATION_CONTEXTS, MIN_PEER_PDU_BYTES
from sealgate.node.upper_layer import A_ASSOCIATE_AC, A_ASSOCIATE_RQ, PDU_HEADER, AbortReason

APPLICATION_CONTEXT_NAME: Final = "1.2.840.10008.3.1.1.1"
PROTOCOL_VERSION: Final = 0x0001

_APPLICATION_CONTEXT: Final = 0x10
_PRESENTATION_CONTEXT_RQ: Final = 0x20
_PRESENTATION_CONTEXT_AC: Final = 0x21
_ABSTRACT_SYNTAX: Final = 0x30
_TRANSFER_SYNTAX: Final = 0x40
_USER_INFORMATION: Final = 0x50
_MAXIMUM_LENGTH: Final = 0x51
_IMPLEMENTATION_CLASS_UID: Final = 0x52
_ASYNCHRONOUS_OPERATIONS_WINDOW: Final = 0x53
_IMPLEMENTATION_VERSION_NAME: Final = 0x55

_ITEM: Final = struct.Struct(">BxH")
_FIXED_FIELDS: Final = struct.Struct(">H2x16s16s32x")
"""Protocol version, called and calling AE title, reserved bytes (PS3.8 tables 9-11 and 9-17)."""
_WINDOW: Final = struct.Struct(">HH")
"""Maximum number of operations invoked and performed (PS3.7 table D.3-7)."""


class ContextOutcome(IntEnum):
    """Result of a presentation context (PS3.8 table 9-18)."""

    ACCEPTED = 0
    USER_REJECTION = 1
    NO_REASON = 2
    ABSTRACT_SYNTAX_NOT_SUPPORTED = 3
    TRANSFER_SYNTAXES_NOT_SUPPORTED = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationsWindow:
    """Asynchronous operations window (PS3.7 D.3.3.3): operations that may wait for their responses; 0: any number."""

    invoked: int
    """By the requestor of the association, to be performed by its acceptor."""
    performed: int
    """By the requestor of the association, as its acceptor invokes them."""


SYNCHRONOUS: Final = OperationsWindow(invoked=1, performed=1)
"""One after the other in both directions, which is what holds where nothing was negotiated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposedContext:
    """A presentation context as the requestor proposes it."""

    context_id: int
    abstract_syntax_uid: str
    transfer_syntax_uids: tuple[str, ...]
    """In the order of the proposal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnsweredContext:
    """A presentation context as the acceptor answers it."""

    context_id: int
    outcome: int
    """ContextOutcome, or what else the peer sent; all but 0 is a refusal."""
    transfer_syntax_uid: str
    """The chosen one; without meaning in a refusal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociateRequest:
    """An A-ASSOCIATE-RQ."""

    called_ae_title: str
    calling_ae_title: str
    contexts: tuple[ProposedContext, ...]
    max_pdu_bytes: int
    """Largest P-DATA-TF PDU that the requestor takes; 0: any."""
    operations_window: OperationsWindow = SYNCHRONOUS
    protocol_version: int = PROTOCOL_VERSION
    application_context_name: str = APPLICATION_CONTEXT_NAME
    implementation_class_uid: str = IMPLEMENTATION_CLASS_UID
    implementation_version_name: str = IMPLEMENTATION_VERSION_NAME


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociateAnswer:
    """An A-ASSOCIATE-AC."""

    contexts: tuple[AnsweredContext, ...]
    max_pdu_bytes: int
    """Largest P-DATA-TF PDU that the acceptor takes; 0: any."""
    operations_window: OperationsWindow = SYNCHRONOUS


# Decoding


def decode_request(body: memoryview) -> AssociateRequest:
    """Decode an A-ASSOCIATE-RQ after its PDU header. Raises ProtocolViolation."""
    protocol_version, called, calling = _fixed_fields(body)
    contexts: list[ProposedContext] = []
    names: list[str] = []
    user_information: memoryview | None = None
    known_tails: dict[bytes, tuple[str, ...]] = {}
    for kind, value in _items(body[_FIXED_FIELDS.size :]):
        if kind == _PRESENTATION_CONTEXT_RQ:
            if len(contexts) == MAX_PRESENTATION_CONTEXTS:
                raise _invalid(f"the A-ASSOCIATE-RQ has more than {MAX_PRESENTATION_CONTEXTS} presentation contexts")
            contexts.append(_proposed_context(value, known_tails))
        elif kind == _APPLICATION_CONTEXT:
            names.append(_uid(value, "application context name"))
        elif kind == _USER_INFORMATION and user_information is None:
            user_information = value
    if len(names) != 1 or user_information is None:
        raise _invalid("the A-ASSOCIATE-RQ lacks its application context or its user information")
    if not contexts:
        raise _invalid("the A-ASSOCIATE-RQ has no presentation context")
    if len({context.context_id for context in contexts}) != len(contexts):
        raise _invalid("the A-ASSOCIATE-RQ has one presentation context ID twice")
    user = dict(_items(user_information))
    return AssociateRequest(
        called_ae_title=_ae_title(called),
        calling_ae_title=_ae_title(calling),
        contexts=tuple(contexts),
        max_pdu_bytes=_maximum_length(user),
        operations_window=_operations_window(user),
        protocol_version=protocol_version,
        application_context_name=names[0],
        implementation_class_uid=_printable(bytes(user.get(_IMPLEMENTATION_CLASS_UID, b""))),
        implementation_version_name=_printable(bytes(user.get(_IMPLEMENTATION_VERSION_NAME, b""))),
    )


def decode_answer(body: memoryview) -> AssociateAnswer:
    """Decode an A-ASSOCIATE-AC after its PDU header. Raises ProtocolViolation."""
    _fixed_fields(body)
    contexts: list[AnsweredContext] = []
    user: dict[int, memoryview] = {}
    for kind, value in _items(body[_FIXED_FIELDS.size :]):
        if kind == _PRESENTATION_CONTEXT_AC:
            contexts.append(_answered_context(value))
        elif kind == _USER_INFORMATION:
            user = dict(_items(value))
    return AssociateAnswer(
        contexts=tuple(contexts), max_pdu_bytes=_maximum_length(user), operations_window=_operations_window(user)
    )


def _fixed_fields(body: memoryview) -> tuple[int, bytes, bytes]:
    if len(body) < _FIXED_FIELDS.size:
        raise _invalid(f"an A-ASSOCIATE PDU of {len(body)} bytes is too short for its fixed fields")
    version, called, calling = _FIXED_FIELDS.unpack_from(body)
    return version, called, calling


def _items(value: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Type and value of the items in `value`; items that are not known are the caller's to skip (PS3.8 9.3.1)."""
    position, end = 0, len(value)
    while position < end:
        if end - position < _ITEM.size:
            raise _invalid("an A-ASSOCIATE PDU ends within the header of an item")
        kind, length = _ITEM.unpack_from(value, position)
        position += _ITEM.size
        if length > end - position:
            raise _invalid(f"an item of type {kind:02X} says it has {length} bytes, but {end - position} are left")
        yield kind, value[position : position + length]
        position += length


def _proposed_context(value: memoryview, known_tails: dict[bytes, tuple[str, ...]]) -> ProposedContext:
    """`known_tails`: lists of transfer syntaxes already decoded; most requestors send the same one in each context."""
    context_id = value[0] if len(value) >= 4 else 0
    if context_id % 2 == 0:
        raise _invalid(f"presentation context ID {context_id} is not odd")
    if len(value) < 8 or value[4] != _ABSTRACT_SYNTAX:
        raise _invalid(f"presentation context {context_id} does not begin with its abstract syntax")
    tail_start = 8 + int.from_bytes(value[6:8], "big")
    if tail_start > len(value):
        raise _invalid(f"the abstract syntax of presentation context {context_id} reaches beyond it")
    tail = bytes(value[tail_start:])
    transfer_syntaxes = known_tails.get(tail)
    if transfer_syntaxes is None:
        transfer_syntaxes = tuple(
            _uid(item, "transfer syntax") for kind, item in _items(memoryview(tail)) if kind == _TRANSFER_SYNTAX
        )
        known_tails[tail] = transfer_syntaxes
    if not transfer_syntaxes:
        raise _invalid(f"presentation context {context_id} has no transfer syntax")
    return ProposedContext(
        context_id=context_id,
        abstract_syntax_uid=_uid(value[8:tail_start], "abstract syntax"),
        transfer_syntax_uids=transfer_syntaxes,
    )


def _answered_context(value: memoryview) -> AnsweredContext:
    if len(value) < 4:
        raise _invalid("a presentation context of the A-ASSOCIATE-AC is too short")
    context_id, outcome, syntax = value[0], value[2], ""
    if outcome == ContextOutcome.ACCEPTED:
        syntaxes = [item for kind, item in _items(value[4:]) if kind == _TRANSFER_SYNTAX]
        if len(syntaxes) != 1:
            raise _invalid(f"accepted presentation context {context_id} has {len(syntaxes)} transfer syntaxes")
        syntax = _uid(syntaxes[0], "transfer syntax")
    return AnsweredContext(context_id=context_id, outcome=outcome, transfer_syntax_uid=syntax)


def _maximum_length(user: dict[int, memoryview]) -> int:
    """Maximum Length of the user information (PS3.8 D.1); 0 where it is absent, which means any length."""
    value = user.get(_MAXIMUM_LENGTH)
    if value is None:
        return 0
    length = int.from_bytes(value, "big")
    if len(value) != 4 or 0 < length < MIN_PEER_PDU_BYTES:
        raise _invalid(f"a Maximum Length of {length} in {len(value)} bytes cannot be worked with")
    return length


def _operations_window(user: dict[int, memoryview]) -> OperationsWindow:
    value = user.get(_ASYNCHRONOUS_OPERATIONS_WINDOW)
    if value is None or len(value) != _WINDOW.size:  # whoever cannot write it will not work by it either
        return SYNCHRONOUS
    invoked, performed = _WINDOW.unpack(value)
    return OperationsWindow(invoked=invoked, performed=performed)


def _uid(value: memoryview, what: str) -> str:
    text = bytes(value).rstrip(b"\0 ").decode("ascii", "replace")
    if not is_uid(text):
        raise _invalid(f"the {what} of {len(value)} bytes is not a UID")
    return text


def _ae_title(value: bytes) -> str:
    """An AE title without its padding (PS3.5 6.2); "" where it is none."""
    title = value.strip(b" \0")
    printable = all(0x20 <= byte <= 0x7E and byte != 0x5C for byte in title)
    return title.decode("ascii") if printable else ""


def _printable(value: bytes) -> str:
    """Text of the peer as it may go into a log."""
    return "".join(chr(byte) if 0x20 <= byte <= 0x7E else "?" for byte in value.rstrip(b"\0 ")[:64])


def _invalid(sentence: str) -> ProtocolViolation:
    return ProtocolViolation(sentence, abort_reason=AbortReason.INVALID_PDU_PARAMETER_VALUE)


# Encoding


def encode_request(request: AssociateRequest) -> bytes:
    """Encode an A-ASSOCIATE-RQ with its PDU header; it proposes an operations window unless that is SYNCHRONOUS."""
    items = [_item(_APPLICATION_CONTEXT, request.application_context_name.encode("ascii"))]
    for context in request.contexts:
        syntaxes = (_item(_TRANSFER_SYNTAX, uid.encode("ascii")) for uid in context.transfer_syntax_uids)
        abstract_syntax = _item(_ABSTRACT_SYNTAX, context.abstract_syntax_uid.encode("ascii"))
        items.append(_item(_PRESENTATION_CONTEXT_RQ, bytes((context.context_id, 0, 0, 0)), abstract_syntax, *syntaxes))
    items.append(_user_information(request.max_pdu_bytes, request.operations_window))
    return _pdu(A_ASSOCIATE_RQ, request, items)


def encode_answer(
    request: AssociateRequest,
    contexts: Sequence[AnsweredContext],
    max_pdu_bytes: int,
    operations_window: OperationsWindow = SYNCHRONOUS,
) -> bytes:
    """Encode the A-ASSOCIATE-AC to `request` with its PDU header; roles stay the default ones.

    A window that is not SYNCHRONOUS may only answer one that was proposed, and grant no more (PS3.7 D.3.3.3.2).
    """
    items = [_item(_APPLICATION_CONTEXT, APPLICATION_CONTEXT_NAME.encode("ascii"))]
    for context in contexts:
        syntax = _item(_TRANSFER_SYNTAX, (context.transfer_syntax_uid or IMPLICIT_LE).encode("ascii"))
        items.append(_item(_PRESENTATION_CONTEXT_AC, bytes((context.context_id, 0, context.outcome, 0)), syntax))
    items.append(_user_information(max_pdu_bytes, operations_window))
    return _pdu(A_ASSOCIATE_AC, request, items)


def _pdu(pdu_type: int, request: AssociateRequest, items: Sequence[bytes]) -> bytes:
    """A PDU with these items; its fixed fields are those of `request`, which an answer returns (PS3.8 table 9-17)."""
    titles = (title.encode("ascii").ljust(16) for title in (request.called_ae_title, request.calling_ae_title))
    body = b"".join((_FIXED_FIELDS.pack(PROTOCOL_VERSION, *titles), *items))
    return PDU_HEADER.pack(pdu_type, len(body)) + body


def _item(kind: int, *parts: bytes) -> bytes:
    value = b"".join(parts)
    return _ITEM.pack(kind, len(value)) + value


def _user_information(max_pdu_bytes: int, window: OperationsWindow) -> bytes:
    sub_items = [
        _item(_MAXIMUM_LENGTH, max_pdu_bytes.to_bytes(4, "big")),
        _item(_IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_CLASS_UID.encode("ascii")),
    ]
    if window != SYNCHRONOUS:
        sub_items.append(_item(_ASYNCHRONOUS_OPERATIONS_WINDOW, _WINDOW.pack(window.invoked, window.performed)))
    sub_items.append(_item(_IMPLEMENTATION_VERSION_NAME, IMPLEMENTATION_VERSION_NAME.encode("ascii")))
    return _item(_USER_INFORMATION, *sub_items)
