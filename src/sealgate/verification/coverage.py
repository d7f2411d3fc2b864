"""What of a data set is signed, in words for a person, and which elements must be: those that identify and that show.

An element that is there and not signed could have been added or changed by anybody. Of most that does not matter much;
of those that say whose image it is, and of those that change the picture or the text that a reader sees, it does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from sealgate.dicom import tags
from sealgate.dicom.dictionary import tag_of
from sealgate.errors import ConfigurationError

MAX_NAMED_ELEMENTS = 6
"""Elements that a sentence names; the values have all of them."""

MAX_REQUIRED_TAGS = 10_000
"""Tags that a requirement names; the data dictionary has some 5,000."""


class Aspect(StrEnum):
    """What an element is for."""

    IDENTITY = "identity"
    """It says which patient, study, series or instance this is, or is needed to read what says so."""
    RENDERING = "rendering"
    """It changes the picture, the text or the signal that a reader sees, or where in the patient it is placed."""


def _span(first: int, last: int) -> frozenset[int]:
    return frozenset(range(first, last + 1))


_GROUPS = {
    **dict.fromkeys((0x0010, 0x0012), Aspect.IDENTITY),  # patient; clinical trial subject
    **dict.fromkeys(
        (
            0x0024,  # visual field measurements
            0x0028,  # Image Pixel, LUTs, windows, palettes, ICC profile, aspect ratio, padding, masks
            0x003A,  # waveform channels
            0x0042,  # Encapsulated Document
            0x0046,  # refraction
            0x0048,  # whole slide microscopy, optical paths
            0x0062,  # Segmentation
            0x0064,  # deformable registrations
            0x0066,  # surfaces, point clouds, tracks
            0x0068,  # implant templates
            0x0070,  # Graphic Annotation, displayed areas, presentation states
            0x0072,  # Structured Display
            *(0x0076, 0x0078),  # implant assemblies and groups
            *(0x0080, 0x0082),  # scanned surfaces; assessments
            *(0x3002, 0x3004, 0x3006, 0x3008, 0x300A, 0x300C, 0x300E, 0x3010),  # radiotherapy, with its approvals
            0x5200,  # functional groups
            0x5400,  # Waveform
            *(0x7F00, 0x7FE0),  # pixel data of all kinds
        ),
        Aspect.RENDERING,
    ),
}
"""Groups that count as a whole."""

_REPEATING_GROUPS = frozenset((0x50, 0x60))
"""Curves 50xx and overlays 60xx: every even group of them, also those above 1E, since readers do not all stop there."""

_IDENTITY = frozenset(
    (
        0x00080005,  # Specific Character Set: how names are read
        0x00080006,
        *(0x00080016, 0x00080018, 0x0008001A),  # SOP class and instance
        *_span(0x00080020, 0x00080035),  # dates and times of study, series, acquisition, content
        *(0x00080050, 0x00080051, 0x00080060, 0x00080061, 0x00080064, 0x00080068, 0x00080201),
        *(0x00081030, 0x00081032, 0x0008103E, 0x0008103F, 0x00081120, 0x00083010),
        *(0x0020000D, 0x0020000E, 0x00200010, 0x00200011, 0x00200012, 0x00200013),
        *(0x00380010, 0x00380014, 0x0040E001),  # admission; document identifier of HL7
    )
)
_RENDERING = frozenset(
    (
        *(0x00080008, 0x00082142, 0x00082143, 0x00082144, 0x00082218, 0x00082228),
        *(0x00082112, 0x00089215),  # what it was derived from
        *(0x00180015, 0x00180040, 0x00180050, 0x00180088, 0x00181063, 0x00181065, 0x00181066),
        *(0x00181114, 0x00181164, 0x00181411, 0x00182010),  # magnification and spacing
        *_span(0x00181600, 0x00181624),  # Display Shutter
        *_span(0x00181700, 0x00181720),  # collimator
        *(0x00185100, 0x00185101, 0x00185104, 0x00186011, 0x00187034),
        *(0x00189004, 0x00189005, 0x00189461, 0x00189472, 0x00189803, 0x0018A001),
        *(0x00200020, 0x00200030, 0x00200032, 0x00200035, 0x00200037, 0x00200050, 0x00200052, 0x00200060, 0x00200062),
        *(0x00200242, 0x00201040, 0x00201041, 0x00204000),  # concatenation; position; Image Comments
        *(0x00209161, 0x00209162, 0x00209163, 0x00209221, 0x00209222, 0x00209228, 0x00209311, 0x00209312),
        *(0x00220028, 0x00409094, 0x00409096, 0x00409210, 0x0040B020),
        *_span(0x0040A000, 0x0040AFFF),  # SR Document General and Content
        *(0x00540016, 0x00540220, 0x00540410, 0x00540414),
        *(0x00541001, 0x00541102, 0x00541322),  # what makes uptake values of the numbers
        *(0x00880200, 0x20500010, 0x20500020),  # Icon Image; Presentation LUT
    )
)

_WITHOUT_MEANING = frozenset((tags.LENGTH_TO_END, tags.DATA_SET_TRAILING_PADDING))
"""Elements that may not be signed and say nothing; whether they hold something all the same is a finding of its own."""

_NOTHING_TO_SIGN = _WITHOUT_MEANING | {tags.MAC_PARAMETERS_SEQUENCE, tags.DIGITAL_SIGNATURES_SEQUENCE}


def aspect(tag: int) -> Aspect | None:
    """What an element of the main data set is for, where it identifies or shows; None for all others.

    Private elements are for nobody but those who know them.
    """
    if tag & 0x10000:
        return None
    group = tag >> 16
    if group in _GROUPS:
        return _GROUPS[group]
    if group >> 8 in _REPEATING_GROUPS or tag in _RENDERING:
        return Aspect.RENDERING
    return Aspect.IDENTITY if tag in _IDENTITY else None


class Extent(StrEnum):
    """How much is signed."""

    FULL = "fully signed"
    ALL_BUT = "signed but for these elements"
    ONLY = "only these elements"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """What good signatures of the main data set cover together; every tuple in ascending tag order."""

    signed: tuple[int, ...]
    """Tags of the elements that are there and signed."""
    unsigned: tuple[int, ...]
    """Tags of the elements that are there, not signed, and mean something: no group lengths, padding, signatures."""

    @property
    def extent(self) -> Extent:
        """How much is signed; where some is, the shorter list is the one to tell."""
        if not self.signed:
            return Extent.NOTHING
        if not self.unsigned:
            return Extent.FULL
        return Extent.ALL_BUT if len(self.unsigned) <= len(self.signed) else Extent.ONLY

    def unsigned_of(self, wanted: Aspect) -> tuple[int, ...]:
        """Tags of the unsigned elements that are for `wanted`."""
        return tuple(tag for tag in self.unsigned if aspect(tag) is wanted)

    @property
    def text(self) -> str:
        """One sentence for a person."""
        extent = self.extent
        if extent is Extent.FULL:
            return "every element is signed"
        if extent is Extent.NOTHING:
            return f"no good signature covers any of the {len(self.unsigned)} elements of the main data set"
        if extent is Extent.ALL_BUT:
            return f"every element is signed but for {named(self.unsigned)}"
        return f"only these elements are signed: {named(self.signed)}; {len(self.unsigned)} others are not"


def coverage_of(present: Iterable[int], signed: Iterable[int]) -> Coverage:
    """Coverage of a carrier with elements of the tags `present`, of which those in `signed` are signed."""
    listed = tuple(signed)
    there = frozenset(present)
    unsigned = there.difference(listed, _NOTHING_TO_SIGN)
    return Coverage(
        signed=tuple(sorted(there.intersection(listed))),
        unsigned=tuple(sorted(tag for tag in unsigned if tag & 0xFFFF)),
    )


def named(listed: Iterable[int]) -> str:
    """Elements by keyword and tag, the first ones of many: `PatientID (0010,0020), RescaleSlope (0028,1053)`."""
    from sealgate.dicom.dictionary import STANDARD

    all_tags = tuple(listed)
    words = [f"{STANDARD.keyword(tag)} {tags.written(tag)}".lstrip() for tag in all_tags[:MAX_NAMED_ELEMENTS]]
    more = len(all_tags) - len(words)
    return ", ".join(words) + (f" and {more} more" if more else "")


class RequiredCoverage(StrEnum):
    """What good signatures together must cover."""

    NONE = "none"
    """Nothing beyond the elements that identify and show, which are a finding in any case."""
    TAGS = "tags"
    """Named elements, where they are there."""
    RENDERING = "rendering"
    """All elements that are there and identify or show."""
    ALL = "all"
    """All elements that are there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageRequirement:
    """Which elements must be signed, if they are there; where one is not, the data set is invalid."""

    required: RequiredCoverage = RequiredCoverage.NONE
    tags: tuple[int, ...] = ()
    """With TAGS: the elements."""

    @classmethod
    def parse(cls, texts: Iterable[str]) -> CoverageRequirement:
        """A requirement as it is written: `none`, `rendering`, `all`, or tags and keywords (also parted by commas).

        Raises ConfigurationError.
        """
        words = [word for text in texts for word in _split(text)]
        if len(words) > MAX_REQUIRED_TAGS:
            raise ConfigurationError(f"the required coverage names more than {MAX_REQUIRED_TAGS} elements")
        for whole in (RequiredCoverage.NONE, RequiredCoverage.RENDERING, RequiredCoverage.ALL):
            if whole.value in words:
                if len(words) > 1:
                    raise ConfigurationError(f"the required coverage {whole.value!r} stands alone, without elements")
                return cls(required=whole)
        try:
            wanted = tuple(sorted({tag_of(word) for word in words}))
        except ValueError as error:
            raise ConfigurationError(f"required coverage: {error}, nor none, rendering or all") from error
        return cls(required=RequiredCoverage.TAGS if wanted else RequiredCoverage.NONE, tags=wanted)

    def missing(self, coverage: Coverage) -> tuple[int, ...]:
        """Tags of the elements that are there, must be signed, and are not."""
        if self.required is RequiredCoverage.ALL:
            return coverage.unsigned
        if self.required is RequiredCoverage.RENDERING:
            return tuple(tag for tag in coverage.unsigned if aspect(tag) is not None)
        return tuple(tag for tag in self.tags if tag in coverage.unsigned)

    def __str__(self) -> str:
        return ", ".join(map(tags.written, self.tags)) if self.tags else self.required.value


def _split(text: str) -> list[str]:
    """Words parted by commas or spaces; the comma inside of a tag parts nothing."""
    return re.findall(r"\(?\s*[0-9A-Fa-f]{4}\s*,\s*[0-9A-Fa-f]{4}\s*\)?|[^\s,]+", text)


NO_REQUIREMENT = CoverageRequirement()
