"""`sealgate sign`: put a signature into DICOM files, and change nothing else in them."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sealgate.cli import options
from sealgate.cli.batch import Reporting, run
from sealgate.cli.passwords import FILE_OR_ENVIRONMENT, password_of
from sealgate.cli.signing import SignerOnce, Signing
from sealgate.cli.targets import Outputs, Plan, plan, refuse_overwriting
from sealgate.dicom.reencode import Lengths
from sealgate.errors import ConfigurationError
from sealgate.files.credentials import read_file
from sealgate.files.writing import Durability, flush
from sealgate.library.signers import load_signer
from sealgate.library.signing import order_of
from sealgate.signature.algorithms import MAC_ALGORITHMS
from sealgate.signature.profiles import ProfileName

if TYPE_CHECKING:
    from sealgate.library.timestamping import Timestamping

MAX_TAG_FILE_BYTES = 1 << 20
"""A list of every element in the data dictionary has a tenth of it."""

Key = Annotated[Path | None, typer.Option(metavar="FILE", help="Private key, PEM or DER: RSA, EC or DSA.")]
Certificate = Annotated[Path | None, typer.Option(metavar="FILE", help="Certificate of the key, PEM or DER.")]
Pkcs12 = Annotated[Path | None, typer.Option(metavar="FILE", help="PKCS#12 file with key and certificate.")]
Pkcs11 = Annotated[
    str | None,
    typer.Option(metavar="URI", help="Key in a PKCS#11 token (RFC 7512), such as 'pkcs11:token=t;object=k'."),
]
Module = Annotated[Path | None, typer.Option("--pkcs11-module", metavar="FILE", help="Library that reaches the token.")]
Mac = Annotated[str, typer.Option(metavar="NAME", help=f"MAC algorithm: {', '.join(MAC_ALGORITHMS)}.")]
Tag = Annotated[
    list[str] | None,
    typer.Option(metavar="TAG", help="Sign this element (gggg,eeee or keyword; repeat). Default: all signable."),
]
TagFile = Annotated[
    list[Path] | None, typer.Option(metavar="FILE", help="Sign the elements listed there, parted by white space.")
]
Item = Annotated[
    str | None,
    typer.Option(metavar="LOCATION", help="Sign this item, such as 'ReferencedSeriesSequence[0]', not the data set."),
]
ItemWise = Annotated[
    bool,
    typer.Option(
        "--item-wise", help="Sign items on their own where dcmsign would lose bytes of them. Never fully signed."
    ),
]
Purpose = Annotated[
    int | None, typer.Option(metavar="CODE", min=1, max=18, help="Digital Signature Purpose; see sealgate purposes.")
]
PrivateInImplicit = Annotated[
    bool, typer.Option("--private-in-implicit-vr", help="In implicit VR sign private elements too.")
]
Url = Annotated[
    str | None, typer.Option("--timestamp-url", metavar="URL", help="Fetch a certified timestamp from this authority.")
]
Query = Annotated[
    Path | None, typer.Option("--timestamp-query", metavar="FILE", help="Write a timestamp query, to be sent by hand.")
]
UidFile = Annotated[
    Path | None, typer.Option("--uid-file", metavar="FILE", help="Write the UID that belongs to the query.")
]
StampUser = Annotated[str | None, typer.Option("--timestamp-user", metavar="NAME", help="User at the authority.")]
StampPassword = Annotated[
    Path | None, typer.Option("--timestamp-password-file", metavar="FILE", help="Its first line is the password.")
]
StampCa = Annotated[
    Path | None, typer.Option("--timestamp-ca", metavar="FILE", help="Trust only these CAs for TLS to the authority.")
]
Dump = Annotated[Path | None, typer.Option(metavar="FILE", help="Write the bytes that were hashed.")]


def sign(
    paths: options.InputsAndOutput,
    key: Key = None,
    cert: Certificate = None,
    pkcs12: Pkcs12 = None,
    pkcs11: Pkcs11 = None,
    pkcs11_module: Module = None,
    password_file: options.PasswordFile = None,
    password_env: options.PasswordEnvironment = None,
    mac: Mac = "SHA256",
    profile: Annotated[ProfileName, typer.Option(help="Digital Signature Profile to keep.")] = ProfileName.NONE,
    purpose: Purpose = None,
    tag: Tag = None,
    tag_file: TagFile = None,
    item: Item = None,
    item_wise: ItemWise = False,
    private_in_implicit_vr: PrivateInImplicit = False,
    timestamp_url: Url = None,
    timestamp_user: StampUser = None,
    timestamp_password_file: StampPassword = None,
    timestamp_ca: StampCa = None,
    timestamp_query: Query = None,
    uid_file: UidFile = None,
    dump: Dump = None,
    output: options.OutputFile = None,
    output_dir: options.OutputDir = None,
    in_place: options.InPlace = False,
    fsync: options.Fsync = None,
    dry_run: options.DryRun = False,
    output_syntax: options.OutputSyntax = None,
    lengths: options.LengthsOption = Lengths.KEPT,
    convert_unknown: options.ConvertUnknown = False,
    input_form: options.InputFormOption = options.InputForm.ANY,
    input_syntax: options.InputSyntax = None,
    jobs: options.Jobs = 1,
    as_json: options.AsJson = False,
    as_json_lines: options.AsJsonLines = False,
    quiet: options.Quiet = False,
) -> int:
    """Sign DICOM files: IN OUT, or many at once with --output-dir or --in-place.

    A result is its input with two insertions, the signature sequences; every other byte stays, unless an option asks
    for another encoding. Signatures that are there are kept. A file appears whole or not at all; a bad one does not
    stop the others.

    Exit codes, of several files the gravest: 0 signed, 1 usage, 2 wrong option value, 20 input unreadable, 22 key or
    certificate unusable, 40 output not writable, 50 authority not reachable, 85 cannot be signed, 87 no timestamp.

    Example: sealgate sign ct.dcm signed.dcm --key signer.key --cert signer.pem --tag PatientID --tag 7fe0,0010

    Example: sealgate sign study/ --output-dir signed/ --pkcs12 signer.p12 --profile creator --jobs 0
    """
    options.refuse_both(as_json, as_json_lines)
    planned = plan(paths, Outputs(output=output, output_dir=output_dir, in_place=in_place))
    _refuse_for_several(planned, dump=dump, timestamp_query=timestamp_query, uid_file=uid_file)
    _refuse_without(timestamp_query, "--timestamp-query", uid_file=uid_file)
    _refuse_without(
        timestamp_url,
        "--timestamp-url",
        timestamp_user=timestamp_user,
        timestamp_password_file=timestamp_password_file,
        timestamp_ca=timestamp_ca,
    )
    read = [key, cert, pkcs12, password_file, timestamp_password_file, timestamp_ca, *(tag_file or ())]
    refuse_overwriting([dump, timestamp_query, uid_file], planned.files, read)
    timestamping = None
    if not dry_run and (timestamp_url is not None or timestamp_query is not None):
        timestamping = _timestamping(timestamp_url, timestamp_user, timestamp_password_file, timestamp_ca)
    order = order_of(
        location="Main Dataset" if item is None else item,
        profile=profile,
        purpose=purpose,
        mac=mac,
        elements=wanted_elements(tag, tag_file),
        item_wise=item_wise,
        private_in_implicit_vr=private_in_implicit_vr,
        timestamp=timestamping,
    )
    work = Signing(
        plan=planned,
        order=order,
        signer=_signer(key, cert, pkcs12, pkcs11, pkcs11_module, password_file, password_env),
        reading=options.reading_of(input_form, input_syntax),
        writing=options.writing_of(output_syntax, lengths, convert_unknown),
        durability=options.durability_of(fsync, output_dir),
        dry_run=dry_run,
        quiet=quiet,
        as_json=as_json or as_json_lines,
        dump=dump,
        query=timestamp_query,
        uid_file=uid_file,
    )
    reporting = Reporting(
        verb="Signing",
        as_json=as_json,
        as_json_lines=as_json_lines,
        to_error=planned.to_standard_output,
        quiet=quiet,
    )
    summary = run(planned.files, work, jobs=jobs, reporting=reporting)
    if work.durability is Durability.BATCH and not dry_run:
        flush(planned.folders())
    return summary.code


def _refuse_for_several(planned: Plan, **paths: Path | None) -> None:
    """Options that name one file are for one input."""
    for name, path in paths.items():
        if path is not None and len(planned.files) != 1:
            raise ConfigurationError(f"--{name.replace('_', '-')} is for one input, and there are {len(planned.files)}")


def _refuse_without(wanted: object, option: str, **others: object) -> None:
    """Options that say something about another one are mistakes without it."""
    for name, value in others.items():
        if value is not None and wanted is None:
            raise ConfigurationError(f"--{name.replace('_', '-')} is of no use without {option}")


def _signer(
    key: Path | None,
    cert: Path | None,
    pkcs12: Path | None,
    pkcs11: str | None,
    module: Path | None,
    password_file: Path | None,
    password_env: str | None,
) -> SignerOnce:
    """The signer that the options name; that of files is opened at once, so that a bad key stops everything."""
    named = [option for option in (pkcs12, pkcs11) if option is not None]
    if len(named) + (key is not None or (cert is not None and pkcs11 is None)) != 1:
        raise typer.BadParameter("say what signs: --key with --cert, or --pkcs12, or --pkcs11")
    password = password_of(key or pkcs12 or pkcs11, password_file, password_env, option=FILE_OR_ENVIRONMENT)
    load = partial(load_signer, key, cert, pkcs12=pkcs12, pkcs11=pkcs11, module=module, password=password)
    signer = SignerOnce(load, survives_fork=pkcs11 is None)
    if pkcs11 is None:
        signer()
    else:
        password()  # worker processes have no terminal to ask at
    return signer


def _timestamping(url: str | None, user: str | None, password_file: Path | None, ca: Path | None) -> Timestamping:
    from sealgate.library.timestamping import Timestamping, asking
    from sealgate.timestamp.client import FetchOptions

    if url is None:
        return Timestamping()
    password = None
    if user is not None:
        who = f"{user} at the Time Stamping Authority"
        password = password_of(who, password_file, option="--timestamp-password-file")
        password()  # worker processes have no terminal to ask at
    ca_file = None if ca is None else str(ca)
    return Timestamping(fetch=asking(url, FetchOptions(user=user, password=password, ca_file=ca_file)))


def wanted_elements(tag: list[str] | None, tag_file: list[Path] | None) -> list[str] | None:
    """What --tag and --tag-file name together; None where neither was given. Raises UnreadableFile."""
    if tag is None and tag_file is None:
        return None
    words = list(tag or ())
    for path in tag_file or ():
        content = read_file(path)
        if len(content) > MAX_TAG_FILE_BYTES:
            raise ConfigurationError(f"the tag file {path} has more than {MAX_TAG_FILE_BYTES} bytes")
        words += content.decode("utf-8", "replace").split()
    return words
