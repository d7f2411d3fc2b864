"""What stands inside of sequences although no MAC ever covers it, and should not be there or should be empty.

Elements that are never signed (PS3.3 C.12.1.1.3.1.1) can be added to the items of a signed sequence at will. Signature
sequences of inner signatures, padding of zeros and group lengths that are right belong there; all else is odd.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

from sealgate.dicom import tags, vr
from sealgate.dicom.scan import Carrier, Element, Notes, walk_element
from sealgate.dicom.source import Source
from sealgate.dicom.walk import Kind, Token
from sealgate.signature.reasons import Reason

_GROUP_LENGTH_BYTES = 4
_OPENING = frozenset((Kind.SEQUENCE, Kind.FRAGMENTS))
_CLOSING = frozenset((Kind.SEQUENCE_END, Kind.FRAGMENTS_END))
_ELEMENTS = frozenset((Kind.ELEMENT, Kind.SEQUENCE, Kind.FRAGMENTS))


def is_zero(source: Source, start: int, end: int) -> bool:
    """Whether the bytes from `start` to `end` are all zero."""
    return all(not any_set(window) for window in source.windows(start, end))


def any_set(window: memoryview) -> bool:
    """Whether a byte of a window is not zero."""
    return bytes(window).count(0) < len(window)


_TIFF_ENTRY_BYTES = 12
_TIFF_TYPES = range(1, 13)


def is_tiff_directory(source: Source, start: int, end: int) -> bool:
    """Whether padding is one Image File Directory of TIFF 6.0 and nothing else.

    Files that are DICOM and TIFF at once have it there (PS3.10 7.1); it cannot hold more than a few numbers.
    """
    if end - start < 2 + _TIFF_ENTRY_BYTES + 4:
        return False
    for order in "<>":
        (count,) = struct.unpack(order + "H", source.view[start : start + 2])
        size = 2 + count * _TIFF_ENTRY_BYTES + 4
        if not size <= end - start <= size + 1 or any(source.view[start + size - 4 : end]):
            continue
        entries = [
            struct.unpack_from(order + "HH", source.view, start + 2 + number * _TIFF_ENTRY_BYTES)
            for number in range(count)
        ]
        numbers = [entry[0] for entry in entries]
        if numbers == sorted(set(numbers)) and all(entry[1] in _TIFF_TYPES for entry in entries):
            return True
    return False


_PARAMETERS = {
    tags.MAC_ID_NUMBER: vr.US,
    tags.MAC_CALCULATION_TRANSFER_SYNTAX_UID: vr.UI,
    tags.MAC_ALGORITHM: vr.BY_NAME["CS"],
    tags.DATA_ELEMENTS_SIGNED: vr.BY_NAME["AT"],
}
"""What an item of MAC Parameters Sequence has (PS3.3 table C.12-6); its group length and padding aside."""


def is_mac_parameter(source: Source, token: Token) -> bool:
    """Whether an element belongs into an item of MAC Parameters Sequence."""
    tag = token.tag
    if token.kind is not Kind.ELEMENT or token.value_end is None:
        return False
    if tag == tags.DATA_SET_TRAILING_PADDING:
        return is_zero(source, token.value_start, token.value_end)
    if tag == tags.MAC_ID_NUMBER & 0xFFFF0000:
        return token.vr is vr.UL and token.value_end - token.value_start == _GROUP_LENGTH_BYTES
    return _PARAMETERS.get(tag) is token.vr


class _Item:
    """An item that is being walked through."""

    __slots__ = ("group_length", "has_signatures", "parameters")

    def __init__(self) -> None:
        self.group_length: tuple[int, int, int] | None = None
        """Tag of a group length, the length that it says, and where that is counted from."""
        self.parameters = False
        self.has_signatures = False


class _Walk:
    """Walk through one sequence; collects (reason, tag)."""

    def __init__(self, source: Source, outermost: int) -> None:
        self._source = source
        self._items: list[_Item] = []
        self._sequences = [outermost]
        self._skipped = 0
        self._in_parameters = False
        self.found: list[tuple[Reason, int]] = []

    def read(self, token: Token) -> None:
        """Take the next token."""
        kind, tag = token.kind, token.tag
        if self._skipped:  # inside of a sequence of which all was said
            if self._in_parameters and kind in _ELEMENTS and not is_mac_parameter(self._source, token):
                self._add(Reason.NESTED_ELEMENT_NOT_SIGNED, tag)
            self._skipped += (kind in _OPENING) - (kind in _CLOSING)
            return
        if kind in _ELEMENTS:
            self._end_group(token.start, tag >> 16)
            if tag == tags.CERTIFICATE_OF_SIGNER:
                self._add(Reason.SIGNATURE_HIDDEN, self._sequences[-1])
            elif tags.is_never_signed(tag):
                self._never_signed(token)
                self._skipped = int(kind in _OPENING)
                self._in_parameters = tag == tags.MAC_PARAMETERS_SEQUENCE
            elif kind is Kind.SEQUENCE:
                self._sequences.append(tag)
        elif kind is Kind.SEQUENCE_END and len(self._sequences) > 1:
            self._sequences.pop()
        elif kind is Kind.ITEM:
            self._items.append(_Item())
        elif kind is Kind.ITEM_END:
            self._end_group(token.value_start, -1)
            item = self._items.pop()
            if item.parameters and not item.has_signatures:
                self._add(Reason.NESTED_ELEMENT_NOT_SIGNED, tags.MAC_PARAMETERS_SEQUENCE)

    def _add(self, reason: Reason, tag: int) -> None:
        if all(known is not reason for known, _ in self.found):
            self.found.append((reason, tag))

    def _never_signed(self, token: Token) -> None:
        item, tag = self._items[-1], token.tag
        if tag == tags.DIGITAL_SIGNATURES_SEQUENCE:
            item.has_signatures = True
            if tags.ORIGINAL_ATTRIBUTES_SEQUENCE in self._sequences:
                self._add(Reason.SIGNATURE_OF_THE_PAST, tag)
            return
        if tag == tags.MAC_PARAMETERS_SEQUENCE and token.kind is Kind.SEQUENCE:
            item.parameters = True
            return
        if token.kind is Kind.ELEMENT and token.value_end is not None:
            start, end = token.value_start, token.value_end
            if tag == tags.DATA_SET_TRAILING_PADDING and is_zero(self._source, start, end):
                return  # dcmconv puts some into items as well
            if tag & 0xFFFF == 0 and token.vr is vr.UL and end - start == _GROUP_LENGTH_BYTES:
                (length,) = struct.unpack(token.encoding.order + "L", self._source.view[start:end])
                item.group_length = (tag, length, end)
                return
        self._add(Reason.NESTED_ELEMENT_NOT_SIGNED, tag)

    def _end_group(self, position: int, group: int) -> None:
        """Hold a group length against the length that its group has, when the group ends at `position`."""
        item = self._items[-1]
        if item.group_length is None or item.group_length[0] >> 16 == group:
            return
        tag, length, start = item.group_length
        if position - start != length:
            self._add(Reason.NESTED_ELEMENT_NOT_SIGNED, tag)
        item.group_length = None


def uncovered(carrier: Carrier, elements: Iterable[Element]) -> Iterator[tuple[Reason, int, int]]:
    """(reason, tag, tag of the element of the carrier around it), the first of each reason in each element.

    Only elements of which the scan noted something are walked through. Raises what `walk_element` raises.
    """
    for element in elements:
        if element.kind is Kind.SEQUENCE and element.notes & (Notes.NEVER_SIGNED | Notes.CERTIFICATES):
            walk = _Walk(carrier.source, element.tag)
            for token in walk_element(carrier, element):
                walk.read(token)
            for reason, tag in walk.found:
                yield reason, tag, element.tag
