"""Ways out: a folder, or an association with a DICOM node."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Protocol

from sealgate.dicom.part10 import file_header
from sealgate.node.dimse import Status, StoreResponse, is_uid
from sealgate.node.identity import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from sealgate.node.limits import MAX_PRESENTATION_CONTEXTS, RequestorLimits
from sealgate.node.outgoing import data_set_chunks, data_set_size
from sealgate.node.outgoing_instance import ContextPair, OutgoingInstance
from sealgate.node.requestor import RemoteNode, Requestor
from sealgate.spool.atomic import FileWriter
from sealgate.spool.jobs import LeasedJob
from sealgate.spool.payload import PayloadStore
from sealgate.spool.reading import PayloadReader


class Sent(NamedTuple):
    """What has become of the instances on their way when a channel was broken off."""

    answered: Sequence[tuple[LeasedJob, StoreResponse]]
    unanswered: Sequence[LeasedJob]
    """In the order of sending; they may have arrived or not."""


class Channel(Protocol):
    """One way to a destination; used by one thread. Several instances may be on their way at once."""

    def prepare(self, jobs: Iterable[LeasedJob]) -> None:
        """Learn what is about to be delivered."""

    def has_room(self, job: LeasedJob) -> bool:
        """Whether `job` may be sent before the answers to the others are in."""

    def send(self, job: LeasedJob) -> None:
        """Send one instance, for whose answer `receive` waits. Raises NetworkError, StorageError: it was not sent."""

    def read_ahead(self, job: LeasedJob) -> None:
        """Get ready for `job`, which will be sent next, while there is time."""

    def wait(self, seconds: float) -> bool:
        """Whether `receive` has something to give or to raise within `seconds`."""

    def receive(self) -> tuple[LeasedJob, StoreResponse]:
        """The next answer to what was sent. Raises NetworkError."""

    @property
    def is_broken(self) -> bool:
        """Whether an error has ended it, so that what is on its way will not be answered any more."""

    def break_off(self) -> Sent:
        """Wait for no further answer, after an error or instead of one."""

    def close(self) -> None:
        """Nothing is on its way, and nothing is to be delivered for a while. Raises NetworkError."""


class FolderChannel:
    """Writes Part 10 files named after the SOP Instance UID; a repeat is byte-identical, so it changes nothing."""

    def __init__(self, directory: Path, store: PayloadStore) -> None:
        self._directory = directory
        self._reader = PayloadReader(store)
        self._writer = FileWriter()
        self._written: deque[LeasedJob] = deque()

    def prepare(self, jobs: Iterable[LeasedJob]) -> None:
        """Nothing to learn."""

    def has_room(self, job: LeasedJob) -> bool:  # noqa: ARG002 - as Channel has it
        """One after the other."""
        return not self._written

    def send(self, job: LeasedJob) -> None:
        """Write the file; never over other bytes. Raises StorageError."""
        if not is_uid(job.sop_instance_uid):
            raise RuntimeError("a SOP Instance UID was stored that is none")
        self._writer.write(self._directory, f"{job.sop_instance_uid}.dcm", self._file(job), mode=0o640)
        self._written.append(job)

    def read_ahead(self, job: LeasedJob) -> None:
        """Nothing is waited for, so there is no time to use."""

    def wait(self, seconds: float) -> bool:  # noqa: ARG002 - as Channel has it
        """What was written is written."""
        return True

    def receive(self) -> tuple[LeasedJob, StoreResponse]:
        """Success."""
        return self._written.popleft(), StoreResponse(status=Status.SUCCESS)

    @property
    def is_broken(self) -> bool:
        """Never: each file is for itself."""
        return False

    def break_off(self) -> Sent:
        """What was written is written."""
        answered = [self.receive() for _ in range(len(self._written))]
        return Sent(answered=answered, unanswered=())

    def close(self) -> None:
        """Nothing is open between files."""

    def _file(self, job: LeasedJob) -> Iterable[bytes | memoryview]:
        yield file_header(
            sop_class_uid=job.sop_class_uid,
            sop_instance_uid=job.sop_instance_uid,
            transfer_syntax_uid=job.transfer_syntax_uid,
            implementation_class_uid=IMPLEMENTATION_CLASS_UID,
            implementation_version_name=IMPLEMENTATION_VERSION_NAME,
        )
        yield from data_set_chunks(self._reader, job)


class NodeChannel:
    """Stores over one association for as long as there is something to store and its presentation contexts suffice."""

    def __init__(self, remote: RemoteNode, limits: RequestorLimits, store: PayloadStore) -> None:
        self._remote = remote
        self._limits = limits
        self._reader = PayloadReader(store)
        self._requestor: Requestor | None = None
        self._proposed: frozenset[ContextPair] = frozenset()
        self._wanted: dict[ContextPair, None] = {}
        self._unanswered: dict[int, LeasedJob] = {}
        """By message ID."""
        self._ahead: tuple[LeasedJob, OutgoingInstance] | None = None

    def prepare(self, jobs: Iterable[LeasedJob]) -> None:
        """Remember what to propose should an association have to be opened."""
        for job in jobs:
            # The newest wishes stand last, and are the ones that are kept where there are too many.
            self._wanted.pop(_pair(job), None)
            self._wanted[_pair(job)] = None

    def has_room(self, job: LeasedJob) -> bool:
        """As many as the node lets wait for their responses.

        An instance whose delivery has failed before goes alone, so that an association that breaks over it is not
        held against another one.
        """
        if not self._unanswered or self._requestor is None:
            return True
        goes_alone = job.attempts or any(other.attempts for other in self._unanswered.values())
        return not goes_alone and _pair(job) in self._proposed and len(self._unanswered) < self._requestor.window

    def send(self, job: LeasedJob) -> None:
        """Send the instance as it is, never transcoded. Raises NetworkError, PayloadDamaged, StorageError."""
        requestor = self._association(_pair(job))
        ahead, self._ahead = self._ahead, None
        instance = ahead[1] if ahead is not None and ahead[0] is job else self._instance(job)
        self._unanswered[requestor.send(instance)] = job

    def read_ahead(self, job: LeasedJob) -> None:
        """Read the beginning of the data set, and check a small one."""
        if self._ahead is not None and self._ahead[0] is job:
            return
        with suppress(Exception):  # whatever it is, it is told when it is its turn
            instance = self._instance(job)
            instance.read_ahead()
            self._ahead = (job, instance)

    def wait(self, seconds: float) -> bool:
        """Wait for a response, or for the end of the association."""
        return self._requestor is None or not self._requestor.is_open or self._requestor.wait(seconds)

    def receive(self) -> tuple[LeasedJob, StoreResponse]:
        """Read a response. Raises NetworkError."""
        assert self._requestor is not None  # something is unanswered
        message_id, response = self._requestor.receive()
        return self._unanswered.pop(message_id), response

    @property
    def is_broken(self) -> bool:
        """Whether the association is over before it was released."""
        return self._requestor is not None and not self._requestor.is_open

    def break_off(self) -> Sent:
        """Abort the association if it stands."""
        self._ahead = None
        requestor, self._requestor = self._requestor, None
        answered = []
        if requestor is not None:
            requestor.abort()
            while requestor.has_answers:
                message_id, response = requestor.receive()
                answered.append((self._unanswered.pop(message_id), response))
        unanswered = tuple(self._unanswered.values())
        self._unanswered.clear()
        return Sent(answered=answered, unanswered=unanswered)

    def close(self) -> None:
        """Release the association."""
        self._ahead = None
        requestor, self._requestor = self._requestor, None
        self._wanted.clear()
        if requestor is not None:
            requestor.release()

    def _instance(self, job: LeasedJob) -> OutgoingInstance:
        return OutgoingInstance(
            sop_class_uid=job.sop_class_uid,
            sop_instance_uid=job.sop_instance_uid,
            transfer_syntax_uid=job.transfer_syntax_uid,
            size=data_set_size(job),
            chunks=data_set_chunks(self._reader, job),
        )

    def _association(self, pair: ContextPair) -> Requestor:
        if self._requestor is not None and self._requestor.is_open and pair in self._proposed:
            return self._requestor
        if self._requestor is not None:
            self._requestor.release()
            self._requestor = None
        wanted = [pair, *(other for other in reversed(self._wanted) if other != pair)][:MAX_PRESENTATION_CONTEXTS]
        requestor = Requestor(self._remote, wanted, self._limits)
        requestor.open()
        self._requestor, self._proposed = requestor, frozenset(wanted)
        return requestor


def _pair(job: LeasedJob) -> ContextPair:
    return job.sop_class_uid, job.transfer_syntax_uid
