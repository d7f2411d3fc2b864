"""Encoding of new elements."""

from __future__ import annotations

import pytest

from sealgate.dicom import encode
from sealgate.dicom.transfer_syntax import Encoding
from sealgate.dicom.vr import BY_NAME
from sealgate.errors import LengthOverflow
from support.elements import BIG, EXPLICIT, IMPLICIT, Writer

ENCODINGS = {EXPLICIT: Encoding.EXPLICIT_LE, IMPLICIT: Encoding.IMPLICIT_LE, BIG: Encoding.EXPLICIT_BE}
TAG = 0x00091001


@pytest.mark.parametrize("writer", ENCODINGS, ids=str)
@pytest.mark.parametrize("vr", sorted(set(BY_NAME) - {"SQ"}))
def test_an_element_of_every_vr_has_the_header_of_its_encoding(writer: Writer, vr: str) -> None:
    assert encode.element(TAG, vr, b"12345678", ENCODINGS[writer]) == writer.element(TAG, vr, b"12345678")


@pytest.mark.parametrize(("vr", "pad"), [("CS", b" "), ("DT", b" "), ("UT", b" "), ("UI", b"\0"), ("OB", b"\0")])
def test_an_odd_value_is_padded(vr: str, pad: bytes) -> None:
    assert encode.element(TAG, vr, b"123", Encoding.EXPLICIT_LE) == EXPLICIT.element(TAG, vr, b"123" + pad)


@pytest.mark.parametrize("writer", ENCODINGS, ids=str)
def test_words_and_tags_have_the_byte_order_of_the_encoding(writer: Writer) -> None:
    assert encode.words([1, 0xFFFE], ENCODINGS[writer]) == writer.words(1, 0xFFFE)
    tags = encode.attribute_tags([0x00080005, 0xFFFAFFFA], ENCODINGS[writer])
    assert tags == writer.words(0x0008, 0x0005, 0xFFFA, 0xFFFA)
    assert encode.tag_bytes(0x4FFE0001, ENCODINGS[writer]) == writer.words(0x4FFE, 0x0001)


@pytest.mark.parametrize("writer", ENCODINGS, ids=str)
def test_sequences_and_items_have_explicit_lengths(writer: Writer) -> None:
    encoding = ENCODINGS[writer]
    items = [encode.item(b"abcd", encoding), encode.item(b"", encoding)]
    assert encode.sequence(0x4FFE0001, items, encoding) == writer.sequence(
        0x4FFE0001, writer.item(b"abcd"), writer.item()
    )


@pytest.mark.parametrize("length", [0xFFFFFFFF, 1 << 32, 1 << 40])
def test_a_length_that_would_mean_undefined_or_not_fit_is_refused(length: int) -> None:
    assert encode.length_field(0xFFFFFFFE, Encoding.EXPLICIT_LE) == b"\xfe\xff\xff\xff"
    with pytest.raises(LengthOverflow, match=str(length)):
        encode.length_field(length, Encoding.EXPLICIT_LE)
