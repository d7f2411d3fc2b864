"""Which elements of a carrier are signed (PS3.3 C.12.1.1.3.1.1): what may be, what is chosen, what stays out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sealgate.dicom import tags
from sealgate.dicom.scan import Carrier, Element, Notes, walk_element
from sealgate.dicom.transfer_syntax import TransferSyntax
from sealgate.dicom.walk import Kind
from sealgate.errors import CannotSign, ElementAbsent, ElementNotSignable


def is_signable(element: Element) -> bool:
    """Whether an element of a carrier may be signed: by its tag, and by the VRs inside it (PS3.3 C.12.1.1.3.1.1)."""
    if tags.is_never_signed(element.tag) or element.notes & Notes.UNSIGNABLE:
        return False
    return element.kind is not Kind.ELEMENT or element.vr.signable


def signed_elements(carrier: Carrier, data_elements_signed: Iterable[int]) -> list[Element]:
    """The elements of the carrier that a list of tags names, in ascending tag order."""
    wanted = frozenset(data_elements_signed)
    return [element for element in carrier.in_tag_order() if element.tag in wanted]


def unsigned_elements(carrier: Carrier, signed: Sequence[Element]) -> tuple[int, ...]:
    """Tags of the elements of a carrier that a signature over some of them leaves out, its own sequences aside."""
    if len(signed) == len(carrier.elements):
        return ()
    own = (tags.MAC_PARAMETERS_SEQUENCE, tags.DIGITAL_SIGNATURES_SEQUENCE)
    left_out = {element.tag for element in carrier.elements}.difference([element.tag for element in signed], own)
    return tuple(sorted(tag for tag in left_out if tag & 0xFFFF))


def duplicate_tags(carrier: Carrier, elements: Iterable[Element]) -> list[int]:
    """Tags that stand twice in the carrier, or in one item inside `elements`: readers differ in what they show."""
    duplicates = carrier.duplicate_tags()
    if not carrier.has_nested_disorder:
        return duplicates
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


def chosen_elements(
    carrier: Carrier,
    wanted: Sequence[int] | None,
    demanded: Sequence[Element] = (),
    *,
    private_in_implicit_vr: bool = False,
) -> list[Element]:
    """The elements to be signed, in ascending tag order: all that may be, or the `wanted` ones and the `demanded` ones.

    Of an implicit VR carrier private elements are left out where all are signed, unless `private_in_implicit_vr`: their
    VR enters the MAC, and depends on the dictionary of each reader.
    Raises ElementNotSignable. What of the wanted ones is not there is passed over; see `refuse_absent`.
    """
    needed = {element.tag for element in demanded}
    if wanted is None:
        chosen = carrier.plain_and(
            lambda element: (
                element.tag in needed
                or (is_signable(element) and (private_in_implicit_vr or _has_certain_vr(carrier, element)))
            )
        )
    else:
        needed.update(wanted)
        chosen = [element for element in carrier.in_tag_order() if element.tag in needed]
    for element in chosen if needed else ():
        if not is_signable(element):
            tag = tags.written(element.tag)
            raise ElementNotSignable(f"{tag} is to be signed, but its tag or VR does not allow that")
    return chosen


def refuse_absent(wanted: Iterable[int], chosen: Iterable[Element]) -> None:
    """Raise ElementAbsent where one of the `wanted` tags is not among the elements."""
    absent = frozenset(wanted).difference(element.tag for element in chosen)
    if absent:
        raise ElementAbsent(f"{tags.written(min(absent))} is to be signed, but is not in the data set")


def refuse_unfit_pixel_data(chosen: Sequence[Element], syntax: TransferSyntax, *, in_item: bool) -> None:
    """Raise CannotSign where pixel data is encapsulated in a transfer syntax that is not, or the reverse.

    In an item, native pixel data may stand in any transfer syntax (PS3.5 A.4): that of an icon, for example.
    """
    for element in reversed(chosen):
        if element.tag < tags.PIXEL_DATA:
            return
        if element.tag != tags.PIXEL_DATA:
            continue
        is_encapsulated = element.kind is Kind.FRAGMENTS
        if is_encapsulated is not syntax.encapsulated and (is_encapsulated or not in_item):
            raise CannotSign(f"the pixel data does not fit the transfer syntax {syntax.uid}")


def _has_certain_vr(carrier: Carrier, element: Element) -> bool:
    """Whether every reader takes the element for the same VR.

    In implicit VR that depends on the reader's dictionary for private elements, and the VR enters the MAC.
    """
    if carrier.encoding.explicit:
        return True
    return not element.notes & Notes.PRIVATE and (
        not tags.is_private(element.tag) or tags.is_private_creator(element.tag)
    )
