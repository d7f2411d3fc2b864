"""Damaged files never make the engine raise anything but its own errors, and random data sets survive signing."""

from __future__ import annotations

import os
import random
import struct
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sealgate.dicom.deflate import deflate
from sealgate.dicom.scan import scan
from sealgate.dicom.source import Source
from sealgate.dicom.transfer_syntax import Encoding
from sealgate.dicom.walk import UNDEFINED_LENGTH, Kind, walk
from sealgate.errors import InputError, NothingSignable, SealgateError
from sealgate.signature.reasons import Reason
from sealgate.verification.report import Outcome
from support import samples
from support.elements import BIG, DEFLATED_LE_UID, EXPLICIT, IMPLICIT, JPEG_UID, WRITERS, Writer, part10
from support.forging import body, forge, with_signatures
from support.mutating import damaged_bytes
from support.pki import Authority, Credential
from support.signing import AT, UID, anchors, opened, signed, verified

ROUNDS = int(os.environ.get("SEALGATE_FUZZ_ROUNDS", "400"))
"""Mutations of each file. With a larger number in the environment the search is longer, and each time another one."""
SEED = "" if ROUNDS == 400 else str(time.time())
MAX_SECONDS = 2.0
"""For one damaged file of some kilobytes, on a busy machine; it usually takes a few milliseconds."""

pytestmark = pytest.mark.filterwarnings("ignore:Parsed a serial number")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("pki"), now=AT)


@pytest.fixture(scope="module")
def credential(authority: Authority) -> Credential:
    return authority.issue("signer")


def content(writer: Writer, credential: Credential) -> bytes:
    """A data set with nested sequences of both length forms, private elements and a signature inside an item."""
    inner = with_signatures(body(writer), forge(credential, body(writer), writer=writer, uid=f"{UID}.2"), writer=writer)
    nested = writer.sequence(0x00081199, writer.item(body(writer), undefined=True), undefined=True)
    sequences = (
        writer.sequence(0x00081115, writer.item(inner, undefined=True), writer.item(nested), undefined=True),
        writer.sequence(0x00081140, writer.item(nested), writer.item()),
    )
    private = writer.element(0x00090010, "LO", b"GEMS_IDEN_01") + writer.element(0x00091004, "SH", b"ABCD")
    representation = writer.element(0x00280103, "US", writer.words(1)) + writer.element(
        0x00280106, "SS", writer.words(0xFFFE)
    )
    front = writer.element(0x00080018, "UI", b"1.2.34")
    return b"".join((front, *sequences, private, writer.element(0x00100010, "PN", b"A^B "), representation))


def native(writer: Writer) -> Callable[[Credential], bytes]:
    def made(credential: Credential) -> bytes:
        pixels = writer.element(0x7FE00010, "OW", bytes(range(64)))
        return part10(content(writer, credential) + pixels, writer.uid)

    return made


def encapsulated(credential: Credential) -> bytes:
    pixels = EXPLICIT.fragments(0x7FE00010, struct.pack("<L", 0), bytes(range(40)), b"abcd")
    return part10(content(EXPLICIT, credential) + pixels, JPEG_UID)


def deflated(credential: Credential) -> bytes:
    return part10(b"".join(deflate([content(EXPLICIT, credential)])), DEFLATED_LE_UID)


def unknown_sequence(credential: Credential) -> bytes:
    inner = IMPLICIT.item(content(IMPLICIT, credential)) + IMPLICIT.delimiter(0xFFFEE0DD)
    element = EXPLICIT.header(0x00091001, "UN", UNDEFINED_LENGTH) + inner
    return part10(body() + element)


def bare(credential: Credential) -> bytes:
    return content(EXPLICIT, credential)


FILES: dict[str, Callable[[Credential], bytes]] = {
    "explicit": native(EXPLICIT),
    "implicit": native(IMPLICIT),
    "big endian": native(BIG),
    "encapsulated": encapsulated,
    "deflated": deflated,
    "UN of undefined length": unknown_sequence,
    "without file meta": bare,
}


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_gives_a_report_or_an_input_error_in_bounded_time(
    name: str, authority: Authority, credential: Credential
) -> None:
    file = signed(FILES[name](credential), credential).file
    trusted = anchors(authority)
    assert verified(file, trusted).outcome is Outcome.VALID
    rng = random.Random(name + SEED)
    readable, sentences = 0, set[str]()
    for number in range(ROUNDS):
        damaged = damaged_bytes(rng, file)
        begun = time.monotonic()
        try:
            report = verified(damaged, trusted)
            readable += 1
        except InputError as error:
            sentences.add(str(error))
        else:
            assert report.outcome in Outcome
            for one in report.signatures:
                assert one.facts, (name, number)
        assert time.monotonic() - begun < MAX_SECONDS, (name, number)
    assert 0 < readable < ROUNDS
    assert not [sentence for sentence in sentences if "\n" in sentence or "A^B" in sentence]


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_is_signed_or_refused_and_what_was_signed_is_good(
    name: str, authority: Authority, credential: Credential
) -> None:
    file = FILES[name](credential)
    rng = random.Random(name + SEED)
    made = 0
    for _ in range(max(ROUNDS // 4, 1)):
        damaged = damaged_bytes(rng, file)
        try:
            done = signed(damaged, credential, uid="1.2.3.4.5")
        except SealgateError:
            continue
        made += 1
        assert done.without_insertions() == bytes(done.original.source.view)
        own = [r for r in verified(done.file, anchors(authority)).signatures if r.digital_signature_uid == "1.2.3.4.5"]
        assert [report.is_good for report in own] == [True], [report.reasons for report in own]
    assert made


@pytest.mark.parametrize("kind", ["p256", "rsa2048", "dsa1024"])
def test_a_damaged_signature_item_is_reported(kind: str, authority: Authority) -> None:
    own = authority.issue("damaged", kind)
    data_set = with_signatures(body(), forge(own))
    trusted, rng = anchors(authority), random.Random(kind)
    for at in range(len(body()), len(data_set)):
        octets = bytearray(data_set)
        octets[at] ^= 1 << rng.randrange(8)
        try:
            report = verified(part10(bytes(octets)), trusted)
        except InputError:
            continue
        assert report.outcome in Outcome


@pytest.mark.parametrize("name", ["CT_small.dcm", "rtplan.dcm", "reportsi.dcm", "UN_sequence.dcm", "MR_small_RLE.dcm"])
def test_damaged_sample_files_are_scanned_or_refused(name: str) -> None:
    data_set, _ = opened(samples.sample(name).read_bytes())
    octets = bytes(data_set.source.view)
    rng = random.Random(name + SEED)
    for _ in range(max(ROUNDS // 4, 1)):
        damaged = damaged_bytes(rng, octets)
        try:
            carrier = scan(Source(damaged), data_set.encoding)
        except InputError:
            continue
        assert carrier.end == len(damaged)
        assert [element.start for element in carrier.elements] == [0, *(e.end for e in carrier.elements)][:-1]


@pytest.mark.parametrize("encoding", Encoding)
def test_random_bytes_are_walked_or_refused(encoding: Encoding) -> None:
    rng = random.Random(str(encoding))
    for _ in range(2000):
        octets = rng.randbytes(rng.randrange(200))
        try:
            tokens = list(walk(Source(octets), encoding))
        except InputError:
            continue
        assert all(token.kind is not Kind.STARVED for token in tokens)


# --- random data sets that are well formed

EXAMPLES = settings(
    max_examples=max(ROUNDS // 6, 1),
    derandomize=not SEED,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
TEXT_VRS = ("LO", "SH", "PN", "UT", "CS", "DS", "UI", "ST")
WIDTHS = {"US": 2, "SS": 2, "AT": 4, "UL": 4, "FL": 4, "FD": 8, "OW": 2, "OB": 1, "OV": 8, "SV": 8, "UN": 1, "ZZ": 1}
PUBLIC = {
    0x00080100: "SH", 0x00080018: "UI", 0x00081030: "LO", 0x00100010: "PN", 0x00100040: "CS", 0x00101030: "DS",
    0x00280010: "US", 0x00280103: "US", 0x00280106: "SS", 0x00281201: "OW", 0x0040A160: "UT", 0x0040A30A: "DS",
    0x00189087: "FD", 0x00080054: "AE", 0x54000110: "OB", 0x00081140: "SQ", 0x0040A043: "SQ", 0x00081115: "SQ",
}  # fmt: skip
"""Elements with the VR that every dictionary gives them, so that they mean the same in implicit VR."""


@st.composite
def elements(draw: st.DrawFn, writer: Writer, depth: int) -> bytes:
    """The content of a data set or item: elements in any order, no tag twice."""
    chosen = draw(st.lists(st.sampled_from(sorted(PUBLIC)), unique=True, max_size=5))
    content = [draw(element(writer, tag, PUBLIC[tag], depth)) for tag in chosen]
    if writer.explicit:
        private = draw(st.lists(st.integers(0x00091000, 0x000910FF), unique=True, max_size=2))
        vrs = st.sampled_from((*TEXT_VRS, *WIDTHS, "SQ"))
        content += [draw(element(writer, tag, draw(vrs), depth)) for tag in private]
    return b"".join(content)


@st.composite
def element(draw: st.DrawFn, writer: Writer, tag: int, vr: str, depth: int) -> bytes:
    """An element with a random value, of odd length too; a sequence below `depth`."""
    if vr == "SQ":
        count = draw(st.integers(0, 2)) if depth else 0
        items = [writer.item(draw(elements(writer, depth - 1)), undefined=draw(st.booleans())) for _ in range(count)]
        return writer.sequence(tag, *items, undefined=draw(st.booleans()))
    alphabet = st.sampled_from(list(b"A1. \\\0\t^")) if vr in TEXT_VRS else st.integers(0, 255)
    return writer.element(tag, vr, bytes(draw(st.lists(alphabet, max_size=12))))


def outcomes(file: bytes, authority: Authority) -> list[Outcome]:
    """Outcomes of the signatures; that a random UID has white space in it is known and does not count."""
    signatures = verified(file, anchors(authority)).signatures
    known = {Reason.UID_WITH_WHITE_SPACE, Reason.VALUE_PADDED}
    return [Outcome.VALID if known.issuperset(one.reasons) else one.outcome for one in signatures]


def check_signing(file: bytes, data_set: bytes, authority: Authority, credential: Credential) -> None:
    """Sign twice, verify, cut the insertions again, and change one byte."""
    try:
        once = signed(file, credential)
    except NothingSignable:
        return
    twice = signed(once.file, credential, uid="1.2.3")
    assert once.without_insertions() == data_set
    assert twice.without_insertions() == once.data_set
    assert outcomes(once.file, authority) == [Outcome.VALID]
    assert outcomes(twice.file, authority) == [Outcome.VALID] * 2


@pytest.mark.parametrize("writer", WRITERS, ids=str)
def test_a_random_data_set_is_valid_when_signed_and_the_original_when_cut(
    writer: Writer, authority: Authority, credential: Credential
) -> None:
    @EXAMPLES
    @given(content=elements(writer, 3))
    def check(content: bytes) -> None:
        check_signing(part10(content, writer.uid), content, authority, credential)

    check()


def test_a_random_data_set_with_fragments_or_deflated_is_valid_when_signed(
    authority: Authority, credential: Credential
) -> None:
    fragments: Any = st.lists(st.binary(max_size=9), min_size=1, max_size=4)

    @EXAMPLES
    @given(content=elements(EXPLICIT, 2), pixels=fragments)
    def check(content: bytes, pixels: list[bytes]) -> None:
        encapsulated = content + EXPLICIT.fragments(0x7FE00010, *pixels)
        check_signing(part10(encapsulated, JPEG_UID), encapsulated, authority, credential)
        deflated = part10(b"".join(deflate([content])), DEFLATED_LE_UID)
        check_signing(deflated, content, authority, credential)

    check()
