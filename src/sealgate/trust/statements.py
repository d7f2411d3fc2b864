"""What CRLs (RFC 5280 section 5) and OCSP responses (RFC 6960) say about one certificate, once they are authentic.

Direct CRLs count: signed by the authority that issued the certificate, or by a trust anchor of its name. Of delta CRLs
and of CRLs for some reasons or some distribution points, what they list counts and what they leave out proves nothing.
Indirect CRLs are not used. OCSP responses are signed by the authority or by a responder that it certified.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Final

from sealgate.errors import TrustFileUnusable
from sealgate.trust.hashed import canonical_name
from sealgate.trust.store import TrustStore

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509 import ocsp

MAX_SINGLE_RESPONSES: Final = 1000
"""Answers in one OCSP response; responders give one for each certificate they were asked about."""

_KEPT_LISTS: Final = 128
"""CRLs and OCSP responses that are kept decoded."""
_KEPT_STATEMENTS: Final = 256
"""Certificates of which all that lists and responses say is kept."""
_KEPT_CHECKS: Final = 1024
"""Signatures and entries of CRLs that are not looked for again; a list of 100,000 entries takes 8 ms to search."""

_EXPIRED_CERTS_ON_CRL: Final = "2.5.29.60"
_ARCHIVE_CUTOFF: Final = "1.3.6.1.5.5.7.48.1.6"
_KNOWN_CRL_EXTENSIONS: Final = frozenset(("2.5.29.20", "2.5.29.27", "2.5.29.28", "2.5.29.35", "2.5.29.46"))
"""CRL number, delta CRL indicator, issuing distribution point, authority key identifier, freshest CRL."""
_KNOWN_ENTRY_EXTENSIONS: Final = frozenset(("2.5.29.21", "2.5.29.24"))
"""Reason code and invalidity date."""
_KNOWN_OCSP_EXTENSIONS: Final = frozenset(("1.3.6.1.5.5.7.48.1.2", _ARCHIVE_CUTOFF))
"""Nonce, and archive cutoff of a single response."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoked:
    """An entry that a certificate is revoked."""

    at: datetime
    reason: str | None
    """CRLReason as in RFC 5280 5.3.1; None where none is given."""
    invalid_since: datetime | None = None
    """Invalidity Date (RFC 5280 5.3.2): since when the key is known or suspected to be compromised."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What one authentic CRL or OCSP response says about one certificate."""

    source: str
    this_update: datetime
    next_update: datetime | None
    revoked: Revoked | None
    complete: bool
    """Whether no entry means that the certificate was not revoked."""
    knows_expired_since: datetime | None = None
    """Certificates that expired before this moment may be left out; None: all that expired before it was issued."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unusable:
    """A CRL or OCSP response about a certificate that proves nothing."""

    source: str
    why: str


@lru_cache(maxsize=_KEPT_STATEMENTS)
def statements(
    certificate: x509.Certificate, issuer: x509.Certificate, store: TrustStore
) -> tuple[Statement | Unusable, ...]:
    """What the CRLs and OCSP responses of `store` say about `certificate`, which `issuer` signed.

    Those about other certificates are passed over. None of it depends on the moment at which it is asked for.
    """
    responses = (_of_response(certificate, issuer, encoded, store) for encoded in store.ocsp_responses)
    return (*chain.from_iterable(responses), *_of_lists(certificate, issuer, store))


def _of_lists(
    certificate: x509.Certificate, issuer: x509.Certificate, store: TrustStore
) -> Iterator[Statement | Unusable]:
    name = canonical_name(certificate.issuer.public_bytes())
    for encoded in store.crls:
        if canonical_name(_crl(encoded).issuer.public_bytes()) == name:
            yield from _of_list(certificate, [issuer, *_anchors_named(name, store.anchors)], encoded)


def _of_list(
    certificate: x509.Certificate, authorities: Sequence[x509.Certificate], encoded: bytes
) -> Iterator[Statement | Unusable]:
    """What a CRL in the name of the certificate's issuer says of it; nothing where it is for other certificates."""
    from cryptography import x509

    crl = _crl(encoded)
    source = f"the CRL of {crl.last_update_utc:%F %T} UTC by {crl.issuer.rfc4514_string()}"
    if not any(_signs_lists(one) and _is_list_of(encoded, _key_of(one)) for one in authorities):
        yield Unusable(source=source, why="it is not signed by that authority")
        return
    try:
        extensions = crl.extensions
        revoked = _entry_of(encoded, certificate.serial_number)
    except ValueError as error:
        yield Unusable(source=source, why=f"it cannot be decoded or used ({_first_line(error)})")
        return
    unknown = [one for one in extensions if one.critical and one.oid.dotted_string not in _KNOWN_CRL_EXTENSIONS]
    if unknown:
        yield Unusable(source=source, why=f"it has the unknown critical extension {unknown[0].oid.dotted_string}")
        return
    complete = True
    for extension in extensions:
        if isinstance(extension.value, x509.DeltaCRLIndicator):
            complete = False
        elif isinstance(extension.value, x509.IssuingDistributionPoint):
            point = extension.value
            if point.indirect_crl:
                yield Unusable(source=source, why="it is an indirect CRL, which is not supported")
                return
            if _is_for_others(certificate, point):
                return
            complete = complete and point.only_some_reasons is None and _is_named_by(certificate, point)
    yield Statement(
        source=source,
        this_update=crl.last_update_utc,
        next_update=crl.next_update_utc,
        revoked=revoked,
        complete=complete,
        knows_expired_since=_time_in(extensions, _EXPIRED_CERTS_ON_CRL),
    )


@lru_cache(maxsize=_KEPT_CHECKS)
def _entry_of(encoded: bytes, serial_number: int) -> Revoked | None:
    """What a CRL lists about a certificate; None where it is not on it.

    Raises ValueError where the entry cannot be used (RFC 5280 5.3: neither then can the CRL).
    """
    from cryptography import x509

    entry = _crl(encoded).get_revoked_certificate_by_serial_number(serial_number)
    if entry is None:
        return None
    reason, invalid_since = None, None
    for extension in entry.extensions:
        if isinstance(extension.value, x509.CRLReason):
            reason = extension.value.reason.value
        elif isinstance(extension.value, x509.InvalidityDate):
            invalid_since = extension.value.invalidity_date_utc
        elif extension.critical and extension.oid.dotted_string not in _KNOWN_ENTRY_EXTENSIONS:
            raise ValueError(f"an entry has the unknown critical extension {extension.oid.dotted_string}")
    if reason == x509.ReasonFlags.remove_from_crl.value:
        return None
    return Revoked(at=entry.revocation_date_utc, reason=reason, invalid_since=invalid_since)


def _is_for_others(certificate: x509.Certificate, point: x509.IssuingDistributionPoint) -> bool:
    """Whether the scope of a CRL leaves `certificate` out by its kind (RFC 5280 6.3.3, step b 2)."""
    authority = _is_authority(certificate)
    return (
        point.only_contains_attribute_certs
        or (point.only_contains_user_certs and authority)
        or (point.only_contains_ca_certs and not authority)
    )


def _is_named_by(certificate: x509.Certificate, point: x509.IssuingDistributionPoint) -> bool:
    """Whether `certificate` names the distribution point that a CRL is limited to, if it is limited to one."""
    from cryptography import x509

    if point.full_name is None and point.relative_name is None:
        return True
    try:
        points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except x509.ExtensionNotFound:
        return False
    names = set(point.full_name or ())
    return any(not names.isdisjoint(one.full_name or ()) for one in points)


def _of_response(
    certificate: x509.Certificate, issuer: x509.Certificate, encoded: bytes, store: TrustStore
) -> Iterator[Statement | Unusable]:
    """What an OCSP response says about `certificate`; nothing where it is about others."""
    from cryptography.x509 import ocsp

    response = _ocsp_response(encoded)
    singles = [
        single
        for _, single in zip(range(MAX_SINGLE_RESPONSES), response.responses, strict=False)
        if single.serial_number == certificate.serial_number and _is_about(single, certificate, issuer)
    ]
    if not singles:
        return
    source = f"the OCSP response of {response.produced_at_utc:%F %T} UTC"
    why = _why_not_authentic(response, issuer, store)
    if why is not None:
        yield Unusable(source=source, why=why)
        return
    cutoff = None
    if len(list(zip(range(2), response.responses, strict=False))) == 1:
        cutoff = _time_in(response.single_extensions, _ARCHIVE_CUTOFF)
    for single in singles:
        if single.certificate_status is ocsp.OCSPCertStatus.UNKNOWN:
            yield Unusable(source=source, why="its responder does not know the certificate")
            continue
        revoked = None
        if single.revocation_time_utc is not None:
            reason = single.revocation_reason
            revoked = Revoked(at=single.revocation_time_utc, reason=None if reason is None else reason.value)
        yield Statement(
            source=source,
            this_update=single.this_update_utc,
            next_update=single.next_update_utc,
            revoked=revoked,
            complete=True,
            knows_expired_since=cutoff,
        )


def _is_about(single: ocsp.OCSPSingleResponse, certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.x509 import ocsp

    try:
        request = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, single.hash_algorithm).build()
    except (ValueError, UnsupportedAlgorithm):
        return False
    return (single.issuer_name_hash, single.issuer_key_hash) == (request.issuer_name_hash, request.issuer_key_hash)


def _why_not_authentic(response: ocsp.OCSPResponse, issuer: x509.Certificate, store: TrustStore) -> str | None:
    """Why an OCSP response is not one of `issuer` or of a responder that it certified (RFC 6960 4.2.2.2)."""
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        extensions = [*response.extensions]
        digest, tbs, signature = response.signature_hash_algorithm, response.tbs_response_bytes, response.signature
    except (ValueError, UnsupportedAlgorithm) as error:
        return f"it cannot be decoded or used ({_first_line(error)})"
    if any(one.critical and one.oid.dotted_string not in _KNOWN_OCSP_EXTENSIONS for one in extensions):
        return "it has an unknown critical extension"
    if _is_signed_by(issuer, digest, tbs, signature):
        return None
    why = "it is signed neither by the authority nor by a responder of it"
    for responder in response.certificates:
        if not _is_signed_by(responder, digest, tbs, signature):
            continue
        why_not = _why_no_responder(responder, issuer, response.produced_at_utc, store)
        if why_not is None:
            return None
        why = why_not
    return why


def _why_no_responder(
    responder: x509.Certificate, issuer: x509.Certificate, produced_at: datetime, store: TrustStore
) -> str | None:
    """Why `responder` may not answer for `issuer`."""
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.x509.oid import ExtendedKeyUsageOID

    try:
        responder.verify_directly_issued_by(issuer)
        usages = responder.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        unchecked = any(isinstance(one.value, x509.OCSPNoCheck) for one in responder.extensions)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError, x509.ExtensionNotFound):
        return "its responder is not certified by the authority for OCSP"
    if ExtendedKeyUsageOID.OCSP_SIGNING not in usages:
        return "its responder is not certified by the authority for OCSP"
    if not responder.not_valid_before_utc <= produced_at <= responder.not_valid_after_utc:
        return "its responder's certificate was not valid when it was made"
    found = () if unchecked else _of_lists(responder, issuer, store)
    if any(isinstance(one, Statement) and one.revoked is not None for one in found):
        return "its responder's certificate is revoked"
    return None


def _is_signed_by(
    certificate: x509.Certificate, digest: hashes.HashAlgorithm | None, signed: bytes, signature: bytes
) -> bool:
    """Whether the key of `certificate` made `signature` (PKCS #1 v1.5, DSA, ECDSA, EdDSA)."""
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa

    try:
        key = certificate.public_key()
        if isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
            key.verify(signature, signed)
        elif digest is None:
            return False
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, signed, padding.PKCS1v15(), digest)
        elif isinstance(key, dsa.DSAPublicKey):
            key.verify(signature, signed, digest)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, signed, ec.ECDSA(digest))
        else:
            return False
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True


@lru_cache(maxsize=_KEPT_LISTS)
def _crl(encoded: bytes) -> x509.CertificateRevocationList:
    from cryptography import x509

    try:
        return x509.load_der_x509_crl(encoded)
    except ValueError as error:
        raise TrustFileUnusable("a CRL", f"it cannot be decoded ({_first_line(error)})") from error


@lru_cache(maxsize=_KEPT_LISTS)
def _ocsp_response(encoded: bytes) -> ocsp.OCSPResponse:
    from cryptography.x509 import ocsp

    try:
        response = ocsp.load_der_ocsp_response(encoded)
    except ValueError as error:
        raise TrustFileUnusable("an OCSP response", f"it cannot be decoded ({_first_line(error)})") from error
    if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
        raise TrustFileUnusable("an OCSP response", "its responder gave no answer")
    return response


@lru_cache(maxsize=_KEPT_CHECKS)
def _is_list_of(encoded: bytes, key: bytes) -> bool:
    """Whether the key (SubjectPublicKeyInfo) signed the CRL."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    try:
        return _crl(encoded).is_signature_valid(load_der_public_key(key))  # type: ignore[arg-type]
    except (UnsupportedAlgorithm, ValueError, TypeError):
        return False


def _key_of(certificate: x509.Certificate) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@lru_cache(maxsize=_KEPT_LISTS)
def _anchors_named(name: bytes, anchors: tuple[bytes, ...]) -> tuple[x509.Certificate, ...]:
    """The anchors of a canonical name: an authority that got a new key signs its lists with that."""
    from cryptography import x509

    parsed = [x509.load_der_x509_certificate(one) for one in anchors]
    return tuple(one for one in parsed if canonical_name(one.subject.public_bytes()) == name)


def _signs_lists(certificate: x509.Certificate) -> bool:
    from cryptography import x509

    try:
        return certificate.extensions.get_extension_for_class(x509.KeyUsage).value.crl_sign
    except x509.ExtensionNotFound:
        return True


def _is_authority(certificate: x509.Certificate) -> bool:
    from cryptography import x509

    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _time_in(extensions: x509.Extensions, oid: str) -> datetime | None:
    """The GeneralizedTime that is the value of an extension; None where there is none that can be read."""
    from cryptography import x509

    for extension in extensions:
        value = extension.value
        if extension.oid.dotted_string == oid and isinstance(value, x509.UnrecognizedExtension):
            encoded = value.value
            if encoded[:2] == b"\x18\x0f" and len(encoded) == 17:
                try:
                    return datetime.strptime(encoded[2:].decode("ascii"), "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
                except ValueError:
                    return None
    return None


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:120] or type(error).__name__
