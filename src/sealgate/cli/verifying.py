"""Verifying one file of many: what `sealgate verify` does in each of its processes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

from sealgate.cli.batch import Result, failed, skipped
from sealgate.cli.exit_codes import ExitCode
from sealgate.cli.page import Page
from sealgate.cli.signing import is_media_directory, is_no_dicom
from sealgate.cli.streams import opened_input
from sealgate.cli.verify_report import UNREADABLE, described, unreadable
from sealgate.errors import InputError, SealgateError, UnreadableFile
from sealgate.files.dicom_files import Found
from sealgate.library.revocation_lists import Fetching
from sealgate.library.sources import Opened, Reading
from sealgate.library.verifying import only, verify_opened
from sealgate.signature.reasons import Reason, Severity
from sealgate.verification.judging import Judging
from sealgate.verification.report import DataSetReport, Outcome

REQUIREMENTS: Final = frozenset((Reason.TIMESTAMP_REQUIRED, Reason.PROFILE_REQUIRED, Reason.COVERAGE_REQUIRED))
"""Reasons that are there because an option asked for something."""

_CODES: Final = {
    Outcome.VALID: ExitCode.OK,
    Outcome.QUESTIONABLE: ExitCode.QUESTIONABLE,
    Outcome.INDETERMINATE: ExitCode.INVALID,
    Outcome.INVALID: ExitCode.INVALID,
    Outcome.UNSIGNED: ExitCode.UNSIGNED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verifying:
    """Everything that is the same for all files of a command."""

    judging: Judging
    reading: Reading
    fetching: Fetching | None = None
    """How CRLs and OCSP responses are fetched; None: they are not."""
    require_signature: bool = False
    digital_signature_uid: str | None = None
    as_json: bool = False
    details: bool = False
    quiet: bool = False
    page: Page | None = None
    """Where a page to read in a browser goes; None: none is written."""

    def __call__(self, file: Found) -> Result:
        """Verify one file; whatever goes wrong with it is in the result."""
        try:
            given = opened_input(file, self.reading)
            if file.walked and is_media_directory(given):
                return skipped(file.path, "it is the directory of a medium (DICOMDIR)")
            return self._verified(file, given)
        except InputError as error:
            if file.walked and is_no_dicom(error):
                return skipped(file.path, "it is no DICOM file")
            if self.page is not None:
                self.page.write_unreadable(file, error)
            return _unreadable(file, error)
        except SealgateError as error:
            return failed(file.path, error)

    def _verified(self, file: Found, given: Opened) -> Result:
        judging = self.judging
        notes: tuple[str, ...] = ()
        with given.naming():
            report = verify_opened(given, judging)
            if self.fetching is not None and report.signatures:
                store, notes = self.fetching.completed(judging.store, report)
                judging = replace(judging, store=store)
                report = verify_opened(given, judging)
        if self.digital_signature_uid is not None:
            report = only(report, self.digital_signature_uid)
        if self.page is not None:
            self.page.write(file, given, report, judging)
        return self._result(file, report, notes)

    def _result(self, file: Found, report: DataSetReport, notes: tuple[str, ...]) -> Result:
        code = exit_code(report, require_signature=self.require_signature)
        details = self.details or code is not ExitCode.OK
        silent = self.as_json or (self.quiet and code is ExitCode.OK)
        return Result(
            path=str(file.path),
            outcome=report.outcome.value,
            code=code,
            lines=() if silent else tuple(described(str(file.path), report, details=details)),
            notes=tuple(f"{file.path}: {note}" for note in notes),
            document=_document(report) if self.as_json else {},
        )


def exit_code(report: DataSetReport, *, require_signature: bool = False) -> ExitCode:
    """What a script is told of a report."""
    if report.outcome is Outcome.UNSIGNED and require_signature:
        return ExitCode.REQUIREMENT
    if report.outcome is Outcome.INVALID:
        others = [reason for reason in report.reasons if reason not in REQUIREMENTS]
        if all(reason.severity < Severity.INDETERMINATE for reason in others):
            return ExitCode.REQUIREMENT
    return _CODES[report.outcome]


def _unreadable(file: Found, error: InputError) -> Result:
    reason = error.reason if isinstance(error, UnreadableFile) else str(error)  # the path stands in front already
    return Result(
        path=str(file.path),
        outcome=UNREADABLE,
        code=ExitCode.UNREADABLE,
        lines=(unreadable(str(file.path), reason),),
        document={"error": str(error), "signatures": []},
    )


def _document(report: DataSetReport) -> dict[str, Any]:
    from sealgate.verification.document import report_as_json

    return report_as_json(report)
