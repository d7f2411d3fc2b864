"""The report of `sealgate verify` for people: what came out, why, and each numbered fact behind it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sealgate.cli.batch import Line
from sealgate.cli.writing import printable
from sealgate.verification.report import DataSetReport, Fact, Outcome, SignatureReport, Status

UNREADABLE: Final = "unreadable"

_MEANINGS: Final = {
    Outcome.VALID: "every signature is good, and its signer is trusted",
    Outcome.QUESTIONABLE: "the signatures are good, but not all that a reader sees is protected, or something is odd",
    Outcome.INDETERMINATE: "something could not be checked, so nothing is proven",
    Outcome.INVALID: "do not rely on it: a signature is not good, or something asked for is missing",
    Outcome.UNSIGNED: "there is no signature",
}
_STYLES: Final = {
    Outcome.VALID: "bold green",
    Outcome.QUESTIONABLE: "bold yellow",
    Outcome.INDETERMINATE: "bold magenta",
    Outcome.INVALID: "bold red",
    Outcome.UNSIGNED: "bold cyan",
}
_MARKS: Final = {
    Status.PASSED: ("ok  ", "green"),
    Status.WARNING: ("note", "yellow"),
    Status.FAILED: ("FAIL", "red"),
    Status.INDETERMINATE: ("?   ", "magenta"),
    Status.NOT_CHECKED: ("-   ", "dim"),
}


def described(path: str, report: DataSetReport, *, details: bool) -> Iterator[Line]:
    """The lines about one file; without `details` a good one has one line."""
    outcome = report.outcome
    style = _STYLES[outcome]
    if not details and outcome in (Outcome.VALID, Outcome.UNSIGNED):
        signers = ", ".join(dict.fromkeys(printable(one.signer) for one in report.signatures if one.signer))
        yield Line(text=f"{printable(path)}: {outcome}{f' ({signers})' if signers else ''}", style=style)
        return
    yield Line(text=f"{printable(path)}: {outcome}: {_MEANINGS[outcome]}", style=style)
    for signature in report.signatures:
        yield from _of_signature(signature)
    if report.findings:
        yield Line(text="  The data set as a whole")
        for finding in report.findings:
            yield _of_fact(finding)


def unreadable(path: str, reason: str) -> Line:
    """The line about a file that cannot be read."""
    return Line(text=f"{printable(path)}: {UNREADABLE} ({printable(reason)})", style="bold red")


def _of_signature(signature: SignatureReport) -> Iterator[Line]:
    codes = ", ".join(signature.reasons) or "no objections"
    uid = printable(signature.digital_signature_uid)
    text = f"  {printable(signature.location)}, signature {uid}: {signature.outcome} ({codes})"
    yield Line(text=text, style=_STYLES[signature.outcome])
    for fact in signature.facts:
        yield _of_fact(fact)


def _of_fact(fact: Fact) -> Line:
    mark, style = _MARKS[fact.status]
    return Line(text=f"    {int(fact.step):2} {mark} {printable(fact.text)}", style=style)
