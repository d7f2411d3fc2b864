"""Tables of the spool, their indexes, and the steps from one version of the schema to the next.

Moments are whole microseconds since 1970 in UTC: they sort, compare and index as numbers. The indexes that the queue
works with are partial, so that one with a million finished jobs costs what an empty one does. SQLite uses a partial
index only where it sees the condition of the index in the query itself, so queries must spell states as literals
(`in_state`, `ready`, `unfinished` … below), not as parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import (
    DDL,
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    ColumnElement,
    Connection,
    Dialect,
    Enum,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    TextClause,
    UniqueConstraint,
    event,
    literal_column,
    or_,
    text,
)
from sqlalchemy.types import TypeDecorator

from sealgate.spool.states import (
    LISTED_INSTANCE_STATES,
    NOTEWORTHY_JOB_STATES,
    UNFINISHED_JOB_STATES,
    InstanceState,
    JobState,
)

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class Moment(TypeDecorator[datetime]):
    """An aware datetime as whole microseconds since 1970-01-01T00:00:00Z; a naive one is a mistake of ours."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002 - SQLAlchemy's signature
        """The number for `value`. Raises RuntimeError if it is naive."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise RuntimeError("a moment without a time zone cannot be stored")
        return (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """The aware moment in UTC for a stored number."""
        return None if value is None else _EPOCH + value * _MICROSECOND


def _states(kind: type[InstanceState] | type[JobState]) -> Enum:
    """A state as its word. Which word may follow which is decided by `states`, not by the column."""
    return Enum(
        kind,
        native_enum=False,
        create_constraint=False,
        length=32,
        values_callable=lambda states: [state.value for state in states],
    )


_DROPPED_BY_A_PERSON: Final = (
    "state <> 'dropped' OR (coalesce(dropped_by, '') <> '' AND coalesce(drop_reason, '') <> '')"
)

metadata = MetaData()

instance = Table(
    "instance",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("sop_class_uid", String(64), nullable=False),
    Column("sop_instance_uid", String(64), nullable=False),
    Column("transfer_syntax_uid", String(64), nullable=False),
    Column("payload", String(64), nullable=False, unique=True),
    Column("payload_size", BigInteger, nullable=False),
    Column("digest_in", String(64), nullable=False),
    Column("digest_out", String(64), nullable=False),
    Column("layout", JSON, nullable=False),
    Column("state", _states(InstanceState), nullable=False),
    Column("reasons", JSON, nullable=False),
    Column("destinations", JSON, nullable=False),
    Column("source", String, nullable=False),
    Column("policy_digest", String(64), nullable=False),
    Column("calling_ae_title", String(16), nullable=False),
    Column("called_ae_title", String(16), nullable=False),
    Column("peer_address", String, nullable=False),
    Column("peer_certificate_sha256", String(64)),
    Column("received_at", Moment, nullable=False),
    Column("stored_at", Moment, nullable=False),
    Column("dropped_by", String),
    Column("drop_reason", String),
    # The key of an instance: the same again is decided here and nowhere else.
    UniqueConstraint("sop_instance_uid", "digest_in", "source", "policy_digest"),
    CheckConstraint(_DROPPED_BY_A_PERSON, name="dropped_by_a_person"),
    sqlite_autoincrement=True,  # an id stands in the register, so it is never used a second time
)

job = Table(
    "job",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("instance_id", ForeignKey("instance.id"), nullable=False),
    Column("destination", String, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("state", _states(JobState), nullable=False),
    Column("not_before", Moment),  # NULL: at once
    Column("attempts", Integer, nullable=False),
    Column("lease_owner", String),
    Column("lease_until", Moment),
    Column("fence", Integer, nullable=False),
    Column("last_status", Integer),
    Column("last_error", String),
    Column("created_at", Moment, nullable=False),
    Column("enqueued_at", Moment, nullable=False),  # from when the age counts: a replay starts it anew
    Column("dropped_by", String),
    Column("drop_reason", String),
    CheckConstraint(_DROPPED_BY_A_PERSON, name="dropped_by_a_person"),
    CheckConstraint("state <> 'leased' OR (lease_owner IS NOT NULL AND lease_until IS NOT NULL)", name="lease_has_end"),
    sqlite_autoincrement=True,
)

attempt = Table(
    "attempt",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("job_id", ForeignKey("job.id"), nullable=False),
    Column("fence", Integer, nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("ended_at", Moment, nullable=False),
    Column("status", Integer),  # of the C-STORE response; NULL: there was none
    Column("error", String),
)


def in_state(state: JobState | InstanceState) -> ColumnElement[bool]:
    """The condition that a job, or an instance, is in `state`, spelt as a literal so that partial indexes are used."""
    column = job.c.state if isinstance(state, JobState) else instance.c.state
    return column == literal_column(f"'{state}'", type_=column.type)


def in_any_state(states: Iterable[JobState]) -> ColumnElement[bool]:
    """The condition that a job is in one of `states`, in the very form that the partial indexes have."""
    return or_(*(in_state(state) for state in states))


def _any_of(states: Iterable[JobState | InstanceState]) -> TextClause:
    """The condition of a partial index for rows in one of `states`."""
    return text(" OR ".join(f"state = '{state}'" for state in states))


ready: Final = in_state(JobState.READY)
leased: Final = in_state(JobState.LEASED)
dead: Final = in_state(JobState.DEAD)
held: Final = in_state(InstanceState.HELD)
unfinished: Final = in_any_state(UNFINISHED_JOB_STATES)


UNFINISHED_INDEX: Final = _any_of(UNFINISHED_JOB_STATES)
"""The condition of the unique index below, to name that index in ON CONFLICT."""

# One unfinished delivery per instance and destination; the same instance again revives a dead one.
Index("job_unfinished", job.c.instance_id, job.c.destination, unique=True, sqlite_where=UNFINISHED_INDEX)
# Listings take the first rows of each destination and state, and the summary counts ranges of this index alone.
Index("job_backlog", job.c.state, job.c.destination, job.c.created_at, sqlite_where=UNFINISHED_INDEX)
# What ended as few jobs do is found among a million that ended well.
Index("job_noteworthy", job.c.state, sqlite_where=_any_of(NOTEWORTHY_JOB_STATES))
# Three ways to be due, in the order in which a lease looks for them.
Index(
    "job_due",
    job.c.destination,
    job.c.priority.desc(),
    job.c.id,
    sqlite_where=text("state = 'ready' AND not_before IS NULL"),
)
Index(
    "job_postponed",
    job.c.destination,
    job.c.not_before,
    sqlite_where=text("state = 'ready' AND not_before IS NOT NULL"),
)
Index("job_leased", job.c.destination, job.c.lease_until, sqlite_where=text("state = 'leased'"))
Index("instance_apart", instance.c.state, instance.c.stored_at, sqlite_where=_any_of(LISTED_INSTANCE_STATES))

event.listen(
    attempt,
    "after_create",
    DDL(  # type: ignore[no-untyped-call]
        "CREATE TRIGGER attempt_append_only BEFORE UPDATE ON attempt "
        "BEGIN SELECT RAISE(ABORT, 'attempts are only ever added'); END"
    ),
)

Migration = Callable[[Connection], None]
"""Changes the schema by one version, within the transaction that it is called in."""

_WITH_POLICY_DIGEST: Final = (
    """CREATE TABLE instance_2 (
        id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        sop_class_uid VARCHAR(64) NOT NULL,
        sop_instance_uid VARCHAR(64) NOT NULL,
        transfer_syntax_uid VARCHAR(64) NOT NULL,
        payload VARCHAR(64) NOT NULL UNIQUE,
        payload_size BIGINT NOT NULL,
        digest_in VARCHAR(64) NOT NULL,
        digest_out VARCHAR(64) NOT NULL,
        layout JSON NOT NULL,
        state VARCHAR(32) NOT NULL,
        reasons JSON NOT NULL,
        destinations JSON NOT NULL,
        source VARCHAR NOT NULL,
        policy_digest VARCHAR(64) NOT NULL,
        calling_ae_title VARCHAR(16) NOT NULL,
        called_ae_title VARCHAR(16) NOT NULL,
        peer_address VARCHAR NOT NULL,
        peer_certificate_sha256 VARCHAR(64),
        received_at BIGINT NOT NULL,
        stored_at BIGINT NOT NULL,
        dropped_by VARCHAR,
        drop_reason VARCHAR,
        UNIQUE (sop_instance_uid, digest_in, source, policy_digest),
        CONSTRAINT dropped_by_a_person
            CHECK (state <> 'dropped' OR (coalesce(dropped_by, '') <> '' AND coalesce(drop_reason, '') <> ''))
    )""",
    # No rules have the digest '', so what came before is examined when it comes again.
    """INSERT INTO instance_2 SELECT id, sop_class_uid, sop_instance_uid, transfer_syntax_uid, payload, payload_size,
        digest_in, digest_out, layout, state, reasons, destinations, source, '', calling_ae_title, called_ae_title,
        peer_address, peer_certificate_sha256, received_at, stored_at, dropped_by, drop_reason FROM instance""",
    "DROP TABLE instance",
    "ALTER TABLE instance_2 RENAME TO instance",
    "CREATE INDEX instance_held ON instance (stored_at) WHERE state = 'held'",
)
"""SQLite changes no constraint of a table, so a table with the new one takes its place."""


def _keep_policy_digest(connection: Connection) -> None:
    for statement in _WITH_POLICY_DIGEST:
        connection.exec_driver_sql(statement)


_WITH_INDEXES_THAT_ARE_USED: Final = (
    "DROP INDEX IF EXISTS ix_attempt_job_id",
    "DROP INDEX IF EXISTS ix_audit_instance_instance_id",
    "DROP INDEX IF EXISTS ix_audit_instance_sop_instance_uid",
    "DROP INDEX IF EXISTS ix_audit_signature_digital_signature_uid",
    "DROP INDEX IF EXISTS ix_audit_delivery_at",
    "DROP INDEX IF EXISTS ix_audit_delivery_sop_instance_uid",
    "DROP INDEX instance_held",
    "DROP INDEX job_of_instance",
    "DROP INDEX job_backlog",
    "CREATE INDEX job_backlog ON job (state, destination, created_at)"
    " WHERE state = 'ready' OR state = 'leased' OR state = 'waiting_commitment' OR state = 'dead'",
    "CREATE INDEX job_noteworthy ON job (state) WHERE state = 'done_with_warning' OR state = 'dropped'",
    "CREATE INDEX instance_apart ON instance (state, stored_at)"
    " WHERE state = 'waiting_signer' OR state = 'waiting_tsa' OR state = 'held' OR state = 'dropped'",
)
_REGISTER_INDEXES: Final = (
    "CREATE INDEX audit_instance_of_uid ON audit_instance (sop_instance_uid, at)",
    "CREATE INDEX audit_instance_of_sender ON audit_instance (calling_ae_title, at)",
    "CREATE INDEX audit_instance_not_accepted ON audit_instance (verdict, at)"
    " WHERE verdict = 'hold' OR verdict = 'reject'",
)


def _index_what_is_asked_for(connection: Connection) -> None:
    for statement in _WITH_INDEXES_THAT_ARE_USED:
        connection.exec_driver_sql(statement)
    # The register lies in the same file, unless whoever opens it has no use for one.
    if connection.exec_driver_sql("SELECT 1 FROM sqlite_schema WHERE name = 'audit_instance'").first() is not None:
        for statement in _REGISTER_INDEXES:
            connection.exec_driver_sql(statement)


MIGRATIONS: Final[tuple[Migration, ...]] = (_keep_policy_digest, _index_what_is_asked_for)
"""The first leads from version 1 to version 2, and so on; what was released once is never changed."""
