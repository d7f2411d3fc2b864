"""Data sets in other transfer syntaxes and with other forms of length: every byte of what comes out."""

from __future__ import annotations

import mmap
import random
import struct
import tracemalloc
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealgate.dicom.deflate import inflate
from sealgate.dicom.part10 import DataSet, file_header, open_file, read_file_meta
from sealgate.dicom.reencode import Lengths, reencoded, reencoded_header, with_unknown_converted
from sealgate.dicom.scan import Carrier, scan
from sealgate.dicom.source import Source
from sealgate.dicom.transfer_syntax import BY_UID, TransferSyntax
from sealgate.errors import ConversionImpossible, SealgateError
from support import samples
from support.elements import (
    BIG,
    DEFLATED_LE_UID,
    EXPLICIT,
    EXPLICIT_LE_UID,
    IMPLICIT,
    JPEG_UID,
    WRITERS,
    Writer,
    part10,
)

SYNTAXES = {writer: BY_UID[writer.uid] for writer in WRITERS}
DEFLATED, JPEG = BY_UID[DEFLATED_LE_UID], BY_UID[JPEG_UID]
SEQUENCE = 0x00081140


def scanned(data_set: bytes, writer: Writer) -> Carrier:
    return scan(Source(data_set), SYNTAXES[writer].encoding)


def written(data_set: bytes, source: Writer, target: Writer, lengths: Lengths = Lengths.EXPLICIT) -> bytes:
    return b"".join(reencoded(scanned(data_set, source), SYNTAXES[source], SYNTAXES[target], lengths=lengths))


def every_vr(writer: Writer) -> bytes:
    """An element of each VR of the dictionary, words in the byte order of the writer."""

    def number(code: str, *values: float) -> bytes:
        return struct.pack(f"{writer.order}{len(values)}{code}", *values)

    return b"".join(
        (
            writer.element(0x00080005, "CS", b"ISO_IR 100"),
            writer.element(0x00080018, "UI", b"1.2.3\0"),
            writer.element(0x00080119, "UC", b"long"),
            writer.element(0x0008030E, "UT", b"a text"),
            writer.element(0x0008040C, "UV", number("Q", 2**63)),
            writer.element(0x00081163, "FD", number("d", 0.5, -1)),
            writer.element(0x00089459, "FL", number("f", 0.25)),
            writer.element(0x00186016, "UL", number("L", 3)),
            writer.element(0x00186020, "SL", number("l", -1, 70000)),
            writer.element(0x00209165, "AT", number("H", 0x0018, 0x1063)),
            writer.element(0x00280010, "US", number("H", 512)),
            writer.element(0x00280103, "US", number("H", 1)),
            writer.element(0x00280106, "SS", number("h", -2)),
            writer.element(0x00281201, "OW", number("H", 1, 2, 3)),
            writer.element(0x00660016, "OF", number("f", 1.5)),
            writer.element(0x00660022, "OD", number("d", 1.5)),
            writer.element(0x00660040, "OL", number("L", 1, 2)),
            writer.element(0x00720081, "OV", number("Q", 9)),
            writer.element(0x00720082, "SV", number("q", -2)),
            writer.element(0x00880200, "SQ"),
            writer.element(0x7FE00010, "OW", number("H", *range(9))),
        )
    )


@pytest.mark.parametrize("target", WRITERS, ids=str)
@pytest.mark.parametrize("source", WRITERS, ids=str)
def test_every_vr_is_written_in_every_encoding_with_its_words_in_the_right_order(
    source: Writer, target: Writer
) -> None:
    assert written(every_vr(source), source, target) == every_vr(target)


@pytest.mark.parametrize("target", WRITERS, ids=str)
@pytest.mark.parametrize("undefined", [False, True])
@pytest.mark.parametrize("source", WRITERS, ids=str)
def test_lengths_are_explicit_undefined_or_kept(source: Writer, undefined: bool, target: Writer) -> None:
    def data_set(writer: Writer, outer: bool, inner: bool) -> bytes:
        leaf = writer.element(0x00080060, "CS", b"CT")
        items = writer.item(leaf, undefined=inner), writer.item(undefined=outer)
        deep = writer.sequence(SEQUENCE, *items, undefined=outer)
        return writer.sequence(SEQUENCE, writer.item(leaf, deep, undefined=outer), undefined=inner) + leaf

    given_data_set = data_set(source, outer=undefined, inner=not undefined)
    assert written(given_data_set, source, target, Lengths.EXPLICIT) == data_set(target, outer=False, inner=False)
    assert written(given_data_set, source, target, Lengths.UNDEFINED) == data_set(target, outer=True, inner=True)
    kept = data_set(target, outer=undefined, inner=not undefined)
    assert written(given_data_set, source, target, Lengths.KEPT) == kept


@pytest.mark.parametrize("target", WRITERS, ids=str)
@pytest.mark.parametrize("source", WRITERS, ids=str)
def test_group_lengths_and_length_to_end_are_true_of_the_result_at_every_level(source: Writer, target: Writer) -> None:
    def number(writer: Writer, tag: int, value: int) -> bytes:
        return writer.element(tag, "UL", struct.pack(writer.order + "L", value))

    def data_set(writer: Writer, right: bool, undefined: bool) -> bytes:
        inner = writer.element(0x00080060, "CS", b"CT")
        item = writer.item(number(writer, 0x00080000, len(inner) if right else 3), inner, undefined=undefined)
        group = writer.element(0x0008030E, "UT", b"text") + writer.sequence(SEQUENCE, item, undefined=undefined)
        patient = writer.element(0x00100020, "LO", b"1234")
        to_end = number(writer, 0x00080001, len(group) + len(patient) + 12 if right else 3)
        start = number(writer, 0x00080000, len(group) + len(to_end) if right else 5)
        return start + to_end + group + number(writer, 0x00100000, len(patient) if right else 7) + patient

    assert written(data_set(source, False, True), source, target) == data_set(target, True, False)
    undefined = written(data_set(source, False, False), source, target, Lengths.UNDEFINED)
    assert undefined == data_set(target, True, True)


@pytest.mark.parametrize("target", [EXPLICIT, BIG], ids=str)
@pytest.mark.parametrize("size", [0xFFFE, 0xFFFF, 0x10000, 70_000])
def test_a_value_too_long_for_a_short_vr_becomes_un_in_little_endian(target: Writer, size: int) -> None:
    value = bytes(range(256)) * (size // 256) + bytes(size % 256)
    data_set = IMPLICIT.element(0x00280009, "AT", value) + IMPLICIT.element(0x00100010, "PN", value)
    padded = value + bytes(size % 2)
    vr = "UN" if len(padded) > 0xFFFF else "AT"
    whole = len(value) // 2 * 2
    words = struct.unpack(f"<{len(padded) // 2}H", padded)
    assert whole
    at = padded if vr == "UN" else target.words(*words)
    name = target.element(0x00100010, "UN" if vr == "UN" else "PN", padded)
    assert written(data_set, IMPLICIT, target) == target.element(0x00280009, vr, at) + name


@pytest.mark.parametrize("target", [IMPLICIT, BIG], ids=str)
def test_odd_values_get_their_nul_before_their_words_are_swapped_and_ow_stays_odd(target: Writer) -> None:
    def elements(writer: Writer, us: bytes, ow: bytes, lo: bytes) -> bytes:
        data_set = writer.element(0x00100020, "LO", lo) + writer.element(0x00280010, "US", us)
        return data_set + writer.element(0x7FE00010, "OW", ow)

    given_data_set = elements(EXPLICIT, b"\1\2\3", b"\1\2\3", b"abc")
    us, ow = (b"\1\2\3\0", b"\1\2\3") if target is IMPLICIT else (b"\2\1\0\3", b"\2\1\3")
    assert written(given_data_set, EXPLICIT, target) == elements(target, us, ow, b"abc\0")
    assert written(given_data_set, EXPLICIT, EXPLICIT) == given_data_set


def test_un_of_undefined_length_holds_implicit_vr_and_becomes_a_sequence() -> None:
    def item(writer: Writer) -> bytes:
        return writer.item(writer.element(0x00280010, "US", writer.words(5)), writer.element(0x00080018, "UI", b"1.2 "))

    for writer in (EXPLICIT, BIG):
        header = writer.header(0x00091001, "UN", 0xFFFFFFFF)
        data_set = header + item(IMPLICIT) + IMPLICIT.delimiter(0xFFFEE0DD)
        assert written(data_set, writer, BIG) == BIG.sequence(0x00091001, item(BIG))
        assert written(data_set, writer, IMPLICIT) == IMPLICIT.sequence(0x00091001, item(IMPLICIT))
        kept = written(data_set, writer, writer, Lengths.KEPT)
        assert kept == writer.sequence(0x00091001, item(writer), undefined=True)


@pytest.mark.parametrize(
    ("source", "target", "vr"),
    [(EXPLICIT, EXPLICIT, "ZZ"), (EXPLICIT, BIG, "UN"), (IMPLICIT, EXPLICIT, "UN"), (BIG, IMPLICIT, "")],
    ids=str,
)
def test_an_element_of_unknown_vr_keeps_its_bytes(source: Writer, target: Writer, vr: str) -> None:
    data_set = source.element(0x00091001, "ZZ", b"abcd")
    assert written(data_set, source, target) == target.element(0x00091001, vr, b"abcd")


def test_a_deflated_result_inflates_to_the_explicit_one() -> None:
    carrier = scanned(every_vr(BIG), BIG)
    octets = b"".join(reencoded(carrier, SYNTAXES[BIG], DEFLATED))
    assert b"".join(inflate([memoryview(octets)])) == every_vr(EXPLICIT)


FRAGMENTS = EXPLICIT.element(0x00080060, "CS", b"CT") + EXPLICIT.fragments(0x7FE00010, b"", b"abcd", b"ef")


@pytest.mark.parametrize("target", [*SYNTAXES.values(), DEFLATED, BY_UID["1.2.840.10008.1.2.5"]], ids=lambda s: s.uid)
def test_compressed_pixel_data_stays_in_its_transfer_syntax(target: TransferSyntax) -> None:
    carrier = scanned(FRAGMENTS, EXPLICIT)
    with pytest.raises(ConversionImpossible, match=f"{JPEG_UID} cannot be converted to {target.uid}"):
        reencoded(carrier, JPEG, target)
    for lengths in Lengths:
        assert b"".join(reencoded(carrier, JPEG, JPEG, lengths=lengths)) == FRAGMENTS


def test_uncompressed_pixel_data_is_not_compressed() -> None:
    with pytest.raises(ConversionImpossible, match="not compressed"):
        reencoded(scanned(every_vr(EXPLICIT), EXPLICIT), SYNTAXES[EXPLICIT], JPEG)


def test_fragments_in_a_native_transfer_syntax_are_only_copied() -> None:
    carrier = scanned(FRAGMENTS, EXPLICIT)
    assert b"".join(reencoded(carrier, SYNTAXES[EXPLICIT], SYNTAXES[EXPLICIT])) == FRAGMENTS
    with pytest.raises(ConversionImpossible):
        reencoded(carrier, SYNTAXES[EXPLICIT], SYNTAXES[BIG])


def test_a_compressed_file_without_pixel_data_may_be_converted() -> None:
    data_set = EXPLICIT.element(0x00280010, "US", EXPLICIT.words(5))
    assert b"".join(reencoded(scanned(data_set, EXPLICIT), JPEG, SYNTAXES[BIG])) == BIG.element(
        0x00280010, "US", BIG.words(5)
    )


@pytest.mark.parametrize("vr", ["UN", "LO"])
def test_a_value_that_implicit_vr_would_take_for_a_sequence_and_is_none_is_not_written_there(vr: str) -> None:
    for writer in (EXPLICIT, BIG):
        nested = writer.sequence(0x00081115, writer.item(writer.element(SEQUENCE, vr, b"no items")))
        carrier = scanned(nested, writer)
        with pytest.raises(ConversionImpossible, match=r"\(0008,1140\) is a sequence in only one"):
            reencoded(carrier, SYNTAXES[writer], SYNTAXES[IMPLICIT])
        assert b"".join(reencoded(carrier, SYNTAXES[writer], SYNTAXES[writer])) == nested
    text = EXPLICIT.sequence(0x00080060, EXPLICIT.item())
    with pytest.raises(ConversionImpossible, match=r"\(0008,0060\) is a sequence in only one"):
        reencoded(scanned(text, EXPLICIT), SYNTAXES[EXPLICIT], SYNTAXES[IMPLICIT])
    items = IMPLICIT.item(IMPLICIT.element(0x00080060, "CS", b"CT"))
    assert written(EXPLICIT.element(SEQUENCE, vr, items), EXPLICIT, IMPLICIT) == IMPLICIT.sequence(SEQUENCE, items)


def test_an_empty_data_set_stays_one() -> None:
    assert written(b"", EXPLICIT, BIG) == b""


def opened(path: Path) -> tuple[DataSet, Carrier]:
    data_set = open_file(path.read_bytes())
    return data_set, scan(data_set.source, data_set.encoding)


@pytest.mark.parametrize("path", samples.readable(), ids=samples.label)
def test_a_sample_file_keeps_every_byte_where_only_lengths_stay_and_comes_back_from_big_endian(path: Path) -> None:
    data_set, carrier = opened(path)
    inflated = BY_UID[EXPLICIT_LE_UID] if data_set.syntax.deflated else data_set.syntax
    same = b"".join(reencoded(carrier, inflated, inflated, lengths=Lengths.KEPT))
    undefined_un = path.name in ("UN_sequence.dcm", "nested_priv_SQ.dcm", "priv_SQ.dcm")
    retired_lengths = any(element.tag & 0xFFFF == 0 for element in carrier.elements)
    assert same == bytes(data_set.source.view) or undefined_un or retired_lengths
    if inflated.uid != EXPLICIT_LE_UID:
        return
    big = b"".join(reencoded(carrier, inflated, SYNTAXES[BIG], lengths=Lengths.KEPT))
    back = scanned(big, BIG)
    assert b"".join(reencoded(back, SYNTAXES[BIG], inflated, lengths=Lengths.KEPT)) == same or undefined_un


values = st.binary(max_size=24)
leaves = st.tuples(st.sampled_from(["LO", "UI", "US", "FD", "OW", "UN", "OB", "AT"]), values)
nested = st.recursive(st.lists(leaves, max_size=4), lambda inner: st.lists(st.one_of(leaves, inner), max_size=4))


def data_set_of(content: object, writer: Writer, number: int = 0x10) -> bytes:
    """Elements and, for lists, sequences of one item each; their VRs are not those of any dictionary."""
    octets = b""
    for index, part in enumerate(content):  # type: ignore[var-annotated,arg-type]
        tag = 0x00110000 + (number + index) % 0xFF00 + 0x100
        if isinstance(part, list):
            inside = data_set_of(part, writer)
            octets += writer.sequence(tag, writer.item(inside, undefined=bool(index % 2)), undefined=bool(index % 3))
        else:
            octets += writer.element(tag, *part)
    return octets


@given(nested)
def test_explicit_little_endian_to_big_and_back_gives_the_same_values(content: list[object]) -> None:
    data_set = data_set_of(content, EXPLICIT)
    there = written(data_set, EXPLICIT, BIG, Lengths.KEPT)
    back = written(there, BIG, EXPLICIT, Lengths.KEPT)
    assert written(back, EXPLICIT, BIG, Lengths.KEPT) == there
    assert [element[0] for element in scanned(back, EXPLICIT).elements] == [
        element[0] for element in scanned(data_set, EXPLICIT).elements
    ]


def mutated(file: bytes, chance: random.Random) -> bytes:
    octets = bytearray(file)
    for _ in range(chance.randint(1, 6)):
        position = chance.randrange(min(130, len(octets) - 1), len(octets))
        kind = chance.randrange(4)
        if kind == 0:
            octets[position] = chance.choice((0, 1, 0xFF, chance.randrange(256)))
        elif kind == 1:
            octets[position : position + 2] = chance.choice((b"UN", b"SQ", b"OB", b"US", b"LO", b"ZZ"))
        elif kind == 2:
            octets[position : position + 4] = b"\xff\xff\xff\xff"
        else:
            octets[position:position] = octets[position : position + chance.randint(1, 60)]
    return bytes(octets)


def test_whatever_can_be_scanned_is_written_so_that_it_can_be_scanned_again() -> None:
    chance = random.Random(4)
    files = [path.read_bytes() for path in samples.files() if path.stat().st_size < 20_000]
    results = 0
    for _ in range(1500):
        try:
            data_set = open_file(mutated(chance.choice(files), chance))
            carrier = scan(data_set.source, data_set.encoding)
        except SealgateError:
            continue
        target = chance.choice([data_set.syntax, *SYNTAXES.values()])
        lengths, convert = chance.choice(list(Lengths)), chance.random() < 0.5
        try:
            inflated = replace(target, deflated=False)
            pieces = reencoded(carrier, data_set.syntax, inflated, lengths=lengths, convert_unknown=convert)
        except ConversionImpossible:
            continue
        again = scan(Source(b"".join(pieces)), target.encoding)
        assert [element.tag for element in again.elements] == [element.tag for element in carrier.elements]
        results += 1
    assert results > 200


def test_memory_does_not_grow_with_pixel_data(tmp_path: Path) -> None:
    size = 48 << 20
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.write(EXPLICIT.element(0x00280010, "US", b"\5\0") + EXPLICIT.header(0x7FE00010, "OW", size))
        file.truncate(file.tell() + size)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        source = Source(mapped)
        carrier = scan(source, SYNTAXES[EXPLICIT].encoding)
        tracemalloc.start()
        total = sum(len(piece) for piece in reencoded(carrier, SYNTAXES[EXPLICIT], SYNTAXES[BIG]))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        source.view.release()
    assert total == path.stat().st_size
    assert peak < 24 << 20  # some windows of 4 MiB


def test_the_header_gets_the_new_transfer_syntax_and_keeps_its_other_elements() -> None:
    file = samples.sample("CT_small.dcm").read_bytes()
    header = file[: read_file_meta(file).data_set_start]
    for uid in (DEFLATED_LE_UID, "1.2.840.10008.1.2"):
        changed = reencoded_header(header, uid)
        assert read_file_meta(changed).transfer_syntax_uid == uid
        before, after = (pydicom.dcmread(BytesIO(octets)).file_meta for octets in (header, changed))
        assert after.FileMetaInformationGroupLength == len(changed) - 132 - 12
        for keyword in ("TransferSyntaxUID", "FileMetaInformationGroupLength"):
            delattr(before, keyword)
            delattr(after, keyword)
        assert before == after
        assert changed[:132] == header[:132]
    assert reencoded_header(b"", EXPLICIT_LE_UID) == b""
    bare = file_header(
        sop_class_uid="1.2",
        sop_instance_uid="1.3",
        transfer_syntax_uid=EXPLICIT_LE_UID,
        implementation_class_uid="1.4",
        implementation_version_name="X",
    )
    assert reencoded_header(reencoded_header(bare, DEFLATED_LE_UID), EXPLICIT_LE_UID) == bare


def converted(data_set: bytes, writer: Writer) -> bytes:
    opened_file = open_file(part10(data_set, writer.uid))
    carrier = scan(opened_file.source, opened_file.encoding)
    return bytes(with_unknown_converted(opened_file, carrier, b"".join).source.view)


@pytest.mark.parametrize("writer", [EXPLICIT, BIG], ids=str)
def test_un_of_known_tags_gets_its_real_vr_also_in_items_and_for_private_elements(writer: Writer) -> None:
    def elements(private: str) -> tuple[bytes, ...]:
        known = private != "UN"
        number = writer.element(0x00280010, "US" if known else "UN", writer.words(5) if known else b"\5\0")
        text = writer.element(0x00080060, "CS" if known else "UN", b"CT")
        offset = writer.element(0x00191002, private, struct.pack((writer.order if known else "<") + "l", 7))
        return text, writer.element(0x00190010, "LO", b"GEMS_ACQU_01"), offset, number

    unknown = writer.element(0x00091001, "UN", b"ab") + writer.element(0x00080003, "UN", b"cd")
    before = unknown + writer.sequence(SEQUENCE, writer.item(*elements("UN"))) + b"".join(elements("UN"))
    after = unknown + writer.sequence(SEQUENCE, writer.item(*elements("SL"))) + b"".join(elements("SL"))
    assert converted(before, writer) == after


@pytest.mark.parametrize("writer", [EXPLICIT, BIG], ids=str)
def test_un_of_a_known_sequence_becomes_one_if_it_reads_as_one(writer: Writer) -> None:
    def item(inner: Writer, undefined: bool) -> bytes:
        return inner.item(inner.element(0x00280010, "US", inner.words(5)), undefined=undefined)

    for undefined in (False, True):
        before = writer.element(SEQUENCE, "UN", item(IMPLICIT, undefined))
        assert converted(before, writer) == writer.sequence(SEQUENCE, item(writer, undefined))
    damaged = writer.element(SEQUENCE, "UN", item(IMPLICIT, False)[:-2] + writer.element(0x00080060, "UN", b"CT"))
    assert converted(damaged, writer) == damaged


def test_un_that_is_too_long_for_its_vr_stays_un_and_nothing_else_changes() -> None:
    long = EXPLICIT.element(0x00100020, "UN", bytes(70_000))
    inner = EXPLICIT.item(EXPLICIT.element(0x00080060, "UN", b"CT"), undefined=True)
    sequence = EXPLICIT.sequence(SEQUENCE, inner, undefined=True)
    changed = EXPLICIT.sequence(
        SEQUENCE, EXPLICIT.item(EXPLICIT.element(0x00080060, "CS", b"CT"), undefined=True), undefined=True
    )
    assert converted(sequence + long, EXPLICIT) == changed + long


def test_a_data_set_without_un_is_returned_as_it_is() -> None:
    opened_file = open_file(part10(every_vr(EXPLICIT)))
    carrier = scan(opened_file.source, opened_file.encoding)
    assert with_unknown_converted(opened_file, carrier, b"".join) is opened_file


def test_un_is_converted_in_a_deflated_and_in_a_compressed_file() -> None:
    unknown = EXPLICIT.element(0x00080060, "UN", b"CT")
    jpeg = open_file(part10(unknown + FRAGMENTS[10:], JPEG_UID))
    result = with_unknown_converted(jpeg, scan(jpeg.source, jpeg.encoding), b"".join)
    assert bytes(result.source.view) == FRAGMENTS
    assert result.syntax is jpeg.syntax
