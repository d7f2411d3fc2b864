"""`sealgate.trust_store`: trust anchors, and what helps to judge the certificates of signers, from files or bytes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeAlias, TypeVar

from sealgate.errors import TrustFileUnusable
from sealgate.files.credentials import certificate_directory, read_file
from sealgate.library.sources import PATHS, PathLike
from sealgate.trust.bundle import crls_in, ocsp_responses_in, read_bundle
from sealgate.trust.store import TrustStore

Encoded: TypeAlias = bytes | PathLike
"""PEM or DER, or the path of a file with it."""
Several: TypeAlias = Encoded | Iterable[Encoded]

_T = TypeVar("_T")


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

    Raises UnreadableFile, and TrustFileUnusable where one of them cannot be decoded: without it a bad signature could
    look like a good one.
    """
    folders = [directories] if isinstance(directories, PATHS) else directories
    trusted = _parsed(anchors, read_bundle, "trust anchor")
    helping = _parsed(intermediates, read_bundle, "intermediate certificate")
    lists = [one for bundle in (*trusted, *helping) for one in bundle.crls]
    return TrustStore(
        anchors=tuple(one for bundle in trusted for one in bundle.certificates),
        intermediates=tuple(one for bundle in helping for one in bundle.certificates),
        crls=(*lists, *(one for found in _parsed(crls, crls_in, "CRL") for one in found)),
        ocsp_responses=tuple(
            one for found in _parsed(ocsp_responses, ocsp_responses_in, "OCSP response") for one in found
        ),
        directories=tuple(certificate_directory(Path(folder)) for folder in folders),
    )


def _parsed(given: Several, parse: Callable[[bytes], _T], kind: str) -> list[_T]:
    encoded = [given] if isinstance(given, (bytes, *PATHS)) else given
    parsed = []
    for one in encoded:
        try:
            parsed.append(parse(one if isinstance(one, bytes) else read_file(Path(one))))
        except TrustFileUnusable as error:
            name = f"the {kind}" if isinstance(one, bytes) else f"{kind} {os.fspath(one)}"
            raise TrustFileUnusable(name, error.reason) from error
    return parsed
