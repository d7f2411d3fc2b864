"""What a reader wants to know about a certificate, in words; each part that cannot be read says so by itself."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.x509.oid import NameOID, SignatureAlgorithmOID

UNREADABLE = "cannot be read"
_SHORT_NAMES = (NameOID.COMMON_NAME, NameOID.ORGANIZATIONAL_UNIT_NAME, NameOID.ORGANIZATION_NAME)
_CURVES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateFacts:
    """One certificate in words."""

    name: str
    """The common name of the subject, or what comes next to it."""
    subject: str
    """RFC 4514."""
    issuer: str
    serial_number: str
    not_before: datetime | None
    not_after: datetime | None
    key: str
    """Kind and size of the public key, such as `RSA, 3072 bits`."""
    signed_with: str
    """How the issuer signed it, such as `RSA with SHA256`."""
    fingerprint: str
    """SHA-256 of the DER, hexadecimal, in groups of four digits."""
    self_issued: bool
    """Subject and issuer are the same, as in a trust anchor."""


def certificate_facts(der: bytes) -> CertificateFacts:
    """What the DER certificate says. Never raises for what it contains."""
    fingerprint = grouped(hashlib.sha256(der).hexdigest())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about what RFC 5280 forbids, such as a serial number that is negative
            certificate = x509.load_der_x509_certificate(der)
    except (ValueError, x509.InvalidVersion):
        unreadable = dict.fromkeys(("name", "subject", "issuer", "serial_number", "key", "signed_with"), UNREADABLE)
        return CertificateFacts(
            **unreadable, not_before=None, not_after=None, fingerprint=fingerprint, self_issued=False
        )
    subject = _or_unreadable(lambda: certificate.subject.rfc4514_string())
    issuer = _or_unreadable(lambda: certificate.issuer.rfc4514_string())
    return CertificateFacts(
        name=_or_unreadable(lambda: _short(certificate.subject)) or subject or "(no name)",
        subject=subject,
        issuer=issuer,
        serial_number=_or_unreadable(lambda: grouped(f"{certificate.serial_number:x}")),
        not_before=_date(lambda: certificate.not_valid_before_utc),
        not_after=_date(lambda: certificate.not_valid_after_utc),
        key=_or_unreadable(lambda: _key(certificate)),
        signed_with=_or_unreadable(lambda: _algorithm(certificate)),
        fingerprint=fingerprint,
        self_issued=subject == issuer != UNREADABLE,
    )


def grouped(digits: str) -> str:
    """Hexadecimal digits in groups of four, which people can compare."""
    return " ".join(digits[start : start + 4] for start in range(0, len(digits), 4))


def _or_unreadable(part: Callable[[], str]) -> str:
    try:
        return part()
    except Exception:  # noqa: BLE001  the library decodes lazily, and a forged part raises whatever it likes
        return UNREADABLE


def _date(part: Callable[[], datetime]) -> datetime | None:
    try:
        return part()
    except (ValueError, OverflowError):
        return None


def _short(name: x509.Name) -> str:
    found = (attribute.value for oid in _SHORT_NAMES for attribute in name.get_attributes_for_oid(oid))
    first = next(found, "")
    return first if isinstance(first, str) else first.decode("latin-1")


def _key(certificate: x509.Certificate) -> str:
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA, {key.key_size} bits"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"EC, curve {_CURVES.get(key.curve.name, key.curve.name)}"
    if isinstance(key, dsa.DSAPublicKey):
        return f"DSA, {key.key_size} bits"
    return type(key).__name__.strip("_").removesuffix("PublicKey")


def _algorithm(certificate: x509.Certificate) -> str:
    oid = certificate.signature_algorithm_oid
    names = (name for name in vars(SignatureAlgorithmOID) if getattr(SignatureAlgorithmOID, name) == oid)
    return next(names, oid.dotted_string).replace("_", " ").replace("WITH", "with")
