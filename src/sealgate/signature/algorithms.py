"""MAC algorithms (PS3.3 C.12.1.1.3.1.2) as a table: defined term, digest, DigestInfo of PKCS #1 v1.5 (RFC 8017 9.2)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from sealgate.dicom.digest import Digest

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.hashes import HashAlgorithm


class KeyType(StrEnum):
    """Kinds of signature keys that dcmsign and Sealgate know."""

    RSA = "RSA"
    DSA = "DSA"
    EC = "EC"


@dataclass(frozen=True, slots=True)
class MacAlgorithm:
    """One defined term of MAC Algorithm (0400,0015)."""

    name: str
    hashlib_name: str
    digest_bytes: int
    digest_info: bytes
    """DER of DigestInfo in front of the digest."""
    for_creation: bool
    """Whether it is strong enough to be created without being asked for by name."""

    def new(self) -> Digest:
        """A fresh digest."""
        return hashlib.new(self.hashlib_name, usedforsecurity=False)

    def prehashed(self) -> HashAlgorithm:
        """A hash of the same size for ECDSA and DSA, which sign the bare digest; cryptography has no RIPEMD160."""
        from cryptography.hazmat.primitives import hashes

        by_size: dict[int, HashAlgorithm] = {
            16: hashes.MD5(),
            20: hashes.SHA1(),
            28: hashes.SHA224(),
            32: hashes.SHA256(),
            48: hashes.SHA384(),
            64: hashes.SHA512(),
        }
        return by_size[self.digest_bytes]

    def __str__(self) -> str:
        return self.name


def _row(name: str, hashlib_name: str, digest_bytes: int, digest_info: str, for_creation: bool) -> MacAlgorithm:
    return MacAlgorithm(name, hashlib_name, digest_bytes, bytes.fromhex(digest_info), for_creation)


_TABLE = (
    _row("RIPEMD160", "ripemd160", 20, "3021300906052b2403020105000414", False),
    _row("MD5", "md5", 16, "3020300c06082a864886f70d020505000410", False),
    _row("SHA1", "sha1", 20, "3021300906052b0e03021a05000414", False),
    _row("SHA256", "sha256", 32, "3031300d060960864801650304020105000420", True),
    _row("SHA384", "sha384", 48, "3041300d060960864801650304020205000430", True),
    _row("SHA512", "sha512", 64, "3051300d060960864801650304020305000440", True),
)

MAC_ALGORITHMS: dict[str, MacAlgorithm] = {row.name: row for row in _TABLE}
SHA256 = MAC_ALGORITHMS["SHA256"]
