"""Whether a signature fits what it is over, by dcmsign's checks in dcmsign's order, and what those checks miss."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from sealgate.cli.dcmsign import verdicts
from sealgate.cli.dcmsign.certificate import Certificate
from sealgate.cli.dcmsign.dates import date_verdict
from sealgate.cli.dcmsign.run import Run
from sealgate.cli.dcmsign.selected import Selected
from sealgate.dicom import tags, transfer_syntax
from sealgate.dicom.scan import Carrier, Element
from sealgate.dicom.transfer_syntax import TransferSyntax
from sealgate.dicom.walk import Kind
from sealgate.errors import KeyUnusable
from sealgate.signature import dcmtk_stream
from sealgate.signature.algorithms import MAC_ALGORITHMS, MacAlgorithm
from sealgate.signature.keys import is_signature_of
from sealgate.signature.selection import duplicate_tags, is_signable, signed_elements
from sealgate.signature.stream import digest, mac_encoding, write_dcmtk_stream

_UNSAFE = frozenset({"MD5", "SHA1"})
"""MAC algorithms for which two documents with one digest can be made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What became of a signature; `verdict` is None where it is good so far."""

    verdict: str | None = None
    notes: list[str] = field(default_factory=list)
    """What dcmsign does not say."""


class _Bad(Exception):
    """The signature is not good."""

    def __init__(self, verdict: str, note: str = "") -> None:
        super().__init__(verdict)
        self.verdict = verdict
        self.note = note


class _Signed(NamedTuple):
    """What a signature is over, as its MAC Parameters say."""

    elements: list[Element]
    algorithm: MacAlgorithm
    uid: str
    """MAC Calculation Transfer Syntax UID."""


def judge(selected: Selected, syntax: TransferSyntax, run: Run, *, old_format: bool) -> Judgement:
    """Judge structure, MAC and dates of a signature in a data set of `syntax`.

    Raises MalformedDataSet and LimitExceeded.
    """
    try:
        signed = _signed(selected, syntax, run)
        notes = _check_mac(selected, signed, run, old_format=old_format)
        _refuse_hidden(selected.place.carrier, signed.elements, selected.signature.item)
        verdict = date_verdict(selected, run.messages)
        if verdict is not None:
            raise _Bad(verdict)
    except _Bad as bad:
        return Judgement(verdict=bad.verdict, notes=[bad.note] if bad.note else [])
    return Judgement(notes=[*notes, *_oddities(selected, signed)])


def _signed(selected: Selected, syntax: TransferSyntax, run: Run) -> _Signed:
    """The elements that the signature names, its MAC algorithm and the transfer syntax of its MAC."""
    own, signature, carrier = selected.parameters, selected.signature, selected.place.carrier
    if own is None:
        raise _Bad(verdicts.NO_MAC_PARAMETERS)
    if selected.key_type is None:
        raise _Bad(verdicts.NO_CERTIFICATE)
    uid = own.mac_calculation_transfer_syntax_uid
    if uid is None:
        raise _Bad(verdicts.NO_MAC_PARAMETERS)
    if uid not in transfer_syntax.BY_UID:
        raise _Bad(verdicts.WRONG_TRANSFER_SYNTAX)
    if own.mac_algorithm is None:
        raise _Bad(verdicts.NO_MAC_PARAMETERS)
    algorithm = MAC_ALGORITHMS.get(own.mac_algorithm)
    if algorithm is None:
        raise _Bad(verdicts.UNKNOWN_MAC_ALGORITHM)
    if own.data_elements_signed is None:
        raise _Bad(verdicts.NO_DATA_ELEMENTS_SIGNED)
    if not signature.signature_value:
        raise _Bad(verdicts.NO_SIGNATURE)
    if not _can_be_written(carrier, syntax, uid):
        raise _Bad(verdicts.WRONG_TRANSFER_SYNTAX)
    elements = signed_elements(carrier, own.data_elements_signed)
    for element in elements:
        if not is_signable(element):
            name = run.dictionary.dcmtk_name(element.tag)
            run.messages.info(f"  Signature contains unsignable element {tags.written(element.tag)} {name}")
            raise _Bad(verdicts.NOT_SIGNABLE)
    return _Signed(elements, algorithm, uid)


def _can_be_written(carrier: Carrier, syntax: TransferSyntax, uid: str) -> bool:
    """Whether the pixel data of the carrier can be encoded in the transfer syntax of the MAC."""
    pixel_data = carrier.element(tags.PIXEL_DATA)
    if pixel_data is None:
        return True
    if pixel_data.kind is Kind.FRAGMENTS:
        return uid == syntax.uid
    return not transfer_syntax.BY_UID[uid].encapsulated


def _check_mac(selected: Selected, signed: _Signed, run: Run, *, old_format: bool) -> list[str]:
    """The cryptographic check, over the whole stream; a signature over DCMTK's incomplete one is not good."""
    carrier, signature, certificate = selected.place.carrier, selected.signature, selected.certificate
    assert certificate is not None
    assert certificate.public_key is not None
    assert signature.signature_value is not None
    elements, algorithm, encoding = signed.elements, signed.algorithm, mac_encoding(signed.uid)
    public_key, value = certificate.public_key, signature.signature_value
    mac = digest(algorithm, carrier, elements, signature.item, encoding, old_format=old_format)
    run.messages.debug(f"{algorithm} MAC = {mac.hex()}")
    is_good = is_signature_of(public_key, algorithm, mac, value)
    lost = 0
    if dcmtk_stream.may_differ(elements):
        hash_ = algorithm.new()
        lost = write_dcmtk_stream(hash_.update, carrier, elements, signature.item, encoding, old_format=old_format)
        if lost and not is_good and is_signature_of(public_key, algorithm, hash_.digest(), value):
            raise _Bad(
                verdicts.CORRUPTED,
                f"made by DCMTK, which left {lost} bytes of nested sequences out of the MAC; dcmsign calls it OK,"
                " but these bytes can be changed without notice",
            )
    if not is_good:
        raise _Bad(verdicts.CORRUPTED)
    if not lost:
        return []
    return [f"dcmsign calls this signature corrupted: its MAC leaves out {lost} bytes that are signed"]


def _refuse_hidden(carrier: Carrier, elements: list[Element], item: Carrier) -> None:
    """Refuse what other readers may show although the MAC does not cover it."""
    duplicates = duplicate_tags(carrier, elements) or duplicate_tags(item, item.elements)
    if duplicates:
        raise _Bad(
            verdicts.CORRUPTED,
            f"{tags.written(duplicates[0])} stands twice in one data set or item; dcmsign verifies the first one only,"
            " and other readers show the last",
        )
    hidden = next((element for element in item.elements if not is_signable(element) and element.tag & 0xFFFF), None)
    if hidden is not None:
        raise _Bad(
            verdicts.NOT_SIGNABLE,
            f"{tags.written(hidden.tag)} in the signature item is not covered by the MAC, and dcmsign passes over it",
        )


def _oddities(selected: Selected, signed: _Signed) -> list[str]:
    """What a good signature has about it that its user should know."""
    own, certificate = selected.parameters, selected.certificate
    assert own is not None
    assert own.data_elements_signed is not None
    assert certificate is not None
    found = []
    absent = sorted(set(own.data_elements_signed) - {element.tag for element in signed.elements})
    if absent:
        found.append(f"{tags.written(absent[0])} is listed as signed, but is not in the data set")
    if selected.others:
        found.append("another MAC Parameters item has the same MAC ID Number; the first one was used")
    if signed.uid in (transfer_syntax.IMPLICIT_LE, transfer_syntax.EXPLICIT_BE):
        found.append("the transfer syntax of the MAC is not explicit VR little endian, as the standard demands")
    if certificate.trailing > 1:
        found.append(f"{certificate.trailing} bytes stand behind the certificate")
    if certificate.may_be_unfit:
        found.extend(_unfit(certificate))
    if (selected.signature.digital_signature_datetime or "")[-5:-4] not in ("+", "-"):
        found.append("Digital Signature DateTime has no offset from UTC")
    if not selected.place.location.path:
        found.extend(_not_signed(selected.place.carrier, own.data_elements_signed))
    if signed.algorithm.name in _UNSAFE:
        found.append(f"{signed.algorithm} is no longer safe as MAC algorithm")
    return found


def _unfit(certificate: Certificate) -> list[str]:
    """What in the extensions of a certificate speaks against its use for signatures."""
    from sealgate.trust.findings import KeyPurpose
    from sealgate.trust.usage import usage_findings

    try:
        return [finding.text for finding in usage_findings(certificate.parsed(), KeyPurpose.SIGNING)]
    except (ValueError, KeyUnusable):
        return ["the extensions of the certificate cannot be decoded"]


def _not_signed(carrier: Carrier, listed: tuple[int, ...]) -> list[str]:
    """What of the data set could have been signed, and is not."""
    signed = frozenset(listed)
    free = [element.tag for element in carrier.in_tag_order() if element.tag not in signed and is_signable(element)]
    if not free:
        return []
    others = f" and {len(free) - 1} more" if len(free) > 1 else ""
    return [f"not signed: {tags.written(free[0])}{others}"]
