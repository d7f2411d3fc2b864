"""What the extensions of a certificate allow its key to be used for, held against what it was used for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from sealgate.trust.findings import Finding, FindingKind, KeyPurpose

if TYPE_CHECKING:
    from cryptography import x509

NOT_SIGNING: Final = {
    "1.3.6.1.5.5.7.3.1": "TLS servers",
    "1.3.6.1.5.5.7.3.2": "TLS clients",
    "1.3.6.1.5.5.7.3.3": "code signing",
    "1.3.6.1.5.5.7.3.5": "IPsec",
    "1.3.6.1.5.5.7.3.6": "IPsec",
    "1.3.6.1.5.5.7.3.7": "IPsec",
    "1.3.6.1.5.5.7.3.8": "time-stamping",
    "1.3.6.1.5.5.7.3.9": "OCSP responders",
    "1.3.6.1.5.5.7.3.17": "IPsec",
    "1.3.6.1.5.5.7.3.21": "SSH clients",
    "1.3.6.1.5.5.7.3.22": "SSH servers",
    "1.3.6.1.5.2.3.4": "Kerberos clients",
    "1.3.6.1.5.2.3.5": "Kerberos servers",
    "1.3.6.1.4.1.311.20.2.2": "smart card logon",
    "1.3.6.1.4.1.311.10.3.4": "file encryption",
}
"""Extended Key Usages that do not speak of signed documents. One that is not here may be somebody's own for signing."""

TIME_STAMPING: Final = "1.3.6.1.5.5.7.3.8"


def usage_findings(certificate: x509.Certificate, purpose: KeyPurpose) -> Iterator[Finding]:
    """What in the extensions of `certificate` speaks against its use for `purpose`.

    Raises ValueError where the extensions cannot be decoded.
    """
    from cryptography import x509

    try:
        extensions = certificate.extensions
    except (x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise ValueError(str(error)) from error
    if _is_authority(extensions):
        text = "the certificate is that of a certification authority, whose key should sign nothing but certificates"
        yield Finding(kind=FindingKind.AUTHORITY_AS_SIGNER, text=text)
    if not _may_sign(extensions):
        text = "the Key Usage of the certificate allows neither digitalSignature nor nonRepudiation"
        yield Finding(kind=FindingKind.KEY_USAGE_NOT_SIGNING, text=text)
    if purpose is KeyPurpose.TIMESTAMPING:
        yield from _not_for_timestamping(extensions)
        return
    usages = _extended_usages(extensions)
    if usages is not None and all(usage in NOT_SIGNING for usage in usages):
        words = ", ".join(dict.fromkeys(NOT_SIGNING[usage] for usage in usages)) or "nothing"
        text = f"the Extended Key Usage limits the certificate to {words}"
        yield Finding(kind=FindingKind.EXTENDED_KEY_USAGE_NOT_SIGNING, text=text)


def _not_for_timestamping(extensions: x509.Extensions) -> Iterator[Finding]:
    """RFC 3161 2.3: exactly one instance of the extension, critical, with id-kp-timeStamping alone."""
    from cryptography import x509

    usages = _extended_usages(extensions)
    if usages is None:
        text = "the TSA's certificate has no Extended Key Usage"
    elif usages != (TIME_STAMPING,):
        text = "the Extended Key Usage of the TSA's certificate is not timeStamping alone"
    elif not extensions.get_extension_for_class(x509.ExtendedKeyUsage).critical:
        text = "the Extended Key Usage of the TSA's certificate is not critical"
    else:
        return
    yield Finding(kind=FindingKind.NOT_FOR_TIMESTAMPING, text=f"{text}, so it is none for time-stamping (RFC 3161 2.3)")


def _is_authority(extensions: x509.Extensions) -> bool:
    from cryptography import x509

    try:
        return extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _may_sign(extensions: x509.Extensions) -> bool:
    from cryptography import x509

    try:
        usage = extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return usage.digital_signature or usage.content_commitment


def _extended_usages(extensions: x509.Extensions) -> tuple[str, ...] | None:
    from cryptography import x509

    try:
        usages = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return None
    return tuple(usage.dotted_string for usage in usages)
