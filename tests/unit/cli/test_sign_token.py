"""`sealgate sign --pkcs11`: the key stays in its token, also where several processes sign."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import sealgate
from sealgate.cli.exit_codes import ExitCode
from sealgate.cli.signing import SignerOnce
from sealgate.errors import KeyUnusable
from sealgate.signature.keys import Signer
from sealgate.verification.report import Outcome
from support import samples, softhsm
from support.pki import Authority

PROGRAM = [sys.executable, "-c", "from sealgate.cli.app import main; main()"]

pytestmark = pytest.mark.peer


@pytest.fixture
def token(pki: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The options that name a key in a token; its certificate is a file."""
    credential = pki.issue("token", "rsa2048")
    softhsm.new_token(tmp_path / "softhsm", monkeypatch)
    softhsm.put_key(credential, "key")
    (tmp_path / "pin").write_text(f"{softhsm.PIN}\n", encoding="utf-8")
    return ["--pkcs11", softhsm.uri("key"), "--cert", str(credential.certificate_path)]


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, *map(str, arguments)], capture_output=True, text=True, check=False, env={**os.environ}, timeout=60
    )


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_folder_is_signed_by_a_token(jobs: int, token: list[str], pki: Authority, tmp_path: Path) -> None:
    study, out = tmp_path / "study", tmp_path / "out"
    study.mkdir()
    for number in range(20):
        (study / f"{number}.dcm").write_bytes(samples.sample("rtplan.dcm").read_bytes())
    where = ["--output-dir", out, "--jobs", jobs, "--password-file", tmp_path / "pin"]
    done = run("sign", study, *where, *token)
    assert done.returncode == ExitCode.OK, done.stderr
    outcomes = {sealgate.verify(path, pki.certificate_path).outcome for path in out.iterdir()}
    assert len(list(out.iterdir())) == 20
    assert outcomes == {Outcome.VALID}


def test_a_wrong_pin_is_named_and_not_shown(token: list[str], tmp_path: Path) -> None:
    (tmp_path / "pin").write_text("4711\n", encoding="utf-8")
    source, target = samples.sample("rtplan.dcm"), tmp_path / "out.dcm"
    done = run("sign", source, target, "--password-file", tmp_path / "pin", *token)
    assert done.returncode == ExitCode.KEY
    assert "PIN" in done.stderr
    assert "4711" not in done.stderr
    assert not target.exists()


def test_after_a_wrong_pin_no_process_tries_again(tmp_path: Path) -> None:
    tries = tmp_path / "tries"

    def load() -> Signer:
        with tries.open("a", encoding="ascii") as file:
            file.write("x")
        raise KeyUnusable("the PIN is wrong")

    def refused() -> bool:
        try:
            signer()
        except KeyUnusable as error:
            return str(error) == "the PIN is wrong"
        return False

    signer = SignerOnce(load, survives_fork=False)
    assert refused()
    for _ in range(2):
        child = os.fork()
        if child == 0:
            os._exit(0 if refused() else 1)
        assert os.waitpid(child, 0)[1] == 0
    assert refused()
    assert tries.read_text(encoding="ascii") == "x"
