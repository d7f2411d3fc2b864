"""Coverage: which elements identify and show, how much is signed in words, and what may be required."""

from __future__ import annotations

import pytest

from sealgate.errors import ConfigurationError
from sealgate.verification.coverage import (
    MAX_NAMED_ELEMENTS,
    MAX_REQUIRED_TAGS,
    NO_REQUIREMENT,
    Aspect,
    Coverage,
    CoverageRequirement,
    Extent,
    RequiredCoverage,
    aspect,
    coverage_of,
    named,
)

IDENTIFYING = {
    "Specific Character Set": 0x00080005,
    "SOP Class UID": 0x00080016,
    "SOP Instance UID": 0x00080018,
    "Study Date": 0x00080020,
    "Content Time": 0x00080033,
    "Accession Number": 0x00080050,
    "Modality": 0x00080060,
    "Series Description": 0x0008103E,
    "Patient's Name": 0x00100010,
    "Patient ID": 0x00100020,
    "Patient Comments": 0x00104000,
    "Clinical Trial Subject ID": 0x00120040,
    "Study Instance UID": 0x0020000D,
    "Series Instance UID": 0x0020000E,
    "Instance Number": 0x00200013,
}
RENDERING = {
    "Image Type": 0x00080008,
    "Derivation Code Sequence": 0x00089215,
    "Pixel Spacing": 0x00280030,
    "Pixel Aspect Ratio": 0x00280034,
    "Photometric Interpretation": 0x00280004,
    "Window Center": 0x00281050,
    "Rescale Slope": 0x00281053,
    "Palette Color Lookup Table Data": 0x00281201,
    "ICC Profile": 0x00282000,
    "VOI LUT Sequence": 0x00283010,
    "Modality LUT Sequence": 0x00283000,
    "Presentation LUT Shape": 0x20500020,
    "Display Shutter": 0x00181600,
    "Shutter Overlay Group": 0x00181623,
    "Sequence of Ultrasound Regions": 0x00186011,
    "Image Position (Patient)": 0x00200032,
    "Patient Orientation": 0x00200020,
    "Image Laterality": 0x00200062,
    "Image Comments": 0x00204000,
    "Overlay Data 6000": 0x60003000,
    "Overlay Data 6002": 0x60023000,
    "Overlay Data 601E": 0x601E3000,
    "Overlay Data 6020, out of range": 0x60203000,
    "Curve Data": 0x50003000,
    "Graphic Annotation Sequence": 0x00700001,
    "Displayed Area Selection Sequence": 0x0070005A,
    "Real World Value Mapping Sequence": 0x00409096,
    "Content Sequence": 0x0040A730,
    "Verification Flag": 0x0040A493,
    "Waveform Sequence": 0x54000100,
    "Encapsulated Document": 0x00420011,
    "MIME Type": 0x00420012,
    "Segment Sequence": 0x00620002,
    "Shared Functional Groups Sequence": 0x52009229,
    "Per-frame Functional Groups Sequence": 0x52009230,
    "Optical Path Sequence": 0x00480105,
    "ROI Contour Sequence": 0x30060039,
    "Approval Status of a plan": 0x300E0002,
    "Deformable Registration Sequence": 0x00640002,
    "Component Sequence of an implant assembly": 0x00760032,
    "Radiopharmaceutical Information Sequence": 0x00540016,
    "Dose Grid Scaling": 0x3004000E,
    "Pixel Data": 0x7FE00010,
    "Float Pixel Data": 0x7FE00008,
    "Extended Offset Table": 0x7FE00001,
}
NEITHER = {
    "Manufacturer": 0x00080070,
    "Institution Name": 0x00080080,
    "KVP": 0x00180060,
    "Protocol Name": 0x00181030,
    "private data of a patient's group": 0x00111001,
    "private overlay": 0x60011001,
    "Requested Procedure ID": 0x00401001,
    "Data Set Trailing Padding": 0xFFFCFFFC,
}


@pytest.mark.parametrize("tag", IDENTIFYING.values(), ids=IDENTIFYING)
def test_elements_that_say_whose_and_which_image_this_is_identify(tag: int) -> None:
    assert aspect(tag) is Aspect.IDENTITY


@pytest.mark.parametrize("tag", RENDERING.values(), ids=RENDERING)
def test_elements_that_change_what_is_shown_render(tag: int) -> None:
    assert aspect(tag) is Aspect.RENDERING


@pytest.mark.parametrize("tag", NEITHER.values(), ids=NEITHER)
def test_other_elements_do_neither(tag: int) -> None:
    assert aspect(tag) is None


@pytest.mark.parametrize(
    ("present", "signed", "extent", "text"),
    [
        ((0x00100010, 0x00100020), (0x00100010, 0x00100020), Extent.FULL, "every element is signed"),
        (
            (0x00080060, 0x00100010, 0x00100020),
            (0x00080060, 0x00100010),
            Extent.ALL_BUT,
            "every element is signed but for PatientID (0010,0020)",
        ),
        (
            (0x00080060, 0x00100010, 0x00100020),
            (0x00080060,),
            Extent.ONLY,
            "only these elements are signed: Modality (0008,0060); 2 others are not",
        ),
        (
            (0x00080060,),
            (),
            Extent.NOTHING,
            "no good signature covers any of the 1 elements of the main data set",
        ),
    ],
)
def test_how_much_is_signed_is_said_in_words(
    present: tuple[int, ...], signed: tuple[int, ...], extent: Extent, text: str
) -> None:
    coverage = coverage_of(present, signed)
    assert (coverage.extent, coverage.text) == (extent, text)


def test_group_lengths_padding_and_the_sequences_of_signatures_do_not_count() -> None:
    present = (0x00080000, 0x00080001, 0x00100010, 0x4FFE0001, 0xFFFAFFFA, 0xFFFCFFFC)
    coverage = coverage_of(present, (0x00100010,))
    assert coverage == Coverage(signed=(0x00100010,), unsigned=())
    assert coverage.extent is Extent.FULL


def test_elements_that_are_listed_and_absent_are_not_signed() -> None:
    assert coverage_of((0x00100010,), (0x00100010, 0x00100020)).signed == (0x00100010,)


def test_many_elements_are_named_in_part_and_unknown_ones_by_their_tag() -> None:
    assert named((0x00091001,)) == "(0009,1001)"
    text = named(range(0x00280030, 0x00280030 + MAX_NAMED_ELEMENTS + 3))
    assert text.startswith("PixelSpacing (0028,0030), ")
    assert text.endswith(" and 3 more")


@pytest.mark.parametrize(
    ("texts", "requirement"),
    [
        ((), NO_REQUIREMENT),
        (("none",), NO_REQUIREMENT),
        (("all",), CoverageRequirement(required=RequiredCoverage.ALL)),
        (("rendering",), CoverageRequirement(required=RequiredCoverage.RENDERING)),
        (
            ("PatientID, 0010,0010", "(7fe0,0010) PatientID"),
            CoverageRequirement(required=RequiredCoverage.TAGS, tags=(0x00100010, 0x00100020, 0x7FE00010)),
        ),
    ],
)
def test_a_requirement_is_read_from_words(texts: tuple[str, ...], requirement: CoverageRequirement) -> None:
    assert CoverageRequirement.parse(texts) == requirement
    assert CoverageRequirement.parse([str(requirement)]) == requirement


@pytest.mark.parametrize("texts", [("all", "PatientID"), ("everything",), ("all", "rendering"), ("0010,00",)])
def test_a_requirement_that_is_none_is_refused(texts: tuple[str, ...]) -> None:
    with pytest.raises(ConfigurationError, match="required coverage"):
        CoverageRequirement.parse(texts)


def test_a_requirement_has_a_limit() -> None:
    with pytest.raises(ConfigurationError, match="more than 10000"):
        CoverageRequirement.parse(["0010,0010 " * (MAX_REQUIRED_TAGS + 1)])


def test_what_is_required_and_there_has_to_be_signed() -> None:
    coverage = coverage_of((0x00080070, 0x00100010, 0x00100020, 0x7FE00010), (0x00100010,))
    missing = {
        ("none",): (),
        ("all",): (0x00080070, 0x00100020, 0x7FE00010),
        ("rendering",): (0x00100020, 0x7FE00010),
        ("PatientName", "PatientBirthDate"): (),
        ("PatientName", "Manufacturer"): (0x00080070,),
    }
    assert {texts: CoverageRequirement.parse(texts).missing(coverage) for texts in missing} == missing
