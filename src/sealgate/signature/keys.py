"""Keys and certificates: what signs, behind one narrow interface, and what checks a signature value.

Private keys and certificates come as PEM or DER bytes, or together as PKCS #12; the password of an encrypted key comes
from a callback, which is only asked when it is needed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Protocol

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, padding, rsa, utils

from sealgate.errors import KeyUnusable
from sealgate.signature.algorithms import KeyType as KeyType
from sealgate.signature.algorithms import MacAlgorithm
from sealgate.signature.key_cost import refuse_costly
from sealgate.signature.key_loaders import certificate_der, load_der_private_key, load_pem_private_key

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes

Password = Callable[[], bytes]
"""Gives the password of an encrypted private key."""

_MAX_DER_ATTEMPTS = 64
"""Signatures made until one has an even DER length; half of them have, so 64 in a row never fail in practice."""

MIN_RSA_BITS = 2048
MIN_DSA_BITS = 2048
MIN_EC_BITS = 224
"""Smallest keys that are not called weak (NIST SP 800-131A revision 2)."""

BREAKABLE_BITS: Final = {KeyType.RSA: 1024, KeyType.DSA: 1024, KeyType.EC: 160}
"""Keys below these sizes can be broken with the means of a single person: 512 bits of RSA take hours."""


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
    other_certificates: tuple[bytes, ...] = ()
    """DER of what came with the certificate, such as those of its issuers; they do not enter the signature."""

    @property
    def key_type(self) -> KeyType:
        """Kind of the key."""
        return key_type(self.private_key.public_key())

    def sign(self, mac_algorithm: MacAlgorithm, digest: bytes) -> bytes:
        """Signature over `digest`. Raises KeyUnusable where the key is too small for the MAC algorithm."""
        if isinstance(self.private_key, rsa.RSAPrivateKey):
            try:
                value = self.private_key.sign(
                    mac_algorithm.digest_info + digest, padding.PKCS1v15(), utils.NoDigestInfo()
                )
            except ValueError as error:
                raise KeyUnusable(
                    f"an RSA key of {self.private_key.key_size} bits is too small for {mac_algorithm}"
                ) from error
            if not is_signature_of(self.private_key.public_key(), mac_algorithm, digest, value):
                raise KeyUnusable("the private key is damaged: what it signs does not fit its certificate")
            return value
        return even_signature(lambda: self._der_signature(mac_algorithm, digest))

    def _der_signature(self, mac_algorithm: MacAlgorithm, digest: bytes) -> bytes:
        prehashed = utils.Prehashed(mac_algorithm.prehashed())
        if isinstance(self.private_key, dsa.DSAPrivateKey):
            return self.private_key.sign(digest, prehashed)
        assert isinstance(self.private_key, ec.EllipticCurvePrivateKey)
        return self.private_key.sign(digest, ec.ECDSA(prehashed))


def even_signature(make: Callable[[], bytes]) -> bytes:
    """A DER signature of even length out of several that `make` gives.

    dcmsign does not recognise the pad byte behind every odd DER length, so none of odd length is made.
    """
    for _ in range(_MAX_DER_ATTEMPTS):
        value = make()
        if len(value) % 2 == 0:
            return value
    raise RuntimeError("no signature of even length was found")


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


def is_breakable(public_key: PublicKeyTypes) -> bool:
    """Whether anybody can find the private key to a key, so that its signatures prove nothing."""
    if not isinstance(public_key, rsa.RSAPublicKey | dsa.DSAPublicKey | ec.EllipticCurvePublicKey):
        return False
    return public_key.key_size < BREAKABLE_BITS[key_type(public_key)]


_KEPT_CERTIFICATES: Final = 64
"""Certificates that are kept decoded."""
_MAX_KEPT_BYTES: Final = 16 << 10
"""Of a certificate that is kept; real ones have 1 to 4 kB."""

_PEM: Final = b"-----BEGIN"


def is_pem(encoded: bytes) -> bool:
    """Whether bytes are PEM; DER begins with SEQUENCE (X.690 8.9), and may have the words of PEM inside."""
    return not encoded.startswith(b"\x30") and _PEM in encoded


def load_certificate(encoded: bytes) -> x509.Certificate:
    """The first certificate of PEM or DER bytes. Raises KeyUnusable."""
    # A decoded certificate remembers what was asked of it, its names and its key: most are asked for again and again.
    return _kept_certificate(encoded) if len(encoded) <= _MAX_KEPT_BYTES else _decoded_certificate(encoded)


@lru_cache(maxsize=_KEPT_CERTIFICATES)
def _kept_certificate(encoded: bytes) -> x509.Certificate:
    return _decoded_certificate(encoded)


def _decoded_certificate(encoded: bytes) -> x509.Certificate:
    from cryptography import x509

    try:
        if is_pem(encoded):
            certificate = x509.load_pem_x509_certificate(encoded)
        else:
            certificate = x509.load_der_x509_certificate(encoded)
        certificate.subject.rfc4514_string()  # Names are parsed only when they are asked for.
        certificate.issuer.rfc4514_string()
        return certificate
    except (ValueError, TypeError, x509.InvalidVersion) as error:
        raise KeyUnusable("this is no X.509 certificate in PEM or DER") from error


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:120]


def _load_private_key(encoded: bytes, password: bytes | None) -> PrivateKeyTypes:
    if is_pem(encoded):
        return load_pem_private_key(encoded, password)
    return load_der_private_key(encoded, password)


def _is_encrypted(error: TypeError) -> bool:
    return "encrypted" in str(error) and "not given" in str(error)


def load_signer(key: bytes, certificate: bytes | None = None, password: Password | None = None) -> KeySigner:
    """A signer of a private key and its certificate, each PEM or DER, or of a PKCS #12 file that holds both.

    A certificate beside PKCS #12 takes the place of the one in it. `password` is asked once, where the key is
    encrypted. Raises KeyUnusable where one of them cannot be read, the password is missing or wrong, the two do not
    match, or the kind of key does not serve for DICOM signatures.
    """
    if is_pkcs12(key):
        signer = load_pkcs12(key, password)
        return signer if certificate is None else _matched(signer.private_key, load_certificate(certificate))
    if certificate is None:
        raise KeyUnusable("the key file is no PKCS #12, so a certificate has to be given too")
    parsed = load_certificate(certificate)
    refuse_costly(key)
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
    return _matched(private_key, parsed, encoded=certificate)


def _matched(
    private_key: PrivateKeyTypes, certificate: x509.Certificate, others: tuple[bytes, ...] = (), encoded: bytes = b""
) -> KeySigner:
    """The signer of a key and a certificate, read from `encoded`, that belong together. Raises KeyUnusable."""
    if not isinstance(private_key, rsa.RSAPrivateKey | dsa.DSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise KeyUnusable("the private key is neither RSA nor DSA nor elliptic curve (ECDSA)")
    if private_key.public_key() != public_key_of(certificate):
        raise KeyUnusable("the private key and the certificate do not belong together")
    return KeySigner(private_key, certificate_der(certificate, encoded), others)


def is_pkcs12(encoded: bytes) -> bool:
    """Whether the bytes begin as PKCS #12 does (RFC 7292 section 4): a SEQUENCE whose first element is the number 3."""
    if encoded[:1] != b"\x30" or len(encoded) < 2:
        return False
    header = 2 + (encoded[1] & 0x7F if encoded[1] & 0x80 else 0)
    return encoded[header : header + 3] == b"\x02\x01\x03"


def load_pkcs12(encoded: bytes, password: Password | None = None) -> KeySigner:
    """A signer of the key and the certificate in PKCS #12 (.p12, .pfx), with the other certificates in it.

    `password` is asked once, where the file does not open without one. Raises KeyUnusable.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.serialization import pkcs12

    refuse_costly(encoded)
    try:
        try:
            key, certificate, others = pkcs12.load_key_and_certificates(encoded, None)
        except ValueError:
            if password is None:
                raise
            key, certificate, others = pkcs12.load_key_and_certificates(encoded, password())
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        reason = (
            "no password was given, or it is damaged" if password is None else "its password is wrong, or it is damaged"
        )
        raise KeyUnusable(f"the PKCS #12 file cannot be read: {reason}") from error
    if key is None or certificate is None:
        raise KeyUnusable("the PKCS #12 file does not hold a private key with its certificate")
    ders = tuple(other.public_bytes(serialization.Encoding.DER) for other in others)
    return _matched(key, load_certificate(certificate.public_bytes(serialization.Encoding.DER)), ders)


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


def certificate_in(value: bytes) -> tuple[x509.Certificate, bytes]:
    """The certificate that a value of Certificate of Signer (0400,0115) begins with, and the bytes behind it.

    Other than in a file it is DER and never PEM (PS3.3 table C.12-6). Raises KeyUnusable.
    """
    length = der_length(value)
    if length is None or not value.startswith(b"\x30"):
        raise KeyUnusable("this is no X.509 certificate in DER")
    return load_certificate(value[:length]), value[length:]


def signature_bytes(value: bytes, public_key: PublicKeyTypes) -> bytes:
    """The value of Signature (0400,0120) without the byte that pads a signature of odd length."""
    rsa_bytes = (public_key.key_size + 7) // 8 if isinstance(public_key, rsa.RSAPublicKey) else None
    length = der_length(value) if rsa_bytes is None else rsa_bytes
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
