"""Timestamp response: TimeStampResp of RFC 3161 2.4.2, and whether it answers a query and fits a signature."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sealgate.errors import Mismatch, TimestampMismatch, TimestampPart, TimestampRefused, TimestampUnreadable
from sealgate.signature.algorithms import MAC_ALGORITHMS
from sealgate.timestamp.algorithms import digest_of
from sealgate.timestamp.der import first_object, integer, optional, printable, reading, within
from sealgate.timestamp.limits import MAX_RESPONSE_BYTES, MAX_STATUS_TEXT_CHARACTERS, MAX_STATUS_TEXTS
from sealgate.timestamp.query import VERSION, Query
from sealgate.timestamp.token import Token, read_token

GRANTED, GRANTED_WITH_MODIFICATIONS = 0, 1

STATUS: Mapping[int, str] = MappingProxyType(
    {
        GRANTED: "granted",
        GRANTED_WITH_MODIFICATIONS: "granted with modifications",
        2: "rejected",
        3: "waiting",
        4: "revocation warning",
        5: "revoked",
    }
)
"""PKIStatus in words (RFC 3161 2.4.2)."""

FAILURES: Mapping[int, str] = MappingProxyType(
    {
        0: "unrecognized or unsupported algorithm identifier",
        2: "transaction not permitted or supported",
        5: "the data submitted has the wrong format",
        14: "the TSA's time source is not available",
        15: "the requested TSA policy is not supported by the TSA",
        16: "the requested extension is not supported by the TSA",
        17: "the additional information requested could not be understood or is not available",
        25: "the request cannot be handled due to system failure",
    }
)
"""Bits of PKIFailureInfo in the words of RFC 3161 2.4.2, which are OpenSSL's and dcmsign's."""

MIN_SIGNATURE_VALUE_BYTES = 4
"""What dcmsign demands of a Signature (0400,0120) before it puts a timestamp on it."""

_PART = TimestampPart.RESPONSE


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What a Time Stamping Authority answered."""

    status: int
    status_texts: tuple[str, ...]
    """What the authority says about the status, cut to a length that can be shown."""
    failures: tuple[int, ...]
    """Numbers of the bits that are set in PKIFailureInfo."""
    token: Token | None

    @property
    def status_text(self) -> str:
        """The status in words."""
        return STATUS.get(self.status, f"unknown status {self.status}")

    @property
    def failure_texts(self) -> tuple[str, ...]:
        """The failures in words."""
        return tuple(FAILURES.get(bit, f"unknown failure {bit}") for bit in self.failures)


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantedToken:
    """A token that answers its query and is over its signature value; its own signature has not been looked at."""

    token: bytes
    """DER of the TimeStampToken, as it goes into Certified Timestamp (0400,0310)."""
    warnings: tuple[str, ...]


def read_response(encoded: bytes) -> Response:
    """What a response says, token included. Raises TimestampUnreadable.

    As RFC 3161 2.4.2 has it there must be a token where the status is granted, and none where it is not.
    """
    from asn1crypto import core, tsp

    own = first_object(encoded, MAX_RESPONSE_BYTES, _PART)
    with reading(_PART):
        parts = core.SequenceOf.load(own, strict=True, spec=core.Any)
        if not 1 <= len(parts) <= 2:
            raise TimestampUnreadable(_PART, f"it has {len(parts)} parts, not status and token")
        info = tsp.PKIStatusInfo.load(parts[0].dump(), strict=True)
        status = integer(info["status"], _PART, "the status")
        texts = optional(info["status_string"]) or ()
        within(texts, MAX_STATUS_TEXTS, _PART, "status texts")
        shown = tuple(printable(text.native, MAX_STATUS_TEXT_CHARACTERS) for text in texts)
        failures = _failures(optional(info["fail_info"]))
        token = parts[1].dump() if len(parts) == 2 else None
    granted = status in (GRANTED, GRANTED_WITH_MODIFICATIONS)
    if granted and token is None:
        raise TimestampUnreadable(_PART, "it says that a timestamp is granted, but has none")
    if token is not None and not granted:
        raise TimestampUnreadable(_PART, "it has a timestamp, but says that none is granted")
    return Response(
        status=status, status_texts=shown, failures=failures, token=None if token is None else _token(token)
    )


def _failures(bits: object) -> tuple[int, ...]:
    """Numbers of the bits that are set, of those that have a meaning."""
    from asn1crypto import core

    if bits is None:
        return ()
    assert isinstance(bits, core.BitString)
    content = bits.contents[1:]
    return tuple(bit for bit in range(min(len(content) * 8, 32)) if content[bit // 8] & 0x80 >> bit % 8)


def _token(encoded: bytes) -> Token:
    try:
        return read_token(encoded)
    except TimestampUnreadable as error:
        raise TimestampUnreadable(_PART, f"its token cannot be read: {error.reason}") from error


def token_of(response: bytes, query: Query, signature_value: bytes) -> GrantedToken:
    """The token of `response`, where it answers `query` and is over `signature_value` (without its pad byte).

    Raises TimestampUnreadable, TimestampRefused and TimestampMismatch.
    """
    return granted_token(read_response(response), query, signature_value)


def granted_token(response: Response, query: Query, signature_value: bytes) -> GrantedToken:
    """As `token_of`, of a response that was read before; the checks and their order are those of dcmsign.

    Raises TimestampRefused and TimestampMismatch.
    """
    token = response.token
    if response.status not in (GRANTED, GRANTED_WITH_MODIFICATIONS) or token is None:
        raise TimestampRefused(response.status, response.status_text, response.status_texts, response.failure_texts)
    if token.version != VERSION:
        raise TimestampMismatch(Mismatch.VERSION, f"the timestamp token has version {token.version}, not {VERSION}")
    check_answers(token, query)
    check_imprint(token, signature_value)
    return GrantedToken(token=token.encoded, warnings=_warnings(response))


def _warnings(response: Response) -> tuple[str, ...]:
    if response.status == GRANTED:
        return ()
    said = (*response.failure_texts, *response.status_texts)
    return (f"the timestamp was {response.status_text}{': ' if said else ''}{'; '.join(said)}",)


def check_answers(token: Token, query: Query) -> None:
    """Whether a token answers `query` (RFC 3161 2.4.2). Raises TimestampMismatch."""
    other = "in the timestamp response than in the query; the response is for another query"
    if token.hash_algorithm != query.hash_algorithm:
        raise TimestampMismatch(Mismatch.QUERY_IMPRINT_ALGORITHM, f"the digest algorithm is another one {other}")
    if len(token.imprint) != len(query.imprint):
        raise TimestampMismatch(Mismatch.QUERY_IMPRINT_LENGTH, f"the length of the digest is another one {other}")
    if token.imprint != query.imprint:
        raise TimestampMismatch(Mismatch.QUERY_IMPRINT, f"the digest is another one {other}")
    if query.nonce is not None and token.nonce is None:
        raise TimestampMismatch(
            Mismatch.NONCE_MISSING, "the query has a nonce and the timestamp response has none; it may be an old one"
        )
    if query.nonce is not None and token.nonce != query.nonce:
        raise TimestampMismatch(Mismatch.NONCE, f"the nonce is another one {other}")
    if query.policy is not None and token.policy != query.policy:
        raise TimestampMismatch(
            Mismatch.POLICY, f"the policy {query.policy} was asked for, and the timestamp has {token.policy}"
        )


def check_imprint(token: Token, signature_value: bytes) -> None:
    """Whether a token is over `signature_value`, by an algorithm that dcmsign takes. Raises TimestampMismatch."""
    if len(signature_value) < MIN_SIGNATURE_VALUE_BYTES:
        raise TimestampMismatch(Mismatch.SIGNATURE_VALUE, "Signature (0400,0120) is absent or too short")
    algorithm = MAC_ALGORITHMS.get(token.hash_algorithm)
    if algorithm is None:
        raise TimestampMismatch(
            Mismatch.IMPRINT_ALGORITHM,
            f"the digest {token.hash_algorithm} of the timestamp is none of {', '.join(MAC_ALGORITHMS)}",
        )
    if len(token.imprint) != algorithm.digest_bytes:
        raise TimestampMismatch(
            Mismatch.IMPRINT_LENGTH,
            f"the digest of the timestamp has {len(token.imprint)} bytes, which no {algorithm} has",
        )
    if token.imprint != digest_of(algorithm, signature_value):
        raise TimestampMismatch(Mismatch.IMPRINT, "the timestamp is for another signature: their digests differ")
