"""Which elements of a carrier are signed (PS3.3 C.12.1.1.3.1.1): what may be, what is chosen, what stays out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sealgate.dicom import tags
from sealgate.dicom.scan import Carrier, Element, Notes, walk_element
from sealgate.dicom.transfer_syntax import TransferSyntax
from sealgate.dicom.walk import Kind
from sealgate.errors import CannotSign, ElementAbsent, ElementNotSignable, NothingSignable


def is_signable(element: Element) -> bool:
    """Whether an element of a carrier may be signed: by its tag, and by the VRs inside it (PS3.3 C.12.1.1.3.1.1)."""
    if tags.is_never_signed(element.tag) or element.notes & Notes.UNSIGNABLE:
        return False
    return element.kind is not Kind.ELEMENT or element.vr.signable


def signed_elements(carrier: Carrier, data_elements_signed: Iterable[int]) -> list[Element]:
    """The elements of the carrier that a list of tags names, in ascending tag order."""
    wanted = frozenset(data_elements_signed)
    return [element for element in carrier.in_tag_order() if element.tag in wanted]


def unsigned_elements(carrier: Carrier, data_elements_signed: Iterable[int]) -> tuple[int, ...]:
    """Tags of the elements of a carrier that a signature over some of them leaves out, its own sequences aside."""
    signed = frozenset(data_elements_signed)
    own = (tags.MAC_PARAMETERS_SEQUENCE, tags.DIGITAL_SIGNATURES_SEQUENCE)
    return tuple(
        sorted({e.tag for e in carrier.elements if e.tag not in signed and e.tag not in own and e.tag & 0xFFFF})
    )


def duplicate_tags(carrier: Carrier, elements: Iterable[Element]) -> list[int]:
    """Tags that stand twice in the carrier, or in one item inside `elements`: readers differ in what they show."""
    duplicates = carrier.duplicate_tags()
    for element in elements:
        if not duplicates and element.notes & (Notes.DUPLICATES | Notes.DISORDERED):
            duplicates = _nested_duplicate_tags(carrier, element)
    return duplicates


def _nested_duplicate_tags(carrier: Carrier, element: Element) -> list[int]:
    """Tags that stand twice in one item inside a sequence."""
    seen: list[set[int]] = []
    duplicates: set[int] = set()
    for token in walk_element(carrier, element):
        if token.kind is Kind.ITEM:
            seen.append(set())
        elif token.kind is Kind.ITEM_END:
            seen.pop()
        elif token.kind in (Kind.ELEMENT, Kind.SEQUENCE, Kind.FRAGMENTS) and seen:
            if token.tag in seen[-1]:
                duplicates.add(token.tag)
            seen[-1].add(token.tag)
    return sorted(duplicates)


def chosen_elements(carrier: Carrier, syntax: TransferSyntax, wanted: Sequence[int] | None) -> list[Element]:
    """The elements to be signed, in ascending tag order: all that may be, or the `wanted` ones.

    Raises ElementAbsent, ElementNotSignable, NothingSignable and CannotSign.
    """
    if wanted is None:
        chosen = [e for e in carrier.in_tag_order() if is_signable(e) and _has_certain_vr(carrier, e)]
    else:
        present = {element.tag: element for element in carrier.in_tag_order()}
        for tag in wanted:
            if tag not in present:
                raise ElementAbsent(f"{tags.written(tag)} is to be signed, but is not in the data set")
            if not is_signable(present[tag]):
                raise ElementNotSignable(f"{tags.written(tag)} is to be signed, but its tag or VR does not allow that")
        chosen = [present[tag] for tag in sorted(set(wanted))]
    if not chosen:
        raise NothingSignable("the data set has no element that may be signed")
    for element in chosen:
        if element.tag == tags.PIXEL_DATA and (element.kind is Kind.FRAGMENTS) is not syntax.encapsulated:
            raise CannotSign(f"the pixel data does not fit the transfer syntax {syntax.uid}")
    return chosen


def _has_certain_vr(carrier: Carrier, element: Element) -> bool:
    """Whether every reader takes the element for the same VR.

    In implicit VR that depends on the reader's dictionary for private elements, and the VR enters the MAC.
    """
    if carrier.encoding.explicit:
        return True
    return not element.notes & Notes.PRIVATE and (
        not tags.is_private(element.tag) or tags.is_private_creator(element.tag)
    )
