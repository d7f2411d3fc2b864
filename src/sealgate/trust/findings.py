"""What is odd about the certificates of a path without making the path wrong: stable words, each with a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class KeyPurpose(StrEnum):
    """What a certificate was used for."""

    SIGNING = "signing"
    """A DICOM digital signature."""
    TIMESTAMPING = "timestamping"
    """A time-stamp token (RFC 3161)."""


class FindingKind(StrEnum):
    """Stable words; new ones may come, none changes its meaning."""

    WEAK_DIGEST_IN_PATH = "weak-digest-in-path"
    """A certificate of the path is signed over MD5, SHA-1 or another digest for which collisions can be made."""
    WEAK_KEY_IN_PATH = "weak-key-in-path"
    """An issuer of the path, or a TSA, has a key that is too small."""
    BREAKABLE_KEY_IN_PATH = "breakable-key-in-path"
    """It is so small that anybody can find the private key, and certify or date what they like."""
    KEY_USAGE_NOT_SIGNING = "key-usage-not-signing"
    """Key Usage allows neither digitalSignature nor nonRepudiation (RFC 5280 4.2.1.3)."""
    EXTENDED_KEY_USAGE_NOT_SIGNING = "extended-key-usage-not-signing"
    """Extended Key Usage limits the key to other things than signing documents, such as TLS (RFC 5280 4.2.1.12)."""
    AUTHORITY_AS_SIGNER = "authority-as-signer"
    """The certificate is that of a certification authority."""
    NOT_FOR_TIMESTAMPING = "not-for-timestamping"
    """A TSA's certificate without timeStamping as its only, critical Extended Key Usage (RFC 3161 2.3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One odd thing, with a sentence about this case."""

    kind: FindingKind
    text: str
