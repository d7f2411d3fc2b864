"""The jobs that one worker has in hand, and how they end: leased, given back and written down in few transactions.

How attempts end is collected and written down for several at once, so that the next instance need not wait for the
disk. What was not yet written down when the process was killed is leased again: a delivery is made at least once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Final, TypeVar

from sqlalchemy import Connection

from sealgate.audit.register import DeliveryRecord, record_delivery
from sealgate.errors import StorageError
from sealgate.spool.database import Database
from sealgate.spool.jobs import LeasedJob, Outcome, finish, give_back, lease, next_due, renew
from sealgate.spool.states import JobState

T = TypeVar("T")

BATCH_JOBS: Final = 16
"""Jobs leased, and ends written down, at a time: enough to keep an association busy, few enough to give back soon."""
WRITE_WITHIN_SECONDS: Final = 0.05
"""How long an end may wait for others to be written down with it."""
LEASE_DURATION: Final = timedelta(hours=1)
RENEW_BELOW: Final = timedelta(minutes=30)
"""A lease with less left is renewed before its job is begun; the largest instances take minutes."""


@dataclass(frozen=True, slots=True)
class _Ended:
    """An attempt that has ended, to be written down."""

    job: LeasedJob
    outcome: Outcome

    def write(self, connection: Connection) -> None:
        """Write it down, in the queue and in the register, unless somebody else has the job by now."""
        job, outcome = self.job, self.outcome
        if not finish(connection, job.job_id, job.fence, outcome):
            return
        delivered = outcome.state in (JobState.DONE, JobState.DONE_WITH_WARNING)
        record = DeliveryRecord(
            at=outcome.ended_at,
            instance_id=job.instance_id,
            sop_instance_uid=job.sop_instance_uid,
            destination=job.destination,
            outcome=outcome.state.value,
            status=outcome.status,
            digest=job.digest_out if delivered else None,
            error=outcome.error,
        )
        record_delivery(connection, record)


class JobsInHand:
    """What `owner` has leased of the jobs of one destination; used by one thread. What writes raises StorageError.

    Where writing fails, nothing is forgotten: it is tried again with what is written next.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime], destination: str, owner: str) -> None:
        self._database = database
        self._clock = clock
        self._destination = destination
        self._owner = owner
        self._jobs: dict[int, LeasedJob] = {}
        """Leased, not ended and not given back, by id."""
        self._ended: list[_Ended] = []
        self._write_at = 0.0
        """When these are due to be written down, by time.monotonic."""

    def exchange(self) -> list[LeasedJob]:
        """Write down what has ended, give back the rest, and lease the next jobs that are due."""
        return self._exchange(BATCH_JOBS)

    def give_back(self) -> None:
        """Write down what has ended, and give back the rest: nothing is in hand then."""
        if self._jobs or self._ended:
            self._exchange(0)

    def renew(self, job: LeasedJob) -> bool:
        """Make sure that the lease lasts for an attempt; False if somebody else has the job by now."""
        now = self._clock()
        if job.lease_until - now >= RENEW_BELOW:
            return True
        until = now + LEASE_DURATION
        return self._database.run(lambda connection: renew(connection, job.job_id, job.fence, until))

    def end(self, job: LeasedJob, outcome: Outcome) -> None:
        """The attempt has ended, which `write` is to write down within `write_within`."""
        if not self._ended:
            self._write_at = monotonic() + WRITE_WITHIN_SECONDS
        self._ended.append(_Ended(job, outcome))
        self._jobs.pop(job.job_id, None)

    @property
    def write_within(self) -> float | None:
        """Seconds until what has ended is to be written down, 0 for at once; None where there is nothing."""
        if not self._ended:
            return None
        return max(0.0, self._write_at - monotonic()) if len(self._ended) < BATCH_JOBS else 0.0

    def write(self) -> None:
        """Write down what has ended."""

        def write(connection: Connection) -> None:
            for one in self._ended:
                one.write(connection)

        if self._ended:
            self._run(write)

    def next_due(self) -> datetime | None:
        """When there may be something to lease; None if nothing waits."""
        return self._database.run(lambda connection: next_due(connection, self._destination))

    def _exchange(self, count: int) -> list[LeasedJob]:
        now = self._clock()

        def write(connection: Connection) -> list[LeasedJob]:
            for one in self._ended:
                one.write(connection)
            for job in self._jobs.values():
                give_back(connection, job.job_id, job.fence)
            return lease(connection, self._destination, count, self._owner, now, LEASE_DURATION) if count else []

        leased = self._run(write)
        self._jobs = {job.job_id: job for job in leased}
        return leased

    def _run(self, write: Callable[[Connection], T]) -> T:
        """The result of a transaction in which all is written that has ended."""
        try:
            result = self._database.run(write)
        except StorageError:
            raise
        except Exception:
            self._ended = []  # what cannot be written would be in the way for ever; the leases of these will end
            raise
        self._ended = []
        return result
