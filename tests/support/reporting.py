"""Pages of verification reports, made from signed samples or from reports that are put together by hand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

from sealgate.dicom.part10 import open_file
from sealgate.dicom.scan import scan
from sealgate.library.report.html_report import ReportOptions, html_report
from sealgate.signature.reasons import Reason
from sealgate.trust.store import TrustStore
from sealgate.verification.judging import Judging
from sealgate.verification.report import DataSetReport, Fact, Outcome, SignatureReport, Status, Step, outcome_of
from sealgate.verification.verify import verify
from support import samples, signing
from support.pki import Authority, Credential
from support.signing import AT

WINDOW = (0x00281050, 0x00281051)
NO_PICTURE = ReportOptions(with_picture=False)
VOID_ELEMENTS = frozenset("meta link img br".split())
SVG_EMPTY = frozenset("use path circle rect".split())


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A file that was verified."""

    file: bytes
    report: DataSetReport
    judging: Judging

    def page(self, *, name: str = "slice.dcm", options: ReportOptions = NO_PICTURE) -> str:
        """The page about it."""
        return html_report(
            self.report,
            open_file(self.file),
            name=name,
            judging=self.judging,
            created_at=AT,
            file=self.file,
            options=options,
        )


def case(file: bytes, *anchors: Credential) -> Case:
    """`file`, verified with `anchors` as what is trusted."""
    data_set = open_file(file)
    judging = Judging(store=TrustStore(anchors=tuple(anchor.der for anchor in anchors)), now=AT)
    report = verify(scan(data_set.source, data_set.encoding), data_set.syntax, judging)
    return Case(file=file, report=report, judging=judging)


@cache
def case_of(outcome: Outcome, folder: Path) -> Case:
    """A file with this outcome, signed by an authority that writes to `folder`."""
    root = Authority(folder / "root", "Example Root CA", now=AT)
    department = root.subordinate(folder / "department", "Example Radiology CA")
    credential = department.issue("Scanner 2", "rsa2048")
    original = samples.sample("MR_small.dcm").read_bytes()
    if outcome is Outcome.UNSIGNED:
        return case(original, root.credential)
    padding_starts = original.rindex(b"\xfc\xff\xfc\xff")  # it holds something that no signature can cover
    elements = [e.tag for e in signing.opened(original[:padding_starts])[1].elements if e.tag & 0xFFFF]
    if outcome is Outcome.QUESTIONABLE:
        elements = [tag for tag in elements if tag not in WINDOW]
    file = signing.signed(original[:padding_starts], credential, elements=tuple(elements)).file
    if outcome is Outcome.INVALID:
        file = file.replace(b"CompressedSamples^MR1", b"CompressedSamples^MR2")
    trusted = () if outcome is Outcome.INDETERMINATE else (root.credential,)
    judged = case(file, *trusted)
    store = replace(judged.judging.store, intermediates=(department.credential.der,))
    judging = replace(judged.judging, store=store)
    data_set, carrier = signing.opened(file)
    return Case(file=file, report=verify(carrier, data_set.syntax, judging), judging=judging)


def fact(step: Step, status: Status = Status.PASSED, text: str = "it is as it should be", *reasons: Reason) -> Fact:
    """A fact."""
    return Fact(step=step, status=status, text=text, reasons=reasons)


def signature(facts: Iterable[Fact] = (), **changes: object) -> SignatureReport:
    """A report about a signature over two elements, all of whose facts passed but for those in `facts`."""
    ladder = {step: fact(step) for step in Step} | {one.step: one for one in facts}
    reasons = tuple(dict.fromkeys(reason for one in ladder.values() for reason in one.reasons))
    report = SignatureReport(
        location="Main Dataset",
        digital_signature_uid="2.25.1",
        digital_signature_datetime="20260301120000.000000+0000",
        mac_algorithm="SHA256",
        signer="CN=somebody",
        signer_certificate=None,
        outcome=outcome_of(reasons),
        reasons=reasons,
        facts=tuple(ladder.values()),
        data_elements_signed=(0x00080018, 0x7FE00010),
        unsigned_elements=(),
    )
    return replace(report, **changes)  # type: ignore[arg-type]


def page_about(*signatures: SignatureReport, findings: tuple[Fact, ...] = (), name: str = "slice.dcm") -> str:
    """The page about a sample for which these signatures were reported."""
    report = DataSetReport(signatures=signatures, findings=findings)
    judging = Judging(store=TrustStore(), now=AT)
    return Case(file=samples.sample("CT_small.dcm").read_bytes(), report=report, judging=judging).page(name=name)


@dataclass
class Read(HTMLParser):
    """A page as a parser of HTML reads it: elements, attributes, and the text that people see."""

    page: str
    elements: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)
    style: str = ""

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.feed(self.page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take note of an element."""
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID_ELEMENTS:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take note of an element that ends itself, which only those of SVG do."""
        assert tag in SVG_EMPTY, tag
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        """End the innermost element, which has to be of that name."""
        assert self.open.pop() == tag, f"</{tag}> ends another element"

    def handle_data(self, data: str) -> None:
        """Take note of text."""
        if self.open and self.open[-1] == "style":
            self.style += data
        else:
            self.texts.append(data)

    @property
    def text(self) -> str:
        """All text, with single spaces."""
        return " ".join(" ".join(self.texts).split())

    def named(self, tag: str) -> list[dict[str, str]]:
        """Attributes of all elements of that name."""
        return [attributes for name, attributes in self.elements if name == tag]
