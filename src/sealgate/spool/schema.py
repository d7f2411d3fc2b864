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
    UniqueConstraint,
    event,
    literal,
    or_,
    text,
)
from sqlalchemy.types import TypeDecorator

from sealgate.spool.states import UNFINISHED_JOB_STATES, InstanceState, JobState

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
    Column("job_id", ForeignKey("job.id"), nullable=False, index=True),
    Column("fence", Integer, nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("ended_at", Moment, nullable=False),
    Column("status", Integer),  # of the C-STORE response; NULL: there was none
    Column("error", String),
)


def in_state(state: JobState | InstanceState) -> ColumnElement[bool]:
    """The condition that a job, or an instance, is in `state`, spelt as a literal so that partial indexes are used."""
    column = job.c.state if isinstance(state, JobState) else instance.c.state
    return column == literal(state, type_=column.type, literal_execute=True)


def in_any_state(states: Iterable[JobState]) -> ColumnElement[bool]:
    """The condition that a job is in one of `states`, in the very form that the partial indexes have."""
    return or_(*(in_state(state) for state in states))


ready: Final = in_state(JobState.READY)
leased: Final = in_state(JobState.LEASED)
dead: Final = in_state(JobState.DEAD)
held: Final = in_state(InstanceState.HELD)
unfinished: Final = in_any_state(UNFINISHED_JOB_STATES)


UNFINISHED_INDEX: Final = text(" OR ".join(f"state = '{state}'" for state in UNFINISHED_JOB_STATES))
"""The condition of the unique index below, to name that index in ON CONFLICT."""

# One unfinished delivery per instance and destination; the same instance again revives a dead one.
Index("job_unfinished", job.c.instance_id, job.c.destination, unique=True, sqlite_where=UNFINISHED_INDEX)
# The summary reads nothing but this index.
Index(
    "job_backlog",
    job.c.destination,
    job.c.state,
    job.c.created_at,
    job.c.not_before,
    sqlite_where=UNFINISHED_INDEX,
)
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
Index("job_of_instance", job.c.instance_id)
Index("instance_held", instance.c.stored_at, sqlite_where=text("state = 'held'"))

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


MIGRATIONS: Final[tuple[Migration, ...]] = (_keep_policy_digest,)
"""The first leads from version 1 to version 2, and so on; what was released once is never changed."""
