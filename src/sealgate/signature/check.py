"""Checking one signature against its carrier: structure, MAC parameters and MAC; no dates and no trust.

The steps follow PS3.3 C.12.1.1.3 and keep the order in which dcmsign takes them; the first failing one ends the check.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography import x509

from sealgate.dicom import tags, transfer_syntax
from sealgate.dicom.scan import Carrier, Element
from sealgate.dicom.transfer_syntax import TransferSyntax
from sealgate.dicom.walk import Kind
from sealgate.errors import KeyUnusable
from sealgate.signature import dcmtk_stream
from sealgate.signature.algorithms import MAC_ALGORITHMS, MacAlgorithm
from sealgate.signature.keys import der_length, is_signature_of, is_weak, key_type, load_certificate, public_key_of
from sealgate.signature.model import X509_1993_SIG, DigitalSignature, MacParameters
from sealgate.signature.reasons import Reason
from sealgate.signature.selection import duplicate_tags, is_signable, signed_elements
from sealgate.signature.stream import digest, mac_encoding, write_dcmtk_stream


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A reason with a sentence about this case."""

    reason: Reason
    text: str


@dataclass(slots=True, kw_only=True)
class MacCheck:
    """What the check of structure and MAC came to."""

    structure: list[Problem] = field(default_factory=list)
    mac: list[Problem] = field(default_factory=list)
    signer: list[Problem] = field(default_factory=list)
    mac_algorithm: MacAlgorithm | None = None
    certificate: x509.Certificate | None = None
    data_elements_signed: tuple[int, ...] = ()


class _Failed(Exception):
    """Ends the check of one signature."""

    def __init__(self, reason: Reason, text: str) -> None:
        self.problem = Problem(reason=reason, text=text)


def check(
    carrier: Carrier, syntax: TransferSyntax, parameters: list[MacParameters], signature: DigitalSignature
) -> MacCheck:
    """Check `signature`, found in `carrier` of a data set in `syntax`, with the MAC parameters of the same carrier.

    Raises MalformedDataSet and LimitExceeded.
    """
    result = MacCheck()
    try:
        own = _own_parameters(parameters, signature)
        result.certificate = _certificate(signature, result)
        encoding_uid = _usable_transfer_syntax(own, carrier, syntax, result)
        result.mac_algorithm = _mac_algorithm(own, result)
        listed = own.data_elements_signed
        if listed is None:
            raise _Failed(
                Reason.DATA_ELEMENTS_SIGNED_MISSING, "Data Elements Signed (0400,0020) is absent, empty or no AT"
            )
        result.data_elements_signed = listed
        if not signature.signature_value:
            raise _Failed(Reason.SIGNATURE_VALUE_MISSING, "Signature (0400,0120) is absent or empty")
        elements = _elements(carrier, listed, result)
        _refuse_hidden(carrier, elements, signature.item)
    except _Failed as failure:
        result.structure.append(failure.problem)
        return result
    _check_mac(carrier, elements, signature, result, encoding_uid)
    return result


def _own_parameters(parameters: list[MacParameters], signature: DigitalSignature) -> MacParameters:
    own = [p for p in parameters if p.mac_id_number == signature.mac_id_number and p.mac_id_number is not None]
    if not own:
        raise _Failed(Reason.MAC_PARAMETERS_MISSING, "no MAC Parameters item has the MAC ID Number of the signature")
    if len(own) > 1:
        raise _Failed(Reason.MAC_PARAMETERS_AMBIGUOUS, f"{len(own)} MAC Parameters items have the same MAC ID Number")
    return own[0]


def _certificate(signature: DigitalSignature, result: MacCheck) -> x509.Certificate:
    if signature.certificate_of_signer is None or signature.certificate_type is None:
        raise _Failed(Reason.CERTIFICATE_MISSING, "Certificate of Signer (0400,0115) or its type is absent")
    if signature.certificate_type != X509_1993_SIG:
        raise _Failed(Reason.CERTIFICATE_UNREADABLE, f"the Certificate Type is not {X509_1993_SIG}")
    encoded = signature.certificate_of_signer
    try:
        certificate = load_certificate(encoded[: der_length(encoded)])
        public_key = public_key_of(certificate)
        kind = key_type(public_key)
    except KeyUnusable as error:
        raise _Failed(Reason.CERTIFICATE_UNREADABLE, f"Certificate of Signer (0400,0115): {error}") from error
    if is_weak(public_key):
        result.signer.append(
            Problem(reason=Reason.WEAK_KEY, text=f"the {kind} key of the signer is too small to be safe")
        )
    return certificate


def _usable_transfer_syntax(own: MacParameters, carrier: Carrier, syntax: TransferSyntax, result: MacCheck) -> str:
    """The MAC Calculation Transfer Syntax UID, where the pixel data can be encoded in it."""
    uid = own.mac_calculation_transfer_syntax_uid
    if uid is None:
        raise _Failed(Reason.MAC_PARAMETERS_MISSING, "MAC Calculation Transfer Syntax UID (0400,0010) is absent")
    known = transfer_syntax.BY_UID.get(uid)
    if known is None:
        raise _Failed(Reason.MAC_TRANSFER_SYNTAX_UNUSABLE, "the MAC Calculation Transfer Syntax UID is not known")
    pixel_data = carrier.element(tags.PIXEL_DATA)
    if pixel_data is not None:
        fits = uid == syntax.uid if pixel_data.kind is Kind.FRAGMENTS else not known.encapsulated
        if not fits:
            raise _Failed(Reason.MAC_TRANSFER_SYNTAX_UNUSABLE, f"the pixel data cannot be encoded in {uid}")
    if uid in (transfer_syntax.IMPLICIT_LE, transfer_syntax.EXPLICIT_BE):
        text = "the MAC was calculated in a transfer syntax other than explicit VR little endian"
        result.mac.append(Problem(reason=Reason.MAC_TRANSFER_SYNTAX_FORBIDDEN, text=text))
    return uid


def _mac_algorithm(own: MacParameters, result: MacCheck) -> MacAlgorithm:
    if own.mac_algorithm is None:
        raise _Failed(Reason.MAC_PARAMETERS_MISSING, "MAC Algorithm (0400,0015) is absent")
    algorithm = MAC_ALGORITHMS.get(own.mac_algorithm)
    if algorithm is None:
        raise _Failed(Reason.MAC_ALGORITHM_UNKNOWN, "MAC Algorithm (0400,0015) is no defined term")
    if not algorithm.for_creation:
        result.mac.append(Problem(reason=Reason.WEAK_MAC_ALGORITHM, text=f"{algorithm} is no longer considered safe"))
    return algorithm


def _elements(carrier: Carrier, listed: tuple[int, ...], result: MacCheck) -> list[Element]:
    elements = signed_elements(carrier, listed)
    for element in elements:
        if not is_signable(element):
            raise _Failed(
                Reason.ELEMENT_NOT_SIGNABLE, f"{tags.written(element.tag)} is listed as signed, but may not be"
            )
    absent = sorted(set(listed) - {element.tag for element in elements})
    if absent:
        text = f"{tags.written(absent[0])} is listed as signed, but is absent"
        result.mac.append(Problem(reason=Reason.LISTED_ELEMENT_ABSENT, text=text))
    return elements


def _refuse_hidden(carrier: Carrier, elements: list[Element], item: Carrier) -> None:
    """Refuse what readers may show although the MAC does not cover it."""
    duplicates = duplicate_tags(carrier, elements) or duplicate_tags(item, item.elements)
    if duplicates:
        text = (
            f"{tags.written(duplicates[0])} stands twice in one data set or item: readers differ in which one they show"
        )
        raise _Failed(Reason.DUPLICATE_ELEMENT, text)
    for element in item.elements:
        if not is_signable(element) and element.tag & 0xFFFF:
            text = f"{tags.written(element.tag)} in the signature item cannot be covered by the MAC"
            raise _Failed(Reason.UNSIGNABLE_IN_SIGNATURE_ITEM, text)


def _check_mac(
    carrier: Carrier, elements: list[Element], signature: DigitalSignature, result: MacCheck, encoding_uid: str
) -> None:
    assert result.mac_algorithm is not None
    assert result.certificate is not None
    assert signature.signature_value is not None
    algorithm, encoding = result.mac_algorithm, mac_encoding(encoding_uid)
    public_key, value = result.certificate.public_key(), signature.signature_value
    mac = digest(algorithm, carrier, elements, signature.item, encoding)
    if is_signature_of(public_key, algorithm, mac, value):
        return
    if dcmtk_stream.may_differ(elements):
        hash_ = algorithm.new()
        lost = write_dcmtk_stream(hash_.update, carrier, elements, signature.item, encoding)
        if lost and is_signature_of(public_key, algorithm, hash_.digest(), value):
            text = f"made by DCMTK, which left {lost} bytes of nested sequences out of the MAC: they are not protected"
            result.mac.append(Problem(reason=Reason.DCMTK_TRUNCATED_STREAM, text=text))
            return
    text = "the signed elements, or the signature itself, were changed after signing"
    result.mac.append(Problem(reason=Reason.MAC_MISMATCH, text=text))
