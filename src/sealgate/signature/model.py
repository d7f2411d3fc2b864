"""The two signature sequences as values (PS3.3 table C.12-6), read from a carrier without judging them."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from sealgate.dicom import tags, vr
from sealgate.dicom.limits import MAX_SIGNATURE_SEQUENCE_BYTES, MAX_SIGNATURES
from sealgate.dicom.scan import Carrier, Element, items, scan_item
from sealgate.dicom.vr import BY_NAME
from sealgate.dicom.walk import Kind
from sealgate.dicom.words import swapped
from sealgate.errors import LimitExceeded, MalformedDataSet

X509_1993_SIG = "X509_1993_SIG"
"""The only defined term of Certificate Type (0400,0110)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MacParameters:
    """One item of MAC Parameters Sequence (4FFE,0001); None where an element is absent or has another VR."""

    mac_id_number: int | None
    mac_calculation_transfer_syntax_uid: str | None
    mac_algorithm: str | None
    data_elements_signed: tuple[int, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DigitalSignature:
    """One item of Digital Signatures Sequence (FFFA,FFFA); None where an element is absent."""

    mac_id_number: int | None
    digital_signature_uid: str | None
    digital_signature_datetime: str | None
    certificate_type: str | None
    certificate_of_signer: bytes | None
    signature_value: bytes | None
    certified_timestamp_type: str | None
    certified_timestamp: bytes | None
    item: Carrier
    """The item itself: most of its elements enter the MAC."""


def is_sequence(element: Element | None) -> bool:
    """Whether an element is there and is a sequence of items with VR SQ."""
    return element is not None and element.kind is Kind.SEQUENCE and element.vr is vr.SQ


def _value(carrier: Carrier, tag: int, *vr_names: str) -> bytes | None:
    """Raw value of an element with one of the VRs, or None."""
    element = carrier.element(tag)
    if element is None or element.kind is not Kind.ELEMENT:
        return None
    if vr_names and element.vr not in [BY_NAME[name] for name in vr_names]:
        return None
    return bytes(carrier.source.view[element.value_start : element.value_end])


def _number(carrier: Carrier, tag: int) -> int | None:
    value = _value(carrier, tag, "US")
    if value is None or len(value) < 2:
        return None
    return int(struct.unpack(carrier.encoding.order + "H", value[:2])[0])


def text_value(carrier: Carrier, tag: int, *vr_names: str) -> str | None:
    """First of the values of an element, without surrounding spaces and NULs."""
    value = _value(carrier, tag, *vr_names)
    return None if value is None else value.partition(b"\\")[0].strip(b" \0").decode("ascii", "replace")


def _tags(carrier: Carrier, tag: int) -> tuple[int, ...] | None:
    value = _value(carrier, tag, "AT")
    if value is None or not value or len(value) % 4:
        return None
    big_endian = swapped(value, 2) if carrier.encoding.little_endian else value
    return struct.unpack(f">{len(value) // 4}L", big_endian)


def _item_carriers(carrier: Carrier, tag: int) -> Iterator[Carrier]:
    sequence = carrier.element(tag)
    if sequence is None:
        return
    size = sequence.end - sequence.start
    if size > MAX_SIGNATURE_SEQUENCE_BYTES:
        raise LimitExceeded(f"bytes of {tags.written(tag)}", size, MAX_SIGNATURE_SEQUENCE_BYTES)
    if not is_sequence(sequence):
        raise MalformedDataSet(f"{tags.written(tag)} is no sequence", sequence.start)
    for number, item in enumerate(items(carrier, sequence)):
        if number == MAX_SIGNATURES:
            raise LimitExceeded(f"items of {tags.written(tag)}", number + 1, MAX_SIGNATURES)
        yield scan_item(carrier, item)


def mac_parameters(carrier: Carrier) -> list[MacParameters]:
    """The items of MAC Parameters Sequence, in order. Raises MalformedDataSet and LimitExceeded."""
    return [
        MacParameters(
            mac_id_number=_number(item, tags.MAC_ID_NUMBER),
            mac_calculation_transfer_syntax_uid=text_value(item, tags.MAC_CALCULATION_TRANSFER_SYNTAX_UID, "UI"),
            mac_algorithm=text_value(item, tags.MAC_ALGORITHM, "CS"),
            data_elements_signed=_tags(item, tags.DATA_ELEMENTS_SIGNED),
        )
        for item in _item_carriers(carrier, tags.MAC_PARAMETERS_SEQUENCE)
    ]


def digital_signatures(carrier: Carrier) -> list[DigitalSignature]:
    """The items of Digital Signatures Sequence, in order. Raises MalformedDataSet and LimitExceeded."""
    return [
        DigitalSignature(
            mac_id_number=_number(item, tags.MAC_ID_NUMBER),
            digital_signature_uid=text_value(item, tags.DIGITAL_SIGNATURE_UID, "UI"),
            digital_signature_datetime=text_value(item, tags.DIGITAL_SIGNATURE_DATETIME, "DT"),
            certificate_type=text_value(item, tags.CERTIFICATE_TYPE, "CS"),
            certificate_of_signer=_value(item, tags.CERTIFICATE_OF_SIGNER),
            signature_value=_value(item, tags.SIGNATURE),
            certified_timestamp_type=text_value(item, tags.CERTIFIED_TIMESTAMP_TYPE, "CS"),
            certified_timestamp=_value(item, tags.CERTIFIED_TIMESTAMP),
            item=item,
        )
        for item in _item_carriers(carrier, tags.DIGITAL_SIGNATURES_SEQUENCE)
    ]
