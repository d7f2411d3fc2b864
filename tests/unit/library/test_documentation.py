"""docs/library.md: its examples run, and every line of its LEADTOOLS table does what its method did."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import sealgate
from sealgate.library.removing import RemovingKeywords
from sealgate.library.signing import SigningKeywords
from sealgate.library.verifying import VerifyingKeywords
from support import samples
from support.pki import Authority
from support.tsa import openssl_tsa, tsa_credential

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "library.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| ([A-Z][A-Za-z]+(?: \([^)]*\))?) \| `(.+)` \|$", PAGE, re.MULTILINE)
METHODS = (
    "CreateSignature GetSignaturesCount GetSignature FindSignature VerifySignature DeleteSignature SaveCertificate"
    " GetSignatureUID GetSignatureDateTime GetSignedElementsCount GetSignedElement GetMacTransferSyntax GetMacAlgorithm"
).split()


def block(name: str) -> str:
    match = re.search(rf"<!-- test: {name} -->\n```python\n(.*?)```", PAGE, re.DOTALL)
    assert match, f"docs/library.md has no block {name!r}"
    return match[1]


@pytest.fixture
def folder(pki: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that the examples name, which is the current one."""
    credential = pki.issue("signer", "rsa2048")
    (tmp_path / "signer.key").write_bytes(credential.key_path.read_bytes())
    (tmp_path / "signer.pem").write_bytes(credential.certificate_path.read_bytes())
    (tmp_path / "ca.pem").write_bytes(pki.certificate_path.read_bytes())
    (tmp_path / "ct.dcm").write_bytes(samples.sample("JPEG2000.dcm").read_bytes())
    (tmp_path / "plan.dcm").write_bytes(samples.sample("rtplan.dcm").read_bytes())
    (tmp_path / "ca.crl").write_bytes(pki.crl())
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.peer
def test_the_examples_run_and_print_what_they_say(
    folder: Path, pki: Authority, capsys: pytest.CaptureFixture[str]
) -> None:
    names: dict[str, Any] = {"authority": openssl_tsa(folder / "tsa", tsa_credential(pki)).reply}
    exec(block("library"), names)
    printed = capsys.readouterr().out.splitlines()
    assert printed[:2] == ["valid", "1 passed the signature is complete and unambiguous"]
    assert len(printed) == 12
    exec(block("library wishes"), names)
    [outcome, moment] = capsys.readouterr().out.splitlines()
    assert outcome.startswith("invalid ['")
    assert "coverage-required" in outcome
    assert moment.startswith("20")


EXPECTED: dict[str, Callable[[Any], bool]] = {
    "CreateSignature (in the data set)": lambda made: len(sealgate.signatures(made).at("Main Dataset")) == 1,
    "CreateSignature (in an item)": lambda made: len(sealgate.signatures(made).at("BeamSequence[0]")) == 1,
    "CreateSignature (with a profile)": lambda made: len(sealgate.signatures(made)) == 1,
    "CreateSignature (elements, MAC algorithm)": lambda made: sealgate.signatures(made)[0].mac_algorithm == "SHA384",
    "GetSignaturesCount (of the data set)": lambda count: count == 1,
    "GetSignaturesCount (of an item)": lambda count: count == 1,
    "GetSignature": lambda signature: signature.location == "Main Dataset",
    "FindSignature": lambda signature: signature.digital_signature_uid == "1.2.1",
    "VerifySignature (one)": lambda verified: verified is True,
    "VerifySignature (all)": lambda verified: verified is True,
    "DeleteSignature (one)": lambda left: [one.location for one in sealgate.signatures(left)] == ["Main Dataset"],
    "DeleteSignature (all)": lambda left: left == samples.sample("rtplan.dcm").read_bytes(),
    "SaveCertificate": lambda path: path.read_bytes().startswith(b"-----BEGIN CERTIFICATE-----"),
    "GetSignatureUID": lambda uid: uid == "1.2.2",
    "GetSignatureDateTime": lambda text: text.startswith("20"),
    "GetSignedElementsCount": lambda count: count == 36,
    "GetSignedElement": lambda tag: tag == 0x00080012,
    "GetMacTransferSyntax": lambda uid: uid == "1.2.840.10008.1.2.1",
    "GetMacAlgorithm": lambda name: name == "SHA256",
}


def test_the_table_has_every_method_of_leadtools_and_every_row_is_tested() -> None:
    assert list(dict.fromkeys(name.partition(" ")[0] for name, _ in ROWS)) == METHODS
    assert [name for name, _ in ROWS] == list(EXPECTED)


@pytest.mark.parametrize(("name", "code"), ROWS, ids=[name for name, _ in ROWS])
def test_every_line_of_the_table_does_what_the_method_did(name: str, code: str, folder: Path) -> None:
    signer = sealgate.load_signer("signer.key", "signer.pem")
    data_set = samples.sample("rtplan.dcm").read_bytes()
    inner = sealgate.sign(data_set, signer=signer, location="BeamSequence[0]", digital_signature_uid="1.2.1")
    signed = sealgate.sign(inner, signer=signer, digital_signature_uid="1.2.2")
    given = {
        "sealgate": sealgate,
        "signer": signer,
        "data_set": data_set,
        "signed": signed,
        "uid": "1.2.1",
        "anchors": "ca.pem",
        "signature": sealgate.signatures(signed).find("1.2.2"),
    }
    assert EXPECTED[name](eval(code, given))


def test_the_page_names_every_wish() -> None:
    for keywords in (SigningKeywords, VerifyingKeywords, RemovingKeywords):
        for name in keywords.__annotations__:
            assert f"`{name}`" in PAGE, f"docs/library.md does not name {name}"


def test_the_page_names_every_public_name_that_is_a_function() -> None:
    for name in sealgate.__all__:
        assert f"sealgate.{name}" in PAGE or name in ("Signature", "Signatures")
