"""The signature of a CMS SignerInfo over its signed attributes (RFC 5652 5.4): RSA, RSASSA-PSS, ECDSA and DSA."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, padding, rsa

from sealgate.signature.algorithms import MacAlgorithm
from sealgate.signature.keys import der_length, is_signature_of
from sealgate.timestamp.algorithms import BY_OID, digest_of
from sealgate.timestamp.der import optional

if TYPE_CHECKING:
    from asn1crypto import cms
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

RSASSA_PSS = "1.2.840.113549.1.1.10"

_RSA, _EC, _DSA = rsa.RSAPublicKey, ec.EllipticCurvePublicKey, dsa.DSAPublicKey
_KeyClass = type[rsa.RSAPublicKey] | type[ec.EllipticCurvePublicKey] | type[dsa.DSAPublicKey]

ALGORITHMS: Mapping[str, tuple[_KeyClass, str | None]] = MappingProxyType(
    {
        "1.2.840.113549.1.1.1": (_RSA, None),  # rsaEncryption
        "1.2.840.113549.1.1.4": (_RSA, "MD5"),
        "1.2.840.113549.1.1.5": (_RSA, "SHA1"),
        "1.3.36.3.3.1.2": (_RSA, "RIPEMD160"),
        "1.2.840.113549.1.1.14": (_RSA, "SHA224"),
        "1.2.840.113549.1.1.11": (_RSA, "SHA256"),
        "1.2.840.113549.1.1.12": (_RSA, "SHA384"),
        "1.2.840.113549.1.1.13": (_RSA, "SHA512"),
        "1.2.840.10045.2.1": (_EC, None),  # id-ecPublicKey, as some programs write it here
        "1.2.840.10045.4.1": (_EC, "SHA1"),
        "1.2.840.10045.4.3.1": (_EC, "SHA224"),
        "1.2.840.10045.4.3.2": (_EC, "SHA256"),
        "1.2.840.10045.4.3.3": (_EC, "SHA384"),
        "1.2.840.10045.4.3.4": (_EC, "SHA512"),
        "1.2.840.10040.4.1": (_DSA, None),  # id-dsa
        "1.2.840.10040.4.3": (_DSA, "SHA1"),
        "2.16.840.1.101.3.4.3.1": (_DSA, "SHA224"),
        "2.16.840.1.101.3.4.3.2": (_DSA, "SHA256"),
    }
)
"""Kind of key and digest of each signature algorithm; None: the digest is the one of digestAlgorithm."""

_HASHES: Mapping[str, type[hashes.HashAlgorithm]] = MappingProxyType(
    {
        "SHA1": hashes.SHA1,
        "SHA224": hashes.SHA224,
        "SHA256": hashes.SHA256,
        "SHA384": hashes.SHA384,
        "SHA512": hashes.SHA512,
    }
)


class SignatureUnsupported(Exception):
    """A signature algorithm that is not known here: whether the signature is good stays open."""


def is_cms_signature(public_key: PublicKeyTypes, signer: cms.SignerInfo) -> bool:
    """Whether `signer` holds a signature of `public_key` over its signed attributes. Raises SignatureUnsupported."""
    oid = signer["signature_algorithm"]["algorithm"].dotted
    value = bytes(signer["signature"])
    if optional(signer["signed_attrs"]) is None:
        return False  # content of another type than plain data is never signed without attributes
    # The attributes are signed as a SET, and stand in SignerInfo with a tag of their own (RFC 5652 5.4).
    signed = signer["signed_attrs"].untag().dump()
    if oid == RSASSA_PSS:
        return _is_pss_signature(public_key, signer, signed, value)
    if oid not in ALGORITHMS:
        raise SignatureUnsupported(f"the algorithm {oid[:80]} is not supported")
    key_class, digest_name = ALGORITHMS[oid]
    algorithm = BY_OID.get(signer["digest_algorithm"]["algorithm"].dotted)
    if algorithm is None:
        raise SignatureUnsupported("its digest is not supported")
    if digest_name not in (None, algorithm.name) or not isinstance(public_key, key_class):
        return False
    if not _has_exact_length(public_key, value):
        return False
    return is_signature_of(public_key, algorithm, digest_of(algorithm, signed), value)


def _has_exact_length(public_key: PublicKeyTypes, value: bytes) -> bool:
    """Whether nothing stands behind the signature; `is_signature_of` allows for the pad byte of a DICOM element."""
    if isinstance(public_key, rsa.RSAPublicKey):
        return len(value) == (public_key.key_size + 7) // 8
    return der_length(value) == len(value)


def _is_pss_signature(public_key: PublicKeyTypes, signer: cms.SignerInfo, signed: bytes, value: bytes) -> bool:
    parameters = signer["signature_algorithm"]["parameters"]
    mask = parameters["mask_gen_algorithm"]
    digest = _hash_of(parameters["hash_algorithm"]["algorithm"].dotted)
    if mask["algorithm"].native != "mgf1" or parameters["trailer_field"].native != "trailer_field_bc":
        raise SignatureUnsupported("its RSASSA-PSS parameters are not supported")
    mask_digest = _hash_of(mask["parameters"]["algorithm"].dotted)
    if not isinstance(public_key, rsa.RSAPublicKey):
        return False
    scheme = padding.PSS(padding.MGF1(mask_digest), parameters["salt_length"].native)
    try:
        public_key.verify(value, signed, scheme, digest)
    except (InvalidSignature, ValueError, OverflowError):
        return False
    except UnsupportedAlgorithm as error:
        raise SignatureUnsupported("its RSASSA-PSS parameters are not supported") from error
    return True


def _hash_of(oid: str) -> hashes.HashAlgorithm:
    algorithm: MacAlgorithm | None = BY_OID.get(oid)
    if algorithm is None or algorithm.name not in _HASHES:
        raise SignatureUnsupported("its RSASSA-PSS digest is not supported")
    return _HASHES[algorithm.name]()
