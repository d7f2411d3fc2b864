"""Whether a response brings a token that is worth storing: beyond what dcmsign looks at, the token has to be good."""

from __future__ import annotations

from dataclasses import replace

from sealgate.errors import TimestampInvalid
from sealgate.timestamp.check import check_token
from sealgate.timestamp.flaws import UNKNOWABLE
from sealgate.timestamp.query import Query
from sealgate.timestamp.response import GrantedToken, Response, granted_token


def accepted_token(response: Response, query: Query, signature_value: bytes) -> GrantedToken:
    """The token of `response`, if it answers `query`, is over `signature_value`, and is what RFC 3161 demands.

    What cannot be known without the certificate of the TSA, and what is weak, becomes a warning. The path of that
    certificate is not judged. Raises TimestampRefused, TimestampMismatch and TimestampInvalid.
    """
    granted = granted_token(response, query, signature_value)
    assert response.token is not None
    problems = check_token(response.token, signature_value)
    grave = [problem for problem in problems if not problem.is_warning and problem.flaw not in UNKNOWABLE]
    if grave:
        sentence = "; ".join(problem.text for problem in grave)
        raise TimestampInvalid(f"the timestamp is no good: {sentence}", tuple(problem.flaw for problem in grave))
    return replace(granted, warnings=(*granted.warnings, *(problem.text for problem in problems)))
