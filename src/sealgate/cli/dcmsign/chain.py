"""Whether somebody trusted vouches for a certificate: OpenSSL's verdict, as dcmsign asks for it."""

from __future__ import annotations

from datetime import datetime

from sealgate.cli.dcmsign.trust_files import TrustFiles

UNREADABLE = "certificate cannot be decoded"
"""No text of OpenSSL's."""


def verdict(certificate: bytes, trust: TrustFiles, at: datetime, *, check_crl: bool) -> str | None:
    """OpenSSL's text about what is wrong with a DER certificate at the moment `at`; None where nothing is.

    UNREADABLE where OpenSSL cannot decode it, or one that was given to judge it by.
    """
    from sealgate.errors import KeyUnusable
    from sealgate.trust.openssl import OK, verify

    try:
        text = verify(
            certificate,
            trusted=trust.trusted,
            untrusted=trust.untrusted,
            crls=trust.crls,
            directories=trust.directories,
            crl_check=check_crl,
            at=at,
        )
    except KeyUnusable:
        return UNREADABLE
    return None if text == OK else text
