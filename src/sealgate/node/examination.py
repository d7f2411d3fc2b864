"""Examination of one received instance: scan, verify, judge, sign. Reads a mapping, decides, and writes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from sealgate.dicom import part10, tags
from sealgate.dicom.ahead import Ahead
from sealgate.dicom.part10 import DataSet, Inflated
from sealgate.dicom.scan import Carrier, scan
from sealgate.dicom.source import Buffer
from sealgate.dicom.transfer_syntax import transfer_syntax
from sealgate.dicom.walk import Kind
from sealgate.errors import CannotSign, InputError, UnknownTransferSyntax
from sealgate.node.sources import Source
from sealgate.policy.rules import NO_REQUIREMENTS, Condition
from sealgate.policy.verdict import Decision, Verdict, judge, misfit
from sealgate.signature.create import CreatedSignature, sign
from sealgate.verification.judging import Judging, Timestamps
from sealgate.verification.report import DataSetReport
from sealgate.verification.verify import verify

NO_SIGNATURES = DataSetReport(signatures=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """What was found, and what is to become of the instance."""

    verdict: Verdict
    data_set: DataSet | None = None
    """None where the data set could not be read."""
    report: DataSetReport = NO_SIGNATURES
    created: CreatedSignature | None = None
    """The signature to add, where one was made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One instance as it was received."""

    buffer: Buffer = field(repr=False)
    start: int
    """Where the data set begins."""
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    ahead: Ahead | None = None
    """What was hashed of the data set while it arrived."""
    first_receipt: datetime | None = None
    """Since when the register knows these very bytes; None: they are new."""


def examine(
    subject: Subject, source: Source, *, at: datetime, new_uid: Callable[[], str], inflated: Inflated
) -> Examination:
    """Examine `subject` under the rules of `source`.

    Raises KeyUnusable where the signer fails, StorageError where an inflated data set finds no place.
    """
    try:
        syntax = transfer_syntax(subject.transfer_syntax_uid)
        data_set = part10.open_data_set(subject.buffer, start=subject.start, syntax=syntax, inflated=inflated)
        data_set.source.ahead = subject.ahead
        carrier = scan(data_set.source, data_set.encoding)
        objection = _objection(carrier, subject)
        if objection is not None:
            return Examination(verdict=Verdict(decision=Decision.REJECT, reasons=(objection,)))
        report = verify(carrier, syntax, _judging(source, at, subject.first_receipt))
    except InputError as error:
        unknown_syntax = isinstance(error, UnknownTransferSyntax) and source.policy.action.signs
        condition = Condition.UNSIGNABLE if unknown_syntax else Condition.UNREADABLE
        return Examination(verdict=misfit(source.policy, condition, str(error)))
    verdict = judge(source.policy, report)
    if verdict.condition is not None or source.signer is None:
        # Also what the policy forwards although it does not fit: our signature would vouch for it.
        return Examination(verdict=verdict, data_set=data_set, report=report)
    try:
        created = sign(carrier, syntax, source.signer, source.options, digital_signature_uid=new_uid(), at=at)
    except (CannotSign, InputError) as error:
        verdict = misfit(source.policy, Condition.UNSIGNABLE, str(error))
        return Examination(verdict=verdict, data_set=data_set, report=report)
    return Examination(verdict=verdict, data_set=data_set, report=report, created=created)


def _judging(source: Source, at: datetime, first_receipt: datetime | None) -> Judging:
    """What the signatures of a source's instances are judged by; what it requires counts only where it verifies."""
    requirements = source.policy.requirements if source.policy.action.verifies else NO_REQUIREMENTS
    return Judging(
        store=source.store,
        now=at,
        first_receipt=first_receipt,
        revocation=source.revocation,
        timestamps=Timestamps.REQUIRED if requirements.timestamp else Timestamps.CHECK,
        profile=requirements.profile,
        coverage=requirements.coverage,
    )


def _objection(carrier: Carrier, subject: Subject) -> str | None:
    """Where the data set names another SOP class or instance than the C-STORE request (PS3.4 B.2.3, status A900)."""
    for tag, requested in (
        (tags.SOP_CLASS_UID, subject.sop_class_uid),
        (tags.SOP_INSTANCE_UID, subject.sop_instance_uid),
    ):
        element = carrier.element(tag)
        if element is None:
            continue
        if element.kind is not Kind.ELEMENT:
            return f"{tags.written(tag)} of the data set holds no UID"
        value = bytes(carrier.source.view[element.value_start : min(element.value_end, element.value_start + 66)])
        if value.strip(b" \0") != requested.encode("ascii"):
            return f"{tags.written(tag)} of the data set is not what the C-STORE request names"
    return None
