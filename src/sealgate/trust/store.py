"""What certification paths are judged by: trust anchors, intermediates, and statements about revocation."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from sealgate.trust.hashed import CertificateDirectory


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustStore:
    """Everything a path may be built from and held against, as DER. Empty: nothing is trusted."""

    anchors: tuple[bytes, ...] = ()
    """Certificates that a path may end at (RFC 5280 section 6.1)."""
    intermediates: tuple[bytes, ...] = ()
    """Certificates that help to build a path and are trusted for nothing."""
    crls: tuple[bytes, ...] = ()
    """Certificate revocation lists (RFC 5280 section 5)."""
    ocsp_responses: tuple[bytes, ...] = ()
    """OCSP responses (RFC 6960 section 4.2)."""
    directories: tuple[CertificateDirectory, ...] = ()
    """Hashed directories; a certificate in them is an anchor where it is self-signed, else an intermediate."""

    def __bool__(self) -> bool:
        return bool(self.anchors or self.directories)

    def digests(self) -> dict[str, list[str]]:
        """SHA-256 of everything in the store, sorted, and the names of its directories: what it is known by later."""
        described = {
            kind: sorted(hashlib.sha256(one).hexdigest() for one in getattr(self, kind))
            for kind in ("anchors", "intermediates", "crls", "ocsp_responses")
        }
        return described | {"directories": sorted(directory.name for directory in self.directories)}
