"""Commands that a signal ends: nothing half written stays, no process lives on, and JSON is JSON."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from support import samples
from support.pki import Authority

FILES = 2000
"""More than are signed in the moment between the first line of the report and the signal."""
WAIT_SECONDS = 60.0


@pytest.fixture
def signing(pki: Authority, tmp_path: Path) -> list[str]:
    """A command that signs a folder of many files."""
    study = tmp_path / "study"
    study.mkdir()
    original = study / "original"
    original.write_bytes(samples.sample("rtplan.dcm").read_bytes())
    for number in range(FILES):
        (study / f"{number:04}.dcm").hardlink_to(original)
    signer = pki.issue("signer", "p256")
    keys = ["--key", str(signer.key_path), "--cert", str(signer.certificate_path)]
    return ["sign", str(study), "--output-dir", str(tmp_path / "out"), *keys]


def begun(arguments: list[str]) -> tuple[subprocess.Popen[bytes], bytes]:
    """A run of `sealgate` that has reported its first file, and what it has said so far."""
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "sealgate", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        env=environment,
    )
    said = b""
    assert process.stdout is not None
    while b'"path"' not in said:
        assert select.select([process.stdout], [], [], WAIT_SECONDS)[0]
        said += process.stdout.read(1 << 16)
    return process, said


def workers(process: subprocess.Popen[bytes]) -> list[int]:
    """Descriptors of its worker processes, which can be read when they have ended."""
    text = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="ascii")
    return [os.pidfd_open(int(word)) for word in text.split()]


def have_ended(descriptors: list[int]) -> bool:
    ended = all(select.select([descriptor], [], [], WAIT_SECONDS)[0] for descriptor in descriptors)
    for descriptor in descriptors:
        os.close(descriptor)
    return ended


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)], ids=lambda one: str(one)
)
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_signal_ends_a_command_and_leaves_whole_files_and_whole_json(
    number: signal.Signals, code: int, jobs: str, signing: list[str], tmp_path: Path
) -> None:
    process, said = begun([*signing, "--json", "--jobs", jobs])
    children = workers(process)
    process.send_signal(number)
    out, _ = process.communicate(timeout=WAIT_SECONDS)
    assert process.returncode == code
    assert have_ended(children)
    described = json.loads(said + out)
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert 0 < len(described) <= len(written) < FILES
    assert not [name for name in written if name.startswith(".")]


def test_worker_processes_do_not_outlive_the_one_that_they_work_for(signing: list[str]) -> None:
    process, _ = begun([*signing, "--json-lines", "--jobs", "2"])
    children = workers(process)
    process.kill()
    process.communicate(timeout=WAIT_SECONDS)
    assert len(children) == 2
    assert have_ended(children)


def test_a_worker_process_that_is_ended_is_told_and_not_taken_for_done(signing: list[str]) -> None:
    process, _ = begun([*signing, "--json-lines", "--jobs", "2"])
    for descriptor in workers(process):
        signal.pidfd_send_signal(descriptor, signal.SIGTERM)
        os.close(descriptor)
    _, complaint = process.communicate(timeout=WAIT_SECONDS)
    assert process.returncode == 62
    assert b"a worker process was killed" in complaint
