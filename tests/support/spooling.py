"""Instances and databases for tests of what is durable."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sealgate.audit.register import InstanceRecord
from sealgate.spool.database import Database
from sealgate.spool.instances import NewInstance, Stored, insert_instance
from sealgate.spool.jobs import LeasedJob, Outcome, finish, lease
from sealgate.spool.states import InstanceState, JobState

NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
PACS = {"pacs": 0}


def new_instance(number: int = 1, **changes: Any) -> NewInstance:
    """An instance with a UID, a payload name and digests that follow from `number`."""
    digest = hashlib.sha256(str(number).encode()).hexdigest()
    instance = NewInstance(
        sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
        sop_instance_uid=f"1.2.3.{number}",
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        payload=digest[:32],
        payload_size=1000,
        digest_in=digest,
        digest_out=digest,
        layout=((132, 1000),),
        state=InstanceState.QUEUED,
        source="ct",
        policy_digest="a" * 64,
        calling_ae_title="CT1",
        called_ae_title="SEALGATE",
        peer_address="192.0.2.7",
        received_at=NOW,
    )
    return replace(instance, **changes)


def new_record(number: int = 1, **changes: Any) -> InstanceRecord:
    """What the register says about `new_instance(number)`."""
    instance = new_instance(number)
    record = InstanceRecord(
        at=NOW,
        source=instance.source,
        calling_ae_title=instance.calling_ae_title,
        called_ae_title=instance.called_ae_title,
        peer_address=instance.peer_address,
        peer_certificate_sha256=None,
        sop_class_uid=instance.sop_class_uid,
        sop_instance_uid=instance.sop_instance_uid,
        transfer_syntax_uid=instance.transfer_syntax_uid,
        action="sign",
        verdict="accept",
        digest_in=instance.digest_in,
        digest_out=instance.digest_out,
    )
    return replace(record, **changes)


def store(database: Database, number: int = 1, destinations: dict[str, int] | None = None, **changes: Any) -> Stored:
    """Store `new_instance(number, **changes)` for `destinations`, the one named pacs if not given."""
    wanted = PACS if destinations is None else destinations
    return database.run(lambda connection: insert_instance(connection, new_instance(number, **changes), wanted, NOW))


def take(
    database: Database, destination: str = "pacs", *, limit: int = 10, at: datetime = NOW, owner: str = "worker"
) -> list[LeasedJob]:
    """Lease jobs for one minute."""
    return database.run(lambda connection: lease(connection, destination, limit, owner, at, MINUTE))


def end(database: Database, job: LeasedJob, state: JobState, *, at: datetime = NOW, **changes: Any) -> bool:
    """Finish a leased job."""
    outcome = Outcome(state=state, started_at=at, ended_at=at, **changes)
    return database.run(lambda connection: finish(connection, job.job_id, job.fence, outcome))


def job_states(database: Database) -> dict[int, str]:
    """The state of every job, by its id."""
    return database.run(
        lambda connection: {row[0]: row[1] for row in connection.exec_driver_sql("SELECT id, state FROM job")}
    )
