"""One signature as dcmsign reads it before it judges: its parameters, certificate and timestamp, with complaints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealgate.cli.dcmsign.certificate import Certificate, read_certificate
from sealgate.cli.dcmsign.messages import Messages
from sealgate.dicom import tags
from sealgate.dicom.location import Place
from sealgate.dicom.scan import items, scan_item
from sealgate.errors import TimestampUnreadable
from sealgate.signature.keys import KeyType
from sealgate.signature.model import X509_1993_SIG, DigitalSignature, MacParameters

if TYPE_CHECKING:
    from sealgate.timestamp.token import Token

_CMS_TSP = "CMS_TSP"


@dataclass(frozen=True, slots=True, kw_only=True)
class Selected:
    """A signature with what belongs to it."""

    place: Place
    signature: DigitalSignature
    parameters: MacParameters | None
    """Of several with the same MAC ID Number the first."""
    others: int
    """Further MAC Parameters items of the same number."""
    certificate: Certificate | None
    token: Token | None

    @property
    def lists_nothing(self) -> bool:
        """Whether Data Elements Signed is there, as an AT without a value."""
        carrier = self.place.carrier
        sequence = carrier.element(tags.MAC_PARAMETERS_SEQUENCE)
        if sequence is None or self.parameters is None:
            return False
        for item in items(carrier, sequence):
            element = scan_item(carrier, item).element(tags.DATA_ELEMENTS_SIGNED)
            if element is not None and element.vr.name == "AT" and element.value_start == element.value_end:
                return True
        return False

    @property
    def key_type(self) -> KeyType | None:
        """Kind of the signer's key; None where there is no certificate, or a key that is not known."""
        return None if self.certificate is None else self.certificate.key_type


def select(place: Place, signature: DigitalSignature, parameters: list[MacParameters], messages: Messages) -> Selected:
    """Gather what belongs to a signature; what cannot be read is complained about and left out."""
    if signature.mac_id_number is None:
        messages.warn("Cannot read MAC ID number in DigitalSignaturesSequence.")
    own = [one for one in parameters if one.mac_id_number is not None and one.mac_id_number == signature.mac_id_number]
    return Selected(
        place=place,
        signature=signature,
        parameters=own[0] if own else None,
        others=max(len(own) - 1, 0),
        certificate=_certificate(signature, messages),
        token=_token(signature, messages),
    )


def _certificate(signature: DigitalSignature, messages: Messages) -> Certificate | None:
    encoded = signature.certificate_of_signer
    if signature.certificate_type is None:
        messages.warn("Certificate type missing in dataset.")
    elif signature.certificate_type != X509_1993_SIG:
        messages.warn(
            f"Encountered unsupported certificate type '{signature.certificate_type}' (expected '{X509_1993_SIG}')."
        )
    elif encoded is None:
        messages.warn("Certificate missing in dataset.")
    elif not encoded:
        messages.warn("Empty certificate of signer.")
    else:
        certificate = read_certificate(encoded)
        if certificate is None:
            messages.warn("Unable to parse X.509 certificate.")
        return certificate
    return None


def _token(signature: DigitalSignature, messages: Messages) -> Token | None:
    kind, value = signature.certified_timestamp_type, signature.certified_timestamp
    if kind is None:
        return None
    if kind != _CMS_TSP:
        messages.warn(f"unknown certified timestamp type: {kind}")
        messages.warn("unknown certified timestamp type while reading timestamp.")
        return None
    if value is None:
        return None
    from sealgate.timestamp.token import read_token

    try:
        return read_token(value)
    except TimestampUnreadable:
        messages.warn("unable to read certified timestamp in dataset")
        messages.warn("certified timestamp in dataset cannot be read while reading timestamp.")
        return None
