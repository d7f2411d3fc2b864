"""Certified timestamps (RFC 3161) while signing: the query, who answers it, and the token that fits."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from sealgate.signature.algorithms import SHA256, MacAlgorithm
from sealgate.signature.create import CreatedSignature
from sealgate.timestamp.accept import accepted_token
from sealgate.timestamp.client import FetchOptions, fetch
from sealgate.timestamp.query import NONCE_BITS, read_query
from sealgate.timestamp.request import QueryOptions, TimestampRequest, request_while_signing
from sealgate.timestamp.response import GrantedToken, read_response


@dataclass(frozen=True, slots=True, kw_only=True)
class Timestamping:
    """How the query is made, and where the response comes from."""

    fetch: Callable[[bytes], bytes] | None = None
    """Gives the response (DER) to a query (DER); None: the query is only made, and the response is inserted later."""
    algorithm: MacAlgorithm = SHA256
    """Digest of the message imprint."""
    with_nonce: bool = True
    """Whether a random number makes the query unlike any other."""
    certificate_required: bool = True
    """Whether the certificate of the authority is to be in the token, so that verifiers need no other source of it."""
    policy: str | None = None
    """Dotted object identifier."""

    def query_options(self) -> QueryOptions:
        """What one query asks for, with a nonce of its own."""
        return QueryOptions(
            algorithm=self.algorithm,
            nonce=secrets.randbits(NONCE_BITS) if self.with_nonce else None,
            certificate_required=self.certificate_required,
            policy=self.policy,
        )

    def request(self, created: CreatedSignature) -> TimestampRequest:
        """The query for a signature that was just made. Raises ConfigurationError where the policy is none."""
        return request_while_signing(created, self.query_options())

    def token(self, request: TimestampRequest) -> GrantedToken:
        """The token that the authority grants, if it is good. Raises TimestampError and NetworkError."""
        if self.fetch is None:
            raise RuntimeError("there is nobody to ask for a timestamp")
        response = read_response(self.fetch(request.query))
        return accepted_token(response, read_query(request.query), request.signature_value)


def timestamping_of(given: str | Callable[[bytes], bytes] | Timestamping) -> Timestamping:
    """The Time Stamping Authority of a URL, or any function that answers queries."""
    if isinstance(given, Timestamping):
        return given
    return Timestamping(fetch=asking(given) if isinstance(given, str) else given)


def asking(url: str, options: FetchOptions | None = None) -> Callable[[bytes], bytes]:
    """Asks the Time Stamping Authority at a URL (RFC 3161 3.4). Raises, when used, NetworkError."""
    return lambda query: fetch(url, query, options)
