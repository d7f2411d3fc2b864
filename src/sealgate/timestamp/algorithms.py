"""Digests of message imprints and of CMS signatures, by their object identifiers (RFC 3370, RFC 5754)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from sealgate.signature.algorithms import MAC_ALGORITHMS, MacAlgorithm

SHA224 = MacAlgorithm("SHA224", "sha224", 28, bytes.fromhex("302d300d06096086480165030402040500041c"), False)
"""No MAC algorithm of PS3.3, yet some tokens have it: they are verified, but none is asked for or inserted."""

OIDS: Mapping[str, str] = MappingProxyType(
    {
        "RIPEMD160": "1.3.36.3.2.1",
        "MD5": "1.2.840.113549.2.5",
        "SHA1": "1.3.14.3.2.26",
        "SHA224": "2.16.840.1.101.3.4.2.4",
        "SHA256": "2.16.840.1.101.3.4.2.1",
        "SHA384": "2.16.840.1.101.3.4.2.2",
        "SHA512": "2.16.840.1.101.3.4.2.3",
    }
)
"""Object identifier of each digest by its name."""

BY_OID: Mapping[str, MacAlgorithm] = MappingProxyType(
    {oid: SHA224 if name == "SHA224" else MAC_ALGORITHMS[name] for name, oid in OIDS.items()}
)
"""Digests that a token may have."""

WEAK = frozenset({"RIPEMD160", "MD5", "SHA1"})
"""Digests that no longer withstand collisions, or are too short to go on doing so."""


def name_of(oid: str) -> str:
    """Name of a digest, or the object identifier itself where it is none that is known here."""
    algorithm = BY_OID.get(oid)
    return oid if algorithm is None else algorithm.name


def digest_of(algorithm: MacAlgorithm, content: bytes) -> bytes:
    """Digest of `content`."""
    hash_ = algorithm.new()
    hash_.update(content)
    return hash_.digest()
