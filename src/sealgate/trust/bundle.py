"""Files with certificates, CRLs and OCSP responses: PEM bundles, which may mix them, and DER."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from sealgate.errors import TrustFileUnusable

MAX_BUNDLE_BYTES: Final = 64 << 20
"""One file; the largest CRLs of public authorities have some 30 MiB."""

MAX_OBJECTS: Final = 10_000
"""Certificates and CRLs in one file; the bundles of operating systems hold some 150."""

_BEGIN = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,40})-----")
_CERTIFICATE_LABELS = frozenset((b"CERTIFICATE", b"X509 CERTIFICATE"))
_CRL_LABELS = frozenset((b"X509 CRL",))
_OCSP_LABELS = frozenset((b"OCSP RESPONSE",))


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """The certificates and CRLs of a file, as DER, in its order."""

    certificates: tuple[bytes, ...] = ()
    crls: tuple[bytes, ...] = ()


def read_bundle(encoded: bytes) -> Bundle:
    """The certificates and CRLs of a PEM bundle, or the one certificate or CRL that is DER.

    Other PEM objects, such as keys, are passed over. Raises TrustFileUnusable where nothing is left, or where one of
    them cannot be decoded: a list that is silently missing could make a revoked certificate a good one.
    """
    certificates, crls = [], []
    if _BEGIN.search(encoded):
        for label, der in _pem_objects(encoded):
            if label in _CERTIFICATE_LABELS:
                certificates.append(_checked_certificate(der))
            elif label in _CRL_LABELS:
                crls.append(_checked_crl(der))
    elif _is_certificate(encoded):
        certificates.append(encoded)
    elif _is_crl(encoded):
        crls.append(encoded)
    if not certificates and not crls:
        raise TrustFileUnusable("the file", "it holds neither a certificate nor a CRL in PEM or DER")
    return Bundle(certificates=tuple(certificates), crls=tuple(crls))


def certificates_in(encoded: bytes) -> tuple[bytes, ...]:
    """DER of the certificates of a file, of which there is at least one. Raises TrustFileUnusable."""
    found = read_bundle(encoded).certificates
    if not found:
        raise TrustFileUnusable("the file", "it holds no certificate")
    return found


def crls_in(encoded: bytes) -> tuple[bytes, ...]:
    """DER of the CRLs of a file, of which there is at least one. Raises TrustFileUnusable."""
    found = read_bundle(encoded).crls
    if not found:
        raise TrustFileUnusable("the file", "it holds no CRL")
    return found


def ocsp_responses_in(encoded: bytes) -> tuple[bytes, ...]:
    """DER of the OCSP responses of a file: one in DER, or a PEM bundle. Raises TrustFileUnusable."""
    from cryptography.x509 import ocsp

    found = [encoded]
    if _BEGIN.search(encoded):
        found = [der for label, der in _pem_objects(encoded) if label in _OCSP_LABELS]
    try:
        responses = [ocsp.load_der_ocsp_response(der) for der in found]
    except ValueError as error:
        raise TrustFileUnusable("the file", "an OCSP response in it cannot be decoded") from error
    if not responses:
        raise TrustFileUnusable("the file", "it holds no OCSP response in PEM or DER")
    for response in responses:
        if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            status = response.response_status.name.lower().replace("_", " ")
            raise TrustFileUnusable("the file", f"the OCSP responder gave no answer but {status!r}")
    return tuple(found)


def _pem_objects(encoded: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Label and DER of each PEM object (RFC 7468). Raises TrustFileUnusable."""
    position, count = 0, 0
    while (begin := _BEGIN.search(encoded, position)) is not None:
        count += 1
        if count > MAX_OBJECTS:
            raise TrustFileUnusable("the file", f"it holds more than {MAX_OBJECTS} objects")
        label = begin[1]
        end = encoded.find(b"-----END " + label + b"-----", begin.end())
        if end < 0:
            raise TrustFileUnusable("the file", f"a PEM object {label.decode('ascii')} in it has no end")
        position = end
        if label not in _CERTIFICATE_LABELS | _CRL_LABELS | _OCSP_LABELS:
            continue
        try:
            yield label, binascii.a2b_base64(b"".join(encoded[begin.end() : end].split()), strict_mode=True)
        except binascii.Error as error:
            reason = f"a PEM object {label.decode('ascii')} in it is no base64"
            raise TrustFileUnusable("the file", reason) from error


def _checked_certificate(der: bytes) -> bytes:
    if not _is_certificate(der):
        raise TrustFileUnusable("the file", "a certificate in it cannot be decoded")
    return der


def _checked_crl(der: bytes) -> bytes:
    if not _is_crl(der):
        raise TrustFileUnusable("the file", "a CRL in it cannot be decoded")
    return der


def _is_certificate(der: bytes) -> bool:
    from cryptography import x509

    try:
        x509.load_der_x509_certificate(der)
    except (ValueError, x509.InvalidVersion):
        return False
    return True


def _is_crl(der: bytes) -> bool:
    from cryptography import x509

    try:
        x509.load_der_x509_crl(der)
    except (ValueError, x509.InvalidVersion):
        return False
    return True
