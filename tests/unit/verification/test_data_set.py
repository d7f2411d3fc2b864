"""What good signatures cover together, what may be required of them, and the report as a document."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sealgate.dicom.transfer_syntax import BY_UID
from sealgate.errors import SealgateError, TrustFileUnusable
from sealgate.signature.profiles import ProfileName
from sealgate.signature.reasons import Reason, Severity
from sealgate.trust.hashed import CertificateDirectory
from sealgate.trust.store import TrustStore
from sealgate.verification.coverage import CoverageRequirement, Extent
from sealgate.verification.document import report_as_json
from sealgate.verification.judging import Judging
from sealgate.verification.report import DataSetReport, Outcome, Status, Step
from sealgate.verification.verify import verify
from support import samples, tokens
from support.attacks import with_token
from support.elements import EXPLICIT, EXPLICIT_LE_UID, part10
from support.forging import SIGNATURES, body, forge, with_signatures
from support.pki import Authority
from support.signing import AT, anchors, opened, signed, verified
from support.tsa import tsa_credential

UID, NAME, PATIENT_ID, WINDOW = 0x00080018, 0x00100010, 0x00100020, 0x00281050
SEQUENCE = 0x00101002


class Bench:
    def __init__(self, authority: Authority) -> None:
        self.authority = authority
        self.signer = authority.issue("signer", "rsa2048")

    def judge(self, data_set: bytes, **judging: Any) -> DataSetReport:
        _, carrier = opened(part10(data_set))
        judged = replace(Judging(store=anchors(self.authority), now=AT), **judging)
        return verify(carrier, BY_UID[EXPLICIT_LE_UID], judged)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(Authority(tmp_path_factory.mktemp("pki"), now=AT))


def e(tag: int, vr: str, value: bytes) -> bytes:
    return EXPLICIT.element(tag, vr, value)


def content() -> bytes:
    return body(EXPLICIT, e(PATIENT_ID, "LO", b"AB"), e(WINDOW, "DS", b"40"))


# --- coverage


def test_good_signatures_count_together(bench: Bench) -> None:
    one = forge(bench.signer, content(), listed=(UID, NAME))
    two = forge(bench.signer, content(), listed=(PATIENT_ID, WINDOW), mac_id_number=1)
    both = bench.judge(with_signatures(content(), one, two))
    assert (both.outcome, both.reasons) == (Outcome.VALID, ())
    assert both.coverage is not None
    assert both.coverage.extent is Extent.FULL
    alone = bench.judge(with_signatures(content(), one))
    assert (alone.outcome, alone.signatures[0].outcome) == (Outcome.QUESTIONABLE, Outcome.VALID)
    assert alone.reasons == (Reason.IDENTITY_NOT_SIGNED, Reason.RENDERING_NOT_SIGNED)


def test_a_bad_signature_covers_nothing(bench: Bench) -> None:
    good = forge(bench.signer, content(), listed=(UID, NAME))
    other = content().replace(b"40", b"41")
    bad = forge(bench.signer, other, listed=(UID, NAME, PATIENT_ID, WINDOW), mac_id_number=1)
    report = bench.judge(with_signatures(content(), good, bad))
    assert report.outcome is Outcome.INVALID
    assert report.coverage is not None
    assert report.coverage.unsigned == (PATIENT_ID, WINDOW)


def test_where_no_signer_is_known_the_coverage_of_the_unknown_one_is_told(bench: Bench) -> None:
    report = bench.judge(with_signatures(content(), forge(bench.signer, content())), store=TrustStore())
    assert (report.outcome, report.reasons) == (Outcome.INDETERMINATE, (Reason.NO_TRUST_ANCHORS,))
    assert report.coverage is not None
    assert report.coverage.extent is Extent.FULL


def test_where_all_signatures_are_bad_nothing_else_is_said_about_coverage(bench: Bench) -> None:
    report = bench.judge(with_signatures(content(), forge(bench.signer, content())).replace(b"A^B ", b"A^C "))
    assert report.reasons == (Reason.MAC_MISMATCH,)
    assert report.coverage is not None
    assert report.coverage.extent is Extent.NOTHING


# --- signatures in items


def nested(bench: Bench) -> bytes:
    return EXPLICIT.sequence(SEQUENCE, EXPLICIT.item(with_signatures(body(), forge(bench.signer, uid="1.2.3"))))


def test_a_signature_in_an_item_needs_one_of_the_whole_around_it(bench: Bench) -> None:
    around = e(0x00080005, "CS", b"ISO_IR 100") + e(UID, "UI", b"1.2.34") + nested(bench)
    alone = bench.judge(around)
    assert (alone.outcome, alone.reasons) == (Outcome.QUESTIONABLE, (Reason.ITEM_CONTEXT_NOT_SIGNED,))
    bound = bench.judge(with_signatures(around, forge(bench.signer, around)))
    assert (bound.outcome, bound.reasons) == (Outcome.VALID, ())
    beside = bench.judge(with_signatures(around, forge(bench.signer, around, listed=(0x00080005, UID))))
    assert Reason.ITEM_CONTEXT_NOT_SIGNED in beside.reasons
    without = bench.judge(with_signatures(around, forge(bench.signer, around, listed=(UID, SEQUENCE))))
    assert Reason.ITEM_CONTEXT_NOT_SIGNED in without.reasons


def test_a_bad_signature_in_an_item_needs_no_context(bench: Bench) -> None:
    report = bench.judge(nested(bench).replace(b"A^B ", b"A^C "))
    assert report.reasons == (Reason.MAC_MISMATCH,)


def test_a_signature_that_was_copied_is_odd(bench: Bench) -> None:
    pair = forge(bench.signer)
    report = bench.judge(with_signatures(body(), pair, (b"", pair[1])))
    assert [one.outcome for one in report.signatures] == [Outcome.VALID] * 2
    assert (report.outcome, report.reasons) == (Outcome.QUESTIONABLE, (Reason.SIGNATURE_UID_TWICE,))


# --- requirements


@pytest.mark.parametrize(
    ("required", "reasons"),
    [
        (("PatientID",), ()),
        (("PatientBirthDate",), ()),
        (("Manufacturer",), (Reason.COVERAGE_REQUIRED,)),
        (("rendering",), ()),
        (("all",), (Reason.COVERAGE_REQUIRED,)),
        (("none",), ()),
    ],
)
def test_elements_can_be_required_to_be_signed(
    required: tuple[str, ...], reasons: tuple[Reason, ...], bench: Bench
) -> None:
    whole = content() + e(0x00080070, "LO", b"AB")
    data_set = with_signatures(whole, forge(bench.signer, content()))
    report = bench.judge(data_set, coverage=CoverageRequirement.parse(required))
    assert report.reasons == reasons
    assert report.outcome is (Outcome.INVALID if reasons else Outcome.VALID)


def test_required_coverage_that_shows_and_is_not_signed_is_invalid_not_only_questionable(bench: Bench) -> None:
    data_set = with_signatures(content(), forge(bench.signer, content(), listed=(UID, NAME, PATIENT_ID)))
    assert bench.judge(data_set).outcome is Outcome.QUESTIONABLE
    report = bench.judge(data_set, coverage=CoverageRequirement.parse(["rendering"]))
    assert (report.outcome, set(report.reasons)) == (
        Outcome.INVALID,
        {Reason.RENDERING_NOT_SIGNED, Reason.COVERAGE_REQUIRED},
    )


def test_a_profile_can_be_required_and_one_good_signature_has_to_fit_it(bench: Bench) -> None:
    ec = bench.authority.issue("elliptic")
    fits, does_not = forge(bench.signer), forge(ec, mac_id_number=1)
    base = {"profile": ProfileName.BASE}
    report = bench.judge(with_signatures(body(), fits), **base)
    assert (report.outcome, report.reasons) == (Outcome.VALID, ())
    report = bench.judge(with_signatures(body(), does_not), **base)
    assert (report.outcome, report.reasons) == (Outcome.INVALID, (Reason.PROFILE_NOT_MET, Reason.PROFILE_REQUIRED))
    assert report.signatures[0].outcome is Outcome.VALID
    report = bench.judge(with_signatures(body(), fits, does_not), **base)
    assert (report.outcome, report.reasons) == (Outcome.VALID, (Reason.PROFILE_NOT_MET,))


def test_a_bad_signature_does_not_fulfil_a_required_profile(bench: Bench) -> None:
    bad = with_signatures(body(), forge(bench.signer)).replace(b"A^B ", b"A^C ")
    report = bench.judge(bad, profile=ProfileName.BASE)
    assert report.reasons == (Reason.MAC_MISMATCH, Reason.PROFILE_REQUIRED)


def test_a_signature_in_an_item_does_not_fulfil_a_required_profile(bench: Bench) -> None:
    report = bench.judge(body(EXPLICIT, nested(bench)), profile=ProfileName.BASE)
    assert report.signatures[0].outcome is Outcome.VALID
    assert report.reasons == (Reason.PROFILE_REQUIRED, Reason.ITEM_CONTEXT_NOT_SIGNED)


def test_an_unsigned_data_set_is_unsigned_whatever_is_required(bench: Bench) -> None:
    report = bench.judge(content(), profile=ProfileName.CREATOR, coverage=CoverageRequirement.parse(["all"]))
    assert (report.outcome, report.reasons) == (Outcome.UNSIGNED, ())


# --- the trust store


def test_a_directory_that_cannot_be_read_leaves_a_signature_indeterminate(bench: Bench) -> None:
    def refuse(name: str) -> bytes | None:
        raise TrustFileUnusable(name, "it is damaged")

    store = TrustStore(
        anchors=(bench.authority.credential.der,), directories=(CertificateDirectory(name="certs", read=refuse),)
    )
    report = bench.judge(with_signatures(body(), forge(bench.signer)), store=store)
    assert (report.outcome, report.reasons) == (Outcome.INDETERMINATE, (Reason.TRUST_STORE_UNUSABLE,))


def test_a_weak_path_is_a_warning(bench: Bench) -> None:
    weak = Authority(bench.authority.folder / "weak", "Weak CA", key="rsa1024", now=AT)
    report = bench.judge(with_signatures(body(), forge(weak.issue("signer", "p256"))), store=anchors(weak))
    assert (report.outcome, report.reasons) == (Outcome.VALID, (Reason.WEAK_PATH,))


def test_a_path_over_a_key_that_anybody_can_break_is_questionable(bench: Bench) -> None:
    tiny = Authority(bench.authority.folder / "tiny", "Tiny CA", key="rsa512", now=AT)
    report = bench.judge(with_signatures(body(), forge(tiny.issue("signer", "p256"))), store=anchors(tiny))
    assert (report.outcome, report.reasons) == (Outcome.QUESTIONABLE, (Reason.BREAKABLE_KEY,))
    (found,) = [fact for fact in report.signatures[0].facts if fact.reasons]
    assert found.step is Step.PATH


# --- no false alarms


EXPECTED = {
    "rtdose_rle.dcm": {Reason.IDENTITY_NOT_SIGNED, Reason.RENDERING_NOT_SIGNED},
    "rtdose_rle_1frame.dcm": {Reason.IDENTITY_NOT_SIGNED, Reason.RENDERING_NOT_SIGNED},
    "nested_priv_SQ.dcm": {Reason.UNSIGNED_PAYLOAD},
    "meta_missing_tsyntax.dcm": {Reason.UNSIGNED_PAYLOAD},
}
"""Real files of which not all can be signed that should be; docs/attacks.md has the reasons."""


def test_every_real_file_is_valid_when_it_has_just_been_signed(bench: Bench) -> None:
    seen = 0
    for path in samples.files():
        try:
            file = signed(path.read_bytes(), bench.signer).file
        except SealgateError:
            continue  # what cannot be signed is another test
        report = verified(file, anchors(bench.authority))
        grave = {reason for reason in report.reasons if reason.severity is not Severity.WARNING}
        assert grave == EXPECTED.get(path.name, set()), path.name
        assert report.outcome is (Outcome.QUESTIONABLE if grave else Outcome.VALID), path.name
        seen += 1
    assert seen > 170


# --- reports


def test_every_report_has_all_facts_in_the_order_of_their_numbers(bench: Bench) -> None:
    good = with_signatures(content(), forge(bench.signer, content()))
    for data_set in (
        good,
        good.replace(b"A^B ", b"A^C "),
        body() + e(SIGNATURES, "OB", b"abcd"),
        with_signatures(body(), forge(bench.signer, item={0x04000115: None})),
        with_signatures(body(), forge(bench.signer, parameters={0x04000015: None})),
    ):
        (report,) = bench.judge(data_set).signatures
        assert [fact.step for fact in report.facts] == list(Step)
        for fact in report.facts:
            assert fact.text
            assert (fact.status in (Status.PASSED, Status.NOT_CHECKED)) <= (fact.reasons == ())


KEYS = {
    "report": {"outcome", "reasons", "coverage", "findings", "signatures"},
    "coverage": {"extent", "text", "signed", "unsigned", "unsigned_identity", "unsigned_rendering"},
    "fact": {"number", "fact", "status", "text", "reasons"},
    "signature": {
        *("location", "digital_signature_uid", "digital_signature_datetime", "mac_id_number", "mac_algorithm"),
        *("mac_calculation_transfer_syntax_uid", "purpose", "signer", "signer_certificate_sha256", "path_sha256"),
        *("proven", "timestamp", "outcome", "reasons", "data_elements_signed", "unsigned_elements", "facts"),
    },
    "proven": {"at", "proof"},
    "purpose": {"code_value", "coding_scheme_designator", "code_meaning"},
    "timestamp": {
        "gen_time",
        "accuracy_seconds",
        "policy",
        "hash_algorithm",
        "serial_number",
        "tsa",
        "tsa_path_sha256",
    },
}


def test_a_report_becomes_a_document_with_stable_keys(bench: Bench) -> None:
    code = e(0x00080100, "SH", b"5 ") + e(0x00080102, "SH", b"ASTM-sigpurpose ")
    purpose = EXPLICIT.sequence(0x04000401, EXPLICIT.item(code))
    tsa = tsa_credential(bench.authority)
    file = with_token(
        part10(with_signatures(content(), forge(bench.signer, content(), item={0x04000401: purpose}))),
        lambda value: tokens.token(tsa, value, gen_time="20260301120000Z", accuracy={"seconds": 1}),
    )
    report = verified(file, anchors(bench.authority))
    document = json.loads(json.dumps(report_as_json(report)))
    (signature,) = document["signatures"]
    assert set(document) == KEYS["report"]
    assert set(signature) == KEYS["signature"]
    assert set(document["coverage"]) == KEYS["coverage"]
    for part in ("proven", "purpose", "timestamp"):
        assert set(signature[part]) == KEYS[part], part
    for fact in (*signature["facts"], *document["findings"]):
        assert set(fact) == KEYS["fact"]
    assert signature["outcome"] == document["outcome"] == "valid"
    assert signature["proven"] == {"at": "2026-03-01T12:00:00+00:00", "proof": "timestamp"}
    assert signature["timestamp"]["accuracy_seconds"] == 1
    assert [fact["number"] for fact in signature["facts"]] == list(range(1, 12))
    assert document["coverage"]["extent"] == "fully signed"


def test_a_report_without_signatures_is_a_document_too(bench: Bench) -> None:
    document = report_as_json(bench.judge(content()))
    assert document == {"outcome": "unsigned", "reasons": [], "coverage": None, "findings": [], "signatures": []}


def test_every_reason_has_a_severity_on_purpose_and_a_test_that_names_it() -> None:
    here = Path(__file__).parent
    tests = [
        *here.glob("test_*.py"),
        here.parents[1] / "support" / "attacks.py",
        here.parents[1] / "interop" / "test_dcmsign.py",
    ]
    text = "".join(path.read_text() for path in tests)
    assert [reason.name for reason in Reason if f"Reason.{reason.name}" not in text] == []
