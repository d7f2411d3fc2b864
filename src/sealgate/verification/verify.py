"""The whole verification of a data set: every signature on the ladder of facts (see `ladder`), then all of it.

What the signatures cover together, and what none of them can, is judged under the same numbers (see `report.Step`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sealgate.dicom import tags
from sealgate.dicom.limits import MAX_SIGNATURES
from sealgate.dicom.location import Place, signature_carriers
from sealgate.dicom.scan import Carrier
from sealgate.dicom.transfer_syntax import TransferSyntax
from sealgate.dicom.work import Work
from sealgate.errors import InputError, LimitExceeded
from sealgate.signature import model
from sealgate.signature.check import Problem
from sealgate.signature.profiles import PROFILES, ProfileName
from sealgate.signature.reasons import Reason
from sealgate.verification.coverage import Aspect, Coverage, coverage_of, named
from sealgate.verification.judging import Judging as Judging
from sealgate.verification.ladder import MAX_CACHED_PATHS, Verification, malformed
from sealgate.verification.oddities import check_oddities, check_traces, noted_elements
from sealgate.verification.report import DataSetReport, Fact, Outcome, SignatureReport, Status, Step, fact

_PATH_HEADERS = 1000
"""Headers that could be read in the time that a certificate takes with its path, or a timestamp: some milliseconds."""


def verify(data_set: Carrier, syntax: TransferSyntax, judging: Judging) -> DataSetReport:
    """Verify every signature at any depth of `data_set`, encoded in `syntax`.

    Raises MalformedDataSet and LimitExceeded where the data set itself cannot be read, or where its signatures together
    would take more work than its size allows; damage inside the signature sequences is reported instead.
    """
    with data_set.source.shared_work() as work:
        report = _verified(data_set, syntax, judging, work)
        work.check()  # what ran into the limit may stand there as damage
    return report


def _verified(data_set: Carrier, syntax: TransferSyntax, judging: Judging, work: Work) -> DataSetReport:
    seen: list[tuple[Place, SignatureReport]] = []
    certificates: set[bytes | None] = set()  # whose paths are remembered
    for place in signature_carriers(data_set):
        try:
            parameters = model.mac_parameters(place.carrier)
            signatures = model.digital_signatures(place.carrier)
        except InputError as error:
            seen.append((place, malformed(place, str(error))))
            continue
        if not signatures:
            seen.append((place, malformed(place, "the Digital Signatures Sequence has no item")))
        if len(seen) + len(signatures) > MAX_SIGNATURES:
            raise LimitExceeded("signatures", len(seen) + len(signatures), MAX_SIGNATURES)
        listed = max((len(one.data_elements_signed or ()) for one in parameters), default=0)
        for signature in signatures:
            work.spend(listed + len(place.carrier.elements), place.carrier.end - place.carrier.start)
            if signature.certificate_of_signer not in certificates or signature.certified_timestamp is not None:
                work.spend(_PATH_HEADERS)
                if len(certificates) < MAX_CACHED_PATHS:
                    certificates.add(signature.certificate_of_signer)
            seen.append((place, Verification(place, syntax, parameters, signature, judging).report()))
    coverage = _coverage_of_main(data_set, seen) if seen else None
    return DataSetReport(
        signatures=tuple(report for _, report in seen),
        findings=tuple(_findings(data_set, syntax, seen, coverage, judging)),
        coverage=coverage,
    )


def _coverage_of_main(data_set: Carrier, seen: list[tuple[Place, SignatureReport]]) -> Coverage:
    """What the good signatures of the main data set cover; where there are none, those that could not be judged."""
    own = [report for place, report in seen if not place.location.path]
    counted = [report for report in own if report.is_good] or [
        report for report in own if report.outcome is Outcome.INDETERMINATE
    ]
    if len(counted) == 1 and counted[0].coverage is not None:
        return counted[0].coverage
    signed = {tag for report in counted for tag in report.data_elements_signed}
    return coverage_of([element.tag for element in data_set.elements], signed)


def _findings(
    data_set: Carrier,
    syntax: TransferSyntax,
    seen: list[tuple[Place, SignatureReport]],
    coverage: Coverage | None,
    judging: Judging,
) -> Iterator[Fact]:
    """Facts about the data set as a whole, in the order of the steps."""
    noted = noted_elements(data_set)
    problems = list(check_traces(data_set, noted))
    if coverage is None:
        if problems:
            yield fact(Step.STRUCTURE, problems, "")
        return
    problems += check_oddities(data_set, noted, syntax)
    problems += _copies(seen)
    yield fact(Step.STRUCTURE, problems, "nothing stands in the data set that no signature can cover")  # 1
    if judging.profile is not None and judging.profile is not ProfileName.NONE:
        yield _required_profile(seen, judging.profile)  # 10
    problems = list(_coverage_problems(seen, coverage, judging))
    whole = fact(Step.COVERAGE, problems, coverage.text)  # 11
    if not problems and coverage.unsigned:
        whole = replace(whole, status=Status.WARNING)
    yield whole


def _copies(seen: list[tuple[Place, SignatureReport]]) -> Iterator[Problem]:
    """Signatures that were copied: a Digital Signature UID is given once (PS3.3 table C.12-6)."""
    uids = [report.digital_signature_uid for _, report in seen if report.digital_signature_uid]
    if len(set(uids)) < len(uids):
        copied = next(uid for number, uid in enumerate(uids) if uid in uids[:number])
        text = f"two signatures have the Digital Signature UID {copied}: one of them was copied"
        yield Problem(reason=Reason.SIGNATURE_UID_TWICE, text=text)


def _required_profile(seen: list[tuple[Place, SignatureReport]], wanted: ProfileName) -> Fact:
    fits = any(
        report.is_good and any(one.step is Step.PROFILE and one.status is Status.PASSED for one in report.facts)
        for place, report in seen
        if not place.location.path  # one in an item says nothing about the data set
    )
    title = PROFILES[wanted].title
    text = f"no good signature of the main data set fits the {title}, which is required"
    problem = Problem(reason=Reason.PROFILE_REQUIRED, text=text)
    return fact(Step.PROFILE, [] if fits else [problem], f"a good signature fits the {title}")


def _coverage_problems(
    seen: list[tuple[Place, SignatureReport]], coverage: Coverage, judging: Judging
) -> Iterator[Problem]:
    """What is not covered and should be; nothing of that where all signatures are bad, which is said already."""
    missing = judging.coverage.missing(coverage)
    if missing:
        text = f"no good signature covers {named(missing)}, which is required"
        yield Problem(reason=Reason.COVERAGE_REQUIRED, text=text)
    sound = [(place, report) for place, report in seen if report.outcome is not Outcome.INVALID]
    if coverage.signed:
        identity, rendering = coverage.unsigned_of(Aspect.IDENTITY), coverage.unsigned_of(Aspect.RENDERING)
        if identity:
            text = f"what says whose and which image this is, is not all signed: {named(identity)}"
            yield Problem(reason=Reason.IDENTITY_NOT_SIGNED, text=text)
        if rendering:
            text = f"what changes the picture or text that is shown is not all signed: {named(rendering)}"
            yield Problem(reason=Reason.RENDERING_NOT_SIGNED, text=text)
    unbound = [place for place, _ in sound if place.location.path and not _is_bound(place, coverage)]
    if unbound:
        text = f"the signature in {unbound[0].location} covers that item alone: no good one binds it to this data set"
        yield Problem(reason=Reason.ITEM_CONTEXT_NOT_SIGNED, text=text)


def _is_bound(place: Place, coverage: Coverage) -> bool:
    """Whether good signatures of the main data set cover an item, and what its text is read by."""
    outermost = place.location.path[0][0]
    return outermost in coverage.signed and tags.SPECIFIC_CHARACTER_SET not in coverage.unsigned
