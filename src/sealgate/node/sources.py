"""Sources: which configured sender a peer is, and what its instances are to be treated with."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass

from sealgate.dicom import tags
from sealgate.errors import ConfigurationError, KeyUnusable
from sealgate.files.credentials import password_from, read_anchors, read_file
from sealgate.node.config import Configuration, IdentitySection, SourceSection
from sealgate.node.peer import Peer
from sealgate.policy.rules import SourcePolicy, policy_digest
from sealgate.signature.algorithms import MAC_ALGORITHMS
from sealgate.signature.create import SigningOptions
from sealgate.signature.keys import Signer, load_certificate, load_signer
from sealgate.trust.anchors import TrustAnchors
from sealgate.trust.authority import NOT_FOR_CLINICAL_USE, is_not_for_clinical_use


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A sender, ready to be worked for."""

    name: str
    section: SourceSection
    policy: SourcePolicy
    policy_digest: str
    anchors: TrustAnchors
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
        address = ipaddress.ip_address(peer.address)
        return not section.networks or any(address in network for network in section.networks)


def open_sources(configuration: Configuration) -> tuple[Source, ...]:
    """The sources of a configuration with their keys and anchors loaded.

    Raises ConfigurationError, KeyUnusable and UnreadableFile.
    """
    anchors = read_anchors(configuration.trust.anchors)
    allowed = configuration.node.not_for_clinical_use
    signers = {identity.name: _signer(identity, allowed=allowed) for identity in configuration.identity}
    return tuple(_source(configuration, section, anchors, signers) for section in configuration.source)


def source_of(sources: tuple[Source, ...], peer: Peer) -> Source | None:
    """The first source that fits `peer`; None where the peer is unknown."""
    return next((source for source in sources if source.fits(peer)), None)


def _signer(identity: IdentitySection, *, allowed: bool) -> Signer:
    certificate = read_file(identity.certificate)
    try:
        signer = load_signer(read_file(identity.key), certificate, password_from(identity.password_file, identity.key))
    except KeyUnusable as error:
        raise KeyUnusable(f"identity {identity.name!r} ({identity.key}, {identity.certificate}): {error}") from error
    if not allowed and is_not_for_clinical_use(load_certificate(certificate)):
        raise KeyUnusable(
            f"identity {identity.name!r}: the certificate {identity.certificate} says {NOT_FOR_CLINICAL_USE}; "
            "use a real one, or set node.not_for_clinical_use for a trial"
        )
    return signer


def _source(
    configuration: Configuration, section: SourceSection, anchors: TrustAnchors, signers: Mapping[str, Signer]
) -> Source:
    policy = SourcePolicy(
        action=section.action,
        on_unsigned=section.on_unsigned,
        on_invalid=section.on_invalid,
        on_indeterminate=section.on_indeterminate,
        on_unsignable=section.on_unsignable,
        on_unreadable=section.on_unreadable,
    )
    try:
        elements = tuple(tags.parse(text) for text in section.elements) or None
    except ValueError as error:
        raise ConfigurationError(f"source {section.name!r}, elements: {error}") from error
    return Source(
        name=section.name,
        section=section,
        policy=policy,
        policy_digest=policy_digest(policy, anchors.certificates),
        anchors=anchors,
        signer=signers[section.identity] if section.identity and section.action.signs else None,
        options=SigningOptions(mac_algorithm=MAC_ALGORITHMS[section.mac], elements=elements),
        destinations=configuration.destinations_of(section),
    )
