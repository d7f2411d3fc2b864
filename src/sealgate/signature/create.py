"""Creating a signature: the MAC of the carrier, signed, and the insertions that put it into the original bytes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sealgate.dicom import encode, tags, transfer_syntax
from sealgate.dicom.location import MAIN_DATA_SET, NEVER_CARRIERS, Location, Place, find
from sealgate.dicom.scan import Carrier, Element, Notes, scan
from sealgate.dicom.source import Source
from sealgate.dicom.splice import Change, Edit, merged
from sealgate.dicom.transfer_syntax import Encoding, TransferSyntax
from sealgate.dicom.walk import Kind
from sealgate.errors import (
    DuplicateElement,
    ElementNotSignable,
    InputError,
    KeyUnusable,
    LengthOverflow,
    MacIdNumbersUsedUp,
    NothingSignable,
    SignatureSequencesUnusable,
)
from sealgate.signature import model
from sealgate.signature.algorithms import SHA256, MacAlgorithm
from sealgate.signature.mac import Update
from sealgate.signature.profiles import (
    NO_PROFILE,
    Profile,
    Reading,
    demanded_elements,
    refuse_incomplete,
    refuse_unfit,
)
from sealgate.signature.purposes import Purpose, purpose_element
from sealgate.signature.selection import (
    chosen_elements,
    duplicate_tags,
    refuse_absent,
    refuse_unfit_pixel_data,
    signed_elements,
    unsigned_elements,
)
from sealgate.signature.stream import (
    dcmtk_lost_bytes,
    digest,
    mac_encoding,
    write_dcmtk_stream,
    write_stream,
)

if TYPE_CHECKING:
    from sealgate.signature.keys import Signer

_NEVER_SIGNED_IN = NEVER_CARRIERS | {tags.MAC_PARAMETERS_SEQUENCE}
"""Sequences whose items carry no signature: it would spoil the signatures that are there, or never be looked at."""

_MAC_ID_NUMBERS = 0x10000
"""MAC ID Number is a US: 0 to 65535."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningOptions:
    """What is signed and how."""

    mac_algorithm: MacAlgorithm = SHA256
    elements: tuple[int, ...] | None = None
    """Tags of the elements to be signed, to which the profile may add; None: all that may be signed."""
    profile: Profile = NO_PROFILE
    purpose: Purpose | None = None
    """Why it is signed; a profile of one purpose puts its own in this place."""
    reading: Reading = Reading.SEALGATE
    """How the profile is read."""
    old_format: bool = False
    """Hash compressed pixel data as DCMTK did before 3.5.4: nothing but `dcmsign -fo` and this package verifies it."""
    private_in_implicit_vr: bool = False
    """In implicit VR, sign private elements too, although every reader takes their VR from a dictionary of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatedSignature:
    """A signature that was made, and the edits that put it into the data set."""

    location: Location
    digital_signature_uid: str
    digital_signature_datetime: str
    mac_id_number: int
    mac_algorithm: str
    mac_calculation_transfer_syntax_uid: str
    certificate_of_signer: bytes
    signature_value: bytes
    """As it is stored in (0400,0120); what a timestamp is asked for."""
    purpose: Purpose | None
    data_elements_signed: tuple[int, ...]
    unsigned_elements: tuple[int, ...]
    """Elements of the carrier that are present and are not signed, the signature sequences aside."""
    dcmtk_lost_bytes: int
    """Bytes that dcmsign would leave out of its MAC; where there are any, it calls this signature corrupted."""
    old_format: bool
    signed_item: bytes = field(repr=False)
    """The elements of the signature item that entered the MAC, in the encoding of the carrier."""
    changes: tuple[Change, ...] = field(repr=False)
    """The insertions, with the length fields around them, for whoever puts more than this into the data set."""
    edits: tuple[Edit, ...]


def sign(
    data_set: Carrier,
    syntax: TransferSyntax,
    signer: Signer,
    options: SigningOptions,
    *,
    digital_signature_uid: str,
    at: datetime,
    location: Location = MAIN_DATA_SET,
) -> CreatedSignature:
    """Sign the main data set `data_set`, encoded in `syntax`, or one item of it (PS3.3 C.12.1.1.3).

    The UID and the time (aware) are the caller's; the time is written in UTC, because dcmsign ignores offsets.
    Raises CannotSign (one of its leaves), LimitExceeded and KeyUnusable.
    """
    place = find(data_set, location)
    return sign_place(place, syntax, signer, options, digital_signature_uid=digital_signature_uid, at=at)


def sign_place(
    place: Place,
    syntax: TransferSyntax,
    signer: Signer,
    options: SigningOptions,
    *,
    digital_signature_uid: str,
    at: datetime,
) -> CreatedSignature:
    """Sign the carrier at `place`; what `sign` says holds here too."""
    purpose = options.profile.purpose or options.purpose
    chosen = elements_to_sign(place, syntax, signer, options)
    carrier = place.carrier
    stored = carrier.encoding
    data_elements_signed = tuple([element.tag for element in chosen])
    mac_uid = mac_calculation_transfer_syntax(syntax, carrier)
    encoding = mac_encoding(mac_uid)
    mac_id_number = free_mac_id_number(carrier)
    datetime_text = _datetime_text(at)
    parameters = parameters_change(place, mac_id_number, mac_uid, options.mac_algorithm, data_elements_signed)
    head = _head_of_item(mac_id_number, digital_signature_uid, datetime_text, stored)
    tail = b"" if purpose is None else purpose_element(purpose, stored)
    signed_item = scan(Source(head + tail), stored)
    mac = digest(options.mac_algorithm, carrier, chosen, signed_item, encoding, old_format=options.old_format)
    signature_value = _signature_value(signer, options.mac_algorithm, mac)
    certificate = encode.element(tags.CERTIFICATE_OF_SIGNER, "OB", signer.certificate, stored)
    item = head + certificate + encode.element(tags.SIGNATURE, "OB", signature_value, stored) + tail
    changes = (parameters, _appended(place, tags.DIGITAL_SIGNATURES_SEQUENCE, encode.item(item, stored)))
    lost = 0
    if carrier.nested_notes & Notes.DEEP:
        lost = dcmtk_lost_bytes(carrier, chosen, encoding, old_format=options.old_format)
    return CreatedSignature(
        location=place.location,
        digital_signature_uid=digital_signature_uid,
        digital_signature_datetime=datetime_text,
        mac_id_number=mac_id_number,
        mac_algorithm=options.mac_algorithm.name,
        mac_calculation_transfer_syntax_uid=mac_uid,
        certificate_of_signer=signer.certificate,
        signature_value=signature_value,
        purpose=purpose,
        data_elements_signed=data_elements_signed,
        unsigned_elements=unsigned_elements(carrier, chosen),
        dcmtk_lost_bytes=lost,
        old_format=options.old_format,
        signed_item=head + tail,
        changes=changes,
        edits=merged(changes),
    )


def _signature_value(signer: Signer, mac_algorithm: MacAlgorithm, mac: bytes) -> bytes:
    """The signature over a MAC. Raises KeyUnusable, also for RSA keys that give an odd number of bytes.

    Behind those the pad byte of OB would stand, and dcmsign takes it for a part of the signature.
    """
    value = signer.sign(mac_algorithm, mac)
    if len(value) % 2:
        sentence = f"this key gives signatures of {len(value)} bytes, an odd number, which other verifiers read wrongly"
        raise KeyUnusable(f"{sentence}; use a key of another size")
    return value


def elements_to_sign(place: Place, syntax: TransferSyntax, signer: Signer, options: SigningOptions) -> list[Element]:
    """The elements to be signed, where carrier, key, purpose and elements suit each other and the profile.

    Raises CannotSign (one of its leaves).
    """
    carrier, profile = place.carrier, options.profile
    for sequence, _ in place.location.path:
        if sequence in _NEVER_SIGNED_IN:
            raise ElementNotSignable(
                f"nothing is signed inside of {tags.written(sequence)}: no verifier would look there"
            )
    if profile is not NO_PROFILE:
        refuse_unfit(profile, place, signer.key_type, profile.purpose or options.purpose, options.reading)
    duplicates = duplicate_tags(carrier, carrier.elements)
    if duplicates:
        tag = tags.written(duplicates[0])
        raise DuplicateElement(f"{tag} stands twice in one data set or item, and readers differ in which one they show")
    chosen = chosen_elements(
        carrier,
        options.elements,
        demanded_elements(profile, carrier, options.reading),
        private_in_implicit_vr=options.private_in_implicit_vr,
    )
    if profile.required:
        refuse_incomplete(profile, (element.tag for element in chosen))
    if options.elements is not None:
        refuse_absent(options.elements, chosen)
    if not chosen:
        raise NothingSignable("the data set or item has no element that may be signed")
    refuse_unfit_pixel_data(chosen, syntax, in_item=bool(place.location.path))
    return chosen


def mac_calculation_transfer_syntax(syntax: TransferSyntax, carrier: Carrier) -> str:
    """The transfer syntax of the file where it is explicit VR little endian, else explicit VR little endian itself.

    An item with native pixel data in a file of encapsulated pixel data cannot be written in the file's own.
    """
    if syntax.encapsulated:
        pixel_data = carrier.element(tags.PIXEL_DATA)
        is_native = pixel_data is not None and pixel_data.kind is Kind.ELEMENT
        return transfer_syntax.EXPLICIT_LE if is_native else syntax.uid
    return syntax.uid if syntax.deflated else transfer_syntax.EXPLICIT_LE


def free_mac_id_number(carrier: Carrier) -> int:
    """Smallest number that neither sequence of the carrier uses.

    Raises SignatureSequencesUnusable and MacIdNumbersUsedUp.
    """
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


def _head_of_item(mac_id_number: int, uid: str, datetime_text: str, encoding: Encoding) -> bytes:
    """The elements of the signature item that enter the MAC and stand in front of those that do not."""
    return b"".join(
        (
            encode.element(tags.MAC_ID_NUMBER, "US", encode.words([mac_id_number], encoding), encoding),
            encode.element(tags.DIGITAL_SIGNATURE_UID, "UI", uid.encode("ascii"), encoding),
            encode.element(tags.DIGITAL_SIGNATURE_DATETIME, "DT", datetime_text.encode("ascii"), encoding),
            encode.element(tags.CERTIFICATE_TYPE, "CS", model.X509_1993_SIG.encode("ascii"), encoding),
        )
    )


def parameters_change(
    place: Place, number: int, uid: str, mac_algorithm: MacAlgorithm, signed: tuple[int, ...]
) -> Change:
    """The change that puts an item into the MAC Parameters Sequence of a carrier, for a signature over `signed`.

    `number` is its MAC ID Number, `uid` its MAC Calculation Transfer Syntax UID. Raises LengthOverflow.
    """
    encoding = place.carrier.encoding
    parameters = b"".join(
        (
            encode.element(tags.MAC_ID_NUMBER, "US", encode.words([number], encoding), encoding),
            encode.element(tags.MAC_CALCULATION_TRANSFER_SYNTAX_UID, "UI", uid.encode("ascii"), encoding),
            encode.element(tags.MAC_ALGORITHM, "CS", mac_algorithm.name.encode("ascii"), encoding),
            _data_elements_signed(signed, encoding),
        )
    )
    return _appended(place, tags.MAC_PARAMETERS_SEQUENCE, encode.item(parameters, encoding))


def _data_elements_signed(signed: tuple[int, ...], encoding: Encoding) -> bytes:
    value = encode.attribute_tags(signed, encoding)
    if encoding.explicit and len(value) > encode.MAX_SHORT_LENGTH:
        raise LengthOverflow(f"a list of {len(signed)} signed elements does not fit Data Elements Signed (0400,0020)")
    return encode.element(tags.DATA_ELEMENTS_SIGNED, "AT", value, encoding)


def _appended(place: Place, tag: int, item: bytes) -> Change:
    """The change that puts `item` at the end of the sequence `tag`, which is made where it is not there."""
    carrier = place.carrier
    sequence = carrier.element(tag)
    if sequence is not None:
        return Change(edit=Edit(offset=sequence.value_end, inserted=item), enclosing=place.around_items(sequence))
    behind = carrier.elements
    if carrier.is_in_order:
        behind = behind[carrier.index_from(tag) :]
    offset = min((element.start for element in behind if element.tag > tag), default=carrier.end)
    inserted = encode.sequence(tag, [item], carrier.encoding)
    return Change(edit=Edit(offset=offset, inserted=inserted), enclosing=place.around_element(tag))


def write_mac_stream(update: Update, data_set: Carrier, created: CreatedSignature, *, like_dcmtk: bool = False) -> int:
    """Give the bytes that were hashed for a signature just made over `data_set` (as it was before) to `update`.

    With `like_dcmtk` they are those that dcmsign would hash; the number of bytes that it leaves out comes back.
    """
    carrier = find(data_set, created.location).carrier
    elements = signed_elements(carrier, created.data_elements_signed)
    item = scan(Source(created.signed_item), carrier.encoding)
    encoding = mac_encoding(created.mac_calculation_transfer_syntax_uid)
    if like_dcmtk:
        return write_dcmtk_stream(update, carrier, elements, item, encoding, old_format=created.old_format)
    write_stream(update, carrier, elements, item, encoding, old_format=created.old_format)
    return 0
