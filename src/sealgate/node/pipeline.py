"""The one place where the stages meet: an instance comes in, is examined, made durable, and answered for.

A Success is given only after the payload is on stable storage under its final name, and the instance, one job for each
destination and the audit records are committed. Whatever fails before that is a failure status.
"""

from __future__ import annotations

import hashlib
import textwrap
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import structlog
from sqlalchemy import Connection

from sealgate.audit.register import first_receipt, has_seen
from sealgate.dicom import splice
from sealgate.dicom.ahead import Ahead
from sealgate.dicom.deflate import deflate
from sealgate.dicom.digest import Digest
from sealgate.dicom.part10 import file_header
from sealgate.dicom.transfer_syntax import BY_UID
from sealgate.errors import KeyUnusable, StorageError, StorageFull, StoreRefused
from sealgate.files.buffers import inflated_in
from sealgate.node.dimse import MAX_COMMENT_LENGTH, Status, StoreRequest, StoreResponse
from sealgate.node.examination import Examination, Subject, examine
from sealgate.node.identity import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from sealgate.node.peer import Peer
from sealgate.node.records import Outgoing, Records, SeenInstance, fingerprint
from sealgate.node.sources import Source, source_of
from sealgate.node.storage_service import (
    CALLED_AE_TITLE_NOT_RECOGNIZED,
    CALLING_AE_TITLE_NOT_RECOGNIZED,
    Rejection,
)
from sealgate.node.transactions import Transactions
from sealgate.policy.rules import Condition
from sealgate.policy.verdict import Decision
from sealgate.signature.beginnings import hashing_ahead
from sealgate.spool.instances import InstanceKey, NewInstance, Stored, find_instance, insert_instance, store_again
from sealgate.spool.payload import Layout, PayloadIntake, PayloadStore
from sealgate.spool.states import InstanceState

_log = structlog.get_logger(__name__)

REJECTED_STATUS = {
    Condition.UNSIGNED: 0xC100,
    Condition.INVALID: 0xC101,
    Condition.INDETERMINATE: 0xC102,
    Condition.UNSIGNABLE: 0xC103,
    Condition.QUESTIONABLE: 0xC104,
    Condition.UNREADABLE: Status.CANNOT_UNDERSTAND,
}
"""Status of an instance that the policy rejects (PS3.4 B.2.3: Cxxx, cannot understand)."""

_COMMENTS = {
    Condition.UNSIGNED: "Rejected by policy: no digital signature",
    Condition.INVALID: "Rejected by policy: digital signature invalid",
    Condition.INDETERMINATE: "Rejected by policy: signature could not be judged",
    Condition.UNSIGNABLE: "Rejected by policy: the data set cannot be signed",
    Condition.QUESTIONABLE: "Rejected by policy: not all that is shown is signed",
}
_NAMED_OTHERWISE = "Data set and request name different instances"


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """What all associations share."""

    sources: tuple[Source, ...]
    store: PayloadStore
    database: Transactions
    min_free_bytes: int
    called_ae_title: str | None
    """The only called AE title that is taken; None: any."""
    clock: Callable[[], datetime]
    new_uid: Callable[[], str]
    queued: Callable[[Sequence[str]], object]
    """Told the destinations that got a new job, after the commit."""


class Pipeline:
    """The storage service of the gateway."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    def admit(self, peer: Peer) -> Rejection | None:
        """Only configured sources may associate, and only by our AE title."""
        called = self._intake.called_ae_title
        if called is not None and peer.called_ae_title != called:
            return CALLED_AE_TITLE_NOT_RECOGNIZED
        return None if source_of(self._intake.sources, peer) else CALLING_AE_TITLE_NOT_RECOGNIZED

    def begin(self, request: StoreRequest) -> InstanceReception:
        """Be ready for the bytes of an instance. Raises StoreRefused."""
        source = source_of(self._intake.sources, request.peer)
        if source is None:
            raise StoreRefused(Status.NOT_AUTHORIZED, "This source may not store here")
        try:
            self._intake.store.require_free(self._intake.min_free_bytes)
            return InstanceReception(self._intake, source, request)
        except StorageError as error:
            raise _refused(error) from error


class InstanceReception:
    """One instance on its way in."""

    def __init__(self, intake: Intake, source: Source, request: StoreRequest) -> None:
        self._intake = intake
        self._source = source
        self._request = request
        self._received_at = intake.clock()
        self._digest = hashlib.sha256()
        self._ahead: Ahead | None = None
        self._left = 0
        """Bytes of the payload that have left memory."""
        self._seen_before = intake.database.submit(partial(has_seen, sop_instance_uid=request.sop_instance_uid))
        """Asked while the bytes arrive, and nearly always the end of the question."""
        header = file_header(
            sop_class_uid=request.sop_class_uid,
            sop_instance_uid=request.sop_instance_uid,
            transfer_syntax_uid=request.transfer_syntax_uid,
            implementation_class_uid=IMPLEMENTATION_CLASS_UID,
            implementation_version_name=IMPLEMENTATION_VERSION_NAME,
        )
        self._start = len(header)
        self._payload: PayloadIntake = intake.store.new_intake(self._hash_ahead)
        try:
            self._payload.write(header)
        except StorageError:
            self._payload.discard()
            raise

    def write(self, fragment: memoryview) -> None:
        """Take more of the data set. Raises StoreRefused."""
        try:
            self._payload.write(fragment)
        except StorageError as error:
            raise _refused(error) from error
        self._digest.update(fragment)

    def _hash_ahead(self, octets: memoryview) -> None:
        """Hash what verifying and signing will hash of an instance that is too large for memory, as it leaves it."""
        if not self._left:
            self._ahead = _hashing_ahead(self._request, self._source)
        if self._ahead is not None:
            self._ahead.feed(octets[max(0, self._start - self._left) :])
        self._left += len(octets)

    def discard(self) -> None:
        """Forget what came."""
        self._payload.discard()

    def finish(self) -> StoreResponse:
        """Examine, keep, commit, and answer."""
        try:
            return self._finished()
        except (StorageError, KeyUnusable) as error:
            refused = _refused(error)
            return StoreResponse(status=refused.status, comment=refused.comment)
        finally:
            self._payload.discard()

    def _finished(self) -> StoreResponse:
        digest_in = self._digest.hexdigest()
        if self._payload.size == self._start:
            return StoreResponse(status=Status.CANNOT_UNDERSTAND, comment="The data set is empty")
        first_seen: datetime | None = None
        if self._seen_before.result():
            again, first_seen = self._intake.database.run(
                partial(_recognised, key=self._key(digest_in), jobs=self._jobs(), at=self._intake.clock())
            )
            if again is not None:
                return self._answered(again)
        examination = examine(
            Subject(
                buffer=self._payload.view(),
                start=self._start,
                sop_class_uid=self._request.sop_class_uid,
                sop_instance_uid=self._request.sop_instance_uid,
                transfer_syntax_uid=self._request.transfer_syntax_uid,
                ahead=self._ahead,
                first_receipt=first_seen,
            ),
            self._source,
            at=self._intake.clock(),
            new_uid=self._intake.new_uid,
            inflated=inflated_in(self._intake.store.root),
        )
        response = _rejection(examination)
        if response is not None:
            self._record_rejection(examination, digest_in, response)
            return response
        return self._answered(self._committed(examination, digest_in, self._outgoing(examination, digest_in)))

    def _key(self, digest_in: str) -> InstanceKey:
        return InstanceKey(self._request.sop_instance_uid, digest_in, self._source.name, self._source.policy_digest)

    def _jobs(self) -> dict[str, int]:
        """Destinations and their priorities."""
        return dict(self._source.destinations)

    def _outgoing(self, examination: Examination, digest_in: str) -> Outgoing:
        """Append what a signature inserts to the payload, and say how the outgoing data set lies in it."""
        created, data_set = examination.created, examination.data_set
        if created is None or data_set is None:
            return Outgoing(layout=((self._start, self._payload.size),), digest=digest_in)
        digest: Digest = hashlib.sha256()
        segments = splice.segments(len(data_set.source), created.edits)
        if data_set.syntax.deflated:
            start = self._payload.size
            for chunk in deflate(splice.pieces(data_set.source, created.edits)):
                self._payload.append(chunk)
                digest.update(chunk)
            layout: Layout = ((start, self._payload.size),)
        else:
            ranges = []
            for segment in segments:
                if isinstance(segment, bytes):
                    digest.update(segment)
                    ranges.append(self._payload.append(segment))
                else:
                    digest = data_set.source.hashed(digest, segment.start, segment.end)
                    ranges.append((self._start + segment.start, self._start + segment.end))
            layout = tuple(ranges)
        return Outgoing(layout=layout, digest=digest.digest().hex(), spliced=splice.inserted_ranges(segments))

    def _committed(self, examination: Examination, digest_in: str, outgoing: Outgoing) -> Stored:
        """Payload durable, then instance, jobs and audit records in one transaction."""
        request, peer, source = self._request, self._request.peer, self._source
        size = self._payload.size
        payload = self._payload.keep()
        new = NewInstance(
            sop_class_uid=request.sop_class_uid,
            sop_instance_uid=request.sop_instance_uid,
            transfer_syntax_uid=request.transfer_syntax_uid,
            payload=payload,
            payload_size=size,
            digest_in=digest_in,
            digest_out=outgoing.digest,
            layout=outgoing.layout,
            state=InstanceState.HELD if examination.verdict.decision is Decision.HOLD else InstanceState.QUEUED,
            source=source.name,
            policy_digest=source.policy_digest,
            calling_ae_title=peer.calling_ae_title,
            called_ae_title=peer.called_ae_title,
            peer_address=peer.address,
            peer_certificate_sha256=fingerprint(peer.certificate),
            received_at=self._received_at,
            reasons=examination.verdict.reasons,
        )
        records = self._seen(examination, digest_in, Status.SUCCESS, outgoing).records()
        store = partial(_store, new=new, jobs=self._jobs(), at=self._intake.clock(), records=records)
        try:
            stored = self._intake.database.run(store)
        except BaseException:
            if self._intake.database.failure is None:  # otherwise nobody knows what was committed; the next start does
                with suppress(StorageError):
                    self._intake.store.delete(payload)
            raise
        if stored.already_known:  # another association brought the same bytes at the same time, and came first
            self._intake.store.delete(payload)
        return stored

    def _seen(self, examination: Examination, digest_in: str, status: int, outgoing: Outgoing | None) -> SeenInstance:
        return SeenInstance(
            at=self._received_at,
            source=self._source,
            request=self._request,
            examination=examination,
            digest_in=digest_in,
            outgoing=outgoing,
            status=status,
        )

    def _record_rejection(self, examination: Examination, digest_in: str, response: StoreResponse) -> None:
        records = self._seen(examination, digest_in, response.status, None).records()
        self._intake.database.run(partial(records.write, instance_id=None))
        _log.warning("instance rejected", sop_instance_uid=self._request.sop_instance_uid, why=response.comment)

    def _answered(self, stored: Stored) -> StoreResponse:
        log = _log.bind(sop_instance_uid=self._request.sop_instance_uid, source=self._source.name)
        if stored.same_uid_other_bytes:
            log.error("ALERT: this SOP Instance UID came before with other bytes; both are kept apart")
        log.info("instance stored", state=stored.state.value, again=stored.already_known)
        if stored.state is InstanceState.QUEUED:
            self._intake.queued(stored.requeued if stored.already_known else tuple(self._source.destinations))
        return StoreResponse(status=Status.SUCCESS)


def _hashing_ahead(request: StoreRequest, source: Source) -> Ahead | None:
    """What hashes, as an instance arrives, that which its verification and signature will need."""
    syntax = BY_UID.get(request.transfer_syntax_uid)
    if syntax is None:
        return None
    options = None if source.signer is None else source.options
    return hashing_ahead(syntax, options=options, verifies=source.policy.action.verifies)


# What is done in transactions: functions of plain values, since it may be done in another process.


def _recognised(
    connection: Connection, *, key: InstanceKey, jobs: Mapping[str, int], at: datetime
) -> tuple[Stored | None, datetime | None]:
    """(what became of the same bytes when they came under the same rules, when they came first under any).

    The same again is not signed a second time, and not examined either.
    """
    known = find_instance(connection, key)
    if known is None:
        return None, first_receipt(connection, key.sop_instance_uid, key.digest_in)
    return store_again(connection, known, jobs, at, queue=True), None


def _store(
    connection: Connection, *, new: NewInstance, jobs: Mapping[str, int], at: datetime, records: Records
) -> Stored:
    """The instance, its jobs and the rows of the register, unless another association came first with it."""
    stored = insert_instance(connection, new, jobs, at)
    if not stored.already_known:
        records.write(connection, stored.instance_id)
    return stored


def _refused(error: Exception) -> StoreRefused:
    """The failure status for trouble of ours; the whole sentence goes to the log only."""
    _log.error("instance refused", why=str(error))
    if isinstance(error, StorageFull):
        return StoreRefused(Status.OUT_OF_RESOURCES, "The gateway's disk is full; free space and send again")
    if isinstance(error, KeyUnusable):
        return StoreRefused(Status.OUT_OF_RESOURCES, "The gateway cannot sign at the moment; send again later")
    return StoreRefused(Status.OUT_OF_RESOURCES, "The gateway's storage failed; see its log, send again")


def _rejection(examination: Examination) -> StoreResponse | None:
    """The failure status of an instance that is not kept; None where it is."""
    verdict = examination.verdict
    if verdict.decision is not Decision.REJECT:
        return None
    if verdict.condition is None:
        return StoreResponse(status=Status.DATA_SET_DOES_NOT_MATCH_SOP_CLASS, comment=_NAMED_OTHERWISE)
    comment = _COMMENTS.get(verdict.condition) or verdict.reasons[-1]
    return StoreResponse(
        status=REJECTED_STATUS[verdict.condition],
        comment=textwrap.shorten(comment, MAX_COMMENT_LENGTH, placeholder=" ..."),
    )
