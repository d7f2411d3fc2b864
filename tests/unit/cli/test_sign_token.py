"""`sealgate sign --pkcs11`: the key stays in its token, also where several processes sign."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

import sealgate
from sealgate.cli.exit_codes import ExitCode
from sealgate.verification.report import Outcome
from support import peers, samples
from support.pki import Authority

PIN, LABEL = "5678", "Radiology"
MODULES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so")
PROGRAM = [sys.executable, "-c", "from sealgate.cli.app import main; main()"]

pytestmark = pytest.mark.peer


@pytest.fixture
def token(pki: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The options that name a key in a token; its certificate is a file."""
    module = next((path for path in MODULES if Path(path).is_file()), None)
    if module is None or importlib.util.find_spec("pkcs11") is None:
        pytest.skip("SoftHSM or python-pkcs11 is not installed")
    (tmp_path / "tokens").mkdir()
    settings = tmp_path / "softhsm2.conf"
    settings.write_text(f"directories.tokendir = {tmp_path / 'tokens'}\nobjectstore.backend = file\n", encoding="utf-8")
    monkeypatch.setenv("SOFTHSM2_CONF", str(settings))
    credential = pki.issue("token", "rsa2048")
    for arguments in (
        ["--init-token", "--free", "--label", LABEL, "--so-pin", "1234", "--pin", PIN],
        ["--import", credential.key_path, "--token", LABEL, "--label", "key", "--id", "01", "--pin", PIN],
    ):
        outcome = peers.run("softhsm2-util", *arguments)
        assert outcome.exit_code == 0, outcome.text
    (tmp_path / "pin").write_text(f"{PIN}\n", encoding="utf-8")
    certificate = ["--cert", str(credential.certificate_path)]
    return ["--pkcs11", f"pkcs11:token={LABEL};object=key", "--pkcs11-module", module, *certificate]


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
