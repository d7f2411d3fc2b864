"""Checking one signature: the steps, in their order, and what each leaves behind."""

from __future__ import annotations

import pytest

from sealgate.dicom.transfer_syntax import BY_UID
from sealgate.errors import MalformedDataSet
from sealgate.signature import model
from sealgate.signature.check import MacCheck, check
from sealgate.signature.reasons import Reason
from support.elements import BIG, EXPLICIT, IMPLICIT, JPEG_UID, WRITERS, Writer, part10
from support.forging import MAC_PARAMETERS, SIGNATURES, body, forge, with_signatures
from support.pki import Authority, Credential
from support.signing import opened


@pytest.fixture
def credential(pki: Authority) -> Credential:
    return pki.issue("signer")


def checked(data_set: bytes, uid: str = EXPLICIT.uid) -> MacCheck:
    _, carrier = opened(part10(data_set, uid))
    (signature,) = model.digital_signatures(carrier)
    return check(carrier, BY_UID[uid], model.mac_parameters(carrier), signature)


def problems(result: MacCheck) -> list[Reason]:
    return [problem.reason for problem in result.problems]


@pytest.mark.parametrize("writer", WRITERS, ids=str)
def test_a_good_signature_has_no_problem_and_says_what_it_is(writer: Writer, credential: Credential) -> None:
    pair = forge(credential, body(writer), writer=writer, mac_algorithm="SHA384")
    result = checked(with_signatures(body(writer), pair, writer=writer), writer.uid)
    assert problems(result) == []
    assert result.certificate == credential.certificate
    assert str(result.mac_algorithm) == "SHA384"
    assert result.data_elements_signed == (0x00080018, 0x00100010)


def test_the_first_failing_step_of_the_structure_ends_the_check(credential: Credential) -> None:
    pair = forge(credential, mac_uid="1.2.3", mac_algorithm="ROT13", listed=(), item={0x04000120: None})
    result = checked(with_signatures(body(), pair))
    assert problems(result) == [Reason.MAC_TRANSFER_SYNTAX_UNUSABLE]
    assert result.certificate is not None
    assert (result.mac_algorithm, result.data_elements_signed) == (None, ())


def test_the_certificate_is_known_although_the_mac_is_wrong(credential: Credential) -> None:
    result = checked(with_signatures(body(), forge(credential)).replace(b"A^B ", b"A^C "))
    assert problems(result) == [Reason.MAC_MISMATCH]
    assert result.certificate == credential.certificate


def test_what_readers_might_show_is_refused_even_where_the_mac_fits(credential: Credential) -> None:
    duplicate = EXPLICIT.element(0x00100010, "PN", b"C^D ")
    result = checked(with_signatures(body(EXPLICIT, duplicate), forge(credential)))
    assert problems(result) == [Reason.DUPLICATE_ELEMENT]


def test_a_duplicate_of_an_element_that_is_not_signed_is_refused_too(credential: Credential) -> None:
    added = EXPLICIT.element(0x00104000, "LT", b"AB") * 2
    result = checked(with_signatures(body() + added, forge(credential)))
    assert problems(result) == [Reason.DUPLICATE_ELEMENT]


def test_disorder_alone_is_no_problem(credential: Credential) -> None:
    uid, name = EXPLICIT.element(0x00080018, "UI", b"1.2.34"), EXPLICIT.element(0x00100010, "PN", b"A^B ")
    assert problems(checked(with_signatures(name + uid, forge(credential, uid + name)))) == []


def test_elements_that_are_never_signed_may_stand_inside_signed_items(credential: Credential) -> None:
    name = EXPLICIT.element(0x00100010, "PN", b"A^B ")
    length = EXPLICIT.element(0x00100000, "UL", bytes(4))
    signed = EXPLICIT.sequence(0x00081140, EXPLICIT.item(name))
    found = EXPLICIT.sequence(0x00081140, EXPLICIT.item(length, name))
    assert problems(checked(with_signatures(found, forge(credential, signed)))) == []


def test_encapsulated_pixel_data_is_checked_in_its_own_transfer_syntax(credential: Credential) -> None:
    pixels = EXPLICIT.fragments(0x7FE00010, b"", b"abcd", b"efgh")
    pair = forge(credential, body() + pixels, mac_uid=JPEG_UID)
    front = body() + EXPLICIT.sequence(MAC_PARAMETERS, pair[0])
    data_set = front + pixels + EXPLICIT.sequence(SIGNATURES, pair[1])
    assert problems(checked(data_set, JPEG_UID)) == []
    assert problems(checked(data_set.replace(b"efgh", b"efgi"), JPEG_UID)) == [Reason.MAC_MISMATCH]


def test_the_fragments_are_part_of_what_is_signed(credential: Credential) -> None:
    one, two = EXPLICIT.fragments(0x7FE00010, b"", b"abcdefgh"), EXPLICIT.fragments(0x7FE00010, b"", b"abcd", b"efgh")
    pair = forge(credential, body() + two, mac_uid=JPEG_UID)
    front = body() + EXPLICIT.sequence(MAC_PARAMETERS, pair[0])
    data_set = front + one + EXPLICIT.sequence(SIGNATURES, pair[1])
    assert problems(checked(data_set, JPEG_UID)) == [Reason.MAC_MISMATCH]


@pytest.mark.parametrize("writer", [IMPLICIT, BIG], ids=str)
def test_native_pixel_data_may_be_signed_in_any_native_transfer_syntax(writer: Writer, credential: Credential) -> None:
    pixels = writer.element(0x7FE00010, "OW", b"\1\2\3\4")
    pair = forge(credential, body(writer, pixels), writer=writer)
    front = body(writer) + writer.sequence(MAC_PARAMETERS, pair[0])
    data_set = front + pixels + writer.sequence(SIGNATURES, pair[1])
    assert problems(checked(data_set, writer.uid)) == []


def test_a_number_of_the_first_bytes_of_us_counts(credential: Credential) -> None:
    two = EXPLICIT.element(0x04000005, "US", EXPLICIT.words(0, 7))
    pair = forge(credential, parameters={0x04000005: two})
    assert problems(checked(with_signatures(body(), pair))) == []


def test_damage_inside_the_signed_elements_is_an_error_of_the_data_set(credential: Credential) -> None:
    data_set = with_signatures(body(), forge(credential))
    with pytest.raises(MalformedDataSet):
        checked(data_set[:-1])
