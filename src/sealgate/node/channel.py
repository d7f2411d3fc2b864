"""Ways out: a folder, or an association with a DICOM node."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from sealgate.dicom.part10 import file_header
from sealgate.errors import ContextRefused
from sealgate.node.dimse import Status, StoreResponse, is_uid
from sealgate.node.identity import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from sealgate.node.limits import MAX_PRESENTATION_CONTEXTS, RequestorLimits
from sealgate.node.outgoing import data_set_chunks, data_set_size
from sealgate.node.requestor import ContextPair, OutgoingInstance, RemoteNode, Requestor
from sealgate.spool.atomic import atomic_write
from sealgate.spool.jobs import LeasedJob
from sealgate.spool.payload import PayloadStore


class Channel(Protocol):
    """One way to a destination; used by one thread."""

    def prepare(self, jobs: Iterable[LeasedJob]) -> None:
        """Learn what is about to be delivered."""

    def deliver(self, job: LeasedJob) -> StoreResponse:
        """Deliver one instance. Raises NetworkError, StorageError."""

    def close(self) -> None:
        """Nothing is to be delivered for a while."""


class FolderChannel:
    """Writes Part 10 files named after the SOP Instance UID; a repeat is byte-identical, so it changes nothing."""

    def __init__(self, directory: Path, store: PayloadStore) -> None:
        self._directory = directory
        self._store = store

    def prepare(self, jobs: Iterable[LeasedJob]) -> None:
        """Nothing to learn."""

    def deliver(self, job: LeasedJob) -> StoreResponse:
        """Write the file; never over other bytes. Raises StorageError."""
        if not is_uid(job.sop_instance_uid):
            raise RuntimeError("a SOP Instance UID was stored that is none")
        atomic_write(self._directory, f"{job.sop_instance_uid}.dcm", self._file(job), mode=0o640)
        return StoreResponse(status=Status.SUCCESS)

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
        yield from data_set_chunks(self._store, job)


class NodeChannel:
    """Stores over one association for as long as there is something to store and its presentation contexts suffice."""

    def __init__(self, remote: RemoteNode, limits: RequestorLimits, store: PayloadStore) -> None:
        self._remote = remote
        self._limits = limits
        self._store = store
        self._requestor: Requestor | None = None
        self._proposed: frozenset[ContextPair] = frozenset()
        self._wanted: dict[ContextPair, None] = {}

    def prepare(self, jobs: Iterable[LeasedJob]) -> None:
        """Remember what to propose should an association have to be opened."""
        for job in jobs:
            # The newest wishes stand last, and are the ones that are kept where there are too many.
            self._wanted.pop(_pair(job), None)
            self._wanted[_pair(job)] = None

    def deliver(self, job: LeasedJob) -> StoreResponse:
        """Store the instance as it is, never transcoded. Raises NetworkError, PayloadDamaged."""
        requestor = self._association(_pair(job))
        if _pair(job) not in requestor.accepted:
            raise ContextRefused(str(self._remote), *_pair(job))
        instance = OutgoingInstance(
            sop_class_uid=job.sop_class_uid,
            sop_instance_uid=job.sop_instance_uid,
            transfer_syntax_uid=job.transfer_syntax_uid,
            size=data_set_size(job),
            chunks=data_set_chunks(self._store, job),
        )
        try:
            return requestor.store(instance)
        except Exception:
            self._requestor = None  # whatever it was, the association did not survive it
            raise

    def close(self) -> None:
        """Release the association."""
        requestor, self._requestor = self._requestor, None
        self._wanted.clear()
        if requestor is not None:
            requestor.release()

    def _association(self, pair: ContextPair) -> Requestor:
        if self._requestor is not None and pair in self._proposed:
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
