"""The public key of a SubjectPublicKeyInfo (RFC 5280 4.1.2.7), without the parsers that take longest to load."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.cli.dcmsign.der import BIT_STRING, OID, SEQUENCE, content_at, object_at, positive_integer_at

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

_RSA_ENCRYPTION = bytes.fromhex("2a864886f70d010101")
_EC_PUBLIC_KEY = bytes.fromhex("2a8648ce3d0201")
_CURVES = {
    bytes.fromhex("2a8648ce3d030107"): "SECP256R1",
    bytes.fromhex("2b81040022"): "SECP384R1",
    bytes.fromhex("2b81040023"): "SECP521R1",
}
"""The curves that are in common use; others take the way round."""


def public_key_of(key_info: bytes) -> PublicKeyTypes | None:
    """The key; None where it cannot be read, or is an RSA key for PSS alone, which DCMTK does not know."""
    try:
        algorithm, parameters, key = _parts(key_info)
        if algorithm == _RSA_ENCRYPTION:
            return _rsa(key)
        if algorithm == _EC_PUBLIC_KEY and parameters in _CURVES:
            return _elliptic_curve(_CURVES[parameters], key)
    except ValueError:
        pass  # the full parser says whether it is a key all the same
    return _any(key_info)


def _parts(key_info: bytes) -> tuple[bytes, bytes, bytes]:
    """Algorithm, content of its parameters if they are an OID, and the key itself. Raises ValueError."""
    start, end = content_at(key_info, 0, len(key_info), SEQUENCE)
    first, behind = content_at(key_info, start, end, SEQUENCE)
    oid = content_at(key_info, first, behind, OID)
    parameters = b""
    if oid[1] < behind:
        tag, begin, stop = object_at(key_info, oid[1], behind)
        parameters = key_info[begin:stop] if tag == OID else b""
    begin, stop = content_at(key_info, behind, end, BIT_STRING)
    if stop != end or key_info[begin : begin + 1] != b"\0":
        raise ValueError("no key in whole octets")
    return key_info[oid[0] : oid[1]], parameters, key_info[begin + 1 : stop]


def _rsa(key: bytes) -> PublicKeyTypes:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers

    start, end = content_at(key, 0, len(key), SEQUENCE)
    modulus, position = positive_integer_at(key, start, end)
    exponent, position = positive_integer_at(key, position, end)
    if position != end or end != len(key):
        raise ValueError("something stands behind the key")
    return RSAPublicNumbers(exponent, modulus).public_key()


def _elliptic_curve(curve: str, key: bytes) -> PublicKeyTypes:
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.EllipticCurvePublicKey.from_encoded_point(getattr(ec, curve)(), key)


def _any(key_info: bytes) -> PublicKeyTypes | None:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    try:
        key = load_der_public_key(key_info)
    except (ValueError, UnsupportedAlgorithm):
        return None
    return None if isinstance(key, RSAPublicKey) and _RSA_ENCRYPTION not in key_info[:32] else key
