"""`sealgate remove`: take one signature, or all, out of DICOM files, and change nothing else in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import typer

from sealgate.cli import options
from sealgate.cli.batch import Line, Reporting, Result, failed, run, skipped
from sealgate.cli.signing import is_no_dicom
from sealgate.cli.streams import opened_input, write_result
from sealgate.cli.targets import Outputs, Plan, plan
from sealgate.errors import SealgateError
from sealgate.files.dicom_files import Found
from sealgate.files.writing import Durability, flush
from sealgate.library.removing import remove_opened
from sealgate.library.sources import Reading
from sealgate.signature.remove import Removal

Uid = Annotated[str | None, typer.Option("--uid", metavar="UID", help="The one signature to remove.")]
Every = Annotated[bool, typer.Option("--all", help="Remove every signature, at any depth.")]


def remove(
    paths: options.InputsAndOutput,
    uid: Uid = None,
    every: Every = False,
    output: options.OutputFile = None,
    output_dir: options.OutputDir = None,
    in_place: options.InPlace = False,
    fsync: options.Fsync = None,
    dry_run: options.DryRun = False,
    input_form: options.InputFormOption = options.InputForm.ANY,
    input_syntax: options.InputSyntax = None,
    jobs: options.Jobs = 1,
    as_json: options.AsJson = False,
    as_json_lines: options.AsJsonLines = False,
    quiet: options.Quiet = False,
) -> int:
    """Remove signatures: IN OUT, or many files at once with --output-dir or --in-place.

    What was added when signing is cut, so that the bytes from before come back. Signatures in Original Attributes
    Sequence are a record of the past and stay. A file without signatures is copied as it is.

    Exit codes, of several files the gravest: 0 done, 1 usage, 20 input unreadable, 40 output not writable, 84 no
    signature has the UID, 85 the signature sequences are too damaged.

    Example: sealgate remove signed.dcm plain.dcm --all

    Example: sealgate remove study/ --output-dir plain/ --all --jobs 0
    """
    options.refuse_both(as_json, as_json_lines)
    if (uid is not None) is every:
        raise typer.BadParameter("say what to remove: --uid UID, or --all")
    planned = plan(paths, Outputs(output=output, output_dir=output_dir, in_place=in_place))
    work = Removing(
        plan=planned,
        digital_signature_uid=uid,
        reading=options.reading_of(input_form, input_syntax),
        durability=options.durability_of(fsync, output_dir),
        dry_run=dry_run,
        quiet=quiet,
    )
    reporting = Reporting(
        verb="Removing signatures",
        as_json=as_json,
        as_json_lines=as_json_lines,
        to_error=planned.to_standard_output,
        quiet=quiet,
    )
    summary = run(planned.files, work, jobs=jobs, reporting=reporting)
    if work.durability is Durability.BATCH and not dry_run:
        flush(planned.folders())
    return summary.code


@dataclass(frozen=True, slots=True, kw_only=True)
class Removing:
    """Everything that is the same for all files of a command."""

    plan: Plan
    digital_signature_uid: str | None
    reading: Reading
    durability: Durability
    dry_run: bool
    quiet: bool

    def __call__(self, file: Found) -> Result:
        """Remove from one file; whatever goes wrong with it is in the result."""
        try:
            given = opened_input(file, self.reading)
            with given.naming():
                removal = remove_opened(given, self.digital_signature_uid)
            unchanged = self.plan.outputs.in_place and not removal.removed
            if not self.dry_run and not unchanged:
                write_result(self.plan, file, given.spliced(removal.edits), self.durability)
            return self._result(file, removal, "unchanged" if unchanged else "written")
        except SealgateError as error:
            if file.walked and is_no_dicom(error):
                return skipped(file.path, "it is no DICOM file")
            return failed(file.path, error)

    def _result(self, file: Found, removal: Removal, done: str) -> Result:
        target = self.plan.name_of_target(file)
        said = "would remove" if self.dry_run else "removed"
        count = len(removal.removed)
        lines = [Line(text=f"{target}: {said} {count} signature{'' if count == 1 else 's'}")]
        lines += [Line(text=f"  {one.location}, signature {one.digital_signature_uid}") for one in removal.removed]
        return Result(
            path=str(file.path),
            outcome="would be written" if self.dry_run and done == "written" else done,
            lines=() if self.quiet else tuple(lines),
            document=_document(target, removal),
        )


def _document(target: str, removal: Removal) -> dict[str, Any]:
    removed = [
        {"location": str(one.location), "digital_signature_uid": one.digital_signature_uid} for one in removal.removed
    ]
    return {"output": target, "removed": removed}
