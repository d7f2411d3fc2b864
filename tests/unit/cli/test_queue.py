"""`sealgate queue` and `sealgate audit`: for people as tables, for programs as JSON, errors as one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sealgate.audit.register import record_instance
from sealgate.cli.access import age
from sealgate.cli.app import run
from sealgate.cli.exit_codes import ExitCode
from sealgate.node.operations import open_database
from sealgate.spool.states import InstanceState, JobState
from support.spooling import NOW, end, new_record, store, take


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A queue with a dead delivery (job 1 of instance 1), a ready one (job 2 of 2) and a held instance (3)."""
    with open_database(tmp_path / "var") as database:
        store(database, 1)
        end(database, take(database)[0], JobState.DEAD, status=0xA900, error="does not match \x1b[2J[bold]")
        store(database, 2)
        store(database, 3, state=InstanceState.HELD, reasons=["UNSIGNED"])
        database.run(lambda c: record_instance(c, new_record(1, instance_id=1)))
    return tmp_path / "var"


def sealgate(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = run([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_the_queue_is_shown_to_people_with_nothing_that_steers_their_terminal(
    data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = sealgate(capsys, "queue", "list", "--data-dir", data_dir)
    assert (code, err) == (ExitCode.OK, "")
    for expected in ("1.2.3.1", "dead", "pacs", "A900 does not match \N{REPLACEMENT CHARACTER}[2J[bold]", "UNSIGNED"):
        assert expected in out
    assert "\x1b" not in out


def test_the_queue_is_json_for_programs(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = sealgate(capsys, "queue", "list", "--json", "--state", "dead", "--data-dir", data_dir)
    assert code == ExitCode.OK
    (entry,) = json.loads(out)
    assert (entry["job_id"], entry["last_status"], entry["state"]) == (1, 0xA900, "dead")
    assert out.isascii()


def test_the_summary_shows_counts_per_destination(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = sealgate(capsys, "queue", "summary", "--data-dir", data_dir)
    assert "(held)" in out
    assert "1280+" in out
    _, out, _ = sealgate(capsys, "queue", "summary", "--json", "--data-dir", data_dir)
    assert [row["state"] for row in json.loads(out)["rows"]] == ["dead", "ready", "held"]


def test_what_a_person_does_is_done_and_recorded(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    common = ("--data-dir", data_dir, "--by", "A. Person", "--reason", "checked")
    assert sealgate(capsys, "queue", "retry", 1, *common)[1] == "1 job will be sent again\n"
    assert sealgate(capsys, "queue", "release", 3, *common)[1] == "instance 3 goes to pacs\n"
    assert sealgate(capsys, "queue", "drop", 2, *common)[1] == "instance 2: its deliveries to pacs are dropped\n"
    assert sealgate(capsys, "queue", "drop", "--job", 1, *common)[0] == ExitCode.OK
    _, out, _ = sealgate(capsys, "audit", "actions", "--json", "--data-dir", data_dir)
    done = [(action["action"], action["operator"], action["reason"]) for action in json.loads(out)]
    assert done == [(action, "A. Person", "checked") for action in ("drop", "drop", "release", "retry")]
    assert "release" in sealgate(capsys, "audit", "actions", "--data-dir", data_dir)[1]


def test_the_register_is_listed(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = sealgate(capsys, "audit", "list", "--data-dir", data_dir)
    assert code == ExitCode.OK
    assert "1.2.3.1" in out
    _, out, _ = sealgate(capsys, "audit", "list", "--json", "--sop-instance-uid", "1.2.3.1", "--data-dir", data_dir)
    assert [record["at"] for record in json.loads(out)] == [NOW.isoformat()]
    _, out, _ = sealgate(capsys, "audit", "list", "--json", "--sop-instance-uid", "9.9", "--data-dir", data_dir)
    assert json.loads(out) == []


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("queue", "retry", "99"), ExitCode.NOT_POSSIBLE, "there is no job 99"),
        (("queue", "retry"), ExitCode.USAGE, "give either jobs or --destination"),
        (("queue", "drop", "--reason", "x"), ExitCode.USAGE, "give instances, or deliveries by --job"),
        (("queue", "drop", "1"), ExitCode.USAGE, "--reason"),
        (("queue", "list", "--state", "lost"), ExitCode.NOT_POSSIBLE, "there is no state 'lost'"),
        (("queue", "list", "--limit", "0"), ExitCode.USAGE, "--limit"),
        (("queue", "list", "--config", "x.toml"), ExitCode.USAGE, "--data-dir and --config"),
        (("audit", "list", "--since", "yesterday"), ExitCode.NOT_POSSIBLE, "since must be a moment"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    data_dir: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], code: int, sentence: str
) -> None:
    got, out, err = sealgate(capsys, *arguments, "--data-dir", data_dir)
    assert (got, out) == (code, "")
    assert sentence in err
    assert err.count("\n") == 1


def test_a_directory_that_is_none_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = sealgate(capsys, "queue", "list", "--data-dir", tmp_path / "typo")
    assert code == ExitCode.STORAGE
    assert str(tmp_path / "typo") in err


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, ""), (-3, "0 s"), (59.9, "60 s"), (60, "1 min"), (3_700, "1 h"), (200_000, "2 d")],
)
def test_ages_are_shown_in_their_largest_unit(seconds: float | None, text: str) -> None:
    assert age(seconds) == text
