"""Everything that stands on the page of a verification report, as plain values in the order in which it is read."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sealgate import __version__
from sealgate.dicom.location import MAIN_DATA_SET, signature_carriers
from sealgate.dicom.part10 import DataSet
from sealgate.dicom.scan import Carrier
from sealgate.errors import InputError
from sealgate.library.report import words
from sealgate.library.report.certificate_facts import UNREADABLE, CertificateFacts, certificate_facts
from sealgate.library.report.coverage import CoverageTable, coverage_table, element_name
from sealgate.library.report.element_values import values_of
from sealgate.library.report.frame import PIXEL_ELEMENTS
from sealgate.library.report.picture import NoPicture, Picture
from sealgate.library.report.rows import Row, date_rows, file_rows, judged_rows, parameter_rows, signing_time
from sealgate.library.report.words import Verdict
from sealgate.signature.reasons import Reason
from sealgate.verification.report import DataSetReport, Fact, Outcome, SignatureReport, Status, Step

if TYPE_CHECKING:
    from sealgate.verification.judging import Judging


MAX_SIGNATURES_SHOWN = 50
"""Signatures with a section of their own; an object may have 1000."""
MAX_ANCHORS_SHOWN = 50
"""Trust anchors that are named; the bundle of an operating system has some 150."""
MAX_POINTS = 6
"""Sentences in the headline."""

_IDENTITY = (0x00100010, 0x00100020, 0x00100030, 0x00100040, 0x00080020, 0x00080060, 0x00081030, 0x0008103E, 0x00080080)
"""Patient, study, series and institution, for reports that show values."""
_PRIVACY = {
    False: "Apart from the picture it holds no values of the file other than unique identifiers.",
    True: "It holds values of the file, which name the patient.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownPicture:
    """The picture, ready for the page."""

    base64: str
    width: int
    height: int
    alt: str
    cover: str
    """Whether signatures protect what is shown, as a sentence."""
    cover_symbol: str
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownFact:
    """A numbered fact."""

    number: int
    name: str
    status: str
    status_word: str
    text: str
    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownReason:
    """A code with what it does."""

    code: str
    effect: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainNode:
    """One certificate in the tree of a certification path."""

    role: str
    role_text: str
    symbol: str
    facts: CertificateFacts
    rows: tuple[Row, ...]
    opened: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownSignature:
    """The section of one signature."""

    number: int
    outcome: Verdict
    is_good: bool
    summary: str
    place: str
    signer_name: str
    when_label: str
    when: str
    facts: tuple[ShownFact, ...]
    reasons: tuple[ShownReason, ...]
    chain: tuple[ChainNode, ...]
    chain_text: str
    chain_end: str
    tsa_chain: tuple[ChainNode, ...]
    date_rows: tuple[Row, ...]
    parameter_rows: tuple[Row, ...]
    coverage: CoverageTable


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The whole page."""

    name: str
    version: str
    created_at: datetime
    outcome: Verdict
    headline: str
    meaning: str
    points: tuple[str, ...]
    points_left_out: int
    file_rows: tuple[Row, ...]
    identity_rows: tuple[Row, ...] = ()
    picture: ShownPicture | None = None
    no_picture: str = ""
    findings: tuple[ShownFact, ...] = ()
    signatures: tuple[ShownSignature, ...] = ()
    signature_count: int = 0
    judged_rows: tuple[Row, ...] = ()
    anchors: tuple[CertificateFacts, ...] = ()
    anchors_left_out: int = 0
    with_values: bool = False
    privacy: str = _PRIVACY[False]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """A file and what its verification came to."""

    name: str
    """What the file is called on the page."""
    report: DataSetReport
    data_set: DataSet
    carrier: Carrier
    judging: Judging
    picture: Picture | NoPicture
    sha256: str | None
    """Of the whole file."""
    size_bytes: int | None


def page_of(verified: Verified, *, created_at: datetime, with_values: bool) -> Page:
    """The page about one verified file. Never raises for what the file contains."""
    report, judging = verified.report, verified.judging
    points = words.gravest_points(tuple(_told(report)))
    carriers = _carriers(verified.carrier)
    shown = tuple(
        _signature(number, signature, carriers.get(signature.location), verified.carrier, with_values)
        for number, signature in enumerate(report.signatures[:MAX_SIGNATURES_SHOWN], 1)
    )
    picture = verified.picture
    anchors = judging.store.anchors
    return Page(
        name=verified.name,
        version=__version__,
        created_at=created_at,
        outcome=words.VERDICTS[report.outcome],
        headline=words.headline(report),
        meaning=words.meaning(report, points=len(points)),
        points=tuple(points[:MAX_POINTS]),
        points_left_out=max(0, len(points) - MAX_POINTS),
        file_rows=file_rows(verified.data_set, verified.carrier, verified.sha256, verified.size_bytes),
        identity_rows=_identity(verified.carrier) if with_values else (),
        picture=_picture(picture, report) if isinstance(picture, Picture) else None,
        no_picture=picture.sentence if isinstance(picture, NoPicture) else "",
        findings=tuple(_fact(finding) for finding in report.findings),
        signatures=shown,
        signature_count=len(report.signatures),
        judged_rows=judged_rows(judging),
        anchors=tuple(certificate_facts(anchor) for anchor in anchors[:MAX_ANCHORS_SHOWN]),
        anchors_left_out=max(0, len(anchors) - MAX_ANCHORS_SHOWN),
        with_values=with_values,
        privacy=_PRIVACY[with_values],
    )


def page_of_unreadable(name: str, error: InputError, *, created_at: datetime) -> Page:
    """The page about a file that could not be verified at all."""
    return Page(
        name=name,
        version=__version__,
        created_at=created_at,
        outcome=words.UNREADABLE,
        headline=words.HEADLINE_OF_UNREADABLE,
        meaning=words.MEANING_OF_UNREADABLE,
        points=(words.sentence(str(error)),),
        points_left_out=0,
        file_rows=(),
        no_picture="There is no picture, since the file cannot be read.",
    )


def _told(report: DataSetReport) -> Iterator[tuple[str, Fact]]:
    """Every fact with the words that say what it is about."""
    for finding in report.findings:
        yield words.FACT_NAMES[finding.step], finding
    several = len(report.signatures) > 1
    for number, signature in enumerate(report.signatures, 1):
        for fact in signature.facts:
            name = words.FACT_NAMES[fact.step]
            yield (f"Signature {number}, {name}" if several else name), fact


def _carriers(data_set: Carrier) -> Mapping[str, Carrier]:
    """The carriers of signatures by their location; without those behind damage that ends the walk."""
    found = {str(MAIN_DATA_SET): data_set}
    with suppress(InputError):
        for place in signature_carriers(data_set):
            found[str(place.location)] = place.carrier
    return found


def _signature(
    number: int, signature: SignatureReport, carrier: Carrier | None, data_set: Carrier, with_values: bool
) -> ShownSignature:
    if carrier is None:
        present = frozenset((*signature.data_elements_signed, *signature.unsigned_elements))
    else:
        present = frozenset(element.tag for element in carrier.elements)
    value = values_of(carrier, data_set) if with_values and carrier is not None else None
    alone = (signature.signer_certificate,) if signature.signer_certificate else ()
    chain = _chain("Signer", signature.path or alone)
    when_label, when = signing_time(signature)
    tsa = signature.timestamp.signer_certificate if signature.timestamp else None
    return ShownSignature(
        number=number,
        outcome=words.VERDICTS[signature.outcome],
        is_good=signature.is_good,
        summary=words.SUMMARIES[signature.outcome],
        place="of the whole data set" if signature.is_of_main_data_set else f"of the item {signature.location}",
        signer_name=chain[-1].facts.name if chain else "unknown signer",
        when_label=when_label,
        when=when,
        facts=tuple(_fact(fact) for fact in signature.facts),
        reasons=tuple(ShownReason(code=code.value, effect=words.effect(code)) for code in signature.reasons),
        chain=chain,
        chain_text=_chain_text(signature),
        chain_end=f"Signature {number}",
        tsa_chain=_chain("Time Stamping Authority", signature.tsa_path or ((tsa,) if tsa else ())),
        date_rows=date_rows(signature),
        parameter_rows=parameter_rows(signature),
        coverage=coverage_table(signature, present, value),
    )


def _fact(fact: Fact) -> ShownFact:
    status, word = words.status_words(fact)
    passed_signer = fact.step is Step.SIGNER and not fact.reasons  # the text is a name, not a sentence
    return ShownFact(
        number=int(fact.step),
        name=words.FACT_NAMES[fact.step],
        status=status,
        status_word=word,
        text=fact.text if passed_signer else words.sentence(fact.text),
        codes=tuple(reason.value for reason in fact.reasons),
    )


def _chain(end: str, path: tuple[bytes, ...]) -> tuple[ChainNode, ...]:
    """Nodes from the trust anchor down; `path` leads up to it, or is the end certificate alone."""
    nodes = []
    for index, der in enumerate(reversed(path)):
        is_end, is_anchor = index == len(path) - 1, index == 0 and len(path) > 1
        role = "end" if is_end else "anchor" if is_anchor else "intermediate"
        facts = certificate_facts(der)
        nodes.append(
            ChainNode(
                role=role,
                role_text={"end": end, "anchor": "Trust anchor", "intermediate": "Intermediate authority"}[role],
                symbol="anchor" if role == "anchor" else "certificate",
                facts=facts,
                rows=(
                    Row(label="Subject", text=facts.subject),
                    Row(label="Issuer", text=facts.issuer),
                    Row(label="Valid", text=_validity(facts)),
                    Row(label="Serial number", text=facts.serial_number, code=True),
                    Row(label="Public key", text=facts.key),
                    Row(label="Signed with", text=facts.signed_with),
                    Row(label="SHA-256", text=facts.fingerprint, code=True),
                ),
                opened=is_end,
            )
        )
    return tuple(nodes)


def _validity(facts: CertificateFacts) -> str:
    if facts.not_before is None or facts.not_after is None:
        return UNREADABLE
    return f"{words.moment(facts.not_before)} to {words.moment(facts.not_after)}"


def _chain_text(signature: SignatureReport) -> str:
    statuses = {fact.step: fact.status for fact in signature.facts}
    if statuses.get(Step.PATH) in (Status.PASSED, Status.WARNING):
        return "The certificate of the signer leads to an authority that is trusted here:"
    if len(signature.path) > 1:
        return "A path leads to an authority that is trusted here, but it is not valid:"
    return "No path leads from the certificate of the signer to an authority that is trusted here:"


def _picture(picture: Picture, report: DataSetReport) -> ShownPicture:
    cover, symbol = _cover(report)
    frame = f", frame {picture.frame} of {picture.frames}" if picture.frames > 1 else ""
    return ShownPicture(
        base64=base64.b64encode(picture.png).decode("ascii"),
        width=picture.width,
        height=picture.height,
        alt=f"Picture of the image in the file{frame}, {picture.columns} by {picture.rows} pixels",
        cover=cover,
        cover_symbol=symbol,
        notes=picture.notes,
    )


def _cover(report: DataSetReport) -> tuple[str, str]:
    """Whether good signatures of the main data set cover pixel data."""
    if not report.signatures:
        return "No signature protects this picture.", "caution"
    over_pixels = [
        (number, signature)
        for number, signature in enumerate(report.signatures, 1)
        if signature.is_of_main_data_set and not frozenset(PIXEL_ELEMENTS).isdisjoint(signature.data_elements_signed)
    ]
    for wanted in (Outcome.VALID, Outcome.QUESTIONABLE):
        for number, signature in over_pixels:
            if signature.outcome is wanted:
                covered = f"Signature {number}, which is {wanted.value}, covers the pixel data"
                if Reason.RENDERING_NOT_SIGNED in report.reasons:
                    return f"{covered}, but not all that changes how it is shown.", "caution"
                return f"{covered}.", "passed"
    if over_pixels:
        symbol = "failed" if any(signature.outcome is Outcome.INVALID for _, signature in over_pixels) else "open"
        return "The pixel data is listed as signed, but no signature over it is shown to be good.", symbol
    return "No signature covers the pixel data.", "caution"


def _identity(carrier: Carrier) -> tuple[Row, ...]:
    value = values_of(carrier, carrier)
    present = (tag for tag in _IDENTITY if carrier.element(tag) is not None)
    return tuple(Row(label=element_name(tag), text=value(tag)) for tag in present)
