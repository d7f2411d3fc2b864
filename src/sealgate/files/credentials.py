"""Files with keys, certificates and passwords, as the configuration names them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from sealgate.errors import KeyUnusable, UnreadableFile
from sealgate.signature.keys import Password
from sealgate.trust.anchors import TrustAnchors, load_anchors


def read_file(path: Path) -> bytes:
    """All bytes of a small file. Raises UnreadableFile."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnreadableFile(path, error.strerror or str(error)) from error


def read_anchors(paths: Iterable[Path]) -> TrustAnchors:
    """The trust anchors in files, each a PEM bundle or a DER certificate. Raises UnreadableFile and KeyUnusable."""
    certificates: list[bytes] = []
    for path in paths:
        try:
            certificates.extend(load_anchors([read_file(path)]).certificates)
        except KeyUnusable as error:
            raise KeyUnusable(f"trust anchor {path}: {error}") from error
    return TrustAnchors(tuple(certificates))


def password_from(path: Path | None, key: Path) -> Password:
    """Gives the first line of `path` as the password of `key`; a service has nobody to ask."""

    def password() -> bytes:
        if path is None:
            raise KeyUnusable(f"the private key {key} is encrypted; name the file with its password as password_file")
        return read_file(path).split(b"\n", 1)[0].removesuffix(b"\r")

    return password
