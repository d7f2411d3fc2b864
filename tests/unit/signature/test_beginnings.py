"""Hashing a data set while it arrives: what comes out is always what comes out without it."""

from __future__ import annotations

import hashlib
import random
import struct
from collections.abc import Sequence

import pytest

from sealgate.dicom import splice
from sealgate.dicom.ahead import HEAD_LIMITS, MAX_HEAD_BYTES, Ahead
from sealgate.dicom.digest import Digest
from sealgate.dicom.scan import scan
from sealgate.dicom.source import Source
from sealgate.dicom.transfer_syntax import BY_UID, TransferSyntax
from sealgate.errors import SealgateError
from sealgate.signature.algorithms import MAC_ALGORITHMS
from sealgate.signature.beginnings import hashing_ahead
from sealgate.signature.create import CreatedSignature, SigningOptions, sign
from sealgate.signature.profiles import PROFILES, ProfileName
from sealgate.signature.purposes import PURPOSES
from sealgate.trust.store import TrustStore
from sealgate.verification.report import DataSetReport, Outcome
from sealgate.verification.verify import Judging, verify
from support.elements import DEFLATED_LE_UID, EXPLICIT, IMPLICIT, JPEG_UID, WRITERS, part10
from support.forging import forge, with_signatures
from support.pki import Authority, Credential
from support.signing import AT, UID, anchors, signed, signer

PIXEL_DATA, PADDING, SEQUENCE, DEEP = 0x7FE00010, 0xFFFCFFFC, 0x00081140, 0x00400275
VALUE = bytes(range(256)) * 8
LARGE = 1024
"""Bytes from which a value is hashed ahead in these tests."""
SYNTAX = BY_UID[EXPLICIT.uid]
OPTIONS = SigningOptions()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("pki"), now=AT)


@pytest.fixture(scope="module")
def credential(authority: Authority) -> Credential:
    return authority.issue("signer", "rsa2048")


@pytest.fixture(scope="module")
def trusted(authority: Authority) -> TrustStore:
    return anchors(authority)


# --- data sets

UID_AND_NAME = EXPLICIT.element(0x00080018, "UI", b"1.2.34") + EXPLICIT.element(0x00100010, "PN", b"A^B ")
ITEM = EXPLICIT.item(EXPLICIT.element(0x00081150, "UI", b"1.2\0"), EXPLICIT.element(0x00081155, "UI", b"1.3\0"))
HEAD = UID_AND_NAME + EXPLICIT.element(0x00280010, "US", EXPLICIT.words(32))
PIXELS = EXPLICIT.element(PIXEL_DATA, "OW", VALUE)
DATA_SETS = {
    "pixel data alone": PIXELS,
    "pixel data at the end": HEAD + PIXELS,
    "odd pixel data of bytes": HEAD + EXPLICIT.element(PIXEL_DATA, "OB", VALUE + b"\1"),
    "odd pixel data of words": HEAD + EXPLICIT.element(PIXEL_DATA, "OW", VALUE + b"\1"),
    "a text that is long": HEAD + EXPLICIT.element(0x0040A160, "UT", b"text " * 500) + PIXELS,
    "sequences before": UID_AND_NAME
    + EXPLICIT.sequence(DEEP, EXPLICIT.item(EXPLICIT.sequence(0x00400008, ITEM, undefined=True), undefined=True))
    + PIXELS,
    "pixel data in a sequence": UID_AND_NAME + EXPLICIT.sequence(0x00880200, EXPLICIT.item(PIXELS)) + PIXELS,
    "a sequence of unknown VR": UID_AND_NAME
    + EXPLICIT.header(0x00091001, "UN", 0xFFFFFFFF)
    + IMPLICIT.item(IMPLICIT.element(0x00100010, "PN", b"A"))
    + IMPLICIT.delimiter(0xFFFEE0DD)
    + PIXELS,
    "group lengths": EXPLICIT.element(0x00080000, "UL", struct.pack("<L", 14))
    + UID_AND_NAME
    + EXPLICIT.element(0x7FE00000, "UL", struct.pack("<L", 12 + len(VALUE)))
    + PIXELS,
    "Length to End": EXPLICIT.element(0x00080000, "UL", struct.pack("<L", 26))
    + EXPLICIT.element(0x00080001, "UL", struct.pack("<L", len(UID_AND_NAME + PIXELS)))
    + UID_AND_NAME
    + PIXELS,
    "values that are not normal": EXPLICIT.element(0x00080018, "UI", b"1.2 .34")
    + EXPLICIT.element(0x00100010, "PN", b"A^B     ")
    + PIXELS,
    "elements behind": HEAD + PIXELS + EXPLICIT.element(0x7FE10010, "LO", b"CREATOR ") + b"",
    "padding behind": HEAD + PIXELS + EXPLICIT.element(PADDING, "OB", bytes(2000)),
    "tags that do not ascend": HEAD + PIXELS + EXPLICIT.element(0x00081030, "LO", b"late"),
    "disorder before": EXPLICIT.element(0x00100010, "PN", b"A^B ")
    + EXPLICIT.element(0x00080018, "UI", b"1.2.34")
    + PIXELS,
    "pixel data twice": HEAD + PIXELS + EXPLICIT.element(PIXEL_DATA, "OW", VALUE[::-1]),
    "the same tag before": HEAD + EXPLICIT.element(0x00280010, "US", EXPLICIT.words(33)) + PIXELS,
    "several large values": HEAD
    + EXPLICIT.element(0x00291010, "OB", VALUE)
    + PIXELS
    + EXPLICIT.element(0x7FE10010, "LO", b"X ")
    + EXPLICIT.element(0x7FE11010, "OB", VALUE),
    "a large value that may not be signed": HEAD + EXPLICIT.element(0x00291010, "UN", VALUE) + PIXELS,
    "encapsulated pixel data": HEAD + EXPLICIT.fragments(PIXEL_DATA, b"", VALUE),
    "nothing large": HEAD + EXPLICIT.element(PIXEL_DATA, "OW", VALUE[: LARGE - 2]),
    "a large value that may be too short": HEAD + EXPLICIT.header(PIXEL_DATA, "OW", len(VALUE) + 2) + VALUE,
    "a cut header behind": HEAD + PIXELS + b"\xfc\xff\xfc",
    "rubbish": HEAD + b"\xfe\xff\xdd\xe0\0\0\0\0" + PIXELS,
    "signature sequences that are none": HEAD + EXPLICIT.element(0x4FFE0001, "LO", b"none") + PIXELS,
}


def random_data_set(rng: random.Random) -> bytes:
    """Elements of all kinds, mostly in order, some of them large, perhaps cut."""
    nodes = [
        (0x00080000, EXPLICIT.element(0x00080000, "UL", bytes(4))),
        (0x00080018, EXPLICIT.element(0x00080018, "UI", b"1.2.34")),
        (0x00081140, EXPLICIT.sequence(SEQUENCE, *[ITEM] * rng.randrange(3), undefined=rng.random() < 0.5)),
        (
            0x00091001,
            EXPLICIT.element(0x00091001, rng.choice(["OB", "UN", "LO", "ZZ"]), rng.randbytes(rng.randrange(9))),
        ),
        (0x00100010, EXPLICIT.element(0x00100010, "PN", b"A" + b" " * rng.randrange(4))),
        (0x00291010, EXPLICIT.element(0x00291010, "OB", rng.randbytes(rng.choice([6, LARGE, 3 * LARGE + 1])))),
        (PIXEL_DATA, EXPLICIT.element(PIXEL_DATA, "OW", rng.randbytes(rng.choice([LARGE, 5 * LARGE])))),
        (0x7FE11010, EXPLICIT.element(0x7FE11010, "OF", rng.randbytes(rng.choice([4, 2 * LARGE])))),
        (PADDING, EXPLICIT.element(PADDING, "OB", bytes(rng.randrange(2) * LARGE))),
    ]
    chosen = sorted(rng.sample(nodes, rng.randrange(1, len(nodes))))
    if rng.random() < 0.2:
        rng.shuffle(chosen)
    octets = b"".join(written for _, written in chosen)
    return octets[: rng.randrange(len(octets))] if rng.random() < 0.1 else octets


# --- arriving, with and without


def fed(ahead: Ahead | None, octets: bytes, steps: Sequence[int]) -> Ahead | None:
    """Let `octets` arrive in pieces of the lengths `steps`, one after the other, again and again."""
    position = number = 0
    while ahead is not None and position < len(octets):
        arrived = bytearray(octets[position : position + steps[number % len(steps)]])
        ahead.feed(memoryview(arrived))
        position, number = position + len(arrived), number + 1
        arrived[:] = bytes(len(arrived))  # the buffer is used again
    return ahead


def to_sign(octets: bytes, options: SigningOptions = OPTIONS, steps: Sequence[int] = (700,)) -> Ahead | None:
    return fed(hashing_ahead(SYNTAX, options=options, verifies=False, min_value_bytes=LARGE), octets, steps)


def outcome(
    octets: bytes, credential: Credential, ahead: Ahead | None, options: SigningOptions = OPTIONS
) -> tuple[CreatedSignature, str] | str:
    """The signature and the SHA-256 of what goes out, or why there is none."""
    source = Source(octets)
    source.ahead = ahead
    try:
        carrier = scan(source, SYNTAX.encoding)
        created = sign(carrier, SYNTAX, signer(credential), options, digital_signature_uid=UID, at=AT)
    except SealgateError as error:
        return f"{type(error).__name__}: {error}"
    digest: Digest = hashlib.sha256()
    for segment in splice.segments(len(source), created.edits):
        if isinstance(segment, bytes):
            digest.update(segment)
        else:
            digest = source.hashed(digest, segment.start, segment.end)
    return created, digest.digest().hex()


STEPS = ((1 << 20,), (1,), (7, 700, 3), (128,), (512, 513))


@pytest.mark.parametrize("name", DATA_SETS)
def test_a_signature_is_the_same_with_and_without_hashing_ahead(name: str, credential: Credential) -> None:
    octets = DATA_SETS[name]
    expected = outcome(octets, credential, None)
    for steps in STEPS:
        assert outcome(octets, credential, to_sign(octets, steps=steps)) == expected


@pytest.mark.parametrize(
    "options",
    [
        SigningOptions(mac_algorithm=MAC_ALGORITHMS["SHA512"]),
        SigningOptions(mac_algorithm=MAC_ALGORITHMS["SHA1"]),
        SigningOptions(elements=(0x00100010, PIXEL_DATA)),
        SigningOptions(elements=(0x00100010,)),
        SigningOptions(elements=(0x00100010, 0x7FE10010)),
        SigningOptions(profile=PROFILES[ProfileName.CREATOR]),
        SigningOptions(purpose=PURPOSES[1], old_format=True),
    ],
    ids=[
        "SHA512",
        "SHA1",
        "some elements",
        "no pixel data",
        "an element behind",
        "a profile",
        "purpose and old format",
    ],
)
@pytest.mark.parametrize("name", ["pixel data at the end", "elements behind", "group lengths", "sequences before"])
def test_a_signature_of_any_kind_is_the_same(name: str, options: SigningOptions, credential: Credential) -> None:
    octets = DATA_SETS[name]
    assert outcome(octets, credential, to_sign(octets, options), options) == outcome(octets, credential, None, options)


def test_random_data_sets_give_the_same_in_pieces_of_any_length(credential: Credential) -> None:
    rng = random.Random("ahead")
    hashed = 0
    for _ in range(150):
        octets = random_data_set(rng)
        ahead = to_sign(octets, steps=[rng.choice((1, 50, 900, 5000)) for _ in range(5)])
        assert outcome(octets, credential, ahead) == outcome(octets, credential, None)
        assert ahead is not None
        hashed += ahead.end >= 0
    assert hashed > 30


# --- that it is worth it


def without_value(octets: bytes) -> bytes:
    """The same data set with other bytes in the place of the large value."""
    return octets.replace(VALUE, bytes(len(VALUE)))


@pytest.mark.parametrize(
    "name", ["pixel data at the end", "odd pixel data of words", "sequences before", "group lengths", "padding behind"]
)
def test_a_value_that_was_hashed_ahead_is_not_read_again(name: str, credential: Credential) -> None:
    octets = DATA_SETS[name]
    ahead = to_sign(octets)
    assert outcome(without_value(octets), credential, ahead) == outcome(octets, credential, None)


def test_a_value_is_read_where_the_guess_was_wrong(credential: Credential) -> None:
    octets = DATA_SETS["pixel data at the end"]
    ahead = to_sign(octets, SigningOptions(elements=(0x00280010, PIXEL_DATA)))
    changed = without_value(octets)
    assert outcome(changed, credential, ahead) == outcome(changed, credential, None)


def test_other_bytes_before_the_value_than_those_that_arrived_are_never_taken_for_them(credential: Credential) -> None:
    octets = DATA_SETS["sequences before"]
    ahead = to_sign(octets)
    changed = octets.replace(b"1.3\0", b"1.4\0")
    assert outcome(changed, credential, ahead) == outcome(changed, credential, None)


def test_a_value_that_did_not_come_to_its_end_is_not_used(credential: Credential) -> None:
    octets = DATA_SETS["pixel data at the end"]
    ahead = to_sign(octets[:-1])
    assert ahead is not None
    assert ahead.end < 0
    assert outcome(octets, credential, ahead) == outcome(octets, credential, None)


def test_what_stands_before_the_value_is_limited(credential: Credential) -> None:
    many = b"".join(EXPLICIT.element(0x00291000 + number, "OB", bytes(LARGE - 2)) for number in range(1040))
    assert len(many) > MAX_HEAD_BYTES
    octets = UID_AND_NAME + many + PIXELS
    ahead = to_sign(octets)
    assert ahead is not None
    assert ahead.end < 0
    assert outcome(octets, credential, ahead) == outcome(octets, credential, None)


def test_a_dense_beginning_is_left_to_the_scan_of_the_whole(credential: Credential) -> None:
    count = HEAD_LIMITS.max_top_level_elements + 1
    dense = b"".join(EXPLICIT.element(0x00090010 + 0x20000 * (n // 9000) + n % 9000, "US", b"") for n in range(count))
    assert len(dense) < MAX_HEAD_BYTES // 2
    octets = UID_AND_NAME + dense + PIXELS
    ahead = to_sign(octets)
    assert ahead is not None
    assert ahead.end < 0
    assert outcome(octets, credential, ahead) == outcome(octets, credential, None)


@pytest.mark.parametrize(
    "uid", [*(writer.uid for writer in WRITERS if writer is not EXPLICIT), DEFLATED_LE_UID, JPEG_UID]
)
def test_only_native_values_in_explicit_vr_little_endian_are_hashed_ahead(uid: str) -> None:
    assert hashing_ahead(BY_UID[uid], options=OPTIONS, verifies=True) is None


def test_nothing_is_hashed_ahead_for_who_neither_signs_nor_verifies() -> None:
    assert hashing_ahead(SYNTAX, options=None, verifies=False) is None


# --- verifying


def judged(octets: bytes, trusted: TrustStore, ahead: Ahead | None) -> DataSetReport:
    source = Source(octets)
    source.ahead = ahead
    return verify(scan(source, SYNTAX.encoding), SYNTAX, Judging(store=trusted, now=AT))


def to_verify(octets: bytes, steps: Sequence[int] = (700,), syntax: TransferSyntax = SYNTAX) -> Ahead | None:
    return fed(hashing_ahead(syntax, options=None, verifies=True, min_value_bytes=LARGE), octets, steps)


@pytest.mark.parametrize("mac_algorithm", ["SHA256", "SHA512", "SHA1"])
@pytest.mark.parametrize("name", ["pixel data at the end", "sequences before", "elements behind", "padding behind"])
def test_a_verification_is_the_same(name: str, mac_algorithm: str, credential: Credential, trusted: TrustStore) -> None:
    octets = signed(part10(DATA_SETS[name]), credential, mac_algorithm=mac_algorithm).data_set
    expected = judged(octets, trusted, None)
    assert expected.signatures[0].is_good
    for steps in STEPS:
        assert judged(octets, trusted, to_verify(octets, steps)) == expected


def test_a_verification_does_not_read_the_value_again(credential: Credential, trusted: TrustStore) -> None:
    octets = signed(part10(DATA_SETS["sequences before"]), credential).data_set
    assert judged(without_value(octets), trusted, to_verify(octets)).outcome is Outcome.VALID
    assert judged(without_value(octets), trusted, None).outcome is Outcome.INVALID


def test_a_change_in_the_value_is_found(credential: Credential, trusted: TrustStore) -> None:
    octets = without_value(signed(part10(DATA_SETS["sequences before"]), credential).data_set)
    assert judged(octets, trusted, to_verify(octets)).outcome is Outcome.INVALID


def test_several_signatures_over_other_elements_are_judged_as_ever(credential: Credential, trusted: TrustStore) -> None:
    content = DATA_SETS["pixel data at the end"]
    lists = ((PIXEL_DATA,), (0x00080018, PIXEL_DATA), (0x00100010, PIXEL_DATA), (0x00100010,))
    signatures = [
        forge(credential, content, mac_id_number=number, listed=listed) for number, listed in enumerate(lists)
    ]
    octets = with_signatures(content, *signatures)
    assert judged(octets, trusted, to_verify(octets)) == judged(octets, trusted, None)


def test_a_data_set_is_verified_and_signed_again(credential: Credential, trusted: TrustStore) -> None:
    octets = signed(part10(DATA_SETS["sequences before"]), credential).data_set
    ahead = fed(hashing_ahead(SYNTAX, options=OPTIONS, verifies=True, min_value_bytes=LARGE), octets, (700,))
    assert judged(without_value(octets), trusted, ahead) == judged(octets, trusted, None)
    assert outcome(without_value(octets), credential, ahead) == outcome(octets, credential, None)
