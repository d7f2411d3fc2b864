"""The whole verification of a data set, as a ladder of numbered facts (see `report.Step`):

1. structure: the sequences and the MAC parameters are complete and unambiguous
2. MAC: the signature value belongs to the standard's MAC stream
3. signer: the certificate and the strength of its key
4. dates: Digital Signature DateTime against the certificate and the moment of judging
5. path: from the certificate to a trust anchor at that moment
6. revocation: not checked
7. coverage: which elements are signed and which present ones are not

"Could not be checked" is an outcome of its own (indeterminate); it is never valid, and never taken for unsigned.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cryptography.hazmat.primitives.serialization import Encoding

from sealgate.dicom.limits import MAX_SIGNATURES
from sealgate.dicom.location import Location, signature_carriers
from sealgate.dicom.scan import Carrier
from sealgate.dicom.transfer_syntax import TransferSyntax
from sealgate.errors import InputError, LimitExceeded
from sealgate.signature import model
from sealgate.signature.check import MacCheck, Problem, check
from sealgate.signature.model import DigitalSignature
from sealgate.signature.reasons import Reason
from sealgate.signature.selection import unsigned_elements
from sealgate.trust.anchors import TrustAnchors
from sealgate.trust.path import PathStatus, validate_path
from sealgate.verification.dates import check_dates
from sealgate.verification.report import (
    DataSetReport,
    Fact,
    Outcome,
    SignatureReport,
    Status,
    Step,
    fact,
    outcome_of,
)

_PATH_REASONS = {
    PathStatus.NO_ANCHORS: Reason.NO_TRUST_ANCHORS,
    PathStatus.NOT_FOUND: Reason.PATH_NOT_FOUND,
    PathStatus.EXPIRED: Reason.CERTIFICATE_EXPIRED,
    PathStatus.NOT_YET_VALID: Reason.CERTIFICATE_NOT_YET_VALID,
    PathStatus.INVALID: Reason.PATH_INVALID,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Judging:
    """What signatures are judged by."""

    anchors: TrustAnchors
    at: datetime
    """The proven moment (aware): time of a verified token, else of the first receipt, else now."""


def verify(data_set: Carrier, syntax: TransferSyntax, judging: Judging) -> DataSetReport:
    """Verify every signature at any depth of `data_set`, encoded in `syntax`.

    Raises MalformedDataSet and LimitExceeded where the data set itself cannot be read; damage inside the signature
    sequences is reported instead.
    """
    reports: list[SignatureReport] = []
    for location, carrier in signature_carriers(data_set):
        try:
            parameters = model.mac_parameters(carrier)
            signatures = model.digital_signatures(carrier)
        except InputError as error:
            reports.append(_malformed(location, str(error)))
            continue
        if not signatures:
            reports.append(_malformed(location, "the Digital Signatures Sequence has no item"))
        if len(reports) + len(signatures) > MAX_SIGNATURES:
            raise LimitExceeded("signatures", len(reports) + len(signatures), MAX_SIGNATURES)
        for signature in signatures:
            try:
                checked = check(carrier, syntax, parameters, signature)
            except InputError as error:
                checked = MacCheck(structure=[_malformed_problem(str(error))])
            reports.append(_report(location, carrier, signature, checked, judging))
    return DataSetReport(signatures=tuple(reports))


def _malformed_problem(text: str) -> Problem:
    return Problem(reason=Reason.SIGNATURE_SEQUENCES_MALFORMED, text=text)


def _malformed(location: Location, text: str) -> SignatureReport:
    """Report about signature sequences that cannot be read: signatures seem to be there, and nothing is proven."""
    return SignatureReport(
        location=str(location),
        digital_signature_uid=None,
        digital_signature_datetime=None,
        mac_algorithm=None,
        signer=None,
        signer_certificate=None,
        outcome=Outcome.INVALID,
        reasons=(Reason.SIGNATURE_SEQUENCES_MALFORMED,),
        facts=(Fact(step=Step.STRUCTURE, status=Status.FAILED, text=text),),
        data_elements_signed=(),
        unsigned_elements=(),
    )


def _report(
    location: Location, carrier: Carrier, signature: DigitalSignature, checked: MacCheck, judging: Judging
) -> SignatureReport:
    facts = [fact(Step.STRUCTURE, checked.structure, "the signature and its MAC parameters are complete")]
    problems = [*checked.structure, *checked.mac, *checked.signer]
    certificate = checked.certificate
    signer = certificate_bytes = None
    if not checked.structure:
        facts.append(fact(Step.MAC, checked.mac, f"the signature fits the signed elements ({checked.mac_algorithm})"))
    if certificate is not None:
        signer = certificate.subject.rfc4514_string()
        certificate_bytes = certificate.public_bytes(Encoding.DER)
        facts.append(fact(Step.SIGNER, checked.signer, signer))
        dates = check_dates(signature.digital_signature_datetime, certificate, judging.at)
        facts.append(fact(Step.DATES, dates, f"signed at {signature.digital_signature_datetime}"))
        path = validate_path(certificate_bytes, judging.anchors, judging.at)
        reason = _PATH_REASONS.get(path.status)
        path_problems = [] if reason is None else [Problem(reason=reason, text=path.text)]
        facts.append(fact(Step.PATH, path_problems, path.text))
        facts.append(Fact(step=Step.REVOCATION, status=Status.NOT_CHECKED, text="revocation was not checked"))
        problems += [*dates, *path_problems]
    unsigned = unsigned_elements(carrier, checked.data_elements_signed)
    facts.append(_coverage(checked.data_elements_signed, unsigned))
    return SignatureReport(
        location=str(location),
        digital_signature_uid=signature.digital_signature_uid,
        digital_signature_datetime=signature.digital_signature_datetime,
        mac_algorithm=checked.mac_algorithm.name if checked.mac_algorithm else None,
        signer=signer,
        signer_certificate=certificate_bytes,
        outcome=outcome_of(problems),
        reasons=tuple(dict.fromkeys(problem.reason for problem in problems)),
        facts=tuple(facts),
        data_elements_signed=checked.data_elements_signed,
        unsigned_elements=unsigned,
    )


def _coverage(signed: tuple[int, ...], unsigned: tuple[int, ...]) -> Fact:
    if not unsigned:
        return Fact(step=Step.COVERAGE, status=Status.PASSED, text="every element that is present is signed")
    text = f"{len(signed)} elements are signed, {len(unsigned)} present ones are not"
    return Fact(step=Step.COVERAGE, status=Status.WARNING, text=text)
