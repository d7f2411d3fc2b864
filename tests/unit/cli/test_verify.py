"""`sealgate verify`: exit codes by gravity, and JSON with the fields that are promised."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sealgate.cli.app import run
from sealgate.cli.exit_codes import ExitCode
from support import samples
from support.pki import Authority


@pytest.fixture
def folder(pki: Authority, tmp_path: Path) -> Path:
    """A file of each outcome: valid, invalid, indeterminate, unsigned, unreadable."""
    original = samples.sample("JPEG2000.dcm").read_bytes()
    (tmp_path / "unsigned.dcm").write_bytes(original)
    (tmp_path / "unreadable.dcm").write_bytes(original[:-1000])
    for name, authority in (("valid", pki), ("indeterminate", Authority(tmp_path / "other", "Another CA"))):
        signer = authority.issue("signer")
        key = ["--key", str(signer.key_path), "--cert", str(signer.certificate_path)]
        assert run(["sign", str(tmp_path / "unsigned.dcm"), str(tmp_path / f"{name}.dcm"), *key]) == ExitCode.OK
    signed = (tmp_path / "valid.dcm").read_bytes()
    (tmp_path / "invalid.dcm").write_bytes(signed.replace(b"CompressedSamples^NM1", b"CompressedSamples^NM2"))
    return tmp_path


def verify(pki: Authority, folder: Path, *names: str, more: tuple[str, ...] = ()) -> int:
    return run(["verify", "--ca", str(pki.certificate_path), *more, *(str(folder / name) for name in names)])


@pytest.mark.parametrize(
    ("names", "exit_code"),
    [
        (("valid",), ExitCode.OK),
        (("valid", "valid"), ExitCode.OK),
        (("unsigned",), ExitCode.UNSIGNED),
        (("invalid",), ExitCode.INVALID),
        (("indeterminate",), ExitCode.INVALID),
        (("unreadable",), ExitCode.UNREADABLE),
        (("valid", "unsigned"), ExitCode.UNSIGNED),
        (("unsigned", "invalid", "valid"), ExitCode.INVALID),
        (("invalid", "unreadable", "unsigned", "valid"), ExitCode.UNREADABLE),
    ],
)
def test_the_gravest_outcome_decides_the_exit_code(
    names: tuple[str, ...], exit_code: ExitCode, pki: Authority, folder: Path
) -> None:
    assert verify(pki, folder, *(f"{name}.dcm" for name in names)) == exit_code


def test_without_trust_anchors_nothing_is_valid(folder: Path) -> None:
    assert run(["verify", str(folder / "valid.dcm")]) == ExitCode.INVALID


def test_json_has_the_promised_fields(pki: Authority, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    names = ("valid", "invalid", "indeterminate", "unsigned", "unreadable")
    verify(pki, folder, *(f"{name}.dcm" for name in names), more=("--json",))
    described = json.loads(capsys.readouterr().out)
    assert [entry["outcome"] for entry in described] == list(names)
    assert [entry["path"] for entry in described] == [str(folder / f"{name}.dcm") for name in names]
    assert all({"path", "outcome", "signatures", "exit_code"} <= set(entry) for entry in described)
    assert [entry["exit_code"] for entry in described] == [0, 101, 101, 100, 20]
    assert "bytes, but only" in described[4]["error"]
    [signature] = described[0]["signatures"]
    promised = {"digital_signature_uid", "location", "outcome", "reasons", "signer", "unsigned_elements"}
    assert promised <= set(signature)
    assert signature["outcome"] == "valid"
    assert signature["location"] == "Main Dataset"
    assert signature["reasons"] == []
    assert signature["unsigned_elements"] == []
    assert described[1]["signatures"][0]["reasons"] == ["mac-mismatch"]
    assert described[2]["signatures"][0]["reasons"] == ["path-not-found"]
    assert described[3]["signatures"] == described[4]["signatures"] == []


def test_folders_are_walked_in_the_order_of_names(
    pki: Authority, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = folder / "study"
    (study / "b").mkdir(parents=True)
    for path in (study / "b" / "2.dcm", study / "1.dcm", study / "3.dcm"):
        path.write_bytes((folder / "valid.dcm").read_bytes())
    capsys.readouterr()
    assert verify(pki, folder, "study", more=("--json",)) == ExitCode.OK
    paths = [Path(entry["path"]).relative_to(study) for entry in json.loads(capsys.readouterr().out)]
    assert paths == [Path("1.dcm"), Path("3.dcm"), Path("b/2.dcm")]


def test_a_file_that_is_not_there_is_unreadable_and_the_others_are_verified(
    pki: Authority, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert verify(pki, folder, "none.dcm", "valid.dcm") == ExitCode.UNREADABLE
    printed = capsys.readouterr().out
    assert f"{folder / 'none.dcm'}: unreadable" in printed
    assert f"{folder / 'valid.dcm'}: valid" in printed


def test_a_trust_anchor_that_does_not_serve_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "garbage").write_text("no certificate", encoding="utf-8")
    for name, exit_code in (("garbage", ExitCode.KEY), ("none.pem", ExitCode.UNREADABLE)):
        assert run(["verify", "--ca", str(folder / name), str(folder / "valid.dcm")]) == exit_code
        complaint = capsys.readouterr().err
        assert str(folder / name) in complaint
        assert complaint.count("\n") == 1


def test_every_unreadable_file_is_named_with_the_reason(
    pki: Authority, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    contents = {"empty.dcm": b"", "garbage.dcm": b"hello", "prefix.dcm": bytes(128) + b"DICM"}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    assert verify(pki, tmp_path, *contents) == ExitCode.UNREADABLE
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(" (")[0] for line in lines] == [f"{tmp_path / name}: unreadable" for name in contents]
    assert all(len(line.partition(" (")[2]) > 20 for line in lines)


def test_an_empty_folder_is_not_taken_for_one_in_which_all_is_valid(
    pki: Authority, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify(pki, tmp_path, ".") == ExitCode.UNREADABLE
    assert str(tmp_path) in capsys.readouterr().err
