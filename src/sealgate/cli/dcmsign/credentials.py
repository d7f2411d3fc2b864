"""Certificate and private key of --sign, each a file in the one format that was asked for."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.cli.dcmsign.certificate import Certificate, read_certificate
from sealgate.cli.dcmsign.codes import Code, Ended
from sealgate.cli.dcmsign.run import Run
from sealgate.cli.dcmsign.settings import Settings

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

MAX_KEY_FILE_BYTES = 1 << 20
"""An RSA key of 16384 bits has 13 kB in PEM; certificates may stand beside it."""

_CANNOT_READ = "file cannot be read"
_PROMPT = "Enter PEM pass phrase:"
_PROMPTS = 2
"""OpenSSL asks once more where it got nothing."""
_KEY = re.compile(rb"-----BEGIN ((?:RSA |DSA |EC |ENCRYPTED )?PRIVATE KEY)-----.*?-----END \1-----", re.DOTALL)
_CERTIFICATE = re.compile(rb"-----BEGIN ((?:X509 |TRUSTED )?CERTIFICATE)-----(.*?)-----END \1-----", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What a command line names to sign with. Whether the two belong together has not been looked at."""

    certificate: Certificate
    private_key: PrivateKeyTypes


def load(settings: Settings, run: Run) -> Credentials:
    """Read the certificate, then the key. Raises Ended, after it has said which one cannot be read."""
    certificate_file, key_file = settings.certificate_file or "", settings.key_file or ""
    certificate = _certificate(certificate_file, is_der=settings.is_der)
    if certificate is None:
        raise _ended(f"{_CANNOT_READ}: while loading certificate file '{certificate_file}'", run)
    private_key = _private_key(key_file, settings)
    if private_key is None:
        raise _ended(f"{_CANNOT_READ}: while loading private key file '{key_file}'", run)
    return Credentials(certificate=certificate, private_key=private_key)


def _ended(text: str, run: Run) -> Ended:
    run.messages.fatal(text)
    return Ended(Code.CANNOT_READ_INPUT_FILE)


def _content(name: str) -> bytes | None:
    try:
        with Path(name).open("rb") as file:
            content = file.read(MAX_KEY_FILE_BYTES + 1)
    except (OSError, ValueError):
        return None
    return content if len(content) <= MAX_KEY_FILE_BYTES else None


def _certificate(name: str, *, is_der: bool) -> Certificate | None:
    content = _content(name)
    if content is None:
        return None
    if is_der:
        return read_certificate(content)
    block = _CERTIFICATE.search(content)
    if block is None:
        return None
    import binascii

    try:
        return read_certificate(binascii.a2b_base64(block[2]))
    except binascii.Error:
        return None


def _private_key(name: str, settings: Settings) -> PrivateKeyTypes | None:
    from cryptography.exceptions import UnsupportedAlgorithm

    from sealgate.signature.key_loaders import load_der_private_key, load_pem_private_key

    content = _content(name)
    if content is None:
        return None
    try:
        if settings.is_der:
            return load_der_private_key(content, None)
        block = _KEY.search(content)
        if block is None:
            return None
        try:
            return load_pem_private_key(block[0], None)
        except TypeError:  # it is encrypted
            password = _password() if settings.password is None else settings.password
            return None if password is None else load_pem_private_key(block[0], password)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None


def _password() -> bytes | None:
    """Ask on the terminal, or on standard error and input where there is none, as OpenSSL does. None: no answer."""
    for _ in range(_PROMPTS):
        answer = _answer()
        if answer:
            return answer
    return None


def _answer() -> bytes | None:
    try:
        with Path("/dev/tty").open("rb"):
            pass
    except OSError:
        sys.stderr.write(f"{_PROMPT}\n" if not sys.stdin.isatty() else _PROMPT)
        sys.stderr.flush()
        return sys.stdin.buffer.readline().rstrip(b"\r\n")
    from getpass import getpass

    try:
        return getpass(_PROMPT).encode()
    except EOFError:
        return None
