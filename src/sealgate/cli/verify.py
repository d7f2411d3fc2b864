"""`sealgate verify`: judge every signature in files and folders."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from sealgate.cli.exit_codes import ExitCode
from sealgate.dicom import tags
from sealgate.dicom.scan import scan
from sealgate.errors import InputError, UnreadableFile
from sealgate.files.credentials import read_anchors
from sealgate.files.dicom_files import expanded, open_data_set
from sealgate.verification.report import DataSetReport, Outcome, SignatureReport, Status
from sealgate.verification.verify import Judging
from sealgate.verification.verify import verify as verify_data_set

_UNREADABLE = "unreadable"

# From the gravest to the best: of several files the first that occurs is the exit code.
_EXIT_CODES = {
    _UNREADABLE: ExitCode.UNREADABLE,
    Outcome.INVALID.value: ExitCode.INVALID,
    Outcome.INDETERMINATE.value: ExitCode.INVALID,
    Outcome.UNSIGNED.value: ExitCode.UNSIGNED,
    Outcome.VALID.value: ExitCode.OK,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Verified:
    """What came of one file."""

    path: Path
    report: DataSetReport | None
    error: str | None

    @property
    def outcome(self) -> str:
        return _UNREADABLE if self.report is None else self.report.outcome.value


def verify(
    paths: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Files, or folders that are walked.")],
    ca: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Trust anchors, PEM or DER (repeat). Without any, no signer is known."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write a list of objects for machines.")] = False,
) -> int:
    """Verify every signature, at any depth, in every FILE.

    A signature is valid, invalid, or indeterminate where something could not be checked; reasons are stable codes.

    Exit codes: 0 all valid, 100 a file without signature, 101 a signature invalid or indeterminate, 20 a file
    unreadable; of several the gravest: 20 before 101 before 100.

    Example: sealgate verify --ca ca.pem signed.dcm study/
    """
    judging = Judging(anchors=read_anchors(ca or []), at=datetime.now(UTC))
    files = list(expanded(paths))
    if not files:  # an empty folder must not look like one in which all is well
        raise UnreadableFile(", ".join(map(str, paths)), "there is no file in it")
    results: list[_Verified] = []
    with _progress(len(files)) as advance:
        for path in files:
            result = _verified(path, judging)
            results.append(result)
            if not as_json:
                _print(result)
            advance()
    if as_json:
        typer.echo(json.dumps([_as_json(result) for result in results], indent=2))
    outcomes = {result.outcome for result in results}
    return next((code for outcome, code in _EXIT_CODES.items() if outcome in outcomes), ExitCode.OK)


def _verified(path: Path, judging: Judging) -> _Verified:
    try:
        data_set = open_data_set(path)
        report = verify_data_set(scan(data_set.source, data_set.encoding), data_set.syntax, judging)
    except InputError as error:
        return _Verified(path=path, report=None, error=str(error))
    return _Verified(path=path, report=report, error=None)


@contextmanager
def _progress(total: int) -> Iterator[Callable[[], object]]:
    """A progress bar on a terminal, for more than one file."""
    if total < 2 or not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("Verifying", total=total)
        yield lambda: progress.advance(task)


_MARKS = {Status.PASSED: "ok  ", Status.WARNING: "note", Status.FAILED: "FAIL", Status.NOT_CHECKED: "-   "}


def _print(result: _Verified) -> None:
    typer.echo(f"{result.path}: {result.outcome}" + (f" ({result.error})" if result.error else ""))
    for signature in result.report.signatures if result.report else ():
        codes = ", ".join(signature.reasons) or "no objections"
        typer.echo(
            f"  {signature.location}, signature {signature.digital_signature_uid}: {signature.outcome} ({codes})"
        )
        for fact in signature.facts:
            typer.echo(f"    {int(fact.step)} {_MARKS[fact.status]} {fact.text}")


def _as_json(result: _Verified) -> dict[str, object]:
    described: dict[str, object] = {"path": str(result.path), "outcome": result.outcome}
    if result.error is not None:
        described["error"] = result.error
    signatures = result.report.signatures if result.report else ()
    return described | {"signatures": [_signature_as_json(signature) for signature in signatures]}


def _signature_as_json(signature: SignatureReport) -> dict[str, object]:
    return {
        "digital_signature_uid": signature.digital_signature_uid,
        "location": signature.location,
        "outcome": signature.outcome.value,
        "reasons": [reason.value for reason in signature.reasons],
        "signer": signature.signer,
        "unsigned_elements": [tags.written(tag) for tag in signature.unsigned_elements],
        "digital_signature_datetime": signature.digital_signature_datetime,
        "mac_algorithm": signature.mac_algorithm,
        "facts": [
            {"number": int(fact.step), "fact": fact.step.name.lower(), "status": fact.status.value, "text": fact.text}
            for fact in signature.facts
        ],
    }
