"""Instances: stored once with their jobs in one transaction, recognised when they come again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import Connection, bindparam, select, update
from sqlalchemy.dialects.sqlite import insert

from sealgate.spool.payload import Layout
from sealgate.spool.schema import UNFINISHED_INDEX, dead, instance, job
from sealgate.spool.states import STORED_FIRST, InstanceState, JobState, check_transition
from sealgate.sql.prepared import Prepared

MAX_ERROR_LENGTH: Final = 500
"""Characters of an error that are kept in a job or an attempt: enough for a sentence, whatever a peer makes us say."""


class InstanceKey(NamedTuple):
    """What makes an instance the same again: the same bytes, sent by the same source, under the same rules.

    What one source's rules made of some bytes must not reach the destinations of another one, and what was taken under
    yesterday's rules must not pass by today's.
    """

    sop_instance_uid: str
    digest_in: str
    source: str
    policy_digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewInstance:
    """An instance whose payload is durable and whose bytes are final, about to be committed."""

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    payload: str
    payload_size: int
    digest_in: str
    """SHA-256 of the data set as it was received, in hexadecimal."""
    digest_out: str
    """SHA-256 of the data set that goes out, the bytes of `layout`, in hexadecimal."""
    layout: Layout
    state: InstanceState
    source: str
    policy_digest: str
    """Digest of the rules under which the instance was taken."""
    calling_ae_title: str
    called_ae_title: str
    peer_address: str
    received_at: datetime
    peer_certificate_sha256: str | None = None
    reasons: Sequence[str] = ()

    def __post_init__(self) -> None:
        if self.state not in STORED_FIRST:
            raise RuntimeError(f"an instance cannot be stored as {self.state}")
        if not self.layout or any(not 0 <= start < end <= self.payload_size for start, end in self.layout):
            raise RuntimeError(f"the layout {self.layout} does not lie within {self.payload_size} bytes")

    @property
    def key(self) -> InstanceKey:
        """What the instance is recognised by when it comes again."""
        return InstanceKey(self.sop_instance_uid, self.digest_in, self.source, self.policy_digest)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownInstance:
    """What is stored under an `InstanceKey`."""

    key: InstanceKey
    instance_id: int
    state: InstanceState
    payload: str
    digest_out: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What became of an instance in the transaction that stores it."""

    instance_id: int
    state: InstanceState
    already_known: bool
    """The same bytes were stored before; the payload that was kept for them this time is not needed."""
    same_uid_other_bytes: bool
    """The UID is in use for other bytes, which is always worth an alert."""
    requeued: tuple[str, ...] = ()
    """Destinations to which a known instance goes once more."""


_FIELDS: Final = tuple(field.name for field in fields(NewInstance))
_INSERT: Final = Prepared(
    insert(instance)
    .on_conflict_do_nothing(index_elements=[instance.c[name] for name in InstanceKey._fields])
    .returning(instance.c.id),
    columns=(*_FIELDS, "destinations", "stored_at"),
)
_KNOWN: Final = Prepared(
    select(instance.c.id, instance.c.state, instance.c.payload, instance.c.digest_out).where(
        *(instance.c[name] == bindparam(name) for name in InstanceKey._fields)
    )
)
_OTHER_BYTES: Final = Prepared(
    select(instance.c.id)
    .where(instance.c.sop_instance_uid == bindparam("uid"), instance.c.digest_in != bindparam("digest"))
    .limit(1)
)
_JOB_COLUMNS: Final = (
    *("instance_id", "destination", "priority"),
    *("state", "attempts", "fence"),
    *("created_at", "enqueued_at"),
)
_ENQUEUE: Final = Prepared(insert(job), columns=_JOB_COLUMNS)
_REQUEUE: Final = Prepared(
    insert(job)
    .on_conflict_do_update(
        index_elements=[job.c.instance_id, job.c.destination],
        index_where=UNFINISHED_INDEX,
        # A dead job gets a new budget of attempts and age; an open one stays as it is.
        set_={
            "state": JobState.READY,
            "not_before": None,
            "attempts": 0,
            "enqueued_at": insert(job).excluded.enqueued_at,
        },
        where=dead,
    )
    .returning(job.c.destination),
    columns=_JOB_COLUMNS,
)


def insert_instance(connection: Connection, new: NewInstance, destinations: Mapping[str, int], at: datetime) -> Stored:
    """Store `new` with one job per destination (name to priority, higher goes first) if it is to be queued.

    The unique key decides, so of two arrivals at once exactly one is stored and the other finds it. `destinations` are
    kept with the instance, for when a person releases it.
    """
    inserted = _INSERT.row(connection, _row(new, destinations, at))
    key = new.key
    if inserted is None:
        known = find_instance(connection, key)
        assert known is not None
        return store_again(connection, known, destinations, at, queue=new.state is InstanceState.QUEUED)
    (instance_id,) = inserted
    if new.state is InstanceState.QUEUED:
        _ENQUEUE.execute_each(connection, _job_rows(instance_id, destinations, at))
    return Stored(
        instance_id=instance_id,
        state=new.state,
        already_known=False,
        same_uid_other_bytes=_has_other_bytes(connection, key),
    )


def find_instance(connection: Connection, key: InstanceKey) -> KnownInstance | None:
    """The instance that is stored under `key`, so that it is not signed a second time."""
    row = _KNOWN.row(connection, key._asdict())
    if row is None:
        return None
    instance_id, state, payload, digest_out = row
    return KnownInstance(key=key, instance_id=instance_id, state=state, payload=payload, digest_out=digest_out)


def store_again(
    connection: Connection, known: KnownInstance, destinations: Mapping[str, int], at: datetime, *, queue: bool
) -> Stored:
    """Answer the second arrival of `known`: with `queue` it goes to the destinations that have no open job for it.

    What is held stays held and gets no job. What a person dropped is held again: the sender is told that it is safe, so
    it may not vanish.
    """
    state = known.state
    requeued: tuple[str, ...] = ()
    if state is InstanceState.DROPPED:
        state = _hold_again(connection, known.instance_id)
    elif state is InstanceState.QUEUED and queue:
        requeued = enqueue(connection, known.instance_id, destinations, at)
    return Stored(
        instance_id=known.instance_id,
        state=state,
        already_known=True,
        same_uid_other_bytes=_has_other_bytes(connection, known.key),
        requeued=requeued,
    )


def enqueue(connection: Connection, instance_id: int, destinations: Mapping[str, int], at: datetime) -> tuple[str, ...]:
    """Add a job for each destination that has no open one, or revive its dead one; returns those destinations."""
    return tuple(
        destination
        for values in _job_rows(instance_id, destinations, at)
        for (destination,) in _REQUEUE.rows(connection, values)
    )


def _hold_again(connection: Connection, instance_id: int) -> InstanceState:
    check_transition(InstanceState.DROPPED, InstanceState.HELD)
    change = update(instance).where(instance.c.id == instance_id)
    connection.execute(change.values(state=InstanceState.HELD, dropped_by=None, drop_reason=None))
    return InstanceState.HELD


def _has_other_bytes(connection: Connection, key: InstanceKey) -> bool:
    values = {"uid": key.sop_instance_uid, "digest": key.digest_in}
    return _OTHER_BYTES.row(connection, values) is not None


def _row(new: NewInstance, destinations: Mapping[str, int], at: datetime) -> dict[str, object]:
    row: dict[str, object] = {name: getattr(new, name) for name in _FIELDS}
    return row | {"reasons": list(new.reasons), "destinations": dict(destinations), "stored_at": at}


def _job_rows(instance_id: int, destinations: Mapping[str, int], at: datetime) -> list[dict[str, object]]:
    return [
        {
            "instance_id": instance_id,
            "destination": destination,
            "priority": priority,
            "state": JobState.READY,
            "attempts": 0,
            "fence": 0,
            "created_at": at,
            "enqueued_at": at,
        }
        for destination, priority in destinations.items()
    ]
