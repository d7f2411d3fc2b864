"""Files with keys, certificates and passwords, as the configuration names them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias, TypeVar

from sealgate.errors import KeyUnusable, TrustFileUnusable, UnreadableFile
from sealgate.signature.keys import Password
from sealgate.trust.bundle import MAX_BUNDLE_BYTES, Bundle, crls_in, ocsp_responses_in, read_bundle
from sealgate.trust.hashed import CertificateDirectory
from sealgate.trust.store import TrustStore

Encoded: TypeAlias = bytes | Path
"""PEM or DER, or the path of a file with it."""

_PEM: Final = "-----BEGIN"

_T = TypeVar("_T")


def read_file(path: Path) -> bytes:
    """All bytes of a small file, none of which is larger than a bundle of CRLs. Raises UnreadableFile."""
    if _PEM in str(path):  # a key must not get into an error
        raise UnreadableFile("PEM text", "a text is taken for a path; give the PEM as bytes")
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BUNDLE_BYTES + 1)
    except (OSError, ValueError) as error:
        raise UnreadableFile(path, getattr(error, "strerror", None) or str(error)) from error
    if len(content) > MAX_BUNDLE_BYTES:
        raise UnreadableFile(path, f"it has more than {MAX_BUNDLE_BYTES >> 20} MiB, so it is some other file")
    return content


def read_store(
    *,
    anchors: Iterable[Encoded] = (),
    intermediates: Iterable[Encoded] = (),
    crls: Iterable[Encoded] = (),
    ocsp_responses: Iterable[Encoded] = (),
    directories: Iterable[Path] = (),
) -> TrustStore:
    """The trust store in files or bytes, each a PEM bundle or DER; the CRLs in a bundle of certificates count too.

    Raises UnreadableFile and TrustFileUnusable: a CRL that is silently missing would make a revoked certificate good.
    """
    trusted = [_parsed(one, _anchors_in, "trust anchor") for one in anchors]
    helping = [_parsed(one, read_bundle, "intermediate certificate") for one in intermediates]
    lists = [one for bundle in (*trusted, *helping) for one in bundle.crls]
    return TrustStore(
        anchors=tuple(one for bundle in trusted for one in bundle.certificates),
        intermediates=tuple(one for bundle in helping for one in bundle.certificates),
        crls=(*lists, *(one for given in crls for one in _parsed(given, crls_in, "CRL"))),
        ocsp_responses=tuple(
            one for given in ocsp_responses for one in _parsed(given, ocsp_responses_in, "OCSP response")
        ),
        directories=tuple(certificate_directory(path) for path in directories),
    )


def _anchors_in(encoded: bytes) -> Bundle:
    bundle = read_bundle(encoded)
    if not bundle.certificates:
        raise TrustFileUnusable("the trust anchor", "it holds no certificate")
    return bundle


def certificate_directory(path: Path) -> CertificateDirectory:
    """The hashed directory at `path`, whose files are read when they are needed. Raises UnreadableFile."""
    if not path.is_dir():
        raise UnreadableFile(path, "it is not a directory with certificates")
    return CertificateDirectory(name=str(path), read=partial(_entry, path))


def _entry(directory: Path, name: str) -> bytes | None:
    """A file of a hashed directory; None where there is none. One byte beyond the limit is enough to be refused."""
    path = directory / name
    try:
        with path.open("rb") as file:
            return file.read(MAX_BUNDLE_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UnreadableFile(path, error.strerror or str(error)) from error


def _parsed(given: Encoded, parse: Callable[[bytes], _T], kind: str) -> _T:
    try:
        return parse(given if isinstance(given, bytes) else read_file(given))
    except TrustFileUnusable as error:
        raise TrustFileUnusable(f"the {kind}" if isinstance(given, bytes) else given, error.reason) from error


def password_from(path: Path | None, key: object) -> Password:
    """Gives the first line of `path` as the password of `key`; a service has nobody to ask."""

    def password() -> bytes:
        if path is None:
            raise KeyUnusable(f"the private key {key} is encrypted; name the file with its password as password_file")
        return read_file(path).split(b"\n", 1)[0].removesuffix(b"\r")

    return password
