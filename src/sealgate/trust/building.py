"""Candidate paths from a certificate to trust anchors, and which of them keep all rules but those about time.

Building is bounded, since a file or a token may bring any number of certificates that name each other as issuers. What
comes of it does not depend on the moment, and so it is kept for the next signature of the same signer.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from sealgate.errors import TrustFileUnusable
from sealgate.trust.store import TrustStore

if TYPE_CHECKING:
    from asn1crypto import x509 as asn1_x509
    from pyhanko_certvalidator.authority import CertTrustAnchor
    from pyhanko_certvalidator.context import ValidationContext

MAX_PATH_CERTIFICATES: Final = 12
"""Certificates of one path; real ones have three to five."""
MAX_PATHS: Final = 16
"""Candidate paths that are looked at; authorities that certify each other make a handful."""
MAX_STEPS: Final = 500
"""Issuers that are tried while paths are built."""
MAX_NAMES: Final = 32
"""Names that are looked up in hashed directories for one certificate."""

_KEPT_STRUCTURES: Final = 256
"""Signers whose paths are kept; some ten kB each."""

_KEPT_INDEXES: Final = 16
"""Sets of anchors or intermediates whose decoded certificates are kept."""

_ANY_MOMENT: Final = datetime(5000, 1, 1, tzinfo=UTC)
_ANY_TIME: Final = timedelta(days=365 * 4990)
"""A moment and a tolerance that let every validity period pass; the dates are judged apart, after all else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidatePath:
    """A path, as DER from the certificate itself to the trust anchor, and which rule it breaks."""

    certificates: tuple[bytes, ...]
    problem: str | None


@lru_cache(maxsize=_KEPT_STRUCTURES)
def candidate_paths(
    certificate: bytes, anchors: tuple[bytes, ...], intermediates: tuple[bytes, ...]
) -> tuple[CandidatePath, ...]:
    """The paths from `certificate` to one of `anchors`, those that keep the rules first; all are DER.

    Signatures, names, basic constraints, key usage, policies and name constraints are checked (RFC 5280 section 6.1);
    validity periods and revocation are not. Raises anything where a certificate cannot be decoded.
    """
    from asn1crypto import x509 as asn1_x509

    if certificate in anchors:
        return (CandidatePath(certificates=(certificate,), problem=None),)
    end_entity = asn1_x509.Certificate.load(certificate, strict=True)
    found = []
    for chain, anchor in _built(end_entity, _anchors_by_subject(anchors), _by_subject(intermediates)):
        encoded = _encoded(chain, anchor)
        if encoded is None:
            continue
        found.append(CandidatePath(certificates=encoded, problem=_broken_rule(chain, anchor)))
        if len(found) == MAX_PATHS:
            break
    return tuple(sorted(found, key=lambda candidate: candidate.problem is not None))


def _encoded(chain: _Chain, anchor: CertTrustAnchor) -> tuple[bytes, ...] | None:
    """DER of a path; None where a certificate in it is none, so that it does not spoil the other paths."""
    try:
        return (*(one.dump() for one in chain), anchor.certificate.dump())
    except Exception:  # noqa: BLE001
        # The library decodes lazily and lets any error out where a forger made something else.
        return None


def gathered(store: TrustStore, certificate: bytes, others: tuple[bytes, ...], *, crls: bool) -> TrustStore:
    """`store` with `others`, and with what its directories have for the names on the ways up from `certificate`.

    Others that cannot be decoded are left out: they come with the file. Raises TrustFileUnusable, UnreadableFile, and
    anything where `certificate` cannot be decoded.
    """
    from asn1crypto import x509 as asn1_x509

    intermediates = dict.fromkeys((*store.intermediates, *(one for one in others if _is_decodable(one))))
    if not store.directories:
        return TrustStore(
            anchors=store.anchors,
            intermediates=tuple(intermediates),
            crls=store.crls,
            ocsp_responses=store.ocsp_responses,
        )
    anchors, lists = dict.fromkeys(store.anchors), dict.fromkeys(store.crls)
    names = deque([asn1_x509.Certificate.load(certificate).issuer])
    seen: dict[str, None] = {}
    while names and len(seen) < MAX_NAMES:
        name = names.popleft()
        if name.hashable in seen:
            continue
        seen[name.hashable] = None
        for directory in store.directories:
            if crls:
                lists |= dict.fromkeys(directory.crls(name.dump()))
            for found in directory.certificates(name.dump()):
                (anchors if _is_self_signed(found) else intermediates)[found] = None
        known = _by_subject((*anchors, *intermediates)).get(name.hashable, [])
        names.extend(one.issuer for one in known)
    return TrustStore(
        anchors=tuple(anchors),
        intermediates=tuple(intermediates),
        crls=tuple(lists),
        ocsp_responses=store.ocsp_responses,
    )


def _is_decodable(encoded: bytes) -> bool:
    from asn1crypto import x509 as asn1_x509

    try:
        certificate = asn1_x509.Certificate.load(encoded, strict=True)
        certificate.native  # noqa: B018 (decodes all of it)
        return bool(certificate.subject.hashable and certificate.issuer.hashable) and certificate.dump() == encoded
    except Exception:  # noqa: BLE001
        # The library decodes lazily and lets any error out where a forger made something else.
        return False


def _is_self_signed(encoded: bytes) -> bool:
    """Whether a certificate is signed by its own key; one that a newer key of the same name has signed is not."""
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

    try:
        certificate = x509.load_der_x509_certificate(encoded)
        certificate.verify_directly_issued_by(certificate)
    except (InvalidSignature, UnsupportedAlgorithm, TypeError, ValueError):
        return False
    return True


_Chain = tuple["asn1_x509.Certificate", ...]
"""Certificates from the end entity upwards."""


@lru_cache(maxsize=_KEPT_INDEXES)
def _by_subject(encoded: tuple[bytes, ...]) -> dict[str, list[asn1_x509.Certificate]]:
    from asn1crypto import x509 as asn1_x509

    found: dict[str, list[asn1_x509.Certificate]] = {}
    for one in encoded:
        certificate = asn1_x509.Certificate.load(one)
        found.setdefault(certificate.subject.hashable, []).append(certificate)
    return found


@lru_cache(maxsize=_KEPT_INDEXES)
def _anchors_by_subject(encoded: tuple[bytes, ...]) -> dict[str, list[CertTrustAnchor]]:
    try:
        return {subject: [_anchor(one) for one in found] for subject, found in _by_subject(encoded).items()}
    except (ValueError, TypeError) as error:
        raise TrustFileUnusable("a trust anchor", "it cannot be decoded") from error


def _anchor(certificate: asn1_x509.Certificate) -> CertTrustAnchor:
    """A trust anchor that binds what is below it by its own path length, as every program with a CA file has it."""
    from pyhanko_certvalidator.authority import CertTrustAnchor, TrustQualifiers

    length = certificate.max_path_length
    return CertTrustAnchor(certificate, TrustQualifiers(max_path_length=length, max_aa_path_length=length))


def _built(
    end_entity: asn1_x509.Certificate,
    anchors: dict[str, list[CertTrustAnchor]],
    intermediates: dict[str, list[asn1_x509.Certificate]],
) -> Iterator[tuple[_Chain, CertTrustAnchor]]:
    """Every path of distinct certificates within the limits, shorter ones first."""
    from pyhanko_certvalidator.authority import AuthorityWithCert

    chains: deque[_Chain] = deque([(end_entity,)])
    steps = 0
    while chains:
        chain = chains.popleft()
        last = chain[-1]
        for anchor in anchors.get(last.issuer.hashable, ()):
            if anchor.authority.is_potential_issuer_of(last):
                yield chain, anchor
        if len(chain) + 2 > MAX_PATH_CERTIFICATES:
            continue
        for issuer in intermediates.get(last.issuer.hashable, ()):
            steps += 1
            if steps > MAX_STEPS:
                return
            seen = any(issuer.dump() == one.dump() for one in chain)
            if not seen and AuthorityWithCert(issuer).is_potential_issuer_of(last):
                chains.append((*chain, issuer))


def _broken_rule(chain: _Chain, anchor: CertTrustAnchor) -> str | None:
    """The rule of RFC 5280 that a path breaks at whatever moment it is looked at; None where it keeps them all."""
    from pyhanko_certvalidator.errors import ValidationError
    from pyhanko_certvalidator.path import ValidationPath
    from pyhanko_certvalidator.validate import async_validate_path

    problem = _not_an_issuer(anchor.certificate)
    if problem is not None:
        return problem
    path = ValidationPath(anchor, [*reversed(chain[1:])], chain[0])
    try:
        is_finished = _finishes(async_validate_path(_context(anchor), path))
    except ValidationError as error:
        return " ".join(str(error).split())
    except Exception as error:  # noqa: BLE001
        # The library asserts what a forger may have made otherwise; such a certificate must not spoil the other paths.
        return f"a certificate of the path cannot be used ({type(error).__name__}: {' '.join(str(error).split())})"
    if not is_finished:
        raise RuntimeError("path validation waited for something although fetching is switched off")
    return None


def _not_an_issuer(anchor: asn1_x509.Certificate) -> str | None:
    """Why a trust anchor may not issue certificates: whoever trusts one signer does not trust what its key issues."""
    constraints, usage = anchor.basic_constraints_value, anchor.key_usage_value
    if constraints is not None and not constraints["ca"].native:
        return "the trust anchor that it names as issuer is no certification authority"
    if constraints is None and anchor["tbs_certificate"]["version"].native == "v3":
        return "the trust anchor that it names as issuer does not say that it is a certification authority"
    if usage is not None and "key_cert_sign" not in usage.native:
        return "the trust anchor that it names as issuer is not allowed to sign certificates"
    return None


def _context(anchor: CertTrustAnchor) -> ValidationContext:
    from pyhanko_certvalidator.context import ValidationContext
    from pyhanko_certvalidator.policy_decl import (
        AcceptAllAlgorithms,
        CertRevTrustPolicy,
        RevocationCheckingPolicy,
        RevocationCheckingRule,
    )

    # The modes of the library by name accept revoked certificates in cases that its rules by name do not, and its rules
    # pass over OCSP responses of certificates that name no responder: `revocation` judges instead.
    no_check = RevocationCheckingPolicy(RevocationCheckingRule.NO_CHECK, RevocationCheckingRule.NO_CHECK)
    return ValidationContext(
        trust_roots=[anchor],
        moment=_ANY_MOMENT,
        time_tolerance=_ANY_TIME,
        allow_fetching=False,
        revinfo_policy=CertRevTrustPolicy(no_check),
        # Old signatures have old algorithms; a weak one is a fact of its own and does not make the path wrong.
        algorithm_usage_policy=AcceptAllAlgorithms(),
    )


def _finishes(coroutine: Coroutine[Any, Any, object]) -> bool:
    """Run a coroutine that never waits, which without fetching is so: validation only calculates. False if it waits."""
    try:
        coroutine.send(None)
    except StopIteration:
        return True
    coroutine.close()
    return False
