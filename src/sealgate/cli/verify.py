"""`sealgate verify`: judge every signature in files and folders."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sealgate.cli import options
from sealgate.cli.batch import SKIPPED, Reporting, run
from sealgate.cli.page import Page
from sealgate.cli.targets import inputs, refuse_overwriting
from sealgate.cli.verifying import Verifying
from sealgate.errors import ConfigurationError, UnreadableFile
from sealgate.files.credentials import read_store
from sealgate.library.verifying import judging_of
from sealgate.signature.profiles import ProfileName
from sealgate.trust.revocation import Revocation
from sealgate.verification.judging import Timestamps

if TYPE_CHECKING:
    from sealgate.library.revocation_lists import Fetching

Anchors = Annotated[
    list[Path] | None,
    typer.Option(
        "--anchors", "--ca", metavar="FILE", help="Trust anchors, PEM or DER (repeat). Without any, no signer is known."
    ),
]
Intermediates = Annotated[
    list[Path] | None,
    typer.Option(metavar="FILE", help="Certificates of intermediate CAs, trusted for nothing (repeat)."),
]
Crl = Annotated[list[Path] | None, typer.Option(metavar="FILE", help="Certificate revocation lists (repeat).")]
Ocsp = Annotated[list[Path] | None, typer.Option(metavar="FILE", help="OCSP responses (repeat).")]
CertificateDir = Annotated[
    list[Path] | None,
    typer.Option("--cert-dir", metavar="DIR", help="Certificates and CRLs under OpenSSL's hash names (repeat)."),
]
RevocationOption = Annotated[
    Revocation | None,
    typer.Option(
        "--revocation",
        help="Whether CRLs and OCSP responses must say that nothing is revoked. Default: if-given; when they are"
        " fetched: required.",
    ),
]
Fetch = Annotated[
    bool, typer.Option("--fetch-revocation", help="Fetch CRLs and OCSP responses from where certificates point to.")
]
At = Annotated[
    str | None,
    typer.Option("--at", metavar="MOMENT", help="Judge as of this moment, such as 2026-03-01T12:00:00Z. Default: now."),
]
RequireCoverage = Annotated[
    list[str] | None,
    typer.Option(
        metavar="TAG...|all|rendering",
        help="Elements that good signatures must cover: tags or keywords (repeat), all, or all that identify or show.",
    ),
]
Uid = Annotated[str | None, typer.Option("--uid", metavar="UID", help="Report only this signature.")]
Html = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Write a report of the one input that opens in a browser, offline.")
]


def verify(
    paths: options.Inputs,
    anchors: Anchors = None,
    intermediates: Intermediates = None,
    crl: Crl = None,
    ocsp: Ocsp = None,
    cert_dir: CertificateDir = None,
    revocation: RevocationOption = None,
    fetch_revocation: Fetch = False,
    at: At = None,
    require_signature: Annotated[
        bool, typer.Option("--require-signature", help="A file without signature does not meet the requirements.")
    ] = False,
    require_profile: Annotated[
        ProfileName | None, typer.Option(help="A good signature must keep this Digital Signature Profile.")
    ] = None,
    require_coverage: RequireCoverage = None,
    require_timestamp: Annotated[
        bool, typer.Option("--require-timestamp", help="Every signature must have a good certified timestamp.")
    ] = False,
    ignore_timestamp: Annotated[
        bool, typer.Option("--ignore-timestamp", help="Do as if there were no certified timestamps.")
    ] = False,
    uid: Uid = None,
    html: Html = None,
    html_values: Annotated[
        bool, typer.Option("--html-values", help="Show values of elements in the report; they name the patient.")
    ] = False,
    html_no_picture: Annotated[bool, typer.Option("--html-no-picture", help="Do not draw the image.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Every fact of every file.")] = False,
    input_form: options.InputFormOption = options.InputForm.ANY,
    input_syntax: options.InputSyntax = None,
    jobs: options.Jobs = 1,
    as_json: options.AsJson = False,
    as_json_lines: options.AsJsonLines = False,
    quiet: options.Quiet = False,
) -> int:
    """Verify every signature, at any depth, in every FILE.

    Each signature, and the data set, is valid; questionable (good, but not all that a reader sees is protected);
    indeterminate (something could not be checked); or invalid. Facts are numbered, reasons are stable codes.

    Exit codes, of several files the gravest: 0 all valid, 103 questionable, 100 a file without signature, 102 a
    requirement not met, 101 invalid or indeterminate, 22 a trust anchor unusable, 20 a file unreadable.

    Example: sealgate verify --anchors ca.pem signed.dcm

    Example: sealgate verify --anchors ca.pem --crl ca.crl --require-coverage rendering study/ --jobs 0 --json
    """
    options.refuse_both(as_json, as_json_lines)
    if require_timestamp and ignore_timestamp:
        raise typer.BadParameter("--require-timestamp and --ignore-timestamp exclude each other")
    timestamps = Timestamps.REQUIRED if require_timestamp else Timestamps.CHECK
    judging = judging_of(
        read_store(
            anchors=anchors or (),
            intermediates=intermediates or (),
            crls=crl or (),
            ocsp_responses=ocsp or (),
            directories=cert_dir or (),
        ),
        at=None if at is None else _moment(at),
        # Whoever wants them fetched wants to know, so what could not be fetched must not pass for good.
        revocation=revocation or (Revocation.REQUIRED if fetch_revocation else Revocation.IF_GIVEN),
        timestamps=Timestamps.IGNORE if ignore_timestamp else timestamps,
        profile=require_profile,
        coverage=require_coverage or (),
    )
    files = inputs(paths)
    if html is not None and len(files) != 1:
        raise ConfigurationError(f"--html is for one input, and there are {len(files)}")
    refuse_overwriting([html], files, [*(anchors or ()), *(intermediates or ()), *(crl or ()), *(ocsp or ())])
    if html is None and (html_values or html_no_picture):
        raise ConfigurationError("--html-values and --html-no-picture are of no use without --html")
    work = Verifying(
        judging=judging,
        reading=options.reading_of(input_form, input_syntax),
        fetching=_fetching() if fetch_revocation else None,
        require_signature=require_signature,
        digital_signature_uid=uid,
        as_json=as_json or as_json_lines,
        details=verbose or len(files) == 1,
        quiet=quiet,
        page=None if html is None else Page(path=html, with_picture=not html_no_picture, with_values=html_values),
    )
    reporting = Reporting(verb="Verifying", as_json=as_json, as_json_lines=as_json_lines, quiet=quiet)
    summary = run(files, work, jobs=jobs, reporting=reporting)
    if summary.counts[SKIPPED] == len(files):
        # A folder of other things must not look like one in which all is well.
        raise UnreadableFile(", ".join(paths), "there is no DICOM file in it")
    return summary.code


def _moment(text: str) -> datetime:
    """The moment that --at names. Raises BadParameter."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise typer.BadParameter(f"--at {text}: write date, time and offset, such as 2026-03-01T12:00:00+01:00")
    return moment


def _fetching() -> Fetching:
    from sealgate.library.revocation_lists import Fetching

    return Fetching()
