"""A report as plain values for JSON: the keys are stable, new ones may come."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from sealgate.dicom import tags
from sealgate.verification.coverage import Aspect, Coverage
from sealgate.verification.report import DataSetReport, Fact, SignatureReport

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sealgate.signature.purposes import WrittenPurpose
    from sealgate.timestamp.token import Token


def report_as_json(report: DataSetReport) -> dict[str, Any]:
    """The report as a dictionary of strings, numbers, booleans, None, lists and dictionaries.

    Keys: `outcome`; `reasons` (codes of the whole); `coverage` (None without a signature): `extent`, `text`, `signed`,
    `unsigned`, `unsigned_identity`, `unsigned_rendering`; `findings` (facts about the data set); `signatures`, each
    with `location`, `digital_signature_uid`, `digital_signature_datetime`, `mac_id_number`, `mac_algorithm`,
    `mac_calculation_transfer_syntax_uid`, `purpose`, `signer`, `signer_certificate_sha256`, `path_sha256`, `proven`
    (`at`, `proof`), `timestamp`, `outcome`, `reasons`, `data_elements_signed`, `unsigned_elements`, `facts`. A fact has
    `number`, `fact`, `status`, `text`, `reasons`. Tags are written (gggg,eeee), moments in ISO 8601 with offset.
    """
    return {
        "outcome": report.outcome.value,
        "reasons": [reason.value for reason in report.reasons],
        "coverage": None if report.coverage is None else _coverage(report.coverage),
        "findings": [_fact(fact) for fact in report.findings],
        "signatures": [_signature(signature) for signature in report.signatures],
    }


def _fact(fact: Fact) -> dict[str, Any]:
    return {
        "number": int(fact.step),
        "fact": fact.step.name.lower(),
        "status": fact.status.value,
        "text": fact.text,
        "reasons": [reason.value for reason in fact.reasons],
    }


def _tags(listed: Iterable[int]) -> list[str]:
    return [tags.written(tag) for tag in listed]


def _coverage(coverage: Coverage) -> dict[str, Any]:
    return {
        "extent": coverage.extent.value,
        "text": coverage.text,
        "signed": _tags(coverage.signed),
        "unsigned": _tags(coverage.unsigned),
        "unsigned_identity": _tags(coverage.unsigned_of(Aspect.IDENTITY)),
        "unsigned_rendering": _tags(coverage.unsigned_of(Aspect.RENDERING)),
    }


def _signature(signature: SignatureReport) -> dict[str, Any]:
    certificate, proven = signature.signer_certificate, signature.proven
    return {
        "location": signature.location,
        "digital_signature_uid": signature.digital_signature_uid,
        "digital_signature_datetime": signature.digital_signature_datetime,
        "mac_id_number": signature.mac_id_number,
        "mac_algorithm": signature.mac_algorithm,
        "mac_calculation_transfer_syntax_uid": signature.mac_calculation_transfer_syntax_uid,
        "purpose": None if signature.purpose is None else _purpose(signature.purpose),
        "signer": signature.signer,
        "signer_certificate_sha256": None if certificate is None else hashlib.sha256(certificate).hexdigest(),
        "path_sha256": [hashlib.sha256(one).hexdigest() for one in signature.path],
        "proven": None if proven is None else {"at": proven.at.isoformat(), "proof": proven.proof.value},
        "timestamp": None if signature.timestamp is None else _token(signature.timestamp, signature.tsa_path),
        "outcome": signature.outcome.value,
        "reasons": [reason.value for reason in signature.reasons],
        "data_elements_signed": _tags(signature.data_elements_signed),
        "unsigned_elements": _tags(signature.unsigned_elements),
        "facts": [_fact(fact) for fact in signature.facts],
    }


def _purpose(purpose: WrittenPurpose) -> dict[str, Any]:
    return {
        "code_value": purpose.code_value,
        "coding_scheme_designator": purpose.coding_scheme_designator,
        "code_meaning": purpose.code_meaning,
    }


def _token(token: Token, tsa_path: tuple[bytes, ...]) -> dict[str, Any]:
    return {
        "gen_time": token.gen_time.isoformat(),
        "accuracy_seconds": None if token.accuracy is None else token.accuracy.total_seconds(),
        "policy": token.policy,
        "hash_algorithm": token.hash_algorithm,
        "serial_number": f"{token.serial_number:x}",
        "tsa": token.tsa_name,
        "tsa_path_sha256": [hashlib.sha256(one).hexdigest() for one in tsa_path],
    }
