"""Checking one signature against its carrier: structure, MAC parameters and MAC; no dates and no trust.

The steps follow PS3.3 C.12.1.1.3 and keep the order in which dcmsign takes them. What makes the MAC impossible to
calculate ends the check; what is only odd or forbidden is noted, and the check goes on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sealgate.dicom import tags, transfer_syntax
from sealgate.dicom.scan import Carrier, Element, Notes
from sealgate.dicom.transfer_syntax import TransferSyntax
from sealgate.dicom.walk import Kind
from sealgate.errors import KeyUnusable
from sealgate.signature import dcmtk_stream
from sealgate.signature.algorithms import MAC_ALGORITHMS, KeyType, MacAlgorithm
from sealgate.signature.keys import (
    certificate_in,
    is_breakable,
    is_signature_of,
    is_weak,
    key_type,
    public_key_of,
)
from sealgate.signature.mac import Normalised
from sealgate.signature.model import X509_1993_SIG, DigitalSignature, MacParameters
from sealgate.signature.reasons import Reason
from sealgate.signature.selection import duplicate_tags, is_signable, signed_elements
from sealgate.signature.stream import digest, mac_encoding, write_dcmtk_stream
from sealgate.signature.uncovered import is_zero, uncovered

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A reason with a sentence about this case."""

    reason: Reason
    text: str


@dataclass(slots=True, kw_only=True)
class MacCheck:
    """What the check of structure and MAC came to: problems by the steps of the ladder."""

    structure: list[Problem] = field(default_factory=list)
    parameters: list[Problem] = field(default_factory=list)
    mac: list[Problem] = field(default_factory=list)
    dcmtk_stream: list[Problem] = field(default_factory=list)
    signer: list[Problem] = field(default_factory=list)
    mac_algorithm: MacAlgorithm | None = None
    certificate: x509.Certificate | None = None
    own_parameters: MacParameters | None = None
    """The item of MAC Parameters Sequence that the signature names; of several the first."""
    data_elements_signed: tuple[int, ...] = ()
    mac_calculated: bool = False
    """Whether the check came as far as the MAC itself."""
    lost_bytes: int = 0
    """Bytes that dcmsign left out of the MAC, where only its own stream fits."""

    @property
    def problems(self) -> Iterator[Problem]:
        """All problems, in the order of the ladder."""
        yield from self.structure
        yield from self.parameters
        yield from self.mac
        yield from self.dcmtk_stream
        yield from self.signer


class _Failed(Exception):
    """Ends the check of one signature."""

    def __init__(self, reason: Reason, text: str) -> None:
        self.problem = Problem(reason=reason, text=text)


def check(
    carrier: Carrier,
    syntax: TransferSyntax,
    parameters: list[MacParameters],
    signature: DigitalSignature,
    *,
    old_format: bool = False,
) -> MacCheck:
    """Check `signature`, found in `carrier` of a data set in `syntax`, with the MAC parameters of the same carrier.

    With `old_format` the MAC is taken over DCMTK's old form of encapsulated pixel data, and over no other.
    Raises MalformedDataSet and LimitExceeded.
    """
    result = MacCheck()
    _note_hidden(carrier, signature.item, result)
    stage = result.parameters
    try:
        own = result.own_parameters = _own_parameters(parameters, signature, result)
        stage = result.signer
        result.certificate = _certificate(signature, result)
        stage = result.parameters
        encoding_uid = _usable_transfer_syntax(own, carrier, syntax, result)
        result.mac_algorithm = _mac_algorithm(own, result)
        if own.data_elements_signed is None:
            raise _Failed(
                Reason.DATA_ELEMENTS_SIGNED_MISSING, "Data Elements Signed (0400,0020) is absent, empty or no AT"
            )
        result.data_elements_signed = own.data_elements_signed
        stage = result.structure
        if not signature.signature_value:
            raise _Failed(Reason.SIGNATURE_VALUE_MISSING, "Signature (0400,0120) is absent or empty")
        stage = result.parameters
        elements = _elements(carrier, own.data_elements_signed, result)
    except _Failed as failure:
        stage.append(failure.problem)
        return result
    _note_nested_duplicates(carrier, elements, result)
    _check_mac(carrier, elements, signature, result, (encoding_uid, old_format))
    return result


def _own_parameters(parameters: list[MacParameters], signature: DigitalSignature, result: MacCheck) -> MacParameters:
    own = [p for p in parameters if p.mac_id_number == signature.mac_id_number and p.mac_id_number is not None]
    if not own:
        raise _Failed(Reason.MAC_PARAMETERS_MISSING, "no MAC Parameters item has the MAC ID Number of the signature")
    if len(own) > 1:
        text = f"{len(own)} MAC Parameters items have the same MAC ID Number"
        result.parameters.append(Problem(reason=Reason.MAC_PARAMETERS_AMBIGUOUS, text=text))
    return own[0]


def _certificate(signature: DigitalSignature, result: MacCheck) -> x509.Certificate:
    if signature.certificate_of_signer is None or signature.certificate_type is None:
        raise _Failed(Reason.CERTIFICATE_MISSING, "Certificate of Signer (0400,0115) or its type is absent")
    if signature.certificate_type != X509_1993_SIG:
        raise _Failed(Reason.CERTIFICATE_UNREADABLE, f"the Certificate Type is not {X509_1993_SIG}")
    try:
        certificate, behind = certificate_in(signature.certificate_of_signer)
        public_key = public_key_of(certificate)
        kind = key_type(public_key)
    except KeyUnusable as error:
        raise _Failed(Reason.CERTIFICATE_UNREADABLE, f"Certificate of Signer (0400,0115): {error}") from error
    result.signer += _key_problems(public_key, kind)
    if behind.strip(b"\0"):
        text = f"{len(behind)} bytes stand behind the certificate in Certificate of Signer (0400,0115)"
        result.signer.append(Problem(reason=Reason.CERTIFICATE_WITH_TRAILING_BYTES, text=text))
    return certificate


def _key_problems(public_key: PublicKeyTypes, kind: KeyType) -> Iterator[Problem]:
    if not is_weak(public_key):
        return
    yield Problem(reason=Reason.WEAK_KEY, text=f"the {kind} key of the signer is too small to be safe")
    if is_breakable(public_key):
        bits = getattr(public_key, "key_size", 0)
        text = f"{bits} bits of {kind} can be broken by anybody, who could then sign in the signer's name"
        yield Problem(reason=Reason.BREAKABLE_KEY, text=text)


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
        is_fragments = pixel_data.kind is Kind.FRAGMENTS
        if not (uid == syntax.uid if is_fragments else not known.encapsulated):
            raise _Failed(Reason.MAC_TRANSFER_SYNTAX_UNUSABLE, f"the pixel data cannot be encoded in {uid}")
        # Items may hold native pixel data in a file of any syntax; else readers go by what the file says.
        if is_fragments is not syntax.encapsulated and (is_fragments or carrier.start == 0):
            text = f"the pixel data is not encoded as the transfer syntax {syntax.uid} of the data set says"
            raise _Failed(Reason.MAC_TRANSFER_SYNTAX_UNUSABLE, text)
    if uid in (transfer_syntax.IMPLICIT_LE, transfer_syntax.EXPLICIT_BE):
        text = "the MAC was calculated in a transfer syntax other than explicit VR little endian"
        result.parameters.append(Problem(reason=Reason.MAC_TRANSFER_SYNTAX_FORBIDDEN, text=text))
    if uid == transfer_syntax.IMPLICIT_LE:
        text = "the MAC does not cover the Value Representations: values can be made to mean something else"
        result.parameters.append(Problem(reason=Reason.VR_NOT_COVERED, text=text))
    return uid


def _mac_algorithm(own: MacParameters, result: MacCheck) -> MacAlgorithm:
    if own.mac_algorithm is None:
        raise _Failed(Reason.MAC_PARAMETERS_MISSING, "MAC Algorithm (0400,0015) is absent")
    algorithm = MAC_ALGORITHMS.get(own.mac_algorithm)
    if algorithm is None:
        raise _Failed(Reason.MAC_ALGORITHM_UNKNOWN, "MAC Algorithm (0400,0015) is no defined term")
    if not algorithm.for_creation:
        text = f"{algorithm} is no longer considered safe"
        result.parameters.append(Problem(reason=Reason.WEAK_MAC_ALGORITHM, text=text))
    return algorithm


def _elements(carrier: Carrier, listed: tuple[int, ...], result: MacCheck) -> list[Element]:
    wanted = frozenset(listed)
    elements = signed_elements(carrier, wanted)
    for element in carrier.others() if carrier.is_in_order else elements:
        if element.tag in wanted and not is_signable(element):
            raise _Failed(
                Reason.ELEMENT_NOT_SIGNABLE, f"{tags.written(element.tag)} is listed as signed, but may not be"
            )
    if len(elements) < len(listed):
        absent = sorted(set(listed) - {element.tag for element in elements})
        if absent:
            text = f"{tags.written(absent[0])} is listed as signed, but is absent"
            result.parameters.append(Problem(reason=Reason.LISTED_ELEMENT_ABSENT, text=text))
    return elements


def _duplicate(tag: int) -> Problem:
    text = f"{tags.written(tag)} stands twice in one data set or item: readers differ in which one they show"
    return Problem(reason=Reason.DUPLICATE_ELEMENT, text=text)


def _note_hidden(carrier: Carrier, item: Carrier, result: MacCheck) -> None:
    """Note what readers may show although no MAC covers it."""
    parameters = carrier.element(tags.MAC_PARAMETERS_SEQUENCE)
    duplicates = (
        carrier.duplicate_tags()
        or duplicate_tags(item, item.elements)
        or ([] if parameters is None else duplicate_tags(carrier, [parameters]))
    )
    if duplicates:
        result.structure.append(_duplicate(duplicates[0]))
    hidden = [element.tag for element in item.elements if not (is_signable(element) or _belongs(item, element))]
    hidden += [tag for _, tag, _ in uncovered(item, item.elements)]
    before = [element for element in item.elements if element.tag < tags.MAC_ID_NUMBER]
    moved = [element.tag for element in before if not tags.is_never_signed(element.tag)]
    if moved:
        # The MAC is over the data set and then the item, with nothing between: from one the other could be extended.
        text = f"{tags.written(moved[0])} in the signature item may have been taken out of the data set"
        result.structure.append(Problem(reason=Reason.DATA_IN_SIGNATURE_ITEM, text=text))
    if hidden:
        text = f"{tags.written(hidden[0])} in the signature item cannot be covered by the MAC"
        result.structure.append(Problem(reason=Reason.UNSIGNABLE_IN_SIGNATURE_ITEM, text=text))


def _belongs(item: Carrier, element: Element) -> bool:
    """Whether an element that is never signed belongs into a signature item: a group length, or padding of zeros."""
    if element.tag == tags.DATA_SET_TRAILING_PADDING and element.kind is Kind.ELEMENT:
        return is_zero(item.source, element.value_start, element.value_end)
    return not element.tag & 0xFFFF


def _note_nested_duplicates(carrier: Carrier, elements: list[Element], result: MacCheck) -> None:
    if not carrier.has_nested_disorder:
        return
    for element in elements:
        if element.notes & (Notes.DUPLICATES | Notes.DISORDERED):
            duplicates = duplicate_tags(carrier, [element])
            if duplicates:
                result.structure.append(_duplicate(duplicates[0]))
                return


def _check_mac(
    carrier: Carrier,
    elements: list[Element],
    signature: DigitalSignature,
    result: MacCheck,
    form: tuple[str, bool],
) -> None:
    """Check the signature over the standard's stream, then over dcmsign's; `form`: transfer syntax, old format."""
    assert result.mac_algorithm is not None
    assert result.certificate is not None
    assert signature.signature_value is not None
    result.mac_calculated = True
    encoding_uid, old_format = form
    algorithm, encoding = result.mac_algorithm, mac_encoding(encoding_uid)
    public_key, value = result.certificate.public_key(), signature.signature_value
    normalised = Normalised()
    mac = digest(algorithm, carrier, elements, signature.item, encoding, old_format=old_format, normalised=normalised)
    if is_signature_of(public_key, algorithm, mac, value):
        result.mac += _seen_otherwise(normalised)
        if old_format and any(element.kind is Kind.FRAGMENTS for element in elements):
            text = "the MAC has the lengths of pixel data fragments in it, as old releases of DCMTK put them"
            result.mac.append(Problem(reason=Reason.OLD_FORMAT, text=text))
        return
    if dcmtk_stream.may_differ(elements):
        hash_ = algorithm.new()
        lost = write_dcmtk_stream(hash_.update, carrier, elements, signature.item, encoding, old_format=old_format)
        if lost and is_signature_of(public_key, algorithm, hash_.digest(), value):
            text = f"made by DCMTK, which left {lost} bytes of nested sequences out of the MAC: they are not protected"
            result.dcmtk_stream.append(Problem(reason=Reason.DCMTK_TRUNCATED_STREAM, text=text))
            result.lost_bytes = lost
            return
    text = "the signed elements, or the signature itself, were changed after signing"
    result.mac.append(Problem(reason=Reason.MAC_MISMATCH, text=text))


def _seen_otherwise(normalised: Normalised) -> Iterator[Problem]:
    """What readers may take for another value than the MAC does."""
    if normalised.uids:
        text = f"white space stands in the UID {tags.written(min(normalised.uids))}: the signed UID is another one"
        yield Problem(reason=Reason.UID_WITH_WHITE_SPACE, text=text)
    if normalised.padded:
        text = f"{tags.written(min(normalised.padded))} ends in more spaces than it needs; they are not signed"
        yield Problem(reason=Reason.VALUE_PADDED, text=text)
