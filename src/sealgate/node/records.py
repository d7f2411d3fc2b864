"""What the register is told about an instance: one row for it, one for each signature seen in it or made for it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Final

from sqlalchemy import Connection

from sealgate.audit.register import InstanceRecord, SignatureRecord, record_instance, record_signature
from sealgate.dicom import tags
from sealgate.dicom.location import MAIN_DATA_SET
from sealgate.node.dimse import StoreRequest
from sealgate.node.examination import Examination
from sealgate.node.sources import Source
from sealgate.signature.keys import load_certificate
from sealgate.spool.payload import Layout
from sealgate.verification.report import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """The data set that goes out."""

    layout: Layout
    digest: str
    """SHA-256, in hexadecimal."""
    spliced: tuple[tuple[int, int], ...] = ()
    """Ranges of it (of the inflated bytes, where it is deflated) that were inserted here."""


_CERTIFICATES: Final = 256
"""Certificates of which fingerprint and subject are remembered; a department has some dozens of devices."""


@lru_cache(maxsize=_CERTIFICATES)
def fingerprint(certificate: bytes | None) -> str | None:
    """SHA-256 of a DER certificate, in hexadecimal."""
    return None if certificate is None else hashlib.sha256(certificate).hexdigest()


@lru_cache(maxsize=_CERTIFICATES)
def _subject(certificate: bytes) -> str:
    """Subject of a DER certificate (RFC 4514)."""
    return load_certificate(certificate).subject.rfc4514_string()


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """Rows of the register about one instance, without the numbers that they get when they are written."""

    instance: InstanceRecord
    signatures: tuple[SignatureRecord, ...]

    def write(self, connection: Connection, instance_id: int | None) -> None:
        """Add the rows; `instance_id` is the instance in the spool, None where it was not kept."""
        record_id = record_instance(connection, replace(self.instance, instance_id=instance_id))
        for signature in self.signatures:
            record_signature(connection, replace(signature, record_id=record_id))


_NOT_WRITTEN: Final = 0
"""In place of the number of a row that is not there yet; the first one has 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenInstance:
    """An instance that was offered, with all that the register keeps about it."""

    at: datetime
    source: Source
    request: StoreRequest
    examination: Examination
    digest_in: str
    outgoing: Outgoing | None
    """None where it was not kept."""
    status: int
    """Status of the C-STORE response."""

    def records(self) -> Records:
        """The rows for it."""
        return Records(instance=self._instance(), signatures=tuple(self._signatures()))

    def _instance(self) -> InstanceRecord:
        request, peer, verdict = self.request, self.request.peer, self.examination.verdict
        return InstanceRecord(
            at=self.at,
            source=self.source.name,
            calling_ae_title=peer.calling_ae_title,
            called_ae_title=peer.called_ae_title,
            peer_address=peer.address,
            peer_certificate_sha256=fingerprint(peer.certificate),
            sop_class_uid=request.sop_class_uid,
            sop_instance_uid=request.sop_instance_uid,
            transfer_syntax_uid=request.transfer_syntax_uid,
            action=self.source.policy.action.value,
            verdict=verdict.decision.value,
            digest_in=self.digest_in,
            digest_out=self.outgoing.digest if self.outgoing else None,
            spliced=self.outgoing.spliced if self.outgoing else (),
            reasons=verdict.reasons,
            status=self.status,
            policy_digest=self.source.policy_digest,
        )

    def _signatures(self) -> Iterator[SignatureRecord]:
        for seen in self.examination.report.signatures:
            yield SignatureRecord(
                record_id=_NOT_WRITTEN,
                made_here=False,
                digital_signature_uid=seen.digital_signature_uid,
                location=seen.location,
                mac_algorithm=seen.mac_algorithm,
                outcome=seen.outcome.value,
                reasons=[reason.value for reason in seen.reasons],
                unsigned_elements=[tags.written(tag) for tag in seen.unsigned_elements],
                signer=seen.signer,
                signer_certificate_sha256=fingerprint(seen.signer_certificate),
                digital_signature_datetime=seen.digital_signature_datetime,
            )
        made = self.examination.created
        if made is not None:
            yield SignatureRecord(
                record_id=_NOT_WRITTEN,
                made_here=True,
                digital_signature_uid=made.digital_signature_uid,
                location=str(MAIN_DATA_SET),
                mac_algorithm=made.mac_algorithm,
                outcome=Outcome.VALID.value,
                reasons=["dcmtk-truncates-stream"] if made.dcmtk_lost_bytes else [],
                unsigned_elements=[tags.written(tag) for tag in made.unsigned_elements],
                signer=_subject(made.certificate_of_signer),
                signer_certificate_sha256=fingerprint(made.certificate_of_signer),
                digital_signature_datetime=made.digital_signature_datetime,
            )
