"""Delivery: one worker thread for each association of a destination takes jobs from the queue in order and makes them.

Nothing depends on being woken: a worker looks at the queue itself every few seconds, and a wake-up only saves it the
wait. Where the destination as a whole fails (no connection, no association, no space), the job in hand is charged and
the destination rests; the jobs behind it keep their place and order.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic

import structlog
from sqlalchemy import Connection

from sealgate.audit.register import DeliveryRecord, record_delivery
from sealgate.errors import (
    AssociationAborted,
    AssociationRejected,
    ContextRefused,
    DeadlineExceeded,
    NetworkError,
    PayloadDamaged,
    SealgateError,
    StorageError,
)
from sealgate.node.channel import Channel
from sealgate.node.dimse import StoreResponse
from sealgate.spool.database import Database
from sealgate.spool.jobs import LeasedJob, Outcome, finish, give_back, lease, next_due, renew
from sealgate.spool.retry import Failure, GiveUp, RetryPolicy, StatusClass, decide, failure_of, status_class
from sealgate.spool.states import JobState

_log = structlog.get_logger(__name__)

BATCH_JOBS = 16
"""Jobs leased at a time: enough to keep an association busy, few enough to come back quickly at the end."""
LEASE_DURATION = timedelta(hours=1)
RENEW_BELOW = timedelta(minutes=30)
"""A lease with less left is renewed before its job is begun; the largest instances take minutes."""
LOOK_SECONDS = 5.0
"""Longest time between two looks at the queue."""
LINGER_SECONDS = 1.0
"""How long an association stays open with nothing to send; slices of a series come closer together than that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryEnvironment:
    """What all workers share."""

    database: Database
    clock: Callable[[], datetime]
    draw: Callable[[], float]
    """A random number in [0, 1) for the jitter of retries."""


class _Failed(Exception):
    """An attempt that did not deliver."""

    def __init__(self, failure: Failure, error: str, *, rests: bool, status: int | None = None) -> None:
        super().__init__(error)
        self.failure = failure
        self.rests = rests
        """Whether it concerns the destination as a whole."""
        self.status = status


class Worker:
    """One thread that delivers to one destination over one channel."""

    def __init__(
        self, destination: str, number: int, channel: Channel, retry: RetryPolicy, shared: DeliveryEnvironment
    ) -> None:
        self._destination = destination
        self._owner = f"{destination}/{number}"
        self._channel = channel
        self._retry = retry
        self._shared = shared
        self._wake = threading.Event()
        self._rested = threading.Event()
        self._stopping = threading.Event()
        self._in_hand: list[LeasedJob] = []
        """Leased and not given back; a turn that was interrupted leaves them to the next one."""
        self._log = _log.bind(destination=destination)
        self._thread = threading.Thread(target=self._run, name=f"to {self._owner}", daemon=True)

    def start(self) -> None:
        """Begin to deliver."""
        self._thread.start()

    def wake(self) -> None:
        """There may be something to do."""
        self._wake.set()

    def resume(self) -> None:
        """A person changed the queue: there may be something to do, also for a destination that rests."""
        self._rested.set()
        self._wake.set()

    def stop(self) -> None:
        """Finish the instance in hand, give the other jobs back, and end."""
        self._stopping.set()
        self._rested.set()
        self._wake.set()

    def join(self, seconds: float) -> bool:
        """Wait for the end; whether it came in time."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._turn()
            except StorageError as error:
                # The queue itself is out of order; nothing is lost by waiting, and intake refuses meanwhile.
                self._log.error("the queue cannot be read", why=str(error))
                self._stopping.wait(LOOK_SECONDS)
            except Exception:  # noqa: BLE001 - whatever it was, see below
                # A thread that ended here would leave its destination without deliveries until the next start.
                self._log.exception("deliveries were interrupted by a mistake of ours")
                self._stopping.wait(LOOK_SECONDS)
        with suppress(SealgateError):
            self._channel.close()

    def _turn(self) -> None:
        """Deliver what is due, or wait for it."""
        self._wake.clear()
        self._rested.clear()
        if self._stopping.is_set():
            return  # said a moment ago, and its wake-up was cleared just now
        self._give_back(self._in_hand)
        self._in_hand = self._shared.database.run(
            lambda connection: lease(
                connection, self._destination, BATCH_JOBS, self._owner, self._shared.clock(), LEASE_DURATION
            )
        )
        if self._in_hand:
            self._deliver_all(self._in_hand)
        else:
            self._wait()
        self._in_hand = []

    def _deliver_all(self, jobs: list[LeasedJob]) -> None:
        """Make an attempt for each, unless we are to stop or the destination has to rest."""
        self._channel.prepare(jobs)
        for position, job in enumerate(jobs):
            if self._stopping.is_set():
                self._give_back(jobs[position:])
                return
            rest = self._deliver(job)
            if rest is not None:
                self._give_back(jobs[position + 1 :])
                self._close()
                # New work does not end this: the jobs behind the one that was charged would overtake it.
                self._rested.wait(rest)
                return

    def _wait(self) -> None:
        """Nothing is due: keep the association open for a moment, then wait for the moment at which something is."""
        if self._wake.wait(LINGER_SECONDS):
            return
        self._close()
        due = self._shared.database.run(lambda connection: next_due(connection, self._destination))
        seconds = LOOK_SECONDS if due is None else (due - self._shared.clock()).total_seconds()
        self._wake.wait(min(max(seconds, 0.0), LOOK_SECONDS))

    def _close(self) -> None:
        with suppress(NetworkError):
            self._channel.close()

    def _give_back(self, jobs: list[LeasedJob]) -> None:
        def write(connection: Connection) -> None:
            for job in jobs:
                give_back(connection, job.job_id, job.fence)

        if jobs:
            self._shared.database.run(write)

    def _deliver(self, job: LeasedJob) -> float | None:
        """Make one attempt and write down how it ended; seconds for which the destination rests, None for none."""
        started_at = self._shared.clock()
        if job.lease_until - started_at < RENEW_BELOW:
            until = started_at + LEASE_DURATION
            if not self._shared.database.run(lambda connection: renew(connection, job.job_id, job.fence, until)):
                return None
        try:
            response = self._attempt(job)
        except _Failed as failed:
            return self._write_failure(job, started_at, failed)
        warned = status_class(response.status) is StatusClass.WARNING
        state = JobState.DONE_WITH_WARNING if warned else JobState.DONE
        outcome = Outcome(
            state=state,
            started_at=started_at,
            ended_at=self._shared.clock(),
            status=response.status,
            error=response.comment or None if warned else None,
        )
        self._write(job, outcome, digest=job.digest_out)
        self._log.info("instance delivered", sop_instance_uid=job.sop_instance_uid, status=f"{response.status:04X}")
        return None

    def _attempt(self, job: LeasedJob) -> StoreResponse:
        try:
            response = self._channel.deliver(job)
        except ContextRefused as error:
            raise _Failed(Failure.PERMANENT, str(error), rests=False) from error
        except AssociationRejected as error:
            raise _rejected(error) from error
        except PayloadDamaged as error:
            self._log.error("ALERT: a payload is damaged", sop_instance_uid=job.sop_instance_uid, why=str(error))
            raise _Failed(Failure.PERMANENT, str(error), rests=False) from error
        except (AssociationAborted, DeadlineExceeded) as error:
            # The node may have gone away. Where it breaks over the same instance again, the others do not wait for it.
            raise _Failed(Failure.TRANSIENT, str(error), rests=job.attempts == 0) from error
        except (NetworkError, StorageError) as error:
            raise _Failed(Failure.TRANSIENT, str(error), rests=True) from error
        except Exception as error:
            self._log.exception("delivery failed by a mistake of ours")
            raise _Failed(Failure.TRANSIENT, f"internal error: {type(error).__name__}", rests=False) from error
        if status_class(response.status) in (StatusClass.SUCCESS, StatusClass.WARNING):
            return response
        error_text = f"the destination answered {response.status:04X} {response.comment}".strip()
        raise _Failed(failure_of(response.status), error_text, rests=False, status=response.status)

    def _write_failure(self, job: LeasedJob, started_at: datetime, failed: _Failed) -> float | None:
        ended_at = self._shared.clock()
        age = ended_at - job.enqueued_at
        decision = decide(self._retry, failed.failure, job.attempts + 1, age, self._shared.draw())
        outcome = Outcome(
            state=JobState.DEAD if isinstance(decision, GiveUp) else JobState.READY,
            started_at=started_at,
            ended_at=ended_at,
            status=failed.status,
            error=str(failed),
            not_before=None if isinstance(decision, GiveUp) else ended_at + decision.delay,
        )
        self._write(job, outcome)
        log = self._log.bind(sop_instance_uid=job.sop_instance_uid, why=str(failed))
        if isinstance(decision, GiveUp):
            log.error("ALERT: delivery given up", reason=decision.reason)
            return self._retry.first_delay.total_seconds() if failed.rests else None
        log.warning("delivery failed, will be tried again", in_seconds=round(decision.delay.total_seconds(), 1))
        return decision.delay.total_seconds() if failed.rests else None

    def _write(self, job: LeasedJob, outcome: Outcome, digest: str | None = None) -> None:
        record = DeliveryRecord(
            at=outcome.ended_at,
            instance_id=job.instance_id,
            sop_instance_uid=job.sop_instance_uid,
            destination=job.destination,
            outcome=outcome.state.value,
            status=outcome.status,
            digest=digest,
            error=outcome.error,
        )

        def write(connection: Connection) -> None:
            if finish(connection, job.job_id, job.fence, outcome):
                record_delivery(connection, record)

        self._shared.database.run(write)


def _rejected(error: AssociationRejected) -> _Failed:
    if error.result == 0:  # the association came, but none of its presentation contexts was accepted
        return _Failed(Failure.PERMANENT, str(error), rests=False)
    permanent = error.result == _REJECTED_PERMANENT
    return _Failed(Failure.ASSOCIATION_REJECTED if permanent else Failure.TRANSIENT, str(error), rests=True)


_REJECTED_PERMANENT = 1
"""Result of an A-ASSOCIATE-RJ (PS3.8 9.3.4)."""


class Delivery:
    """All workers of all destinations."""

    def __init__(self, workers: Mapping[str, list[Worker]]) -> None:
        self._workers = workers

    def start(self) -> None:
        """Begin to deliver to all destinations."""
        for worker in self._all():
            worker.start()

    def wake(self, destinations: Sequence[str]) -> None:
        """Tell the workers of some destinations that there is something to do."""
        for destination in destinations:
            for worker in self._workers.get(destination, ()):
                worker.wake()

    def resume(self) -> None:
        """Tell all workers that a person changed the queue."""
        for worker in self._all():
            worker.resume()

    def stop(self, seconds: float) -> bool:
        """End all workers after the instances in hand; whether all ended in time."""
        deadline = monotonic() + seconds
        for worker in self._all():
            worker.stop()
        return all(worker.join(max(0.0, deadline - monotonic())) for worker in self._all())

    def _all(self) -> list[Worker]:
        return [worker for workers in self._workers.values() for worker in workers]
