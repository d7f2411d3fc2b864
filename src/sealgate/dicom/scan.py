"""Scan of a carrier: the elements of one data set or item (where a signature may stand), and what is inside them.

The elements at the level of the carrier are kept; of what is inside their sequences the scan keeps notes, and the first
thousand headers. So memory grows neither with values nor with nesting.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from sealgate.dicom import vr
from sealgate.dicom.dictionary import STANDARD, Dictionary
from sealgate.dicom.elements import Element as Element
from sealgate.dicom.elements import Notes as Notes
from sealgate.dicom.elements import is_unfit
from sealgate.dicom.limits import DEFAULT_SCAN_LIMITS, ScanLimits
from sealgate.dicom.nested import Nested
from sealgate.dicom.plain import MIN_HEADER_BYTES, read_plain
from sealgate.dicom.source import WINDOW_BYTES, Source
from sealgate.dicom.transfer_syntax import Encoding
from sealgate.dicom.walk import Kind, Token, Walker, item_frame, walk_fragments, walk_sequence
from sealgate.errors import LimitExceeded


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One item of a sequence."""

    start: int
    value_start: int
    value_end: int
    end: int
    encoding: Encoding

    @property
    def undefined_length(self) -> bool:
        """Whether an Item Delimitation Item ends it."""
        return self.end != self.value_end


@dataclass(frozen=True, slots=True, kw_only=True)
class Carrier:
    """A data set or item with its elements, in the order of the bytes."""

    source: Source
    encoding: Encoding
    start: int
    end: int
    elements: list[Element] = field(repr=False)
    notes: int
    nested_notes: int = 0
    """What was noticed inside any of the elements."""
    plain: tuple[tuple[int, int], ...] = field(default=(), repr=False)
    """Runs [first, beyond) of elements, as indices, that are plain and follow each other (see `dicom.plain`)."""
    kept: Mapping[int, list[Token]] = field(default_factory=dict, repr=False, compare=False)
    """What is inside of small sequences, by the offset at which they start."""
    dictionary: Dictionary = field(default=STANDARD, repr=False, compare=False)
    """What gives the VRs of implicit VR, here and in nested items."""

    @property
    def is_in_order(self) -> bool:
        """Whether the tags of the elements ascend and none stands twice."""
        return not self.notes & (Notes.DISORDERED | Notes.DUPLICATES)

    @property
    def has_nested_disorder(self) -> bool:
        """Whether in an item inside one of the elements tags do not ascend, or one stands twice."""
        return bool(self.nested_notes & (Notes.DISORDERED | Notes.DUPLICATES))

    def element(self, tag: int) -> Element | None:
        """First element with `tag`, or None."""
        if not self.is_in_order:
            return next((element for element in self.elements if element.tag == tag), None)
        index = self.index_from(tag)
        return self.elements[index] if index < len(self.elements) and self.elements[index].tag == tag else None

    def index_from(self, tag: int) -> int:
        """Where in the elements those begin that have `tag` or a higher one; only where they are in order."""
        return bisect_left(self.elements, (tag,))

    def others(self) -> list[Element]:
        """The elements that are not plain: there is something about them that a check has to look at."""
        found, position = [], 0
        for first, beyond in self.plain:
            found += self.elements[position:first]
            position = beyond
        return found + self.elements[position:]

    def plain_and(self, keep: Callable[[Element], bool]) -> list[Element]:
        """The plain elements, and of the others those that `keep` says yes to, in ascending tag order."""
        if not self.is_in_order:
            return [element for element in self.in_tag_order() if keep(element)]
        found: list[Element] = []
        position = 0
        for first, beyond in (*self.plain, (len(self.elements), 0)):
            found += filter(keep, self.elements[position:first])
            found += self.elements[first:beyond]
            position = beyond
        return found

    def in_tag_order(self) -> list[Element]:
        """Elements in ascending tag order; of equal tags the first stays, as dcmsign has it."""
        if self.is_in_order:
            return self.elements
        first: dict[int, Element] = {}
        for element in self.elements:
            first.setdefault(element.tag, element)
        return [first[tag] for tag in sorted(first)]

    def duplicate_tags(self) -> list[int]:
        """Tags that stand more than once among the elements."""
        if self.is_in_order:
            return []
        seen: set[int] = set()
        return sorted({e.tag for e in self.elements if e.tag in seen or seen.add(e.tag)})  # type: ignore[func-returns-value]


def has_unknown_vr(carrier: Carrier, element: Element) -> bool:
    """Whether an element of the carrier, or one inside of it, is in explicit VR and has no VR known here."""
    own = not element.vr.signable and element.vr is not vr.UN and carrier.encoding.explicit
    return own or bool(element.notes & Notes.UNKNOWN_VR)


def has_unfit_length(carrier: Carrier, element: Element) -> bool:
    """Whether the value of an element of the carrier, or of one inside of it, has an unfit length."""
    if element.kind is not Kind.ELEMENT:
        return bool(element.notes & Notes.UNFIT_LENGTH)
    return is_unfit(element.tag, element.vr, element.value_end - element.value_start, carrier.encoding)


def inner_encoding(element: Element, encoding: Encoding) -> Encoding:
    """Encoding of the items of a sequence that stands in a data set or item encoded as `encoding`."""
    return Encoding.IMPLICIT_LE if element.vr is vr.UN else encoding


def walk_element(carrier: Carrier, element: Element, limits: ScanLimits = DEFAULT_SCAN_LIMITS) -> Iterator[Token]:
    """Tokens inside a sequence or inside encapsulated pixel data; its own header and end are left out.

    Raises MalformedDataSet, Truncated and LimitExceeded.
    """
    kept = carrier.kept.get(element.start)
    if kept is not None:
        carrier.source.spend(len(kept) + 1)  # as many headers as would be read, the end included
        return iter(kept)
    if element.kind is Kind.FRAGMENTS:
        return walk_fragments(carrier.source, carrier.encoding, element.tag, element.value_start, element.end, limits)
    encoding = inner_encoding(element, carrier.encoding)
    start, end = element.value_start, element.value_end
    return walk_sequence(carrier.source, encoding, element.tag, start, end, limits, carrier.dictionary)


def items(carrier: Carrier, element: Element) -> Iterator[Item]:
    """The items of a sequence, without what is inside them."""
    opened: list[Token] = []
    for token in walk_element(carrier, element):
        if token.kind is Kind.ITEM:
            opened.append(token)
        elif token.kind is Kind.ITEM_END:
            item = opened.pop()
            if not opened:
                assert token.value_end is not None
                yield Item(
                    start=item.start,
                    value_start=item.value_start,
                    value_end=token.value_start,
                    end=token.value_end,
                    encoding=item.encoding,
                )


class Scan:
    """Scan of one carrier that can be continued while its source grows."""

    def __init__(
        self,
        source: Source,
        encoding: Encoding,
        start: int = 0,
        end: int | None = None,
        limits: ScanLimits = DEFAULT_SCAN_LIMITS,
        dictionary: Dictionary = STANDARD,
    ) -> None:
        self._limits = limits
        self._dictionary = dictionary
        self._source = source
        self._encoding = encoding
        self._start = start
        self._end = end
        self._walker = Walker(source, item_frame(start, end, encoding, dictionary), limits, dictionary)
        self._tokens = self._walker.tokens()
        self._nested = Nested(source, encoding)
        self._nested_notes = 0
        self._notes = 0
        self._last_tag = -1
        self._is_starved = False
        self._plain: list[tuple[int, int]] = []
        self.elements: list[Element] = []
        """Elements that are complete as far as their headers go."""

    def advance(self) -> bool:
        """Scan as far as the bytes reach; True when the carrier is complete.

        Raises MalformedDataSet, Truncated and LimitExceeded.
        """
        nested, tokens = self._nested, self._tokens
        has_plain = self._encoding is _EXPLICIT_LE
        while True:
            if nested.is_open:
                element = nested.read(tokens)
                if element is None:
                    return False
                self._nested_notes |= element.notes
                self._append(element)
            else:
                if has_plain and not self._is_starved:  # else the walk goes on in the middle of a header
                    self._read_plain()
                token = next(tokens, None)
                if token is None:
                    return True
                self._is_starved = False
                kind, tag, element_vr, start, value_start, value_end, _ = token
                if kind is _ELEMENT:
                    assert value_end is not None
                    self._append(Element(tag, element_vr, kind, start, value_start, value_end, value_end, 0, False))
                elif kind is _STARVED:
                    self._is_starved = True
                    return False
                else:
                    nested.open(token)

    def _append(self, element: Element) -> None:
        self.elements.append(element)
        tag = element.tag
        if tag > self._last_tag:
            self._last_tag = tag
        elif tag == self._last_tag:
            self._notes |= Notes.DUPLICATES
        else:
            self._notes |= Notes.DISORDERED
        self._check_count()

    def _check_count(self) -> None:
        count, allowed = len(self.elements), self._limits.max_top_level_elements
        if count > allowed:
            raise LimitExceeded("elements of a data set", count, allowed)

    def _read_plain(self) -> None:
        """Read the plain elements that come next, within one window, and at most one more than are allowed."""
        walker, elements = self._walker, self.elements
        first, position, view = len(elements), walker.position, self._source.view
        room = MIN_HEADER_BYTES * (self._limits.max_top_level_elements - first + 1)
        limit = min(len(view) if self._end is None else self._end, len(view), position + min(room, WINDOW_BYTES))
        walker.position = read_plain(view, position, limit, self._last_tag, elements.append)
        beyond = len(elements)
        if beyond == first:
            return
        self._check_count()
        walker.work.spend(beyond - first)
        self._last_tag = elements[-1].tag
        if self._plain and self._plain[-1][1] == first:
            first, _ = self._plain.pop()
        self._plain.append((first, beyond))

    def carrier(self) -> Carrier:
        """The carrier, once `advance` has returned True."""
        end = self.elements[-1].end if self.elements else self._start
        return Carrier(
            source=self._source,
            encoding=self._encoding,
            start=self._start,
            end=end,
            elements=self.elements,
            notes=self._notes,
            nested_notes=self._nested_notes,
            plain=tuple(self._plain),
            kept=self._nested.kept,
            dictionary=self._dictionary,
        )


_ELEMENT, _STARVED = Kind.ELEMENT, Kind.STARVED
_EXPLICIT_LE = Encoding.EXPLICIT_LE


def scan(
    source: Source,
    encoding: Encoding,
    start: int = 0,
    end: int | None = None,
    limits: ScanLimits = DEFAULT_SCAN_LIMITS,
    dictionary: Dictionary = STANDARD,
) -> Carrier:
    """Scan the whole data set, or the item content between `start` and `end`, of a complete source.

    `dictionary` gives the VRs of implicit VR.

    Raises MalformedDataSet, Truncated and LimitExceeded; ValueError where the source is still growing.
    """
    if not source.complete:
        raise ValueError("scan needs a complete source; use Scan for one that grows")
    whole = Scan(source, encoding, start, end, limits, dictionary)
    whole.advance()
    return whole.carrier()


def scan_item(carrier: Carrier, item: Item, limits: ScanLimits = DEFAULT_SCAN_LIMITS) -> Carrier:
    """Scan the content of one item of a sequence of `carrier`."""
    return scan(carrier.source, item.encoding, item.value_start, item.value_end, limits, carrier.dictionary)
