"""The register: what was seen, signed, verified, delivered and decided, by whom and when; rows are only ever added.

Every function takes the connection of the caller, so that a row stands or falls with what it tells of.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, RowMapping, Table, bindparam, false, insert, literal_column, select

from sealgate.audit.schema import (
    COMMON_VERDICT,
    RARE_VERDICTS,
    action_record,
    delivery_record,
    instance_record,
    signature_record,
)
from sealgate.sql.prepared import Prepared

MAX_ROWS: Final = 10_000
"""Records that one listing may have: nobody reads more, and the database serves nobody else meanwhile."""

MAX_UNSIGNED_ELEMENTS: Final = 512
"""Unsigned elements that are listed per signature; the count is always whole. A real header has below 300."""

MAX_REASONS: Final = 100
"""Reasons that are kept per row; each comes from a fixed list, so this is far beyond what one instance can earn."""

MAX_TEXT_LENGTH: Final = 2000
"""Characters of a text that a peer has a hand in, such as an error or the subject of a certificate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceRecord:
    """One instance that was offered to us, stored or not."""

    at: datetime
    source: str
    calling_ae_title: str
    called_ae_title: str
    peer_address: str
    peer_certificate_sha256: str | None
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    action: str
    """What the source's configuration asked for: sign, verify, verify-and-sign or pass."""
    verdict: str
    """accept, hold or reject."""
    instance_id: int | None = None
    """The instance in the spool; None if it was not stored."""
    digest_in: str | None = None
    digest_out: str | None = None
    spliced: Sequence[tuple[int, int]] = ()
    """Ranges [start, end) of the data set that went out which were not in what came in, in bytes."""
    reasons: Sequence[str] = ()
    status: int | None = None
    """Status of the C-STORE response that was, or would have been, given."""
    policy_digest: str | None = None
    """SHA-256 of the policy that decided, in hexadecimal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureRecord:
    """One signature that was found in, or added to, the instance of `record_id`."""

    record_id: int
    made_here: bool
    digital_signature_uid: str | None
    location: str
    mac_algorithm: str | None
    outcome: str
    reasons: Sequence[str] = ()
    unsigned_elements: Sequence[str] = ()
    """Where the elements stand that are present and not signed, as (gggg,eeee) or a path of such."""
    signer: str | None = None
    """Subject of the signer's certificate (RFC 4514)."""
    signer_certificate_sha256: str | None = None
    digital_signature_datetime: str | None = None
    """The value as it stands in the signature: a claim of the signer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRecord:
    """One attempt to deliver an instance that ended, whether or not the destination took it."""

    at: datetime
    instance_id: int
    sop_instance_uid: str
    destination: str
    outcome: str
    """The state that the job went to, such as done, done_with_warning, ready (for a retry) or dead."""
    status: int | None = None
    digest: str | None = None
    """SHA-256 of the bytes that were sent, computed while sending, in hexadecimal."""
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionRecord:
    """Something that a person did to the queue."""

    at: datetime
    operator: str
    action: str
    """retry, release or drop."""
    reason: str | None = None
    instance_id: int | None = None
    job_id: int | None = None
    sop_instance_uid: str | None = None
    destinations: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Which records to list; what is None is not asked about. `since` is included, `until` is not."""

    sop_instance_uid: str | None = None
    calling_ae_title: str | None = None
    verdict: str | None = None
    since: datetime | None = None
    until: datetime | None = None


_FIELDS: Final = {
    kind: tuple(field.name for field in fields(kind))
    for kind in (InstanceRecord, SignatureRecord, DeliveryRecord, ActionRecord)
}

_INSERT_INSTANCE: Final = Prepared(
    insert(instance_record).returning(instance_record.c.id), columns=_FIELDS[InstanceRecord]
)
_INSERT_SIGNATURE: Final = Prepared(
    insert(signature_record), columns=(*_FIELDS[SignatureRecord], "unsigned_element_count")
)
_INSERT_DELIVERY: Final = Prepared(insert(delivery_record), columns=_FIELDS[DeliveryRecord])
_INSERT_ACTION: Final = Prepared(insert(action_record), columns=_FIELDS[ActionRecord])

_FIRST_RECEIPT: Final = Prepared(
    select(instance_record.c.at)
    .where(instance_record.c.sop_instance_uid == bindparam("uid"), instance_record.c.digest_in == bindparam("digest"))
    .order_by(instance_record.c.at)
    .limit(1)
)

_HAS_SEEN: Final = Prepared(
    select(instance_record.c.sop_instance_uid).where(instance_record.c.sop_instance_uid == bindparam("uid")).limit(1)
)


def record_instance(connection: Connection, record: InstanceRecord) -> int:
    """Add one row for an instance that was seen; returns the record's id, which its signatures name."""
    row = _row(record) | {"spliced": list(record.spliced), "reasons": list(record.reasons[:MAX_REASONS])}
    ((record_id,),) = _INSERT_INSTANCE.rows(connection, row)
    return int(record_id)


def has_seen(connection: Connection, sop_instance_uid: str) -> bool:
    """Whether anything was ever offered under this SOP Instance UID, whatever became of it."""
    return _HAS_SEEN.row(connection, {"uid": sop_instance_uid}) is not None


def first_receipt(connection: Connection, sop_instance_uid: str, digest_in: str) -> datetime | None:
    """When these very bytes were offered for the first time, whatever became of them then; None: they are new."""
    row = _FIRST_RECEIPT.row(connection, {"uid": sop_instance_uid, "digest": digest_in})
    return None if row is None else row[0]


def record_signature(connection: Connection, record: SignatureRecord) -> None:
    """Add one row for a signature that was seen or made."""
    row = _row(record) | {
        "reasons": list(record.reasons[:MAX_REASONS]),
        "unsigned_elements": list(record.unsigned_elements[:MAX_UNSIGNED_ELEMENTS]),
        "unsigned_element_count": len(record.unsigned_elements),
        "signer": _cut(record.signer),
    }
    _INSERT_SIGNATURE.execute(connection, row)


def record_delivery(connection: Connection, record: DeliveryRecord) -> None:
    """Add one row for an attempt at a delivery that ended."""
    _INSERT_DELIVERY.execute(connection, _row(record) | {"error": _cut(record.error)})


def record_action(connection: Connection, record: ActionRecord) -> None:
    """Add one row for what a person did."""
    row = _row(record) | {"destinations": list(record.destinations), "reason": _cut(record.reason)}
    _INSERT_ACTION.execute(connection, row)


def list_records(connection: Connection, filters: Filters, limit: int) -> list[dict[str, Any]]:
    """Up to `limit` instance records, newest first, each with its `signatures` and `deliveries`, oldest first."""
    newest_first = (instance_record.c.at.desc(), instance_record.c.id.desc())
    query = select(instance_record).where(*_conditions(filters)).order_by(*newest_first).limit(_bounded(limit))
    rows = connection.execute(query).mappings().all()
    signatures = _grouped(connection, signature_record, "record_id", (row["id"] for row in rows))
    deliveries = _grouped(connection, delivery_record, "instance_id", (row["instance_id"] for row in rows))
    return [
        {
            **row,
            "signatures": [dict(found) for found in signatures.get(row["id"], ())],
            "deliveries": [dict(found) for found in deliveries.get(row["instance_id"], ())],
        }
        for row in rows
    ]


def list_actions(connection: Connection, limit: int) -> list[dict[str, Any]]:
    """Up to `limit` actions of people, newest first."""
    query = select(action_record).order_by(action_record.c.id.desc()).limit(_bounded(limit))
    return [dict(row) for row in connection.execute(query).mappings()]


def _conditions(filters: Filters) -> list[Any]:
    columns = instance_record.c
    conditions = [
        columns[name] == value
        for name in ("sop_instance_uid", "calling_ae_title")
        if (value := getattr(filters, name)) is not None
    ]
    if filters.verdict is not None:
        conditions.append(_of_verdict(filters.verdict))
    if filters.since is not None:
        conditions.append(columns.at >= filters.since)
    if filters.until is not None:
        conditions.append(columns.at < filters.until)
    return conditions


def _of_verdict(verdict: str) -> ColumnElement[bool]:
    """The condition that a record has `verdict`; spelt out where it is that of a partial index."""
    if verdict == COMMON_VERDICT:
        return instance_record.c.verdict == verdict
    if verdict in RARE_VERDICTS:
        return instance_record.c.verdict == literal_column(f"'{verdict}'")
    return false()


def _grouped(connection: Connection, table: Table, key: str, ids: Iterable[int | None]) -> dict[int, list[RowMapping]]:
    """The rows of `table` whose `key` is among `ids`, by that key, in the order in which they were added."""
    wanted = sorted({found for found in ids if found is not None})
    grouped: dict[int, list[RowMapping]] = {}
    for row in connection.execute(select(table).where(table.c[key].in_(wanted)).order_by(table.c.id)).mappings():
        grouped.setdefault(row[key], []).append(row)
    return grouped


def _row(record: InstanceRecord | SignatureRecord | DeliveryRecord | ActionRecord) -> dict[str, Any]:
    return {name: getattr(record, name) for name in _FIELDS[type(record)]}


def _cut(text: str | None) -> str | None:
    return None if text is None else text[:MAX_TEXT_LENGTH]


def _bounded(limit: int) -> int:
    return max(0, min(limit, MAX_ROWS))
