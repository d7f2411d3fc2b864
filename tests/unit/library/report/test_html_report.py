"""The page of a verification report says everything, escapes everything, and needs nothing but itself."""

from __future__ import annotations

import base64
import hashlib
import re
import subprocess
import sys
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from sealgate import __version__
from sealgate.dicom.part10 import open_file
from sealgate.errors import Truncated, UnwritableFile
from sealgate.library.report import html_report as module
from sealgate.library.report.html_report import (
    ReportOptions,
    unreadable_report,
    visible,
    write_html_report,
    write_unreadable_report,
)
from sealgate.library.report.words import FACT_NAMES
from sealgate.signature.reasons import Reason
from sealgate.timestamp.token import read_token
from sealgate.verification.report import Outcome, Proof, ProvenMoment, Status, Step
from support import pki, reporting, tokens
from support.pki import Authority
from support.reporting import Read, fact, page_about, signature
from support.signing import AT
from support.tsa import tsa_credential

SCRIPT = "<script>alert(1)</script>"
HOSTILE = (
    SCRIPT,
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</style><script>alert(1)</script>",
    "</title></svg><iframe src=//example.org>",
    "{{ 7 * 7 }}{% raw %}",
    "&lt;script&gt;",
    "javascript:alert(1)",
    "]]><!--",
)
WORDS = {
    Outcome.VALID: "Valid",
    Outcome.QUESTIONABLE: "Questionable",
    Outcome.INDETERMINATE: "Could not be judged",
    Outcome.INVALID: "Not valid",
    Outcome.UNSIGNED: "Not signed",
}
REFERRING = ("src", "href", "xlink:href", "action", "data", "poster", "srcset", "formaction", "ping", "background")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("report")


@pytest.mark.parametrize("outcome", Outcome)
def test_each_outcome_is_told_by_word_symbol_and_colour(outcome: Outcome, folder: Path) -> None:
    case = reporting.case_of(outcome, folder)
    assert case.report.outcome is outcome
    page = Read(case.page())
    assert page.open == []
    assert page.text.startswith(f"{WORDS[outcome]}: slice.dcm")
    verdict = next(attributes for attributes in page.named("section") if "verdict" in attributes["class"])
    assert verdict["class"] == f"verdict tone-{outcome.value}"
    assert {"href": f"#icon-{outcome.value}"} in page.named("use")


@pytest.mark.parametrize("outcome", Outcome)
def test_a_page_refers_to_nothing_outside_of_itself(outcome: Outcome, folder: Path) -> None:
    case = reporting.case_of(outcome, folder)
    page = Read(case.page(options=ReportOptions(with_values=True)))
    _assert_self_contained(page)


def _assert_self_contained(page: Read) -> None:
    identifiers = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    for tag, attributes in page.elements:
        assert tag not in ("script", "iframe", "object", "embed", "base", "form", "audio", "video", "foreignobject")
        for name, value in attributes.items():
            assert not name.startswith("on"), f"{tag} has {name}"
            assert name != "style", "the policy would ignore it"
            if name in REFERRING:
                assert value.startswith("data:") or value[1:] in identifiers, f"{tag} refers to {value}"
    assert not re.search(r"url\(|@import|@font-face|//", page.style)


def test_the_policy_allows_the_style_sheet_of_the_page_and_pictures_in_it(folder: Path) -> None:
    page = Read(reporting.case_of(Outcome.VALID, folder).page())
    policies = [meta["content"] for meta in page.named("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
    digest = base64.b64encode(hashlib.sha256(page.style.encode()).digest()).decode()
    assert policies == [
        f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    ]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text(text: str) -> None:
    everywhere = signature(
        [fact(Step.MAC, Status.FAILED, text, Reason.MAC_MISMATCH)],
        location=text,
        digital_signature_uid=text,
        digital_signature_datetime=text,
        mac_algorithm=text,
        mac_calculation_transfer_syntax_uid=text,
        signer=text,
    )
    found = fact(Step.STRUCTURE, Status.WARNING, text, Reason.UNSIGNED_PAYLOAD)
    page = Read(page_about(everywhere, everywhere, findings=(found,), name=text))
    _assert_self_contained(page)
    assert not page.open
    seen = " ".join(text.split())
    assert page.text.count(seen) > 10
    assert "49" not in page.text.partition("MAC algorithm")[2][:40]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_in_certificates_stay_text(text: str) -> None:
    named = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:64])])
    key = pki.private_key("p256")
    builder = x509.CertificateBuilder(named, named, key.public_key(), 7, AT, AT)
    der = builder.sign(key, pki.hashes.SHA256()).public_bytes(Encoding.DER)
    page = Read(page_about(signature(signer_certificate=der, path=(der, der))))
    _assert_self_contained(page)
    assert " ".join(text[:64].split()) in page.text


def test_what_is_not_seen_or_turns_text_around_is_written_out() -> None:
    assert visible("a\u202eb\0c\u200bd\ud800e\n") == "a⟨U+202E⟩b⟨U+0000⟩c⟨U+200B⟩d⟨U+D800⟩e⟨U+000A⟩"
    assert visible("Grüße, Ελένη, 山田^太郎") == "Grüße, Ελένη, 山田^太郎"
    page = page_about(signature(digital_signature_uid="1\u202e2\ud800"))
    page.encode("utf-8")
    assert "1⟨U+202E⟩2⟨U+D800⟩" in page


def test_one_text_cannot_fill_the_page() -> None:
    page = page_about(signature(digital_signature_uid="9" * 1_000_000))
    assert len(page) < 100_000
    assert "… (cut)" in page


def test_all_eleven_facts_are_there_with_number_name_status_sentence_and_codes(folder: Path) -> None:
    page = Read(reporting.case_of(Outcome.QUESTIONABLE, folder).page())
    for step in Step:
        assert f"{int(step)}. {FACT_NAMES[step]}" in page.text
    report = reporting.case_of(Outcome.QUESTIONABLE, folder).report
    assert len(report.signatures[0].facts) == len(Step)
    for one in (*report.signatures[0].facts, *report.findings):
        assert one.text[1:] in page.text
        assert all(reason.value in page.text for reason in one.reasons)


@pytest.mark.parametrize(
    ("status", "reasons", "word"),
    [
        (Status.PASSED, (), "Passed"),
        (Status.WARNING, (Reason.WEAK_KEY,), "Note"),
        (Status.WARNING, (Reason.RENDERING_NOT_SIGNED,), "Caution"),
        (Status.INDETERMINATE, (Reason.PATH_NOT_FOUND,), "Could not be checked"),
        (Status.FAILED, (Reason.MAC_MISMATCH,), "Failed"),
        (Status.NOT_CHECKED, (), "Not checked"),
    ],
)
def test_the_status_of_a_fact_is_a_word(status: Status, reasons: tuple[Reason, ...], word: str) -> None:
    page = Read(page_about(signature([fact(Step.PROFILE, status, "a sentence", *reasons)])))
    assert f"A sentence. {' '.join([*(r.value for r in reasons), word])}" in page.text


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_shown_with_its_code_and_effect(reason: Reason) -> None:
    page = Read(page_about(signature([fact(Step.MAC, Status.WARNING, "odd", reason)])))
    assert (
        f"{reason.value} Makes the" in page.text
        or f"{reason.value} Worth" in page.text
        or (f"{reason.value} Keeps" in page.text)
    )


def test_the_gravest_trouble_stands_in_the_headline_and_no_other() -> None:
    page = Read(
        page_about(
            signature(
                [
                    fact(Step.MAC, Status.FAILED, "the content was changed", Reason.MAC_MISMATCH),
                    fact(Step.PATH, Status.INDETERMINATE, "there is no way to an anchor", Reason.PATH_NOT_FOUND),
                ]
            )
        )
    )
    headline = page.text.partition("The file")[0]
    assert "The content was changed." in headline
    assert "anchor" not in headline


def test_of_several_signatures_each_one_is_named_and_the_headline_counts() -> None:
    bad = signature([fact(Step.MAC, Status.FAILED, "the content was changed", Reason.MAC_MISMATCH)])
    page = Read(page_about(signature(), bad, signature(location="ReferencedSeriesSequence[0]")))
    assert "One of 3 signatures is not valid." in page.text
    assert "Signature 2, Signature over the content: The content was changed." in page.text
    assert "Signature 3, of the item ReferencedSeriesSequence[0]" in page.text
    links = [link["href"] for link in page.named("a")]
    assert links == ["#result", "#signature-1", "#signature-2", "#signature-3"]


def test_a_file_may_be_invalid_although_no_signature_is() -> None:
    found = fact(Step.COVERAGE, Status.FAILED, "Rows (0028,0010) had to be signed", Reason.COVERAGE_REQUIRED)
    page = Read(page_about(signature(), findings=(found,)))
    assert "The file is not valid as a whole." in page.text
    assert "Rows (0028,0010) had to be signed." in page.text


def test_the_chain_leads_from_the_anchor_over_intermediates_to_the_signature(folder: Path) -> None:
    case = reporting.case_of(Outcome.VALID, folder)
    text = Read(case.page()).text
    chain = text.partition("Signer and certification path")[2]
    order = ["Trust anchor Example Root CA", "Intermediate authority Example Radiology CA", "Signer Scanner 2"]
    places = [chain.index(words) for words in [*order, "Signature 1"]]
    assert places == sorted(places)
    certificate = x509.load_der_x509_certificate(case.report.signatures[0].path[0])
    digest = hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()
    assert " ".join(digest[start : start + 4] for start in range(0, 64, 4)) in chain
    assert f"{certificate.serial_number:x}" in chain.replace(" ", "")
    assert "RSA, 2048 bits" in chain
    assert "CN=Scanner 2,O=Sealgate tests" in chain
    assert "CN=Example Radiology CA,O=Sealgate tests" in chain


def test_a_signer_without_a_path_stands_alone(folder: Path) -> None:
    text = Read(reporting.case_of(Outcome.INDETERMINATE, folder).page()).text
    assert "No path leads from the certificate of the signer" in text
    assert "Claims to be signed by Scanner 2" in text
    assert "Intermediate authority" not in text


def test_a_certificate_that_cannot_be_read_says_so() -> None:
    text = Read(page_about(signature(signer_certificate=b"no certificate"))).text
    assert "Signer cannot be read" in text


def test_a_timestamp_is_told_with_its_authority(folder: Path) -> None:
    authority = tsa_credential(Authority(folder / "tsa-root", now=AT), "Example TSA")
    token = read_token(tokens.token(authority, b"value", gen_time="20260228101112Z"))
    proven = ProvenMoment(at=datetime(2026, 2, 28, 10, 11, 12, tzinfo=UTC), proof=Proof.TIMESTAMP)
    text = Read(page_about(signature(timestamp=token, proven=proven, tsa_path=(authority.der, _root(folder))))).text
    assert "Timestamp says 28 February 2026, 10:11:12 UTC" in text
    assert "Time Stamping Authority Example TSA" in text
    assert "Proven to exist since 28 February 2026, 10:11:12 UTC" in text
    assert "the time in its verified timestamp" in text
    assert f"Policy of the authority {token.policy}" in text


def _root(folder: Path) -> bytes:
    return x509.load_pem_x509_certificate((folder / "tsa-root" / "ca.pem").read_bytes()).public_bytes(Encoding.DER)


def test_coverage_names_parts_and_what_is_not_signed(folder: Path) -> None:
    text = Read(reporting.case_of(Outcome.QUESTIONABLE, folder).page()).text
    coverage = text.partition("What is signed Every")[2]
    assert "Pixel data 1 of 1 Protected" in coverage
    assert "What a reader sees 2" in coverage
    assert "Partly protected" in coverage
    assert "(0028,1050) Window Center changes what is seen (0028,1051) Window Width changes what is seen" in coverage
    assert "(0010,0010) Patient's Name" in coverage


def test_a_signature_that_is_not_good_protects_nothing(folder: Path) -> None:
    text = Read(reporting.case_of(Outcome.INVALID, folder).page()).text
    assert "it is not shown to be good, so none is protected" in text
    assert "Listed, not protected" in text
    assert "% Protected" not in text
    assert re.search(r"\d+ of \d+ Protected", text) is None


def test_values_of_the_file_are_not_on_the_page_unless_asked_for(folder: Path) -> None:
    case = reporting.case_of(Outcome.QUESTIONABLE, folder)
    without, with_values = case.page(), case.page(options=ReportOptions(with_picture=False, with_values=True))
    for value in ("CompressedSamples^MR1", "4MR1", "TOSHIBA_MEC"):
        assert value not in without
        assert value in with_values
    assert "holds no values of the file other than unique identifiers" in without
    assert "which name the patient" in with_values


def test_the_file_is_named_by_digest_size_and_identifiers(folder: Path) -> None:
    case = reporting.case_of(Outcome.VALID, folder)
    text = Read(case.page(name="archive/ct 7.dcm")).text
    digest = hashlib.sha256(case.file).hexdigest()
    assert " ".join(digest[start : start + 4] for start in range(0, 64, 4)) in text
    assert f"{len(case.file):,} bytes" in text
    assert "MR Image Storage" in text
    assert "1.3.6.1.4.1.5962.1.1.4.1.1.20040826185059.5457" in text
    assert "archive/ct 7.dcm" in text


def test_the_page_says_how_when_and_by_whom_it_was_judged(folder: Path) -> None:
    case = reporting.case_of(Outcome.VALID, folder)
    text = Read(case.page()).text
    assert f"Made by Sealgate {__version__} at 1 March 2026, 12:00:00 UTC" in text
    assert "Revocation checked where revocation lists or OCSP responses are at hand" in text
    assert "Trust anchors Subject SHA-256 of the certificate CN=Example Root CA,O=Sealgate tests" in text


def test_many_signatures_and_elements_are_bounded() -> None:
    large = signature(data_elements_signed=tuple(range(0x00080100, 0x00090000)))
    page = page_about(*(signature() for _ in range(60)), large)
    assert "11 more signatures are not shown here." in Read(page).text
    assert len(page) < 3_000_000


def test_pages_are_accessible_by_structure(folder: Path) -> None:
    page = Read(reporting.case_of(Outcome.QUESTIONABLE, folder).page())
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert page.named("html") == [{"lang": "en"}]
    for landmark in ("header", "main", "footer"):
        assert len(page.named(landmark)) == 1
    identifiers = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(identifiers) == len(set(identifiers))
    labelled = [attributes["aria-labelledby"] for attributes in page.named("section")]
    assert set(labelled) <= set(identifiers)
    assert all(attributes.get("scope") in ("col", "row") for attributes in page.named("th"))
    assert all(image["alt"] for image in page.named("img"))
    assert all(svg.get("aria-hidden") == "true" for svg in page.named("svg"))


def test_the_picture_is_in_the_page_and_says_whether_it_is_protected(folder: Path) -> None:
    pytest.importorskip("numpy", reason="the extra `pictures` is not installed")
    case = reporting.case_of(Outcome.VALID, folder)
    page = Read(case.page(options=ReportOptions()))
    (image,) = page.named("img")
    assert base64.b64decode(image["src"].removeprefix("data:image/png;base64,")).startswith(b"\x89PNG")
    assert (image["width"], image["height"]) == ("64", "64")
    assert image["alt"] == "Picture of the image in the file, 64 by 64 pixels"
    assert "Signature 1, which is valid, covers the pixel data." in page.text
    assert "For recognition only, not for diagnosis." in page.text


def test_a_file_that_cannot_be_read_gets_a_page_too() -> None:
    error = Truncated(f"(7fe0,0010) {SCRIPT}", 10, 20, 5)
    page = Read(unreadable_report(error, name=SCRIPT, created_at=AT))
    _assert_self_contained(page)
    assert "This file cannot be read." in page.text
    assert "At offset 10, (7fe0,0010)" in page.text


def test_a_page_is_written_whole_or_not_at_all(folder: Path, tmp_path: Path) -> None:
    case = reporting.case_of(Outcome.VALID, folder)
    data_set = open_file(case.file)
    path = tmp_path / "report.html"
    write_html_report(
        path, case.report, data_set, name="a.dcm", judging=case.judging, created_at=AT, options=reporting.NO_PICTURE
    )
    assert path.read_text("utf-8").startswith("<!doctype html>")
    write_unreadable_report(tmp_path / "other.html", Truncated("it", 1, 2, 1), name="b.dcm", created_at=AT)
    assert "This file cannot be read." in (tmp_path / "other.html").read_text("utf-8")
    with pytest.raises(UnwritableFile):
        write_html_report(
            tmp_path / "no folder" / "report.html",
            case.report,
            data_set,
            name="a.dcm",
            judging=case.judging,
            created_at=AT,
            options=reporting.NO_PICTURE,
        )
    assert sorted(tmp_path.iterdir()) == [tmp_path / "other.html", path]


def test_importing_the_module_loads_no_template_engine_and_no_picture_library() -> None:
    program = (
        f"import sys, {module.__name__}; print(*sorted({{'jinja2', 'numpy', 'PIL', 'pydicom'}} & set(sys.modules)))"
    )
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert loaded == []
