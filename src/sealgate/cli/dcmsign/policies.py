"""Policies --require-creator, --require-auth, --require-sr: whether a signature fits a profile, as DCMTK reads it."""

from __future__ import annotations

from sealgate.cli.dcmsign.selected import Selected
from sealgate.cli.dcmsign.settings import SignaturePolicy
from sealgate.dicom.scan import Carrier
from sealgate.signature.profiles import PROFILES, Profile, ProfileName, Reading, deviations, report_profile


def fulfils(policy: SignaturePolicy, selected: Selected, data_set: Carrier) -> bool:
    """Whether a signature is of the kind that the policy asks for; whether it is good is another question."""
    if selected.parameters is None or selected.key_type is None:
        return False
    profile = _profile(policy, data_set)
    found = deviations(
        profile,
        selected.place,
        selected.parameters,
        selected.signature,
        selected.key_type,
        reading=Reading.DCMTK,
    )
    return selected.parameters.data_elements_signed is not None and not found


def _profile(policy: SignaturePolicy, data_set: Carrier) -> Profile:
    if policy is SignaturePolicy.CREATOR:
        return PROFILES[ProfileName.CREATOR]
    if policy is SignaturePolicy.AUTHORIZATION:
        return PROFILES[ProfileName.AUTHORIZATION]
    return report_profile(data_set)
