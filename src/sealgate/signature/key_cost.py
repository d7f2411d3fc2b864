"""How much work a key file demands to try its password: whoever made the file chose it, and it may be without end."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator

from sealgate.errors import KeyUnusable

MAX_ITERATIONS = 5_000_000
"""Rounds of PBKDF2 and of the derivations of PKCS #12; OpenSSL writes 2,048, others up to a million (a second)."""

MAX_SCRYPT_WORK = 1 << 22
"""N times r times p of scrypt (RFC 7914); OpenSSL writes 2^17, which takes 50 ms and 16 MiB."""

_MAX_OBJECTS = 100_000
_MAX_NUMBERS = 3
"""Cost parameters behind one salt."""

_ENCRYPTED_PEM = re.compile(rb"-----BEGIN ENCRYPTED PRIVATE KEY-----([A-Za-z0-9+/=\s]*)-----END")
_INTEGER, _OCTET_STRING, _CONSTRUCTED = 0x02, 0x04, 0x20


def refuse_costly(encoded: bytes) -> None:
    """Raise KeyUnusable where a key, PEM or DER, or PKCS #12 asks for more work than any honest one.

    In every form a salt, which is an OCTET STRING, stands in front of the cost: the rounds of PBES1, PBES2 and of the
    MAC of PKCS #12 (RFC 8018 A.2 to A.4, RFC 7292 section 4), or N, r and p of scrypt (RFC 7914 section 7).
    What is inside of an encrypted part is not seen.
    """
    found = _ENCRYPTED_PEM.search(encoded)
    try:
        der = encoded if found is None else binascii.a2b_base64(found[1])
    except binascii.Error:
        return  # no key either, as whoever loads it will say
    for costs in _costs(der):
        rounds = costs[0]
        work = rounds * costs[1] * costs[2] if len(costs) == _MAX_NUMBERS else 0
        if rounds > MAX_ITERATIONS or work > MAX_SCRYPT_WORK:
            raise KeyUnusable("the key file demands more work to try its password than any honest one; make it anew")


def _costs(der: bytes) -> Iterator[tuple[int, ...]]:
    """The numbers behind each OCTET STRING that is followed by numbers."""
    levels = [(0, len(der))]
    for _ in range(_MAX_OBJECTS):
        if not levels:
            return
        at, end = levels.pop()
        numbers: tuple[int, ...] | None = None
        while (header := _header(der, at, end)) is not None:
            tag, start, stop = header
            if tag == _INTEGER and numbers is not None and len(numbers) < _MAX_NUMBERS:
                numbers += (int.from_bytes(der[start:stop], "big"),)
            elif numbers:
                yield numbers
                numbers = None
            if tag == _OCTET_STRING:
                numbers = ()
            if tag & _CONSTRUCTED or tag == _OCTET_STRING:
                levels.append((start, stop))
            at = stop
        if numbers:
            yield numbers


def _header(der: bytes, at: int, end: int) -> tuple[int, int, int] | None:
    """(tag, start and end of the value) of the object at `at`; None where there is none."""
    if at + 2 > end:
        return None
    tag, length, start = der[at], der[at + 1], at + 2
    if length & 0x80:
        count = length & 0x7F
        length, start = int.from_bytes(der[start : start + count], "big"), start + count
    return (tag, start, start + length) if start + length <= end else None
