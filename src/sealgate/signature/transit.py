"""Which signatures a change of the transfer syntax would break, although every value stays the same.

The VR of an element is part of the MAC. Implicit VR does not carry it: readers take it from their dictionaries, which
make OW of OB pixel data and know few private elements. And explicit VR makes UN of values too long for a short VR.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from sealgate.dicom import encode, tags, vr
from sealgate.dicom.dictionary import ImplicitContext
from sealgate.dicom.location import Location, signature_carriers
from sealgate.dicom.scan import Carrier, inner_encoding, walk_element
from sealgate.dicom.transfer_syntax import Encoding
from sealgate.dicom.unknown import first_words
from sealgate.dicom.walk import Kind, Token
from sealgate.signature.model import digital_signatures, mac_parameters
from sealgate.signature.stream import signature_item_elements


class Risk(IntEnum):
    """What becomes of the MAC of a signature over an element."""

    NONE = 0
    READER = 1
    """It is the same only for readers whose dictionary has the private element, as the one at hand has."""
    CERTAIN = 2
    """It changes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndangeredSignature:
    """A signature that would no longer verify, or not everywhere."""

    location: Location
    digital_signature_uid: str | None
    risk: Risk
    elements: tuple[int, ...]
    """Signed elements of its carrier that would have another VR, or hold elements that would."""


def endangered_signatures(data_set: Carrier, target: Encoding) -> tuple[EndangeredSignature, ...]:
    """The signatures of the main data set `data_set`, at any depth, that may break when it is written as `target`.

    The dictionary of `data_set` stands for that of the readers. Raises MalformedDataSet, Truncated and LimitExceeded.
    """
    found = []
    for place in signature_carriers(data_set):
        risks = element_risks(place.carrier, target)
        parameters = {mac.mac_id_number: mac for mac in reversed(mac_parameters(place.carrier))}
        for signature in digital_signatures(place.carrier):
            mac = parameters.get(signature.mac_id_number)
            signed = () if mac is None else mac.data_elements_signed or ()
            own = element_risks(signature.item, target)
            in_item = (own.get(element.tag, Risk.NONE) for element in signature_item_elements(signature.item))
            elements = {tag: risks[tag] for tag in sorted(signed) if tag in risks}
            risk = max((*elements.values(), *in_item), default=Risk.NONE)
            if risk is not Risk.NONE:
                found.append(
                    EndangeredSignature(
                        location=place.location,
                        digital_signature_uid=signature.digital_signature_uid,
                        risk=risk,
                        elements=tuple(elements),
                    )
                )
    return tuple(found)


def element_risks(carrier: Carrier, target: Encoding) -> dict[int, Risk]:
    """The elements of a carrier whose part of a MAC may change when they are written as `target`, with the risk.

    Raises MalformedDataSet, Truncated and LimitExceeded.
    """
    context = ImplicitContext(carrier.dictionary)
    risks: dict[int, Risk] = {}
    for element in carrier.elements:
        tag, kind = element.tag, element.kind
        value_end = None if element.undefined_length else element.value_end
        element_vr = vr.SQ if kind is Kind.SEQUENCE else element.vr  # UN of undefined length is signed as a sequence
        header = Token(kind, tag, element_vr, element.start, element.value_start, value_end, carrier.encoding)
        risk = _risk(carrier, header, context, target)
        if kind is Kind.SEQUENCE and risk is not Risk.CERTAIN:
            encoding = inner_encoding(element, carrier.encoding)
            risk = max(risk, _nested_risk(carrier, walk_element(carrier, element), encoding, target))
        if risk is not Risk.NONE:
            risks[tag] = max(risk, risks.get(tag, Risk.NONE))
    return risks


def _nested_risk(carrier: Carrier, tokens: Iterable[Token], encoding: Encoding, target: Encoding) -> Risk:
    """The highest risk of the elements inside a sequence."""
    risk = Risk.NONE
    if encoding.explicit == target.explicit:
        return risk
    contexts: list[ImplicitContext] = []
    for token in tokens:
        if token.kind is Kind.ITEM:
            contexts.append(ImplicitContext(carrier.dictionary))
        elif token.kind is Kind.ITEM_END:
            contexts.pop()
        elif token.kind in (Kind.ELEMENT, Kind.SEQUENCE):
            risk = max(risk, _risk(carrier, token, contexts[-1], target))
    return risk


def _risk(carrier: Carrier, token: Token, context: ImplicitContext, target: Encoding) -> Risk:
    """Risk of one element; `context` is of its item, and takes note of the element."""
    if token.encoding.explicit == target.explicit:
        return Risk.NONE
    if target.explicit:
        length = 0 if token.value_end is None else token.value_end - token.value_start
        does_not_fit = token.kind is Kind.ELEMENT and length + length % 2 > encode.MAX_SHORT_LENGTH
        return Risk.CERTAIN if does_not_fit and not token.vr.long else Risk.NONE
    read_as = context.vr(token.tag)
    if token.kind is Kind.ELEMENT and context.needs(token.tag):
        context.read(token.tag, first_words(carrier.source, token))
    if not token.vr.signable:
        return Risk.NONE  # no signature covers it, nor a sequence around it
    if not read_as.signable:
        return Risk.CERTAIN
    if tags.is_never_signed(token.tag):
        return Risk.NONE
    if read_as is not token.vr:
        return Risk.CERTAIN
    return Risk.READER if tags.is_private(token.tag) and not tags.is_private_creator(token.tag) else Risk.NONE
