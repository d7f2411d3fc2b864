"""Throw-away certification authorities and certificates of any odd kind, made with cryptography alone.

This is on purpose not `sealgate.trust.authority`: tests need certificates that Sealgate would never make.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | dsa.DSAPrivateKey

CURVES: Mapping[str, Callable[[], ec.EllipticCurve]] = MappingProxyType(
    {
        "p256": ec.SECP256R1,
        "p384": ec.SECP384R1,
        "p521": ec.SECP521R1,
        "brainpoolp256": ec.BrainpoolP256R1,
        "brainpoolp384": ec.BrainpoolP384R1,
    }
)
KEY_KINDS = ("rsa1024", "rsa2048", "rsa3072", "rsa4096", *CURVES, "dsa1024", "dsa2048")
PURPOSES: Mapping[str, x509.ObjectIdentifier] = MappingProxyType(
    {
        "server": ExtendedKeyUsageOID.SERVER_AUTH,
        "client": ExtendedKeyUsageOID.CLIENT_AUTH,
        "email": ExtendedKeyUsageOID.EMAIL_PROTECTION,
        "timestamping": ExtendedKeyUsageOID.TIME_STAMPING,
    }
)
DAY = timedelta(days=1)
YEAR = timedelta(days=365)


_PRIMES_OF_256_BITS = (
    0xF25DF90C6E7BF786825DDC4EBD6C789297389ACB5868B21CD7EA856D8FFAC699,
    0xD87B6FE1F1377A0B0F2F23666CC51E6805A803B193A9D942D6C38476016FCF83,
)
"""cryptography loads RSA keys below 1024 bits, but makes none."""


def _rsa512() -> rsa.RSAPrivateKey:
    p, q = _PRIMES_OF_256_BITS
    d = rsa.rsa_recover_private_exponent(65537, p, q)
    remainders = rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q)
    return rsa.RSAPrivateNumbers(p, q, d, *remainders, rsa.RSAPublicNumbers(65537, p * q)).private_key()


@cache
def _dsa_parameters(bits: int) -> dsa.DSAParameters:
    return dsa.generate_parameters(bits)


@cache
def private_key(kind: str, name: str = "") -> PrivateKey:
    """Return the key of kind `kind` that belongs to `name`; made once per test process, since RSA and DSA are slow."""
    if kind in CURVES:
        return ec.generate_private_key(CURVES[kind]())
    if kind == "rsa512":
        return _rsa512()
    if kind.startswith("rsa"):
        return rsa.generate_private_key(public_exponent=65537, key_size=int(kind[3:]))
    if kind.startswith("dsa"):
        return _dsa_parameters(int(kind[3:])).generate_private_key()
    raise ValueError(f"{kind} is none of the key kinds {', '.join(KEY_KINDS)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A certificate with its private key, both also as PEM files."""

    certificate: x509.Certificate
    key: PrivateKey
    certificate_path: Path
    key_path: Path

    @property
    def der(self) -> bytes:
        """The certificate as DER."""
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def pem(self) -> bytes:
        """The certificate as PEM."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)


@dataclass(frozen=True, slots=True)
class Revoked:
    """An entry of a CRL, or what an OCSP response says of a certificate."""

    serial_number: int
    at: datetime
    reason: x509.ReasonFlags | None = None
    invalid_since: datetime | None = None


class Authority:
    """A certification authority that writes what it issues to a folder, as NAME.pem and NAME.key."""

    def __init__(
        self,
        folder: Path,
        name: str = "Test CA",
        *,
        key: str = "p256",
        now: datetime | None = None,
        not_before: datetime | None = None,
        not_after: datetime | None = None,
        issuer: Authority | None = None,
        path_length: int | None = None,
        is_ca: bool = True,
        key_usage: x509.KeyUsage | None = None,
        digest: hashes.HashAlgorithm | None = None,
        extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
    ) -> None:
        """Make the authority; `now` (aware, default: the clock) is the moment around which validity periods lie.

        One with `is_ca` False says of itself that it is none. `extensions` are added as (value, critical).
        """
        self.folder = folder
        self.now = now if now is not None else datetime.now(UTC)
        folder.mkdir(parents=True, exist_ok=True)
        own_key = private_key(key, f"{name} of {folder}")
        signer = (issuer.certificate.subject, issuer.key) if issuer is not None else (_name(name), own_key)
        builder = (
            self._builder(_name(name), own_key, signer[0], not_before, not_after)
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=path_length), critical=True)
            .add_extension(key_usage if key_usage is not None else _key_usage(ca=is_ca), critical=True)
        )
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical=critical)
        self.credential = self._write("ca", _signed(builder, signer[1], digest), own_key, None)
        self.issuer = issuer

    @property
    def certificate(self) -> x509.Certificate:
        """The authority's own certificate."""
        return self.credential.certificate

    @property
    def certificate_path(self) -> Path:
        """The authority's own certificate as a PEM file: the trust anchor for what it issues."""
        return self.credential.certificate_path

    @property
    def key(self) -> PrivateKey:
        """The authority's own private key."""
        return self.credential.key

    def subordinate(self, folder: Path, name: str = "Test Sub CA", *, key: str = "p256", **odd: Any) -> Authority:
        """Return an intermediate authority, certified by this one, that writes to `folder`; `odd` as in __init__."""
        return Authority(folder, name, key=key, now=self.now, issuer=self, **odd)

    def issue(
        self,
        name: str,
        key: str = "p256",
        *,
        not_before: datetime | None = None,
        not_after: datetime | None = None,
        purposes: Sequence[str] = (),
        hosts: Sequence[str] = ("localhost", "127.0.0.1"),
        organizational_unit: str | None = None,
        password: bytes | None = None,
        digest: hashes.HashAlgorithm | None = None,
        key_usage: x509.KeyUsage | None = None,
        extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
    ) -> Credential:
        """Issue a certificate for a key of kind `key`, valid from a day ago for a year unless said otherwise.

        `purposes` are names in PURPOSES for the Extended Key Usage; with none the certificate has no such extension
        and serves for everything. `extensions` are added as (value, critical). With a `password` the key is
        encrypted PKCS#8. A name that is taken gets a number in its file names.
        """
        own_key = private_key(key, name)
        builder = (
            self._builder(_name(name, organizational_unit), own_key, self.certificate.subject, not_before, not_after)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(key_usage if key_usage is not None else _key_usage(ca=False), critical=True)
        )
        if hosts:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_host(host) for host in hosts]), critical=False
            )
        if purposes:
            usages = x509.ExtendedKeyUsage([PURPOSES[purpose] for purpose in purposes])
            builder = builder.add_extension(usages, critical=False)
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical=critical)
        return self._write(name, _signed(builder, self.key, digest), own_key, password)

    def crl(
        self,
        *revoked: Revoked,
        at: datetime | None = None,
        until: datetime | None = None,
        extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
        signer: PrivateKey | None = None,
    ) -> bytes:
        """Return a CRL (DER) of this authority, from `at` (default: its now) until `until` (default: a week later)."""
        begins = at if at is not None else self.now
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(begins)
            .next_update(until if until is not None else begins + 7 * DAY)
        )
        for one in revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(one.serial_number).revocation_date(one.at)
            if one.reason is not None:
                entry = entry.add_extension(x509.CRLReason(one.reason), critical=False)
            if one.invalid_since is not None:
                entry = entry.add_extension(x509.InvalidityDate(one.invalid_since), critical=False)
            builder = builder.add_revoked_certificate(entry.build())
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical=critical)
        crl = builder.sign(signer if signer is not None else self.key, hashes.SHA256())
        return crl.public_bytes(serialization.Encoding.DER)

    def ocsp_response(
        self,
        certificate: x509.Certificate,
        *,
        revoked: Revoked | None = None,
        unknown: bool = False,
        at: datetime | None = None,
        until: datetime | None = None,
        responder: Credential | None = None,
    ) -> bytes:
        """Return an OCSP response (DER) about a `certificate` of this authority, by itself or by a `responder`."""
        by = responder if responder is not None else self.credential
        begins = at if at is not None else self.now
        status = ocsp.OCSPCertStatus.REVOKED if revoked is not None else ocsp.OCSPCertStatus.GOOD
        builder = (
            ocsp.OCSPResponseBuilder()
            .add_response(
                certificate,
                self.certificate,
                hashes.SHA256(),
                ocsp.OCSPCertStatus.UNKNOWN if unknown else status,
                begins,
                until if until is not None else begins + 7 * DAY,
                None if revoked is None else revoked.at,
                None if revoked is None else revoked.reason,
            )
            .responder_id(ocsp.OCSPResponderEncoding.NAME, by.certificate)
        )
        if responder is not None:
            builder = builder.certificates([by.certificate])
        return builder.sign(by.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)

    def _builder(
        self,
        subject: x509.Name,
        key: PrivateKey,
        issuer: x509.Name,
        not_before: datetime | None,
        not_after: datetime | None,
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(not_before if not_before is not None else self.now - DAY)
            .not_valid_after(not_after if not_after is not None else self.now + YEAR)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )

    def _write(self, name: str, certificate: x509.Certificate, key: PrivateKey, password: bytes | None) -> Credential:
        encryption = (
            serialization.BestAvailableEncryption(password) if password is not None else serialization.NoEncryption()
        )
        stem = _unused(self.folder, name)
        credential = Credential(
            certificate=certificate,
            key=key,
            certificate_path=self.folder / f"{stem}.pem",
            key_path=self.folder / f"{stem}.key",
        )
        credential.certificate_path.write_bytes(credential.pem)
        credential.key_path.write_bytes(
            key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
        )
        credential.key_path.chmod(0o600)
        return credential


def _unused(folder: Path, name: str) -> str:
    """Return `name`, or `name` with a number where an earlier test already has a certificate of that name."""
    stems = (name, *(f"{name}-{number}" for number in range(2, 1000)))
    return next(stem for stem in stems if not (folder / f"{stem}.pem").exists())


def _signed(
    builder: x509.CertificateBuilder, key: PrivateKey, digest: hashes.HashAlgorithm | None = None
) -> x509.Certificate:
    return builder.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False
    ).sign(key, digest if digest is not None else hashes.SHA256())  # type: ignore[arg-type]


def _name(common_name: str, organizational_unit: str | None = None) -> x509.Name:
    unit = [] if organizational_unit is None else [(NameOID.ORGANIZATIONAL_UNIT_NAME, organizational_unit)]
    attributes = [(NameOID.ORGANIZATION_NAME, "Sealgate tests"), *unit, (NameOID.COMMON_NAME, common_name)]
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in attributes])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _key_usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        content_commitment=not ca,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )
