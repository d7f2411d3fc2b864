"""Putting a token into its signature item, and the UID file that says into which one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sealgate.dicom import encode, part10, tags, transfer_syntax
from sealgate.dicom.implementation import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from sealgate.dicom.location import Place, signature_carriers
from sealgate.dicom.scan import Carrier, Element, Item, items, scan
from sealgate.dicom.splice import Change, Edit, merged
from sealgate.dicom.transfer_syntax import Encoding
from sealgate.dicom.walk import Kind
from sealgate.errors import (
    InputError,
    LengthOverflow,
    Mismatch,
    SignatureNotFound,
    TimestampMismatch,
    TimestampNotStorable,
    TimestampPart,
    TimestampUnreadable,
)
from sealgate.signature.model import DigitalSignature, digital_signatures, is_sequence
from sealgate.timestamp.limits import MAX_UID_FILE_BYTES
from sealgate.timestamp.token import CMS_TSP

_TIMESTAMP = frozenset((tags.CERTIFIED_TIMESTAMP_TYPE, tags.CERTIFIED_TIMESTAMP))
_MAX_UID_CHARACTERS = 64
_RAW_DATA_STORAGE = "1.2.840.10008.5.1.4.1.1.66"
"""A UID file is an instance of no class; its File Meta Information has to name one all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundSignature:
    """A signature, and where its item stands."""

    place: Place
    sequence: Element
    item: Item
    signature: DigitalSignature


def found_signatures(data_set: Carrier) -> Iterator[FoundSignature]:
    """Every signature at any depth of the main data set `data_set`, those of nested items first.

    Raises MalformedDataSet and LimitExceeded.
    """
    for place in signature_carriers(data_set):
        sequence = place.carrier.element(tags.DIGITAL_SIGNATURES_SEQUENCE)
        if sequence is None or not is_sequence(sequence):
            continue
        signatures = digital_signatures(place.carrier)
        for item, signature in zip(items(place.carrier, sequence), signatures, strict=True):
            yield FoundSignature(place=place, sequence=sequence, item=item, signature=signature)


def find_signature(data_set: Carrier, digital_signature_uid: str) -> FoundSignature:
    """The first signature with a Digital Signature UID, at any depth of the main data set `data_set`.

    Raises SignatureNotFound, MalformedDataSet and LimitExceeded.
    """
    for found in found_signatures(data_set):
        if found.signature.digital_signature_uid == digital_signature_uid:
            return found
    raise SignatureNotFound(digital_signature_uid)


def signature_value_of(signature: DigitalSignature) -> bytes:
    """The value of Signature (0400,0120) that a timestamp is over: without the byte that pads an odd length.

    Raises TimestampMismatch where the value or the certificate of the signer cannot be read.
    """
    if not signature.signature_value:
        raise TimestampMismatch(Mismatch.SIGNATURE_VALUE, "Signature (0400,0120) is absent or empty")
    if not signature.certificate_of_signer:
        raise TimestampMismatch(Mismatch.CERTIFICATE, "Certificate of Signer (0400,0115) is absent")
    return unpadded(signature.signature_value, signature.certificate_of_signer)


def unpadded(signature_value: bytes, certificate_of_signer: bytes) -> bytes:
    """`signature_value` without the byte that pads it, which depends on the key of the signer.

    Raises TimestampMismatch where the certificate cannot be read.
    """
    from sealgate.errors import KeyUnusable
    from sealgate.signature.keys import certificate_in, public_key_of, signature_bytes

    try:
        certificate, _ = certificate_in(certificate_of_signer)
        return signature_bytes(signature_value, public_key_of(certificate))
    except KeyUnusable as error:
        raise TimestampMismatch(Mismatch.CERTIFICATE, f"Certificate of Signer (0400,0115): {error}") from error


def insert_token(data_set: Carrier, digital_signature_uid: str, token: bytes) -> tuple[Edit, ...]:
    """Edits that put the DER `token` into the signature with a UID, in place of the one that it may have.

    Certified Timestamp Type (0400,0305) and Certified Timestamp (0400,0310) stand in the order of tags, and so in front
    of Digital Signature Purpose Code Sequence; neither enters the MAC. The same token again changes nothing.
    Raises SignatureNotFound, TimestampNotStorable, MalformedDataSet and LimitExceeded.
    """
    found = find_signature(data_set, digital_signature_uid)
    item = found.signature.item
    enclosing = found.place.around_content(found.sequence, found.item)
    behind = (element.start for element in item.elements if element.tag > tags.CERTIFIED_TIMESTAMP)
    offset = min(behind, default=found.item.value_end)
    changes = [
        Change(edit=Edit(offset=element.start, cut=element.end - element.start), enclosing=enclosing)
        for element in item.elements
        if element.tag in _TIMESTAMP
    ]
    inserted = _elements(token, item.encoding)
    changes.append(Change(edit=Edit(offset=offset, inserted=inserted), enclosing=enclosing))
    try:
        return merged(changes)
    except LengthOverflow as error:
        raise TimestampNotStorable(f"the signature item cannot take the timestamp: {error}") from error


def _elements(token: bytes, encoding: Encoding) -> bytes:
    kind = encode.element(tags.CERTIFIED_TIMESTAMP_TYPE, "CS", CMS_TSP.encode("ascii"), encoding)
    return kind + encode.element(tags.CERTIFIED_TIMESTAMP, "OB", token, encoding)


def write_uid_file(digital_signature_uid: str) -> bytes:
    """A DICOM file in implicit VR little endian whose one element is Digital Signature UID (0400,0100)."""
    header = part10.file_header(
        sop_class_uid=_RAW_DATA_STORAGE,
        sop_instance_uid=digital_signature_uid,
        transfer_syntax_uid=transfer_syntax.IMPLICIT_LE,
        implementation_class_uid=IMPLEMENTATION_CLASS_UID,
        implementation_version_name=IMPLEMENTATION_VERSION_NAME,
    )
    value = digital_signature_uid.encode("ascii")
    return header + encode.element(tags.DIGITAL_SIGNATURE_UID, "UI", value, Encoding.IMPLICIT_LE)


def read_uid_file(file: bytes) -> str:
    """The Digital Signature UID of a UID file. Raises TimestampUnreadable."""
    if len(file) > MAX_UID_FILE_BYTES:
        raise TimestampUnreadable(
            TimestampPart.UID_FILE, f"it has {len(file)} bytes, more than the limit of {MAX_UID_FILE_BYTES}"
        )
    try:
        opened = part10.open_file(file)
        carrier = scan(opened.source, opened.encoding)
    except InputError as error:
        raise TimestampUnreadable(TimestampPart.UID_FILE, str(error)) from error
    element = carrier.element(tags.DIGITAL_SIGNATURE_UID)
    if element is None or element.kind is not Kind.ELEMENT or element.value_start == element.value_end:
        raise TimestampUnreadable(TimestampPart.UID, "(0400,0100) is absent or empty")
    value = bytes(carrier.source.view[element.value_start : element.value_end])
    uid = value.partition(b"\\")[0].strip(b" \0").decode("ascii", "replace")
    if not uid or len(uid) > _MAX_UID_CHARACTERS or not uid.isprintable():
        raise TimestampUnreadable(TimestampPart.UID, "(0400,0100) holds no UID")
    return uid
