"""A-ASSOCIATE PDUs and the choice of presentation contexts, against pynetdicom as the other side of each PDU."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from pynetdicom import ALL_TRANSFER_SYNTAXES, AllStoragePresentationContexts, build_context
from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    AsynchronousOperationsWindowNegotiation,
    ImplementationClassUIDNotification,
    ImplementationVersionNameNotification,
    MaximumLengthNotification,
    SCP_SCU_RoleSelectionNegotiation,
    UserIdentityNegotiation,
)
from pynetdicom.presentation import NonPatientObjectPresentationContexts

from sealgate.dicom.transfer_syntax import BY_UID, DEFLATED_LE, EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE
from sealgate.errors import ProtocolViolation
from sealgate.node.associate import (
    SYNCHRONOUS,
    AnsweredContext,
    AssociateRequest,
    ContextOutcome,
    OperationsWindow,
    ProposedContext,
    decode_answer,
    decode_request,
    encode_answer,
    encode_request,
)
from sealgate.node.identity import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from sealgate.node.negotiation import (
    RETIRED_STORAGE_SOP_CLASSES,
    VERIFICATION_SOP_CLASS_UID,
    accepted_contexts,
    answer_contexts,
    choose_transfer_syntax,
    storage_sop_classes,
)

CT = "1.2.840.10008.5.1.4.1.1.2"
PRIVATE = "1.2.840.113619.4.30"
JPEG_BASELINE, JPEG_2000 = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.90"
HEADER_BYTES = 6
"""What the acceptor may spend on the largest A-ASSOCIATE-RQ."""


def proposed(context_id: int, abstract: str = CT, *syntaxes: str) -> ProposedContext:
    return ProposedContext(
        context_id=context_id, abstract_syntax_uid=abstract, transfer_syntax_uids=syntaxes or (EXPLICIT_LE,)
    )


def request_of(*contexts: ProposedContext) -> AssociateRequest:
    return AssociateRequest(
        called_ae_title="CALLED", calling_ae_title="CALLING", contexts=contexts, max_pdu_bytes=16384
    )


def encoded(*contexts: ProposedContext) -> bytearray:
    """What follows the PDU header of an A-ASSOCIATE-RQ."""
    return bytearray(encode_request(request_of(*(contexts or (proposed(1),))))[HEADER_BYTES:])


def test_what_pynetdicom_asks_for_is_understood_with_all_its_extras() -> None:
    primitive = A_ASSOCIATE()
    primitive.application_context_name = "1.2.840.10008.3.1.1.1"
    primitive.calling_ae_title, primitive.called_ae_title = "MODALITY 1", "SEALGATE"
    contexts = [build_context(CT, [JPEG_2000, EXPLICIT_LE]), build_context(VERIFICATION_SOP_CLASS_UID, IMPLICIT_LE)]
    for number, context in enumerate(contexts):
        context.context_id = 2 * number + 1
    primitive.presentation_context_definition_list = contexts
    maximum, implementation = MaximumLengthNotification(), ImplementationClassUIDNotification()
    maximum.maximum_length_received, implementation.implementation_class_uid = 32768, "1.2.3"
    role, identity = SCP_SCU_RoleSelectionNegotiation(), UserIdentityNegotiation()
    role.sop_class_uid, role.scu_role, role.scp_role = CT, True, True
    identity.user_identity_type, identity.primary_field, identity.secondary_field = 2, b"user", b"secret"
    primitive.user_information = [maximum, implementation, role, identity]
    request = decode_request(memoryview(A_ASSOCIATE_RQ(primitive).encode())[HEADER_BYTES:])
    assert request == AssociateRequest(
        called_ae_title="SEALGATE",
        calling_ae_title="MODALITY 1",
        contexts=(proposed(1, CT, JPEG_2000, EXPLICIT_LE), proposed(3, VERIFICATION_SOP_CLASS_UID, IMPLICIT_LE)),
        max_pdu_bytes=32768,
        implementation_class_uid="1.2.3",
        implementation_version_name="",
    )


@pytest.mark.parametrize("window", [SYNCHRONOUS, OperationsWindow(invoked=16, performed=1)], ids=["none", "window"])
def test_our_request_is_what_pynetdicom_sends(window: OperationsWindow) -> None:
    request = replace(
        request_of(proposed(1, CT, JPEG_2000, EXPLICIT_LE), proposed(3, VERIFICATION_SOP_CLASS_UID)),
        operations_window=window,
    )
    primitive = A_ASSOCIATE()
    primitive.application_context_name = "1.2.840.10008.3.1.1.1"
    primitive.calling_ae_title, primitive.called_ae_title = "CALLING", "CALLED"
    contexts = [build_context(CT, [JPEG_2000, EXPLICIT_LE]), build_context(VERIFICATION_SOP_CLASS_UID, EXPLICIT_LE)]
    for number, context in enumerate(contexts):
        context.context_id = 2 * number + 1
    primitive.presentation_context_definition_list = contexts
    maximum, operations = MaximumLengthNotification(), AsynchronousOperationsWindowNegotiation()
    maximum.maximum_length_received = 16384
    operations.maximum_number_operations_invoked = window.invoked
    operations.maximum_number_operations_performed = window.performed
    implementation, version = ImplementationClassUIDNotification(), ImplementationVersionNameNotification()
    implementation.implementation_class_uid = IMPLEMENTATION_CLASS_UID
    version.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    items = [maximum, implementation, *([operations] if window != SYNCHRONOUS else []), version]
    primitive.user_information = items
    assert encode_request(request) == A_ASSOCIATE_RQ(primitive).encode()
    assert decode_request(memoryview(encode_request(request))[HEADER_BYTES:]).operations_window == window


def test_an_operations_window_that_was_granted_is_what_pynetdicom_reads() -> None:
    window = OperationsWindow(invoked=4, performed=1)
    encoded_answer = encode_answer(request_of(proposed(1)), (), 16384, window)
    pdu = A_ASSOCIATE_AC()
    pdu.decode(encoded_answer)
    assert pdu.user_information is not None
    granted = pdu.user_information.async_ops_window
    assert granted is not None
    assert (granted.max_operations_invoked, granted.max_operations_performed) == (4, 1)
    assert decode_answer(memoryview(encoded_answer)[HEADER_BYTES:]).operations_window == window


def test_an_operations_window_that_is_none_means_one_after_the_other() -> None:
    whole = encode_answer(request_of(proposed(1)), (), 16384, OperationsWindow(invoked=4, performed=1))
    cut = whole.replace(bytes.fromhex("5300 0004 0004 0001"), bytes.fromhex("5300 0000 5900 0000"))
    assert decode_answer(memoryview(cut)[HEADER_BYTES:]).operations_window == SYNCHRONOUS


def test_our_answer_is_what_pynetdicom_reads() -> None:
    request = request_of(proposed(1, CT, IMPLICIT_LE, EXPLICIT_LE), proposed(3, PRIVATE), proposed(5, CT, "1.2.3"))
    answers = answer_contexts(request, unrestricted=False)
    pdu = A_ASSOCIATE_AC()
    pdu.decode(encode_answer(request, answers, 131072))
    assert [(item.context_id, item.result) for item in pdu.presentation_context] == [(1, 0), (3, 3), (5, 4)]
    assert pdu.presentation_context[0].transfer_syntax == EXPLICIT_LE
    user = pdu.user_information
    assert user is not None
    assert user.maximum_length == 131072
    assert user.implementation_class_uid == IMPLEMENTATION_CLASS_UID
    assert user.implementation_version_name == IMPLEMENTATION_VERSION_NAME
    assert user.async_ops_window is None
    assert not user.role_selection


def test_an_answer_is_read_back() -> None:
    answers = (
        AnsweredContext(context_id=1, outcome=ContextOutcome.ACCEPTED, transfer_syntax_uid=JPEG_2000),
        AnsweredContext(context_id=3, outcome=ContextOutcome.TRANSFER_SYNTAXES_NOT_SUPPORTED, transfer_syntax_uid=""),
    )
    answer = decode_answer(memoryview(encode_answer(request_of(proposed(1)), answers, 16384))[HEADER_BYTES:])
    assert answer.contexts == answers
    assert answer.max_pdu_bytes == 16384


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        ((IMPLICIT_LE, EXPLICIT_BE, EXPLICIT_LE), EXPLICIT_LE),
        ((IMPLICIT_LE, DEFLATED_LE, EXPLICIT_BE), EXPLICIT_BE),
        ((IMPLICIT_LE, DEFLATED_LE), DEFLATED_LE),
        ((IMPLICIT_LE, EXPLICIT_LE, JPEG_2000, JPEG_BASELINE), JPEG_2000),
        ((IMPLICIT_LE, JPEG_BASELINE, JPEG_2000), JPEG_BASELINE),
        (("1.2.3", IMPLICIT_LE), IMPLICIT_LE),
        (("1.2.3",), None),
    ],
)
def test_compressed_goes_before_explicit_before_implicit(offered: tuple[str, ...], chosen: str | None) -> None:
    assert choose_transfer_syntax(offered) == chosen


def test_every_transfer_syntax_and_storage_sop_class_that_pynetdicom_knows_is_taken() -> None:
    assert set(ALL_TRANSFER_SYNTAXES) <= set(BY_UID)
    known = (*AllStoragePresentationContexts, *NonPatientObjectPresentationContexts)
    assert {str(context.abstract_syntax) for context in known} <= storage_sop_classes()
    assert set(RETIRED_STORAGE_SOP_CLASSES) <= storage_sop_classes()


def test_private_sop_classes_are_taken_only_without_restriction() -> None:
    request = request_of(proposed(1, PRIVATE))
    assert answer_contexts(request, unrestricted=False)[0].outcome == ContextOutcome.ABSTRACT_SYNTAX_NOT_SUPPORTED
    answers = answer_contexts(request, unrestricted=True)
    assert accepted_contexts(request, answers)[1].transfer_syntax_uid == EXPLICIT_LE


def test_an_answer_to_what_was_not_proposed_counts_for_nothing() -> None:
    stray = AnsweredContext(context_id=9, outcome=ContextOutcome.ACCEPTED, transfer_syntax_uid=EXPLICIT_LE)
    assert accepted_contexts(request_of(proposed(1)), [stray]) == {}


def test_128_contexts_are_taken_and_one_more_is_not() -> None:
    contexts = [proposed(2 * number + 1) for number in range(128)]
    body = encoded(*contexts)
    assert len(decode_request(memoryview(body)).contexts) == 128
    one_more = encoded(proposed(1))
    start = one_more.index(b"\x20\0")
    length = struct.unpack_from(">H", one_more, start + 2)[0]
    with pytest.raises(ProtocolViolation, match="more than 128"):
        decode_request(memoryview(body + one_more[start : start + 4 + length]))


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (b"\x20\0\0\x38\x01", b"\x20\0\0\x38\x02", "not odd"),
        (b"\x30\0\0\x19", b"\x30\0\xff\x19", "reaches beyond"),
        (b"\x30\0\0\x19", b"\x31\0\0\x19", "does not begin with its abstract syntax"),
        (b"\x40\0\0\x13", b"\x41\0\0\x13", "no transfer syntax"),
        (b"\x40\0\0\x13", b"\x40\0\0\x14", "are left"),
        (CT.encode(), b"../../../etc/passwd".ljust(len(CT)), "not a UID"),
        (b"\x51\0\0\x04\0\0\x40\0", b"\x51\0\0\x04\0\0\0\x10", "cannot be worked with"),
        (b"\x10\0\0\x15", b"\x11\0\0\x15", "lacks its application context"),
        (b"\x50\0", b"\x5f\0", "user information"),
    ],
)
def test_a_malformed_request_is_a_violation(old: bytes, new: bytes, why: str) -> None:
    body = encoded()
    assert old in body
    with pytest.raises(ProtocolViolation, match=why):
        decode_request(memoryview(body.replace(old, new, 1)))


def test_a_context_id_twice_is_a_violation() -> None:
    with pytest.raises(ProtocolViolation, match="twice"):
        decode_request(memoryview(encoded(proposed(1), proposed(1))))


def test_every_truncation_of_a_request_is_a_violation() -> None:
    body = encoded(proposed(1), proposed(3, VERIFICATION_SOP_CLASS_UID, IMPLICIT_LE))
    for end in range(len(body)):
        try:
            request = decode_request(memoryview(body[:end]))
        except ProtocolViolation:
            continue
        assert request.contexts, f"the first {end} bytes were taken for a request"
        pytest.fail(f"the first {end} of {len(body)} bytes were taken for a request")


@pytest.mark.parametrize(
    ("title", "expected"),
    [(b" SPACED OUT    \0", "SPACED OUT"), (b"                ", ""), (b"TAB\tTITLE       ", ""), (b"BACK\\SLASH", "")],
)
def test_ae_titles_are_stripped_and_printable(title: bytes, expected: str) -> None:
    body = encoded()
    body[20:36] = title.ljust(16)[:16]
    assert decode_request(memoryview(body)).calling_ae_title == expected


def _seconds(work: Callable[[], object]) -> float:
    """The best of five runs."""
    durations = []
    for _ in range(5):
        started = time.perf_counter()
        work()
        durations.append(time.perf_counter() - started)
    return min(durations)


def test_the_largest_request_is_answered_in_less_time_than_pynetdicom_takes_to_decode_it() -> None:
    # Each context lists other transfer syntaxes, so that nothing of one serves for the next.
    contexts = [
        proposed(2 * number + 1, f"{CT}.{number}", EXPLICIT_LE, *(f"1.2.840.10008.1.2.{number}.{n}" for n in range(37)))
        for number in range(128)
    ]
    body = encoded(*contexts)
    assert len(body) > 100_000
    pdu = struct.pack(">BBL", 1, 0, len(body)) + bytes(body)

    def answer() -> None:
        request = decode_request(memoryview(body))
        encode_answer(request, answer_contexts(request, unrestricted=True), 131072)

    assert _seconds(answer) < _seconds(lambda: A_ASSOCIATE_RQ().decode(pdu))
