"""DICOM Upper Layer (PS3.8 section 9) on a connected socket, plain or TLS: PDUs come in within limits, P-DATA goes out.

Nothing here decides anything about associations. The buffer of a connection is allocated once; what is handed on are
views into it, which are good until the next PDU is read.
"""

from __future__ import annotations

import select
import socket
import ssl
import struct
from collections.abc import Iterator
from contextlib import suppress
from enum import Enum, IntEnum
from time import monotonic
from typing import Final, NamedTuple

from sealgate.errors import AssociationAborted, DeadlineExceeded, ProtocolViolation
from sealgate.node.limits import MAX_ASSOCIATE_PDU_BYTES
from sealgate.node.tls import error_words

A_ASSOCIATE_RQ: Final = 0x01
A_ASSOCIATE_AC: Final = 0x02
A_ASSOCIATE_RJ: Final = 0x03
P_DATA_TF: Final = 0x04
A_RELEASE_RQ: Final = 0x05
A_RELEASE_RP: Final = 0x06
A_ABORT: Final = 0x07

PDU_HEADER: Final = struct.Struct(">BxL")
"""PDU type, a reserved byte, PDU length: the bytes that follow (PS3.8 9.3.1)."""
PDV_HEADER: Final = struct.Struct(">LBB")
"""Item length, presentation context id, message control header (PS3.8 9.3.5.1 and annex E)."""
_P_DATA_HEADER: Final = struct.Struct(">BxLLBB")
"""Headers of a P-DATA-TF PDU with one PDV item."""
_SHORT_PDU: Final = struct.Struct(">BxLBBBB")
"""A-ASSOCIATE-RJ, A-RELEASE-RQ, A-RELEASE-RP and A-ABORT are four bytes long (PS3.8 9.3.4, 9.3.6 to 9.3.8)."""
SHORT_PDU_LENGTH: Final = 4

PDV_OVERHEAD: Final = PDV_HEADER.size
COMMAND: Final = 0x01
LAST: Final = 0x02

_READ_AHEAD_BYTES: Final = 4096
"""Room behind the largest PDU, so that one read can take the headers of the next PDU with it."""
_JOINED_BYTES: Final = 128 << 10
"""What goes to TLS at once: eight of its largest records."""
MAX_PARTS: Final = 512
"""Parts of one gathered write; the kernel takes 1024 (IOV_MAX of sendmsg(2))."""
_LINGER_S: Final = 0.5
"""How long a peer may take to read our last word."""
_MAX_LINGER_BYTES: Final = 1 << 20
_LINGER_READ_BYTES: Final = 64 << 10


class AbortSource(IntEnum):
    """Source of an A-ABORT (PS3.8 table 9-26)."""

    SERVICE_USER = 0
    SERVICE_PROVIDER = 2


class AbortReason(IntEnum):
    """Reason of an A-ABORT of the service provider (PS3.8 table 9-26)."""

    NOT_SPECIFIED = 0
    UNRECOGNIZED_PDU = 1
    UNEXPECTED_PDU = 2
    UNRECOGNIZED_PDU_PARAMETER = 4
    UNEXPECTED_PDU_PARAMETER = 5
    INVALID_PDU_PARAMETER_VALUE = 6


class Waited(Enum):
    """How a wait for the next message ended."""

    READABLE = "readable"
    WOKEN = "woken"
    EXPIRED = "expired"


class Fragment(NamedTuple):
    """One PDV item: a fragment of a command or data set (PS3.8 annex E)."""

    context_id: int
    is_command: bool
    is_last: bool
    value: memoryview
    """Good until the next fragment is read; the buffer behind it is used again."""


def short_pdu(pdu_type: int, result: int = 0, source: int = 0, reason: int = 0) -> bytes:
    """A PDU of four bytes; A-ABORT has no result, the A-RELEASE PDUs have none of the three."""
    return _SHORT_PDU.pack(pdu_type, SHORT_PDU_LENGTH, 0, result, source, reason)


def encode_command(context_id: int, command: bytes, max_pdu_bytes: int) -> bytes:
    """P-DATA-TF PDUs, one PDV item each, that carry a command set."""
    step = max_pdu_bytes - PDV_OVERHEAD
    parts = []
    for position in range(0, len(command), step):
        part = command[position : position + step]
        parts.append(data_header(context_id, len(part), COMMAND | (LAST if position + step >= len(command) else 0)))
        parts.append(part)
    return b"".join(parts)


def data_header(context_id: int, length: int, control: int) -> bytes:
    """Headers of a P-DATA-TF PDU with one PDV item whose fragment has `length` bytes."""
    return _P_DATA_HEADER.pack(P_DATA_TF, length + PDV_OVERHEAD, length + 2, context_id, control)


class Connection:
    """One end of a transport connection that carries an association; used by one thread.

    Reading raises AssociationAborted (the peer closed, reset or aborted), DeadlineExceeded and ProtocolViolation.
    """

    def __init__(
        self, sock: socket.socket, *, max_pdu_bytes: int, pdu_s: float, write_s: float, wake_fd: int | None = None
    ) -> None:
        """`wake_fd`: descriptor that ends `wait` when it becomes readable."""
        self._sock = sock
        self._encrypted = isinstance(sock, ssl.SSLSocket)
        self._pdu_s = pdu_s
        self.write_s = write_s
        """Seconds that one write may take."""
        self._max_length = {
            A_ASSOCIATE_RQ: MAX_ASSOCIATE_PDU_BYTES,
            A_ASSOCIATE_AC: MAX_ASSOCIATE_PDU_BYTES,
            A_ASSOCIATE_RJ: SHORT_PDU_LENGTH,
            P_DATA_TF: max_pdu_bytes,
            A_RELEASE_RQ: SHORT_PDU_LENGTH,
            A_RELEASE_RP: SHORT_PDU_LENGTH,
            A_ABORT: SHORT_PDU_LENGTH,
        }
        largest = max(max_pdu_bytes, MAX_ASSOCIATE_PDU_BYTES)
        self._buffer = bytearray(PDU_HEADER.size + largest + _READ_AHEAD_BYTES)
        self._view = memoryview(self._buffer)
        self._start = self._end = 0  # what has been received and not yet handed on
        self._pdv = self._pdv_end = 0  # what is left of the P-DATA-TF PDU that is being handed on
        self._out: memoryview | None = None
        self._timeout: float | None = None
        self._deadline: float | None = None
        self._wake_fd = wake_fd
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)
        if wake_fd is not None:
            self._poll.register(wake_fd, select.POLLIN)

    @property
    def encrypted(self) -> bool:
        """Whether this is a TLS connection."""
        return self._encrypted

    # Reading

    def wait(self, seconds: float) -> Waited:
        """Wait until the next PDU begins to arrive, the wake descriptor is readable, or time is up."""
        if self._has_bytes():
            return Waited.READABLE
        ready = {fd for fd, _ in self._poll.poll(max(0.0, seconds) * 1000)}
        if self._wake_fd in ready:
            return Waited.WOKEN
        return Waited.READABLE if ready else Waited.EXPIRED

    def wait_for_peer(self, seconds: float) -> bool:
        """Like `wait`, but nothing wakes it: whether the next PDU has begun to arrive in time."""
        if self._has_bytes():
            return True
        poll = select.poll()
        poll.register(self._sock, select.POLLIN)
        return bool(poll.poll(max(0.0, seconds) * 1000))

    def _has_bytes(self) -> bool:
        if self._pdv < self._pdv_end or self._start < self._end:
            return True
        return isinstance(self._sock, ssl.SSLSocket) and self._sock.pending() > 0

    def read_pdu(self, wait_s: float, *, deadline: float | None = None) -> tuple[int, memoryview]:
        """Next PDU as (type, what follows its header). Its length is judged before any of it is read.

        `wait_s`: for its first byte; the rest has `pdu_s`. `deadline`: a moment of time.monotonic for all of it.
        """
        self._deadline = deadline
        self._fill(PDU_HEADER.size, wait_s)
        pdu_type, length = PDU_HEADER.unpack_from(self._buffer, self._start)
        self._check_header(pdu_type, length)
        total = PDU_HEADER.size + length
        if self._end - self._start < total:
            self._fill(total, wait_s)
        body = self._view[self._start + PDU_HEADER.size : self._start + total]
        self._start += total
        return pdu_type, body

    def _check_header(self, pdu_type: int, length: int) -> None:
        limit = self._max_length.get(pdu_type)
        if limit is None:
            raise ProtocolViolation(
                f"PDU type {pdu_type:02X} is not one of DICOM", abort_reason=AbortReason.UNRECOGNIZED_PDU
            )
        if length > limit or limit == SHORT_PDU_LENGTH != length:
            raise ProtocolViolation(
                f"a PDU of type {pdu_type:02X} says it has {length} bytes, the limit is {limit}",
                abort_reason=AbortReason.INVALID_PDU_PARAMETER_VALUE,
            )

    def _fill(self, needed: int, wait_s: float) -> None:
        """Read until `needed` bytes of the PDU are in the buffer, and as many more as one read brings."""
        if self._start == self._end:
            self._start = self._end = 0
        elif self._start + needed > len(self._buffer):
            remaining = self._end - self._start
            self._view[:remaining] = self._view[self._start : self._end]
            self._start, self._end = 0, remaining
        while self._end - self._start < needed:
            begun = self._end > self._start
            if begun and self._deadline is None:
                self._deadline = monotonic() + self._pdu_s
            self._limit_wait(wait_s if not begun and self._deadline is None else None)
            try:
                count = self._sock.recv_into(self._view[self._end :])
            except TimeoutError:
                what = "stopped in the middle of a PDU" if begun else "sent nothing within the time it has"
                raise DeadlineExceeded(f"the peer {what}") from None
            except OSError as error:
                raise AssociationAborted(f"the connection broke: {error_words(error)}") from error
            if not count:
                raise AssociationAborted("the peer closed the connection without releasing the association")
            self._end += count

    def _limit_wait(self, wait_s: float | None) -> None:
        """Set the time that the next read may take: `wait_s`, or what is left until the deadline.

        Each change costs a system call, so while a PDU trickles in the socket's timeout follows in steps of a tenth.
        """
        if wait_s is not None:
            self._set_timeout(wait_s)
            return
        assert self._deadline is not None
        remaining = self._deadline - monotonic()
        if remaining <= 0:
            raise DeadlineExceeded("the peer took too long over one PDU")
        if self._timeout is None or not remaining <= self._timeout <= remaining * 1.1:
            self._set_timeout(remaining)

    def _set_timeout(self, seconds: float) -> None:
        if seconds != self._timeout:
            self._sock.settimeout(seconds)
            self._timeout = seconds

    def read_fragment(self, wait_s: float) -> Fragment | None:
        """Next PDV item, which may not reach beyond its PDU; None when the peer asks to release the association."""
        if self._pdv == self._pdv_end and not self._next_data_pdu(wait_s):
            return None
        position, end = self._pdv, self._pdv_end
        if end - position < PDV_OVERHEAD:
            raise _invalid("a P-DATA-TF PDU ends within the header of a PDV item")
        length, context_id, control = PDV_HEADER.unpack_from(self._buffer, position)
        following = position + 4 + length
        if length < 2 or following > end:
            raise _invalid(f"a PDV item says it has {length} bytes, its PDU has {end - position - 4} left for it")
        self._pdv = following
        is_last = bool(control & LAST)
        if length == 2 and not is_last:
            raise _invalid("a PDV item that is not the last of its message is empty")
        return Fragment(context_id, bool(control & COMMAND), is_last, self._view[position + PDV_OVERHEAD : following])

    def _next_data_pdu(self, wait_s: float) -> bool:
        pdu_type, body = self.read_pdu(wait_s)
        if pdu_type == P_DATA_TF:
            self._pdv, self._pdv_end = self._start - len(body), self._start
            return True
        if pdu_type == A_RELEASE_RQ:
            return False
        if pdu_type == A_ABORT:
            raise AssociationAborted(abort_sentence(body))
        raise ProtocolViolation(
            f"PDU type {pdu_type:02X} came within an association", abort_reason=AbortReason.UNEXPECTED_PDU
        )

    # Writing

    def send(self, encoded: bytes | memoryview) -> None:
        """Send all of `encoded`. Raises AssociationAborted and DeadlineExceeded."""
        self.send_gathered([encoded])

    def send_gathered(self, parts: list[bytes | memoryview]) -> None:
        """Send `parts`, at most `MAX_PARTS`, one after the other within the write deadline.

        On plain connections they go out as they are. TLS copies them anyway, and would make a record of each.
        """
        deadline = monotonic() + self.write_s
        self._set_timeout(self.write_s)
        try:
            if not self._encrypted:
                self._send_all(parts, deadline)
                return
            for joined in self._joined(parts):
                self._send_all([joined], deadline)
        except TimeoutError:
            raise DeadlineExceeded(f"the peer took nothing for {self.write_s:g} s") from None
        except OSError as error:
            raise AssociationAborted(f"the connection broke while sending: {error_words(error)}") from error

    def _send_all(self, parts: list[bytes | memoryview], deadline: float) -> None:
        while parts:
            sent = self._sock.send(parts[0]) if self._encrypted else self._sock.sendmsg(parts)
            parts = _unsent(parts, sent)
            if parts and monotonic() > deadline:
                raise TimeoutError

    def _joined(self, parts: list[bytes | memoryview]) -> Iterator[memoryview]:
        """`parts` copied into one buffer that is used again and again."""
        if self._out is None:
            self._out = memoryview(bytearray(_JOINED_BYTES))
        used = 0
        for part in parts:
            rest = memoryview(part)
            while rest:
                count = min(len(rest), _JOINED_BYTES - used)
                self._out[used : used + count] = rest[:count]
                rest = rest[count:]
                used += count
                if used == _JOINED_BYTES:
                    yield self._out
                    used = 0
        if used:
            yield self._out[:used]

    # Ending

    def abort(self, source: AbortSource, reason: int = 0) -> None:
        """Send A-ABORT if the connection still takes it, and close."""
        self.close(farewell=short_pdu(A_ABORT, source=source, reason=reason))

    def close(self, *, farewell: bytes = b"") -> None:
        """Send `farewell`, wait a moment for the peer to have read it, and close. Never raises for the peer's state."""
        with suppress(OSError):  # the peer is gone: there is nobody to say farewell to
            if farewell:
                self._sock.settimeout(_LINGER_S)
                self._sock.sendall(farewell)
                linger(self._sock)
        self._sock.close()


def linger(sock: socket.socket) -> None:
    """Read and drop, for a moment, what the peer still sends after our last word, and then close.

    A close with unread bytes makes TCP reset the connection, and the peer may then never see that word.
    """
    with suppress(OSError):
        sock.settimeout(_LINGER_S)
        socket.socket.shutdown(sock, socket.SHUT_WR)  # not SSLSocket's own, which forgets the session
        deadline, dropped = monotonic() + _LINGER_S, 0
        while dropped < _MAX_LINGER_BYTES and monotonic() < deadline:
            count = len(socket.socket.recv(sock, _LINGER_READ_BYTES))
            if not count:
                break
            dropped += count
    sock.close()


def _unsent(parts: list[bytes | memoryview], sent: int) -> list[bytes | memoryview]:
    """What is left of `parts` after `sent` bytes."""
    for index, part in enumerate(parts):
        if sent < len(part):
            return [memoryview(part)[sent:], *parts[index + 1 :]]
        sent -= len(part)
    return []


def _invalid(sentence: str) -> ProtocolViolation:
    return ProtocolViolation(sentence, abort_reason=AbortReason.INVALID_PDU_PARAMETER_VALUE)


def abort_sentence(body: memoryview) -> str:
    """What an A-ABORT of the peer says (PS3.8 table 9-26), in words."""
    source, reason = body[2], body[3]
    if source != AbortSource.SERVICE_PROVIDER:
        return "the peer aborted the association"
    try:
        words = AbortReason(reason).name.lower().replace("_", " ")
    except ValueError:
        words = f"reason {reason}"
    return f"the peer's upper layer aborted the association: {words}"
