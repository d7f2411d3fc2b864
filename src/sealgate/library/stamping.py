"""Certified timestamps for signatures that are already there: asked for one by one, or inserted from a response."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from sealgate.dicom.location import Location
from sealgate.errors import SignatureNotFound, TimestampNotStorable
from sealgate.library.sources import Opened
from sealgate.library.timestamping import Timestamping
from sealgate.timestamp.accept import accepted_token
from sealgate.timestamp.insert import FoundSignature, find_signature, found_signatures, insert_token, signature_value_of
from sealgate.timestamp.query import Query
from sealgate.timestamp.request import TimestampRequest, request_for
from sealgate.timestamp.response import GrantedToken, Response, granted_token
from sealgate.timestamp.token import Token, read_token


@dataclass(frozen=True, slots=True, kw_only=True)
class Requested:
    """A query for one signature of a data set."""

    location: Location
    request: TimestampRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """A timestamp that went into a signature."""

    digital_signature_uid: str
    location: Location
    token: Token
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamped:
    """A data set with the timestamps that went into it."""

    given: Opened
    stamps: tuple[Stamp, ...]


def has_signatures(given: Opened) -> bool:
    """Whether any signature stands in the data set, at any depth. Raises InputError."""
    return next(found_signatures(given.carrier), None) is not None


def requested(
    given: Opened, timestamping: Timestamping, *, digital_signature_uid: str | None = None, again: bool = False
) -> tuple[Requested, ...]:
    """A query for the signature with a UID, or for each; those that have a timestamp only with `again` or by UID.

    Raises SignatureNotFound where there is none with the UID; TimestampNotStorable, TimestampMismatch,
    ConfigurationError, InputError.
    """
    return tuple(
        Requested(location=found.place.location, request=request_for(found.signature, timestamping.query_options()))
        for found in _chosen(given, digital_signature_uid, again)
    )


def _chosen(given: Opened, digital_signature_uid: str | None, again: bool) -> list[FoundSignature]:
    found = list(found_signatures(given.carrier))
    uids = Counter(one.signature.digital_signature_uid for one in found)
    if digital_signature_uid is not None:
        chosen = [one for one in found if one.signature.digital_signature_uid == digital_signature_uid]
    else:
        chosen = [one for one in found if again or one.signature.certified_timestamp is None]
    if not chosen and digital_signature_uid is not None:
        raise SignatureNotFound(digital_signature_uid)
    for one in chosen:
        uid = one.signature.digital_signature_uid
        if uids[uid] > 1:
            raise TimestampNotStorable(f"{uids[uid]} signatures have the Digital Signature UID {uid}, so it names none")
    return chosen


def stamped(
    given: Opened, timestamping: Timestamping, *, digital_signature_uid: str | None = None, again: bool = False
) -> Stamped:
    """The data set with timestamps for the signatures that `requested` chooses.

    Raises what `requested` raises, NetworkError, and TimestampError where a response does not serve.
    """
    stamps: list[Stamp] = []
    for one in requested(given, timestamping, digital_signature_uid=digital_signature_uid, again=again):
        request = one.request
        granted = timestamping.token(request)
        given = given.edited(insert_token(given.carrier, request.digital_signature_uid, granted.token))
        stamps.append(_stamp(request.digital_signature_uid, one.location, granted))
    return Stamped(given=given, stamps=tuple(stamps))


def _stamp(digital_signature_uid: str, location: Location, granted: GrantedToken) -> Stamp:
    return Stamp(
        digital_signature_uid=digital_signature_uid,
        location=location,
        token=read_token(granted.token),
        warnings=granted.warnings,
    )


def inserted(
    given: Opened, digital_signature_uid: str, query: Query, response: Response, *, check: bool = True
) -> Stamped:
    """The data set with the token of `response` in the signature with a UID, after the checks that dcmsign makes.

    With `check` the token itself has to be good as well, which dcmsign finds out only when it verifies. Raises
    SignatureNotFound, TimestampError, InputError.
    """
    found = find_signature(given.carrier, digital_signature_uid)
    accept = accepted_token if check else granted_token
    granted = accept(response, query, signature_value_of(found.signature))
    edits = insert_token(given.carrier, digital_signature_uid, granted.token)
    stamp = _stamp(digital_signature_uid, found.place.location, granted)
    return Stamped(given=given.edited(edits), stamps=(stamp,))
