"""Keys and certificates: what signs, behind one narrow interface, and what checks a signature value.

Private keys and certificates come as PEM or DER bytes; the password of an encrypted key comes from a callback, which is
only asked when it is needed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, padding, rsa, utils

from sealgate.errors import KeyUnusable
from sealgate.signature.algorithms import MacAlgorithm

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes

Password = Callable[[], bytes]
"""Gives the password of an encrypted private key."""

_MAX_DER_ATTEMPTS = 64
"""Signatures made until one has an even DER length; half of them have, so 64 in a row never fail in practice."""

MIN_RSA_BITS = 2048
MIN_DSA_BITS = 2048
MIN_EC_BITS = 224
"""Smallest keys that are not called weak (NIST SP 800-131A revision 2)."""


class KeyType(StrEnum):
    """Kinds of signature keys that dcmsign and Sealgate know."""

    RSA = "RSA"
    DSA = "DSA"
    EC = "EC"


class Signer(Protocol):
    """What signs: a key, wherever it is kept, with its certificate."""

    @property
    def certificate(self) -> bytes:
        """DER of the X.509 certificate of the key."""

    @property
    def key_type(self) -> KeyType:
        """Kind of the key."""

    def sign(self, mac_algorithm: MacAlgorithm, digest: bytes) -> bytes:
        """Signature over a MAC: PKCS #1 v1.5 for RSA, DER of (r, s) of even length for DSA and ECDSA."""


@dataclass(frozen=True, slots=True)
class KeySigner:
    """A private key in memory with its certificate."""

    private_key: rsa.RSAPrivateKey | dsa.DSAPrivateKey | ec.EllipticCurvePrivateKey
    certificate: bytes

    @property
    def key_type(self) -> KeyType:
        """Kind of the key."""
        return key_type(self.private_key.public_key())

    def sign(self, mac_algorithm: MacAlgorithm, digest: bytes) -> bytes:
        """Signature over `digest`. Raises KeyUnusable where the key is too small for the MAC algorithm."""
        if isinstance(self.private_key, rsa.RSAPrivateKey):
            try:
                return self.private_key.sign(
                    mac_algorithm.digest_info + digest, padding.PKCS1v15(), utils.NoDigestInfo()
                )
            except ValueError as error:
                raise KeyUnusable(
                    f"an RSA key of {self.private_key.key_size} bits is too small for {mac_algorithm}"
                ) from error
        # dcmsign does not recognise the pad byte behind every odd DER length, so none of odd length is made.
        for _ in range(_MAX_DER_ATTEMPTS):
            value = self._der_signature(mac_algorithm, digest)
            if len(value) % 2 == 0:
                return value
        raise RuntimeError("no signature of even length was found")

    def _der_signature(self, mac_algorithm: MacAlgorithm, digest: bytes) -> bytes:
        prehashed = utils.Prehashed(mac_algorithm.prehashed())
        if isinstance(self.private_key, dsa.DSAPrivateKey):
            return self.private_key.sign(digest, prehashed)
        assert isinstance(self.private_key, ec.EllipticCurvePrivateKey)
        return self.private_key.sign(digest, ec.ECDSA(prehashed))


def key_type(public_key: PublicKeyTypes) -> KeyType:
    """Kind of a public key. Raises KeyUnusable for kinds that DICOM signatures do not use."""
    if isinstance(public_key, rsa.RSAPublicKey):
        return KeyType.RSA
    if isinstance(public_key, dsa.DSAPublicKey):
        return KeyType.DSA
    if isinstance(public_key, ec.EllipticCurvePublicKey):
        return KeyType.EC
    raise KeyUnusable("the key is neither RSA nor DSA nor elliptic curve (ECDSA)")


def public_key_of(certificate: x509.Certificate) -> PublicKeyTypes:
    """The public key of a certificate. Raises KeyUnusable where it cannot be read."""
    try:
        return certificate.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyUnusable(f"the public key of the certificate cannot be read ({_first_line(error)})") from error


def is_weak(public_key: PublicKeyTypes) -> bool:
    """Whether a key is smaller than what is considered safe (NIST SP 800-131A revision 2)."""
    if isinstance(public_key, rsa.RSAPublicKey):
        return public_key.key_size < MIN_RSA_BITS
    if isinstance(public_key, dsa.DSAPublicKey):
        return public_key.key_size < MIN_DSA_BITS
    return isinstance(public_key, ec.EllipticCurvePublicKey) and public_key.key_size < MIN_EC_BITS


def load_certificate(encoded: bytes) -> x509.Certificate:
    """The first certificate of PEM or DER bytes. Raises KeyUnusable."""
    try:
        if b"-----BEGIN" in encoded:
            certificate = x509.load_pem_x509_certificate(encoded)
        else:
            certificate = x509.load_der_x509_certificate(encoded)
        certificate.subject.rfc4514_string()  # Names are parsed only when they are asked for.
        return certificate
    except (ValueError, x509.InvalidVersion) as error:
        raise KeyUnusable("this is no X.509 certificate in PEM or DER") from error


def load_certificates(encoded: bytes) -> list[x509.Certificate]:
    """All certificates of PEM bytes, or the one of DER bytes. Raises KeyUnusable."""
    if b"-----BEGIN" not in encoded:
        return [load_certificate(encoded)]
    try:
        return x509.load_pem_x509_certificates(encoded)
    except (ValueError, x509.InvalidVersion) as error:
        raise KeyUnusable("these are no X.509 certificates in PEM") from error


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:120]


def _load_private_key(encoded: bytes, password: bytes | None) -> PrivateKeyTypes:
    if b"-----BEGIN" in encoded:
        return serialization.load_pem_private_key(encoded, password)
    return serialization.load_der_private_key(encoded, password)


def _is_encrypted(error: TypeError) -> bool:
    return "encrypted" in str(error) and "not given" in str(error)


def load_signer(key: bytes, certificate: bytes, password: Password | None = None) -> KeySigner:
    """A signer of a private key and its certificate, each PEM or DER.

    `password` is asked once, where the key is encrypted. Raises KeyUnusable where one of them cannot be read, the
    password is missing or wrong, the two do not match, or the kind of key does not serve for DICOM signatures.
    """
    parsed = load_certificate(certificate)
    try:
        try:
            private_key = _load_private_key(key, None)
        except TypeError as error:
            if not _is_encrypted(error):
                raise
            if password is None:
                raise KeyUnusable("the private key is encrypted and no password was given") from error
            private_key = _load_private_key(key, password())
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeyUnusable(
            "the private key cannot be read: its password is wrong, or it is no key in PEM or DER"
        ) from error
    if not isinstance(private_key, rsa.RSAPrivateKey | dsa.DSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise KeyUnusable("the private key is neither RSA nor DSA nor elliptic curve (ECDSA)")
    if private_key.public_key() != public_key_of(parsed):
        raise KeyUnusable("the private key and the certificate do not belong together")
    return KeySigner(private_key, parsed.public_bytes(serialization.Encoding.DER))


def der_length(value: bytes) -> int | None:
    """Length of the DER object that `value` begins with, header included; None where there is none."""
    if len(value) < 2:
        return None
    length, header = value[1], 2
    if length & 0x80:
        count = length & 0x7F
        if not 0 < count <= 4 or len(value) < 2 + count:
            return None
        length, header = int.from_bytes(value[2 : 2 + count]), 2 + count
    return header + length if header + length <= len(value) else None


def signature_bytes(value: bytes, public_key: PublicKeyTypes) -> bytes:
    """The value of Signature (0400,0120) without the byte that pads a DER signature of odd length."""
    if isinstance(public_key, rsa.RSAPublicKey):
        return value[: (public_key.key_size + 7) // 8]
    length = der_length(value)
    return value[:length] if length is not None and len(value) - length <= 1 else value


def is_signature_of(public_key: PublicKeyTypes, mac_algorithm: MacAlgorithm, digest: bytes, value: bytes) -> bool:
    """Whether `value` (0400,0120) is a signature over `digest` by the key; False for keys of other kinds."""
    signature = signature_bytes(value, public_key)
    try:
        if isinstance(public_key, rsa.RSAPublicKey):
            recovered = public_key.recover_data_from_signature(signature, padding.PKCS1v15(), None)
            return recovered == mac_algorithm.digest_info + digest
        if isinstance(public_key, dsa.DSAPublicKey):
            public_key.verify(signature, digest, utils.Prehashed(mac_algorithm.prehashed()))
        elif isinstance(public_key, ec.EllipticCurvePublicKey):
            public_key.verify(signature, digest, ec.ECDSA(utils.Prehashed(mac_algorithm.prehashed())))
        else:
            return False
    except (InvalidSignature, ValueError, UnsupportedAlgorithm):
        return False
    return True
