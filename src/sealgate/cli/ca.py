"""`sealgate ca`: a small certification authority in a folder, the role of DCMTK's ``dcmtk_ca.pl`` (newca, mkcert)."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

import typer
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from sealgate.errors import ConfigurationError, KeyUnusable, UnreadableFile, UnwritableFile
from sealgate.trust.authority import (
    MAX_VALIDITY_DAYS,
    NOT_FOR_CLINICAL_USE,
    Issuer,
    IssuerKey,
    Purpose,
    authority_certificate,
    end_entity_certificate,
    parse_subject,
    subject_below,
)

EXAMPLE_SUBJECT = f"CN=Sealgate example CA,OU={NOT_FOR_CLINICAL_USE},O=Sealgate example"
AUTHORITY = "ca"
"""The name of the authority's own two files; no other certificate can have it."""
AUTHORITY_DAYS = 3650
END_ENTITY_DAYS = 730
DEFAULT_HOSTS = ("localhost", "127.0.0.1")
MAX_PEM_BYTES = 65_536
"""A key or certificate of any size in use is below a tenth of it; what is larger is some other file."""
MAX_PASSWORD_BYTES = 1024
"""The longest passphrase that OpenSSL's command line takes."""

_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

ca_app = typer.Typer(help="Make a small certification authority, and keys and certificates for TLS and signing.")


class KeyKind(StrEnum):
    """The kinds of keys that are made: RSA by its modulus in bits, or an elliptic curve of FIPS 186-5."""

    RSA2048 = "rsa2048"
    RSA3072 = "rsa3072"
    RSA4096 = "rsa4096"
    P256 = "p256"
    P384 = "p384"
    P521 = "p521"


_MAKE_KEY: Mapping[KeyKind, Callable[[], IssuerKey]] = MappingProxyType(
    {
        KeyKind.RSA2048: lambda: rsa.generate_private_key(public_exponent=65_537, key_size=2048),
        KeyKind.RSA3072: lambda: rsa.generate_private_key(public_exponent=65_537, key_size=3072),
        KeyKind.RSA4096: lambda: rsa.generate_private_key(public_exponent=65_537, key_size=4096),
        KeyKind.P256: lambda: ec.generate_private_key(ec.SECP256R1()),
        KeyKind.P384: lambda: ec.generate_private_key(ec.SECP384R1()),
        KeyKind.P521: lambda: ec.generate_private_key(ec.SECP521R1()),
    }
)

Directory = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the authority.", show_default=False)]
Key = Annotated[KeyKind, typer.Option("--key", help="Kind of key to make.")]
Days = Annotated[
    int, typer.Option("--days", min=1, max=MAX_VALIDITY_DAYS, help="Days from now until the certificate expires.")
]
PasswordFile = Annotated[
    Path | None,
    typer.Option("--password-file", metavar="FILE", help="File with the password of the authority's key."),
]


@ca_app.command()
def new(
    directory: Directory,
    subject: Annotated[
        str, typer.Option("--subject", metavar="NAME", help="Name of the authority, as CN=...,OU=...,O=...,C=...")
    ] = EXAMPLE_SUBJECT,
    days: Days = AUTHORITY_DAYS,
    key: Key = KeyKind.RSA3072,
    password_file: PasswordFile = None,
) -> None:
    """Make a certification authority: DIR/ca.key (readable by you alone) and DIR/ca.pem. Nothing is overwritten.

    Unless --subject says otherwise it is an example, which a gateway refuses outside the example configuration.
    """
    with _command_line():
        name = parse_subject(subject)
    password = _password(password_file)
    _refuse_existing(directory, AUTHORITY)
    private_key = _MAKE_KEY[key]()
    certificate = authority_certificate(
        subject=name,
        key=private_key,
        serial_number=x509.random_serial_number(),
        now=datetime.now(UTC),
        days=days,
    )
    _write_pair(directory, AUTHORITY, private_key, certificate, password)


@ca_app.command()
def issue(
    directory: Directory,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the two files.", show_default=False)],
    common_name: Annotated[
        str | None, typer.Option("--common-name", metavar="CN", help="Common name in the certificate.  [default: NAME]")
    ] = None,
    days: Days = END_ENTITY_DAYS,
    key: Key = KeyKind.RSA3072,
    server: Annotated[bool, typer.Option("--server", help="For a TLS server.")] = False,
    client: Annotated[bool, typer.Option("--client", help="For a TLS client.")] = False,
    signer: Annotated[bool, typer.Option("--signer", help="For DICOM Digital Signatures.")] = False,
    host: Annotated[
        list[str], typer.Option("--host", metavar="HOST", help="DNS name or IP address; may be repeated.")
    ] = list(DEFAULT_HOSTS),  # noqa: B006  Typer copies the list and knows no tuples of any length
    password_file: PasswordFile = None,
    key_password_file: Annotated[
        Path | None,
        typer.Option("--key-password-file", metavar="FILE", help="File with the password to encrypt the new key with."),
    ] = None,
) -> None:
    """Make a key and a certificate by the authority in DIR: DIR/NAME.key (readable by you alone) and DIR/NAME.pem.

    Without --server, --client or --signer it serves for all three. Nothing is overwritten.
    """
    if not _FILE_NAME.fullmatch(name) or name == AUTHORITY:
        raise typer.BadParameter(
            f'"{name}" cannot name a certificate: use 1 to 64 letters, digits, dots, hyphens and underscores,'
            f' beginning with a letter or digit, and not "{AUTHORITY}"'
        )
    issuer = _read_issuer(directory, _password(password_file))
    new_password = _password(key_password_file)
    _refuse_existing(directory, name)
    chosen = {Purpose.SERVER: server, Purpose.CLIENT: client, Purpose.SIGNER: signer}
    purposes = {purpose for purpose, is_chosen in chosen.items() if is_chosen} or set(Purpose)
    private_key = _MAKE_KEY[key]()
    with _command_line():
        certificate = end_entity_certificate(
            issuer=issuer,
            subject=subject_below(issuer.certificate.subject, common_name if common_name is not None else name),
            public_key=private_key.public_key(),
            serial_number=x509.random_serial_number(),
            now=datetime.now(UTC),
            days=days,
            purposes=purposes,
            hosts=host,
        )
    _write_pair(directory, name, private_key, certificate, new_password)


@contextmanager
def _command_line() -> Iterator[None]:
    """Say that the command line is wrong where the engine, which knows of none, speaks of a wrong configuration."""
    try:
        yield
    except ConfigurationError as error:
        raise typer.BadParameter(str(error)) from error


def _read_issuer(directory: Path, password: bytes | None) -> Issuer:
    """Read DIR/ca.pem and DIR/ca.key; every reason why they do not serve is an error that names the file."""
    certificate_path, key_path = directory / f"{AUTHORITY}.pem", directory / f"{AUTHORITY}.key"
    if not certificate_path.exists():
        raise UnreadableFile(
            certificate_path, f"there is no certification authority; make one with: sealgate ca new {directory}"
        )
    try:
        certificate = x509.load_pem_x509_certificate(_read(certificate_path, MAX_PEM_BYTES))
    except ValueError as error:
        raise KeyUnusable(f"{certificate_path} is not a certificate in PEM") from error
    try:
        key = serialization.load_pem_private_key(_read(key_path, MAX_PEM_BYTES), password)
    except TypeError as error:
        needs = (
            "is encrypted: give --password-file" if password is None else "is not encrypted: leave --password-file out"
        )
        raise KeyUnusable(f"{key_path} {needs}") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        cause = "is not a private key in PEM" if password is None else "cannot be read with this password"
        raise KeyUnusable(f"{key_path} {cause}") from error
    if not isinstance(key, IssuerKey):
        raise KeyUnusable(f"{key_path} is neither an RSA nor an elliptic curve key")
    return Issuer(certificate=certificate, key=key)


def _password(path: Path | None) -> bytes | None:
    """Return the first line of the file, without its end; None if no file is given."""
    if path is None:
        return None
    lines = _read(path, MAX_PASSWORD_BYTES).splitlines()
    if not lines or not lines[0]:
        raise KeyUnusable(f"{path} holds no password in its first line")
    return lines[0]


def _read(path: Path, max_bytes: int) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(max_bytes + 1)
    except OSError as error:
        raise UnreadableFile(path, (error.strerror or "unknown reason").lower()) from error
    if len(content) > max_bytes:
        raise UnreadableFile(path, f"it is larger than {max_bytes} bytes")
    return content


def _refuse_existing(directory: Path, name: str) -> None:
    """Say before a key is made, which takes time, that its place is taken; `_create` makes sure of it."""
    for path in _pair(directory, name):
        if path.exists():
            raise UnwritableFile(path, "it exists already and is never overwritten; remove it or take another name")


def _pair(directory: Path, name: str) -> tuple[Path, Path]:
    return directory / f"{name}.key", directory / f"{name}.pem"


def _write_pair(
    directory: Path, name: str, key: IssuerKey, certificate: x509.Certificate, password: bytes | None
) -> None:
    encryption = (
        serialization.BestAvailableEncryption(password) if password is not None else serialization.NoEncryption()
    )
    key_path, certificate_path = _pair(directory, name)
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnwritableFile(directory, (error.strerror or "unknown reason").lower()) from error
    key_pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    _create(key_path, key_pem, mode=0o600)
    try:
        _create(certificate_path, certificate.public_bytes(serialization.Encoding.PEM), mode=0o644)
    except UnwritableFile:
        key_path.unlink(missing_ok=True)  # a key without its certificate would only block the next try
        raise
    typer.echo(f"{key_path}  private key, readable by its owner alone")
    typer.echo(
        f"{certificate_path}  {certificate.subject.rfc4514_string()}, until {certificate.not_valid_after_utc:%Y-%m-%d}"
    )


def _create(path: Path, content: bytes, *, mode: int) -> None:
    """Write a new file that has `mode` from its first moment; a file that could not be written whole is removed."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    except FileExistsError as error:
        raise UnwritableFile(path, "it exists already and is never overwritten") from error
    except OSError as error:
        raise UnwritableFile(path, (error.strerror or "unknown reason").lower()) from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        path.unlink(missing_ok=True)
        raise UnwritableFile(path, (error.strerror or "unknown reason").lower()) from error
