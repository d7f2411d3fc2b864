"""Which signatures a change of the transfer syntax is said to break."""

from __future__ import annotations

import pytest

from sealgate.dicom.part10 import open_file
from sealgate.dicom.scan import scan
from sealgate.dicom.transfer_syntax import BY_UID, Encoding
from sealgate.signature.transit import Risk, element_risks, endangered_signatures
from support.elements import BIG, EXPLICIT, IMPLICIT, WRITERS, Writer, part10
from support.pki import Authority
from support.signing import signed

SEQUENCE, PIXEL_DATA, PRIVATE = 0x00081140, 0x7FE00010, 0x00191002
MODALITY = 0x00080060


def risks(data_set: bytes, writer: Writer, target: Encoding) -> dict[int, Risk]:
    opened = open_file(part10(data_set, writer.uid))
    return element_risks(scan(opened.source, opened.encoding), target)


def elements(writer: Writer, pixel_vr: str = "OW") -> bytes:
    item = writer.item(writer.element(0x00080018, "UI", b"1.2\0"), writer.element(PIXEL_DATA, pixel_vr, b"\1\2"))
    modality = writer.element(MODALITY, "CS", b"CT")
    return modality + writer.sequence(SEQUENCE, item) + writer.element(PIXEL_DATA, pixel_vr, b"\1\2")


@pytest.mark.parametrize("target", Encoding)
@pytest.mark.parametrize("writer", WRITERS, ids=str)
def test_words_that_are_the_same_in_every_encoding_are_at_no_risk(writer: Writer, target: Encoding) -> None:
    assert risks(elements(writer), writer, target) == {}


@pytest.mark.parametrize("writer", [EXPLICIT, BIG], ids=str)
def test_bytes_of_pixel_data_become_words_in_implicit_vr_in_items_too(writer: Writer) -> None:
    data_set = elements(writer, "OB")
    expected = {SEQUENCE: Risk.CERTAIN, PIXEL_DATA: Risk.CERTAIN}
    assert risks(data_set, writer, Encoding.IMPLICIT_LE) == expected
    assert risks(data_set, writer, Encoding.EXPLICIT_BE) == risks(data_set, writer, Encoding.EXPLICIT_LE) == {}


@pytest.mark.parametrize("writer", [EXPLICIT, BIG], ids=str)
def test_private_elements_become_unsignable_or_depend_on_the_dictionary_of_the_reader(writer: Writer) -> None:
    creator = writer.element(0x00190010, "LO", b"GEMS_ACQU_01")
    known, unknown = writer.element(PRIVATE, "SL", bytes(4)), writer.element(PRIVATE + 0xFB, "SL", bytes(4))
    assert risks(creator + known + unknown, writer, Encoding.IMPLICIT_LE) == {
        PRIVATE: Risk.READER,
        PRIVATE + 0xFB: Risk.CERTAIN,
    }
    other = writer.element(PRIVATE, "LO", b"ab")
    assert risks(creator + other, writer, Encoding.IMPLICIT_LE) == {PRIVATE: Risk.CERTAIN}
    nested = writer.sequence(SEQUENCE, writer.item(creator, known), writer.item(known))
    assert risks(nested, writer, Encoding.IMPLICIT_LE) == {SEQUENCE: Risk.CERTAIN}
    nested = writer.sequence(SEQUENCE, writer.item(creator, known))
    assert risks(nested, writer, Encoding.IMPLICIT_LE) == {SEQUENCE: Risk.READER}


def test_what_no_signature_covers_is_at_no_risk() -> None:
    data_set = EXPLICIT.element(MODALITY, "UN", b"CT") + EXPLICIT.element(0x00091001, "ZZ", b"ab")
    data_set += EXPLICIT.element(0xFFFCFFFC, "OW", b"ab")
    assert risks(data_set, EXPLICIT, Encoding.IMPLICIT_LE) == {}


def test_the_sign_of_numbers_follows_pixel_representation_of_the_same_item() -> None:
    def item(representation: int) -> bytes:
        number = EXPLICIT.element(0x00280106, "SS", b"\xff\xff")
        return EXPLICIT.item(EXPLICIT.element(0x00280103, "US", EXPLICIT.words(representation)), number)

    assert risks(EXPLICIT.sequence(SEQUENCE, item(1)), EXPLICIT, Encoding.IMPLICIT_LE) == {}
    two = EXPLICIT.sequence(SEQUENCE, item(1), item(0))
    assert risks(two, EXPLICIT, Encoding.IMPLICIT_LE) == {SEQUENCE: Risk.CERTAIN}


@pytest.mark.parametrize("target", [Encoding.EXPLICIT_LE, Encoding.EXPLICIT_BE])
def test_a_value_too_long_for_a_short_vr_is_at_risk_in_explicit_vr(target: Encoding) -> None:
    long, fits = IMPLICIT.element(0x00100010, "PN", bytes(0xFFFF)), IMPLICIT.element(0x00100020, "LO", bytes(0xFFFE))
    nested = IMPLICIT.sequence(SEQUENCE, IMPLICIT.item(long))
    pixels = IMPLICIT.element(PIXEL_DATA, "OW", bytes(0x20000))
    assert risks(nested + long + fits + pixels, IMPLICIT, target) == {SEQUENCE: Risk.CERTAIN, 0x00100010: Risk.CERTAIN}


def test_a_signature_is_endangered_by_the_elements_that_it_covers(pki: Authority) -> None:
    credential = pki.issue("Signer")
    file = part10(elements(EXPLICIT, "OB"))
    for wanted, found in ((None, (SEQUENCE, PIXEL_DATA)), ((MODALITY,), ()), ((MODALITY, PIXEL_DATA), (PIXEL_DATA,))):
        result = signed(file, credential, elements=wanted)
        opened = open_file(result.file)
        carrier = scan(opened.source, opened.encoding)
        endangered = endangered_signatures(carrier, Encoding.IMPLICIT_LE)
        assert [signature.elements for signature in endangered] == ([found] if found else [])
        assert all(signature.risk is Risk.CERTAIN and not signature.location.path for signature in endangered)
        assert endangered_signatures(carrier, Encoding.EXPLICIT_BE) == ()
    assert BY_UID[EXPLICIT.uid].encoding is Encoding.EXPLICIT_LE
