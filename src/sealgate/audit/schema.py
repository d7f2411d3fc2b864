"""Tables of the register. They are only ever added to: the database itself refuses to change or delete a row.

The register is evidence that may be read in ten years by whatever reads SQLite, so moments are text in ISO 8601 with
microseconds and Z; of one length, they also sort and compare as text. There is no patient data in it: UIDs, digests, AE
titles, addresses and the names in signers' certificates only.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from sqlalchemy import (
    DDL,
    JSON,
    Boolean,
    Column,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    event,
    text,
)
from sqlalchemy.types import TypeDecorator


class TimeText(TypeDecorator[datetime]):
    """An aware datetime as text in UTC, such as 2026-11-21T03:11:05.000250Z."""

    impl = String(27)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - SQLAlchemy's signature
        """The text for `value`. Raises RuntimeError if it is naive."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise RuntimeError("a moment without a time zone cannot be recorded")
        return f"{value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """The aware moment for a recorded text."""
        return None if value is None else datetime.fromisoformat(value)


metadata = MetaData()

instance_record = Table(
    "audit_instance",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", TimeText, nullable=False, index=True),
    Column("instance_id", Integer),  # of the spool; NULL: it was not stored
    Column("source", String, nullable=False),
    Column("calling_ae_title", String(16), nullable=False),
    Column("called_ae_title", String(16), nullable=False),
    Column("peer_address", String, nullable=False),
    Column("peer_certificate_sha256", String(64)),
    Column("sop_class_uid", String(64), nullable=False),
    Column("sop_instance_uid", String(64), nullable=False),
    Column("transfer_syntax_uid", String(64), nullable=False),
    Column("digest_in", String(64)),  # NULL: refused before the last byte
    Column("digest_out", String(64)),
    Column("spliced", JSON, nullable=False),
    Column("action", String(32), nullable=False),
    Column("verdict", String(32), nullable=False),
    Column("reasons", JSON, nullable=False),
    Column("status", Integer),
    Column("policy_digest", String(64)),
    sqlite_autoincrement=True,
)

signature_record = Table(
    "audit_signature",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("record_id", ForeignKey("audit_instance.id"), nullable=False, index=True),
    Column("made_here", Boolean, nullable=False),
    Column("digital_signature_uid", String(64)),
    Column("location", Text, nullable=False),
    Column("mac_algorithm", String(16)),
    Column("outcome", String(32), nullable=False),
    Column("reasons", JSON, nullable=False),
    Column("unsigned_elements", JSON, nullable=False),
    Column("unsigned_element_count", Integer, nullable=False),
    Column("signer", Text),
    Column("signer_certificate_sha256", String(64)),
    Column("digital_signature_datetime", String(32)),
    sqlite_autoincrement=True,
)

delivery_record = Table(
    "audit_delivery",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", TimeText, nullable=False),
    Column("instance_id", Integer, nullable=False, index=True),
    Column("sop_instance_uid", String(64), nullable=False),
    Column("destination", String, nullable=False),
    Column("outcome", String(32), nullable=False),
    Column("status", Integer),
    Column("digest", String(64)),
    Column("error", Text),
    sqlite_autoincrement=True,
)

action_record = Table(
    "audit_action",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", TimeText, nullable=False, index=True),
    Column("operator", String, nullable=False),
    Column("action", String(32), nullable=False),
    Column("reason", Text),
    Column("instance_id", Integer, index=True),
    Column("job_id", Integer),
    Column("sop_instance_uid", String(64)),
    Column("destinations", JSON, nullable=False),
    sqlite_autoincrement=True,
)

COMMON_VERDICT: Final = "accept"
RARE_VERDICTS: Final = ("hold", "reject")
"""What nearly all records say, and what has an index of its own because so few do."""

# Every way to ask for records has an index that gives them in the order of their time, so that a question about
# ten million of them costs what one about ten does. More than these would cost every instance time.
Index("audit_instance_of_uid", instance_record.c.sop_instance_uid, instance_record.c.at)
Index("audit_instance_of_sender", instance_record.c.calling_ae_title, instance_record.c.at)
Index(
    "audit_instance_not_accepted",
    instance_record.c.verdict,
    instance_record.c.at,
    sqlite_where=text(" OR ".join(f"verdict = '{verdict}'" for verdict in RARE_VERDICTS)),
)

for _table in metadata.tables.values():
    for _verb in ("UPDATE", "DELETE"):
        event.listen(
            _table,
            "after_create",
            DDL(  # type: ignore[no-untyped-call]
                f"CREATE TRIGGER {_table.name}_no_{_verb.lower()} BEFORE {_verb} ON {_table.name} "
                "BEGIN SELECT RAISE(ABORT, 'the register is only ever added to'); END"
            ),
        )
