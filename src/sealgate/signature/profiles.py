"""Digital Signature Profiles (PS3.15 annex C) as tables: what has to be signed, with which keys, and where.

A profile is read in three ways, since DCMTK does not do what the text says in all points (docs/profiles.md has the
list): STANDARD is the text, DCMTK is what `dcmsign` checks, and SEALGATE is what we demand of ourselves when signing,
which covers both others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from sealgate.dicom import tags, transfer_syntax
from sealgate.dicom.location import Place
from sealgate.dicom.scan import Carrier, Element
from sealgate.dicom.transfer_syntax import Encoding
from sealgate.errors import ProfileNotMet
from sealgate.signature import model, modules
from sealgate.signature.algorithms import MAC_ALGORITHMS, KeyType
from sealgate.signature.model import DigitalSignature, MacParameters
from sealgate.signature.modules import LAST_REPETITION, MODULES
from sealgate.signature.purposes import VERIFICATION, Purpose, purpose_of

SOP_CLASS_UID, SOP_INSTANCE_UID = tags.SOP_CLASS_UID, tags.SOP_INSTANCE_UID
_STUDY_INSTANCE_UID = 0x0020000D
_SERIES_INSTANCE_UID = 0x0020000E
_CREATOR_VERSION_UID = 0x00089123
_OBSERVATION_DATETIME = 0x0040A032
_VALUE_TYPE = 0x0040A040
_CONCEPT_NAME_CODE_SEQUENCE = 0x0040A043
_CONTENT_SEQUENCE = 0x0040A730
_VERIFICATION_DATETIME = 0x0040A030
_VERIFYING_OBSERVER_SEQUENCE = 0x0040A073
_VERIFICATION_FLAG = 0x0040A493
_PREDECESSOR_DOCUMENTS_SEQUENCE = 0x0040A360
_CURRENT_REQUESTED_PROCEDURE_EVIDENCE_SEQUENCE = 0x0040A375
_PERTINENT_OTHER_EVIDENCE_SEQUENCE = 0x0040A385
_FLOAT_PIXEL_DATA = frozenset((0x7FE00008, 0x7FE00009))
"""Image content in modules that are younger than the profiles, whose text therefore does not name them."""


class ProfileName(StrEnum):
    """The profiles by the names that commands and settings have for them."""

    NONE = "none"
    BASE = "base"
    CREATOR = "creator"
    AUTHORIZATION = "authorization"
    SR = "sr"
    SR_VERIFICATION = "sr-verification"


class Reading(StrEnum):
    """Whose understanding of a profile counts."""

    SEALGATE = "sealgate"
    STANDARD = "standard"
    DCMTK = "dcmtk"


class Shortfall(StrEnum):
    """Why a signature cannot be made under a profile (`ProfileNotMet.shortfall`)."""

    CARRIER = "carrier"
    """A signature in an item, where the profile asks for the main data set."""
    DATA_SET = "data-set"
    """The data set is not of the kind that the profile is for."""
    KEY = "key"
    """The key is not RSA."""
    ELEMENT_ABSENT = "element-absent"
    """The data set lacks an element that has to be signed."""
    PURPOSE = "purpose"
    """The signature has to have a purpose."""
    ITEM_BY_ITEM = "item-by-item"
    """A sequence has to be signed as a whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One Digital Signature Profile."""

    name: ProfileName
    title: str
    rsa_only: bool = True
    main_data_set_only: bool = True
    required: tuple[int, ...] = ()
    """Tags that have to be there and signed."""
    if_present: frozenset[int] = frozenset()
    """Tags that have to be signed where they are there."""
    repeating: frozenset[int] = frozenset()
    """The same for repeating groups: tags of their lowest group."""
    private_of_raw_data: bool = False
    """Whether all private elements of raw data (C.19) have to be signed."""
    structured_report: bool = False
    """For structured reports and key object selections alone, and only with a purpose."""
    purpose: Purpose | None = None
    """The one purpose that signatures of this profile have; a report must then be verified (PS3.15 C.4)."""

    def demands(self, tag: int, reading: Reading, *, is_raw_data: bool = False) -> bool:
        """Whether an element that is there has to be signed."""
        if tag in self.if_present or tag in self.repeating:
            return True
        if self.repeating and _lowest_group(tag) in self.repeating:
            return reading is not Reading.DCMTK or tag >> 24 == 0x50  # DCMTK knows overlays in group 6000 only.
        if reading is Reading.SEALGATE and tag in _FLOAT_PIXEL_DATA and tags.PIXEL_DATA in self.if_present:
            return True
        return self.private_of_raw_data and is_raw_data and tags.is_private(tag)


def _lowest_group(tag: int) -> int | None:
    """The tag in the lowest group of its range, where it lies in a repeating group."""
    group = tag >> 16
    if group >> 8 not in (0x50, 0x60) or group & 1 or group & 0xFF > LAST_REPETITION:
        return None
    return tag & 0xFF00FFFF


def _of_modules(left_out: Iterable[int] = ()) -> frozenset[int]:
    single = (tag for name, listed in MODULES.items() if name not in modules.REPEATING for tag in listed)
    return frozenset(single) - frozenset(left_out)


_UIDS = (SOP_CLASS_UID, SOP_INSTANCE_UID, _STUDY_INSTANCE_UID, _SERIES_INSTANCE_UID)
_REPEATING = frozenset(tag for name in modules.REPEATING for tag in MODULES[name])
_NOT_OF_AUTHORIZATION = (
    *MODULES["SOP Creation Date and Time"],
    *(tag for tag in MODULES["General Equipment"] if tag != 0x00080070),
    *MODULES["Tractography Results"],
)
"""Of the creator's list; what the machine knows and nobody sees. Manufacturer is kept, as DCMTK has it."""
_SR = frozenset(
    (
        *(SOP_CLASS_UID, _STUDY_INSTANCE_UID, _SERIES_INSTANCE_UID),
        *MODULES["General Equipment"],
        *(_CURRENT_REQUESTED_PROCEDURE_EVIDENCE_SEQUENCE, _PERTINENT_OTHER_EVIDENCE_SEQUENCE),
        *(_PREDECESSOR_DOCUMENTS_SEQUENCE, _OBSERVATION_DATETIME),
        *MODULES["SR Document Content"],
    )
)
_OF_VERIFICATION = (SOP_INSTANCE_UID, _VERIFICATION_FLAG, _VERIFYING_OBSERVER_SEQUENCE)

NO_PROFILE = Profile(name=ProfileName.NONE, title="no profile", rsa_only=False, main_data_set_only=False)

_TABLE = (
    NO_PROFILE,
    Profile(name=ProfileName.BASE, title="Base RSA Digital Signature Profile", main_data_set_only=False),  # C.1
    Profile(  # C.2
        name=ProfileName.CREATOR,
        title="Creator RSA Digital Signature Profile",
        required=_UIDS,
        if_present=_of_modules(),
        repeating=_REPEATING,
        private_of_raw_data=True,
    ),
    Profile(  # C.3; what the user saw is for the caller to choose
        name=ProfileName.AUTHORIZATION,
        title="Authorization RSA Digital Signature Profile",
        required=_UIDS,
        if_present=_of_modules(left_out=_NOT_OF_AUTHORIZATION),
        repeating=_REPEATING,
        private_of_raw_data=True,
    ),
    Profile(  # C.4
        name=ProfileName.SR,
        title="Structured Report RSA Digital Signature Profile",
        required=(SOP_CLASS_UID, _STUDY_INSTANCE_UID, _SERIES_INSTANCE_UID),
        if_present=_SR,
        structured_report=True,
    ),
    Profile(  # C.4, the signature of the person who verified the report
        name=ProfileName.SR_VERIFICATION,
        title="Structured Report RSA Digital Signature Profile (verification)",
        required=(*_UIDS, _VERIFICATION_FLAG, _VERIFYING_OBSERVER_SEQUENCE),
        if_present=_SR | {*_OF_VERIFICATION, _VERIFICATION_DATETIME},
        structured_report=True,
        purpose=VERIFICATION,
    ),
)

PROFILES: Mapping[ProfileName, Profile] = MappingProxyType({profile.name: profile for profile in _TABLE})


def demanded_elements(profile: Profile, carrier: Carrier, reading: Reading = Reading.SEALGATE) -> list[Element]:
    """The elements of `carrier` that a signature of the profile has to cover, in ascending tag order."""
    if not profile.if_present:
        return []
    is_raw_data = profile.private_of_raw_data and carrier.element(_CREATOR_VERSION_UID) is not None
    return [
        element
        for element in carrier.in_tag_order()
        if profile.demands(element.tag, reading, is_raw_data=is_raw_data) and not tags.is_never_signed(element.tag)
    ]


def is_verified(data_set: Carrier) -> bool:
    """Whether the Verification Flag (0040,A493) of a structured report is VERIFIED."""
    return model.text_value(data_set, _VERIFICATION_FLAG) == "VERIFIED"


def report_profile(data_set: Carrier) -> Profile:
    """The profile that one signature of a structured report has to fit: that of verification where it is verified."""
    return PROFILES[ProfileName.SR_VERIFICATION if is_verified(data_set) else ProfileName.SR]


def has_verification_signature(data_set: Carrier) -> bool:
    """Whether a signature of the main data set has the purpose 5. Raises MalformedDataSet and LimitExceeded."""
    return any(_is_of_verification(signature.item) for signature in model.digital_signatures(data_set))


def _is_of_verification(signature_item: Carrier) -> bool:
    written = purpose_of(signature_item)
    return written is not None and written.purpose is VERIFICATION


def _unsuitable(profile: Profile, carrier: Carrier) -> str | None:
    """Why the data set is not of the kind that the profile is for."""
    if not profile.structured_report:
        return None
    for tag in (_VALUE_TYPE, _CONCEPT_NAME_CODE_SEQUENCE, _CONTENT_SEQUENCE):
        if carrier.element(tag) is None:
            return f"it is no structured report, since it has no {tags.written(tag)}"
    if profile.purpose is VERIFICATION and not is_verified(carrier):
        return f"its Verification Flag {tags.written(_VERIFICATION_FLAG)} is not VERIFIED"
    return None


def refuse_unfit(profile: Profile, place: Place, key_type: KeyType, purpose: Purpose | None, reading: Reading) -> None:
    """Raise ProfileNotMet where no signature of the profile can be made there with such a key and purpose."""
    if profile.main_data_set_only and place.location.path:
        sentence = f"the {profile.title} is for the main data set, not for {place.location}"
        raise ProfileNotMet(sentence, shortfall=Shortfall.CARRIER)
    reason = _unsuitable(profile, place.carrier)
    if reason is not None:
        sentence = f"the data set does not suit the {profile.title}: {reason}"
        raise ProfileNotMet(sentence, shortfall=Shortfall.DATA_SET)
    if profile.rsa_only and key_type is not KeyType.RSA:
        sentence = f"the {profile.title} asks for an RSA key; sign with one, or under no profile"
        raise ProfileNotMet(sentence, shortfall=Shortfall.KEY)
    if profile.structured_report and purpose is None and reading is not Reading.DCMTK:
        raise ProfileNotMet(f"the {profile.title} asks for a signature purpose; name one", shortfall=Shortfall.PURPOSE)


def refuse_incomplete(profile: Profile, signed: Iterable[int]) -> None:
    """Raise ProfileNotMet where an element that the profile asks for unconditionally is not among the `signed`."""
    missing = sorted(frozenset(profile.required).difference(signed))
    if missing:
        sentence = f"the {profile.title} asks for {tags.written(missing[0])}, which is not in the data set"
        raise ProfileNotMet(sentence, shortfall=Shortfall.ELEMENT_ABSENT)


def deviations(
    profile: Profile,
    place: Place,
    parameters: MacParameters,
    signature: DigitalSignature,
    key_type: KeyType,
    *,
    reading: Reading = Reading.STANDARD,
) -> tuple[str, ...]:
    """In what the signature at `place` does not fit the profile, as sentences; none where it fits.

    `parameters` are those of the signature itself. Whether it verifies is another question.
    Raises MalformedDataSet and LimitExceeded.
    """
    if profile.name is ProfileName.NONE:
        return ()
    found: list[str] = []
    if profile.main_data_set_only and place.location.path:
        found.append(f"it signs {place.location} and not the main data set")
    unsuitable = _unsuitable(profile, place.carrier)
    if unsuitable is not None:
        found.append(f"the data set is not what the profile is for: {unsuitable}")
    if profile.rsa_only and key_type is not KeyType.RSA:
        found.append(f"its key is {key_type} and not RSA")
    found += _parameter_deviations(parameters, reading)
    found += _element_deviations(profile, place.carrier, parameters.data_elements_signed or (), reading)
    if reading is not Reading.DCMTK:
        found += _text_deviations(profile, place.carrier, parameters, signature)
    return tuple(found)


def _parameter_deviations(parameters: MacParameters, reading: Reading) -> list[str]:
    found = []
    if parameters.mac_algorithm not in MAC_ALGORITHMS:
        found.append("its MAC Algorithm (0400,0015) is none of the six that the profile allows")
    known = transfer_syntax.BY_UID.get(parameters.mac_calculation_transfer_syntax_uid or "")
    forbidden = known is not None and known.encoding is not Encoding.EXPLICIT_LE
    if forbidden or (known is None and reading is not Reading.DCMTK):
        found.append("its MAC Calculation Transfer Syntax (0400,0010) is not explicit VR little endian")
    return found


def _element_deviations(profile: Profile, carrier: Carrier, signed: tuple[int, ...], reading: Reading) -> list[str]:
    listed = frozenset(signed)
    found = [
        f"{tags.written(element.tag)} has to be signed and is not"
        for element in demanded_elements(profile, carrier, reading)
        if element.tag not in listed
    ]
    for tag in profile.required:
        if carrier.element(tag) is None and (tag not in listed or reading is not Reading.DCMTK):
            found.append(f"{tags.written(tag)} has to be signed and is not there")
    unsignable = [e.tag for e in carrier.in_tag_order() if e.tag in listed and tags.is_never_signed(e.tag)]
    found += [f"{tags.written(tag)} is listed as signed and may not be" for tag in unsignable]
    return found


def _text_deviations(
    profile: Profile, carrier: Carrier, parameters: MacParameters, signature: DigitalSignature
) -> list[str]:
    """What the standard asks for and DCMTK does not check."""
    found = []
    listed = parameters.data_elements_signed or ()
    if list(listed) != sorted(set(listed)):
        found.append("its Data Elements Signed (0400,0020) are not in the order of the data set")
    moment = signature.digital_signature_datetime or ""
    if moment[-5:-4] not in ("+", "-"):
        found.append("its Digital Signature DateTime (0400,0105) has no offset from UTC")
    if not profile.structured_report:
        return found
    if purpose_of(signature.item) is None:
        found.append("it has no Digital Signature Purpose (0400,0401)")
    elif profile.purpose is VERIFICATION and not _is_of_verification(signature.item):
        found.append("its purpose is not that of a verification signature (5)")
    if profile.purpose is None and is_verified(carrier) and not has_verification_signature(carrier):
        found.append("the report is VERIFIED, and no signature has the purpose of a verification signature (5)")
    return found
