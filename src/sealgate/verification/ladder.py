"""One signature on the ladder of numbered facts (see `report.Step`):

 1. structure: the sequences are complete and unambiguous, and nothing is hidden in them
 2. MAC parameters: they are complete, known and allowed
 3. MAC: the signature value belongs to the standard's MAC stream, and readers see the values that are in it
 4. DCMTK's stream: where the MAC only fits the one that dcmsign truncates, how many bytes are not covered
 5. signer: the certificate, the strength of its key, and what it may be used for
 6. dates: Digital Signature DateTime against the certificate and the proven moment
 7. path: from the certificate to a trust anchor at the proven moment
 8. revocation: of the certificates of the path at the proven moment
 9. timestamp: whether a token proves when the signature was there
10. profile: whether the signature fits the one that was asked for
11. coverage: which elements are signed and which present ones are not

The proven moment is the time of a good token, else the first receipt of these bytes, else the moment of judging.
"Could not be checked" is an outcome of its own (indeterminate); it is never valid, and never taken for unsigned.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.serialization import Encoding

from sealgate.dicom.location import Place
from sealgate.dicom.transfer_syntax import TransferSyntax
from sealgate.errors import InputError
from sealgate.signature.check import MacCheck, Problem, check
from sealgate.signature.keys import key_type
from sealgate.signature.model import DigitalSignature, MacParameters
from sealgate.signature.profiles import PROFILES, ProfileName, deviations
from sealgate.signature.purposes import WrittenPurpose, purpose_of
from sealgate.signature.reasons import Reason
from sealgate.trust.findings import FindingKind, KeyPurpose
from sealgate.trust.path import PathResult, PathStatus, validate_path
from sealgate.trust.revocation import Revocation, RevocationStatus
from sealgate.trust.store import TrustStore
from sealgate.verification.coverage import coverage_of
from sealgate.verification.dates import check_dates
from sealgate.verification.judging import Judging
from sealgate.verification.report import (
    GOOD,
    Fact,
    Outcome,
    Proof,
    ProvenMoment,
    SignatureReport,
    Status,
    Step,
    fact,
    outcome_of,
)
from sealgate.verification.timestamps import TimestampCheck, check_timestamp

if TYPE_CHECKING:
    from cryptography import x509

MAX_CACHED_PATHS = 64
"""Validated paths that are remembered: those of the signers and authorities of one study are a handful."""

_PATH_REASONS = {
    PathStatus.NO_ANCHORS: Reason.NO_TRUST_ANCHORS,
    PathStatus.STORE_UNUSABLE: Reason.TRUST_STORE_UNUSABLE,
    PathStatus.NOT_FOUND: Reason.PATH_NOT_FOUND,
    PathStatus.EXPIRED: Reason.CERTIFICATE_EXPIRED,
    PathStatus.NOT_YET_VALID: Reason.CERTIFICATE_NOT_YET_VALID,
    PathStatus.INVALID: Reason.PATH_INVALID,
}
_FINDING_REASONS = {
    FindingKind.WEAK_DIGEST_IN_PATH: Reason.WEAK_PATH,
    FindingKind.WEAK_KEY_IN_PATH: Reason.WEAK_PATH,
    FindingKind.BREAKABLE_KEY_IN_PATH: Reason.BREAKABLE_KEY,
    FindingKind.KEY_USAGE_NOT_SIGNING: Reason.KEY_USAGE_NOT_SIGNING,
    FindingKind.EXTENDED_KEY_USAGE_NOT_SIGNING: Reason.EXTENDED_KEY_USAGE_NOT_SIGNING,
    FindingKind.AUTHORITY_AS_SIGNER: Reason.AUTHORITY_AS_SIGNER,
}
"""The others are of a TSA, and belong to its timestamp."""
_OF_PATH = frozenset((FindingKind.WEAK_DIGEST_IN_PATH, FindingKind.WEAK_KEY_IN_PATH, FindingKind.BREAKABLE_KEY_IN_PATH))
"""Findings about issuers, which belong to step 7; the others are about the certificate itself."""


_NEEDED = frozenset((Step.STRUCTURE, Step.MAC_PARAMETERS, Step.MAC, Step.SIGNER, Step.DATES, Step.PATH))
"""Steps without which no signature is good."""

_PROOFS = {
    Proof.TIMESTAMP: "judged at the time of its timestamp",
    Proof.FIRST_RECEIPT: "judged at the time of its first receipt",
    Proof.NONE: "judged as of now, since nothing proves an earlier moment",
}

_UNREADABLE = "not checked, since the signature cannot be read"


def _not_checked(step: Step, text: str) -> Fact:
    return Fact(step=step, status=Status.NOT_CHECKED, text=text)


def _malformed_problem(text: str) -> Problem:
    return Problem(reason=Reason.SIGNATURE_SEQUENCES_MALFORMED, text=text)


def malformed(place: Place, text: str) -> SignatureReport:
    """Report about signature sequences that cannot be read: signatures seem to be there, and nothing is proven."""
    problem = _malformed_problem(text)
    steps = [step for step in Step if step is not Step.STRUCTURE]
    return SignatureReport(
        location=str(place.location),
        digital_signature_uid=None,
        digital_signature_datetime=None,
        mac_algorithm=None,
        signer=None,
        signer_certificate=None,
        outcome=Outcome.INVALID,
        reasons=(problem.reason,),
        facts=(fact(Step.STRUCTURE, [problem], ""), *(_not_checked(step, _UNREADABLE) for step in steps)),
        data_elements_signed=(),
        unsigned_elements=(),
    )


@lru_cache(maxsize=MAX_CACHED_PATHS)
def _remembered_path(
    certificate: bytes,
    store: TrustStore,
    at: datetime,
    purpose: KeyPurpose,
    others: tuple[bytes, ...],
    revocation: Revocation,
) -> PathResult:
    return validate_path(certificate, store, at, purpose=purpose, other_certificates=others, revocation=revocation)


@dataclass(frozen=True, slots=True)
class _Signer:
    """The certificate of a signature that could be read, and what it is judged by."""

    certificate: x509.Certificate
    encoded: bytes
    proven: ProvenMoment
    path: PathResult
    timestamp: TimestampCheck

    @property
    def latest(self) -> datetime:
        """The latest that the proven moment can mean: a token says how accurate it is."""
        token = self.timestamp.token
        if self.proven.proof is not Proof.TIMESTAMP or token is None or token.accuracy is None:
            return self.proven.at
        return self.proven.at + token.accuracy


class Verification:
    """The verification of one signature."""

    def __init__(
        self,
        place: Place,
        syntax: TransferSyntax,
        parameters: list[MacParameters],
        signature: DigitalSignature,
        judging: Judging,
    ) -> None:
        self._place = place
        self._signature = signature
        self._judging = judging
        try:
            self._checked = check(place.carrier, syntax, parameters, signature, old_format=judging.old_format)
        except InputError as error:
            self._checked = MacCheck(structure=[_malformed_problem(str(error))])
        self._signer = self._judged_signer()
        self._coverage = coverage_of(
            [element.tag for element in place.carrier.elements], self._checked.data_elements_signed
        )

    def report(self) -> SignatureReport:
        """All facts, from the first step to the last, and what they come to."""
        checked, signature, signer = self._checked, self._signature, self._signer
        own = checked.own_parameters
        facts = (
            self._structure(),  # 1
            self._mac_parameters(),  # 2
            self._mac(),  # 3
            self._dcmtk_stream(),  # 4
            self._certificate(),  # 5
            self._dates(),  # 6
            self._path(),  # 7
            self._revocation(),  # 8
            self._timestamp(),  # 9
            self._profile(),  # 10
            self._covered(),  # 11
        )
        reasons = tuple(dict.fromkeys(reason for one in facts for reason in one.reasons))
        outcome = outcome_of(reasons)
        if outcome in GOOD and any(one.step in _NEEDED and one.status is Status.NOT_CHECKED for one in facts):
            raise RuntimeError(f"a signature is {outcome} although a step that it needs was not checked")
        return SignatureReport(
            location=str(self._place.location),
            digital_signature_uid=signature.digital_signature_uid,
            digital_signature_datetime=signature.digital_signature_datetime,
            mac_algorithm=checked.mac_algorithm.name if checked.mac_algorithm else None,
            signer=None if signer is None else signer.certificate.subject.rfc4514_string(),
            signer_certificate=None if signer is None else signer.encoded,
            outcome=outcome,
            reasons=reasons,
            facts=facts,
            data_elements_signed=checked.data_elements_signed,
            unsigned_elements=self._coverage.unsigned,
            coverage=self._coverage,
            mac_id_number=signature.mac_id_number,
            mac_calculation_transfer_syntax_uid=None if own is None else own.mac_calculation_transfer_syntax_uid,
            purpose=self._purpose(),
            proven=None if signer is None else signer.proven,
            path=() if signer is None else signer.path.path,
            timestamp=None if signer is None else signer.timestamp.token,
            tsa_path=() if signer is None else signer.timestamp.tsa_path,
        )

    def _validated(
        self, certificate: bytes, at: datetime, purpose: KeyPurpose, others: tuple[bytes, ...] = ()
    ) -> PathResult:
        """The path of a certificate, remembered where no directory can change under it."""
        judging = self._judging
        validate = _remembered_path.__wrapped__ if judging.store.directories else _remembered_path
        return validate(certificate, judging.store, at, purpose, others, judging.revocation)

    def _judged_signer(self) -> _Signer | None:
        certificate = self._checked.certificate
        if certificate is None:
            return None
        judging = self._judging
        timestamp = check_timestamp(self._signature, certificate, judging, self._validated)
        if timestamp.proven_at is not None:
            proven = ProvenMoment(at=timestamp.proven_at, proof=Proof.TIMESTAMP)
        elif judging.first_receipt is not None:
            proven = ProvenMoment(at=judging.first_receipt, proof=Proof.FIRST_RECEIPT)
        else:
            proven = ProvenMoment(at=judging.now, proof=Proof.NONE)
        encoded = certificate.public_bytes(Encoding.DER)
        path = self._validated(encoded, proven.at, KeyPurpose.SIGNING)
        return _Signer(certificate, encoded, proven, path, timestamp)

    def _structure(self) -> Fact:
        return fact(Step.STRUCTURE, self._checked.structure, "the signature is complete and unambiguous")

    def _mac_parameters(self) -> Fact:
        checked = self._checked
        if checked.own_parameters is None and not checked.parameters:
            return _not_checked(Step.MAC_PARAMETERS, _UNREADABLE)
        return fact(Step.MAC_PARAMETERS, checked.parameters, "the MAC parameters are complete and allowed")

    def _mac(self) -> Fact:
        checked = self._checked
        if not checked.mac_calculated:
            return _not_checked(Step.MAC, "the MAC could not be calculated")
        if checked.dcmtk_stream:
            text = "the signature does not fit the MAC stream of the standard; see fact 4"
            return Fact(step=Step.MAC, status=Status.FAILED, text=text)
        return fact(Step.MAC, checked.mac, f"the signature fits the signed elements ({checked.mac_algorithm})")

    def _dcmtk_stream(self) -> Fact:
        checked = self._checked
        if checked.dcmtk_stream:
            return fact(Step.DCMTK_STREAM, checked.dcmtk_stream, "")
        if not checked.mac_calculated or any(problem.reason is Reason.MAC_MISMATCH for problem in checked.mac):
            return _not_checked(Step.DCMTK_STREAM, "the MAC fits no stream")
        return fact(Step.DCMTK_STREAM, [], "nothing of nested sequences was left out of the MAC")

    def _certificate(self) -> Fact:
        signer = self._signer
        if signer is None:
            if not self._checked.signer:
                return _not_checked(Step.SIGNER, _UNREADABLE)
            return fact(Step.SIGNER, self._checked.signer, "")
        problems = list(self._checked.signer)
        problems += [
            Problem(reason=_FINDING_REASONS[finding.kind], text=finding.text)
            for finding in signer.path.findings
            if finding.kind in _FINDING_REASONS and finding.kind not in _OF_PATH
        ]
        return fact(Step.SIGNER, problems, signer.certificate.subject.rfc4514_string())

    def _dates(self) -> Fact:
        signer = self._signer
        if signer is None:
            return _not_checked(Step.DATES, _UNREADABLE)
        claimed = self._signature.digital_signature_datetime
        problems = check_dates(claimed, signer.certificate, signer.latest)
        return fact(Step.DATES, problems, f"signed at {claimed}, as the signer says; {_PROOFS[signer.proven.proof]}")

    def _path(self) -> Fact:
        signer = self._signer
        if signer is None:
            return _not_checked(Step.PATH, _UNREADABLE)
        reason = _PATH_REASONS.get(signer.path.status)
        problems = [] if reason is None else [Problem(reason=reason, text=signer.path.text)]
        problems += [
            Problem(reason=_FINDING_REASONS[finding.kind], text=finding.text)
            for finding in signer.path.findings
            if finding.kind in _OF_PATH
        ]
        return fact(Step.PATH, problems, signer.path.text)

    def _revocation(self) -> Fact:
        if self._signer is None:
            return _not_checked(Step.REVOCATION, _UNREADABLE)
        revocation = self._signer.path.revocation
        if revocation.status is RevocationStatus.NOT_CHECKED:
            return _not_checked(Step.REVOCATION, revocation.text)
        problems = []
        if revocation.status is RevocationStatus.REVOKED:
            problems = [Problem(reason=Reason.CERTIFICATE_REVOKED, text=revocation.text)]
        elif revocation.status is RevocationStatus.UNKNOWN:
            problems = [Problem(reason=Reason.REVOCATION_UNKNOWN, text=revocation.text)]
        elif revocation.is_doubtful:
            problems = [Problem(reason=Reason.KEY_COMPROMISED_LATER, text=revocation.text)]
        return fact(Step.REVOCATION, problems, revocation.text)

    def _timestamp(self) -> Fact:
        if self._signer is None:
            return _not_checked(Step.TIMESTAMP, _UNREADABLE)
        timestamp = self._signer.timestamp
        if not timestamp.checked and not timestamp.problems:
            return _not_checked(Step.TIMESTAMP, timestamp.passed)
        return fact(Step.TIMESTAMP, timestamp.problems, timestamp.passed)

    def _profile(self) -> Fact:
        wanted, own = self._judging.profile, self._checked.own_parameters
        if wanted is None or wanted is ProfileName.NONE:
            return _not_checked(Step.PROFILE, "no profile was asked for")
        if own is None or self._signer is None:
            return _not_checked(Step.PROFILE, _UNREADABLE)
        profile = PROFILES[wanted]
        kind = key_type(self._signer.certificate.public_key())
        try:
            found = deviations(profile, self._place, own, self._signature, kind)
        except InputError as error:
            found = (str(error),)
        problems = [Problem(reason=Reason.PROFILE_NOT_MET, text=text) for text in found]
        return fact(Step.PROFILE, problems, f"the signature fits the {profile.title}")

    def _covered(self) -> Fact:
        if not self._checked.data_elements_signed:
            return _not_checked(Step.COVERAGE, "no list of signed elements can be read")
        text = self._coverage.text
        whole = not self._coverage.unsigned
        return Fact(step=Step.COVERAGE, status=Status.PASSED if whole else Status.WARNING, text=text)

    def _purpose(self) -> WrittenPurpose | None:
        try:
            return purpose_of(self._signature.item)
        except InputError:  # damage of the item is a matter of its structure
            return None
