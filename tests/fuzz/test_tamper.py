"""Every byte of a signed object changed, every element and item dropped, doubled and moved: nothing false stays valid.

Where the outcome stays valid, the bytes under the signature, read by an independent reader, and all that is reported
have to be what they were; and the place has to be in a list here, with the reason why it may change.
"""

from __future__ import annotations

import copy
import itertools
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from cryptography import x509

from sealgate.errors import InputError
from sealgate.verification.document import report_as_json
from sealgate.verification.report import Outcome
from support import tree
from support.elements import EXPLICIT, LONG_VRS, part10
from support.pki import Authority
from support.signing import AT, anchors, opened, signed, verified
from support.tree import Broken, Element, Item

pytestmark = pytest.mark.filterwarnings("ignore:Parsed a serial number")

PREAMBLE = 128
PARTS = 8
"""The search is cut into parts that run side by side."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A signed object and what is said about it."""

    file: bytes
    data_set_start: int
    report: dict[str, Any]
    stream: bytes
    outcome_of: Callable[[bytes], tuple[Outcome | None, dict[str, Any] | None]]

    @property
    def data_set(self) -> bytes:
        return self.file[self.data_set_start :]


def original() -> bytes:
    """A data set of 20 KB with what can be tampered with: nesting in both length forms, private and unsigned ones."""
    w = EXPLICIT
    code = (
        w.element(0x00080100, "SH", b"T-D3000 "),
        w.element(0x00080102, "SH", b"SRT "),
        w.element(0x00080104, "LO", b"Chest "),
    )
    inner = w.sequence(0x00081150 + 49, w.item(*code, undefined=True), w.item(), undefined=True)
    reference = (
        w.element(0x00081150, "UI", b"1.2.840.10008.5.1.4.1.1.7\0"),
        w.element(0x00081155, "UI", b"1.2.3.4.5\0"),
    )
    return b"".join(
        (
            w.element(0x00080000, "UL", (400).to_bytes(4, "little")),
            w.element(0x00080005, "CS", b"ISO_IR 100"),
            w.element(0x00080008, "CS", b"ORIGINAL\\PRIMARY"),
            w.element(0x00080016, "UI", b"1.2.840.10008.5.1.4.1.1.7\0"),
            w.element(0x00080018, "UI", b"1.2.826.0.1.3680043.10.1.7\0\0"[:28]),
            w.element(0x00080060, "CS", b"OT"),
            w.sequence(0x00081140, w.item(*reference), w.item(*reference, inner)),
            w.sequence(0x00082218, w.item(*code, undefined=True), undefined=True),
            w.element(0x00090010, "LO", b"ACME"),
            w.element(0x00091001, "OB", bytes(range(32))),
            w.element(0x00100010, "PN", b"Doe^Jane"),
            w.element(0x00100020, "LO", b"4711"),
            w.element(0x0020000D, "UI", b"1.2.3\0"),
            w.element(0x0020000E, "UI", b"1.2.3.4\0"),
            w.element(0x00280002, "US", w.words(1)),
            w.element(0x00280004, "CS", b"MONOCHROME2 "),
            w.element(0x00280010, "US", w.words(128)),
            w.element(0x00280011, "US", w.words(64)),
            w.element(0x00280100, "US", w.words(16)),
            w.element(0x00280101, "US", w.words(12)),
            w.element(0x00280102, "US", w.words(11)),
            w.element(0x00280103, "US", w.words(0)),
            w.element(0x00281050, "DS", b"40"),
            w.element(0x00281051, "DS", b"400 "),
            w.element(0x7FE00010, "OW", random.Random("pixels").randbytes(16384)),
            w.element(0xFFFCFFFC, "OB", bytes(64)),
        )
    )


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    authority = Authority(tmp_path_factory.mktemp("pki"), now=AT)
    trusted = anchors(authority)
    file = signed(part10(original()), authority.issue("signer")).file

    def outcome_of(changed: bytes) -> tuple[Outcome | None, dict[str, Any] | None]:
        try:
            report = verified(changed, trusted)
        except InputError:
            return None, None
        return report.outcome, report_as_json(report)

    outcome, report = outcome_of(file)
    assert outcome is Outcome.VALID, report
    assert report is not None
    start = len(opened(file)[0].header)
    return Subject(file, start, report, tree.mac_stream(tree.read(file[start:])), outcome_of)


def spans(elements: list[Element], at: int) -> Iterator[tuple[int, int, Element]]:
    """(start, end, element) of every element at every depth, outer ones first; `at` is where the first begins."""
    for element in elements:
        end = at + len(tree.write([element]))
        yield at, end, element
        inside = at + 12
        for item in element.items:
            yield from spans(item.elements, inside + 8)
            inside += len(tree.write([Element(0, "SQ", items=[item])])) - 12
        at = end


UNREAD = "no reader uses it"
PADDED = "nothing but zeros stands there and behind it"
REPORTED = "the report names the element that it becomes as unsigned"
SAME_CERTIFICATE = "the authority's signature on the certificate can be written in more than one way"


def regions(subject: Subject) -> Iterator[tuple[int, int, str]]:
    """Where bytes may change and the outcome stay, each with its reason: [start, end) in the file."""
    yield 0, PREAMBLE, UNREAD  # no part of the data set
    yield PREAMBLE + 4, subject.data_set_start, UNREAD  # nor is the File Meta Information
    for start, end, element in spans(tree.read(subject.data_set), subject.data_set_start):
        if element.vr in LONG_VRS:
            yield start + 6, start + 8, UNREAD  # reserved (PS3.5 7.1.2), and not in the MAC
        if element.tag & 0xFFFF == 0:
            yield start + 8, end, UNREAD  # a group length is never signed, and right or wrong says nothing
        if element.tag & 0xFFFF == 0 or element.tag == 0xFFFCFFFC:
            yield start, start + 4, REPORTED  # another tag
        if element.tag == 0xFFFCFFFC:
            yield start + 4, start + 6, PADDED  # the VR of what has no value but zeros
        if element.tag in (0x04000115, 0x04000120):
            yield start + 4, start + 6, UNREAD  # the VR of what cannot be in its own MAC
        if element.tag == 0x04000115:
            yield start + 12, end, SAME_CERTIFICATE
        if element.tag == 0x04000010:
            yield end - 1, end, UNREAD  # padding of a UID


def masks(subject: Subject) -> Iterator[tuple[int, int]]:
    """(offset, bits to flip): each byte with bits that follow from its place; around the signature every single bit."""
    for offset in range(len(subject.file)):
        yield offset, offset * 37 % 255 + 1
    for start, end, element in spans(tree.read(subject.data_set), subject.data_set_start):
        if element.tag in (tree.MAC_PARAMETERS, tree.SIGNATURES):
            yield from ((offset, 1 << bit) for offset in range(start, end) for bit in range(8))


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("part", range(PARTS))
def test_no_byte_can_be_changed_unnoticed(subject: Subject, part: int) -> None:
    allowed = {offset: reason for start, end, reason in regions(subject) for offset in range(start, end)}
    stayed: Counter[str] = Counter()
    for offset, mask in itertools.islice(masks(subject), part, None, PARTS):
        changed = bytearray(subject.file)
        changed[offset] ^= mask
        outcome, report = subject.outcome_of(bytes(changed))
        if outcome is not Outcome.VALID:
            continue
        where = f"byte {offset} (data set {offset - subject.data_set_start}), bits {mask:02x}"
        assert report is not None
        assert offset in allowed, where
        stayed[allowed[offset]] += 1
        if allowed[offset] == PADDED:
            assert report == subject.report, where
            continue
        elements = tree.read(bytes(changed[subject.data_set_start :]))
        assert tree.mac_stream(elements) == subject.stream, where
        if allowed[offset] == SAME_CERTIFICATE:
            assert claims(report) == claims(subject.report), where
            assert certified(elements) == certified(tree.read(subject.data_set)), where
        elif allowed[offset] == REPORTED:
            assert report == subject.report or report["coverage"]["unsigned"], where
        else:
            assert report == subject.report, where
    assert stayed[UNREAD], "every part meets the preamble, so something has to stay valid"


def claims(report: dict[str, Any]) -> list[object]:
    """What a report says about the data set and the signer, not about how the certificate is encoded."""
    (signature,) = report["signatures"]
    return [
        report["coverage"],
        *(signature[key] for key in ("signer", "digital_signature_datetime", "proven", "purpose")),
    ]


def certified(elements: list[Element]) -> bytes:
    """What the authority signed in the certificate of the signer."""
    signatures = tree.element(elements, tree.SIGNATURES)
    assert signatures is not None
    certificate = tree.element(signatures.items[0].elements, 0x04000115)
    assert certificate is not None
    length = 4 + int.from_bytes(certificate.value[2:4])  # a certificate of some hundred bytes: 30 82 and two of length
    return x509.load_der_x509_certificate(certificate.value[:length]).tbs_certificate_bytes


def lists_of(elements: list[Element]) -> Iterator[list[Element] | list[Item]]:
    """Every list of elements and of items, at every depth."""
    yield elements
    for element in elements:
        if element.vr == "SQ":
            yield element.items
            for item in element.items:
                yield from lists_of(item.elements)


def rearranged(subject: Subject) -> Iterator[tuple[str, list[Element]]]:
    """One element or item dropped, doubled, or exchanged with the next: (what was done, the result)."""
    elements = tree.read(subject.data_set)
    for number, one in enumerate(lists_of(elements)):
        for place in range(len(one)):
            for what in ("dropped", "doubled", "doubled at the end", "exchanged"):
                changed = copy.deepcopy(elements)
                chosen: list[Any] = list(lists_of(changed))[number]
                if what == "dropped":
                    del chosen[place]
                elif what == "doubled":
                    chosen.insert(place, copy.deepcopy(chosen[place]))
                elif what == "doubled at the end":
                    chosen.append(copy.deepcopy(chosen[place]))
                elif place + 1 < len(chosen):
                    chosen[place : place + 2] = reversed(chosen[place : place + 2])
                else:
                    continue
                yield f"{what}: {describe(one[place])} in list {number}", changed


def describe(one: Element | Item) -> str:
    return f"({one.tag >> 16:04x},{one.tag & 0xFFFF:04x})" if isinstance(one, Element) else "item"


def may_stay(what: str) -> bool:
    """Whether nothing that a reader sees, and nothing under the signature, differs after this."""
    # No element says more than its value wherever it stands in its data set or item; DCMTK and pydicom sort them too.
    if what.startswith("exchanged: ("):
        return True
    return what.startswith("dropped: ") and (",0000)" in what or "(fffc,fffc)" in what)  # they are never signed


def test_nothing_can_be_dropped_doubled_or_moved_unnoticed(subject: Subject) -> None:
    head = subject.file[: subject.data_set_start]
    outcomes: Counter[Outcome | None] = Counter()
    for what, elements in rearranged(subject):
        outcome, report = subject.outcome_of(head + tree.write(elements))
        outcomes[outcome] += 1
        if outcome is Outcome.VALID:
            assert may_stay(what), what
            assert tree.mac_stream(elements) == subject.stream, what
            assert report == subject.report, what
    assert outcomes[Outcome.VALID], "the order of elements is not signed"
    assert outcomes[Outcome.UNSIGNED] == 1, "without its Digital Signatures Sequence it is an unsigned data set"


def test_the_independent_reader_writes_what_it_read_and_finds_the_same_stream(subject: Subject) -> None:
    assert tree.write(tree.read(subject.data_set)) == subject.data_set
    altered = tree.read(subject.data_set)
    name = tree.element(altered, 0x00100010)
    assert name is not None
    name.value = b"Doe^John"
    assert tree.mac_stream(altered) != subject.stream
    with pytest.raises(Broken):
        tree.read(subject.data_set[:-1])
