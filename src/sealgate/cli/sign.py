"""`sealgate sign`: put a signature over the main data set of a file, and change nothing else in it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from sealgate.cli.passwords import password_of
from sealgate.dicom import splice, tags
from sealgate.dicom.deflate import deflate
from sealgate.dicom.part10 import DataSet
from sealgate.dicom.scan import scan
from sealgate.errors import ConfigurationError, KeyUnusable, UnwritableFile
from sealgate.files.credentials import read_file
from sealgate.files.dicom_files import naming, open_data_set, write_whole
from sealgate.library.uids import new_uid
from sealgate.signature.algorithms import MAC_ALGORITHMS
from sealgate.signature.create import CreatedSignature, SigningOptions
from sealgate.signature.create import sign as create_signature
from sealgate.signature.keys import KeySigner, load_signer

_SAME_FILE = "it is the input itself; name another output file"


def sign(
    source: Annotated[Path, typer.Argument(metavar="IN", help="DICOM file to sign.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="Where the signed file goes.")],
    key: Annotated[Path, typer.Option(metavar="FILE", help="Private key, PEM or DER: RSA, EC or DSA.")],
    cert: Annotated[Path, typer.Option(metavar="FILE", help="Certificate of the key, PEM or DER.")],
    mac: Annotated[str, typer.Option(metavar="NAME", help=f"MAC algorithm: {', '.join(MAC_ALGORITHMS)}.")] = "SHA256",
    tag: Annotated[
        list[str] | None,
        typer.Option(metavar="TAG", help="Sign this element (gggg,eeee or keyword; repeat). Default: all signable."),
    ] = None,
    password_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="File whose first line is the password of the key. Default: ask."),
    ] = None,
) -> int:
    """Sign the main data set of IN and write it to OUT.

    OUT is IN with two insertions, the signature sequences; every other byte stays. Signatures that are there are kept.

    Exit codes: 0 signed, 1 usage, 20 IN unreadable, 22 key or certificate unusable, 40 OUT not writable, 85 the data
    set cannot be signed.

    Example: sealgate sign ct.dcm signed.dcm --key signer.key --cert signer.pem --tag PatientID --tag 7fe0,0010
    """
    options = signing_options(mac, tag)
    with naming(source):
        data_set = open_data_set(source)
        carrier = scan(data_set.source, data_set.encoding)
    signer = open_signer(key, cert, password_file)
    if target.exists() and target.samefile(source):
        raise UnwritableFile(target, _SAME_FILE)
    with naming(source):
        signature = create_signature(
            carrier, data_set.syntax, signer, options, digital_signature_uid=new_uid(), at=datetime.now(UTC)
        )
    write_whole(target, _signed(data_set, signature))
    _report(target, signature)
    return 0


def signing_options(mac: str, tag: list[str] | None) -> SigningOptions:
    """What the options ask for. Raises ConfigurationError."""
    algorithm = MAC_ALGORITHMS.get(mac.upper())
    if algorithm is None:
        raise ConfigurationError(f"{mac!r} is no MAC algorithm; choose one of {', '.join(MAC_ALGORITHMS)}")
    try:
        elements = tuple(tags.parse(text) for text in tag) if tag else None
    except ValueError as error:
        raise ConfigurationError(str(error)) from error
    return SigningOptions(mac_algorithm=algorithm, elements=elements)


def open_signer(key: Path, cert: Path, password_file: Path | None) -> KeySigner:
    """The signer of two files; the password comes from a file or from the terminal. Raises KeyUnusable."""
    try:
        return load_signer(read_file(key), read_file(cert), password_of(key, password_file))
    except KeyUnusable as error:
        raise KeyUnusable(f"{key} with {cert}: {error}") from error


def _signed(data_set: DataSet, signature: CreatedSignature) -> Iterator[bytes | memoryview]:
    yield data_set.header
    spliced = splice.pieces(data_set.source, signature.edits)
    yield from deflate(spliced) if data_set.syntax.deflated else spliced


def _report(target: Path, signature: CreatedSignature) -> None:
    unsigned = len(signature.unsigned_elements)
    rest = f", {unsigned} present ones are not" if unsigned else ""
    typer.echo(f"{target}: signed {len(signature.data_elements_signed)} elements with {signature.mac_algorithm}{rest}")
    if signature.dcmtk_lost_bytes:
        typer.echo(
            f"{target}: dcmsign will call this signature corrupted, since its own MAC leaves out "
            f"{signature.dcmtk_lost_bytes} bytes of nested sequences; other verifiers accept it",
            err=True,
        )
