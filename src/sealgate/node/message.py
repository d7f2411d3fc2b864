"""DIMSE messages out of fragments (PS3.7 section 6.3, PS3.8 annex E): a command set, then perhaps a data set."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sealgate.errors import ProtocolViolation
from sealgate.node.dimse import CommandSet, decode_command
from sealgate.node.limits import MAX_COMMAND_SET_BYTES, MAX_WRITE_BYTES
from sealgate.node.upper_layer import LAST, MAX_PARTS, PDV_OVERHEAD, AbortReason, Connection, Fragment, data_header

_DATA_SET: Final = 0x00
"""Message control header of a fragment of a data set that is not the last (PS3.8 E.2)."""


def next_fragment(connection: Connection, context_id: int, *, of_command: bool, wait_s: float) -> Fragment:
    """Next fragment of the message under way. Raises ProtocolViolation for anything else, and what reading raises."""
    fragment = connection.read_fragment(wait_s)
    if fragment is None or fragment.context_id != context_id or fragment.is_command is not of_command:
        raise ProtocolViolation(
            "a message was interrupted by something else", abort_reason=AbortReason.UNEXPECTED_PDU_PARAMETER
        )
    return fragment


def read_command(connection: Connection, fragment: Fragment, wait_s: float) -> CommandSet:
    """The whole command set whose first fragment is there. Raises ProtocolViolation, and what reading raises."""
    if not fragment.is_command:
        raise ProtocolViolation(
            "a data set came without its command set", abort_reason=AbortReason.UNEXPECTED_PDU_PARAMETER
        )
    encoded = bytes(fragment.value)
    while not fragment.is_last:
        fragment = next_fragment(connection, fragment.context_id, of_command=True, wait_s=wait_s)
        if len(encoded) + len(fragment.value) > MAX_COMMAND_SET_BYTES:
            raise ProtocolViolation(
                f"the command set has more than {MAX_COMMAND_SET_BYTES} bytes",
                abort_reason=AbortReason.INVALID_PDU_PARAMETER_VALUE,
            )
        encoded += fragment.value
    return decode_command(encoded)


def send_with_data_set(
    connection: Connection,
    command: bytes,
    *,
    context_id: int,
    chunks: Iterable[bytes | memoryview],
    size: int,
    max_pdu_bytes: int,
) -> None:
    """Send an encoded command and the data set behind it, `size` bytes in `chunks`.

    A chunk is read only until the next one is asked for. The last fragment goes out after `chunks` has ended, so
    whatever it raises before, or instead of ending, keeps the peer from having a whole data set.
    Raises RuntimeError where `chunks` and `size` differ or a chunk before the last has an odd length: fragments are
    even (PS3.8 E.1). Raises what sending raises.
    """
    step = (max_pdu_bytes - PDV_OVERHEAD) & ~1
    full_header = data_header(context_id, step, _DATA_SET)
    parts: list[bytes | memoryview] = [command]
    taken, last = 0, b""
    for chunk in chunks:
        view = memoryview(chunk).cast("B")
        if taken % 2:
            raise RuntimeError("a chunk that is not the last of its data set has an odd length")
        taken += len(view)
        end = len(view)
        if taken == size and view:
            end = (len(view) - 1) // step * step
            last = bytes(view[end:])
        for position in range(0, end, step):
            part = view[position : min(position + step, end)]
            parts += (full_header if len(part) == step else data_header(context_id, len(part), _DATA_SET), part)
            if len(parts) >= _FLUSH_PARTS or len(parts) // 2 * step >= MAX_WRITE_BYTES:
                connection.send_gathered(parts)
                parts = []
        if parts:
            connection.send_gathered(parts)
            parts = []
    if taken != size or not last:
        raise RuntimeError(f"a data set of {size} bytes came as {taken}")
    connection.send_gathered([data_header(context_id, len(last), LAST), last])


_FLUSH_PARTS: Final = MAX_PARTS - 2
