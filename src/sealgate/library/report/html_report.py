"""The verification report of one file as a page for people: one HTML file that needs no network and runs no script.

What a file contains is hostile. The page is made by a template that escapes every value; characters that are not seen
or that turn the direction of text are written out; a Content Security Policy in the page forbids everything but
its own style sheet and pictures that are part of it. The picture is drawn by a child process with limits.

No values of the file are on the page but unique identifiers and the picture, unless `with_values` is given: a report is
passed on more freely than the image. What is burnt into pixels is in the picture; `with_picture=False` leaves it out.
"""

from __future__ import annotations

import base64
import hashlib
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.dicom.part10 import DataSet
from sealgate.dicom.scan import scan
from sealgate.dicom.source import Buffer, Source
from sealgate.errors import InputError
from sealgate.verification.report import DataSetReport

if TYPE_CHECKING:
    from jinja2 import Environment

    from sealgate.library.report.page import Page
    from sealgate.verification.judging import Judging

MAX_TEXT_CHARACTERS = 1500
"""One text on the page. Names in certificates have up to some 200 characters; a forger's may have a million."""
_CUT = "… (cut)"
_NEVER_SEEN = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
"""General categories of Unicode: controls, formats (those that turn direction among them), surrogates, unassigned."""
_PACKAGE = "sealgate.library.report"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportOptions:
    """What a report shows."""

    with_picture: bool = True
    """Draw the image; takes a second, and the extra `pictures`."""
    with_values: bool = False
    """Show the values of elements, which name the patient."""


def html_report(
    report: DataSetReport,
    data_set: DataSet,
    *,
    name: str,
    judging: Judging,
    created_at: datetime,
    file: Buffer | None = None,
    options: ReportOptions = ReportOptions(),
) -> str:
    """The page about a verified file.

    `report` is what `verification.verify.verify` said about `data_set`, judged by `judging`. `name` is what the file is
    called on the page, `created_at` (aware) the time of the report, `file` the bytes of the whole file, for size and
    SHA-256. Raises MalformedDataSet and LimitExceeded where `data_set` cannot be scanned, which then was not verified
    either; see `unreadable_report` for such files.
    """
    from sealgate.library.report.page import Verified, page_of
    from sealgate.library.report.picture import NoPicture, picture_of

    carrier = scan(data_set.source, data_set.encoding)
    picture = picture_of(data_set, carrier) if options.with_picture else NoPicture(sentence="No picture was asked for.")
    verified = Verified(
        name=name,
        report=report,
        data_set=data_set,
        carrier=carrier,
        judging=judging,
        picture=picture,
        sha256=_sha256(file) if file is not None else None,
        size_bytes=len(memoryview(file)) if file is not None else None,
    )
    return _rendered(page_of(verified, created_at=created_at, with_values=options.with_values))


def unreadable_report(error: InputError, *, name: str, created_at: datetime) -> str:
    """The page about a file that could not be read, and so not be verified."""
    from sealgate.library.report.page import page_of_unreadable

    return _rendered(page_of_unreadable(name, error, created_at=created_at))


def write_unreadable_report(path: Path, error: InputError, *, name: str, created_at: datetime) -> None:
    """Write the page of `unreadable_report` to `path`, whole or not at all. Raises UnwritableFile."""
    _write(path, unreadable_report(error, name=name, created_at=created_at))


def write_html_report(
    path: Path,
    report: DataSetReport,
    data_set: DataSet,
    *,
    name: str,
    judging: Judging,
    created_at: datetime,
    file: Buffer | None = None,
    options: ReportOptions = ReportOptions(),
) -> None:
    """Write the page of `html_report` to `path`, whole or not at all.

    For a command: `write_html_report(Path("report.html"), report, data_set, name=str(input_path), judging=judging,
    created_at=datetime.now(UTC), file=bytes_of(input_path))`. Raises UnwritableFile, and what `html_report` raises.
    """
    page = html_report(report, data_set, name=name, judging=judging, created_at=created_at, file=file, options=options)
    _write(path, page)


def _write(path: Path, page: str) -> None:
    from sealgate.files.writing import write_whole

    write_whole(path, (page.encode("utf-8"),))


def _sha256(file: Buffer) -> str:
    whole, digest = Source(file), hashlib.sha256()
    for window in whole.windows(0, len(whole)):
        digest.update(window)
    return digest.hexdigest()


def _rendered(page: Page) -> str:
    from markupsafe import Markup

    style, icons = _template_file("report.css"), _template_file("icons.svg")
    digest = base64.b64encode(hashlib.sha256(style.encode("utf-8")).digest()).decode("ascii")
    # These three are ours, or digits of our own making; nothing else goes around the escaping.
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            page=page,
            style=Markup(style),  # noqa: S704
            style_hash=f"sha256-{digest}",
            icons=Markup(icons),  # noqa: S704
            png=Markup(page.picture.base64 if page.picture else ""),  # noqa: S704
        )
    )


@cache
def _template_file(name: str) -> str:
    return resources.files(_PACKAGE).joinpath("templates", name).read_text("utf-8")


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    from sealgate.library.report.words import day, moment, sentence

    environment = Environment(
        autoescape=True,
        finalize=_finalizer(),
        loader=FunctionLoader(_template_file),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"day": day, "moment": moment, "sentence": sentence}
    return environment


def _finalizer() -> Callable[[object], object]:
    """What every value passes before it is escaped."""
    from markupsafe import Markup

    def finalized(value: object) -> object:
        return value if isinstance(value, Markup | int) else visible(str(value))

    return finalized


def visible(text: str) -> str:
    """`text` with nothing hidden in it, and of bounded length; what cannot be seen is written as ⟨U+202E⟩."""
    cut = text[:MAX_TEXT_CHARACTERS]
    shown = "".join(f"⟨U+{ord(c):04X}⟩" if unicodedata.category(c) in _NEVER_SEEN else c for c in cut)
    return shown if len(text) <= MAX_TEXT_CHARACTERS else shown + _CUT
