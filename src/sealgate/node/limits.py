"""Limits of the network side: every length, count and wait that a peer could stretch has a name here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MAX_ASSOCIATE_PDU_BYTES: Final = 128 << 10
"""A-ASSOCIATE-RQ or -AC. 128 presentation contexts with all 45 transfer syntaxes each take some 150 kB, which nobody
sends; 128 contexts with 38 each still fit."""

MAX_PRESENTATION_CONTEXTS: Final = 128
"""There are no more odd identifiers from 1 to 255 (PS3.8 9.3.2.2)."""

MAX_COMMAND_SET_BYTES: Final = 64 << 10
"""A C-STORE-RQ takes some 200 bytes; error comments and lists of offending elements of responses stay far below."""

DEFAULT_MAX_PDU_BYTES: Final = 131_072
"""What we announce as Maximum Length (PS3.8 D.1): larger gains nothing measurable, smaller costs system calls."""

MIN_PEER_PDU_BYTES: Final = 128
"""A peer that takes less in one P-DATA-TF PDU is not a DICOM node: DCMTK's own minimum is 4096."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociationLimits:
    """How long an acceptor waits, in seconds, and how much it takes at once."""

    tls_handshake_s: float = 5.0
    """From the first byte of the ClientHello to the end of the handshake."""
    artim_s: float = 10.0
    """ARTIM timer (PS3.8 9.1.5): from the accepted connection to the last byte of the A-ASSOCIATE-RQ."""
    idle_s: float = 60.0
    """Between two messages; modalities keep an association open between the images of a series."""
    idle_in_message_s: float = 30.0
    """Between two PDUs of one message."""
    pdu_s: float = 30.0
    """From the first to the last byte of one PDU, so that one byte a second does not hold an association for ever."""
    write_s: float = 30.0
    """For one response, which fits into any socket buffer: only a dead peer needs that long."""
    drain_grace_s: float = 1.0
    """When the gateway ends: for the A-RELEASE-RQ of a peer that has just got its last response."""
    max_pdu_bytes: int = DEFAULT_MAX_PDU_BYTES
    """Largest P-DATA-TF PDU that we announce and take."""
    max_operations: int = 16
    """Requests that a peer which asks for it may send before it has the response to the first (PS3.7 D.3.3.3). They are
    served in their order; the next instance arrives in the socket while one is examined."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionLimits:
    """How many connections one gateway serves at once."""

    max_associations: int = 100
    """Each has a thread, a buffer of 132 KiB and an intake file."""
    max_associations_per_address: int = 50
    """So that one broken modality does not keep the others out."""
    max_silent_connections: int = 512
    """Connections that have not sent a byte yet wait without a thread; beyond it the longest silent one is closed."""
    reclaim_unused_s: float = 1.0
    """Where there is no place left, an association that has asked for nothing for so long since it came makes room."""
    reclaim_idle_s: float = 10.0
    """The same for an association that has sent something before and pauses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestorLimits:
    """How long a requestor waits, in seconds, and how much it takes at once."""

    connect_s: float = 10.0
    """TCP connection; the TLS handshake gets as long again."""
    associate_s: float = 30.0
    """From the A-ASSOCIATE-RQ to the last byte of the answer."""
    response_s: float = 60.0
    """From the last fragment to the first byte of the response: the peer may write to slow disks."""
    pdu_s: float = 30.0
    """From the first to the last byte of one PDU of the peer."""
    write_s: float = 30.0
    """For each write of at most `MAX_WRITE_BYTES`: a peer that takes less than 35 kB/s is given up."""
    release_s: float = 5.0
    """For the A-RELEASE-RP; all responses are in by then, so nothing is lost without it."""
    max_pdu_bytes: int = DEFAULT_MAX_PDU_BYTES
    """Largest P-DATA-TF PDU that we announce, take and send."""
    max_operations_invoked: int = 16
    """C-STORE requests that may wait for their responses at once, where the peer grants it (PS3.7 D.3.3.3)."""


MAX_WRITE_BYTES: Final = 1 << 20
"""Of a data set in one gathered write, which is what a write deadline is for."""
