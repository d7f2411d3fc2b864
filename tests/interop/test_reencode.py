"""Data sets in other transfer syntaxes, held against what dcmconv writes, and against the verdicts of dcmsign."""

from __future__ import annotations

from pathlib import Path

import pytest

from sealgate.dicom.dictionary import STANDARD
from sealgate.dicom.dictionary_file import FileDictionary, read_dictionary
from sealgate.dicom.part10 import DataSet, open_file
from sealgate.dicom.reencode import Lengths, reencoded, reencoded_header, with_unknown_converted
from sealgate.dicom.scan import Carrier, scan
from sealgate.dicom.source import Source
from sealgate.dicom.transfer_syntax import BY_UID
from sealgate.dicom.walk import Kind
from sealgate.errors import ConversionImpossible
from sealgate.signature.transit import Risk, endangered_signatures
from support import peers, samples
from support.elements import BIG, DEFLATED_LE_UID, EXPLICIT, IMPLICIT, Writer, part10
from support.pki import Authority

pytestmark = pytest.mark.peer

DICTIONARIES = [Path("/usr/share/libdcmtk17") / name for name in ("dicom.dic", "private.dic")]
OPTIONS = {"+te": EXPLICIT.uid, "+tb": BIG.uid, "+ti": IMPLICIT.uid, "+td": DEFLATED_LE_UID}
WITHOUT_META = frozenset("ExplVR_BigEndNoMeta.dcm ExplVR_LitEndNoMeta.dcm rtstruct.dcm".split())
"""dcmconv gives them a File Meta Information."""
# dcmdump shows offsets of directory records, and they count from the start of the file with its other header.
IMAGES = [path for path in samples.readable() if not path.name.startswith("DICOMDIR")]
COMPARABLE = [path for path in IMAGES if path.name not in WITHOUT_META]
ODD_VALUES = ("nested_priv_SQ.dcm",)
"""In the same encoding we leave values of odd length as they are; dcmconv pads them."""
SIGNED_NUMBERS = "(0028,"
"""dcmconv takes US or SS in an UN for US, whatever Pixel Representation says; we read it as in implicit VR."""


@pytest.fixture(scope="module")
def dictionary() -> FileDictionary:
    if not all(path.exists() for path in DICTIONARIES):
        pytest.skip("DCMTK's dictionaries are not installed")
    return read_dictionary((path.name, path.read_bytes()) for path in DICTIONARIES)


def opened(path: Path, dictionary: FileDictionary) -> tuple[DataSet, Carrier]:
    data_set = open_file(path.read_bytes())
    return data_set, scan(data_set.source, data_set.encoding, dictionary=dictionary)


def dumped(path: Path) -> list[str]:
    """The data set as dcmdump shows it, long values in full; offsets are those of the whole file."""
    outcome = peers.run("dcmdump", "-q", "+L", path)
    return outcome.text[outcome.text.find("# Dicom-Data-Set") :].splitlines()


@pytest.mark.parametrize("path", COMPARABLE, ids=samples.label)
def test_the_result_shows_the_same_as_that_of_dcmconv(path: Path, dictionary: FileDictionary, tmp_path: Path) -> None:
    data_set, carrier = opened(path, dictionary)
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    for option, lengths in (("+tb", Lengths.EXPLICIT), ("+ti", Lengths.UNDEFINED)):
        length_option = "+e" if lengths is Lengths.EXPLICIT else "-e"
        by_dcmconv = peers.run("dcmconv", "-q", option, length_option, path, theirs)
        try:
            octets = b"".join(reencoded(carrier, data_set.syntax, BY_UID[OPTIONS[option]], lengths=lengths))
        except ConversionImpossible:
            assert by_dcmconv.exit_code != 0
            continue
        ours.write_bytes(reencoded_header(data_set.header, OPTIONS[option]) + octets)
        assert dumped(ours) == dumped(theirs) or path.name in ODD_VALUES


@pytest.mark.parametrize("path", IMAGES, ids=samples.label)
def test_dcmsign_verifies_what_is_said_to_survive_and_nothing_else(
    path: Path, dictionary: FileDictionary, pki: Authority, tmp_path: Path
) -> None:
    credential = pki.issue("Transit", "p256")
    signed_path, path_out = tmp_path / "signed", tmp_path / "out"
    made = peers.dcmsign("+s", credential.key_path, credential.certificate_path, "+m2", path, signed_path)
    assert made.exit_code == 0, made.text
    data_set, carrier = opened(signed_path, dictionary)
    for option, uid in OPTIONS.items():
        lengths = Lengths.UNDEFINED if option == "+te" else Lengths.EXPLICIT
        try:
            octets = b"".join(reencoded(carrier, data_set.syntax, BY_UID[uid], lengths=lengths))
        except ConversionImpossible:
            assert data_set.syntax.encapsulated
            continue
        path_out.write_bytes(reencoded_header(data_set.header, uid) + octets)
        verdict = peers.dcmsign("--verify", "+cf", pki.certificate_path, path_out)
        endangered = endangered_signatures(carrier, BY_UID[uid].encoding)
        is_broken = any(signature.risk is Risk.CERTAIN for signature in endangered)
        assert (verdict.exit_code, "Verification : OK" in verdict.text) == ((101, False) if is_broken else (0, True))


def as_unknown(data_set: DataSet, carrier: Carrier, writer: Writer, dictionary: FileDictionary) -> bytes:
    """The data set with VR UN for every element of its top level that is no private creator."""
    implicit = b"".join(reencoded(carrier, data_set.syntax, BY_UID[IMPLICIT.uid]))
    elements = scan(Source(implicit), BY_UID[IMPLICIT.uid].encoding, dictionary=dictionary).elements
    return b"".join(
        writer.element(
            element.tag,
            "LO" if element.tag & 0x10000 and element.tag & 0xFFFF < 0x100 else "UN",
            implicit[element.value_start : element.value_end],
        )
        for element in elements
        if element.tag & 0xFFFF
    )


@pytest.mark.parametrize("writer", [EXPLICIT, BIG], ids=str)
@pytest.mark.parametrize("path", samples.readable()[::3], ids=samples.label)
def test_un_of_known_tags_is_read_as_dcmconv_reads_it(
    path: Path, writer: Writer, dictionary: FileDictionary, tmp_path: Path
) -> None:
    data_set, carrier = opened(path, dictionary)
    unknown, theirs, ours = (tmp_path / name for name in ("unknown", "theirs", "ours"))
    if any(element.kind is Kind.FRAGMENTS for element in carrier.elements):
        with pytest.raises(ConversionImpossible):
            as_unknown(data_set, carrier, writer, dictionary)
        return
    unknown.write_bytes(part10(as_unknown(data_set, carrier, writer, dictionary), writer.uid))
    assert peers.run("dcmconv", "-q", "+uc", unknown, theirs).exit_code == 0
    data_set, carrier = opened(unknown, dictionary)
    converted = with_unknown_converted(data_set, carrier, b"".join)
    ours.write_bytes(bytes(data_set.header) + bytes(converted.source.view))
    shown = [[line for line in dumped(one) if "offset=" not in line] for one in (ours, theirs)]
    differing = [mine for mine, other in zip(*shown, strict=True) if mine != other]
    assert all(line.startswith(SIGNED_NUMBERS) and " SS " in line for line in differing)


def test_the_dictionaries_of_dcmtk_agree_with_ours_on_public_elements(dictionary: FileDictionary) -> None:
    tags = [element << 16 | number for element in (0x0008, 0x0018, 0x0028, 0x300A) for number in range(0x4000)]
    both = [(tag, dictionary.words(tag), STANDARD.words(tag)) for tag in tags if tag & 0xFFFF and dictionary.words(tag)]
    assert len(both) > 1200
    same = {"US or SS or OW": "OW", "US or OW": "OW"}
    assert [one for one in both if same.get(one[1], one[1]) != same.get(one[2], one[2])] == []
