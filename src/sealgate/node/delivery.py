"""Delivery: one worker thread for each association of a destination takes jobs from the queue in order and makes them.

Nothing depends on being woken: a worker looks at the queue itself every few seconds, and a wake-up only saves it the
wait. Where the destination as a whole fails (no connection, no association, no space), the job in hand is charged and
the destination rests; the jobs behind it keep their place and order. Where several were on their way, that is the one
that has waited longest for its answer, and it goes alone the next time.

How deliveries ended is written down for several at once, while others are on their way. So after a crash the last ones
are made again, with the same bytes: a delivery is made at least once, and one that is written down was answered.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from time import monotonic

import structlog

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
from sealgate.node.in_hand import JobsInHand
from sealgate.spool.database import Database
from sealgate.spool.jobs import LeasedJob, Outcome
from sealgate.spool.reading import WINDOW_BYTES
from sealgate.spool.retry import Failure, GiveUp, RetryPolicy, StatusClass, decide, failure_of, status_class
from sealgate.spool.states import JobState

_log = structlog.get_logger(__name__)

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
        self._in_hand = JobsInHand(shared.database, shared.clock, destination, self._owner)
        self._sent_at: dict[int, datetime] = {}
        """When what is on its way was sent, by job."""
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
                self._interrupted()
            except Exception:  # noqa: BLE001 - whatever it was, see below
                # A thread that ended here would leave its destination without deliveries until the next start.
                self._log.exception("deliveries were interrupted by a mistake of ours")
                self._interrupted()
        with suppress(SealgateError):
            self._in_hand.give_back()
        with suppress(SealgateError):
            self._channel.close()

    def _interrupted(self) -> None:
        """What is on its way may arrive, and will be sent again."""
        with suppress(Exception):  # nothing may end this thread, and what is broken is left behind
            self._channel.break_off()
        self._sent_at.clear()
        self._stopping.wait(LOOK_SECONDS)

    def _turn(self) -> None:
        """Deliver what is due, or wait for it."""
        self._wake.clear()
        self._rested.clear()
        if self._stopping.is_set():
            return  # said a moment ago, and its wake-up was cleared just now
        jobs = self._in_hand.exchange()
        if jobs:
            self._deliver_all(jobs)
        else:
            self._wait()

    def _deliver_all(self, jobs: Sequence[LeasedJob]) -> None:
        """Make an attempt for each, unless we are to stop or the destination has to rest."""
        self._channel.prepare(jobs)
        queue = deque(jobs)
        rest: float | None = None
        while queue or self._sent_at:
            if self._stopping.is_set() or rest is not None:
                queue.clear()
            if queue and self._channel.has_room(queue[0]):
                rest = self._send(queue)
            elif self._sent_at:
                rest = self._receive(queue) or rest
        if rest is not None:
            self._in_hand.give_back()
            self._close()
            # New work does not end this: the jobs behind the one that was charged would overtake it.
            self._rested.wait(rest)

    def _wait(self) -> None:
        """Nothing is due: keep the association open for a moment, then wait for the moment at which something is."""
        if self._wake.wait(LINGER_SECONDS):
            return
        self._close()
        due = self._in_hand.next_due()
        seconds = LOOK_SECONDS if due is None else (due - self._shared.clock()).total_seconds()
        self._wake.wait(min(max(seconds, 0.0), LOOK_SECONDS))

    def _close(self) -> None:
        with suppress(NetworkError):
            self._channel.close()

    # One instance

    def _send(self, queue: deque[LeasedJob]) -> float | None:
        """Send the first one of `queue`; seconds for which the destination rests, None for none."""
        job = queue.popleft()
        if not self._in_hand.renew(job):
            return None
        within = self._in_hand.write_within
        if within == 0 or (within is not None and job.payload_size > WINDOW_BYTES):
            self._in_hand.write()  # before a send that takes long
        self._sent_at[job.job_id] = self._shared.clock()
        try:
            self._channel.send(job)
        except Exception as error:  # noqa: BLE001 - each is told from the others there
            return self._failed(error, job, queue)
        if queue:
            self._channel.read_ahead(queue[0])
        return None

    def _receive(self, queue: deque[LeasedJob]) -> float | None:
        """Take the next answer; seconds for which the destination rests, None for none."""
        write_within = self._in_hand.write_within
        if write_within is not None and not (write_within and self._channel.wait(write_within)):
            self._in_hand.write()
        try:
            job, response = self._channel.receive()
        except Exception as error:  # noqa: BLE001 - as above
            return self._failed(error, None, queue)
        self._answered(job, response)
        return None

    def _answered(self, job: LeasedJob, response: StoreResponse) -> None:
        """The destination has taken the instance, or refused it."""
        found = status_class(response.status)
        if found not in (StatusClass.SUCCESS, StatusClass.WARNING):
            error = f"the destination answered {response.status:04X} {response.comment}".strip()
            self._charge(job, _Failed(failure_of(response.status), error, rests=False, status=response.status))
            return
        warned = found is StatusClass.WARNING
        outcome = Outcome(
            state=JobState.DONE_WITH_WARNING if warned else JobState.DONE,
            started_at=self._sent_at.pop(job.job_id),
            ended_at=self._shared.clock(),
            status=response.status,
            error=response.comment or None if warned else None,
        )
        self._in_hand.end(job, outcome)
        self._log.info("instance delivered", sop_instance_uid=job.sop_instance_uid, status=f"{response.status:04X}")

    def _failed(self, error: Exception, sending: LeasedJob | None, queue: deque[LeasedJob]) -> float | None:
        """Sending, or waiting for an answer, failed: charge one job, and put others that are lost back to `queue`.

        Gives the seconds for which the destination rests, None for none.
        """
        if sending is not None and not self._channel.is_broken:
            charged = sending
        else:
            sent = self._channel.break_off()
            for job, response in sent.answered:
                self._answered(job, response)
            lost = [*sent.unanswered, *([sending] if sending is not None else [])]
            # Destinations take one after the other, so it broke over the oldest, unless it is ours that broke.
            charged = sending if sending is not None and not isinstance(error, NetworkError) else lost[0]
            again = [job for job in lost if job is not charged]
            for job in again:
                del self._sent_at[job.job_id]
            queue.extendleft(reversed(again))
        if isinstance(error, PayloadDamaged):
            self._log.error("ALERT: a payload is damaged", sop_instance_uid=charged.sop_instance_uid, why=str(error))
        elif not isinstance(error, SealgateError):
            self._log.error("delivery failed by a mistake of ours", exc_info=error)
        return self._charge(charged, _failure(error, charged))

    def _charge(self, job: LeasedJob, failed: _Failed) -> float | None:
        """An attempt has failed: decide what becomes of the job, and write it down at once."""
        ended_at = self._shared.clock()
        age = ended_at - job.enqueued_at
        decision = decide(self._retry, failed.failure, job.attempts + 1, age, self._shared.draw())
        outcome = Outcome(
            state=JobState.DEAD if isinstance(decision, GiveUp) else JobState.READY,
            started_at=self._sent_at.pop(job.job_id),
            ended_at=ended_at,
            status=failed.status,
            error=str(failed),
            not_before=None if isinstance(decision, GiveUp) else ended_at + decision.delay,
        )
        self._in_hand.end(job, outcome)
        self._in_hand.write()
        log = self._log.bind(sop_instance_uid=job.sop_instance_uid, why=str(failed))
        if isinstance(decision, GiveUp):
            log.error("ALERT: delivery given up", reason=decision.reason)
            return self._retry.first_delay.total_seconds() if failed.rests else None
        log.warning("delivery failed, will be tried again", in_seconds=round(decision.delay.total_seconds(), 1))
        return decision.delay.total_seconds() if failed.rests else None


def _failure(error: Exception, job: LeasedJob) -> _Failed:
    """What an error in delivering `job` means."""
    if isinstance(error, AssociationRejected):
        return _rejected(error)
    if isinstance(error, ContextRefused | PayloadDamaged):
        return _Failed(Failure.PERMANENT, str(error), rests=False)
    if isinstance(error, AssociationAborted | DeadlineExceeded):
        # The node may have gone away. Where it breaks over the same instance again, the others do not wait for it.
        return _Failed(Failure.TRANSIENT, str(error), rests=job.attempts == 0)
    if isinstance(error, NetworkError | StorageError):
        return _Failed(Failure.TRANSIENT, str(error), rests=True)
    return _Failed(Failure.TRANSIENT, f"internal error: {type(error).__name__}", rests=False)


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
