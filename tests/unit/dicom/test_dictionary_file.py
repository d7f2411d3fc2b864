"""Dictionaries in DCMTK's form: what their lines mean, what is wrong with some, and how they give VRs to a scan."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealgate.dicom.dictionary_file import (
    MAX_DICTIONARY_BYTES,
    MAX_DICTIONARY_PROBLEMS,
    MAX_DICTIONARY_RANGES,
    FileDictionary,
    read_dictionary,
)
from sealgate.dicom.scan import items, scan, scan_item
from sealgate.dicom.source import Source
from sealgate.dicom.transfer_syntax import Encoding
from sealgate.errors import LimitExceeded
from support.elements import IMPLICIT

TEXT = """\
# a comment

(0008,0060)\tCS\tModality\t1\tDICOM
(0008,0061)\tUI\tOfSomebodyElse\t1-n\tOURS
(0028,0106)\txs\tSmallest\t1\tDICOM
(6000-60FF,3000)\tox\tOverlayData\t1\tDICOM
(0020,3100-31FF)\tCS\tSourceImageIDs\t1-n\tDICOM/retired
(0019,"SOME ONE",02)\tFD\tOffset\t1\tPrivateTag
(0019,"SOME ONE",1103)\tUS\tFixed\t1\tPrivateTag
(7001-o-70ff,"RANGE",04)\tST\tText\t1\tPrivateTag
(0071-u-0074,0001)\tLO\tEvery
(0002,0003)\tUI\tShort
(0006,0001)\tup\tPointer\t1\tDICOM
(0006,0002)\tna\tNothing\t1\tDICOM
"""


def of(text: str) -> FileDictionary:
    return read_dictionary([("a.dic", text.encode())])


@pytest.mark.parametrize(
    ("tag", "words", "name"),
    [
        (0x00080060, "CS", "Modality"),
        (0x00080061, "UI", "OfSomebodyElse"),
        (0x00280106, "US or SS", "Smallest"),
        (0x60003000, "OB or OW", "OverlayData"),
        (0x60FE3000, "OB or OW", "OverlayData"),
        (0x60013000, "", "Unknown Tag & Data"),
        (0x00203102, "CS", "SourceImageIDs"),
        (0x00203103, "", "Unknown Tag & Data"),
        (0x00720001, "LO", "Every"),
        (0x00740001, "LO", "Every"),
        (0x00060001, "UL", "Pointer"),
        (0x00060002, "", "Nothing"),
        (0x00080018, "", "Unknown Tag & Data"),
        (0x00080000, "", "GenericGroupLength"),
    ],
)
def test_a_line_gives_vr_and_name_of_a_tag_or_of_a_range(tag: int, words: str, name: str) -> None:
    dictionary = of(TEXT)
    assert (dictionary.words(tag), dictionary.dcmtk_name(tag)) == (words, name)
    assert dictionary.words(tag) == words, "the second answer is the first one"
    assert not dictionary.problems


def test_a_name_gives_the_tag_and_a_range_its_first_one() -> None:
    dictionary = of(TEXT)
    assert dictionary.tag("Modality") == 0x00080060
    assert dictionary.tag("OverlayData") == 0x60003000
    assert dictionary.tag("Offset") is None
    assert dictionary.tag("PatientID") is None


@pytest.mark.parametrize(
    ("creator", "tag", "words"),
    [
        ("SOME ONE", 0x00191002, "FD"),
        ("SOME ONE", 0x0019A702, "FD"),
        ("SOMEONE", 0x00191002, ""),
        ("some one", 0x00191002, ""),
        ("SOME ONE", 0x00191003, ""),
        ("SOME ONE", 0x00191103, "US"),
        ("RANGE", 0x70011004, "ST"),
        ("RANGE", 0x70FF1104, "ST"),
        ("RANGE", 0x70021004, ""),
    ],
)
def test_private_elements_go_by_their_creator(creator: str, tag: int, words: str) -> None:
    assert of(TEXT).private_words(creator, tag) == words


def test_a_later_line_or_file_overrides_an_earlier_one() -> None:
    dictionary = read_dictionary(
        [("a.dic", TEXT.encode()), ("b.dic", b"(0008,0060)\tLO\tOther\n(6000-60FF,3000)\tOB\tOther2\t1\tX\r\n")]
    )
    assert dictionary.words(0x00080060) == "LO"
    assert dictionary.words(0x60023000) == "OB"


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('(0009,"X",10\tLO\tA', "bad Tag field (line 1)"),
        ("0008,0062\tCS\tQ\t1\tD", "bad Tag field (line 1)"),
        ("(0008,0060)\tZZ\tB\t1\tD", "bad VR field (line 1)"),
        ("(0008,0061)\tCS", "too few fields (line 1)"),
        ("(0008,0064) CS Foo 1 D", "too few fields (line 1)"),
        ("(0008,0065)\tCS\tR\tx-y\tD", "bad VM field (line 1)"),
        ("(0008,0066)\tCS\tR\t1\tD\te", "too many fields (line 1)"),
    ],
)
def test_a_line_that_cannot_be_read_is_told_in_dcmtks_words_and_left_out(line: str, problem: str) -> None:
    dictionary = of(line + "\n(0008,0060)\tCS\tModality\t1\tDICOM\n")
    assert dictionary.problems == [f"a.dic: {problem}"]
    assert dictionary.words(0x00080060) == "CS"
    assert len(dictionary) == 1


def test_size_ranges_and_complaints_are_limited() -> None:
    with pytest.raises(LimitExceeded, match=r"bytes of the data dictionary a\.dic"):
        read_dictionary([("a.dic", bytes(MAX_DICTIONARY_BYTES + 1))])
    many = "".join(f"(0009-o-00ff,{number:04x})\tLO\tA\n" for number in range(MAX_DICTIONARY_RANGES + 1))
    with pytest.raises(LimitExceeded, match="ranges of tags"):
        of(many)
    assert len(of("x\n" * 5000).problems) == MAX_DICTIONARY_PROBLEMS


@given(st.lists(st.text(alphabet='(),"-ou\tgCSU10689aX\n#n ', max_size=40)).map("\n".join))
def test_any_text_is_read_without_complaint_of_python(text: str) -> None:
    dictionary = of(text)
    assert isinstance(dictionary.words(0x00080060), str)


def test_a_scan_in_implicit_vr_takes_its_vrs_from_the_dictionary_that_it_is_given_at_every_depth() -> None:
    creator = IMPLICIT.element(0x00190010, "LO", b"SOME ONE")
    inner = IMPLICIT.element(0x00080061, "CS", b"1.2 ") + creator + IMPLICIT.element(0x00191002, "FD", bytes(8))
    dictionary = of(TEXT + "(0008,1140)\tSQ\tReferencedImageSequence\t1\tDICOM\n")
    data_set = IMPLICIT.element(0x00080018, "UI", b"1.2\0") + IMPLICIT.sequence(0x00081140, IMPLICIT.item(inner))
    carrier = scan(Source(data_set), Encoding.IMPLICIT_LE, dictionary=dictionary)
    assert [str(element.vr) for element in carrier.elements] == ["??", "SQ"]
    (item,) = items(carrier, carrier.elements[1])
    assert [str(element.vr) for element in scan_item(carrier, item).elements] == ["UI", "LO", "FD"]
    assert [str(element.vr) for element in scan(Source(inner), Encoding.IMPLICIT_LE).elements] == ["CS", "LO", "??"]
