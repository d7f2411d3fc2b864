"""Trust anchors (RFC 5280 section 6.1): the certificates that a certification path may end at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cryptography.hazmat.primitives.serialization import Encoding

from sealgate.signature.keys import load_certificates


@dataclass(frozen=True, slots=True)
class TrustAnchors:
    """Anchors as DER, in the order given. Empty: nothing is trusted, and no path can be checked."""

    certificates: tuple[bytes, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.certificates)


def load_anchors(encoded: Iterable[bytes]) -> TrustAnchors:
    """Anchors of PEM bundles or DER certificates. Raises KeyUnusable."""
    return TrustAnchors(
        tuple(certificate.public_bytes(Encoding.DER) for one in encoded for certificate in load_certificates(one))
    )
