"""`dcmsign --insert-timestamp`: a timestamp of a response goes into the signature that its query was made for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.cli.dcmsign.codes import Code, Ended
from sealgate.cli.dcmsign.run import Run
from sealgate.cli.dcmsign.settings import TimestampFiles
from sealgate.dicom.scan import Carrier
from sealgate.dicom.splice import Edit
from sealgate.errors import (
    Mismatch,
    SignatureNotFound,
    TimestampMismatch,
    TimestampNotStorable,
    TimestampPart,
    TimestampRefused,
    TimestampUnreadable,
)
from sealgate.timestamp.insert import find_signature, insert_token, read_uid_file, signature_value_of
from sealgate.timestamp.limits import MAX_QUERY_BYTES, MAX_RESPONSE_BYTES, MAX_UID_FILE_BYTES
from sealgate.timestamp.query import read_query
from sealgate.timestamp.response import GRANTED, GRANTED_WITH_MODIFICATIONS, STATUS, granted_token, read_response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sealgate.timestamp.query import Query
    from sealgate.timestamp.response import Response

_FAILED = "timestamp response validation failed: "
_TEXTS: Mapping[Mismatch, str] = {
    Mismatch.QUERY_IMPRINT_ALGORITHM: "message digest algorithms are different in timestamp query and response",
    Mismatch.QUERY_IMPRINT_LENGTH: "message digest lengths are different in timestamp query and response",
    Mismatch.QUERY_IMPRINT: "message digests do not match in timestamp query and response",
    Mismatch.NONCE_MISSING: "nonce is missing in timestamp response",
    Mismatch.NONCE: "nonces are not equal in timestamp query and response",
    Mismatch.POLICY: "policy OIDs are not equal in timestamp query and response",
    Mismatch.SIGNATURE_VALUE: "signature in DICOM dataset not found or invalid",
    Mismatch.CERTIFICATE: "certificate in DICOM dataset not found or invalid",
    Mismatch.IMPRINT_LENGTH: "message digest length does not match in DICOM dataset and timestamp response",
    Mismatch.IMPRINT: "message digests do not match in DICOM dataset and timestamp response",
}


def insert(carrier: Carrier, files: TimestampFiles, run: Run) -> tuple[Edit, ...]:
    """The edits that put the timestamp in. Raises Ended, after it has said what is wrong."""
    run.messages.info("inserting certified timestamp.")
    query = _query(files.query, run)
    response = _response(files.response, run)
    uid = _uid(files.uid, run)
    try:
        found = find_signature(carrier, uid)
    except SignatureNotFound as error:
        run.messages.error(f"signature with UID '{uid}' not found.")
        raise Ended(Code.SIGNATURE_UID_NOT_FOUND) from error
    _say_status(response, run)
    try:
        granted = granted_token(response, query, signature_value_of(found.signature))
    except TimestampRefused as error:
        raise Ended(Code.TS_CONSISTENCY_CHECK_FAILED) from error
    except TimestampMismatch as error:
        run.messages.error(_text(error, response))
        raise Ended(Code.TS_CONSISTENCY_CHECK_FAILED) from error
    try:
        return insert_token(carrier, uid, granted.token)
    except TimestampNotStorable as error:
        run.messages.error(str(error))
        raise Ended(Code.CANNOT_INSERT_TS) from error


def _content(name: str, limit: int) -> bytes | None:
    try:
        with Path(name).open("rb") as file:
            content = file.read(limit + 1)
    except (OSError, ValueError):
        return None
    return content if len(content) <= limit else None


def _query(name: str, run: Run) -> Query:
    content = _content(name, MAX_QUERY_BYTES)
    try:
        if content is not None:
            return read_query(content)
    except TimestampUnreadable as error:
        run.messages.info(str(error))
    run.messages.error(f"Unable to load timestamp query file '{name}'")
    raise Ended(Code.CANNOT_READ_TSQ_FILE)


def _response(name: str, run: Run) -> Response:
    content = _content(name, MAX_RESPONSE_BYTES)
    try:
        if content is not None:
            return read_response(content)
    except TimestampUnreadable as error:
        run.messages.info(str(error))
    run.messages.error(f"Unable to load timestamp response file '{name}'")
    raise Ended(Code.CANNOT_READ_TSR_FILE)


def _uid(name: str, run: Run) -> str:
    content = _content(name, MAX_UID_FILE_BYTES)
    try:
        if content is not None:
            return read_uid_file(content)
    except TimestampUnreadable as error:
        if error.part is TimestampPart.UID:
            run.messages.error(f"No Digital Signature UID found in  UID file '{name}'")
            raise Ended(Code.CANNOT_READ_UID_FILE) from error
    run.messages.error(f"Cannot load UID file '{name}'")
    raise Ended(Code.CANNOT_READ_UID_FILE)


def _say_status(response: Response, run: Run) -> None:
    if response.status == GRANTED:
        return
    is_known = response.status in STATUS
    said = f"timestamp response status: {response.status_text if is_known else f'unknown error code {response.status}'}"
    if response.status == GRANTED_WITH_MODIFICATIONS:
        run.messages.warn(said)
    else:
        run.messages.error(said)
    for text in (*response.status_texts, *response.failure_texts):
        run.messages.warn(f"timestamp response status text: {text}")


def _text(error: TimestampMismatch, response: Response) -> str:
    token = response.token
    assert token is not None
    if error.mismatch is Mismatch.VERSION:
        return f"unsupported timestamp response version number {token.version}"
    if error.mismatch is Mismatch.IMPRINT_ALGORITHM:
        return f"{_FAILED}unsupported MAC algorithm {token.hash_algorithm.lower()} in timestamp response"
    return f"{_FAILED}{_TEXTS.get(error.mismatch) or error}"
