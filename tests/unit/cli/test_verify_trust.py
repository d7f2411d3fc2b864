"""`sealgate verify`: what trust may come from, and what a terminal shows."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509

import sealgate
from sealgate.cli.app import run
from sealgate.cli.exit_codes import ExitCode
from support import peers, samples
from support.pki import Authority, Credential, Revoked
from support.revocation_peers import content, http_server

PLAN = samples.sample("rtplan.dcm")
PROGRAM = [sys.executable, "-c", "from sealgate.cli.app import main; main()"]


def signed(credential: Credential, folder: Path) -> Path:
    signer = sealgate.load_signer(credential.key_path, credential.certificate_path)
    return sealgate.sign(PLAN, folder / "signed.dcm", signer=signer)


def test_a_crl_that_names_the_signer_makes_the_signature_invalid(
    pki: Authority, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    credential = pki.issue("revoked")
    path, crl = signed(credential, tmp_path), tmp_path / "ca.crl"
    trust = ["--anchors", str(pki.certificate_path), "--crl", str(crl)]
    crl.write_bytes(pki.crl())
    assert run(["verify", str(path), *trust, "--revocation", "required"]) == ExitCode.OK
    crl.write_bytes(pki.crl(Revoked(serial_number=credential.certificate.serial_number, at=pki.now)))
    assert run(["verify", str(path), *trust]) == ExitCode.INVALID
    assert "certificate-revoked" in capsys.readouterr().out
    assert run(["verify", str(path), *trust, "--revocation", "none"]) == ExitCode.OK


def test_a_crl_that_cannot_be_read_stops_everything(
    pki: Authority, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = signed(pki.issue("signer"), tmp_path)
    (tmp_path / "ca.crl").write_bytes(b"no list")
    trust = ["--anchors", str(pki.certificate_path), "--crl", str(tmp_path / "ca.crl")]
    assert run(["verify", str(path), *trust]) == ExitCode.KEY
    assert str(tmp_path / "ca.crl") in capsys.readouterr().err


@pytest.mark.peer
def test_a_hashed_directory_is_looked_up(pki: Authority, tmp_path: Path) -> None:
    path, folder = signed(pki.issue("signer"), tmp_path), tmp_path / "hashed"
    folder.mkdir()
    name = peers.openssl("x509", "-hash", "-noout", "-in", pki.certificate_path).text.strip()
    (folder / f"{name}.0").write_bytes(pki.certificate_path.read_bytes())
    assert run(["verify", str(path), "--cert-dir", str(folder)]) == ExitCode.OK
    assert run(["verify", str(path), "--cert-dir", str(tmp_path / "none")]) == ExitCode.UNREADABLE


def test_lists_are_fetched_only_when_asked(pki: Authority, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with http_server({"/ca.crl": content(pki.crl())}) as url:
        point = x509.DistributionPoint([x509.UniformResourceIdentifier(f"{url}/ca.crl")], None, None, None)
        credential = pki.issue("pointing", extensions=[(x509.CRLDistributionPoints([point]), False)])
        path = signed(credential, tmp_path)
        required = ["verify", str(path), "--anchors", str(pki.certificate_path), "--revocation", "required"]
        assert run(required) == ExitCode.INVALID
        assert run([*required, "--fetch-revocation"]) == ExitCode.OK
    assert run([*required, "--fetch-revocation"]) == ExitCode.INVALID
    assert f"sealgate: {path}: " in capsys.readouterr().err  # what could not be fetched


@pytest.mark.parametrize(("extra", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_a_terminal_shows_colours_unless_it_is_told_not_to(
    extra: dict[str, str], coloured: bool, pki: Authority, tmp_path: Path
) -> None:
    path = signed(pki.issue("signer"), tmp_path)
    environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"} | {"TERM": "xterm"} | extra
    ours, theirs = pty.openpty()
    command = [*PROGRAM, "verify", str(path), "--anchors", str(pki.certificate_path)]
    done = subprocess.run(command, stdout=theirs, stderr=subprocess.PIPE, env=environment, check=False, timeout=60)
    os.close(theirs)
    shown = os.read(ours, 100_000).decode()
    os.close(ours)
    assert done.returncode == ExitCode.OK
    assert "valid" in shown
    assert ("\x1b[" in shown) is coloured


def test_the_overview_names_dcmsign_which_has_its_own_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == ExitCode.OK
    assert "  dcmsign " in capsys.readouterr().out
    assert run(["dcmsign", "--no-such-option"]) == 1
    assert "no-such-option" in capsys.readouterr().err
