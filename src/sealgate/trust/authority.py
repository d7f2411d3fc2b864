"""The making of certificates for a small certification authority (RFC 5280): who may do what, for how long.

Keys, serial numbers and the present moment come in as arguments; the functions here are the part of the role of DCMTK's
``dcmtk_ca.pl`` that decides what stands in a certificate. Only `cli.ca` makes keys and writes files.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sealgate.errors import ConfigurationError, KeyUnusable

NOT_FOR_CLINICAL_USE = "NOT FOR CLINICAL USE"
"""The Organizational Unit that marks an example: no configuration but the example's takes such a certificate."""

BEGINS_BEFORE = timedelta(days=1)
"""Validity begins this long before a certificate is made, since the clocks of modalities differ."""

MAX_VALIDITY_DAYS = 36_500
"""A hundred years; far beyond it the year no longer fits the four digits of a GeneralizedTime."""

MAX_COMMON_NAME_CHARACTERS = 64
"""ub-common-name of RFC 5280 appendix A.1."""

IssuerKey = RSAPrivateKey | EllipticCurvePrivateKey
SubjectKey = RSAPublicKey | EllipticCurvePublicKey


class Purpose(StrEnum):
    """What the holder of a certificate may use it for."""

    SERVER = "server"
    CLIENT = "client"
    SIGNER = "signer"


_TLS_USAGES = {Purpose.SERVER: ExtendedKeyUsageOID.SERVER_AUTH, Purpose.CLIENT: ExtendedKeyUsageOID.CLIENT_AUTH}


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """A certification authority: its certificate and the private key that belongs to it.

    Raises KeyUnusable if the two do not belong together or the certificate is none of a certification authority.
    """

    certificate: x509.Certificate
    key: IssuerKey

    def __post_init__(self) -> None:
        if self.certificate.public_key() != self.key.public_key():
            raise KeyUnusable("the key of the certification authority does not belong to its certificate")
        if not _is_authority(self.certificate):
            raise KeyUnusable("the certificate of the certification authority does not say that it is one (CA:TRUE)")


def authority_certificate(
    *, subject: x509.Name, key: IssuerKey, serial_number: int, now: datetime, days: int
) -> x509.Certificate:
    """Return a self-signed certificate of a certification authority that issues end entity certificates only.

    It is valid from a day before `now` (aware) until `days` days after it. Basic Constraints are critical with a path
    length of 0, Key Usage is critical with keyCertSign and cRLSign (RFC 5280 4.2.1.9 and 4.2.1.3).
    Raises ConfigurationError if `days` is outside 1 to MAX_VALIDITY_DAYS.
    """
    begin, end = _validity(now, days)
    builder = (
        x509.CertificateBuilder(subject_name=subject, issuer_name=subject, public_key=key.public_key())
        .serial_number(serial_number)
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return builder.sign(key, _digest(key))


def end_entity_certificate(
    *,
    issuer: Issuer,
    subject: x509.Name,
    public_key: SubjectKey,
    serial_number: int,
    now: datetime,
    days: int,
    purposes: Collection[Purpose],
    hosts: Sequence[str],
) -> x509.Certificate:
    """Return a certificate of `issuer` for `public_key`, valid from a day before `now` (aware) for `days` days.

    It never outlives, and never begins before, the issuer's own. With SIGNER among the `purposes`, of which there is at
    least one, it may make signatures that its holder cannot deny (contentCommitment) and has no Extended Key Usage:
    that extension would limit it to TLS (RFC 5280 4.2.1.12). `hosts` are DNS names and IP addresses for the Subject
    Alternative Name.
    Raises ConfigurationError if `days` is out of range or a host cannot be a name, and KeyUnusable if the issuer is
    not valid at `now`.
    """
    authority = issuer.certificate
    if not authority.not_valid_before_utc <= now <= authority.not_valid_after_utc:
        raise KeyUnusable(
            f"the certification authority is valid from {authority.not_valid_before_utc:%Y-%m-%d} to"
            f" {authority.not_valid_after_utc:%Y-%m-%d}, which is not now: make a new one"
        )
    begin, end = _validity(now, days)
    builder = (
        x509.CertificateBuilder(subject_name=subject, issuer_name=authority.subject, public_key=public_key)
        .serial_number(serial_number)
        .not_valid_before(max(begin, authority.not_valid_before_utc))
        .not_valid_after(min(end, authority.not_valid_after_utc))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(digital_signature=True, content_commitment=Purpose.SIGNER in purposes), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(_authority_key_identifier(issuer), critical=False)
    )
    if hosts:
        names = x509.SubjectAlternativeName([_general_name(host) for host in hosts])
        builder = builder.add_extension(names, critical=False)
    if Purpose.SIGNER not in purposes:
        usages = x509.ExtendedKeyUsage([_TLS_USAGES[purpose] for purpose in Purpose if purpose in purposes])
        builder = builder.add_extension(usages, critical=False)
    return builder.sign(issuer.key, _digest(issuer.key))


def parse_subject(text: str) -> x509.Name:
    """Return the name that `text` writes in the way of RFC 4514, such as ``CN=Archive CA,O=Example Hospital``.

    Raises ConfigurationError if it is not such a text, or if it has no Common Name.
    """
    try:
        name = x509.Name.from_rfc4514_string(text)
    except ValueError as error:
        raise ConfigurationError(
            f'subject "{text}" is not of the form CN=NAME,OU=UNIT,O=ORGANIZATION,C=COUNTRY'
        ) from error
    if not name.get_attributes_for_oid(NameOID.COMMON_NAME):
        raise ConfigurationError(f'subject "{text}" has no common name: begin it with CN=NAME')
    return name


def subject_below(authority: x509.Name, common_name: str) -> x509.Name:
    """Return `authority` with another Common Name, so that what an example authority issues is marked as it is.

    Raises ConfigurationError if `common_name` is empty or has more than 64 characters.
    """
    if not 1 <= len(common_name) <= MAX_COMMON_NAME_CHARACTERS:
        raise ConfigurationError(
            f"a common name has 1 to {MAX_COMMON_NAME_CHARACTERS} characters, not {len(common_name)}"
        )
    kept = [attribute for attribute in authority if attribute.oid != NameOID.COMMON_NAME]
    return x509.Name([*kept, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def is_not_for_clinical_use(certificate: x509.Certificate) -> bool:
    """Tell whether the subject or the issuer of `certificate` is marked as an example."""
    names = (certificate.subject, certificate.issuer)
    units = (unit for name in names for unit in name.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME))
    return any(unit.value == NOT_FOR_CLINICAL_USE for unit in units)


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _validity(now: datetime, days: int) -> tuple[datetime, datetime]:
    if not 1 <= days <= MAX_VALIDITY_DAYS:
        raise ConfigurationError(f"a certificate is valid for 1 to {MAX_VALIDITY_DAYS} days, not {days}")
    return now - BEGINS_BEFORE, now + timedelta(days=days)


def _digest(key: IssuerKey) -> hashes.SHA256 | hashes.SHA384:
    """SHA-256, or SHA-384 for keys that are worth it (RFC 5758 3.2 asks for a digest as strong as the curve)."""
    strong = isinstance(key, EllipticCurvePrivateKey) and key.curve.key_size > 256
    return hashes.SHA384() if strong else hashes.SHA256()


def _authority_key_identifier(issuer: Issuer) -> x509.AuthorityKeyIdentifier:
    try:
        identifier = issuer.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key())
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        pass  # no address, so it is a name
    try:
        return x509.DNSName(host)
    except ValueError as error:
        raise ConfigurationError(f'"{host}" is neither an IP address nor a DNS name in ASCII') from error


def _key_usage(
    *,
    digital_signature: bool = False,
    content_commitment: bool = False,
    key_cert_sign: bool = False,
    crl_sign: bool = False,
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=content_commitment,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )
