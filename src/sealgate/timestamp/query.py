"""Timestamp query: TimeStampReq of RFC 3161 2.4.1, over the value of Signature (0400,0120)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sealgate.errors import ConfigurationError, TimestampPart, TimestampUnreadable
from sealgate.signature.algorithms import MacAlgorithm
from sealgate.timestamp.algorithms import OIDS, digest_of, name_of
from sealgate.timestamp.der import first_object, integer, optional, reading, within
from sealgate.timestamp.limits import MAX_EXTENSIONS, MAX_POLICY_CHARACTERS, MAX_QUERY_BYTES

NONCE_BITS = 64
"""Size of a nonce: what makes two queries over one signature differ, so that an old response does not serve again."""

VERSION = 1

_POLICY = re.compile(r"[012](\.(0|[1-9][0-9]*))+")
_PART = TimestampPart.QUERY


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What a timestamp query asks for."""

    version: int
    hash_algorithm: str
    """Name of the digest, such as SHA256, or its object identifier where it is not known."""
    imprint: bytes
    policy: str | None
    nonce: int | None
    certificate_required: bool
    encoded: bytes
    """The DER of the query."""


def create_query(
    signature_value: bytes,
    algorithm: MacAlgorithm,
    *,
    nonce: int | None,
    certificate_required: bool = True,
    policy: str | None = None,
) -> bytes:
    """DER of a query for a timestamp over `signature_value`, which is without its pad byte (RFC 3161 2.4.1).

    `nonce` is a random number of NONCE_BITS that the caller draws, or None. `policy` is a dotted object identifier.
    Raises ConfigurationError where it is none.
    """
    from asn1crypto import core, tsp

    if policy is not None:
        check_policy(policy)
    fields: dict[str, object] = {
        "version": VERSION,
        "message_imprint": {
            "hash_algorithm": {"algorithm": OIDS[algorithm.name]},
            "hashed_message": digest_of(algorithm, signature_value),
        },
        "cert_req": certificate_required,
    }
    if policy is not None:
        fields["req_policy"] = policy
    if nonce is not None:
        fields["nonce"] = nonce
    request = tsp.TimeStampReq(fields)
    # OpenSSL, and so dcmsign and most authorities, write NULL parameters (RFC 5754 2 lets both be).
    request["message_imprint"]["hash_algorithm"]["parameters"] = core.Null()
    encoded: bytes = request.dump(force=True)
    return encoded


def check_policy(policy: str) -> None:
    """Raises ConfigurationError where `policy` is no dotted object identifier."""
    is_one = len(policy) <= MAX_POLICY_CHARACTERS and _POLICY.fullmatch(policy) is not None
    if is_one and policy[0] in "01" and int(policy.split(".")[1]) >= 40:
        is_one = False
    if not is_one:
        raise ConfigurationError(
            f"{policy[:MAX_POLICY_CHARACTERS]!r} is no object identifier such as 1.3.6.1.4.1.99999.1"
        )


def read_query(encoded: bytes) -> Query:
    """What a query asks for. Raises TimestampUnreadable."""
    from asn1crypto import tsp

    own = first_object(encoded, MAX_QUERY_BYTES, _PART)
    with reading(_PART):
        request = tsp.TimeStampReq.load(own, strict=True)
        imprint = request["message_imprint"]
        within(optional(request["extensions"]) or (), MAX_EXTENSIONS, _PART, "extensions")
        nonce, policy = optional(request["nonce"]), optional(request["req_policy"])
        query = Query(
            version=integer(request["version"], _PART, "the version"),
            hash_algorithm=name_of(imprint["hash_algorithm"]["algorithm"].dotted),
            imprint=bytes(imprint["hashed_message"]),
            policy=None if policy is None else policy.dotted[:MAX_POLICY_CHARACTERS],
            nonce=None if nonce is None else integer(nonce, _PART, "the nonce"),
            certificate_required=bool(request["cert_req"].native),
            encoded=own,
        )
    if query.version != VERSION:
        raise TimestampUnreadable(_PART, f"its version is {query.version}, not {VERSION}")
    return query
