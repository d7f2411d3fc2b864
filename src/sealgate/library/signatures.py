"""The signatures of a data set as values: what each of them says, without judging any of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, overload

from sealgate.dicom.limits import MAX_SIGNATURES
from sealgate.dicom.location import MAIN_DATA_SET, Location, signature_carriers
from sealgate.dicom.scan import Carrier
from sealgate.errors import InputError, KeyUnusable, LimitExceeded, SealgateError, SignatureNotFound
from sealgate.library.sources import Given, Opened, PathLike, Reading, opened
from sealgate.signature import model
from sealgate.signature.model import DigitalSignature, MacParameters
from sealgate.signature.purposes import WrittenPurpose, purpose_of

if TYPE_CHECKING:
    from cryptography import x509

    from sealgate.timestamp.token import Token


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """One Digital Signature (PS3.3 C.12.1.1.3) as it stands in the data set; None where an element is absent.

    Nothing here is proven: whether it is true is what `sealgate.verify` says.
    """

    location: str
    """Where it stands: `Main Dataset`, or a path such as `ReferencedSeriesSequence[0].ReferencedImageSequence[1]`."""
    digital_signature_uid: str | None
    digital_signature_datetime: str | None
    """The signer's claim, as written."""
    mac_id_number: int | None
    mac_algorithm: str | None
    mac_calculation_transfer_syntax_uid: str | None
    data_elements_signed: tuple[int, ...]
    """Tags, as numbers, in the order in which they are listed."""
    certificate_of_signer: bytes | None = field(repr=False)
    """DER."""
    signature_value: bytes | None = field(repr=False)
    """As stored, which for DSA and ECDSA may include a byte of padding."""
    purpose: WrittenPurpose | None
    certified_timestamp_type: str | None
    certified_timestamp: bytes | None = field(repr=False)
    """The token of a Time Stamping Authority (RFC 3161), DER."""

    @property
    def signed_at(self) -> datetime | None:
        """The claimed time, aware; None where it is absent, unreadable or has no offset from UTC."""
        return _aware(self.digital_signature_datetime)

    @property
    def certificate(self) -> x509.Certificate | None:
        """The certificate of the signer; None where it is absent. Raises KeyUnusable where it cannot be decoded."""
        from sealgate.signature.keys import certificate_in

        encoded = self.certificate_of_signer
        return None if encoded is None else certificate_in(encoded)[0]

    @property
    def signer(self) -> str | None:
        """Subject of the signer's certificate (RFC 4514); None where there is none that can be decoded."""
        try:
            certificate = self.certificate
        except KeyUnusable:
            return None
        return None if certificate is None else certificate.subject.rfc4514_string()

    @property
    def timestamp(self) -> Token | None:
        """What the certified timestamp says; None where there is none. Raises TimestampUnreadable."""
        from sealgate.timestamp.token import read_token

        return None if self.certified_timestamp is None else read_token(self.certified_timestamp)

    def save_certificate(self, path: PathLike, *, pem: bool = True) -> Path:
        """Write the certificate of the signer to `path`, as PEM or as DER.

        Raises KeyUnusable where there is none that can be decoded, and UnwritableFile.
        """
        from cryptography.hazmat.primitives.serialization import Encoding

        from sealgate.files.writing import write_whole

        certificate = self.certificate
        if certificate is None:
            raise KeyUnusable(f"the signature {self.digital_signature_uid} has no certificate")
        write_whole(Path(path), [certificate.public_bytes(Encoding.PEM if pem else Encoding.DER)])
        return Path(path)


class Signatures(Sequence[Signature]):
    """The signatures of a data set, those of its items first, in the order of verification."""

    def __init__(self, found: Sequence[Signature], damaged: Sequence[tuple[str, str]] = ()) -> None:
        self._found = tuple(found)
        self.damaged = tuple(damaged)
        """(location, what is wrong) of signature sequences that cannot be read."""

    @overload
    def __getitem__(self, index: int) -> Signature: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Signature]: ...
    def __getitem__(self, index: int | slice) -> Signature | Sequence[Signature]:
        return self._found[index]

    def __len__(self) -> int:
        return len(self._found)

    def __repr__(self) -> str:
        return f"Signatures({list(self._found)!r})"

    def find(self, digital_signature_uid: str) -> Signature:
        """The first signature with this Digital Signature UID. Raises SignatureNotFound."""
        for signature in self._found:
            if signature.digital_signature_uid == digital_signature_uid:
                return signature
        raise SignatureNotFound(digital_signature_uid)

    def at(self, location: str) -> Signatures:
        """The signatures of one item, or with `Main Dataset` those of the main data set. Raises LocationInvalid."""
        wanted = str(MAIN_DATA_SET if location == str(MAIN_DATA_SET) else Location.parse(location))
        return Signatures(
            [one for one in self._found if one.location == wanted], [one for one in self.damaged if one[0] == wanted]
        )


def signatures(source: Given, *, reading: Reading = Reading()) -> Signatures:  # noqa: B008 - a frozen value
    """The signatures at any depth of a data set: bytes of a file, a path, or a pydicom Dataset.

        >>> for signature in sealgate.signatures("signed.dcm"):
        ...     print(signature.location, signature.mac_algorithm, len(signature.data_elements_signed))
        Main Dataset SHA256 151

    Nothing is judged. Raises InputError where the data set cannot be read; signature sequences that cannot be read
    alone are in `damaged` of the result.
    """
    given = opened(source, reading)
    with given.naming():
        return signatures_of(given)


def signatures_of(given: Opened) -> Signatures:
    """The signatures of a data set that is open. Raises InputError."""
    found: list[Signature] = []
    damaged: list[tuple[str, str]] = []
    for place in signature_carriers(given.carrier):
        try:
            found += _in_carrier(place.location, place.carrier)
        except InputError as error:
            damaged.append((str(place.location), str(error)))
        if len(found) + len(damaged) > MAX_SIGNATURES:
            raise LimitExceeded("signatures", len(found) + len(damaged), MAX_SIGNATURES)
    return Signatures(found, damaged)


def _in_carrier(location: Location, carrier: Carrier) -> list[Signature]:
    parameters = model.mac_parameters(carrier)
    return [_signature(location, parameters, signature) for signature in model.digital_signatures(carrier)]


def _signature(location: Location, parameters: list[MacParameters], signature: DigitalSignature) -> Signature:
    number = signature.mac_id_number
    own = next((one for one in parameters if number is not None and one.mac_id_number == number), None)
    return Signature(
        location=str(location),
        digital_signature_uid=signature.digital_signature_uid,
        digital_signature_datetime=signature.digital_signature_datetime,
        mac_id_number=number,
        mac_algorithm=own.mac_algorithm if own else None,
        mac_calculation_transfer_syntax_uid=own.mac_calculation_transfer_syntax_uid if own else None,
        data_elements_signed=(own.data_elements_signed or ()) if own else (),
        certificate_of_signer=signature.certificate_of_signer,
        signature_value=signature.signature_value,
        purpose=_purpose(signature),
        certified_timestamp_type=signature.certified_timestamp_type,
        certified_timestamp=signature.certified_timestamp,
    )


def _purpose(signature: DigitalSignature) -> WrittenPurpose | None:
    try:
        return purpose_of(signature.item)
    except SealgateError:
        return None  # like an absent one: a purpose that cannot be read says nothing


def _aware(text: str | None) -> datetime | None:
    from sealgate.verification.dates import parse

    if text is None:
        return None
    try:
        claimed = parse(text)
    except (ValueError, OverflowError):
        return None
    return claimed.earliest if claimed.has_offset else None
