"""`sealgate sign`: what its options do to the signature, and where the key may come from."""

from __future__ import annotations

import json
from pathlib import Path

import pydicom
import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian

import sealgate
from sealgate.cli.app import run
from sealgate.cli.exit_codes import ExitCode
from sealgate.verification.report import Outcome
from support import peers, samples
from support.pki import Authority, Credential
from support.tsa import http_tsa, openssl_tsa, tsa_credential

NM = samples.sample("JPEG2000.dcm")
PLAN = samples.sample("rtplan.dcm")
REPORT = samples.sample("reportsi.dcm")


@pytest.fixture
def credential(pki: Authority) -> Credential:
    return pki.issue("signer")


@pytest.fixture
def key(credential: Credential) -> list[str]:
    return ["--key", str(credential.key_path), "--cert", str(credential.certificate_path)]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out.dcm"


def test_pkcs12_holds_key_and_certificate(
    credential: Credential,
    out: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    bundle = tmp_path / "signer.p12"
    encrypted = BestAvailableEncryption(b"open sesame")
    bundle.write_bytes(
        pkcs12.serialize_key_and_certificates(b"s", credential.key, credential.certificate, None, encrypted)
    )
    arguments = ["sign", str(NM), str(out), "--pkcs12", str(bundle), "--password-env", "SIGNER_PASSWORD"]
    monkeypatch.setenv("SIGNER_PASSWORD", "something else")
    assert run(arguments) == ExitCode.KEY
    assert str(bundle) in capsys.readouterr().err
    monkeypatch.setenv("SIGNER_PASSWORD", "open sesame")
    assert run(arguments) == ExitCode.OK
    monkeypatch.delenv("SIGNER_PASSWORD")
    assert run(arguments) == ExitCode.KEY
    assert "no variable SIGNER_PASSWORD" in capsys.readouterr().err


@pytest.mark.parametrize(
    "more",
    [
        [],
        ["--key", "k"],
        ["--cert", "c"],
        ["--pkcs12", "p", "--pkcs11", "pkcs11:token=t"],
        ["--key", "k", "--pkcs12", "p"],
    ],
    ids=lambda more: " ".join(more) or "nothing",
)
def test_it_has_to_be_clear_what_signs(more: list[str], out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sign", str(NM), str(out), *more]) in (ExitCode.USAGE, ExitCode.CONFIGURATION)
    assert capsys.readouterr().err.count("\n") == 1
    assert not out.exists()


def test_an_item_is_signed_where_the_location_says(key: list[str], out: Path) -> None:
    assert run(["sign", str(PLAN), str(out), "--item", "BeamSequence[0]", *key]) == ExitCode.OK
    assert [one.location for one in sealgate.signatures(out)] == ["BeamSequence[0]"]


def test_an_item_that_is_not_there_is_named(key: list[str], out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sign", str(PLAN), str(out), "--item", "BeamSequence[7]", *key]) == ExitCode.CANNOT_SIGN
    assert "BeamSequence[7]" in capsys.readouterr().err
    assert run(["sign", str(PLAN), str(out), "--item", "BeamSequence[", *key]) == ExitCode.CONFIGURATION


def test_profile_and_purpose_are_kept_or_refused(
    key: list[str], out: Path, pki: Authority, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["sign", str(NM), str(out), "--profile", "creator", *key]) == ExitCode.CANNOT_SIGN
    assert "asks for an RSA key" in capsys.readouterr().err
    rsa = pki.issue("rsa", "rsa2048")
    key = ["--key", str(rsa.key_path), "--cert", str(rsa.certificate_path)]
    assert run(["sign", str(NM), str(out), "--profile", "creator", "--purpose", "14", *key]) == ExitCode.OK
    [signature] = sealgate.signatures(out)
    assert signature.purpose is not None
    assert signature.purpose.code_meaning == "Source Signature"
    report = sealgate.verify(out, pki.certificate_path, profile="creator")
    assert report.outcome is Outcome.VALID
    assert run(["sign", str(NM), str(out), "--profile", "sr", *key]) == ExitCode.CANNOT_SIGN
    assert str(NM) in capsys.readouterr().err


def test_a_tag_file_adds_to_the_tags(key: list[str], out: Path, tmp_path: Path) -> None:
    (tmp_path / "tags.txt").write_text("PatientID (0010,0010)\n 7fe0,0010\n", encoding="utf-8")
    more = ["--tag", "Modality", "--tag-file", str(tmp_path / "tags.txt")]
    assert run(["sign", str(NM), str(out), *more, *key]) == ExitCode.OK
    assert sealgate.signatures(out)[0].data_elements_signed == (0x00080060, 0x00100010, 0x00100020, 0x7FE00010)


@pytest.mark.peer
@pytest.mark.parametrize("syntax", ["explicit-le", "explicit-be", "implicit-le"])
@pytest.mark.parametrize("lengths", ["explicit", "undefined"])
def test_output_in_another_encoding_is_good_for_us_and_for_dcmsign(
    syntax: str, lengths: str, key: list[str], out: Path, pki: Authority
) -> None:
    more = ["--output-syntax", syntax, "--lengths", lengths]
    assert run(["sign", str(PLAN), str(out), *more, *key]) == ExitCode.OK
    assert sealgate.verify(out, pki.certificate_path).outcome is Outcome.VALID
    assert peers.dcmsign("--verify", "+cf", pki.certificate_path, out).exit_code == 0


def test_an_output_option_that_breaks_an_older_signature_says_so(
    key: list[str], out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    private = tmp_path / "private.dcm"
    _with_private_elements(private)
    assert run(["sign", str(private), str(out), *key]) == ExitCode.OK
    [first] = sealgate.signatures(out)
    capsys.readouterr()
    again = tmp_path / "again.dcm"
    assert run(["sign", str(out), str(again), "--output-syntax", "implicit-le", "--json", *key]) == ExitCode.OK
    said = capsys.readouterr()
    assert json.loads(said.out)[0]["signatures_broken"] == [first.digital_signature_uid]
    assert f"broke the signature {first.digital_signature_uid}" in said.err
    assert run(["sign", str(out), str(again), "--lengths", "undefined", "--json", *key]) == ExitCode.OK
    assert json.loads(capsys.readouterr().out)[0]["signatures_broken"] == []


def test_compressed_pixel_data_is_not_decompressed(
    key: list[str], out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["sign", str(NM), str(out), "--output-syntax", "explicit-le", *key]) == ExitCode.OUTPUT
    assert "decompressed" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.peer
def test_the_dump_is_what_dcmsign_hashes(key: list[str], out: Path, tmp_path: Path) -> None:
    dump, theirs = tmp_path / "ours.bin", tmp_path / "theirs.bin"
    assert run(["sign", str(PLAN), str(out), "--dump", str(dump), *key]) == ExitCode.OK
    peers.dcmsign("+s", key[1], key[3], "+m2", "+d", theirs, PLAN, tmp_path / "x.dcm")
    # The signature items that end both streams have UIDs and times of their own.
    assert dump.read_bytes()[:2300] == theirs.read_bytes()[:2300]


@pytest.mark.peer
def test_a_timestamp_is_fetched_while_signing(key: list[str], out: Path, pki: Authority, tmp_path: Path) -> None:
    authority = openssl_tsa(tmp_path / "tsa", tsa_credential(pki))
    with http_tsa(authority) as tsa:
        assert run(["sign", str(PLAN), str(out), "--timestamp-url", tsa.url, *key]) == ExitCode.OK
    [signature] = sealgate.signatures(out)
    assert signature.timestamp is not None
    report = sealgate.verify(out, pki.certificate_path, timestamps="required")
    assert report.outcome is Outcome.VALID, report
    assert peers.dcmsign("--verify", "+tr", "+cf", pki.certificate_path, out).exit_code == 0


def test_a_timestamp_that_cannot_be_had_leaves_no_output(
    key: list[str], out: Path, free_port: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sealgate.timestamp.client.DEFAULT_ATTEMPTS", 1)
    url = f"http://127.0.0.1:{free_port}/"
    assert run(["sign", str(PLAN), str(out), "--timestamp-url", url, *key]) == ExitCode.PEER
    assert f"127.0.0.1:{free_port}" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.peer
def test_query_and_uid_file_serve_dcmsign_to_insert_the_response(
    key: list[str], out: Path, pki: Authority, tmp_path: Path
) -> None:
    query, uid, response, stamped = (tmp_path / name for name in ("q.tsq", "uid.dcm", "r.tsr", "stamped.dcm"))
    more = ["--timestamp-query", str(query), "--uid-file", str(uid)]
    assert run(["sign", str(PLAN), str(out), *more, *key]) == ExitCode.OK
    authority = openssl_tsa(tmp_path / "tsa", tsa_credential(pki))
    response.write_bytes(authority.reply(query.read_bytes()))
    assert peers.dcmsign("+t", query, response, uid, out, stamped).exit_code == 0
    assert sealgate.signatures(stamped)[0].timestamp is not None


def test_options_that_name_one_file_are_for_one_input(
    key: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["sign", str(NM), str(PLAN), "--output-dir", str(tmp_path / "o"), "--dump", str(tmp_path / "d"), *key]
    assert run(arguments) == ExitCode.CONFIGURATION
    assert "--dump is for one input" in capsys.readouterr().err


def test_a_data_set_without_meta_header_is_read_as_what_it_is_said_to_be(
    key: list[str], out: Path, tmp_path: Path
) -> None:
    bare = tmp_path / "bare.dcm"
    signed = PLAN.read_bytes()
    bare.write_bytes(signed[132 + 12 + int.from_bytes(signed[140:144], "little") :])
    assert run(["sign", str(bare), str(out), *key]) == ExitCode.OK
    assert run(["sign", str(bare), str(out), "--input-form", "file", *key]) == ExitCode.UNREADABLE
    forced = ["--input-form", "data-set", "--input-syntax", "implicit-le"]
    assert run(["sign", str(bare), str(out), *forced, *key]) == ExitCode.OK
    assert run(["sign", str(bare), str(out), "--input-syntax", "explicit-be", *key]) == ExitCode.UNREADABLE
    assert run(["sign", str(bare), str(out), "--input-syntax", "detect", *key]) == ExitCode.OK
    assert run(["sign", str(bare), str(out), "--input-syntax", "morse", *key]) == ExitCode.CONFIGURATION


def test_signing_apart_is_never_called_fully_signed(
    pki: Authority, key: list[str], out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    large = tmp_path / "large.dcm"
    _with_large_item(large)
    assert run(["sign", str(large), str(out), *key]) == ExitCode.OK
    assert "dcmsign will call this signature corrupted" in capsys.readouterr().err
    assert run(["sign", str(large), str(out), "--item-wise", *key]) == ExitCode.OK
    said = capsys.readouterr()
    assert "items were signed apart" in said.out
    assert "not fully signed" in said.err
    assert sealgate.verify(out, pki.certificate_path).outcome is not Outcome.VALID


def _with_large_item(path: Path) -> None:
    """A plan with a nested sequence that is longer than the buffer of dcmsign, which loses the rest of it."""
    ds = pydicom.dcmread(PLAN)
    for _ in range(40):
        point = Dataset()
        point.ReferencedDoseReferenceSequence = []
        point.PatientSetupLabel = "x" * 16
        point.TextString = "y" * 1000
        ds.BeamSequence[0].ControlPointSequence.append(point)
    ds.save_as(path)


def _with_private_elements(path: Path) -> None:
    """A plan with a private element that no dictionary knows: implicit VR loses its VR."""
    ds = pydicom.dcmread(PLAN)
    ds.private_block(0x0011, "SEALGATE TESTS", create=True).add_new(1, "LO", "private")
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.save_as(path)
