"""`sealgate timestamp`: certified timestamps (RFC 3161) for signatures, by files or straight from an authority."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from sealgate.cli.passwords import FILE_OR_ENVIRONMENT, password_of
from sealgate.cli.stamping_task import Task, about
from sealgate.cli.targets import Outputs, inputs, plan, refuse_overwriting, refuse_sharing
from sealgate.errors import ConfigurationError
from sealgate.files.credentials import read_file
from sealgate.files.dicom_files import Found
from sealgate.files.writing import make_folder, write_whole
from sealgate.library.sources import opened, target_of
from sealgate.library.stamping import inserted, requested, stamped
from sealgate.library.timestamping import Timestamping, asking
from sealgate.signature.algorithms import MAC_ALGORITHMS
from sealgate.timestamp.client import DEFAULT_ATTEMPTS, DEFAULT_DEADLINE_SECONDS, FetchOptions
from sealgate.timestamp.insert import read_uid_file
from sealgate.timestamp.query import check_policy, read_query
from sealgate.timestamp.response import read_response

timestamp_app = typer.Typer(help="Put certified timestamps (RFC 3161) on signatures.", rich_markup_mode=None)

Files = Annotated[list[Path], typer.Argument(metavar="FILE...", help="Signed DICOM files, folders or patterns.")]
Signature = Annotated[
    str | None,
    typer.Option(
        "--uid", "--signature", metavar="UID", help="Only the signature with this UID. Default: all without timestamp."
    ),
]
Again = Annotated[bool, typer.Option("--again", help="Also signatures that have a timestamp; it is replaced.")]
Mac = Annotated[str, typer.Option("--mac", metavar="NAME", help=f"Digest of the imprint: {', '.join(MAC_ALGORITHMS)}.")]
Policy = Annotated[str | None, typer.Option("--policy", metavar="OID", help="Ask for this policy of the authority.")]
Nonce = Annotated[
    bool, typer.Option("--nonce/--no-nonce", help="Whether a random number makes the query unlike any other.")
]
Certificate = Annotated[
    bool,
    typer.Option("--certificate/--no-certificate", help="Whether the token is to hold the authority's certificate."),
]
OutputDir = Annotated[Path | None, typer.Option("--output-dir", metavar="DIR", help="Write the results below DIR.")]
InPlace = Annotated[bool, typer.Option("--in-place", help="Write over the input files.")]
AsJson = Annotated[bool, typer.Option("--json", help="Say what was done as JSON.")]


@timestamp_app.command("request")
def request(
    files: Files,
    query: Annotated[Path | None, typer.Option(metavar="FILE", help="Where the one query goes.")] = None,
    uid_file: Annotated[Path | None, typer.Option(metavar="FILE", help="Where the one UID file goes.")] = None,
    output_dir: OutputDir = None,
    signature: Signature = None,
    again: Again = False,
    mac: Mac = "SHA256",
    policy: Policy = None,
    nonce: Nonce = True,
    certificate: Certificate = True,
    as_json: AsJson = False,
) -> int:
    """Write a timestamp query and a UID file for each signature of FILE, as dcmsign does while signing.

    The query goes to an authority by any way, and what it answers goes into the file by `sealgate timestamp insert` or
    `dcmsign --insert-timestamp`. With --query and --uid-file there must be one signature; otherwise NAME.1.tsq and
    NAME.1.uid, NAME.2.tsq ... are written beside FILE or below --output-dir.

    Exit codes: 0 done, 1 usage, 2 an option does not serve, 20 FILE unreadable, 40 output not writable, 82 a signature
    cannot be named by its UID, 84 no such signature, 87 a signature value or certificate cannot be read; of several the
    gravest.

    \b
    Examples:
      sealgate timestamp request signed.dcm --query q.tsq --uid-file q.uid
      sealgate timestamp request study/ --output-dir queries --mac SHA512
    """
    if (query is None) != (uid_file is None):
        raise ConfigurationError("--query and --uid-file belong together")
    if query is not None and output_dir is not None:
        raise ConfigurationError("say --query and --uid-file, or --output-dir, not both")
    timestamping = _timestamping(mac, policy, nonce, certificate)
    chosen = inputs([str(file) for file in files])
    if output_dir is not None:
        refuse_sharing(chosen, Outputs(output_dir=output_dir))
    refuse_overwriting([query, uid_file], chosen)
    task = Task(as_json=as_json)

    def ask(one: Found) -> None:
        given = task.opened(one)
        if given is None:
            return
        asked = requested(given, timestamping, digital_signature_uid=signature, again=again)
        if query is not None and uid_file is not None:
            if len(chosen) != 1 or len(asked) > 1:
                raise ConfigurationError("--query and --uid-file serve for one signature; choose it with --uid")
            places = [(query, uid_file)] * len(asked)
        else:
            places = _places(one, output_dir, len(asked))
        for wanted, (query_path, uid_path) in zip(asked, places, strict=True):
            write_whole(query_path, [wanted.request.query])
            write_whole(uid_path, [wanted.request.uid_file])
            task.asked(one.path, wanted, query_path, uid_path)
        if not asked:
            task.nothing(one.path)

    return task.over(chosen, ask)


def _places(one: Found, output_dir: Path | None, count: int) -> list[tuple[Path, Path]]:
    """Where the queries and UID files of one file go."""
    stem = one.path if output_dir is None else output_dir / one.relative
    make_folder(stem.parent)
    names = [f"{stem.name}.{number}" for number in range(1, count + 1)]
    return [(stem.with_name(f"{name}.tsq"), stem.with_name(f"{name}.uid")) for name in names]


@timestamp_app.command("insert")
def insert(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="Signed DICOM file.")],
    query: Annotated[Path, typer.Option(metavar="FILE", help="The query.")],
    response: Annotated[Path, typer.Option(metavar="FILE", help="The authority's response to it.")],
    uid_file: Annotated[Path, typer.Option(metavar="FILE", help="Says for which signature it is.")],
    output: Annotated[Path | None, typer.Argument(metavar="[OUT]", help="Where the result goes.")] = None,
    in_place: InPlace = False,
    check: Annotated[
        bool, typer.Option("--check/--no-check", help="Whether the token's own signature has to be good.")
    ] = True,
    as_json: AsJson = False,
) -> int:
    """Put the timestamp of a response into the signature that the UID file names, and write FILE with it to OUT.

    The response has to answer the query and to be over this signature. What the signature had as timestamp is replaced;
    nothing else changes. Whether the authority is trusted is said by `sealgate verify`.

    Exit codes: 0 done, 1 usage, 2 an option does not serve, 20 FILE unreadable, 31 query, 32 response, 33 UID file
    unreadable, 40 OUT not writable, 82 the signature item cannot take it, 84 no such signature, 87 refused by the
    authority, for something else, or no good.

    \b
    Example:
      sealgate timestamp insert signed.dcm out.dcm --query q.tsq --response q.tsr --uid-file q.uid
    """
    with about(query):
        asked = read_query(read_file(query))
    with about(response):
        answer = read_response(read_file(response))
    with about(uid_file):
        uid = read_uid_file(read_file(uid_file))
    task = Task(as_json=as_json)
    target = target_of(source, output, in_place)
    with about(source):
        given = opened(source)
        with given.naming():
            result = inserted(given, uid, asked, answer, check=check)
    task.write(source, target, result)
    return task.finish()


@timestamp_app.command("fetch")
def fetch(
    files: Files,
    url: Annotated[str, typer.Option(metavar="URL", help="The authority: http:// or https://.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="OUT", help="Where the one result goes.")
    ] = None,
    output_dir: OutputDir = None,
    in_place: InPlace = False,
    signature: Signature = None,
    again: Again = False,
    mac: Mac = "SHA256",
    policy: Policy = None,
    nonce: Nonce = True,
    certificate: Certificate = True,
    user: Annotated[str | None, typer.Option(metavar="NAME", help="User name, for basic authentication.")] = None,
    password_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="File whose first line is the password. Default: ask.")
    ] = None,
    password_env: Annotated[
        str | None, typer.Option(metavar="VARIABLE", help="Environment variable that holds the password.")
    ] = None,
    password_over_http: Annotated[
        bool, typer.Option("--password-over-http", help="Let the password go out without TLS.")
    ] = False,
    ca: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Trust only the CAs in this PEM file for TLS.")
    ] = None,
    proxy: Annotated[str | None, typer.Option(metavar="URL", help="Go by this HTTP proxy. Default: none.")] = None,
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", min=1.0, max=3600.0, help="For one timestamp, all attempts together.")
    ] = DEFAULT_DEADLINE_SECONDS,
    attempts: Annotated[
        int, typer.Option(metavar="N", min=1, max=20, help="Attempts before giving up.")
    ] = DEFAULT_ATTEMPTS,
    as_json: AsJson = False,
) -> int:
    """Ask an authority for a timestamp of each signature of FILE that has none, and put them in.

    A file is written when all its timestamps are there and good, and not at all otherwise. An authority that cannot be
    reached ends the command; the files done so far stay. Whether the authority is trusted is said by `sealgate verify`.

    Exit codes: 0 done, 1 usage, 2 an option does not serve, 20 FILE unreadable, 22 no password, 32 the response is no
    timestamp, 40 output not writable, 50 the authority cannot be reached or gives no timestamp over HTTP, 82 a
    signature cannot be named by its UID, 84 no such signature, 87 refused by the authority, for something else, or no
    good; of several the gravest.

    \b
    Examples:
      sealgate timestamp fetch signed.dcm --output stamped.dcm --url https://tsa.example/tsr
      sealgate timestamp fetch study/ --in-place --url https://tsa.example/tsr --user me --password-file secret.txt
    """
    options = FetchOptions(
        deadline_seconds=timeout,
        attempts=attempts,
        user=user,
        password=None if user is None else password_of(user, password_file, password_env, option=FILE_OR_ENVIRONMENT),
        password_over_http=password_over_http,
        ca_file=None if ca is None else str(ca),
        proxy=proxy,
    )
    timestamping = _timestamping(mac, policy, nonce, certificate, asking(url, options))
    if [output is not None, output_dir is not None, in_place].count(True) != 1:
        raise ConfigurationError("say where the results go: --output OUT, --output-dir DIR or --in-place")
    outputs = Outputs(output=None if output is None else str(output), output_dir=output_dir, in_place=in_place)
    planned = plan([str(file) for file in files], outputs)
    task = Task(as_json=as_json)

    def stamp(one: Found) -> None:
        given = task.opened(one)
        if given is None:
            return
        with given.naming():
            result = stamped(given, timestamping, digital_signature_uid=signature, again=again)
        task.write(one.path, planned.outputs.target(one), result)

    return task.over(planned.files, stamp)


def _timestamping(
    mac: str, policy: str | None, nonce: bool, certificate: bool, fetch: Callable[[bytes], bytes] | None = None
) -> Timestamping:
    algorithm = MAC_ALGORITHMS.get(mac.upper())
    if algorithm is None:
        raise ConfigurationError(f"{mac!r} is no digest; choose one of {', '.join(MAC_ALGORITHMS)}")
    if policy is not None:
        check_policy(policy)
    return Timestamping(
        algorithm=algorithm, policy=policy, with_nonce=nonce, certificate_required=certificate, fetch=fetch
    )
