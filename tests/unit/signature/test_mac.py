"""The MAC byte stream against test vectors, and its rules one by one."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from sealgate.dicom.limits import MAX_NORMALISED_BYTES
from sealgate.dicom.scan import Carrier, scan
from sealgate.dicom.source import WINDOW_BYTES, Source
from sealgate.dicom.transfer_syntax import Encoding
from sealgate.errors import LimitExceeded
from sealgate.signature import mac
from sealgate.signature.selection import is_signable, signed_elements
from sealgate.signature.stream import signature_item_elements
from support import samples
from support.elements import BIG, EXPLICIT, IMPLICIT, Writer
from support.signing import opened

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "data" / "mac_streams.json").read_text(encoding="utf-8")
)
ENCODINGS = {EXPLICIT: Encoding.EXPLICIT_LE, IMPLICIT: Encoding.IMPLICIT_LE, BIG: Encoding.EXPLICIT_BE}


def stream_of(carrier: Carrier, encoding: Encoding, tags: tuple[int, ...] | None = None) -> bytes:
    elements = [e for e in carrier.in_tag_order() if is_signable(e)] if tags is None else signed_elements(carrier, tags)
    out = bytearray()
    mac.feed(out.extend, carrier.source, mac.pieces(carrier, elements, encoding))
    return bytes(out)


def stream(data_set: bytes, writer: Writer = EXPLICIT, encoding: Encoding | None = None) -> bytes:
    return stream_of(scan(Source(data_set), ENCODINGS[writer]), encoding or ENCODINGS[writer])


def test_the_sample_files_are_those_of_the_test_vectors() -> None:
    for vector in VECTORS["files"]:
        digest = hashlib.sha256(samples.sample(vector["name"]).read_bytes()).hexdigest()
        assert digest.startswith(vector["sha256_starts_with"])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param(vector["name"], expected, id=f"{vector['name']}-{expected['mac_encoding']}")
        for vector in VECTORS["files"]
        for expected in vector["streams"]
    ],
)
def test_the_stream_of_a_sample_file_equals_its_test_vector(name: str, expected: dict[str, Any]) -> None:
    _, carrier = opened(samples.sample(name).read_bytes())
    out = stream_of(carrier, Encoding[expected["mac_encoding"]])
    signable = [element for element in carrier.in_tag_order() if is_signable(element)]
    assert (len(signable), len(out)) == (expected["elements"], expected["bytes"])
    assert hashlib.sha256(out).hexdigest() == expected["sha256"]


@pytest.mark.parametrize("expected", VECTORS["synthetic"]["streams"], ids=lambda row: row["mac_encoding"])
def test_the_stream_of_the_synthetic_data_set_equals_its_test_vector(expected: dict[str, Any]) -> None:
    carrier = scan(Source(bytes.fromhex(VECTORS["synthetic"]["data_set"])), Encoding.EXPLICIT_LE)
    out = stream_of(carrier, Encoding[expected["mac_encoding"]])
    assert (len(out), hashlib.sha256(out).hexdigest()) == (expected["bytes"], expected["sha256"])


def test_the_synthetic_data_set_gives_the_very_bytes_of_the_test_vector() -> None:
    vector = VECTORS["synthetic"]
    carrier = scan(Source(bytes.fromhex(vector["data_set"])), Encoding.EXPLICIT_LE)
    assert stream_of(carrier, Encoding.EXPLICIT_LE).hex() == vector["explicit_le_stream"]
    signable = [f"{e.tag:08x}" for e in carrier.in_tag_order() if is_signable(e)]
    assert signable == vector["data_elements_signed"]


def signature_item(writer: Writer, *more: bytes) -> bytes:
    vector = VECTORS["signature_item"]
    purpose = writer.item(
        writer.element(0x00080100, "SH", b"5 "),
        writer.element(0x00080102, "SH", b"ASTM-sigpurpose "),
        writer.element(0x00080104, "LO", b"Verification Signature"),
    )
    return b"".join(
        (
            writer.element(0x04000005, "US", writer.words(vector["mac_id_number"])),
            writer.element(0x04000100, "UI", vector["digital_signature_uid"].encode() + b"\0"),
            writer.element(0x04000105, "DT", vector["digital_signature_datetime"].encode()),
            writer.element(0x04000110, "CS", b"X509_1993_SIG "),
            writer.element(0x04000115, "OB", b"certificate "),
            writer.element(0x04000120, "OB", b"signature "),
            writer.element(0x04000305, "CS", b"CMS_TSP "),
            writer.element(0x04000310, "OB", b"a token "),
            writer.sequence(0x04000401, purpose, undefined=True),
            *more,
        )
    )


@pytest.mark.parametrize("writer", ENCODINGS, ids=str)
def test_the_signature_item_part_equals_its_test_vector_in_whatever_encoding_it_is_stored(writer: Writer) -> None:
    item = scan(Source(signature_item(writer)), ENCODINGS[writer])
    out = bytearray()
    mac.feed(out.extend, item.source, mac.pieces(item, signature_item_elements(item), Encoding.EXPLICIT_LE))
    assert out.hex() == VECTORS["signature_item"]["stream"]
    assert hashlib.sha256(out).hexdigest() == VECTORS["signature_item"]["sha256"]


def test_an_unsignable_element_of_the_signature_item_is_left_out() -> None:
    stranger = EXPLICIT.element(0x04000500, "UN", b"ab")
    item = scan(Source(signature_item(EXPLICIT, stranger)), Encoding.EXPLICIT_LE)
    assert 0x04000500 not in {element.tag for element in signature_item_elements(item)}


NORMAL_VALUES = [
    ("LO", b"AB", b"AB"),
    ("LO", b"ABC ", b"ABC "),
    ("LO", b"AB  ", b"AB"),
    ("LO", b"ABC   ", b"ABC "),
    ("LO", b"    ", b""),
    ("LO", b"", b""),
    ("LO", b" A", b" A"),
    ("LO", b"A \\B  ", b"A \\B"),
    ("LO", b"ABC", b"ABC\0"),
    ("LO", b"AB ", b"AB \0"),
    ("LO", b"A\0", b"A\0"),
    ("UT", b"text  ", b"text"),
    ("UI", b"1.2.3\0", b"1.2.3\0"),
    ("UI", b"1.2.34", b"1.2.34"),
    ("UI", b"1.2.3 ", b"1.2.3\0"),
    ("UI", b"1.2.34\0\0", b"1.2.34"),
    ("UI", b"1 .\t2\r\n", b"1.2\0"),
    ("UI", b"1.2.3", b"1.2.3\0"),
    ("UI", b"1.2\0.3", b"1.2\0.3"),
    ("UI", b"\0\0", b""),
    ("OB", b"abc", b"abc\0"),
    ("OB", b"ab  ", b"ab  "),
    ("OW", b"abc", b"abc"),
    ("US", b"\1\0\2", b"\1\0\2\0"),
    ("FD", b"123456", b"123456"),
    ("AT", b"\x08\0\x05\0", b"\x08\0\x05\0"),
    ("PN", b"M\xfcllers ", b"M\xfcllers "),
]


@pytest.mark.parametrize(("vr", "value", "normal"), NORMAL_VALUES, ids=[f"{vr}-{v!r}" for vr, v, _ in NORMAL_VALUES])
def test_a_value_enters_the_stream_in_its_normal_form(vr: str, value: bytes, normal: bytes) -> None:
    tag = 0x00091001  # a private tag takes any VR
    assert stream(EXPLICIT.element(tag, vr, value)) == EXPLICIT.element(tag, vr, normal)
    inside = EXPLICIT.sequence(0x00081140, EXPLICIT.item(EXPLICIT.element(tag, vr, value)))
    assert EXPLICIT.element(tag, vr, normal) in stream(inside)


WORDS = [
    ("US", b"\1\2\3\4", b"\2\1\4\3"),
    ("SS", b"\1\2", b"\2\1"),
    ("AT", b"\1\2\3\4", b"\2\1\4\3"),
    ("OW", b"\1\2\3\4", b"\2\1\4\3"),
    ("OW", b"\1\2\3", b"\2\1\3"),
    ("UL", b"\1\2\3\4", b"\4\3\2\1"),
    ("FL", b"\1\2\3\4\5\6", b"\4\3\2\1\5\6"),
    ("OL", b"\1\2\3\4", b"\4\3\2\1"),
    ("FD", bytes(range(8)), bytes(range(7, -1, -1))),
    ("OV", bytes(range(8)), bytes(range(7, -1, -1))),
    ("US", b"\1\2\3", b"\2\1\0\3"),
    ("OB", b"\1\2", b"\1\2"),
    ("LO", b"AB", b"AB"),
]


@pytest.mark.parametrize(("vr", "value", "swapped"), WORDS, ids=[f"{vr}-{v.hex()}" for vr, v, _ in WORDS])
def test_words_are_swapped_where_the_stream_has_the_other_byte_order(vr: str, value: bytes, swapped: bytes) -> None:
    tag = 0x00091001
    assert stream(BIG.element(tag, vr, value), BIG, Encoding.EXPLICIT_LE) == EXPLICIT.element(tag, vr, swapped)
    assert stream(EXPLICIT.element(tag, vr, value), encoding=Encoding.EXPLICIT_BE) == BIG.element(tag, vr, swapped)


def test_a_word_value_larger_than_a_window_is_swapped_as_a_whole() -> None:
    value = bytes(range(256)) * (WINDOW_BYTES // 256 + 1)
    out = stream(BIG.element(0x7FE00010, "OW", value), BIG, Encoding.EXPLICIT_LE)
    swapped = bytearray(value)
    swapped[::2], swapped[1::2] = value[1::2], value[::2]
    assert out == EXPLICIT.element(0x7FE00010, "OW", bytes(swapped))


def test_lengths_of_sequences_and_items_do_not_enter_the_stream() -> None:
    tag, element = 0x00081140, EXPLICIT.element(0x00081150, "UI", b"1.2.34")
    undefined = EXPLICIT.sequence(tag, EXPLICIT.item(element, undefined=True), undefined=True)
    defined = EXPLICIT.sequence(tag, EXPLICIT.item(element))
    expected = bytes.fromhex("08004011") + b"SQ\0\0" + bytes.fromhex("feff00e0") + element + bytes.fromhex("feffdde0")
    assert stream(undefined) == stream(defined) == expected


def test_empty_sequences_and_empty_items_stay_in_the_stream() -> None:
    header, item, end = bytes.fromhex("08004011") + b"SQ\0\0", bytes.fromhex("feff00e0"), bytes.fromhex("feffdde0")
    assert stream(EXPLICIT.sequence(0x00081140)) == header + end
    assert stream(EXPLICIT.sequence(0x00081140, EXPLICIT.item(), undefined=True)) == header + item + end


def test_fragments_enter_the_stream_without_lengths_and_with_an_even_number_of_bytes() -> None:
    out = stream(EXPLICIT.fragments(0x7FE00010, b"", b"abcd", b"efg"))
    item, end = bytes.fromhex("feff00e0"), bytes.fromhex("feffdde0")
    assert out == bytes.fromhex("e07f1000") + b"OB\0\0" + item + item + b"abcd" + item + b"efg\0" + end


def test_un_of_undefined_length_enters_the_stream_as_a_sequence_re_encoded_from_implicit_vr() -> None:
    inner = IMPLICIT.item(IMPLICIT.element(0x00080060, "CS", b"MR"))
    for writer in (EXPLICIT, BIG):
        data_set = writer.header(0x00091001, "UN", 0xFFFFFFFF) + inner + IMPLICIT.delimiter(0xFFFEE0DD)
        element = EXPLICIT.element(0x00080060, "CS", b"MR")
        expected = bytes.fromhex("09000110") + b"SQ\0\0" + bytes.fromhex("feff00e0") + element
        assert stream(data_set, writer, Encoding.EXPLICIT_LE) == expected + bytes.fromhex("feffdde0")


def test_elements_are_sorted_inside_items_and_the_first_of_equal_tags_counts() -> None:
    first, second, third = (EXPLICIT.element(0x00081150, "UI", uid) for uid in (b"1.", b"2.", b"3."))
    other = EXPLICIT.element(0x00080100, "SH", b"AB")
    assert stream(second + other) == other + second
    item = EXPLICIT.item(first, second, other, third)
    assert stream(EXPLICIT.sequence(0x00081140, item, EXPLICIT.item())) == stream(
        EXPLICIT.sequence(0x00081140, EXPLICIT.item(other, first), EXPLICIT.item())
    )


def test_nested_sequences_and_fragments_keep_their_content_when_elements_are_sorted() -> None:
    inner = EXPLICIT.sequence(0x00081199, EXPLICIT.item(EXPLICIT.element(0x00081150, "UI", b"1.")), undefined=True)
    icon = EXPLICIT.fragments(0x7FE00010, b"", b"abcd")
    code = EXPLICIT.element(0x00080100, "SH", b"AB")
    shuffled = EXPLICIT.sequence(0x00081140, EXPLICIT.item(icon, inner, code))
    ordered = EXPLICIT.sequence(0x00081140, EXPLICIT.item(code, inner, icon))
    assert stream(shuffled) == stream(ordered)


@pytest.mark.parametrize(
    "left_out",
    [
        EXPLICIT.element(0x00080000, "UL", bytes(4)),
        EXPLICIT.element(0x00080001, "UL", bytes(4)),
        EXPLICIT.element(0x00060010, "LO", b"AB"),
        EXPLICIT.element(0xFFFAFFF0, "LO", b"AB"),
        EXPLICIT.element(0xFFFCFFFC, "OB", b"AB"),
        EXPLICIT.sequence(0x4FFE0001, EXPLICIT.item(EXPLICIT.sequence(0x00081140, EXPLICIT.item()))),
        EXPLICIT.sequence(0xFFFAFFFA, EXPLICIT.item(), undefined=True),
        EXPLICIT.fragments(0xFFFCFFFC, b"", b"abcd"),
    ],
    ids=lambda octets: octets[:4].hex(),
)
def test_nested_elements_that_are_never_signed_are_left_out(left_out: bytes) -> None:
    before, behind = EXPLICIT.element(0x00080005, "CS", b"AB"), EXPLICIT.element(0xFFFF0010, "LO", b"AB")
    with_it = EXPLICIT.sequence(0x00081140, EXPLICIT.item(before, left_out, behind))
    without = EXPLICIT.sequence(0x00081140, EXPLICIT.item(before, behind))
    assert stream(with_it) == stream(without)


def test_a_value_too_long_for_its_vr_is_written_as_un() -> None:
    value = b"1\\" * 40000
    out = stream(IMPLICIT.element(0x00280010, "US", value), IMPLICIT, Encoding.EXPLICIT_LE)
    assert out == EXPLICIT.element(0x00280010, "UN", value)
    odd = stream(EXPLICIT.element(0x00081030, "LO", b"x" * 65535))
    assert odd == EXPLICIT.element(0x00081030, "UN", b"x" * 65535 + b"\0")


def test_the_words_of_a_value_that_is_written_as_un_are_little_endian() -> None:
    value = bytes(n % 251 for n in range(65535))
    out = stream(BIG.element(0x00280010, "US", value), BIG, Encoding.EXPLICIT_LE)
    swapped = bytearray(value + b"\0")
    swapped[::2], swapped[1::2] = swapped[1::2], swapped[::2]
    assert out == EXPLICIT.element(0x00280010, "UN", bytes(swapped))


def test_a_uid_that_would_have_to_be_rewritten_in_memory_is_limited() -> None:
    value = b"1 " * (MAX_NORMALISED_BYTES // 2 + 1)
    with pytest.raises(LimitExceeded, match="UID"):
        stream(IMPLICIT.element(0x00081150, "UI", value), IMPLICIT, Encoding.EXPLICIT_LE)


def test_untouched_runs_are_given_as_single_slices_of_the_source() -> None:
    data_set = b"".join(EXPLICIT.element(tag, "LO", b"AB") for tag in range(0x00100010, 0x00100030))
    carrier = scan(Source(data_set), Encoding.EXPLICIT_LE)
    slices: list[bytes | memoryview] = []
    mac.feed(slices.append, carrier.source, mac.pieces(carrier, carrier.elements, Encoding.EXPLICIT_LE))
    assert [bytes(one) for one in slices if len(one)] == [data_set]
    assert all(isinstance(one, memoryview) for one in slices)
