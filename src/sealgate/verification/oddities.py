"""What no MAC covers and readers of a signed data set may meet, and signatures that are out of their place."""

from __future__ import annotations

from collections.abc import Iterator

from sealgate.dicom import tags, vr
from sealgate.dicom.scan import Carrier, Element, Notes, has_unfit_length, has_unknown_vr, walk_element
from sealgate.dicom.transfer_syntax import TransferSyntax
from sealgate.dicom.walk import Kind
from sealgate.signature.check import Problem
from sealgate.signature.reasons import Reason
from sealgate.signature.selection import is_signable
from sealgate.signature.uncovered import is_mac_parameter, is_tiff_directory, is_zero, uncovered
from sealgate.verification.fragments import check_fragments

_GROUP_LENGTH_BYTES = 4
_FIRST_GROUP = 0x0008
_DIRECTORY_GROUP = 0x0004
"""Elements of a DICOMDIR (PS3.3 annex F): they may not be signed, and they belong into one."""

_SIGNATURES_GROUP = 0xFFFA
_ELEMENTS = (Kind.ELEMENT, Kind.SEQUENCE, Kind.FRAGMENTS)
_LETTERS = range(ord("A"), ord("Z") + 1)
_NOTED = Notes.NEVER_SIGNED | Notes.CERTIFICATES | Notes.SIGNATURES


def noted_elements(data_set: Carrier) -> list[Element]:
    """The elements that the checks here look at; of most data sets there are hardly any."""
    return [
        element
        for element in data_set.others()
        if element.notes & _NOTED
        or element.tag >= 0xFFFA0000
        or element.tag < 0x00080002
        or not element.tag & 0xFFFF
        or element.tag == tags.MAC_PARAMETERS_SEQUENCE
    ]


def check_traces(data_set: Carrier, noted: list[Element]) -> Iterator[Problem]:
    """Signatures, or what is left of them, where no reader looks for one. Raises what `walk_element` raises."""
    has_signatures = has_parameters = False
    for element in noted:
        tag = element.tag
        if tag == tags.DIGITAL_SIGNATURES_SEQUENCE:
            has_signatures = True
        elif tag == tags.MAC_PARAMETERS_SEQUENCE:
            has_parameters = True
        elif tag >> 16 == _SIGNATURES_GROUP and tag & 0xFFFF:
            yield _hidden(tag)
        elif element.notes & _NOTED:
            yield from _nested(data_set, element)
    if has_parameters and not has_signatures:
        text = "there are MAC Parameters (4ffe,0001) without any signature: one may have been removed"
        yield Problem(reason=Reason.MAC_PARAMETERS_WITHOUT_SIGNATURE, text=text)


def _hidden(tag: int) -> Problem:
    text = f"a digital signature seems to be hidden in {tags.written(tag)}, where no reader looks for one"
    return Problem(reason=Reason.SIGNATURE_HIDDEN, text=text)


def _nested(data_set: Carrier, element: Element) -> Iterator[Problem]:
    """What no MAC covers inside of a sequence at the top level."""
    if element.notes & Notes.CERTIFICATES and not element.notes & Notes.SIGNATURES:
        yield _hidden(element.tag)
        return
    for reason, tag, outer in uncovered(data_set, [element]):
        if reason is Reason.SIGNATURE_HIDDEN:
            yield _hidden(tag)
        elif reason is Reason.SIGNATURE_OF_THE_PAST:
            text = "a signature inside Original Attributes Sequence (0400,0561) belongs to the past and is not verified"
            yield Problem(reason=reason, text=text)
        elif is_signable(element):  # else it is a matter of the element as a whole
            text = f"{tags.written(tag)} inside of {tags.written(outer)} is covered by no signature and does not belong"
            yield Problem(reason=reason, text=f"{text} there")


def check_oddities(data_set: Carrier, noted: list[Element], syntax: TransferSyntax) -> Iterator[Problem]:
    """What readers of a signed data set may meet although no MAC can cover it. Raises what `walk_element` raises."""
    for element in noted:
        if not is_signable(element):
            yield from _payload(data_set, element)
        if element.tag == tags.MAC_PARAMETERS_SEQUENCE and element.kind is Kind.SEQUENCE:
            yield from _foreign_parameters(data_set, element)
    yield from _misleading_headers(data_set)
    yield from check_fragments(data_set, syntax)


def _foreign_parameters(data_set: Carrier, sequence: Element) -> Iterator[Problem]:
    """What stands in the MAC parameters, which no MAC covers, and does not belong there."""
    for token in walk_element(data_set, sequence):
        if token.kind in _ELEMENTS and not is_mac_parameter(data_set.source, token):
            text = f"{tags.written(token.tag)} does not belong into the MAC Parameters (4ffe,0001), and is not signed"
            yield Problem(reason=Reason.UNSIGNED_PAYLOAD, text=text)
            return


def _misleading_headers(data_set: Carrier) -> Iterator[Problem]:
    """Elements that other readers take for shorter or longer ones, so that they go on in the middle of a value."""
    elements, others = data_set.elements, data_set.others()
    unknown = next((element for element in others if has_unknown_vr(data_set, element)), None)
    if unknown is not None:
        text = f"{tags.written(unknown.tag)} has, or contains, an element of unknown VR: readers differ in its length"
        yield Problem(reason=Reason.VR_UNKNOWN, text=text)
    if elements and not data_set.encoding.explicit:
        begin = elements[0].start
        if all(octet in _LETTERS for octet in data_set.source.view[begin + 4 : begin + 6]):
            text = (
                f"the length of {tags.written(elements[0].tag)} looks like a VR: readers may take all for explicit VR"
            )
            yield Problem(reason=Reason.ENCODING_AMBIGUOUS, text=text)
    unfit = next((element for element in others if has_unfit_length(data_set, element)), None)
    if unfit is not None:
        text = f"{tags.written(unfit.tag)} has, or contains, a value whose length is none that its VR can have"
        yield Problem(reason=Reason.VALUE_LENGTH_UNFIT, text=f"{text}, or is misread by some")


def _payload(data_set: Carrier, element: Element) -> Iterator[Problem]:
    tag, size = element.tag, element.value_end - element.value_start
    if tag >> 16 in (_SIGNATURES_GROUP, _DIRECTORY_GROUP) or tag == tags.MAC_PARAMETERS_SEQUENCE:
        return
    if tag == tags.DATA_SET_TRAILING_PADDING and element.kind is Kind.ELEMENT:
        span = (data_set.source, element.value_start, element.value_end)
        if is_tiff_directory(*span):
            text = f"the padding {tags.written(tag)} tells programs for TIFF what to show, and is not signed"
            yield Problem(reason=Reason.TIFF_DIRECTORY, text=text)
        elif not is_zero(*span):
            text = f"Data Set Trailing Padding {tags.written(tag)} holds something, and no signature covers it"
            yield Problem(reason=Reason.UNSIGNED_PAYLOAD, text=text)
        return
    is_length = tag & 0xFFFF == 0 or tag == tags.LENGTH_TO_END
    if is_length and tag >> 16 >= _FIRST_GROUP and element.vr is vr.UL and size == _GROUP_LENGTH_BYTES:
        return
    if _FIRST_GROUP <= tag >> 16 < _SIGNATURES_GROUP and not is_length:
        return  # unsignable by its VR: a matter of coverage
    text = f"{tags.written(tag)} does not belong into a data set, and no signature covers it"
    yield Problem(reason=Reason.UNSIGNED_PAYLOAD, text=text)
