"""`sealgate inspect`: what signatures files have and what these say, without judging any of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from sealgate.cli import options
from sealgate.cli.batch import SKIPPED, Line, Reporting, Result, failed, run, skipped
from sealgate.cli.signing import is_no_dicom
from sealgate.cli.streams import opened_input
from sealgate.cli.targets import inputs
from sealgate.cli.writing import printable
from sealgate.dicom import tags
from sealgate.dicom.dictionary import STANDARD
from sealgate.errors import SealgateError, UnreadableFile
from sealgate.files.dicom_files import Found
from sealgate.library.signatures import Signature, Signatures, signatures_of
from sealgate.library.sources import Reading
from sealgate.timestamp.token import Token


def inspect(
    paths: options.Inputs,
    elements: Annotated[bool, typer.Option("--elements", help="Name every signed element.")] = False,
    input_form: options.InputFormOption = options.InputForm.ANY,
    input_syntax: options.InputSyntax = None,
    jobs: options.Jobs = 1,
    as_json: options.AsJson = False,
    as_json_lines: options.AsJsonLines = False,
) -> int:
    """Show what signatures there are, at any depth, and what they say. Nothing is judged: see sealgate verify.

    Exit codes, of several files the gravest: 0 done, with or without signatures; 20 a file unreadable.

    Example: sealgate inspect signed.dcm --elements
    """
    options.refuse_both(as_json, as_json_lines)
    files = inputs(paths)
    work = Inspecting(
        reading=options.reading_of(input_form, input_syntax), as_json=as_json or as_json_lines, elements=elements
    )
    reporting = Reporting(verb="Inspecting", as_json=as_json, as_json_lines=as_json_lines)
    summary = run(files, work, jobs=jobs, reporting=reporting)
    if summary.counts[SKIPPED] == len(files):
        raise UnreadableFile(", ".join(paths), "there is no DICOM file in it")
    return summary.code


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspecting:
    """Everything that is the same for all files of a command."""

    reading: Reading
    as_json: bool
    elements: bool

    def __call__(self, file: Found) -> Result:
        """Read one file; whatever goes wrong with it is in the result."""
        try:
            given = opened_input(file, self.reading)
            with given.naming():
                found = signatures_of(given)
        except SealgateError as error:
            if file.walked and is_no_dicom(error):
                return skipped(file.path, "it is no DICOM file")
            return failed(file.path, error, outcome="unreadable")
        return Result(
            path=str(file.path),
            outcome="signed" if found or found.damaged else "unsigned",
            lines=() if self.as_json else tuple(self._lines(file, found)),
            document=_document(given.syntax.uid, found) if self.as_json else {},
        )

    def _lines(self, file: Found, found: Signatures) -> Iterator[Line]:
        count = {0: "no signature", 1: "1 signature"}.get(len(found), f"{len(found)} signatures")
        yield Line(text=f"{printable(file.path)}: {count}", style="bold")
        for signature in found:
            yield Line(
                text=f"  {printable(signature.location)}, signature {printable(signature.digital_signature_uid)}"
            )
            for name, value in _facts(signature):
                yield Line(text=f"    {name:<22} {printable(value) or '(absent)'}")
            if self.elements:
                for tag in signature.data_elements_signed:
                    yield Line(text=f"      {tags.written(tag)} {STANDARD.keyword(tag)}")
        for location, reason in found.damaged:
            yield Line(
                text=f"  {printable(location)}: signatures that cannot be read ({printable(reason)})", style="red"
            )


def _facts(signature: Signature) -> Iterator[tuple[str, object]]:
    yield "signer", signature.signer
    yield "signed at (claimed)", signature.digital_signature_datetime
    yield "purpose", None if signature.purpose is None else signature.purpose.code_meaning
    yield "MAC algorithm", signature.mac_algorithm
    yield "MAC transfer syntax", signature.mac_calculation_transfer_syntax_uid
    yield "MAC ID Number", signature.mac_id_number
    yield "signed elements", len(signature.data_elements_signed)
    yield "certified timestamp", _timestamp_text(signature)


def _timestamp_text(signature: Signature) -> str | None:
    token = _token(signature)
    if token is None:
        return signature.certified_timestamp_type
    authority = token.tsa_name or "an authority without name"
    return f"{token.gen_time:%F %T} UTC by {authority}, serial number {token.serial_number:x}"


def _token(signature: Signature) -> Token | None:
    try:
        return signature.timestamp
    except SealgateError:
        return None  # what is there is named by its type; whether it serves is a matter of verification


def _document(transfer_syntax_uid: str, found: Signatures) -> dict[str, Any]:
    return {
        "transfer_syntax_uid": transfer_syntax_uid,
        "signatures": [_signature_as_json(signature) for signature in found],
        "damaged": [{"location": location, "error": reason} for location, reason in found.damaged],
    }


def _signature_as_json(signature: Signature) -> dict[str, Any]:
    token = _token(signature)
    purpose = signature.purpose
    return {
        "digital_signature_uid": signature.digital_signature_uid,
        "location": signature.location,
        "digital_signature_datetime": signature.digital_signature_datetime,
        "mac_id_number": signature.mac_id_number,
        "mac_algorithm": signature.mac_algorithm,
        "mac_calculation_transfer_syntax_uid": signature.mac_calculation_transfer_syntax_uid,
        "data_elements_signed": [tags.written(tag) for tag in signature.data_elements_signed],
        "signer": signature.signer,
        "purpose": None
        if purpose is None
        else {
            "code_value": purpose.code_value,
            "coding_scheme_designator": purpose.coding_scheme_designator,
            "code_meaning": purpose.code_meaning,
        },
        "certified_timestamp_type": signature.certified_timestamp_type,
        "timestamp": None
        if token is None
        else {
            "gen_time": token.gen_time.isoformat(),
            "policy": token.policy,
            "hash_algorithm": token.hash_algorithm,
            "serial_number": f"{token.serial_number:x}",
            "tsa": token.tsa_name,
        },
    }
