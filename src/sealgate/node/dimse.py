"""DIMSE command sets (PS3.7 section 6.3 and annex E) of C-STORE and C-ECHO: a strict, bounded codec.

A command set is a sequence of elements of group 0000, always implicit VR little endian, in ascending order.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Final

from sealgate.errors import ProtocolViolation
from sealgate.node.peer import Peer
from sealgate.node.upper_layer import AbortReason

COMMAND_GROUP_LENGTH: Final = 0x0000
AFFECTED_SOP_CLASS_UID: Final = 0x0002
COMMAND_FIELD: Final = 0x0100
MESSAGE_ID: Final = 0x0110
MESSAGE_ID_BEING_RESPONDED_TO: Final = 0x0120
PRIORITY: Final = 0x0700
COMMAND_DATA_SET_TYPE: Final = 0x0800
STATUS: Final = 0x0900
ERROR_COMMENT: Final = 0x0902
AFFECTED_SOP_INSTANCE_UID: Final = 0x1000
"""Element numbers of group 0000 (PS3.7 table E.1-1)."""

NO_DATA_SET: Final = 0x0101
"""Command Data Set Type: no data set follows; any other value says that one does (PS3.7 E.1)."""
_DATA_SET_FOLLOWS: Final = 0x0000
_PRIORITY_MEDIUM: Final = 0x0000

MAX_COMMENT_LENGTH: Final = 64
"""Characters of an LO value, which Error Comment (0000,0902) is."""
MAX_UID_LENGTH: Final = 64
"""Characters of a UI value (PS3.5 9.1)."""

_ELEMENT: Final = struct.Struct("<HHL")
_US: Final = struct.Struct("<H")
_UID: Final = re.compile(r"[0-9]+(\.[0-9]+)*")
"""Components of digits. PS3.5 9.1 allows no leading zeros, but devices send them and they harm nobody."""


class CommandField(IntEnum):
    """Command Field (0000,0100) values that we know by name (PS3.7 table E.1-1)."""

    C_STORE_RQ = 0x0001
    C_STORE_RSP = 0x8001
    C_ECHO_RQ = 0x0030
    C_ECHO_RSP = 0x8030
    C_CANCEL_RQ = 0x0FFF


RESPONSE: Final = 0x8000
"""The bit of Command Field that makes a response of a request."""


class Status(IntEnum):
    """Status (0000,0900) values that we send (PS3.7 annex C, PS3.4 B.2.3)."""

    SUCCESS = 0x0000
    PROCESSING_FAILURE = 0x0110
    INVALID_OBJECT_INSTANCE = 0x0117
    NOT_AUTHORIZED = 0x0124
    UNRECOGNIZED_OPERATION = 0x0211
    OUT_OF_RESOURCES = 0xA700
    DATA_SET_DOES_NOT_MATCH_SOP_CLASS = 0xA900
    CANNOT_UNDERSTAND = 0xC000


class StatusCategory(Enum):
    """What a C-STORE status means for the instance (PS3.7 annex C)."""

    SUCCESS = "success"
    WARNING = "warning"
    FAILURE = "failure"


_EXACT_WORDS: Final[Mapping[int, str]] = {
    0x0000: "success",
    0x0001: "warning: requested optional attributes are not supported",
    0x0107: "warning: attribute list error",
    0x0110: "processing failure",
    0x0111: "duplicate SOP instance",
    0x0112: "no such SOP instance",
    0x0115: "invalid argument value",
    0x0116: "warning: attribute value out of range",
    0x0117: "invalid SOP instance",
    0x0118: "no such SOP class",
    0x0122: "SOP class not supported",
    0x0124: "not authorized",
    0x0210: "duplicate invocation",
    0x0211: "unrecognized operation",
    0x0212: "mistyped argument",
    0x0213: "resource limitation",
    0xB000: "warning: coercion of data elements",
    0xB006: "warning: elements discarded",
    0xB007: "warning: data set does not match SOP class",
}
_RANGE_WORDS: Final = (
    (0xFF00, 0xA700, "out of resources"),
    (0xFF00, 0xA900, "data set does not match SOP class"),
    (0xF000, 0xC000, "cannot understand"),
    (0xF000, 0xB000, "warning"),
    (0xF000, 0xA000, "failure"),
)
"""Mask, value under the mask, and words (PS3.4 table B.2-1)."""


def status_category(status: int) -> StatusCategory:
    """Category of a C-STORE status; what the standard does not name is a failure."""
    if status == Status.SUCCESS:
        return StatusCategory.SUCCESS
    if status & 0xF000 == 0xB000 or status in (0x0001, 0x0107, 0x0116):
        return StatusCategory.WARNING
    return StatusCategory.FAILURE


def describe_status(status: int) -> str:
    """A status as `A700 (out of resources)`."""
    words = _EXACT_WORDS.get(status)
    if words is None:
        words = next((text for mask, value, text in _RANGE_WORDS if status & mask == value), "unknown status")
    return f"{status:04X} ({words})"


def is_uid(value: str) -> bool:
    """Whether `value` is a UID (PS3.5 9.1): at most 64 characters, components of digits, so never a path."""
    return len(value) <= MAX_UID_LENGTH and _UID.fullmatch(value) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreRequest:
    """A C-STORE-RQ that has been checked (PS3.7 9.3.1.1); Priority and Move Originator mean nothing to us."""

    message_id: int
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    """Of the presentation context that the data set comes in."""
    peer: Peer


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreResponse:
    """What a C-STORE-RSP says of the instance (PS3.7 9.3.1.2)."""

    status: int
    comment: str = ""
    """Error Comment (0000,0902): at most 64 printable ASCII characters; what is more or other is not sent."""


class CommandSet:
    """A decoded command set: values by element number, read by type. All methods raise ProtocolViolation."""

    def __init__(self, values: Mapping[int, bytes]) -> None:
        self._values = values

    def us(self, element: int) -> int:
        """The value of an element of VR US with one value."""
        value = self._values.get(element)
        if value is None:
            raise _violation(f"the command set has no element (0000,{element:04X})")
        if len(value) != 2:
            raise _violation(f"element (0000,{element:04X}) of the command set has {len(value)} bytes instead of 2")
        number: int = _US.unpack(value)[0]
        return number

    def text(self, element: int) -> str:
        """The value of an element of VR UI or LO without its padding, "" where it is absent; not checked further."""
        return self._values.get(element, b"").rstrip(b"\0 ").decode("ascii", "replace")

    @property
    def has_data_set(self) -> bool:
        """Whether a data set follows (PS3.7 E.1, Command Data Set Type)."""
        return self.us(COMMAND_DATA_SET_TYPE) != NO_DATA_SET


def decode_command(encoded: bytes) -> CommandSet:
    """Decode a command set whose length the reader has limited. Raises ProtocolViolation.

    Every length is checked and the elements have to ascend, so none stands twice. The value of Command Group Length is
    not looked at: where the elements end is known, and devices err in it.
    """
    values: dict[int, bytes] = {}
    position, previous = 0, -1
    while position < len(encoded):
        if len(encoded) - position < _ELEMENT.size:
            raise _violation(f"the command set ends within an element at offset {position}")
        group, element, length = _ELEMENT.unpack_from(encoded, position)
        position += _ELEMENT.size
        if group != 0 or element <= previous:
            tag = f"({group:04X},{element:04X})"
            raise _violation(f"element {tag} has no place at offset {position - _ELEMENT.size} of a command set")
        if length > len(encoded) - position:
            raise _violation(
                f"element (0000,{element:04X}) of the command set says it has {length} bytes, "
                f"but {len(encoded) - position} are left"
            )
        values[element] = encoded[position : position + length]
        position += length
        previous = element
    return CommandSet(values)


def _violation(sentence: str) -> ProtocolViolation:
    return ProtocolViolation(sentence, abort_reason=AbortReason.INVALID_PDU_PARAMETER_VALUE)


def _encode(elements: Iterable[tuple[int, bytes]]) -> bytes:
    body = b"".join([_ELEMENT.pack(0, element, len(value)) + value for element, value in elements])
    return _ELEMENT.pack(0, COMMAND_GROUP_LENGTH, 4) + struct.pack("<L", len(body)) + body


def _ui(uid: str) -> bytes:
    return uid.encode("ascii") + b"\0" * (len(uid) % 2)


def _lo(text: str) -> bytes:
    printable = "".join(character if " " <= character <= "~" and character != "\\" else "?" for character in text)
    return printable[:MAX_COMMENT_LENGTH].encode("ascii") + b" " * (min(len(text), MAX_COMMENT_LENGTH) % 2)


def encode_store_request(*, message_id: int, sop_class_uid: str, sop_instance_uid: str) -> bytes:
    """C-STORE-RQ of medium priority (PS3.7 9.3.1.1)."""
    return _encode(
        (
            (AFFECTED_SOP_CLASS_UID, _ui(sop_class_uid)),
            (COMMAND_FIELD, _US.pack(CommandField.C_STORE_RQ)),
            (MESSAGE_ID, _US.pack(message_id)),
            (PRIORITY, _US.pack(_PRIORITY_MEDIUM)),
            (COMMAND_DATA_SET_TYPE, _US.pack(_DATA_SET_FOLLOWS)),
            (AFFECTED_SOP_INSTANCE_UID, _ui(sop_instance_uid)),
        )
    )


def encode_echo_request(*, message_id: int, sop_class_uid: str) -> bytes:
    """C-ECHO-RQ (PS3.7 9.3.5.1)."""
    return _encode(
        (
            (AFFECTED_SOP_CLASS_UID, _ui(sop_class_uid)),
            (COMMAND_FIELD, _US.pack(CommandField.C_ECHO_RQ)),
            (MESSAGE_ID, _US.pack(message_id)),
            (COMMAND_DATA_SET_TYPE, _US.pack(NO_DATA_SET)),
        )
    )


def encode_response(
    *,
    request_field: int,
    message_id: int,
    response: StoreResponse,
    sop_class_uid: str = "",
    sop_instance_uid: str = "",
) -> bytes:
    """The response to the request `request_field`, without a data set (PS3.7 9.3.1.2 and 9.3.5.2).

    UIDs are optional in it and left out where empty: those of the request may be no UIDs at all.
    """
    elements = [
        (COMMAND_FIELD, _US.pack(request_field | RESPONSE)),
        (MESSAGE_ID_BEING_RESPONDED_TO, _US.pack(message_id)),
        (COMMAND_DATA_SET_TYPE, _US.pack(NO_DATA_SET)),
        (STATUS, _US.pack(response.status)),
    ]
    if sop_class_uid:
        elements.insert(0, (AFFECTED_SOP_CLASS_UID, _ui(sop_class_uid)))
    if response.comment:
        elements.append((ERROR_COMMENT, _lo(response.comment)))
    if sop_instance_uid:
        elements.append((AFFECTED_SOP_INSTANCE_UID, _ui(sop_instance_uid)))
    return _encode(elements)
