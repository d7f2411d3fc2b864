"""The few fields of a certificate that signing and verifying need, read without the parser that takes longest to load.

Whether a certificate is a good one, OpenSSL says; what it shows to people, cryptography reads. Here only the places of
the fields are found, by strict DER (X.690): what is encoded otherwise is left to the full parser.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sealgate.cli.dcmsign.der import GENERALIZED_TIME, INTEGER, OID, SEQUENCE, UTC_TIME, content_at, object_at
from sealgate.cli.dcmsign.public_key import public_key_of
from sealgate.errors import KeyUnusable
from sealgate.signature.algorithms import KeyType

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

_VERSION, _EXTENSIONS = 0xA0, 0xA3
_KEY_USAGE, _BASIC_CONSTRAINTS, _EXTENDED_KEY_USAGE = b"\x55\x1d\x0f", b"\x55\x1d\x13", b"\x55\x1d\x25"
_MAX_EXTENSIONS = 100
"""Extensions of one certificate; the most that are in use have some 15."""
_TIMES = {UTC_TIME: re.compile(rb"[0-9]{12}Z"), GENERALIZED_TIME: re.compile(rb"[0-9]{14}Z")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A certificate, with the key that is in it."""

    der: bytes
    not_before: datetime
    not_after: datetime
    public_key: PublicKeyTypes | None
    """None where the key is of a kind that DCMTK does not know."""
    key_type: KeyType | None
    trailing: int
    """Bytes behind the certificate."""
    may_be_unfit: bool
    """Whether its extensions might not be those of a signer's certificate."""

    @property
    def key_size(self) -> int:
        """Size of the key in bits; 0 where it is not known."""
        return int(getattr(self.public_key, "key_size", 0))

    @property
    def is_weak(self) -> bool:
        """Whether dcmsign warns of the size of the key."""
        return self.key_type is not None and self.key_size < _WEAK_BELOW[self.key_type]

    def parsed(self) -> x509.Certificate:
        """All of it. Raises KeyUnusable."""
        from sealgate.signature.keys import load_certificate

        return load_certificate(self.der)


_WEAK_BELOW = {KeyType.RSA: 1024, KeyType.DSA: 1024, KeyType.EC: 256}


def read_certificate(encoded: bytes) -> Certificate | None:
    """The certificate that `encoded` begins with; None where there is none."""
    try:
        der = encoded[: object_at(encoded, 0, len(encoded))[2]]
        not_before, not_after, key_info, may_be_unfit = _fields(der)
    except ValueError:
        return _unusual(encoded)
    public_key = public_key_of(key_info)
    kind = _kind(public_key)
    return Certificate(
        der=der,
        not_before=not_before,
        not_after=not_after,
        public_key=None if kind is None else public_key,
        key_type=kind,
        trailing=len(encoded) - len(der),
        may_be_unfit=may_be_unfit,
    )


def is_plain(der: bytes) -> bool:
    """Whether these bytes are a certificate without anything odd, so that no other parser need be asked."""
    try:
        _fields(der)
    except ValueError:
        return False
    return True


def _unusual(encoded: bytes) -> Certificate | None:
    """A certificate that is not encoded as it should be, if it can be read all the same."""
    from sealgate.signature import keys

    try:
        parsed, behind = keys.certificate_in(encoded)
    except KeyUnusable:
        return None
    try:
        public_key = keys.public_key_of(parsed)
        kind = keys.key_type(public_key)
    except KeyUnusable:
        public_key, kind = None, None
    return Certificate(
        der=encoded[: len(encoded) - len(behind)],
        not_before=parsed.not_valid_before_utc,
        not_after=parsed.not_valid_after_utc,
        public_key=public_key,
        key_type=kind,
        trailing=len(behind),
        may_be_unfit=True,
    )


def _kind(public_key: PublicKeyTypes | None) -> KeyType | None:
    from sealgate.signature.keys import key_type

    if public_key is None:
        return None
    try:
        return key_type(public_key)
    except KeyUnusable:
        return None


def _fields(der: bytes) -> tuple[datetime, datetime, bytes, bool]:
    """Validity, SubjectPublicKeyInfo and a look at the extensions (RFC 5280 4.1). Raises ValueError."""
    certificate = content_at(der, 0, len(der), SEQUENCE)
    if certificate[1] != len(der):
        raise ValueError("something stands behind the certificate")
    outer = content_at(der, *certificate, SEQUENCE)
    start, end = outer
    tag, begin, stop = object_at(der, start, end)
    if tag == _VERSION:
        start = stop
    start = content_at(der, start, end, INTEGER)[1]  # serialNumber
    start = content_at(der, start, end, SEQUENCE)[1]  # signature
    start = content_at(der, start, end, SEQUENCE)[1]  # issuer
    validity = content_at(der, start, end, SEQUENCE)
    start = content_at(der, validity[1], end, SEQUENCE)[1]  # subject
    _, begin, stop = object_at(der, start, end)
    if der[start] != SEQUENCE:
        raise ValueError("no SubjectPublicKeyInfo")
    not_before, position = _moment(der, *validity)
    not_after, position = _moment(der, position, validity[1])
    if position != validity[1] or begin == stop:
        raise ValueError("no Validity")
    return not_before, not_after, der[start:stop], _may_be_unfit(der, stop, end)


def _moment(der: bytes, position: int, end: int) -> tuple[datetime, int]:
    """A Time (RFC 5280 4.1.2.5), and the position behind it."""
    tag, start, stop = object_at(der, position, end)
    text, pattern = der[start:stop], _TIMES.get(tag)
    if pattern is None or pattern.fullmatch(text) is None:
        raise ValueError("no Time")
    digits = text[:-1].decode("ascii")
    if tag == UTC_TIME:
        digits = ("19" if digits >= "50" else "20") + digits
    parts = (digits[:4], *(digits[at : at + 2] for at in range(4, 14, 2)))
    year, month, day, hour, minute, second = (int(part) for part in parts)
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC), stop


def _may_be_unfit(der: bytes, position: int, end: int) -> bool:
    """Whether an extension asks for a closer look: Key Usage, Extended Key Usage or Basic Constraints."""
    while position < end:
        tag, start, stop = object_at(der, position, end)
        if tag == _EXTENSIONS:
            return any(_asks_for_a_look(oid, value) for oid, value in _extensions(der, start, stop))
        position = stop
    return False


def _extensions(der: bytes, start: int, stop: int) -> list[tuple[bytes, bytes]]:
    position, end = content_at(der, start, stop, SEQUENCE)
    found = []
    while position < end:
        begin, close = content_at(der, position, end, SEQUENCE)
        oid = content_at(der, begin, close, OID)
        found.append((der[oid[0] : oid[1]], der[oid[1] : close]))
        position = close
        if len(found) > _MAX_EXTENSIONS:
            raise ValueError("too many extensions")
    return found


def _asks_for_a_look(oid: bytes, value: bytes) -> bool:
    if oid == _KEY_USAGE:
        return not value[-1:] or not value[-1] & 0xC0  # digitalSignature and nonRepudiation, where there is one octet
    if oid == _BASIC_CONSTRAINTS:
        return b"\x30\x03\x01\x01\xff" in value or b"\x30\x06\x01\x01\xff" in value
    return oid == _EXTENDED_KEY_USAGE
