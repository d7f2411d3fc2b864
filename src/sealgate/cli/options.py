"""Options that several commands have, each with one name, one help text and one meaning."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

from sealgate.cli.batch import MAX_JOBS
from sealgate.dicom import transfer_syntax
from sealgate.dicom.part10 import FileForm
from sealgate.dicom.reencode import Lengths
from sealgate.dicom.transfer_syntax import TransferSyntax
from sealgate.errors import ConfigurationError
from sealgate.files.writing import Durability
from sealgate.library.reencoding import Writing
from sealgate.library.sources import Reading

Inputs = Annotated[
    list[str],
    typer.Argument(
        metavar="FILE...", help="Files, folders that are walked, patterns ('study/**/*.dcm'), or - (stdin)."
    ),
]
InputsAndOutput = Annotated[
    list[str],
    typer.Argument(
        metavar="IN...",
        help="IN OUT; or, with an output option, files, folders that are walked, and patterns. -: stdin, stdout.",
    ),
]
OutputFile = Annotated[
    str | None,
    typer.Option("--output", "-o", metavar="FILE", help="Result of the one input (-: stdout)."),
]
OutputDir = Annotated[
    Path | None,
    typer.Option("--output-dir", metavar="DIR", help="Results, under the names below the folders given."),
]
InPlace = Annotated[bool, typer.Option("--in-place", help="Write each result over its input.")]
Fsync = Annotated[
    Durability | None,
    typer.Option(
        "--fsync",
        help="When results are on stable storage: each file before it appears, all at the end, or whenever. Default: "
        "batch with --output-dir, else file.",
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Do all but writing, and say what would be done.")]
Jobs = Annotated[
    int,
    typer.Option(
        "--jobs", "-j", metavar="N", min=0, max=MAX_JOBS, help="Processes that share the files; 0: one per core."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Write one JSON document, a list with an object per file.")]
AsJsonLines = Annotated[bool, typer.Option("--json-lines", help="Write a JSON object per file and line.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say only what went wrong.")]


class Syntax(StrEnum):
    """Transfer syntaxes by name."""

    EXPLICIT_LE = "explicit-le"
    EXPLICIT_BE = "explicit-be"
    IMPLICIT_LE = "implicit-le"
    DEFLATED_LE = "deflated-le"


_UIDS: Final = {
    Syntax.EXPLICIT_LE: transfer_syntax.EXPLICIT_LE,
    Syntax.EXPLICIT_BE: transfer_syntax.EXPLICIT_BE,
    Syntax.IMPLICIT_LE: transfer_syntax.IMPLICIT_LE,
    Syntax.DEFLATED_LE: transfer_syntax.DEFLATED_LE,
}


class InputForm(StrEnum):
    """What an input has to be."""

    ANY = "any"
    FILE = "file"
    DATA_SET = "data-set"


_FORMS: Final = {InputForm.ANY: FileForm.ANY, InputForm.FILE: FileForm.PART_10, InputForm.DATA_SET: FileForm.DATA_SET}

InputFormOption = Annotated[
    InputForm,
    typer.Option("--input-form", help="With meta header (file), without (data-set), or either."),
]
InputSyntax = Annotated[
    str | None,
    typer.Option(
        "--input-syntax",
        metavar="NAME|UID|detect",
        help="Take this transfer syntax, or the one that the first element shows, whatever the meta header says: "
        f"{', '.join(Syntax)}, a UID, or detect.",
    ),
]
OutputSyntax = Annotated[
    Syntax | None,
    typer.Option("--output-syntax", help="Write in this transfer syntax; by default nothing is re-encoded."),
]
LengthsOption = Annotated[Lengths, typer.Option("--lengths", help="Lengths of sequences and items in the output.")]
ConvertUnknown = Annotated[
    bool,
    typer.Option("--convert-un", help="Give elements with VR UN the VR that the dictionary knows."),
]
PasswordFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="File whose first line is the password of the key, or the PIN. Default: ask."),
]
PasswordEnvironment = Annotated[
    str | None,
    typer.Option("--password-env", metavar="NAME", help="Environment variable with the password or PIN."),
]


def reading_of(form: InputForm, syntax: str | None) -> Reading:
    """How inputs are read. Raises ConfigurationError."""
    if syntax is None or syntax == "detect":
        return Reading(form=_FORMS[form], detect=syntax is not None)
    return Reading(form=_FORMS[form], forced=_syntax_of(syntax))


def writing_of(syntax: Syntax | None, lengths: Lengths, convert_unknown: bool) -> Writing:
    """How results are encoded."""
    target = None if syntax is None else transfer_syntax.BY_UID[_UIDS[syntax]]
    return Writing(syntax=target, lengths=lengths, convert_unknown=convert_unknown)


def _syntax_of(text: str) -> TransferSyntax:
    uid = _UIDS[Syntax(text)] if text in list(Syntax) else text
    known = transfer_syntax.BY_UID.get(uid)
    if known is None:
        raise ConfigurationError(f"{text!r} is no transfer syntax; choose {', '.join(Syntax)}, detect, or a UID")
    return known


def durability_of(fsync: Durability | None, output_dir: Path | None) -> Durability:
    """When results are durable where nothing was said: an input that is overwritten is never at stake."""
    if fsync is not None:
        return fsync
    return Durability.FILE if output_dir is None else Durability.BATCH


def refuse_both(as_json: bool, as_json_lines: bool) -> None:
    """Raises BadParameter where both forms of JSON are asked for."""
    if as_json and as_json_lines:
        raise typer.BadParameter("--json and --json-lines exclude each other")
