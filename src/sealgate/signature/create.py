"""Creating a signature: the MAC of the carrier, signed, and the two insertions that put it into the original bytes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sealgate.dicom import encode, tags, transfer_syntax
from sealgate.dicom.scan import Carrier, scan
from sealgate.dicom.source import Source
from sealgate.dicom.splice import Edit
from sealgate.dicom.transfer_syntax import Encoding, TransferSyntax
from sealgate.dicom.walk import UNDEFINED_LENGTH
from sealgate.errors import (
    DuplicateElement,
    InputError,
    LengthOverflow,
    MacIdNumbersUsedUp,
    SignatureSequencesUnusable,
)
from sealgate.signature import dcmtk_stream, model
from sealgate.signature.algorithms import SHA256, MacAlgorithm
from sealgate.signature.keys import Signer
from sealgate.signature.selection import chosen_elements, duplicate_tags, unsigned_elements
from sealgate.signature.stream import dcmtk_lost_bytes, digest, mac_encoding

_MAC_ID_NUMBERS = 0x10000
"""MAC ID Number is a US: 0 to 65535."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningOptions:
    """What is signed and how."""

    mac_algorithm: MacAlgorithm = SHA256
    elements: tuple[int, ...] | None = None
    """Tags of the elements to be signed; None: all that may be signed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatedSignature:
    """A signature that was made, and the edits that put it into the data set."""

    digital_signature_uid: str
    digital_signature_datetime: str
    mac_id_number: int
    mac_algorithm: str
    certificate_of_signer: bytes
    data_elements_signed: tuple[int, ...]
    unsigned_elements: tuple[int, ...]
    """Elements that are present and are not signed, the signature sequences aside."""
    dcmtk_lost_bytes: int
    """Bytes that dcmsign would leave out of its MAC; where there are any, it calls this signature corrupted."""
    edits: tuple[Edit, ...]


def sign(
    carrier: Carrier,
    syntax: TransferSyntax,
    signer: Signer,
    options: SigningOptions,
    *,
    digital_signature_uid: str,
    at: datetime,
) -> CreatedSignature:
    """Sign the main data set `carrier`, encoded in `syntax` (PS3.3 C.12.1.1.3).

    The UID and the time (aware) are the caller's; the time is written in UTC, because dcmsign ignores offsets.
    Raises CannotSign (one of its leaves), LimitExceeded and KeyUnusable.
    """
    duplicates = duplicate_tags(carrier, carrier.elements)
    if duplicates:
        tag = tags.written(duplicates[0])
        raise DuplicateElement(f"{tag} stands twice in one data set or item, and readers differ in which one they show")
    chosen = chosen_elements(carrier, syntax, options.elements)
    data_elements_signed = tuple(element.tag for element in chosen)
    mac_transfer_syntax_uid = _mac_calculation_transfer_syntax(syntax)
    encoding = mac_encoding(mac_transfer_syntax_uid)
    mac_id_number = _free_mac_id_number(carrier)
    datetime_text = _datetime_text(at)
    stored = carrier.encoding
    item = _partial_item(mac_id_number, digital_signature_uid, datetime_text, stored)
    mac = digest(options.mac_algorithm, carrier, chosen, scan(Source(item), stored), encoding)
    signature_value = signer.sign(options.mac_algorithm, mac)
    parameters = b"".join(
        (
            encode.element(tags.MAC_ID_NUMBER, "US", encode.words([mac_id_number], stored), stored),
            encode.element(
                tags.MAC_CALCULATION_TRANSFER_SYNTAX_UID, "UI", mac_transfer_syntax_uid.encode("ascii"), stored
            ),
            encode.element(tags.MAC_ALGORITHM, "CS", options.mac_algorithm.name.encode("ascii"), stored),
            _data_elements_signed(data_elements_signed, stored),
        )
    )
    item += encode.element(tags.CERTIFICATE_OF_SIGNER, "OB", signer.certificate, stored)
    item += encode.element(tags.SIGNATURE, "OB", signature_value, stored)
    return CreatedSignature(
        digital_signature_uid=digital_signature_uid,
        digital_signature_datetime=datetime_text,
        mac_id_number=mac_id_number,
        mac_algorithm=options.mac_algorithm.name,
        certificate_of_signer=signer.certificate,
        data_elements_signed=data_elements_signed,
        unsigned_elements=unsigned_elements(carrier, data_elements_signed),
        dcmtk_lost_bytes=dcmtk_lost_bytes(carrier, chosen, encoding) if dcmtk_stream.may_differ(chosen) else 0,
        edits=(
            *_appended(carrier, tags.MAC_PARAMETERS_SEQUENCE, encode.item(parameters, stored)),
            *_appended(carrier, tags.DIGITAL_SIGNATURES_SEQUENCE, encode.item(item, stored)),
        ),
    )


def _mac_calculation_transfer_syntax(syntax: TransferSyntax) -> str:
    """The transfer syntax of the file where it is explicit VR little endian, else explicit VR little endian itself."""
    return syntax.uid if syntax.encapsulated or syntax.deflated else transfer_syntax.EXPLICIT_LE


def _free_mac_id_number(carrier: Carrier) -> int:
    """Smallest number that neither sequence of the carrier uses."""
    try:
        used = {parameters.mac_id_number for parameters in model.mac_parameters(carrier)}
        used |= {signature.mac_id_number for signature in model.digital_signatures(carrier)}
    except InputError as error:
        raise SignatureSequencesUnusable(
            f"the signatures that are there already cannot be extended: {error}"
        ) from error
    for number in range(_MAC_ID_NUMBERS):
        if number not in used:
            return number
    raise MacIdNumbersUsedUp("all 65,536 MAC ID Numbers of the data set are used")


def _datetime_text(at: datetime) -> str:
    if at.utcoffset() != timedelta(0):
        raise ValueError("the time of a signature must be given in UTC")
    return at.strftime("%Y%m%d%H%M%S.%f+0000")


def _partial_item(mac_id_number: int, uid: str, datetime_text: str, encoding: Encoding) -> bytes:
    """The elements of the signature item that enter the MAC, as they will stand in it."""
    return b"".join(
        (
            encode.element(tags.MAC_ID_NUMBER, "US", encode.words([mac_id_number], encoding), encoding),
            encode.element(tags.DIGITAL_SIGNATURE_UID, "UI", uid.encode("ascii"), encoding),
            encode.element(tags.DIGITAL_SIGNATURE_DATETIME, "DT", datetime_text.encode("ascii"), encoding),
            encode.element(tags.CERTIFICATE_TYPE, "CS", model.X509_1993_SIG.encode("ascii"), encoding),
        )
    )


def _data_elements_signed(signed: tuple[int, ...], encoding: Encoding) -> bytes:
    value = encode.attribute_tags(signed, encoding)
    if encoding.explicit and len(value) > encode.MAX_SHORT_LENGTH:
        raise LengthOverflow(f"a list of {len(signed)} signed elements does not fit Data Elements Signed (0400,0020)")
    return encode.element(tags.DATA_ELEMENTS_SIGNED, "AT", value, encoding)


def _appended(carrier: Carrier, tag: int, item: bytes) -> tuple[Edit, ...]:
    """Edits that put `item` at the end of the sequence `tag`, which is made where it is not there."""
    encoding = carrier.encoding
    sequence = carrier.element(tag)
    if sequence is None:
        behind = [element.start for element in carrier.elements if element.tag > tag]
        offset = min(behind, default=carrier.end)
        return (Edit(offset=offset, inserted=encode.sequence(tag, [item], encoding)),)
    addition = Edit(offset=sequence.value_end, inserted=item)
    if sequence.undefined_length:
        return (addition,)
    length = sequence.value_end - sequence.value_start + len(item)
    if length >= UNDEFINED_LENGTH:
        raise LengthOverflow(f"the sequence {tags.written(tag)} would have a length of {length} bytes")
    field = Edit(offset=sequence.value_start - 4, cut=4, inserted=encode.length_field(length, encoding))
    return (field, addition)
