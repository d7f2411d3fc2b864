"""Files with keys, certificates and passwords, as the configuration names them."""

from __future__ import annotations

from pathlib import Path

from sealgate.errors import KeyUnusable, UnreadableFile
from sealgate.signature.keys import Password


def read_file(path: Path) -> bytes:
    """All bytes of a small file. Raises UnreadableFile."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnreadableFile(path, error.strerror or str(error)) from error


def password_from(path: Path | None, key: Path) -> Password:
    """Gives the first line of `path` as the password of `key`; a service has nobody to ask."""

    def password() -> bytes:
        if path is None:
            raise KeyUnusable(f"the private key {key} is encrypted; name the file with its password as password_file")
        return read_file(path).split(b"\n", 1)[0].removesuffix(b"\r")

    return password
