"""What no MAC covers: padding, group lengths, odd elements, nested ones, and signatures out of their place."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import pytest

from sealgate.signature.reasons import Reason, Severity
from sealgate.verification.report import DataSetReport, Outcome, Status, Step
from support.elements import BIG, EXPLICIT, EXPLICIT_LE_UID, IMPLICIT, Writer, part10
from support.forging import MAC_PARAMETERS, SIGNATURES, body, forge, with_signatures
from support.pki import Authority, Credential
from support.signing import AT, anchors, verified

PADDING = 0xFFFCFFFC
SEQUENCE = 0x00081140


class Bench:
    def __init__(self, authority: Authority) -> None:
        self.authority = authority
        self.signer: Credential = authority.issue("signer")

    def judge(self, data_set: bytes, uid: str = EXPLICIT_LE_UID) -> DataSetReport:
        return verified(part10(data_set, uid), anchors(self.authority))

    def signed(self, content: bytes, *, behind: bytes = b"", writer: Writer = EXPLICIT) -> DataSetReport:
        """Report on a data set that is signed as far as may be, and then has something put behind it."""
        data_set = with_signatures(content, forge(self.signer, content, writer=writer), writer=writer, behind=behind)
        return self.judge(data_set, writer.uid)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(Authority(tmp_path_factory.mktemp("pki"), now=AT))


def e(tag: int, vr: str, value: bytes) -> bytes:
    return EXPLICIT.element(tag, vr, value)


def directory(order: str = "<", entries: Sequence[tuple[int, int]] = ((254, 4), (256, 3))) -> bytes:
    """An Image File Directory of TIFF."""
    fields = b"".join(struct.pack(order + "HHLL", tag, kind, 1, 0) for tag, kind in entries)
    return struct.pack(order + "H", len(entries)) + fields + bytes(4)


PADDINGS = {
    "none": (b"", ()),
    "zeros": (bytes(300), ()),
    "a TIFF directory": (directory(), (Reason.TIFF_DIRECTORY,)),
    "a TIFF directory in big endian": (directory(">"), (Reason.TIFF_DIRECTORY,)),
    "anything": (b"payload ", (Reason.UNSIGNED_PAYLOAD,)),
    "one byte that is not zero": (bytes(99) + b"x", (Reason.UNSIGNED_PAYLOAD,)),
    "a TIFF directory and more": (directory() + b"payload ", (Reason.UNSIGNED_PAYLOAD,)),
    "a TIFF directory of unordered tags": (directory(entries=((9, 4), (8, 4))), (Reason.UNSIGNED_PAYLOAD,)),
    "a TIFF directory of unknown types": (directory(entries=((8, 77), (9, 4))), (Reason.UNSIGNED_PAYLOAD,)),
}


@pytest.mark.parametrize(("padding", "reasons"), PADDINGS.values(), ids=PADDINGS)
def test_trailing_padding_may_hold_nothing(padding: bytes, reasons: tuple[Reason, ...], bench: Bench) -> None:
    report = bench.signed(body(), behind=e(PADDING, "OB", padding))
    assert report.reasons == reasons
    grave = any(reason.severity > Severity.WARNING for reason in reasons)
    assert report.outcome is (Outcome.QUESTIONABLE if grave else Outcome.VALID)


FRONT = {
    "group length": (e(0x00080000, "UL", b"any "), ()),
    "Length to End": (e(0x00080001, "UL", b"any "), ()),
    "a group length of another form": (e(0x00080000, "OB", b"payload "), (Reason.UNSIGNED_PAYLOAD,)),
    "Length to End of another form": (e(0x00080001, "OB", b"payload "), (Reason.UNSIGNED_PAYLOAD,)),
    "command group": (e(0x00000002, "UI", b"1.2\0"), (Reason.UNSIGNED_PAYLOAD,)),
    "group 0006": (e(0x00060001, "OB", b"payload "), (Reason.UNSIGNED_PAYLOAD,)),
    "group of a directory": (e(0x00041130, "CS", b"SET "), ()),
}


@pytest.mark.parametrize(("element", "reasons"), FRONT.values(), ids=FRONT)
def test_elements_that_may_never_be_signed_belong_or_are_a_payload(
    element: bytes, reasons: tuple[Reason, ...], bench: Bench
) -> None:
    assert bench.signed(element + body()).reasons == reasons


def test_an_element_behind_the_signatures_that_may_be_signed_is_a_matter_of_coverage(bench: Bench) -> None:
    report = bench.signed(body(), behind=e(0xFFFC0001, "OB", b"ab"))
    assert report.reasons == ()
    assert report.coverage is not None
    assert report.coverage.unsigned == (0xFFFC0001,)


def right_length(writer: Writer) -> bytes:
    """A group with a right length."""
    group = writer.element(0x00100010, "PN", b"A^B ") + writer.element(0x00100020, "LO", b"AB")
    return writer.element(0x00100000, "UL", struct.pack(writer.order + "L", len(group))) + group


@pytest.mark.parametrize("writer", [EXPLICIT, IMPLICIT, BIG], ids=str)
@pytest.mark.parametrize("undefined", [False, True], ids=["length", "delimiter"])
def test_right_group_lengths_and_padding_of_zeros_belong_into_items(
    writer: Writer, undefined: bool, bench: Bench
) -> None:
    more = writer.sequence(0x00101002, writer.item(right_length(writer), undefined=undefined), undefined=undefined)
    element = writer.element(0x00080060, "CS", b"CT")
    inside = element + right_length(writer) + writer.element(PADDING, "OB", bytes(40))
    outer = writer.item(inside, undefined=undefined), writer.item(more, undefined=undefined)
    content = writer.sequence(SEQUENCE, *outer, undefined=undefined)
    assert bench.signed(content, writer=writer).reasons == ()


@pytest.mark.parametrize("change", [-1, 1])
@pytest.mark.parametrize("last", [False, True], ids=["before another group", "at the end"])
def test_a_wrong_group_length_does_not_belong_into_an_item(change: int, last: bool, bench: Bench) -> None:
    name = e(0x00100010, "PN", b"A^B ")
    length = e(0x00100000, "UL", struct.pack("<L", len(name) + change))
    behind = b"" if last else e(0x0020000D, "UI", b"1.2\0")
    report = bench.signed(EXPLICIT.sequence(SEQUENCE, EXPLICIT.item(length, name, behind)))
    assert report.reasons == (Reason.NESTED_ELEMENT_NOT_SIGNED,)


def test_an_inner_signature_belongs_into_an_item_with_all_that_it_has(bench: Bench) -> None:
    inner = with_signatures(body(), forge(bench.signer, uid="1.2.3"))
    report = bench.signed(EXPLICIT.sequence(SEQUENCE, EXPLICIT.item(inner)))
    assert (report.outcome, report.reasons, len(report.signatures)) == (Outcome.VALID, (), 2)


def test_what_is_inside_of_a_sequence_that_may_not_be_signed_is_said_once(bench: Bench) -> None:
    content = body() + EXPLICIT.sequence(0x00060001, EXPLICIT.item(e(0x00060001, "OB", b"ab")))
    assert bench.signed(content).reasons == (Reason.UNSIGNED_PAYLOAD,)


def test_a_payload_deep_inside_is_found(bench: Bench) -> None:
    payload = e(0xFFFA1001, "OB", b"payload ")
    for _ in range(5):
        payload = EXPLICIT.sequence(SEQUENCE, EXPLICIT.item(body()), EXPLICIT.item(payload))
    report = bench.signed(payload)
    assert report.reasons == (Reason.NESTED_ELEMENT_NOT_SIGNED,)
    (finding,) = [fact for fact in report.findings if fact.reasons]
    assert (finding.step, finding.status) == (Step.STRUCTURE, Status.WARNING)
    assert "(fffa,1001) inside of (0008,1140)" in finding.text


def test_a_sequence_that_may_not_be_signed_hides_nothing_of_what_is_in_it(bench: Bench) -> None:
    inner = EXPLICIT.sequence(0xFFFA1001, EXPLICIT.item(EXPLICIT.sequence(SEQUENCE, EXPLICIT.item(body()))))
    report = bench.signed(EXPLICIT.sequence(SEQUENCE, EXPLICIT.item(body(), inner, e(PADDING, "OB", bytes(2)))))
    assert report.reasons == (Reason.NESTED_ELEMENT_NOT_SIGNED,)


# --- traces of signatures


def test_a_hidden_signature_makes_a_data_set_invalid_and_not_unsigned(bench: Bench) -> None:
    signature = EXPLICIT.item(e(0x04000115, "OB", b"any "))
    for hidden in (
        EXPLICIT.sequence(0xFFFA1001, signature),
        EXPLICIT.element(0xFFFA1001, "UN", signature),
        EXPLICIT.sequence(0x00991001, signature),
        EXPLICIT.sequence(SEQUENCE, EXPLICIT.item(EXPLICIT.sequence(0x00991001, signature))),
    ):
        report = bench.judge(body() + hidden)
        assert (report.outcome, report.reasons) == (Outcome.INVALID, (Reason.SIGNATURE_HIDDEN,))
        assert report.coverage is None


def test_a_hidden_signature_beside_an_inner_one_is_found(bench: Bench) -> None:
    inner = with_signatures(body(), forge(bench.signer, uid="1.2.3"))
    hidden = EXPLICIT.sequence(0x00991001, EXPLICIT.item(e(0x04000115, "OB", b"any ")))
    report = bench.signed(EXPLICIT.sequence(SEQUENCE, EXPLICIT.item(inner), EXPLICIT.item(hidden)))
    assert (report.outcome, report.reasons) == (Outcome.INVALID, (Reason.SIGNATURE_HIDDEN,))


def test_a_signature_of_the_past_is_told_and_changes_nothing(bench: Bench) -> None:
    past = EXPLICIT.item(with_signatures(body(), forge(bench.signer)))
    original = EXPLICIT.sequence(0x04000561, EXPLICIT.item(EXPLICIT.sequence(0x04000550, past)))
    content = e(0x00080018, "UI", b"1.2.34") + original
    assert bench.signed(content).reasons == (Reason.SIGNATURE_OF_THE_PAST,)
    report = bench.judge(content)
    assert (report.outcome, report.reasons) == (Outcome.UNSIGNED, (Reason.SIGNATURE_OF_THE_PAST,))


def test_mac_parameters_without_signature_are_told_and_leave_it_unsigned(bench: Bench) -> None:
    report = bench.judge(body() + EXPLICIT.sequence(MAC_PARAMETERS, forge(bench.signer)[0]))
    assert (report.outcome, report.reasons) == (Outcome.UNSIGNED, (Reason.MAC_PARAMETERS_WITHOUT_SIGNATURE,))


def test_the_purpose_of_a_signature_may_have_a_right_group_length_and_no_payload(bench: Bench) -> None:
    code = e(0x00080100, "SH", b"5 ") + e(0x00080102, "SH", b"ASTM-sigpurpose ")
    for length, reasons in ((len(code), ()), (7, (Reason.UNSIGNABLE_IN_SIGNATURE_ITEM,))):
        group = e(0x00080000, "UL", struct.pack("<L", length))
        purpose = EXPLICIT.sequence(0x04000401, EXPLICIT.item(group, code))
        report = bench.judge(with_signatures(body(), forge(bench.signer, item={0x04000401: purpose})))
        assert report.reasons == reasons
        assert report.signatures[0].purpose is not None


def test_an_unsigned_data_set_is_not_looked_through_for_payload(bench: Bench) -> None:
    report = bench.judge(body() + e(PADDING, "OB", b"payload "))
    assert (report.outcome, report.findings, report.coverage) == (Outcome.UNSIGNED, (), None)


def test_both_sequences_of_signatures_may_stand_in_one_item_in_any_order(bench: Bench) -> None:
    parameters, item = forge(bench.signer, uid="1.2.3")
    inner = EXPLICIT.sequence(SIGNATURES, item) + EXPLICIT.sequence(MAC_PARAMETERS, parameters) + body()
    report = bench.signed(EXPLICIT.sequence(SEQUENCE, EXPLICIT.item(inner)))
    assert (report.outcome, report.reasons) == (Outcome.VALID, ())


# --- headers that readers understand in different ways

UNKNOWN_VR = {
    "two letters": b"ZZ\0\0\2\0\0\0A ",
    "no letters": b"\1\2\2\0A ",
    "letters of lower case": b"lo\2\0A ",
    "of undefined length": b"ZZ\0\0\xff\xff\xff\xff" + EXPLICIT.delimiter(0xFFFEE0DD),
}


@pytest.mark.parametrize("rest", UNKNOWN_VR.values(), ids=UNKNOWN_VR)
def test_an_element_of_unknown_vr_is_odd_wherever_it_stands(rest: bytes, bench: Bench) -> None:
    element = EXPLICIT.tag(0x00991001) + rest
    for content in (
        element,
        EXPLICIT.sequence(0x00991001, EXPLICIT.item(element)),
        EXPLICIT.sequence(0x00991001, EXPLICIT.item(EXPLICIT.sequence(SEQUENCE, EXPLICIT.item(element)))),
    ):
        report = bench.signed(body(), behind=content)
        assert (report.outcome, report.reasons) == (Outcome.QUESTIONABLE, (Reason.VR_UNKNOWN,))


def test_an_element_of_unknown_vr_in_the_signature_sequences_is_odd(bench: Bench) -> None:
    element = EXPLICIT.tag(0x04000999) + b"ZZ\0\0\2\0\0\0A "
    parameters, item = forge(bench.signer)
    for pair in ((parameters[:8] + parameters[8:] + element, item), (parameters, item[:8] + item[8:] + element)):
        first, second = (EXPLICIT.item(one[8:]) for one in pair)
        report = bench.judge(with_signatures(body(), (first, second)))
        assert report.outcome is not Outcome.VALID
        assert Reason.VR_UNKNOWN in report.reasons


def test_vr_un_and_private_elements_in_implicit_vr_are_not_of_unknown_vr(bench: Bench) -> None:
    assert bench.signed(body(), behind=e(0x00991001, "UN", b"A ")).reasons == ()
    assert bench.signed(body(IMPLICIT), behind=IMPLICIT.element(0x00991001, "", b"A "), writer=IMPLICIT).reasons == ()


PARAMETERS = {
    "another element": (e(0x04000100, "UI", b"1.2.34"), Reason.UNSIGNED_PAYLOAD),
    "a sequence": (EXPLICIT.sequence(SEQUENCE, EXPLICIT.item()), Reason.UNSIGNED_PAYLOAD),
    "padding": (e(PADDING, "OB", b"payload "), Reason.UNSIGNED_PAYLOAD),
    "padding of zeros": (e(PADDING, "OB", bytes(8)), None),
}


@pytest.mark.parametrize(("added", "reason"), PARAMETERS.values(), ids=PARAMETERS)
def test_the_mac_parameters_have_nothing_but_their_own_elements(
    added: bytes, reason: Reason | None, bench: Bench
) -> None:
    parameters, item = forge(bench.signer)
    odd = EXPLICIT.item(parameters[8:] + added)
    assert bench.judge(with_signatures(body(), (odd, item))).reasons == ((reason,) if reason else ())
    inner = EXPLICIT.sequence(SEQUENCE, EXPLICIT.item(with_signatures(body(), (odd, item))))
    report = bench.signed(body(EXPLICIT, inner))
    assert (Reason.NESTED_ELEMENT_NOT_SIGNED in report.reasons) == (reason is not None)


@pytest.mark.parametrize("length", [0x4141, 0x5A5A, 0x4C55])
def test_a_first_element_in_implicit_vr_whose_length_is_a_vr_is_odd(length: int, bench: Bench) -> None:
    first = IMPLICIT.element(0x00080001 | 0x10000, "", bytes(length))
    data_set = with_signatures(
        first + body(IMPLICIT), forge(bench.signer, body(IMPLICIT), writer=IMPLICIT), writer=IMPLICIT
    )
    assert Reason.ENCODING_AMBIGUOUS in bench.judge(data_set, IMPLICIT.uid).reasons


UNFIT = {
    "a word of one byte": ("US", b"\1", True),
    "a double of four bytes": ("FD", bytes(4), True),
    "thirteen bytes of text": ("LT", b"thirteen byte", True),
    "thirteen bytes": ("OB", bytes(13), True),
    "a text of odd length": ("LT", b"odd", False),
    "bytes of odd length": ("OB", b"odd", False),
    "words of odd length, which the MAC has as they are": ("OW", b"odd", False),
    "two words": ("US", bytes(4), False),
}


@pytest.mark.parametrize(("vr", "value", "unfit"), UNFIT.values(), ids=UNFIT)
def test_a_value_of_a_length_that_is_misread_is_odd(vr: str, value: bytes, unfit: bool, bench: Bench) -> None:
    element = e(0x00991001, vr, value)
    for content in (element, EXPLICIT.sequence(0x00991001, EXPLICIT.item(element))):
        reasons = bench.signed(body(EXPLICIT, e(0x00990010, "LO", b"ACME"), content)).reasons
        assert reasons == ((Reason.VALUE_LENGTH_UNFIT,) if unfit else ())
