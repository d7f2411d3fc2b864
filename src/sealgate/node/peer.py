"""The other end of an association, as the pipeline and the audit see it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Who sends to us: what it says of itself (AE titles) and what TCP and TLS say of it."""

    calling_ae_title: str
    """Stripped of padding; a claim, not a proof of identity."""
    called_ae_title: str
    address: str
    """IP address in its canonical text form."""
    port: int
    """The peer's own TCP port."""
    certificate: bytes | None = field(default=None, repr=False)
    """DER of the certificate that the peer proved to own in TLS; None on a plain listener."""
    listener: str
    """Name of the listener that the peer came in by."""
