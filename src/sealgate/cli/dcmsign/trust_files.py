"""Certificates and revocation lists that the options of --verify name, read as dcmsign reads them."""

from __future__ import annotations

import binascii
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.cli.dcmsign.certificate import is_plain

if TYPE_CHECKING:
    from sealgate.trust.bundle import Bundle
    from sealgate.trust.hashed import CertificateDirectory

_PEM = b"-----BEGIN "
_BEGIN_CERTIFICATE, _END_CERTIFICATE = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"


@dataclass(slots=True, kw_only=True)
class TrustFiles:
    """What was read so far, as DER. A file that cannot be read is left out, which is said but stops nothing."""

    trusted: list[bytes] = field(default_factory=list)
    untrusted: list[bytes] = field(default_factory=list)
    crls: list[bytes] = field(default_factory=list)
    directories: list[CertificateDirectory] = field(default_factory=list)
    check_crl: bool = False

    def add_trusted(self, name: str, *, is_der: bool) -> bool:
        """Take the certificates of a file, of a PEM bundle its revocation lists too. False where that fails."""
        bundle = _bundle(name, is_der=is_der)
        if bundle is None or (is_der and not bundle.certificates):
            return False
        self.trusted.extend(bundle.certificates)
        self.crls.extend(bundle.crls)
        return True

    def add_untrusted(self, name: str, *, is_der: bool) -> bool:
        """Take the certificates of a file as intermediate ones. False where that fails."""
        bundle = _bundle(name, is_der=is_der)
        if bundle is None or not bundle.certificates:
            return False
        self.untrusted.extend(bundle.certificates)
        return True

    def add_directory(self, name: str, *, is_der: bool) -> bool:
        """Look certificates and revocation lists up in a directory, by hash names; it need not be there yet."""
        if not name:
            return False
        from sealgate.trust.hashed import CertificateDirectory

        self.directories.append(CertificateDirectory(name=name, read=partial(_entry, Path(name), is_der)))
        return True

    def add_crl(self, name: str, *, is_der: bool) -> bool:
        """Take the first revocation list of a file, and check revocation. False where that fails."""
        bundle = _bundle(name, is_der=is_der)
        if bundle is None or not bundle.crls:
            return False
        self.crls.append(bundle.crls[0])
        self.check_crl = True
        return True

    def with_untrusted(self, certificates: Sequence[bytes]) -> TrustFiles:
        """The same with further intermediate certificates, such as those in a token."""
        return replace(self, untrusted=[*self.untrusted, *certificates])


def _bundle(name: str, *, is_der: bool) -> Bundle | None:
    """The content of a file, if it is in the one format that was asked for."""
    from sealgate.errors import TrustFileUnusable
    from sealgate.trust.bundle import Bundle, read_bundle

    content = _content(Path(name), is_der)
    if content is None:
        return None
    certificates = _plain_certificates(content)
    if certificates:
        return Bundle(certificates=certificates)
    try:
        return read_bundle(content)
    except TrustFileUnusable:
        return None


def _plain_certificates(content: bytes) -> tuple[bytes, ...]:
    """The certificates of a PEM file that holds nothing else, and nothing odd; else none, for a closer look.

    The parser that takes that look takes longer to load than all else.
    """
    blocks = content.split(_BEGIN_CERTIFICATE)
    if len(blocks) < 2 or content.count(_PEM) != len(blocks) - 1:
        return ()
    found = []
    for block in blocks[1:]:
        try:
            der = binascii.a2b_base64(block.partition(_END_CERTIFICATE)[0])
        except binascii.Error:
            return ()
        if not is_plain(der):
            return ()
        found.append(der)
    return tuple(found)


def _content(path: Path, is_der: bool) -> bytes | None:
    from sealgate.trust.bundle import MAX_BUNDLE_BYTES

    try:
        with path.open("rb") as file:
            content = file.read(MAX_BUNDLE_BYTES + 1)
    except (OSError, ValueError):
        return None
    if len(content) > MAX_BUNDLE_BYTES or (_PEM in content) is is_der:
        return None
    return content


def _entry(directory: Path, is_der: bool, name: str) -> bytes | None:
    return _content(directory / name, is_der)
