"""Many files at once: folders, patterns, processes, outputs that appear whole, and one bad file among good ones."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sealgate.cli import batch
from sealgate.cli.app import run
from sealgate.cli.batch import Line, Reporting, Result
from sealgate.cli.exit_codes import ExitCode, gravest
from sealgate.errors import WorkerLost
from sealgate.files.dicom_files import Found
from support import samples
from support.pki import Authority

NM = samples.sample("JPEG2000.dcm")
PLAN = samples.sample("rtplan.dcm")
DICOMDIR = samples.root() / "test_files" / "dicomdirtests" / "DICOMDIR"


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Two series with three files, and among them what is no DICOM file."""
    folder = tmp_path / "study"
    for name in ("a/1.dcm", "a/2.dcm", "b/1.dcm"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(NM.read_bytes())
    (folder / "readme.txt").write_text("nothing for a PACS", encoding="utf-8")
    (folder / "DICOMDIR").write_bytes(DICOMDIR.read_bytes())
    return folder


@pytest.fixture
def key(pki: Authority) -> list[str]:
    signer = pki.issue("signer")
    return ["--key", str(signer.key_path), "--cert", str(signer.certificate_path)]


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_folder_is_signed_into_another_one_with_its_names(
    jobs: str, study: Path, key: list[str], pki: Authority, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(20):
        (study / f"b/{number + 2}.dcm").write_bytes(NM.read_bytes())
    out = tmp_path / "out"
    assert run(["sign", str(study), "--output-dir", str(out), "--jobs", jobs, *key]) == ExitCode.OK
    said = capsys.readouterr()
    expected = [name for name in names(study) if name.endswith(".dcm")]
    assert names(out) == expected
    assert [line.partition(":")[0] for line in said.out.splitlines()] == [str(out / name) for name in expected]
    assert f"{study}/readme.txt is skipped: it is no DICOM file" in said.err
    assert f"{study}/DICOMDIR is skipped: it is the directory of a medium" in said.err
    assert "25 files: 23 signed, 2 skipped" in said.err
    anchors = ["--anchors", str(pki.certificate_path)]
    assert run(["verify", *anchors, "--jobs", jobs, str(out)]) == ExitCode.OK
    assert capsys.readouterr().out.count(": valid (CN=signer,O=Sealgate tests)") == 23


def test_a_bad_file_does_not_stop_the_others_and_decides_the_exit_code(
    study: Path, key: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (study / "a/2.dcm").write_bytes(NM.read_bytes()[:-1000])
    out = tmp_path / "out"
    assert run(["sign", str(study), "--output-dir", str(out), *key]) == ExitCode.UNREADABLE
    assert names(out) == ["a/1.dcm", "b/1.dcm"]
    said = capsys.readouterr().err
    assert f"sealgate: cannot read {study}/a/2.dcm: " in said
    assert "1 failed, 2 signed, 2 skipped" in said


def test_patterns_serve_where_the_shell_does_not_expand_them(
    study: Path, key: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run(["sign", f"{study}/**/1.dcm", "--output-dir", str(out), *key]) == ExitCode.OUTPUT
    assert "would take the results of both" in capsys.readouterr().err
    assert not out.exists()
    assert run(["sign", f"{study}/a/?.dcm", "--output-dir", str(out), *key]) == ExitCode.OK
    assert names(out) == ["1.dcm", "2.dcm"]
    assert run(["verify", f"{study}/none*.dcm"]) == ExitCode.UNREADABLE
    assert "no file fits this pattern" in capsys.readouterr().err


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(
    key: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "[1].dcm").write_bytes(NM.read_bytes())
    assert run(["inspect", str(tmp_path / "[1].dcm")]) == ExitCode.OK
    assert "no signature" in capsys.readouterr().out


def test_in_place_writes_over_the_inputs_and_nowhere_else(study: Path, key: list[str]) -> None:
    before = names(study)
    assert run(["sign", str(study), "--in-place", *key]) == ExitCode.OK
    assert names(study) == before
    assert b"\xfa\xff\xfa\xffSQ" in (study / "b/1.dcm").read_bytes()
    assert run(["remove", str(study), "--all", "--in-place"]) == ExitCode.OK
    assert (study / "b/1.dcm").read_bytes() == NM.read_bytes()


def test_results_never_land_on_an_input_by_whatever_name(
    study: Path, key: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    link = study.parent / "link"
    link.symlink_to(study / "a")
    assert run(["sign", str(study / "a"), "--output-dir", str(link), *key]) == ExitCode.OUTPUT
    assert "the input itself" in capsys.readouterr().err
    assert (study / "a/1.dcm").read_bytes() == NM.read_bytes()


def test_a_dry_run_says_what_would_be_done_and_writes_nothing(
    study: Path, key: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run(["sign", str(study), "--output-dir", str(out), "--dry-run", *key]) == ExitCode.OK
    said = capsys.readouterr()
    assert said.out.count("would sign 151 elements") == 3
    assert "3 would be signed" in said.err
    assert not out.exists()
    assert run(["sign", str(study), "--in-place", "--dry-run", *key]) == ExitCode.OK
    assert (study / "a/1.dcm").read_bytes() == NM.read_bytes()


@pytest.mark.parametrize(
    "arguments",
    [
        ["a", "b", "c"],
        ["a"],
        ["a", "--output", "b", "--in-place"],
        ["a", "--output-dir", "b", "--output", "c"],
        ["a", "b", "--json", "--json-lines"],
    ],
    ids=" ".join,
)
def test_it_has_to_be_clear_where_results_go(
    arguments: list[str], key: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["sign", *arguments, *key]) == ExitCode.USAGE
    assert "sealgate sign --help" in capsys.readouterr().err


def test_one_output_file_takes_one_result(study: Path, key: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sign", str(study / "a"), "--output", str(study / "x.dcm"), *key]) == ExitCode.CONFIGURATION
    assert "give --output-dir" in capsys.readouterr().err


def test_json_is_one_list_and_json_lines_are_objects(
    study: Path, key: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (study / "b/1.dcm").write_bytes(NM.read_bytes()[:-1000])
    arguments = ["sign", str(study), "--output-dir", str(tmp_path / "out"), *key]
    assert run([*arguments, "--json"]) == ExitCode.UNREADABLE
    described = json.loads(capsys.readouterr().out)
    assert [entry["outcome"] for entry in described] == ["skipped", "skipped", "signed", "signed", "failed"]
    assert described[2]["output"] == str(tmp_path / "out/a/1.dcm")
    assert len(described[2]["data_elements_signed"]) == 151
    assert described[4]["exit_code"] == ExitCode.UNREADABLE
    run([*arguments, "--json-lines"])
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["path"] for line in lines] == [entry["path"] for entry in described]


def test_a_folder_without_any_dicom_file_is_not_taken_for_a_valid_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "readme.txt").write_text("nothing for a PACS", encoding="utf-8")
    for command in ("verify", "inspect"):
        assert run([command, str(tmp_path)]) == ExitCode.UNREADABLE
        assert "there is no DICOM file in it" in capsys.readouterr().err


@pytest.mark.parametrize("fsync", ["file", "batch", "none"])
def test_every_durability_gives_the_same_files(fsync: str, study: Path, key: list[str], tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run(["sign", str(study), "--output-dir", str(out), "--fsync", fsync, *key]) == ExitCode.OK
    assert names(out) == ["a/1.dcm", "a/2.dcm", "b/1.dcm"]


def test_standard_input_goes_to_standard_output_and_messages_do_not(key: list[str], tmp_path: Path) -> None:
    program = [sys.executable, "-c", "from sealgate.cli.app import main; main()"]
    done = subprocess.run([*program, "sign", "-", "-", *key], input=NM.read_bytes(), capture_output=True, check=False)
    assert done.returncode == ExitCode.OK
    assert done.stdout.startswith(NM.read_bytes()[:400])
    assert done.stderr.decode() == "-: signed 151 elements with SHA256\n"
    back = subprocess.run(
        [*program, "remove", "-", "--all", "-o", "-", "-q"], input=done.stdout, capture_output=True, check=False
    )
    assert back.stdout == NM.read_bytes()
    assert back.stderr == b""
    broken = subprocess.run([*program, "verify", "-"], input=b"hello", capture_output=True, check=False)
    assert broken.returncode == ExitCode.UNREADABLE
    assert broken.stdout.startswith(b"-: unreadable (this is no DICOM file")


def test_a_worker_process_that_dies_is_told_and_not_taken_for_done() -> None:
    files = [Found(path=Path(str(number)), relative=Path(str(number))) for number in range(20)]

    def work(file: Found) -> Result:
        os._exit(1)

    with pytest.raises(WorkerLost, match="fewer --jobs"):
        batch.run(files, work, jobs=2, reporting=Reporting(verb="Dying"))


def test_results_come_in_the_order_of_the_files_from_several_processes(capsys: pytest.CaptureFixture[str]) -> None:
    files = [Found(path=Path(str(number)), relative=Path(str(number))) for number in range(50)]

    def work(file: Found) -> Result:
        return Result(path=str(file.path), outcome="done", lines=(Line(text=str(file.path)),))

    summary = batch.run(files, work, jobs=2, reporting=Reporting(verb="Counting"))
    assert capsys.readouterr().out.split() == [str(number) for number in range(50)]
    assert summary.counts == {"done": 50}


@pytest.mark.parametrize(
    ("codes", "worst"),
    [
        (set(), ExitCode.OK),
        ({ExitCode.OK, ExitCode.QUESTIONABLE}, ExitCode.QUESTIONABLE),
        ({ExitCode.QUESTIONABLE, ExitCode.UNSIGNED}, ExitCode.UNSIGNED),
        ({ExitCode.UNSIGNED, ExitCode.REQUIREMENT}, ExitCode.REQUIREMENT),
        ({ExitCode.REQUIREMENT, ExitCode.INVALID}, ExitCode.INVALID),
        ({ExitCode.INVALID, ExitCode.UNREADABLE}, ExitCode.UNREADABLE),
    ],
)
def test_the_gravest_code_wins(codes: set[ExitCode], worst: ExitCode) -> None:
    assert gravest(codes) is worst


def test_every_exit_code_has_its_gravity() -> None:
    assert all(gravest({code}) is code for code in ExitCode)


def test_a_pipe_in_a_folder_is_passed_over_and_a_link_to_nothing_is_told(
    study: Path, key: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo(study / "a/pipe")
    (study / "a/broken.dcm").symlink_to(study / "nowhere.dcm")
    out = tmp_path / "out"
    assert run(["sign", str(study), "--output-dir", str(out), *key]) == ExitCode.UNREADABLE
    assert f"cannot read {study}/a/broken.dcm" in capsys.readouterr().err
    assert names(out) == ["a/1.dcm", "a/2.dcm", "b/1.dcm"]


def test_in_place_leaves_files_alone_that_have_nothing_to_remove(study: Path) -> None:
    before = (study / "a/1.dcm").stat()
    assert run(["remove", str(study), "--all", "--in-place"]) == ExitCode.OK
    assert (study / "a/1.dcm").stat().st_ino == before.st_ino
