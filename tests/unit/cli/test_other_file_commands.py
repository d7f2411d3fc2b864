"""`sealgate inspect`, `remove`, `purposes`, and what `verify` can be asked for."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pydicom
import pytest

import sealgate
from sealgate.cli.app import run
from sealgate.cli.exit_codes import ExitCode
from sealgate.dicom import tags
from sealgate.signature.purposes import PURPOSES
from support import samples
from support.pki import Authority

NM = samples.sample("JPEG2000.dcm")
PLAN = samples.sample("rtplan.dcm")


@pytest.fixture
def signed(pki: Authority, tmp_path: Path) -> Path:
    """A plan with a signature in an item and one over everything."""
    credential = pki.issue("signer", "rsa2048")
    signer = sealgate.load_signer(credential.key_path, credential.certificate_path)
    path = tmp_path / "signed.dcm"
    inner = sealgate.sign(PLAN.read_bytes(), signer=signer, location="BeamSequence[0]", digital_signature_uid="1.2.1")
    path.write_bytes(sealgate.sign(inner, signer=signer, purpose=5, digital_signature_uid="1.2.2"))
    return path


def test_inspect_names_signatures_and_judges_none(signed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    signed.write_bytes(signed.read_bytes().replace(b"Plan1", b"Plan2"))
    assert run(["inspect", str(signed), "--elements"]) == ExitCode.OK
    said = capsys.readouterr().out
    assert said.startswith(f"{signed}: 2 signatures\n")
    assert "  BeamSequence[0], signature 1.2.1" in said
    assert "  Main Dataset, signature 1.2.2" in said
    assert "purpose                Verification Signature" in said
    assert "(300a,00b0) BeamSequence" in said


def test_inspect_tells_programs_everything_that_a_signature_says(
    signed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["inspect", str(signed), str(PLAN), "--json"]) == ExitCode.OK
    first, second = json.loads(capsys.readouterr().out)
    assert [one["digital_signature_uid"] for one in first["signatures"]] == ["1.2.1", "1.2.2"]
    assert first["signatures"][1]["purpose"]["code_value"] == "5"
    assert first["signatures"][1]["mac_calculation_transfer_syntax_uid"] == "1.2.840.10008.1.2.1"
    assert (second["outcome"], second["signatures"], second["damaged"]) == ("unsigned", [], [])


def test_inspect_shows_what_cannot_be_read_as_damaged(
    signed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = signed.read_bytes()
    start = content.rindex(b"\xfa\xff\xfa\xff")
    uid = content.index(b"\x00\x04\x00\x01", start)  # the header of Digital Signature UID now says too much
    signed.write_bytes(content[: uid + 4] + b"\xff\xff\xff\x00" + content[uid + 8 :])
    assert run(["inspect", str(signed)]) in (ExitCode.OK, ExitCode.UNREADABLE)
    assert "Traceback" not in capsys.readouterr().err


def test_remove_takes_one_by_its_uid_and_all_give_back_the_original(
    signed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, none = tmp_path / "one.dcm", tmp_path / "none.dcm"
    assert run(["remove", str(signed), str(one), "--uid", "1.2.1"]) == ExitCode.OK
    assert capsys.readouterr().out == f"{one}: removed 1 signature\n  BeamSequence[0], signature 1.2.1\n"
    assert [left.digital_signature_uid for left in sealgate.signatures(one)] == ["1.2.2"]
    assert run(["remove", str(signed), str(none), "--all", "--json"]) == ExitCode.OK
    assert len(json.loads(capsys.readouterr().out)[0]["removed"]) == 2
    assert none.read_bytes() == PLAN.read_bytes()
    assert run(["remove", str(none), str(one), "--uid", "1.2.1"]) == ExitCode.NO_SUCH_SIGNATURE
    assert "1.2.1" in capsys.readouterr().err


def test_remove_has_to_be_told_what(signed: Path, tmp_path: Path) -> None:
    assert run(["remove", str(signed), str(tmp_path / "x.dcm")]) == ExitCode.USAGE
    assert run(["remove", str(signed), str(tmp_path / "x.dcm"), "--all", "--uid", "1.2"]) == ExitCode.USAGE


def test_a_deflated_file_without_signatures_is_copied_as_it_is(tmp_path: Path) -> None:
    source, target = samples.sample("image_dfl.dcm"), tmp_path / "copy.dcm"
    assert run(["remove", str(source), str(target), "--all"]) == ExitCode.OK
    assert target.read_bytes() == source.read_bytes()


def test_purposes_lists_all_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["purposes"]) == ExitCode.OK
    assert len(capsys.readouterr().out.splitlines()) == len(PURPOSES) == 18
    assert run(["purposes", "--json"]) == ExitCode.OK
    assert json.loads(capsys.readouterr().out)[4] == {
        "code": 5,
        "coding_scheme_designator": "ASTM-sigpurpose",
        "meaning": "Verification Signature",
    }


@pytest.fixture
def anchors(pki: Authority) -> list[str]:
    return ["--anchors", str(pki.certificate_path)]


@pytest.fixture
def partly(pki: Authority, tmp_path: Path) -> Path:
    """An image of which only the UIDs and the pixels are signed."""
    credential = pki.issue("signer", "rsa2048")
    signer = sealgate.load_signer(credential.key_path, credential.certificate_path)
    elements = ["SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "PixelData"]
    return sealgate.sign(NM, tmp_path / "partly.dcm", signer=signer, elements=elements)


def test_what_shows_and_is_not_signed_is_questionable(
    partly: Path, anchors: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["verify", str(partly), *anchors]) == ExitCode.QUESTIONABLE
    assert f"{partly}: questionable: " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("requirement", "code"),
    [
        (["--require-coverage", "PixelData"], ExitCode.QUESTIONABLE),
        (["--require-coverage", "PatientID"], ExitCode.REQUIREMENT),
        (["--require-coverage", "7fe0,0010", "--require-coverage", "PatientName"], ExitCode.REQUIREMENT),
        (["--require-coverage", "rendering"], ExitCode.REQUIREMENT),
        (["--require-coverage", "all"], ExitCode.REQUIREMENT),
        (["--require-timestamp"], ExitCode.REQUIREMENT),
        (["--ignore-timestamp"], ExitCode.QUESTIONABLE),
        (["--require-profile", "base"], ExitCode.QUESTIONABLE),
        (["--require-profile", "creator"], ExitCode.REQUIREMENT),
        (["--require-signature"], ExitCode.QUESTIONABLE),
        (["--revocation", "required"], ExitCode.INVALID),
        (["--revocation", "none"], ExitCode.QUESTIONABLE),
        (["--at", "2020-01-01T00:00:00Z"], ExitCode.INVALID),
        (["--require-timestamp", "--ignore-timestamp"], ExitCode.USAGE),
        (["--require-coverage", "NoSuchKeyword"], ExitCode.CONFIGURATION),
        (["--at", "yesterday"], ExitCode.USAGE),
        (["--uid", "1.2.3"], ExitCode.NO_SUCH_SIGNATURE),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else value.name,
)
def test_requirements_have_an_exit_code_of_their_own(
    requirement: list[str], code: ExitCode, partly: Path, anchors: list[str]
) -> None:
    assert run(["verify", str(partly), *anchors, *requirement]) == code


def test_an_unsigned_file_does_not_meet_a_required_signature(anchors: list[str]) -> None:
    assert run(["verify", str(NM), *anchors]) == ExitCode.UNSIGNED
    assert run(["verify", str(NM), *anchors, "--require-signature"]) == ExitCode.REQUIREMENT


def test_quiet_says_only_what_went_wrong(
    partly: Path, anchors: list[str], pki: Authority, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    credential = pki.issue("signer", "rsa2048")
    signer = sealgate.load_signer(credential.key_path, credential.certificate_path)
    good = sealgate.sign(NM, tmp_path / "good.dcm", signer=signer)
    assert run(["verify", "-q", str(good), *anchors]) == ExitCode.OK
    assert capsys.readouterr().out == ""
    assert run(["verify", "-q", str(good), str(partly), *anchors]) == ExitCode.QUESTIONABLE
    assert capsys.readouterr().out.startswith(f"{partly}: questionable")


def test_the_html_report_is_one_file_for_one_input(
    partly: Path, anchors: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "report.html"
    assert run(["verify", str(partly), "--html", str(page), *anchors]) == ExitCode.QUESTIONABLE
    assert page.read_text(encoding="utf-8").lstrip().lower().startswith("<!doctype html>")
    assert run(["verify", str(partly), str(NM), "--html", str(page), *anchors]) == ExitCode.CONFIGURATION


def test_the_html_report_says_when_it_was_made_and_shows_values_only_when_asked(
    partly: Path, anchors: list[str], tmp_path: Path
) -> None:
    page, name = tmp_path / "report.html", str(pydicom.dcmread(partly).PatientName)
    arguments = ["verify", str(partly), "--html", str(page), "--html-no-picture", *anchors]
    run([*arguments, "--at", "2020-01-01T00:00:00Z"])
    plain = page.read_text(encoding="utf-8")
    assert f"{datetime.now(UTC):%Y-%m-%d}" in plain
    assert name not in plain
    run([*arguments, "--html-values"])
    assert name in page.read_text(encoding="utf-8")


def test_a_file_that_cannot_be_read_has_a_page_too(tmp_path: Path) -> None:
    broken, page = tmp_path / "broken.dcm", tmp_path / "report.html"
    broken.write_bytes(NM.read_bytes()[:1000])
    assert run(["verify", str(broken), "--html", str(page)]) == ExitCode.UNREADABLE
    assert "at offset 658" in page.read_text(encoding="utf-8")


def test_text_of_files_does_not_steer_a_terminal(
    pki: Authority, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = pki.issue("odd\x1b[31m name", "p256")
    signer = sealgate.load_signer(odd.key_path, odd.certificate_path)
    path = sealgate.sign(NM, tmp_path / "odd.dcm", signer=signer)
    for command in ("inspect", "verify"):
        run([command, str(path)])
        assert "\x1b" not in capsys.readouterr().out


def test_without_a_terminal_there_are_no_colours(
    partly: Path, anchors: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    run(["verify", str(partly), *anchors])
    assert "\x1b" not in capsys.readouterr().out


def test_signed_elements_are_written_as_tags(signed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["inspect", "--json-lines", str(signed)])
    described = json.loads(capsys.readouterr().out)
    [main] = [one for one in described["signatures"] if one["location"] == "Main Dataset"]
    found = sealgate.signatures(signed).find("1.2.2")
    assert main["data_elements_signed"] == [tags.written(tag) for tag in found.data_elements_signed]
