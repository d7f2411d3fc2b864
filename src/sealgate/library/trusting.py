"""`sealgate.trust_store`: trust anchors, and what helps to judge the certificates of signers, from files or bytes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TypeAlias

from sealgate.files.credentials import read_store
from sealgate.library.sources import PATHS, PathLike
from sealgate.trust.store import TrustStore

Encoded: TypeAlias = bytes | PathLike
"""PEM or DER, or the path of a file with it."""
Several: TypeAlias = Encoded | Iterable[Encoded]


def trust_store(
    anchors: Several = (),
    *,
    intermediates: Several = (),
    crls: Several = (),
    ocsp_responses: Several = (),
    directories: PathLike | Iterable[PathLike] = (),
) -> TrustStore:
    """What `sealgate.verify` trusts and knows, each given as one or several files (paths) or bytes, PEM or DER.

    A certification path ends at one of the `anchors`; `intermediates` help to build it and are trusted for nothing;
    `crls`, also those in bundles of certificates, and `ocsp_responses` say what was revoked; `directories` hold
    certificates and CRLs under OpenSSL's hash names.

        >>> store = sealgate.trust_store("ca.pem", crls=["ca.crl"])
        >>> sealgate.verify("signed.dcm", store, revocation="required").outcome.value
        'valid'

    Raises UnreadableFile, and TrustFileUnusable where one of them cannot be decoded, or an anchor holds no certificate:
    without it a bad signature could look like a good one.
    """
    return read_store(
        anchors=_several(anchors),
        intermediates=_several(intermediates),
        crls=_several(crls),
        ocsp_responses=_several(ocsp_responses),
        directories=[Path(folder) for folder in ([directories] if isinstance(directories, PATHS) else directories)],
    )


def _several(given: Several) -> list[bytes | Path]:
    encoded = [given] if isinstance(given, (bytes, *PATHS)) else given
    return [one if isinstance(one, bytes) else Path(one) for one in encoded]
