"""The page that `sealgate verify --html` writes about one file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sealgate.errors import InputError
from sealgate.files.dicom_files import Found
from sealgate.library.sources import Opened
from sealgate.verification.judging import Judging
from sealgate.verification.report import DataSetReport


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Where the page goes, and what it shows."""

    path: Path
    with_picture: bool = True
    with_values: bool = False

    def write(self, file: Found, given: Opened, report: DataSetReport, judging: Judging) -> None:
        """Write what was found about `file`, whole or not at all. Raises UnwritableFile."""
        from sealgate.library.report.html_report import ReportOptions, write_html_report

        write_html_report(
            self.path,
            report,
            given.data_set,
            name=str(file.path),
            judging=judging,
            created_at=datetime.now(UTC),
            file=given.original,
            options=ReportOptions(with_picture=self.with_picture, with_values=self.with_values),
        )

    def write_unreadable(self, file: Found, error: InputError) -> None:
        """Write that `file` could not be read, and so not be verified. Raises UnwritableFile."""
        from sealgate.library.report.html_report import write_unreadable_report

        write_unreadable_report(self.path, error, name=str(file.path), created_at=datetime.now(UTC))
