"""Directories of certificates and CRLs under OpenSSL's hash names, as `openssl rehash` makes them.

A certificate is found as ``hhhhhhhh.N``, a CRL as ``hhhhhhhh.rN``: the hash is that of the subject (of a CRL: the
issuer) in OpenSSL's canonical encoding, and N counts from 0 without gaps.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from sealgate.errors import TrustFileUnusable
from sealgate.trust.bundle import MAX_BUNDLE_BYTES, certificates_in, crls_in

if TYPE_CHECKING:
    from asn1crypto import x509 as asn1_x509

MAX_FILES_PER_NAME = 64
"""Certificates, and as many CRLs, that one name may have in a directory; a rekeyed authority has two or three."""

_KEPT_NAMES = 512
"""Names whose canonical encoding is kept; validate_path takes no certificate that could make one large."""

ReadEntry = Callable[[str], bytes | None]
"""Gives the content of the file of that name in a directory; None where there is none. Raises UnreadableFile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateDirectory:
    """A directory to look certificates and CRLs up in, by hash name, when they are needed."""

    name: str
    """What errors call it: its path."""
    read: ReadEntry = field(repr=False)

    def certificates(self, subject: bytes) -> tuple[bytes, ...]:
        """DER of the certificates under the hash of the DER-encoded name `subject`.

        The hash is short and not collision free, so others may be among them. Raises TrustFileUnusable, UnreadableFile.
        """
        return self._entries(f"{subject_hash(subject):08x}.", certificates_in)

    def crls(self, issuer: bytes) -> tuple[bytes, ...]:
        """DER of the CRLs under the hash of the DER-encoded name `issuer`. Raises as `certificates` does."""
        return self._entries(f"{subject_hash(issuer):08x}.r", crls_in)

    def _entries(self, prefix: str, parse: Callable[[bytes], tuple[bytes, ...]]) -> tuple[bytes, ...]:
        found: list[bytes] = []
        for number in range(MAX_FILES_PER_NAME):
            content = self.read(f"{prefix}{number}")
            if content is None:
                return tuple(found)
            if len(content) > MAX_BUNDLE_BYTES:
                reason = f"it has more than {MAX_BUNDLE_BYTES >> 20} MiB"
                raise TrustFileUnusable(f"{self.name}/{prefix}{number}", reason)
            try:
                found.extend(parse(content))
            except TrustFileUnusable as error:
                raise TrustFileUnusable(f"{self.name}/{prefix}{number}", error.reason) from error
        raise TrustFileUnusable(f"{self.name}/{prefix}{MAX_FILES_PER_NAME}", "there are too many files of this name")


def subject_hash(name: bytes) -> int:
    """OpenSSL's hash of the DER-encoded Name `name` (X509_NAME_hash since OpenSSL 1.0.0), 32 bits.

    Raises TrustFileUnusable where `name` is no Name.
    """
    return int.from_bytes(hashlib.sha1(canonical_name(name), usedforsecurity=False).digest()[:4], "little")


@lru_cache(maxsize=_KEPT_NAMES)
def canonical_name(name: bytes) -> bytes:
    """OpenSSL's canonical encoding of a DER-encoded Name, of which the hash is taken (x509_name_canon).

    Every relative distinguished name in turn, without the SEQUENCE around them: strings as UTF8String, lower case in
    ASCII, white space trimmed and runs of it one space; other values as they are.
    """
    from asn1crypto import x509 as asn1_x509

    try:
        parsed = asn1_x509.Name.load(name)
        return b"".join(_relative_name(part) for part in parsed.chosen)
    except (ValueError, TypeError, LookupError, UnicodeError) as error:
        raise TrustFileUnusable("a name", f"it cannot be decoded ({type(error).__name__})") from error


def _relative_name(part: asn1_x509.RelativeDistinguishedName) -> bytes:
    attributes = sorted(_attribute(attribute) for attribute in part)  # DER: a SET OF is sorted
    return _tlv(0x31, b"".join(attributes))


_STRINGS = {12: "utf-8", 19: "latin-1", 20: "latin-1", 22: "latin-1", 26: "latin-1", 28: "utf-32-be", 30: "utf-16-be"}
"""Universal tags that OpenSSL makes canonical (ASN1_MASK_CANON), with the encoding that it takes them to have."""

_SPACE = " \t\n\v\f\r"


def _attribute(attribute: asn1_x509.NameTypeAndValue) -> bytes:
    return _tlv(0x30, attribute["type"].dump() + _value(attribute["value"].dump()))


def _value(encoded: bytes) -> bytes:
    encoding = _STRINGS.get(encoded[0])
    if encoding is None:
        return encoded
    header = 2 if encoded[1] < 0x80 else 2 + (encoded[1] & 0x7F)
    text = encoded[header:].decode(encoding).strip(_SPACE)
    folded = "".join(chr(ord(c) + 32) if "A" <= c <= "Z" else " " if c in _SPACE else c for c in text)
    while "  " in folded:
        folded = folded.replace("  ", " ")
    return _tlv(0x0C, folded.encode("utf-8"))


def _tlv(tag: int, content: bytes) -> bytes:
    length = len(content)
    if length < 0x80:
        return bytes((tag, length)) + content
    size = (length.bit_length() + 7) // 8
    return bytes((tag, 0x80 | size)) + length.to_bytes(size) + content
