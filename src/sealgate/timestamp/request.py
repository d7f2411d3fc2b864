"""What goes out for a timestamp: the query, and the UID file that later says for which signature the answer is."""

from __future__ import annotations

from dataclasses import dataclass

from sealgate.errors import TimestampNotStorable
from sealgate.signature.algorithms import SHA256, MacAlgorithm
from sealgate.signature.create import CreatedSignature
from sealgate.signature.model import DigitalSignature
from sealgate.timestamp.insert import signature_value_of, unpadded, write_uid_file
from sealgate.timestamp.query import create_query


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryOptions:
    """What a query asks for beyond the timestamp itself."""

    algorithm: MacAlgorithm = SHA256
    """Digest of the message imprint."""
    nonce: int | None
    """A random number of `query.NONCE_BITS` that the caller draws for each query, or None."""
    certificate_required: bool = True
    policy: str | None = None
    """Dotted object identifier."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimestampRequest:
    """A query with its UID file, each as the bytes of a file."""

    digital_signature_uid: str
    signature_value: bytes
    """Without its pad byte: what the timestamp will be over."""
    query: bytes
    uid_file: bytes


def request_while_signing(created: CreatedSignature, options: QueryOptions) -> TimestampRequest:
    """The request for a signature that was just made. Raises ConfigurationError where the policy is none."""
    value = unpadded(created.signature_value, created.certificate_of_signer)
    return _request(created.digital_signature_uid, value, options)


def request_for(signature: DigitalSignature, options: QueryOptions) -> TimestampRequest:
    """The request for a signature that is in a data set.

    Raises TimestampMismatch where its value or certificate cannot be read, TimestampNotStorable where it has no UID,
    and ConfigurationError for the policy.
    """
    uid = signature.digital_signature_uid
    if not uid:
        raise TimestampNotStorable(
            "a signature without Digital Signature UID (0400,0100) cannot be named in a UID file"
        )
    return _request(uid, signature_value_of(signature), options)


def _request(digital_signature_uid: str, signature_value: bytes, options: QueryOptions) -> TimestampRequest:
    return TimestampRequest(
        digital_signature_uid=digital_signature_uid,
        signature_value=signature_value,
        query=create_query(
            signature_value,
            options.algorithm,
            nonce=options.nonce,
            certificate_required=options.certificate_required,
            policy=options.policy,
        ),
        uid_file=write_uid_file(digital_signature_uid),
    )
