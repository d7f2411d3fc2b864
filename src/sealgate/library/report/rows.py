"""Rows of label and text: the file, dates and timestamp, MAC parameters, and what was asked of the verification."""

from __future__ import annotations

from dataclasses import dataclass

from sealgate.dicom import tags
from sealgate.dicom.part10 import DataSet
from sealgate.dicom.scan import Carrier
from sealgate.library.report.certificate_facts import certificate_facts, grouped
from sealgate.library.report.words import PROOFS, moment
from sealgate.signature.reasons import Reason
from sealgate.timestamp.token import Token
from sealgate.trust.revocation import Revocation
from sealgate.verification.coverage import RequiredCoverage, named
from sealgate.verification.dates import parse
from sealgate.verification.judging import Judging, Timestamps
from sealgate.verification.report import Proof, SignatureReport

_MAX_UID_BYTES = 64
_NUMBER_OF_FRAMES, _ROWS, _COLUMNS = 0x00280008, 0x00280010, 0x00280011


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A label with its text."""

    label: str
    text: str
    code: bool = False
    """Shown in a typewriter face: identifiers that people compare."""


def file_rows(data_set: DataSet, carrier: Carrier, sha256: str | None, size_bytes: int | None) -> tuple[Row, ...]:
    """What the file is: kinds and unique identifiers, no other values."""
    sop_class_uid = _uid(carrier, tags.SOP_CLASS_UID)
    rows = [
        Row(label="Kind of object", text=uid_name(sop_class_uid) or "not said"),
        Row(label="SOP Instance UID", text=_uid(carrier, tags.SOP_INSTANCE_UID) or "absent", code=True),
        Row(label="Study Instance UID", text=_uid(carrier, 0x0020000D) or "absent", code=True),
        Row(label="Transfer syntax", text=uid_name(data_set.syntax.uid)),
    ]
    if size_bytes is not None:
        rows.append(Row(label="Size", text=f"{size_bytes:,} bytes"))
    if sha256 is not None:
        rows.append(Row(label="SHA-256 of the file", text=grouped(sha256), code=True))
    return tuple(rows)


def _uid(carrier: Carrier, tag: int) -> str:
    element = carrier.element(tag)
    if element is None:
        return ""
    value = carrier.source.view[element.value_start : min(element.value_end, element.value_start + _MAX_UID_BYTES)]
    return bytes(value).decode("ascii", "replace").strip(" \0")


def uid_name(uid: str) -> str:
    """The name of a UID of the standard; the UID itself where it has none."""
    from pydicom.uid import UID

    return str(UID(uid).name)


def date_rows(signature: SignatureReport) -> tuple[Row, ...]:
    """Claimed and proven times, and what a timestamp says."""
    rows = [Row(label="Claimed by the signer", text=_claimed(signature.digital_signature_datetime))]
    if signature.proven is not None:
        text = f"{moment(signature.proven.at)}: {PROOFS[signature.proven.proof]}"
        rows.append(Row(label="Judged as of", text=text))
    if signature.timestamp is None:
        unreadable = Reason.TIMESTAMP_UNREADABLE in signature.reasons
        rows.append(Row(label="Certified timestamp", text="cannot be read" if unreadable else "none"))
    else:
        rows += _token_rows(signature.timestamp)
    return tuple(rows)


def signing_time(signature: SignatureReport) -> tuple[str, str]:
    """Label and text of the time that a reader wants to know first: the proven one, else the claimed one."""
    if signature.proven is not None and signature.proven.proof is not Proof.NONE:
        return "Proven to exist since", moment(signature.proven.at)
    return "Signed at, by the signer’s clock", _claimed(signature.digital_signature_datetime)


def _claimed(value: str | None) -> str:
    if value is None:
        return "nothing: Digital Signature DateTime is absent"
    try:
        claimed = parse(value)
    except (ValueError, OverflowError):
        return f"{value} (no date and time)"
    offset = "" if claimed.has_offset else ", offset from UTC not said"
    return f"{moment(claimed.earliest)}{offset}"


def _token_rows(token: Token) -> list[Row]:
    accuracy = "" if token.accuracy is None else f", accurate to {token.accuracy.total_seconds():g} s"
    authority = certificate_facts(token.signer_certificate).name if token.signer_certificate else token.tsa_name
    return [
        Row(label="Timestamp says", text=f"{moment(token.gen_time)}{accuracy}"),
        Row(label="Time Stamping Authority", text=authority or "not named"),
        Row(label="Policy of the authority", text=token.policy, code=True),
        Row(label="Serial number", text=grouped(f"{token.serial_number:x}"), code=True),
        Row(label="Digest in the token", text=token.hash_algorithm),
    ]


def parameter_rows(signature: SignatureReport) -> tuple[Row, ...]:
    """Identification, purpose and MAC parameters."""
    purpose = signature.purpose
    syntax_uid = signature.mac_calculation_transfer_syntax_uid
    rows = [
        Row(label="Digital Signature UID", text=signature.digital_signature_uid or "absent", code=True),
        Row(label="Stands in", text="the main data set" if signature.is_of_main_data_set else signature.location),
        Row(label="Purpose", text=f"{purpose.code_meaning} ({purpose.code_value})" if purpose else "not said"),
        Row(label="MAC algorithm", text=signature.mac_algorithm or "unknown"),
        Row(label="MAC transfer syntax", text=uid_name(syntax_uid) if syntax_uid else "unknown"),
    ]
    if signature.mac_id_number is not None:
        rows.append(Row(label="MAC ID Number", text=str(signature.mac_id_number)))
    rows.append(Row(label="Elements listed as signed", text=f"{len(signature.data_elements_signed):,}"))
    return tuple(rows)


def judged_rows(judging: Judging) -> tuple[Row, ...]:
    """What the verification was asked for."""
    store = judging.store
    receipt = "not known" if judging.first_receipt is None else moment(judging.first_receipt)
    rows = [
        Row(label="Moment of judging", text=moment(judging.now)),
        Row(label="First receipt of the file", text=receipt),
        Row(label="Revocation", text=_REVOCATION[judging.revocation]),
        Row(label="Timestamps", text=_TIMESTAMPS[judging.timestamps]),
        Row(label="Profile asked for", text=judging.profile.value if judging.profile else "none"),
        Row(label="Coverage asked for", text=_coverage(judging)),
        Row(label="Trust anchors", text=_count(len(store.anchors), "none")),
        Row(label="Hashed directories", text=_count(len(store.directories))),
        Row(label="Intermediate certificates", text=_count(len(store.intermediates))),
        Row(label="Revocation lists, OCSP responses", text=f"{len(store.crls):,}, {len(store.ocsp_responses):,}"),
    ]
    if judging.old_format:
        rows.append(Row(label="Encapsulated pixel data", text="MAC over DCMTK’s old format"))
    return tuple(rows)


_REVOCATION = {
    Revocation.NONE: "not checked",
    Revocation.IF_GIVEN: "checked where revocation lists or OCSP responses are at hand",
    Revocation.REQUIRED: "required for every certificate",
}
_TIMESTAMPS = {
    Timestamps.CHECK: "checked where there is one",
    Timestamps.IGNORE: "ignored",
    Timestamps.REQUIRED: "required",
}
_COVERAGE = {
    RequiredCoverage.NONE: "none",
    RequiredCoverage.TAGS: "the elements {named}",
    RequiredCoverage.RENDERING: "all that identifies, and all that a reader sees",
    RequiredCoverage.ALL: "every element",
}


def _count(count: int, none: str = "none") -> str:
    return f"{count:,}" if count else none


def _coverage(judging: Judging) -> str:
    return _COVERAGE[judging.coverage.required].format(named=named(judging.coverage.tags))
