"""The generated dictionary says what pydicom's says, and is there without pydicom."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydicom._dicom_dict import DicomDictionary, RepeatersDictionary
from pydicom._private_dict import private_dictionaries
from pydicom.datadict import dictionary_VR, private_dictionary_VR

from sealgate.dicom import tags
from sealgate.dicom.dictionary import STANDARD, UNKNOWN_NAME
from sealgate.dicom.dictionary_file import read_dictionary

DCMTK = Path("/usr/share/libdcmtk17/dicom.dic")


def words_of_pydicom(tag: int) -> str:
    try:
        return str(dictionary_VR(tag)).replace("NONE", "")
    except KeyError:
        return ""


def private_words_of_pydicom(creator: str, tag: int) -> str:
    try:
        return str(private_dictionary_VR(tag, creator)).replace("OB_OW", "OB or OW")
    except KeyError:
        return ""


def test_every_element_of_pydicom_has_its_vr_its_keyword_and_its_tag() -> None:
    for tag, (words, _, _, _, keyword) in DicomDictionary.items():
        assert STANDARD.words(tag) == words.replace("NONE", ""), tags.written(tag)
        assert STANDARD.keyword(tag) == keyword, tags.written(tag)
        assert not keyword or STANDARD.tag(keyword) == tag


def test_every_range_of_tags_has_its_vr_and_its_keyword_at_both_ends() -> None:
    for mask, (words, _, _, _, keyword) in RepeatersDictionary.items():
        first = int(mask.replace("x", "0"), 16)
        last = int((mask[:2] + "FE" + mask[4:] if mask[2:4] == "xx" else mask).replace("x", "F"), 16)
        for tag in (first, last):
            exact = DicomDictionary.get(tag)
            assert STANDARD.words(tag) == (words if exact is None else exact[0])
            assert STANDARD.keyword(tag) == (keyword if exact is None else exact[4])
        assert STANDARD.tag(keyword) == first


PREFIXES = (0x0008, 0x0018, 0x0020, 0x0028, 0x1000, 0x1010, 0x5000, 0x501E, 0x6000, 0x60FE, 0x7F00, 0x7FE0, 0x6001)


@given(st.sampled_from(PREFIXES), st.integers(0, 0xFFFF))
@example(0x6002, 0x3000)
@example(0x6001, 0x3000)
def test_other_tags_are_known_where_pydicom_knows_them(group: int, number: int) -> None:
    tag = group << 16 | number
    assert STANDARD.words(tag) == words_of_pydicom(tag)


@pytest.mark.parametrize("block", [0x10, 0xA7, 0xFF])
def test_every_private_element_of_pydicom_has_its_vr_in_any_block(block: int) -> None:
    for creator, entries in private_dictionaries.items():
        for mask in entries:
            digits = mask.lower()
            digits = digits[:4].replace("xx", "11") + digits[4:6].replace("xx", f"{block:02x}") + digits[6:]
            tag = int(digits.replace("x", "0"), 16)
            assert STANDARD.private_words(creator, tag) == private_words_of_pydicom(creator, tag), (creator, mask)


def test_private_elements_of_unknown_creators_and_unknown_elements_have_no_vr() -> None:
    assert STANDARD.private_words("NOBODY", 0x00191002) == ""
    assert STANDARD.private_words("", 0x00191002) == ""
    assert STANDARD.private_words("GEMS_ACQU_01", 0x001910FD) == ""
    assert STANDARD.words(0x00191002) == STANDARD.keyword(0x00191002) == ""


@pytest.mark.skipif(not DCMTK.exists(), reason="DCMTK's dictionary is not installed")
def test_the_names_of_dcmtk_are_those_of_its_own_dictionary() -> None:
    theirs = read_dictionary([("dicom.dic", DCMTK.read_bytes())])
    known = [tag for tag in DicomDictionary if theirs.keyword(tag)]
    assert len(known) > 4800
    assert [tags.written(tag) for tag in known if STANDARD.dcmtk_name(tag) != theirs.dcmtk_name(tag)] == []
    assert [name for tag in known if STANDARD.tag(name := theirs.dcmtk_name(tag)) != tag] == []


@pytest.mark.parametrize(
    ("tag", "name"),
    [
        (0x00080001, "RETIRED_LengthToEnd"),
        (0x300A00B0, "BeamSequence"),
        (0x50023000, "RETIRED_CurveData"),
        (0x60023000, "OverlayData"),
        (0x00080000, "GenericGroupLength"),
        (0x00090000, "PrivateGroupLength"),
        (0x00090010, "PrivateCreator"),
        (0x00091001, UNKNOWN_NAME),
        (0x00080003, UNKNOWN_NAME),
    ],
)
def test_an_element_is_named_as_dcmtk_names_it(tag: int, name: str) -> None:
    assert STANDARD.dcmtk_name(tag) == name


@pytest.mark.parametrize("name", ["", "patientid", "Patient ID", "RETIRED_", "0010,0020", "x" * 100_000])
def test_what_is_no_keyword_has_no_tag(name: str) -> None:
    assert STANDARD.tag(name) is None


def test_the_dictionary_needs_no_pydicom_and_its_table_comes_only_when_it_is_asked() -> None:
    program = (
        "import sys; from sealgate.dicom import dictionary, scan;"
        "before = 'sealgate.dicom.dictionary_table' in sys.modules;"
        "dictionary.STANDARD.tag('PatientID'); private = 'sealgate.dicom.private_table' in sys.modules;"
        "print(before, private, 'pydicom' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False", "False"]
