"""Files with keys, certificates and passwords, as the configuration names them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TypeVar

from sealgate.errors import KeyUnusable, TrustFileUnusable, UnreadableFile
from sealgate.signature.keys import Password
from sealgate.trust.bundle import MAX_BUNDLE_BYTES, Bundle, crls_in, ocsp_responses_in, read_bundle
from sealgate.trust.hashed import CertificateDirectory
from sealgate.trust.store import TrustStore

_T = TypeVar("_T")


def read_file(path: Path) -> bytes:
    """All bytes of a small file. Raises UnreadableFile."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnreadableFile(path, error.strerror or str(error)) from error


def read_store(
    *,
    anchors: Iterable[Path] = (),
    intermediates: Iterable[Path] = (),
    crls: Iterable[Path] = (),
    ocsp_responses: Iterable[Path] = (),
    directories: Iterable[Path] = (),
) -> TrustStore:
    """The trust store in files, each a PEM bundle or DER; the CRLs in a bundle of anchors count too.

    Raises UnreadableFile and TrustFileUnusable: a CRL that is silently missing would make a revoked certificate good.
    """
    trusted = [_parsed(path, _anchors_in) for path in anchors]
    helping = [_parsed(path, read_bundle) for path in intermediates]
    lists = [one for bundle in (*trusted, *helping) for one in bundle.crls]
    return TrustStore(
        anchors=tuple(one for bundle in trusted for one in bundle.certificates),
        intermediates=tuple(one for bundle in helping for one in bundle.certificates),
        crls=(*lists, *(one for path in crls for one in _parsed(path, crls_in))),
        ocsp_responses=tuple(one for path in ocsp_responses for one in _parsed(path, ocsp_responses_in)),
        directories=tuple(certificate_directory(path) for path in directories),
    )


def _anchors_in(encoded: bytes) -> Bundle:
    bundle = read_bundle(encoded)
    if not bundle.certificates:
        raise TrustFileUnusable("the file", "it holds no certificate")
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


def _parsed(path: Path, parse: Callable[[bytes], _T]) -> _T:
    try:
        return parse(read_file(path))
    except TrustFileUnusable as error:
        raise TrustFileUnusable(path, error.reason) from error


def password_from(path: Path | None, key: object) -> Password:
    """Gives the first line of `path` as the password of `key`; a service has nobody to ask."""

    def password() -> bytes:
        if path is None:
            raise KeyUnusable(f"the private key {key} is encrypted; name the file with its password as password_file")
        return read_file(path).split(b"\n", 1)[0].removesuffix(b"\r")

    return password
