"""What a signature covers, as the report shows it: parts of the object, and tables of elements."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from sealgate.dicom import tags
from sealgate.library.report.frame import PIXEL_ELEMENTS
from sealgate.verification.coverage import Aspect, aspect, coverage_of
from sealgate.verification.report import SignatureReport

MAX_LISTED = 2000
"""Elements in one table; an ordinary image has 50 to 400 at its top level."""

_PIXEL_DATA = "Pixel data"
_PARTS = (_PIXEL_DATA, "Who and what it is", "What a reader sees", "Private elements", "Everything else")
"""Patient, study, series and instance are one part; windows, lookup tables, overlays, text and geometry another."""
_MARKS = {Aspect.IDENTITY: "identifies", Aspect.RENDERING: "changes what is seen"}

Value = Callable[[int], str]
"""The value of an element in short, by its tag."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedElement:
    """A row of a table of elements."""

    tag: str
    name: str
    mark: str
    """Why it matters that the element is not signed; empty for most."""
    value: str
    """The value in short, where the report shows values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A kind of content that a reader thinks of as one."""

    name: str
    signed: int
    present: int
    status: str
    word: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageTable:
    """Coverage of one signature, good or not."""

    text: str
    short: str
    total: int
    percent: int
    parts: tuple[Part, ...]
    unsigned: tuple[ListedElement, ...]
    unsigned_left_out: int
    signed: tuple[ListedElement, ...]
    signed_left_out: int


def coverage_table(signature: SignatureReport, present: frozenset[int], value: Value | None) -> CoverageTable:
    """Coverage of `signature` in a carrier with elements of the tags `present`; with `value` the tables have values."""
    covered = coverage_of(present, signature.data_elements_signed)
    total = len(covered.signed) + len(covered.unsigned)
    return CoverageTable(
        text=covered.text if signature.is_good else _claimed(len(covered.signed), total),
        short=f"all {total:,} elements" if not covered.unsigned else f"{len(covered.signed):,} of {total:,} elements",
        total=total,
        percent=100 * len(covered.signed) // total if total else 0,
        parts=tuple(_parts(covered.signed, covered.unsigned, is_good=signature.is_good)),
        unsigned=_listed(covered.unsigned, value, _mark),
        unsigned_left_out=max(0, len(covered.unsigned) - MAX_LISTED),
        signed=_listed(covered.signed, value, lambda _: ""),
        signed_left_out=max(0, len(covered.signed) - MAX_LISTED),
    )


def _claimed(signed: int, total: int) -> str:
    return f"the signature lists {signed:,} of {total:,} elements, but it is not shown to be good, so none is protected"


def _part_of(tag: int) -> str:
    if tag in PIXEL_ELEMENTS:
        return _PIXEL_DATA
    if tags.is_private(tag):
        return _PARTS[3]
    return {Aspect.IDENTITY: _PARTS[1], Aspect.RENDERING: _PARTS[2], None: _PARTS[4]}[aspect(tag)]


def _parts(signed: Sequence[int], unsigned: Sequence[int], *, is_good: bool) -> Iterable[Part]:
    """The parts that are there, each with how many of its elements are signed."""
    signed_of, unsigned_of = (dict.fromkeys(_PARTS, 0) for _ in range(2))
    for counts, listed in ((signed_of, signed), (unsigned_of, unsigned)):
        for tag in listed:
            counts[_part_of(tag)] += 1
    for name in _PARTS:
        present = signed_of[name] + unsigned_of[name]
        if present:
            status, word = _protection(signed_of[name], present, is_good=is_good, matters=name in _PARTS[:3])
            yield Part(name=name, signed=signed_of[name], present=present, status=status, word=word)


def _protection(signed: int, present: int, *, is_good: bool, matters: bool) -> tuple[str, str]:
    if signed and not is_good:
        return "failed", "Listed, not protected"
    if signed == present:
        return "passed", "Protected"
    return "caution" if matters else "note", "Partly protected" if signed else "Not protected"


def _mark(tag: int) -> str:
    found = aspect(tag)
    return "" if found is None else _MARKS[found]


def _listed(listed: Sequence[int], value: Value | None, mark: Callable[[int], str]) -> tuple[ListedElement, ...]:
    return tuple(
        ListedElement(tag=tags.written(tag), name=element_name(tag), mark=mark(tag), value=value(tag) if value else "")
        for tag in listed[:MAX_LISTED]
    )


@cache
def element_name(tag: int) -> str:
    """The name of an element in PS3.6, or what can be said of one that has none."""
    from pydicom.datadict import dictionary_description

    if tags.is_private(tag):
        return "Private creator" if tags.is_private_creator(tag) else "Private element"
    try:
        return str(dictionary_description(tag))
    except KeyError:
        return "Unknown element"
