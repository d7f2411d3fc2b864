"""Command sets of C-STORE and C-ECHO (PS3.7 annex E), against bytes written out and against pynetdicom's decoder."""

from __future__ import annotations

from io import BytesIO

import pytest
from pynetdicom.dsutils import decode

from sealgate.errors import ProtocolViolation
from sealgate.node import dimse
from sealgate.node.dimse import StatusCategory, StoreResponse

CT = "1.2.840.10008.5.1.4.1.1.2"

ECHO_RQ = bytes.fromhex(
    "00000000 04000000 38000000"  # (0000,0000) UL, group length: 56
    "00000200 12000000 312e322e3834302e31303030382e312e3100"  # (0000,0002) UI 1.2.840.10008.1.1
    "00000001 02000000 3000"  # (0000,0100) US, C-ECHO-RQ
    "00001001 02000000 0100"  # (0000,0110) US, message 1
    "00000008 02000000 0101"  # (0000,0800) US, no data set
)


def test_an_echo_request_is_encoded_as_the_standard_writes_it() -> None:
    assert dimse.encode_echo_request(message_id=1, sop_class_uid="1.2.840.10008.1.1") == ECHO_RQ


def test_a_store_request_is_what_pynetdicom_reads() -> None:
    encoded = dimse.encode_store_request(message_id=513, sop_class_uid=CT, sop_instance_uid="1.2.3")
    ds = decode(BytesIO(encoded), True, True)
    assert ds.CommandGroupLength == len(encoded) - 12
    assert (ds.AffectedSOPClassUID, ds.AffectedSOPInstanceUID) == (CT, "1.2.3")
    assert (ds.CommandField, ds.MessageID, ds.Priority) == (0x0001, 513, 0)
    assert ds.CommandDataSetType != 0x0101


def test_a_response_is_what_pynetdicom_reads() -> None:
    encoded = dimse.encode_response(
        request_field=0x0001,
        message_id=513,
        response=StoreResponse(status=0xA700, comment="disk full"),
        sop_class_uid=CT,
        sop_instance_uid="1.2.3",
    )
    ds = decode(BytesIO(encoded), True, True)
    assert (ds.CommandField, ds.MessageIDBeingRespondedTo, ds.Status) == (0x8001, 513, 0xA700)
    assert (ds.ErrorComment, ds.AffectedSOPInstanceUID) == ("disk full", "1.2.3")
    assert ds.CommandDataSetType == 0x0101
    assert [element.tag for element in ds] == sorted(element.tag for element in ds)


def test_a_comment_is_cut_to_64_characters_of_printable_ascii() -> None:
    encoded = dimse.encode_response(
        request_field=1, message_id=1, response=StoreResponse(status=0xC000, comment="größer\\\n" + "x" * 100)
    )
    comment = dimse.decode_command(encoded).text(dimse.ERROR_COMMENT)
    assert comment == "gr??er??" + "x" * 56


def test_uids_that_are_none_are_left_out_of_a_response() -> None:
    encoded = dimse.encode_response(request_field=1, message_id=1, response=StoreResponse(status=0x0117))
    command = dimse.decode_command(encoded)
    assert command.text(dimse.AFFECTED_SOP_INSTANCE_UID) == ""
    assert not command.has_data_set


@pytest.mark.parametrize(
    ("encoded", "why"),
    [
        (ECHO_RQ[:-1], "says it has 2 bytes"),
        (ECHO_RQ[:-8], "ends within an element"),
        (ECHO_RQ + ECHO_RQ[-10:], "has no place"),  # the last element twice
        (ECHO_RQ[:12] + ECHO_RQ[-10:] + ECHO_RQ[12:-10], "has no place"),  # not in ascending order
        (bytes.fromhex("08000000 02000000 0000"), "has no place"),  # group 0008
        (bytes.fromhex("00000200 f0ffffff 312e32"), "4294967280 bytes"),  # length beyond everything
    ],
)
def test_a_malformed_command_set_is_a_violation(encoded: bytes, why: str) -> None:
    with pytest.raises(ProtocolViolation, match=why):
        dimse.decode_command(encoded)


def test_an_absent_or_overlong_number_is_a_violation() -> None:
    command = dimse.decode_command(bytes.fromhex("00001001 04000000 01000000"))
    with pytest.raises(ProtocolViolation, match="4 bytes instead of 2"):
        command.us(dimse.MESSAGE_ID)
    with pytest.raises(ProtocolViolation, match=r"no element \(0000,0900\)"):
        command.us(dimse.STATUS)


def test_a_wrong_group_length_is_overlooked_since_the_end_is_known() -> None:
    assert dimse.decode_command(ECHO_RQ.replace(b"\x38", b"\xff", 1)).us(dimse.MESSAGE_ID) == 1


@pytest.mark.parametrize("uid", ["1.2.840.10008.1.1", "2.25.0", "1.02.3", "0", "1" * 64])
def test_digits_and_dots_are_a_uid(uid: str) -> None:
    assert dimse.is_uid(uid)


@pytest.mark.parametrize("uid", ["", ".", "..", "1..2", "1.2.", ".1", "../1.2", "1.2/3", "1.2\n", "１.２", "1" * 65])
def test_what_could_be_a_path_or_a_surprise_is_no_uid(uid: str) -> None:
    assert not dimse.is_uid(uid)


@pytest.mark.parametrize(
    ("status", "category", "words"),
    [
        (0x0000, StatusCategory.SUCCESS, "0000 (success)"),
        (0xB000, StatusCategory.WARNING, "B000 (warning: coercion of data elements)"),
        (0xB123, StatusCategory.WARNING, "B123 (warning)"),
        (0x0107, StatusCategory.WARNING, "0107 (warning: attribute list error)"),
        (0xA701, StatusCategory.FAILURE, "A701 (out of resources)"),
        (0xA9FF, StatusCategory.FAILURE, "A9FF (data set does not match SOP class)"),
        (0xC123, StatusCategory.FAILURE, "C123 (cannot understand)"),
        (0x0124, StatusCategory.FAILURE, "0124 (not authorized)"),
        (0xFF00, StatusCategory.FAILURE, "FF00 (unknown status)"),
    ],
)
def test_a_status_has_a_category_and_words(status: int, category: StatusCategory, words: str) -> None:
    assert dimse.status_category(status) is category
    assert dimse.describe_status(status) == words
