"""The examples in the docstrings of what `import sealgate` gives."""

from __future__ import annotations

import doctest
from pathlib import Path

import pydicom
import pytest

import sealgate
from support import samples
from support.pki import Authority

FUNCTIONS = [name for name in sealgate.__all__ if name.islower()]


@pytest.fixture
def folder(pki: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that the examples name, which is the current one."""
    credential = pki.issue("signer", "rsa2048")
    (tmp_path / "signer.key").write_bytes(credential.key_path.read_bytes())
    (tmp_path / "signer.pem").write_bytes(credential.certificate_path.read_bytes())
    (tmp_path / "ca.pem").write_bytes(pki.certificate_path.read_bytes())
    (tmp_path / "ca.crl").write_bytes(pki.crl())
    (tmp_path / "ct.dcm").write_bytes(samples.sample("JPEG2000.dcm").read_bytes())
    signer = sealgate.load_signer(credential.key_path, credential.certificate_path)
    sealgate.sign(tmp_path / "ct.dcm", tmp_path / "signed.dcm", signer=signer)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_public_function_has_an_example_that_does_what_it_says(name: str) -> None:
    function = getattr(sealgate, name)
    given = {"sealgate": sealgate, "pydicom": pydicom, "Path": Path}
    [example] = doctest.DocTestFinder(recurse=False).find(function, name, globs=given)
    assert example.examples
    said: list[str] = []
    doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(example, out=said.append)
    assert said == []
