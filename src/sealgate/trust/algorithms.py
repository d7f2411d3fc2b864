"""Which algorithms and keys of a certification path are weak: facts of their own, which leave the path as it is.

Signatures of twenty years ago have certificates over SHA-1 or MD5 and authorities with RSA keys of 1024 bits. Whether
such a path still counts is a question of policy; that it is weak is said in any case.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from sealgate.errors import KeyUnusable
from sealgate.signature.keys import is_breakable, is_weak, key_type, public_key_of
from sealgate.trust.findings import Finding, FindingKind, KeyPurpose

if TYPE_CHECKING:
    from cryptography import x509

WEAK_DIGESTS: Final = frozenset(("md2", "md4", "md5", "sha1"))
"""Digests for which two contents of one digest can be made, so that one certificate can be exchanged for another."""

_DIGESTS_WITHOUT_A_CLASS: Final = {"1.2.840.113549.1.1.2": "md2", "1.2.840.113549.1.1.3": "md4"}
"""Signature algorithms whose digest cryptography does not know (RFC 3279 2.2.1)."""


def weak_algorithms(path: Sequence[x509.Certificate], purpose: KeyPurpose) -> Iterator[Finding]:
    """What is weak in `path`, from the end entity to the trust anchor.

    The signature of the trust anchor over itself says nothing and is left out. The key of a signer is judged with its
    signature; that of a TSA here.
    """
    for certificate in path[:-1]:
        digest = _digest(certificate)
        if digest in WEAK_DIGESTS:
            text = f"the certificate of {_subject(certificate)} is signed over {digest.upper()}, which can be forged"
            yield Finding(kind=FindingKind.WEAK_DIGEST_IN_PATH, text=text)
    for certificate in path if purpose is KeyPurpose.TIMESTAMPING else path[1:]:
        try:
            key = public_key_of(certificate)
            kind = key_type(key)
        except KeyUnusable:
            continue  # other kinds of keys, such as Ed25519, have one size
        text = f"{_subject(certificate)} has a key of {getattr(key, 'key_size', 0)} bits ({kind})"
        if is_breakable(key):
            text = f"{text}, which anybody can break and then issue in its name"
            yield Finding(kind=FindingKind.BREAKABLE_KEY_IN_PATH, text=text)
        elif is_weak(key):
            yield Finding(kind=FindingKind.WEAK_KEY_IN_PATH, text=f"{text}, which is too small")


def _digest(certificate: x509.Certificate) -> str | None:
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        algorithm = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return _DIGESTS_WITHOUT_A_CLASS.get(certificate.signature_algorithm_oid.dotted_string)
    return None if algorithm is None else algorithm.name


def _subject(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string()
