"""`sealgate.verify`: every signature of a data set, judged, as a report of numbered facts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypedDict, Unpack, cast

from sealgate.dicom.location import signature_carriers
from sealgate.errors import ConfigurationError, InputError, SignatureNotFound
from sealgate.library.sources import Given, Opened, Reading, opened
from sealgate.library.trusting import Several, trust_store
from sealgate.signature import model
from sealgate.signature.profiles import ProfileName
from sealgate.trust.revocation import Revocation
from sealgate.trust.store import TrustStore
from sealgate.verification.coverage import CoverageRequirement
from sealgate.verification.judging import Judging, Timestamps
from sealgate.verification.report import DataSetReport
from sealgate.verification.verify import verify as verify_data_set

if TYPE_CHECKING:
    from sealgate.library.observing import Progress


class JudgingKeywords(TypedDict, total=False):
    """What signatures are judged by, besides trust."""

    at: datetime | None
    """The moment of judging, aware; by default now."""
    first_receipt: datetime | None
    """Since when these very bytes are known to have been there, if something proves that."""
    revocation: str | Revocation
    """none, if-given (default), or required: whether CRLs and OCSP responses must say that nothing is revoked."""
    timestamps: str | Timestamps
    """check (default), ignore, or required."""
    profile: str | ProfileName | None
    """A profile that a good signature has to keep."""
    coverage: str | Iterable[str] | CoverageRequirement
    """Elements that good signatures must cover: tags or keywords, `rendering`, or `all`."""


class VerifyingKeywords(JudgingKeywords, total=False):
    """What `verify` takes by name: what signatures are judged by, and what is reported."""

    digital_signature_uid: str | None
    """The one signature to report; by default all are."""
    reading: Reading
    progress: Progress | None
    """Is told how many of how many bytes were read."""


def verify(source: Given, trust: TrustStore | Several = (), **wishes: Unpack[VerifyingKeywords]) -> DataSetReport:
    """Verify the signatures at any depth of a data set: bytes of a file, a path, or a pydicom Dataset.

    `trust` is what `sealgate.trust_store` made, or the trust anchors alone (paths or bytes, PEM or DER). The report has
    an `outcome` for the data set and for each of its `signatures`, numbered facts with sentences, reasons as stable
    codes, and the coverage in words. Nothing is fetched. For what can be wished see `VerifyingKeywords`.

        >>> report = sealgate.verify("signed.dcm", "ca.pem", coverage="rendering")
        >>> report.outcome.value
        'valid'
        >>> [str(signature.location) for signature in report.signatures]
        ['Main Dataset']

    Raises InputError where the data set cannot be read, SignatureNotFound, ConfigurationError, and for the trust store
    UnreadableFile and TrustFileUnusable. A signature that is not good is no error, but an outcome.
    """
    wanted, reading = wishes.pop("digital_signature_uid", None), wishes.pop("reading", Reading())
    progress = wishes.pop("progress", None)
    store = trust if isinstance(trust, TrustStore) else trust_store(trust)
    judging = judging_of(store, **cast(JudgingKeywords, wishes))
    given = opened(source, reading)
    with given.naming():
        if progress is None:
            report = verify_opened(given, judging)
        else:
            report = _verified_observed(given, judging, progress)
    return report if wanted is None else only(report, wanted)


def verify_opened(given: Opened, judging: Judging) -> DataSetReport:
    """Verify a data set that is open. Raises InputError."""
    return verify_data_set(given.carrier, given.syntax, judging)


def only(report: DataSetReport, digital_signature_uid: str) -> DataSetReport:
    """The report without the other signatures. Raises SignatureNotFound."""
    found = tuple(one for one in report.signatures if one.digital_signature_uid == digital_signature_uid)
    if not found:
        raise SignatureNotFound(digital_signature_uid)
    return replace(report, signatures=found)


def judging_of(
    store: TrustStore,
    *,
    at: datetime | None = None,
    first_receipt: datetime | None = None,
    revocation: str | Revocation = Revocation.IF_GIVEN,
    timestamps: str | Timestamps = Timestamps.CHECK,
    profile: str | ProfileName | None = None,
    coverage: str | Iterable[str] | CoverageRequirement = (),
) -> Judging:
    """What signatures are judged by, of words. Raises ConfigurationError."""
    if at is not None and at.tzinfo is None:
        raise ConfigurationError("the moment of judging needs an offset from UTC")
    if not isinstance(coverage, CoverageRequirement):
        coverage = CoverageRequirement.parse([coverage] if isinstance(coverage, str) else coverage)
    try:
        return Judging(
            store=store,
            now=at or datetime.now(UTC),
            first_receipt=first_receipt,
            revocation=Revocation(revocation),
            timestamps=Timestamps(timestamps),
            profile=None if profile is None else ProfileName(profile),
            coverage=coverage,
        )
    except ValueError as error:
        raise ConfigurationError(f"{error}: it is no word for what is asked of signatures") from error


def _verified_observed(given: Opened, judging: Judging, progress: Progress) -> DataSetReport:
    from sealgate.library.observing import observed

    passes = 0
    for place in signature_carriers(given.carrier):
        try:
            passes += len(model.digital_signatures(place.carrier))
        except InputError:
            continue  # the report will say so
    watched, source = observed(given, passes, progress)
    report = verify_opened(watched, judging)
    source.finish()
    return report
