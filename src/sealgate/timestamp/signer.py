"""The one signer of a timestamp token: which certificate is its own."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from sealgate.errors import TimestampPart, TimestampUnreadable
from sealgate.timestamp.der import reading

if TYPE_CHECKING:
    from asn1crypto import cms


def certificate_of(signer: cms.SignerInfo, certificates: Iterable[bytes]) -> bytes | None:
    """The first of the DER `certificates` that SignerInfo names by issuer and serial number, or by key identifier.

    What is no certificate is passed over. To be used inside `reading`.
    """
    identifier = signer["sid"]
    for encoded in certificates:
        with suppress(TimestampUnreadable), reading(TimestampPart.TOKEN):
            if _is_meant(identifier, encoded):
                return encoded
    return None


def _is_meant(identifier: cms.SignerIdentifier, encoded: bytes) -> bool:
    from asn1crypto import x509

    certificate = x509.Certificate.load(encoded, strict=True)
    if identifier.name == "issuer_and_serial_number":
        named = identifier.chosen
        is_issuer = named["issuer"].dump() == certificate.issuer.dump() or named["issuer"] == certificate.issuer
        return bool(
            is_issuer and named["serial_number"].contents == certificate["tbs_certificate"]["serial_number"].contents
        )
    return bool(certificate.key_identifier is not None and certificate.key_identifier == identifier.chosen.native)
