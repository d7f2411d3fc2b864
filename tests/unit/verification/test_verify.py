"""Verification: every reason with a data set that shows it, outcomes, places and coverage."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.x509.oid import NameOID

from sealgate.dicom.limits import MAX_SIGNATURES
from sealgate.errors import LimitExceeded
from sealgate.signature.reasons import Reason, Severity
from sealgate.trust.store import TrustStore
from sealgate.verification.coverage import Extent
from sealgate.verification.report import DataSetReport, Outcome, SignatureReport, Status, Step
from support import samples, tree
from support.elements import (
    BIG,
    DEFLATED_LE_UID,
    EXPLICIT,
    EXPLICIT_BE_UID,
    EXPLICIT_LE_UID,
    IMPLICIT,
    IMPLICIT_LE_UID,
    JPEG_UID,
    UNDEFINED,
    WRITERS,
    Writer,
    part10,
)
from support.forging import MAC_PARAMETERS, SIGNATURES, body, forge, with_signatures
from support.pki import DAY, YEAR, Authority, Credential, private_key
from support.signing import AT, UID, anchors, signed, verified

SEQUENCE = 0x00081140


class Bench:
    """An authority, a signer, and how data sets are judged."""

    def __init__(self, authority: Authority) -> None:
        self.authority = authority
        self.signer = authority.issue("signer")
        self.trusted = anchors(authority)

    def judge(self, data_set: bytes, uid: str = EXPLICIT_LE_UID, trusted: TrustStore | None = None) -> DataSetReport:
        return verified(part10(data_set, uid), self.trusted if trusted is None else trusted)

    def judge_one(
        self, data_set: bytes, uid: str = EXPLICIT_LE_UID, trusted: TrustStore | None = None
    ) -> SignatureReport:
        (report,) = self.judge(data_set, uid, trusted).signatures
        return report


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(Authority(tmp_path_factory.mktemp("pki"), now=AT))


Case = Callable[[Bench], SignatureReport]
CASES: dict[str, tuple[Reason, Case]] = {}


def case(reason: Reason) -> Callable[[Case], Case]:
    def named(function: Case) -> Case:
        CASES[f"{reason}: {function.__name__.replace('_', ' ')}"] = (reason, function)
        return function

    return named


def e(tag: int, vr: str, value: bytes) -> bytes:
    return EXPLICIT.element(tag, vr, value)


# --- structure


@case(Reason.SIGNATURE_SEQUENCES_MALFORMED)
def the_signatures_are_no_sequence(bench: Bench) -> SignatureReport:
    return bench.judge_one(body() + e(SIGNATURES, "OB", b"abcd"))


@case(Reason.SIGNATURE_SEQUENCES_MALFORMED)
def the_signatures_are_hidden_in_un(bench: Bench) -> SignatureReport:
    parameters, item = forge(bench.signer)
    return bench.judge_one(body() + EXPLICIT.sequence(MAC_PARAMETERS, parameters) + e(SIGNATURES, "UN", item))


@case(Reason.SIGNATURE_SEQUENCES_MALFORMED)
def the_mac_parameters_are_no_sequence(bench: Bench) -> SignatureReport:
    _, item = forge(bench.signer)
    return bench.judge_one(body() + e(MAC_PARAMETERS, "OB", b"abcd") + EXPLICIT.sequence(SIGNATURES, item))


@case(Reason.SIGNATURE_SEQUENCES_MALFORMED)
def the_sequence_has_no_item(bench: Bench) -> SignatureReport:
    return bench.judge_one(with_signatures(body()))


@case(Reason.MAC_PARAMETERS_MISSING)
def no_mac_parameters_sequence(bench: Bench) -> SignatureReport:
    return bench.judge_one(body() + EXPLICIT.sequence(SIGNATURES, forge(bench.signer)[1]))


@case(Reason.MAC_PARAMETERS_MISSING)
def another_mac_id_number(bench: Bench) -> SignatureReport:
    parameters, _ = forge(bench.signer, mac_id_number=1)
    _, item = forge(bench.signer, mac_id_number=2)
    return bench.judge_one(with_signatures(body(), (parameters, item)))


@case(Reason.MAC_PARAMETERS_MISSING)
def no_mac_id_number_in_the_signature(bench: Bench) -> SignatureReport:
    return bench.judge_one(with_signatures(body(), forge(bench.signer, item={0x04000005: None})))


@case(Reason.MAC_PARAMETERS_MISSING)
def no_mac_id_number_in_either(bench: Bench) -> SignatureReport:
    without: dict[int, bytes | None] = {0x04000005: None}
    return bench.judge_one(with_signatures(body(), forge(bench.signer, parameters=without, item=without)))


@case(Reason.MAC_PARAMETERS_MISSING)
def no_mac_transfer_syntax(bench: Bench) -> SignatureReport:
    return bench.judge_one(with_signatures(body(), forge(bench.signer, parameters={0x04000010: None})))


@case(Reason.MAC_PARAMETERS_MISSING)
def no_mac_algorithm(bench: Bench) -> SignatureReport:
    return bench.judge_one(with_signatures(body(), forge(bench.signer, parameters={0x04000015: None})))


@case(Reason.MAC_PARAMETERS_AMBIGUOUS)
def two_mac_parameters_with_one_number(bench: Bench) -> SignatureReport:
    parameters, item = forge(bench.signer)
    return bench.judge_one(with_signatures(body(), (parameters + parameters, item)))


@case(Reason.MAC_ALGORITHM_UNKNOWN)
def a_mac_algorithm_of_another_spelling(bench: Bench) -> SignatureReport:
    return bench.judge_one(with_signatures(body(), forge(bench.signer, mac_algorithm="sha256")))


@case(Reason.MAC_TRANSFER_SYNTAX_UNUSABLE)
def an_unknown_mac_transfer_syntax(bench: Bench) -> SignatureReport:
    return bench.judge_one(with_signatures(body(), forge(bench.signer, mac_uid="1.2.3.4")))


@case(Reason.MAC_TRANSFER_SYNTAX_UNUSABLE)
def native_pixels_under_a_mac_transfer_syntax_with_fragments(bench: Bench) -> SignatureReport:
    pixels = e(0x7FE00010, "OW", b"abcd")
    pair = forge(bench.signer, body(EXPLICIT, pixels), mac_uid=JPEG_UID)
    return bench.judge_one(
        body() + EXPLICIT.sequence(MAC_PARAMETERS, pair[0]) + pixels + EXPLICIT.sequence(SIGNATURES, pair[1])
    )


@case(Reason.MAC_TRANSFER_SYNTAX_UNUSABLE)
def fragments_under_another_mac_transfer_syntax(bench: Bench) -> SignatureReport:
    pixels = EXPLICIT.fragments(0x7FE00010, b"", b"abcd")
    pair = forge(bench.signer, body(EXPLICIT, pixels), mac_uid="1.2.840.10008.1.2.4.91")
    data_set = body() + EXPLICIT.sequence(MAC_PARAMETERS, pair[0]) + pixels + EXPLICIT.sequence(SIGNATURES, pair[1])
    return bench.judge_one(data_set, JPEG_UID)


@case(Reason.DATA_ELEMENTS_SIGNED_MISSING)
def no_list_of_signed_elements(bench: Bench) -> SignatureReport:
    return bench.judge_one(with_signatures(body(), forge(bench.signer, parameters={0x04000020: None})))


@case(Reason.DATA_ELEMENTS_SIGNED_MISSING)
def an_empty_list_of_signed_elements(bench: Bench) -> SignatureReport:
    return bench.judge_one(with_signatures(body(), forge(bench.signer, listed=())))


@case(Reason.DATA_ELEMENTS_SIGNED_MISSING)
def a_list_of_another_vr(bench: Bench) -> SignatureReport:
    wrong = e(0x04000020, "UL", b"\x08\0\x18\0")
    return bench.judge_one(with_signatures(body(), forge(bench.signer, parameters={0x04000020: wrong})))


@case(Reason.DATA_ELEMENTS_SIGNED_MISSING)
def half_a_tag_in_the_list(bench: Bench) -> SignatureReport:
    wrong = e(0x04000020, "AT", b"\x08\0\x18\0\x10\0")
    return bench.judge_one(with_signatures(body(), forge(bench.signer, parameters={0x04000020: wrong})))


@case(Reason.SIGNATURE_VALUE_MISSING)
def no_signature_value(bench: Bench) -> SignatureReport:
    return bench.judge_one(with_signatures(body(), forge(bench.signer, item={0x04000120: None})))


@case(Reason.SIGNATURE_VALUE_MISSING)
def an_empty_signature_value(bench: Bench) -> SignatureReport:
    empty = e(0x04000120, "OB", b"")
    return bench.judge_one(with_signatures(body(), forge(bench.signer, item={0x04000120: empty})))


@case(Reason.CERTIFICATE_MISSING)
def no_certificate(bench: Bench) -> SignatureReport:
    return bench.judge_one(with_signatures(body(), forge(bench.signer, item={0x04000115: None})))


@case(Reason.CERTIFICATE_MISSING)
def no_certificate_type(bench: Bench) -> SignatureReport:
    return bench.judge_one(with_signatures(body(), forge(bench.signer, item={0x04000110: None})))


@case(Reason.CERTIFICATE_UNREADABLE)
def an_unknown_certificate_type(bench: Bench) -> SignatureReport:
    other = e(0x04000110, "CS", b"PGP ")
    return bench.judge_one(with_signatures(body(), forge(bench.signer, item={0x04000110: other})))


def with_certificate(bench: Bench, der: bytes) -> SignatureReport:
    element = e(0x04000115, "OB", der + b"\0" * (len(der) % 2))
    return bench.judge_one(with_signatures(body(), forge(bench.signer, item={0x04000115: element})))


@case(Reason.CERTIFICATE_UNREADABLE)
def no_certificate_in_its_place(bench: Bench) -> SignatureReport:
    return with_certificate(bench, b"certificate")


@case(Reason.CERTIFICATE_UNREADABLE)
def pem_inside_of_another_object(bench: Bench) -> SignatureReport:
    pem = bench.signer.pem
    return with_certificate(bench, b"\x04\x82" + len(pem).to_bytes(2) + pem)


@case(Reason.CERTIFICATE_UNREADABLE)
def a_certificate_that_is_cut(bench: Bench) -> SignatureReport:
    return with_certificate(bench, bench.signer.der[:-4])


@case(Reason.CERTIFICATE_UNREADABLE)
def a_certificate_with_an_unknown_kind_of_key(bench: Bench) -> SignatureReport:
    p256 = bytes.fromhex("06072a8648ce3d0201")
    assert p256 in bench.signer.der
    return with_certificate(bench, bench.signer.der.replace(p256, p256[:-1] + b"\x05"))


@case(Reason.CERTIFICATE_UNREADABLE)
def a_certificate_with_a_kind_of_key_that_dicom_does_not_use(bench: Bench) -> SignatureReport:
    key = ed25519.Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Ed25519")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, AT - DAY, AT + DAY)
    return with_certificate(bench, builder.sign(key, None).public_bytes(serialization.Encoding.DER))


@case(Reason.CERTIFICATE_UNREADABLE)
def a_certificate_with_a_damaged_name(bench: Bench) -> SignatureReport:
    name = bytes.fromhex("0c") + bytes([len("signer")]) + b"signer"
    assert bench.signer.der.count(name) == 1
    return with_certificate(bench, bench.signer.der.replace(name, name[:-1] + b"\xff"))


@case(Reason.ELEMENT_NOT_SIGNABLE)
def a_listed_element_is_un(bench: Bench) -> SignatureReport:
    content = body(EXPLICIT, e(0x00100020, "UN", b"AB"))
    pair = forge(bench.signer, content, listed=(0x00080018, 0x00100020))
    return bench.judge_one(with_signatures(content, pair))


@case(Reason.ELEMENT_NOT_SIGNABLE)
def a_listed_sequence_has_un_inside(bench: Bench) -> SignatureReport:
    content = EXPLICIT.sequence(SEQUENCE, EXPLICIT.item(e(0x00100020, "UN", b"AB")))
    return bench.judge_one(with_signatures(content, forge(bench.signer, content, listed=(SEQUENCE,))))


@case(Reason.ELEMENT_NOT_SIGNABLE)
def a_listed_element_is_never_signed(bench: Bench) -> SignatureReport:
    content = e(0x00080000, "UL", bytes(4)) + body()
    return bench.judge_one(with_signatures(content, forge(bench.signer, content, listed=(0x00080000, 0x00080018))))


@case(Reason.DUPLICATE_ELEMENT)
def a_signed_element_twice(bench: Bench) -> SignatureReport:
    content = body(EXPLICIT, e(0x00100010, "PN", b"C^D "))
    return bench.judge_one(with_signatures(content, forge(bench.signer)))


@case(Reason.DUPLICATE_ELEMENT)
def a_signed_element_again_at_the_end(bench: Bench) -> SignatureReport:
    return bench.judge_one(with_signatures(body(), forge(bench.signer), behind=e(0x00100010, "PN", b"C^D ")))


@case(Reason.DUPLICATE_ELEMENT)
def an_element_twice_inside_a_signed_item(bench: Bench) -> SignatureReport:
    content = EXPLICIT.sequence(SEQUENCE, EXPLICIT.item(e(0x00100010, "PN", b"A^B ") * 2))
    return bench.judge_one(with_signatures(content, forge(bench.signer, content)))


@case(Reason.DUPLICATE_ELEMENT)
def an_element_twice_in_the_signature_item(bench: Bench) -> SignatureReport:
    twice = e(0x04000100, "UI", b"1.2.34") * 2
    return bench.judge_one(with_signatures(body(), forge(bench.signer, item={0x04000100: twice})))


@case(Reason.DUPLICATE_ELEMENT)
def an_element_twice_in_the_mac_parameters(bench: Bench) -> SignatureReport:
    twice = e(0x04000015, "CS", b"SHA256") * 2
    return bench.judge_one(with_signatures(body(), forge(bench.signer, parameters={0x04000015: twice})))


@case(Reason.DUPLICATE_ELEMENT)
def the_signatures_sequence_twice(bench: Bench) -> SignatureReport:
    data_set = with_signatures(body(), forge(bench.signer))
    return bench.judge_one(data_set + EXPLICIT.sequence(SIGNATURES, forge(bench.signer)[1]))


@case(Reason.UNSIGNABLE_IN_SIGNATURE_ITEM)
def a_forged_purpose_with_un_inside(bench: Bench) -> SignatureReport:
    code = EXPLICIT.item(e(0x00080100, "SH", b"7 "), e(0x00080102, "UN", b"ab"))
    purpose = EXPLICIT.sequence(0x04000401, code)
    return bench.judge_one(with_signatures(body(), forge(bench.signer, item={0x04000401: purpose})))


@case(Reason.UNSIGNABLE_IN_SIGNATURE_ITEM)
def un_in_the_signature_item(bench: Bench) -> SignatureReport:
    stranger = e(0x04000200, "UN", b"ab")
    return bench.judge_one(with_signatures(body(), forge(bench.signer, item={0x04000200: stranger})))


# --- MAC


@case(Reason.MAC_MISMATCH)
def a_signed_value_was_changed(bench: Bench) -> SignatureReport:
    return bench.judge_one(with_signatures(body(), forge(bench.signer)).replace(b"A^B ", b"A^C "))


@case(Reason.MAC_MISMATCH)
def a_signed_element_was_removed(bench: Bench) -> SignatureReport:
    with_more = body(EXPLICIT, e(0x00100020, "LO", b"AB"))
    return bench.judge_one(with_signatures(body(), forge(bench.signer, with_more)))


@case(Reason.MAC_MISMATCH)
def the_vr_of_a_signed_element_was_changed(bench: Bench) -> SignatureReport:
    data_set = with_signatures(body(), forge(bench.signer))
    return bench.judge_one(data_set.replace(b"PN\4\0A^B ", b"LO\4\0A^B "))


@case(Reason.MAC_MISMATCH)
def the_items_of_a_signed_sequence_were_exchanged(bench: Bench) -> SignatureReport:
    items = [EXPLICIT.item(e(0x00100010, "PN", name)) for name in (b"A^B ", b"C^D ")]
    pair = forge(bench.signer, EXPLICIT.sequence(SEQUENCE, *items))
    return bench.judge_one(with_signatures(EXPLICIT.sequence(SEQUENCE, *reversed(items)), pair))


@case(Reason.MAC_MISMATCH)
def the_date_was_changed(bench: Bench) -> SignatureReport:
    data_set = with_signatures(body(), forge(bench.signer))
    return bench.judge_one(data_set.replace(b"20260301120000", b"20260301110000"))


@case(Reason.MAC_MISMATCH)
def the_purpose_was_added_afterwards(bench: Bench) -> SignatureReport:
    parameters, item = forge(bench.signer)
    purpose = EXPLICIT.sequence(0x04000401, EXPLICIT.item(e(0x00080100, "SH", b"7 ")))
    return bench.judge_one(with_signatures(body(), (parameters, EXPLICIT.item(item[8:] + purpose))))


@case(Reason.MAC_MISMATCH)
def the_certificate_is_that_of_another_key(bench: Bench) -> SignatureReport:
    return with_certificate(bench, bench.authority.issue("somebody else").der)


@case(Reason.MAC_MISMATCH)
def the_value_is_no_signature(bench: Bench) -> SignatureReport:
    value = e(0x04000120, "OB", b"signature ")
    return bench.judge_one(with_signatures(body(), forge(bench.signer, item={0x04000120: value})))


@case(Reason.MAC_MISMATCH)
def the_list_was_shortened(bench: Bench) -> SignatureReport:
    shorter = e(0x04000020, "AT", b"\x08\0\x18\0")
    return bench.judge_one(with_signatures(body(), forge(bench.signer, parameters={0x04000020: shorter})))


@case(Reason.DCMTK_TRUNCATED_STREAM)
def nested_content_crosses_the_buffer_of_dcmsign(bench: Bench) -> SignatureReport:
    inner = EXPLICIT.sequence(0x00081199, EXPLICIT.item(e(0x00091001, "OB", b"x" * 20000)))
    content = EXPLICIT.sequence(SEQUENCE, EXPLICIT.item(inner))
    return bench.judge_one(with_signatures(content, forge(bench.signer, content, like_dcmtk=True)))


@case(Reason.VR_NOT_COVERED)
def a_mac_over_implicit_vr(bench: Bench) -> SignatureReport:
    return bench.judge_one(with_signatures(body(), forge(bench.signer, mac_uid=IMPLICIT_LE_UID)))


@case(Reason.MAC_TRANSFER_SYNTAX_FORBIDDEN)
def a_mac_over_big_endian(bench: Bench) -> SignatureReport:
    return bench.judge_one(with_signatures(body(), forge(bench.signer, mac_uid=EXPLICIT_BE_UID)))


@case(Reason.WEAK_MAC_ALGORITHM)
def a_mac_of_sha_1(bench: Bench) -> SignatureReport:
    return bench.judge_one(with_signatures(body(), forge(bench.signer, mac_algorithm="SHA1")))


@case(Reason.WEAK_MAC_ALGORITHM)
def a_mac_of_md5(bench: Bench) -> SignatureReport:
    return bench.judge_one(with_signatures(body(), forge(bench.signer, mac_algorithm="MD5")))


@case(Reason.WEAK_MAC_ALGORITHM)
def a_mac_of_ripemd_160(bench: Bench) -> SignatureReport:
    return bench.judge_one(with_signatures(body(), forge(bench.signer, mac_algorithm="RIPEMD160")))


@case(Reason.LISTED_ELEMENT_ABSENT)
def a_listed_element_is_absent(bench: Bench) -> SignatureReport:
    return bench.judge_one(with_signatures(body(), forge(bench.signer, listed=(0x00080018, 0x00080019, 0x00100010))))


# --- signer, dates, path


@case(Reason.WEAK_KEY)
def a_small_rsa_key(bench: Bench) -> SignatureReport:
    return bench.judge_one(with_signatures(body(), forge(bench.authority.issue("small", "rsa1024"))))


def dated(bench: Bench, date: str) -> SignatureReport:
    return bench.judge_one(with_signatures(body(), forge(bench.signer, date=date)))


@case(Reason.DATETIME_MISSING)
def no_date(bench: Bench) -> SignatureReport:
    return bench.judge_one(with_signatures(body(), forge(bench.signer, item={0x04000105: None})))


@case(Reason.DATETIME_UNREADABLE)
def a_date_that_is_none(bench: Bench) -> SignatureReport:
    return dated(bench, "yesterday")


@case(Reason.DATETIME_WITHOUT_OFFSET)
def a_date_without_offset(bench: Bench) -> SignatureReport:
    return dated(bench, "20260301110000")


@case(Reason.SIGNED_OUTSIDE_CERTIFICATE_VALIDITY)
def a_date_before_the_certificate(bench: Bench) -> SignatureReport:
    return dated(bench, "20250301120000+0000")


@case(Reason.SIGNED_AFTER_VALIDATION_TIME)
def a_date_in_the_future(bench: Bench) -> SignatureReport:
    return dated(bench, "20260301121000+0000")


@case(Reason.NO_TRUST_ANCHORS)
def nobody_is_trusted(bench: Bench) -> SignatureReport:
    return bench.judge_one(with_signatures(body(), forge(bench.signer)), trusted=TrustStore())


@case(Reason.PATH_NOT_FOUND)
def somebody_else_is_trusted(bench: Bench) -> SignatureReport:
    other = Authority(bench.authority.folder / "other", "Other CA", now=AT)
    return bench.judge_one(with_signatures(body(), forge(bench.signer)), trusted=anchors(other))


@case(Reason.CERTIFICATE_EXPIRED)
def the_certificate_has_expired(bench: Bench) -> SignatureReport:
    old = bench.authority.issue("old", not_before=AT - YEAR, not_after=AT - DAY)
    return bench.judge_one(with_signatures(body(), forge(old, date="20260201120000+0000")))


@case(Reason.CERTIFICATE_NOT_YET_VALID)
def the_certificate_is_not_yet_valid(bench: Bench) -> SignatureReport:
    early = bench.authority.issue("early", not_before=AT + timedelta(minutes=2), not_after=AT + YEAR)
    return bench.judge_one(with_signatures(body(), forge(early)))


@case(Reason.PATH_INVALID)
def the_certificate_only_names_the_trusted_issuer(bench: Bench) -> SignatureReport:
    return bench.judge_one(with_signatures(body(), forge(impostor(bench.authority))))


def impostor(authority: Authority) -> Credential:
    """A certificate that names `authority` as its issuer, but was signed by the key of an attacker."""
    attacker, key = private_key("p256", "attacker"), private_key("p256", "impostor")
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "impostor")])
    builder = x509.CertificateBuilder(authority.certificate.subject, name, key.public_key(), 7, AT - DAY, AT + DAY)
    genuine = authority.issue("impostor")
    return Credential(
        certificate=builder.sign(attacker, hashes.SHA256()),
        key=key,
        certificate_path=genuine.certificate_path,
        key_path=genuine.key_path,
    )


@pytest.mark.parametrize("name", CASES)
def test_a_data_set_shows_its_reason_and_nothing_graver(name: str, bench: Bench) -> None:
    reason, make = CASES[name]
    report = make(bench)
    assert reason in report.reasons
    outcome = {
        Severity.WARNING: Outcome.VALID,
        Severity.QUESTIONABLE: Outcome.QUESTIONABLE,
        Severity.INDETERMINATE: Outcome.INDETERMINATE,
        Severity.INVALID: Outcome.INVALID,
    }
    assert report.outcome is outcome[reason.severity]
    assert [other for other in report.reasons if other is not reason and other.severity >= reason.severity] == []
    assert any(fact.status is not Status.PASSED for fact in report.facts)


@pytest.mark.parametrize("name", CASES)
def test_facts_do_not_repeat_values_of_the_data_set(name: str, bench: Bench) -> None:
    for fact in CASES[name][1](bench).facts:
        assert "A^B" not in fact.text
        assert "\n" not in fact.text


# --- outcomes and facts


@pytest.mark.parametrize("writer", WRITERS, ids=str)
@pytest.mark.parametrize("mac_uid", [EXPLICIT_LE_UID, DEFLATED_LE_UID])
def test_a_good_signature_is_valid_with_every_fact(writer: Writer, mac_uid: str, bench: Bench) -> None:
    pair = forge(bench.signer, body(writer), writer=writer, mac_uid=mac_uid)
    report = bench.judge_one(with_signatures(body(writer), pair, writer=writer), writer.uid)
    assert (report.outcome, report.reasons) == (Outcome.VALID, ())
    assert [fact.step for fact in report.facts] == list(Step)
    statuses = {fact.step: fact.status for fact in report.facts}
    unchecked = {step for step in Step if statuses[step] is Status.NOT_CHECKED}
    assert unchecked == {Step.REVOCATION, Step.TIMESTAMP, Step.PROFILE}
    assert {statuses[step] for step in Step if step not in unchecked} == {Status.PASSED}
    assert (report.location, report.digital_signature_uid, report.mac_algorithm) == ("Main Dataset", UID, "SHA256")
    assert report.signer == bench.signer.certificate.subject.rfc4514_string()
    assert report.signer_certificate == bench.signer.der
    assert (report.data_elements_signed, report.unsigned_elements) == ((0x00080018, 0x00100010), ())


def test_the_order_of_the_list_and_repetitions_in_it_do_not_matter(bench: Bench) -> None:
    pair = forge(bench.signer, listed=(0x00100010, 0x00080018, 0x00100010))
    report = bench.judge_one(with_signatures(body(), pair))
    assert (report.outcome, report.reasons, report.unsigned_elements) == (Outcome.VALID, (), ())


def test_a_data_set_without_signatures_is_unsigned(bench: Bench) -> None:
    report = bench.judge(body())
    assert (report.outcome, report.signatures) == (Outcome.UNSIGNED, ())
    assert verified(samples.sample("CT_small.dcm").read_bytes(), bench.trusted).outcome is Outcome.UNSIGNED


def test_mac_parameters_alone_are_no_signature(bench: Bench) -> None:
    data_set = body() + EXPLICIT.sequence(MAC_PARAMETERS, forge(bench.signer)[0])
    assert bench.judge(data_set).outcome is Outcome.UNSIGNED


def test_the_outcome_of_a_data_set_is_that_of_its_gravest_signature(bench: Bench) -> None:
    good = forge(bench.signer)
    stranger = forge(Authority(bench.authority.folder / "stranger", "Stranger", now=AT).issue("s"), mac_id_number=1)
    bad = forge(bench.signer, body(EXPLICIT, e(0x00100020, "LO", b"AB")), mac_id_number=2)
    for pairs, outcome in (
        ([good], Outcome.VALID),
        ([good, stranger], Outcome.INDETERMINATE),
        ([stranger, bad], Outcome.INVALID),
        ([bad, stranger, good], Outcome.INVALID),
    ):
        report = bench.judge(with_signatures(body(), *pairs))
        assert (report.outcome, len(report.signatures)) == (outcome, len(pairs))


def test_an_untrusted_signer_does_not_hide_that_the_data_set_was_changed(bench: Bench) -> None:
    data_set = with_signatures(body(), forge(bench.signer)).replace(b"A^B ", b"A^C ")
    report = bench.judge_one(data_set, trusted=TrustStore())
    assert report.outcome is Outcome.INVALID
    assert set(report.reasons) == {Reason.MAC_MISMATCH, Reason.NO_TRUST_ANCHORS}


def test_several_warnings_leave_a_signature_valid(bench: Bench) -> None:
    small = bench.authority.issue("small", "dsa1024")
    pair = forge(small, mac_algorithm="SHA1", mac_uid=EXPLICIT_BE_UID, date="20260301110000")
    report = bench.judge_one(with_signatures(body(), pair))
    assert report.outcome is Outcome.VALID
    assert set(report.reasons) == {
        Reason.WEAK_KEY,
        Reason.WEAK_MAC_ALGORITHM,
        Reason.MAC_TRANSFER_SYNTAX_FORBIDDEN,
        Reason.DATETIME_WITHOUT_OFFSET,
    }
    odd = {fact.step for fact in report.facts if fact.status is Status.WARNING}
    assert odd == {Step.MAC_PARAMETERS, Step.SIGNER, Step.DATES}


def test_the_moment_of_judging_decides_about_dates_and_path(bench: Bench) -> None:
    file = part10(with_signatures(body(), forge(bench.signer)))

    def reasons(at_offset: timedelta) -> set[Reason]:
        return set(verified(file, bench.trusted, at=AT + at_offset).signatures[0].reasons)

    assert reasons(timedelta(0)) == reasons(200 * DAY) == set()
    assert reasons(2 * YEAR) == {Reason.CERTIFICATE_EXPIRED}
    assert reasons(-timedelta(hours=1)) == {Reason.SIGNED_AFTER_VALIDATION_TIME}
    assert reasons(-2 * DAY) == {Reason.SIGNED_AFTER_VALIDATION_TIME, Reason.CERTIFICATE_NOT_YET_VALID}


# --- coverage


def test_coverage_names_the_elements_that_are_not_signed(bench: Bench) -> None:
    added = e(0x00104000, "LT", b"added ")
    content = body()
    report = bench.judge_one(with_signatures(content + added, forge(bench.signer, content)))
    assert report.outcome is Outcome.VALID
    assert report.unsigned_elements == (0x00104000,)
    fact = next(fact for fact in report.facts if fact.step is Step.COVERAGE)
    text = "every element is signed but for PatientComments (0010,4000)"
    assert (fact.status, fact.text) == (Status.WARNING, text)


def test_group_lengths_and_the_signature_sequences_do_not_count_as_unsigned(bench: Bench) -> None:
    content = e(0x00080000, "UL", bytes(4)) + body()
    report = bench.judge_one(with_signatures(content, forge(bench.signer, content)))
    assert (report.outcome, report.unsigned_elements) == (Outcome.VALID, ())


def test_padding_is_never_signed_and_the_data_set_is_fully_signed_all_the_same(bench: Bench) -> None:
    padding = e(0xFFFCFFFC, "OB", bytes(2))
    report = bench.judge(with_signatures(body(), forge(bench.signer), behind=padding))
    assert (report.outcome, report.reasons) == (Outcome.VALID, ())
    assert report.signatures[0].unsigned_elements == ()
    assert report.coverage is not None
    assert report.coverage.extent is Extent.FULL


def test_a_second_signature_is_not_an_unsigned_element(bench: Bench) -> None:
    report = bench.judge(with_signatures(body(), forge(bench.signer), forge(bench.signer, mac_id_number=1)))
    assert [signature.unsigned_elements for signature in report.signatures] == [(), ()]


# --- signatures inside items


@pytest.mark.parametrize("writer", WRITERS, ids=str)
@pytest.mark.parametrize("undefined", [False, True], ids=["length", "delimiter"])
def test_a_signature_inside_an_item_covers_the_item_alone(writer: Writer, undefined: bool, bench: Bench) -> None:
    inner = with_signatures(body(writer), forge(bench.signer, body(writer), writer=writer), writer=writer)
    items = [writer.item(content, undefined=undefined) for content in (body(writer), inner)]
    data_set = writer.sequence(SEQUENCE, *items, undefined=undefined) + writer.element(0x00100010, "PN", b"C^D ")
    report = bench.judge_one(data_set, writer.uid)
    assert (report.outcome, report.location) == (Outcome.VALID, "ReferencedImageSequence[1]")
    assert (report.data_elements_signed, report.unsigned_elements) == ((0x00080018, 0x00100010), ())
    changed = bench.judge_one(data_set.replace(b"C^D ", b"E^F "), writer.uid)
    assert changed.outcome is Outcome.VALID
    position = data_set.rindex(b"A^B ")
    changed = bench.judge_one(data_set[:position] + b"X" + data_set[position + 1 :], writer.uid)
    assert changed.reasons == (Reason.MAC_MISMATCH,)


@pytest.mark.parametrize("writer", [EXPLICIT, BIG], ids=str)
def test_a_signature_inside_un_of_undefined_length_is_verified(writer: Writer, bench: Bench) -> None:
    inner = with_signatures(body(IMPLICIT), forge(bench.signer, body(IMPLICIT), writer=IMPLICIT), writer=IMPLICIT)
    data_set = writer.header(0x00091001, "UN", UNDEFINED) + IMPLICIT.item(inner) + IMPLICIT.delimiter(0xFFFEE0DD)
    report = bench.judge_one(data_set, writer.uid)
    assert (report.outcome, report.location) == (Outcome.VALID, "(0009,1001)[0]")


def test_inner_and_outer_signatures_are_judged_apart(bench: Bench) -> None:
    def nested(name: bytes, *pairs: tuple[bytes, bytes]) -> bytes:
        content = body().replace(b"A^B ", name)
        return EXPLICIT.sequence(SEQUENCE, EXPLICIT.item(with_signatures(content, *pairs) if pairs else content))

    inner, outer = forge(bench.signer), forge(bench.signer, nested(b"A^B "))
    both = bench.judge(with_signatures(nested(b"A^B ", inner), outer))
    assert [(one.location, one.outcome) for one in both.signatures] == [
        ("ReferencedImageSequence[0]", Outcome.VALID),
        ("Main Dataset", Outcome.VALID),
    ]
    changed = bench.judge(with_signatures(nested(b"X^Y ", inner), outer))
    assert [one.outcome for one in changed.signatures] == [Outcome.INVALID, Outcome.INVALID]
    removed = bench.judge(with_signatures(nested(b"A^B "), outer))
    assert [one.outcome for one in removed.signatures] == [Outcome.VALID]


def test_damaged_signature_sequences_of_one_item_do_not_hide_those_of_another_one(bench: Bench) -> None:
    damaged = EXPLICIT.item(body(), EXPLICIT.sequence(SIGNATURES))
    good = EXPLICIT.item(with_signatures(body(), forge(bench.signer)))
    report = bench.judge(EXPLICIT.sequence(SEQUENCE, damaged, good))
    assert [one.outcome for one in report.signatures] == [Outcome.INVALID, Outcome.VALID]
    assert report.outcome is Outcome.INVALID


def test_signatures_of_one_object_are_limited_wherever_they_stand(bench: Bench) -> None:
    item = EXPLICIT.item(EXPLICIT.sequence(SIGNATURES, EXPLICIT.item()))
    fitting = EXPLICIT.sequence(SEQUENCE, *[item] * MAX_SIGNATURES)
    assert len(bench.judge(fitting).signatures) == MAX_SIGNATURES
    with pytest.raises(LimitExceeded, match="signatures: 1001 is more than the limit of 1000"):
        bench.judge(EXPLICIT.sequence(SEQUENCE, *[item] * (MAX_SIGNATURES + 1)))


def test_too_many_signatures_in_one_sequence_are_reported_as_damage(bench: Bench) -> None:
    report = bench.judge_one(body() + EXPLICIT.sequence(SIGNATURES, *[EXPLICIT.item()] * (MAX_SIGNATURES + 1)))
    assert report.reasons == (Reason.SIGNATURE_SEQUENCES_MALFORMED,)


# --- bytes that may differ


@pytest.mark.parametrize("kind", ["rsa2048", "p256", "p384", "p521", "dsa1024"])
def test_signatures_by_every_kind_of_key_are_valid(kind: str, bench: Bench) -> None:
    report = bench.judge_one(with_signatures(body(), forge(bench.authority.issue("signer", kind))))
    assert report.outcome is Outcome.VALID


def test_padding_behind_certificate_and_signature_does_not_matter(bench: Bench) -> None:
    certificate = e(0x04000115, "OB", bench.signer.der + bytes(4))
    report = bench.judge_one(with_signatures(body(), forge(bench.signer, item={0x04000115: certificate})))
    assert report.outcome is Outcome.VALID
    assert report.signer_certificate == bench.signer.der


def test_a_signature_survives_a_change_of_encoding(bench: Bench) -> None:
    done = signed(part10(body(EXPLICIT)), bench.signer)
    parameters, item = forge(bench.signer)
    assert verified(done.file, bench.trusted).outcome is Outcome.VALID
    for writer in (IMPLICIT, BIG):
        own = forge(bench.signer, body(writer), writer=writer)
        data_set = with_signatures(body(writer), own, writer=writer)
        assert bench.judge(data_set, writer.uid).outcome is Outcome.VALID
    assert bench.judge(with_signatures(body(), (parameters, item))).outcome is Outcome.VALID


def test_the_end_of_the_data_set_that_was_moved_into_the_signature_item_is_noticed(bench: Bench) -> None:
    content = EXPLICIT.element(0x00080018, "UI", b"1.2.34") + EXPLICIT.element(0x0040A493, "CS", b"VERIFIED")
    elements = tree.read(signed(content, bench.signer).data_set)
    flag, signatures = tree.element(elements, 0x0040A493), tree.element(elements, tree.SIGNATURES)
    assert flag is not None
    assert signatures is not None
    elements.remove(flag)
    signatures.items[0].elements.insert(0, flag)
    report = bench.judge(tree.write(elements))
    assert report.outcome is Outcome.INVALID
    assert Reason.DATA_IN_SIGNATURE_ITEM in report.reasons
    assert Reason.MAC_MISMATCH not in report.reasons, "the MAC is over the same bytes, which is what makes it an attack"
