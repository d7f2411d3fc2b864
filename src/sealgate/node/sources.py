"""Sources: which configured sender a peer is, and what its instances are to be treated with."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass

from sealgate.dicom.dictionary import tag_of
from sealgate.errors import ConfigurationError, KeyUnusable
from sealgate.files.credentials import password_from, read_store
from sealgate.library.signers import load_signer
from sealgate.node.config import Configuration, IdentitySection, SourceSection
from sealgate.node.peer import Peer
from sealgate.policy.rules import Requirements, SourcePolicy, policy_digest
from sealgate.signature.algorithms import MAC_ALGORITHMS
from sealgate.signature.create import SigningOptions
from sealgate.signature.keys import Signer, load_certificate
from sealgate.signature.profiles import PROFILES
from sealgate.signature.purposes import PURPOSES
from sealgate.trust.authority import NOT_FOR_CLINICAL_USE, is_not_for_clinical_use
from sealgate.trust.revocation import Revocation
from sealgate.trust.store import TrustStore
from sealgate.verification.coverage import CoverageRequirement


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A sender, ready to be worked for."""

    name: str
    section: SourceSection
    policy: SourcePolicy
    policy_digest: str
    store: TrustStore
    revocation: Revocation
    signer: Signer | None
    options: SigningOptions
    destinations: Mapping[str, int]
    """Names and priorities of the destinations."""

    def fits(self, peer: Peer) -> bool:
        """Whether `peer` is this source: by listener, calling AE title and address."""
        section = self.section
        if section.listeners and peer.listener not in section.listeners:
            return False
        if section.calling_ae_titles and peer.calling_ae_title not in section.calling_ae_titles:
            return False
        if not section.networks:
            return True
        address = ipaddress.ip_address(peer.address)
        return any(address in network for network in section.networks)


def open_sources(configuration: Configuration) -> tuple[Source, ...]:
    """The sources of a configuration with their keys and trust store loaded.

    Raises ConfigurationError, KeyUnusable and UnreadableFile.
    """
    trust = configuration.trust
    store = read_store(
        anchors=trust.anchors,
        intermediates=trust.intermediates,
        crls=trust.crls,
        ocsp_responses=trust.ocsp_responses,
        directories=trust.directories,
    )
    allowed = configuration.node.not_for_clinical_use
    signers = {identity.name: _signer(identity, allowed=allowed) for identity in configuration.identity}
    return tuple(_source(configuration, section, store, signers) for section in configuration.source)


def source_of(sources: tuple[Source, ...], peer: Peer) -> Source | None:
    """The first source that fits `peer`; None where the peer is unknown."""
    return next((source for source in sources if source.fits(peer)), None)


def _signer(identity: IdentitySection, *, allowed: bool) -> Signer:
    key = identity.key or identity.pkcs12 or identity.pkcs11
    try:
        signer = load_signer(
            identity.key,
            identity.certificate,
            pkcs12=identity.pkcs12,
            pkcs11=identity.pkcs11,
            password=password_from(identity.password_file, key),
        )
    except (KeyUnusable, ConfigurationError) as error:
        raise type(error)(f"identity {identity.name!r}: {error}") from error
    if not allowed and is_not_for_clinical_use(load_certificate(signer.certificate)):
        raise KeyUnusable(
            f"identity {identity.name!r}: the certificate of {key} says {NOT_FOR_CLINICAL_USE}; "
            "use a real one, or set node.not_for_clinical_use for a trial"
        )
    return signer


def _policy_digest(policy: SourcePolicy, store: TrustStore, revocation: Revocation) -> str:
    """Digest of all that verdicts rest on: what is trusted decides nothing where nothing is verified."""
    if not policy.action.verifies:
        return policy_digest(policy, ())
    return policy_digest(policy, store.anchors, _beside_anchors(store, revocation))


def _beside_anchors(store: TrustStore, revocation: Revocation) -> dict[str, object]:
    """What verdicts rest on beside rules and trust anchors, where it is not as it is by default."""
    described: dict[str, object] = {
        kind: digests for kind, digests in store.digests().items() if digests and kind != "anchors"
    }
    return described if revocation is Revocation.IF_GIVEN else described | {"revocation": revocation.value}


def _source(
    configuration: Configuration, section: SourceSection, store: TrustStore, signers: Mapping[str, Signer]
) -> Source:
    policy = SourcePolicy(
        action=section.action,
        on_unsigned=section.on_unsigned,
        on_invalid=section.on_invalid,
        on_indeterminate=section.on_indeterminate,
        on_questionable=section.on_questionable,
        on_unsignable=section.on_unsignable,
        on_unreadable=section.on_unreadable,
        requirements=Requirements(
            profile=section.require_profile,
            coverage=CoverageRequirement.parse(section.require_coverage),
            timestamp=section.require_timestamp,
        ),
    )
    try:
        elements = tuple(tag_of(text) for text in section.elements) or None
    except ValueError as error:
        raise ConfigurationError(f"source {section.name!r}, elements: {error}") from error
    return Source(
        name=section.name,
        section=section,
        policy=policy,
        policy_digest=_policy_digest(policy, store, configuration.trust.revocation),
        store=store,
        revocation=configuration.trust.revocation,
        signer=signers[section.identity] if section.identity and section.action.signs else None,
        options=SigningOptions(
            mac_algorithm=MAC_ALGORITHMS[section.mac],
            elements=elements,
            profile=PROFILES[section.profile],
            purpose=None if section.purpose is None else PURPOSES[section.purpose],
        ),
        destinations=configuration.destinations_of(section),
    )
