"""Inserting a token: only its two elements come, at any depth, and everything around stays well-formed."""

from __future__ import annotations

from itertools import product

import pytest

from sealgate.dicom import splice
from sealgate.dicom.scan import Carrier, scan
from sealgate.dicom.source import Source
from sealgate.errors import Mismatch, SignatureNotFound, TimestampMismatch, TimestampPart, TimestampUnreadable
from sealgate.signature.model import DigitalSignature, digital_signatures
from sealgate.timestamp.insert import (
    find_signature,
    found_signatures,
    insert_token,
    read_uid_file,
    signature_value_of,
    write_uid_file,
)
from support.elements import BIG, EXPLICIT, EXPLICIT_LE_UID, IMPLICIT, WRITERS, Writer, part10
from support.forging import ENCODINGS, body, forge, with_signatures
from support.pki import Authority, Credential
from support.signing import UID

TOKEN = bytes(range(256)) * 3 + b"\x01"
"""Of odd length; what it is does not matter to who inserts it."""
OTHER_TOKEN = b"another token of even length"
TYPE, TIMESTAMP, PURPOSE = 0x04000305, 0x04000310, 0x04000401
SECOND_UID = UID + ".2"


@pytest.fixture(scope="module")
def credential(pki: Authority) -> Credential:
    return pki.issue("insert-signer")


def scanned(data_set: bytes, writer: Writer = EXPLICIT) -> Carrier:
    return scan(Source(data_set), ENCODINGS[writer])


def inserted(data_set: bytes, writer: Writer = EXPLICIT, uid: str = UID, token: bytes = TOKEN) -> bytes:
    carrier = scanned(data_set, writer)
    return b"".join(splice.pieces(carrier.source, insert_token(carrier, uid, token)))


def written(writer: Writer, token: bytes = TOKEN) -> bytes:
    """The two elements as they have to be."""
    return writer.element(TYPE, "CS", b"CMS_TSP ") + writer.element(TIMESTAMP, "OB", token + b"\0" * (len(token) % 2))


def signature_item(writer: Writer, credential: Credential, *more: tuple[int, bytes], uid: str = UID) -> bytes:
    """The content of a signature item, with further elements."""
    own = {0x04000100: writer.element(0x04000100, "UI", uid.encode() + b"\0" * (len(uid) % 2)), **dict(more)}
    return forge(credential, body(writer), writer=writer, item=own)[1][8:]


def data_set(writer: Writer, content: bytes, undefined: tuple[bool, bool], behind: bytes = b"") -> bytes:
    """A data set with one signature item of this content."""
    item = writer.item(content, undefined=undefined[0])
    return body(writer) + writer.sequence(0xFFFAFFFA, item, undefined=undefined[1]) + behind


def purpose(writer: Writer) -> tuple[int, bytes]:
    return PURPOSE, writer.sequence(PURPOSE, writer.item(writer.element(0x00080100, "SH", b"1 ")))


@pytest.mark.parametrize("writer", WRITERS, ids=str)
@pytest.mark.parametrize("undefined", [*product((False, True), repeat=2)])
@pytest.mark.parametrize("with_purpose", [False, True])
def test_only_the_two_elements_come_in_the_order_of_tags(
    writer: Writer, undefined: tuple[bool, bool], with_purpose: bool, credential: Credential
) -> None:
    last = purpose(writer)
    content = signature_item(writer, credential)
    behind = last[1] if with_purpose else b""
    padding = writer.element(0xFFFCFFFC, "OB", bytes(8))
    before = data_set(writer, content + behind, undefined, padding)
    after = data_set(writer, content + written(writer) + behind, undefined, padding)
    assert inserted(before, writer) == after
    assert inserted(after, writer) == after


@pytest.mark.parametrize("writer", WRITERS, ids=str)
def test_another_token_takes_the_place_of_the_first(writer: Writer, credential: Credential) -> None:
    content = signature_item(writer, credential)
    before = data_set(writer, content + written(writer) + purpose(writer)[1], (False, False))
    after = data_set(writer, content + written(writer, OTHER_TOKEN) + purpose(writer)[1], (False, False))
    assert inserted(before, writer, token=OTHER_TOKEN) == after
    assert inserted(after, writer) == before


def test_leftovers_of_a_timestamp_go(credential: Credential) -> None:
    content = signature_item(EXPLICIT, credential)
    whole = data_set(EXPLICIT, content + written(EXPLICIT), (False, False))
    kind, token = EXPLICIT.element(TYPE, "CS", b"UNKNOWN "), EXPLICIT.element(TIMESTAMP, "UN", b"x" * 10)
    for leftover in (kind, token, token + kind, kind + kind + token, token + token):
        assert inserted(data_set(EXPLICIT, content + leftover, (False, False))) == whole


@pytest.mark.parametrize("outer", [*product((False, True), repeat=4)])
@pytest.mark.parametrize("writer", [EXPLICIT, IMPLICIT, BIG], ids=str)
def test_all_lengths_around_a_nested_signature_grow(
    outer: tuple[bool, ...], writer: Writer, credential: Credential
) -> None:
    content = signature_item(writer, credential)
    name = writer.element(0x00100010, "PN", b"A^B ")

    def built(addition: bytes) -> bytes:
        innermost = data_set(writer, content + addition, (False, False))
        first, second, third, fourth = outer
        other = writer.item(body(writer))
        inner = writer.sequence(0x00081199, other, writer.item(innermost, undefined=first), undefined=second)
        return writer.sequence(0x00081115, writer.item(inner, undefined=third), other, undefined=fourth) + name

    before, after = built(b""), built(written(writer))
    assert find_signature(scanned(before, writer), UID).place.location.path == ((0x00081115, 0), (0x00081199, 1))
    assert inserted(before, writer) == after


def test_of_several_signatures_only_the_one_that_is_named_changes(credential: Credential) -> None:
    contents = [signature_item(EXPLICIT, credential, uid=uid) for uid in (UID, SECOND_UID)]
    one, two = map(EXPLICIT.item, contents)
    before = body() + EXPLICIT.sequence(0xFFFAFFFA, one, two)
    stamped = EXPLICIT.item(contents[1] + written(EXPLICIT))
    assert inserted(before, uid=SECOND_UID) == body() + EXPLICIT.sequence(0xFFFAFFFA, one, stamped)
    assert len(list(found_signatures(scanned(before)))) == 2


def test_group_lengths_around_a_nested_signature_grow(credential: Credential) -> None:
    content = signature_item(EXPLICIT, credential)

    def built(addition: bytes) -> bytes:
        innermost = data_set(EXPLICIT, content + addition, (False, False))
        group = EXPLICIT.sequence(0x00081115, EXPLICIT.item(innermost))
        return EXPLICIT.element(0x00080000, "UL", len(group).to_bytes(4, "little")) + group

    assert inserted(built(b"")) == built(written(EXPLICIT))


def test_a_signature_that_is_not_there_is_named(credential: Credential) -> None:
    before = data_set(EXPLICIT, signature_item(EXPLICIT, credential), (False, False))
    for content in (before, body(), b""):
        with pytest.raises(SignatureNotFound, match=r"1\.2\.3"):
            inserted(content, uid="1.2.3")


def test_signatures_of_the_past_are_not_stamped(credential: Credential) -> None:
    inside = data_set(EXPLICIT, signature_item(EXPLICIT, credential), (False, False))
    with pytest.raises(SignatureNotFound):
        inserted(EXPLICIT.sequence(0x04000561, EXPLICIT.item(inside)))


def signature_of(credential: Credential, **more: bytes | None) -> DigitalSignature:
    item = {int(tag[1:], 16): value for tag, value in more.items()}
    content = with_signatures(body(), forge(credential, item=item))
    return digital_signatures(scanned(content))[0]


@pytest.mark.parametrize("kind", ["rsa2048", "p256", "p521", "dsa2048"])
def test_a_timestamp_is_over_the_value_without_its_pad_byte(kind: str, pki: Authority) -> None:
    credential = pki.issue(f"insert-{kind}", kind)
    value = signature_of(credential).signature_value
    assert value is not None
    bare = value if kind.startswith("rsa") else b"\x30\x07\x02\x01\x01\x02\x02\x01\x02"
    padded = EXPLICIT.element(0x04000120, "OB", bare + b"\0" * (len(bare) % 2))
    assert signature_value_of(signature_of(credential, x04000120=padded)) == bare


@pytest.mark.parametrize(
    ("item", "mismatch"),
    [
        ({"x04000120": None}, Mismatch.SIGNATURE_VALUE),
        ({"x04000120": EXPLICIT.element(0x04000120, "OB", b"")}, Mismatch.SIGNATURE_VALUE),
        ({"x04000115": None}, Mismatch.CERTIFICATE),
        ({"x04000115": EXPLICIT.element(0x04000115, "OB", b"no certificate")}, Mismatch.CERTIFICATE),
    ],
)
def test_a_signature_without_value_or_certificate_cannot_be_stamped(
    item: dict[str, bytes | None], mismatch: Mismatch, credential: Credential
) -> None:
    with pytest.raises(TimestampMismatch) as caught:
        signature_value_of(signature_of(credential, **item))
    assert caught.value.mismatch is mismatch


@pytest.mark.parametrize("uid", ["1.2.3", "1.2.34", "2.25." + "9" * 38, "1." + "2" * 62])
def test_a_uid_file_gives_back_its_uid(uid: str) -> None:
    assert read_uid_file(write_uid_file(uid)) == uid


@pytest.mark.parametrize("writer", WRITERS, ids=str)
def test_uid_files_may_be_in_any_transfer_syntax(writer: Writer) -> None:
    element = writer.element(0x04000100, "UI", b"1.2.3\0")
    assert read_uid_file(part10(element, writer.uid)) == "1.2.3"


@pytest.mark.parametrize(
    ("file", "part"),
    [
        (b"", TimestampPart.UID_FILE),
        (b"garbage, no DICOM at all", TimestampPart.UID_FILE),
        (write_uid_file("1.2.3")[:-2], TimestampPart.UID_FILE),
        (bytes(100_000), TimestampPart.UID_FILE),
        (part10(body()), TimestampPart.UID),
        (part10(EXPLICIT.element(0x04000100, "UI", b"")), TimestampPart.UID),
        (part10(EXPLICIT.element(0x04000100, "UI", b"\0\0")), TimestampPart.UID),
        (part10(EXPLICIT.element(0x04000100, "UI", b"1" * 66)), TimestampPart.UID),
        (part10(EXPLICIT.element(0x04000100, "UI", b"1\x1b[2J.2")), TimestampPart.UID),
        (part10(EXPLICIT.sequence(0x04000100), EXPLICIT_LE_UID), TimestampPart.UID),
    ],
    ids=range(10),
)
def test_what_is_no_uid_file_is_named_as_such(file: bytes, part: TimestampPart) -> None:
    with pytest.raises(TimestampUnreadable) as caught:
        read_uid_file(file)
    assert caught.value.part is part
