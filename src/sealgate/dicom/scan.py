"""Scan of a carrier: the elements of one data set or item (where a signature may stand), and what is inside them.

Only the elements at the level of the carrier are kept; of what is inside their sequences the scan keeps notes. So
memory grows neither with values nor with nesting.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from sealgate.dicom import tags, vr
from sealgate.dicom.dictionary import STANDARD, Dictionary
from sealgate.dicom.limits import DEFAULT_SCAN_LIMITS, ScanLimits
from sealgate.dicom.source import Source
from sealgate.dicom.transfer_syntax import Encoding
from sealgate.dicom.vr import VR
from sealgate.dicom.walk import Kind, Token, walk, walk_fragments, walk_sequence
from sealgate.errors import LimitExceeded


class Notes:
    """What the scan noticed inside an element (at any depth), or among the elements of a carrier.

    Plain numbers to be combined by `|`: an IntFlag costs half a microsecond at each element.
    """

    UNSIGNABLE = 1
    """An element with VR UN or an unknown VR: the sequence around it may not be signed as a whole."""
    DISORDERED = 2
    """Tags of one data set or item do not ascend."""
    DUPLICATES = 4
    """One tag twice in a data set or item, next to each other."""
    SIGNATURES = 8
    """A Digital Signatures Sequence inside an item, or an element of another VR with its tag."""
    PRIVATE = 16
    """A private element other than a private creator."""
    DEEP = 32
    """A sequence that is an element of an item."""
    NEVER_SIGNED = 64
    """An element inside an item that no MAC ever covers, whatever the list of signed elements says."""
    CERTIFICATES = 128
    """A Certificate of Signer inside an item: what is around it is, or looks like, a signature."""
    UNKNOWN_VR = 256
    """An element in explicit VR whose VR is none of those known here: readers differ in where its value ends."""
    FRAGMENTS = 512
    """An element inside an item whose value is encapsulated in fragments."""
    UNFIT_LENGTH = 1024
    """An element inside an item with a value of an unfit length (see `is_unfit`)."""


class Element(NamedTuple):
    """One element of a carrier: where its header, value and delimiter stand."""

    tag: int
    vr: VR
    kind: Kind
    start: int
    value_start: int
    value_end: int
    """End of the value; before the delimiter where the length is undefined."""
    end: int
    notes: int
    undefined_length: bool


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
    dictionary: Dictionary = field(default=STANDARD, repr=False, compare=False)
    """What gives the VRs of implicit VR, here and in nested items."""

    def element(self, tag: int) -> Element | None:
        """First element with `tag`, or None."""
        return next((element for element in self.elements if element.tag == tag), None)

    def in_tag_order(self) -> list[Element]:
        """Elements in ascending tag order; of equal tags the first stays, as dcmsign has it."""
        if not self.notes & (Notes.DISORDERED | Notes.DUPLICATES):
            return self.elements
        first: dict[int, Element] = {}
        for element in self.elements:
            first.setdefault(element.tag, element)
        return [first[tag] for tag in sorted(first)]

    def duplicate_tags(self) -> list[int]:
        """Tags that stand more than once among the elements."""
        if not self.notes & (Notes.DISORDERED | Notes.DUPLICATES):
            return []
        seen: set[int] = set()
        return sorted({e.tag for e in self.elements if e.tag in seen or seen.add(e.tag)})  # type: ignore[func-returns-value]


_MISREAD_LENGTH = 13
"""Bytes. An old program wrote 13 where the value has 10, and GDCM corrects it, in correct files too."""


def is_unfit(tag: int, element_vr: VR, length: int, encoding: Encoding) -> bool:
    """Whether readers may be led astray by the length of a value: a number without its last bytes, or 13.

    Other odd lengths (PS3.5 7.1.1) stand in badly written files and are read as they are. What a private element is
    in implicit VR is too uncertain to say how long it has to be.
    """
    if length == _MISREAD_LENGTH:
        return True
    is_number = element_vr.padding is vr.Padding.NUL and (encoding.explicit or not tag & 0x10000)
    return is_number and length % element_vr.width != 0


def has_unknown_vr(carrier: Carrier, element: Element) -> bool:
    """Whether an element of the carrier, or one inside of it, is in explicit VR and has no VR known here."""
    own = not element.vr.signable and element.vr is not vr.UN and carrier.encoding.explicit
    return own or bool(element.notes & Notes.UNKNOWN_VR)


def has_unfit_length(carrier: Carrier, element: Element) -> bool:
    """Whether the value of an element of the carrier, or of one inside of it, has an unfit length."""
    if element.kind is not _ELEMENT:
        return bool(element.notes & Notes.UNFIT_LENGTH)
    return is_unfit(element.tag, element.vr, element.value_end - element.value_start, carrier.encoding)


def inner_encoding(element: Element, encoding: Encoding) -> Encoding:
    """Encoding of the items of a sequence that stands in a data set or item encoded as `encoding`."""
    return Encoding.IMPLICIT_LE if element.vr is vr.UN else encoding


def walk_element(carrier: Carrier, element: Element, limits: ScanLimits = DEFAULT_SCAN_LIMITS) -> Iterator[Token]:
    """Tokens inside a sequence or inside encapsulated pixel data; its own header and end are left out.

    Raises MalformedDataSet, Truncated and LimitExceeded.
    """
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
        self._tokens = walk(source, encoding, start, end, limits, dictionary)
        self._nested = _Nested()
        self._notes = 0
        self._last_tag = -1
        self.elements: list[Element] = []
        """Elements that are complete as far as their headers go."""

    def advance(self) -> bool:
        """Scan as far as the bytes reach; True when the carrier is complete.

        Raises MalformedDataSet, Truncated and LimitExceeded.
        """
        append = self.elements.append
        nested = self._nested
        for token in self._tokens:
            kind, tag, element_vr, start, value_start, value_end, _ = token
            if nested.depth:
                if kind is _STARVED_KIND:
                    return False
                closed = nested.read(token)
                if closed is not None:
                    append(closed)
                    self._order(closed.tag)
            elif kind is _ELEMENT:
                append(Element(tag, element_vr, kind, start, value_start, value_end, value_end, 0, False))  # type: ignore[arg-type]
                if tag <= self._last_tag:
                    self._order(tag)
                else:
                    self._last_tag = tag
            elif kind is _STARVED_KIND:
                return False
            else:
                nested.open(token, self._encoding, self._source)
            if len(self.elements) > self._limits.max_top_level_elements:
                raise LimitExceeded("elements of a data set", len(self.elements), self._limits.max_top_level_elements)
        return True

    def _order(self, tag: int) -> None:
        if tag == self._last_tag:
            self._notes |= Notes.DUPLICATES
        elif tag < self._last_tag:
            self._notes |= Notes.DISORDERED
        self._last_tag = max(tag, self._last_tag)

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
            dictionary=self._dictionary,
        )


_ELEMENT = Kind.ELEMENT
_STARVED_KIND = Kind.STARVED


class _Nested:
    """What is inside the sequence or pixel data that is open at the level of the carrier."""

    def __init__(self) -> None:
        self.depth = 0
        self._notes = 0
        self._opened: Token | None = None
        self._source: Source | None = None
        self._vr = vr.SQ
        self._last_tags: list[int] = []

    def open(self, token: Token, encoding: Encoding, source: Source) -> None:
        """Begin with the header of a sequence or of encapsulated pixel data."""
        self.depth = 1
        self._notes = 0
        self._opened = token
        self._source = source
        self._vr = token.vr
        self._last_tags = []
        if token.kind is Kind.SEQUENCE and encoding.explicit:
            # UN of undefined length is a sequence too, and has to be told apart: its items are in implicit VR.
            code = bytes(source.view[token.start + 4 : token.start + 6])
            self._vr = vr.SQ if code == b"SQ" else vr.UN
            if code not in vr.BY_CODE:
                self._notes = Notes.UNKNOWN_VR

    def read(self, token: Token) -> Element | None:
        """Take a token; gives the whole element when it has come to its end."""
        kind, tag = token.kind, token.tag
        if kind is _ELEMENT or kind is Kind.SEQUENCE or kind is Kind.FRAGMENTS:
            self._note(kind, tag, token)
        if kind is Kind.ITEM:
            self._last_tags.append(-1)
        elif kind is Kind.ITEM_END:
            self._last_tags.pop()
        if kind in _OPENING:
            self.depth += 1
        elif kind in _CLOSING:
            self.depth -= 1
            if self.depth == 0:
                return self._element(token)
        return None

    def _note(self, kind: Kind, tag: int, token: Token) -> None:
        _, _, element_vr, start, value_start, value_end, encoding = token
        last = self._last_tags[-1]
        if tag == last:
            self._notes |= Notes.DUPLICATES
        elif tag < last:
            self._notes |= Notes.DISORDERED
        else:
            self._last_tags[-1] = tag
        if not element_vr.signable:
            self._notes |= Notes.UNSIGNABLE
            if encoding.explicit and element_vr is not vr.UN:
                self._notes |= Notes.UNKNOWN_VR
        if tag & 0x10000 and not 0x10 <= tag & 0xFFFF <= 0xFF:
            self._notes |= Notes.PRIVATE
        if tag & 0xFFFF == 0 or tag < 0x00080002 or tag >= tags.MAC_PARAMETERS_SEQUENCE:
            if tags.is_never_signed(tag):
                self._notes |= Notes.NEVER_SIGNED
                if tag == tags.DIGITAL_SIGNATURES_SEQUENCE:
                    self._notes |= Notes.SIGNATURES
        elif tag == tags.CERTIFICATE_OF_SIGNER:
            self._notes |= Notes.CERTIFICATES
        if value_end is None:
            self._note_undefined_length(kind, start, encoding)
        elif kind is Kind.SEQUENCE:
            self._notes |= Notes.DEEP
        else:
            length = value_end - value_start
            if (length == _MISREAD_LENGTH or length % element_vr.width) and is_unfit(tag, element_vr, length, encoding):
                self._notes |= Notes.UNFIT_LENGTH

    def _note_undefined_length(self, kind: Kind, start: int, encoding: Encoding) -> None:
        """Note a sequence, which may be said to be of any VR that is not known, or fragments."""
        if kind is Kind.FRAGMENTS:
            self._notes |= Notes.FRAGMENTS
            return
        self._notes |= Notes.DEEP
        assert self._source is not None
        if encoding.explicit and bytes(self._source.view[start + 4 : start + 6]) not in vr.BY_CODE:
            self._notes |= Notes.UNKNOWN_VR

    def _element(self, closing: Token) -> Element:
        opened = self._opened
        assert opened is not None
        assert closing.value_end is not None
        return Element(
            opened.tag,
            self._vr,
            opened.kind,
            opened.start,
            opened.value_start,
            closing.value_start,
            closing.value_end,
            self._notes,
            opened.value_end is None,
        )


_OPENING = frozenset((Kind.SEQUENCE, Kind.ITEM, Kind.FRAGMENTS))
_CLOSING = frozenset((Kind.SEQUENCE_END, Kind.ITEM_END, Kind.FRAGMENTS_END))


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
