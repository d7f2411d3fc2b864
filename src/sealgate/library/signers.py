"""`sealgate.load_signer`: the key that signs, from files or bytes, from PKCS#12, or in a PKCS#11 token."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from sealgate.errors import ConfigurationError, KeyUnusable
from sealgate.files.credentials import read_file
from sealgate.library.sources import PathLike

if TYPE_CHECKING:
    from sealgate.signature.keys import Password, Signer

KeyMaterial: TypeAlias = bytes | PathLike
"""Bytes (PEM or DER), or the path of a file with them."""
Secret: TypeAlias = str | bytes | Callable[[], bytes] | None
"""A password or PIN, or what gives it when it is needed."""


def load_signer(
    key: KeyMaterial | None = None,
    certificate: KeyMaterial | None = None,
    *,
    pkcs12: KeyMaterial | None = None,
    pkcs11: str | None = None,
    module: PathLike | None = None,
    password: Secret = None,
) -> Signer:
    """What `sealgate.sign` signs with.

    Either `key` with `certificate` (PEM or DER), or `pkcs12`, or the URI of a key in a `pkcs11` token (RFC 7512) with
    the `module` that reaches it, and a `certificate` where the token has none. `password` is that of an encrypted key
    or of the PKCS#12 file, or the PIN of the token; a function is only called when it is needed.

        >>> sealgate.load_signer("signer.key", "signer.pem").key_type.value
        'RSA'

    Raises UnreadableFile, KeyUnusable, and ConfigurationError where the arguments do not fit together.
    """
    if [key, pkcs12, pkcs11].count(None) != 2:
        raise ConfigurationError(
            "a signer is made of a key with its certificate, of PKCS#12, or of a PKCS#11 URI: give one"
        )
    if pkcs12 is not None:
        return _pkcs12_signer(pkcs12, _callback(password))
    if pkcs11 is not None:
        return _pkcs11_signer(pkcs11, certificate, module, _callback(password))
    from sealgate.signature import keys

    if key is None or certificate is None:
        raise ConfigurationError("a private key signs together with its certificate; give both")
    try:
        return keys.load_signer(_bytes(key), _bytes(certificate), _callback(password))
    except KeyUnusable as error:
        exchanged = b"PRIVATE KEY-----" in _bytes(certificate) and b"PRIVATE KEY-----" not in _bytes(key)
        what = "they are exchanged, the second one holds the private key" if exchanged else str(error)
        raise KeyUnusable(f"{_name(key, 'key')} with {_name(certificate, 'certificate')}: {what}") from error


def _pkcs12_signer(pkcs12: KeyMaterial, password: Password | None) -> Signer:
    from sealgate.signature.keys import load_pkcs12

    try:
        return load_pkcs12(_bytes(pkcs12), password)
    except KeyUnusable as error:
        raise KeyUnusable(f"{_name(pkcs12, 'PKCS#12')}: {error}") from error


def _pkcs11_signer(uri: str, certificate: KeyMaterial | None, module: PathLike | None, pin: Password | None) -> Signer:
    from sealgate.signature.pkcs11 import TokenKey, open_signer

    key = TokenKey.parse(uri, None if module is None else os.fspath(module))
    text_pin = None if pin is None else lambda: _pin_text(pin())
    return open_signer(key, text_pin, None if certificate is None else _bytes(certificate))


def _pin_text(pin: bytes) -> str:
    try:
        return pin.decode("utf-8")
    except UnicodeDecodeError:
        raise KeyUnusable("the PIN of the token is not UTF-8") from None  # the error would show the PIN


def _bytes(given: KeyMaterial) -> bytes:
    return given if isinstance(given, bytes) else read_file(Path(given))


def _name(given: KeyMaterial, kind: str) -> str:
    return f"the {kind}" if isinstance(given, bytes) else str(given)


def _callback(secret: Secret) -> Password | None:
    if secret is None or callable(secret):
        return secret
    value = secret.encode() if isinstance(secret, str) else secret
    return lambda: value
