"""Private keys and DER out of cryptography without `hazmat.primitives.serialization`, which takes as long as to sign.

That package imports all that OpenSSH keys and PKCS #12 need, 18 ms for a program that signs one file in 100; its two
functions for PEM and DER are those of the Rust module beneath. Where a release of cryptography has moved them, the
public ones serve.
"""

from __future__ import annotations

import binascii
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes


def _functions() -> Any:  # noqa: ANN401 (two modules with the same functions)
    try:
        from cryptography.hazmat.bindings._rust import openssl

        keys = openssl.keys
        if hasattr(keys, "load_pem_private_key") and hasattr(keys, "load_der_private_key"):
            return keys
    except (ImportError, AttributeError):
        pass
    from cryptography.hazmat.primitives import serialization

    return serialization


def load_pem_private_key(encoded: bytes, password: bytes | None) -> PrivateKeyTypes:
    """The private key of PEM bytes. Raises what `serialization.load_pem_private_key` raises.

    That the primes of an RSA key are primes is not proven, which takes 30 ms; `KeySigner` finds a damaged key when it
    signs.
    """
    key: PrivateKeyTypes = _functions().load_pem_private_key(encoded, password, unsafe_skip_rsa_key_validation=True)
    return key


def load_der_private_key(encoded: bytes, password: bytes | None) -> PrivateKeyTypes:
    """The private key of DER bytes, in the same way."""
    key: PrivateKeyTypes = _functions().load_der_private_key(encoded, password, unsafe_skip_rsa_key_validation=True)
    return key


_PEM_CERTIFICATE = re.compile(rb"-----BEGIN ((?:X509 )?CERTIFICATE)-----([A-Za-z0-9+/=\s]*)-----END \1-----")


def certificate_der(certificate: x509.Certificate, encoded: bytes) -> bytes:
    """DER of a certificate that was read from `encoded`, PEM or DER, or from anything else."""
    found = _PEM_CERTIFICATE.search(encoded)
    try:
        der = encoded if found is None else binascii.a2b_base64(found[2])
        if _loaded(der) == certificate:
            return der
    except ValueError:
        pass
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.DER)


def _loaded(der: bytes) -> x509.Certificate:
    from cryptography.x509 import load_der_x509_certificate

    return load_der_x509_certificate(der)
