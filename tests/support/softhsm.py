"""A token of SoftHSM, Debian's hardware security module in software, with keys of the test authority on it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from support import peers
from support.pki import Credential

PIN, LABEL = "5678", "Radiology"
_MODULES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so")


def require_module() -> str:
    """The library that reaches the token; where something is missing the test is skipped, or fails if it is a must."""
    if importlib.util.find_spec("pkcs11") is None:
        pytest.skip("python-pkcs11 is not installed: the extra pkcs11 of this package")
    peers.require("softhsm2-util")
    path = next((path for path in _MODULES if Path(path).is_file()), None)
    assert path is not None, "softhsm2-util is installed, and its library is not where Debian puts it"
    return path


def new_token(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make an empty token in `folder`, which the environment then names."""
    (folder / "tokens").mkdir(parents=True)
    settings = folder / "softhsm2.conf"
    settings.write_text(f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\n", encoding="utf-8")
    monkeypatch.setenv("SOFTHSM2_CONF", str(settings))
    _run("softhsm2-util", "--init-token", "--free", "--label", LABEL, "--so-pin", "1234", "--pin", PIN)


def put_key(credential: Credential, label: str, identifier: str = "01") -> None:
    """Import the private key of `credential`."""
    key = ("--import", credential.key_path, "--label", label, "--id", identifier)
    _run("softhsm2-util", *key, "--token", LABEL, "--pin", PIN)


def put_certificate(credential: Credential, label: str, identifier: str, folder: Path) -> None:
    """Import the certificate of `credential`, which then belongs to the key with the same identifier."""
    peers.require("pkcs11-tool")
    der = folder / f"{label}.der"
    der.write_bytes(credential.der)
    certificate = ("--write-object", der, "--type", "cert", "--id", identifier, "--label", label)
    _run("pkcs11-tool", "--module", require_module(), "--token-label", LABEL, "--login", "--pin", PIN, *certificate)


def uri(label: str) -> str:
    """How a key on the token is named (RFC 7512)."""
    return f"pkcs11:token={LABEL};object={label}?module-path={require_module()}"


def _run(tool: str, *arguments: object) -> None:
    outcome = peers.run(tool, *arguments)
    assert outcome.exit_code == 0, outcome.text
