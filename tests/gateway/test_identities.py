"""Keys that the gateway signs with: in one file with the certificate, on a token; and what it signs by."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pydicom
import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

import sealgate
from sealgate.node.dimse import Status
from sealgate.verification.report import Outcome
from support import samples, softhsm
from support.gateway import gateway, write_configuration
from support.gateway import sealgate as command
from support.instances import Instance, ct_slice, data_set_of, send
from support.peers import dcmsign
from support.pki import Authority, Credential

INSTANCES = 12


@pytest.fixture
def password_file(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text(f"{softhsm.PIN}\n", encoding="utf-8")
    return path


def as_pkcs12(credential: Credential, path: Path) -> Path:
    secret = BestAvailableEncryption(softhsm.PIN.encode())
    path.write_bytes(
        pkcs12.serialize_key_and_certificates(b"signer", credential.key, credential.certificate, None, secret)
    )
    return path


def signs(identity: dict[str, Any], **source: Any) -> dict[str, Any]:
    return {
        "identity": [{"name": "signer", **identity}],
        "source": [{"name": "any", "action": "sign", "identity": "signer", **source}],
    }


def delivered(folder: Path, tables: dict[str, Any], chosen: Sequence[Instance]) -> list[Path]:
    with gateway(folder, tables=tables) as running:
        assert {answer.status for answer in send(running.port, chosen)} == {Status.SUCCESS}
        running.wait_until_delivered()
    return sorted((folder / "received").iterdir())


def test_a_key_in_pkcs12_signs_and_its_profile_and_purpose_are_kept(
    tmp_path: Path, pki: Authority, password_file: Path
) -> None:
    path = as_pkcs12(pki.issue("signer", "rsa2048"), tmp_path / "signer.p12")
    identity = {"pkcs12": path, "password_file": password_file}
    content = samples.sample("CT_small.dcm").read_bytes()
    uid = str(pydicom.dcmread(samples.sample("CT_small.dcm")).SOPInstanceUID)
    image = Instance(sop_instance_uid=uid, data_set=data_set_of(content))
    (file,) = delivered(tmp_path, signs(identity, profile="creator", purpose=14), [image])
    (signature,) = sealgate.verify(file, pki.certificate_path, profile="creator").signatures
    assert signature.outcome is Outcome.VALID, signature.reasons
    assert signature.purpose is not None
    assert signature.purpose.code_value == "14"
    assert dcmsign("--verify", "+rc", "+cf", pki.certificate_path, file).exit_code == 0


@pytest.mark.peer
@pytest.mark.parametrize("kind", ["rsa2048", "p256"])
def test_a_key_on_a_token_signs_instance_after_instance(
    kind: str, tmp_path: Path, pki: Authority, password_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    credential = pki.issue("token", kind)
    softhsm.new_token(tmp_path / "softhsm", monkeypatch)
    softhsm.put_key(credential, "signer")
    identity = {
        "pkcs11": softhsm.uri("signer"),
        "certificate": credential.certificate_path,
        "password_file": password_file,
    }
    files = delivered(tmp_path, signs(identity), [ct_slice(number) for number in range(1, INSTANCES + 1)])
    assert len(files) == INSTANCES
    assert {sealgate.verify(file, pki.certificate_path).outcome for file in files} == {Outcome.VALID}


@pytest.mark.parametrize(
    ("identity", "source", "complaint"),
    [
        ({"key": "a.key"}, {}, "identity.1: key needs its certificate"),
        ({"key": "a.key", "certificate": "a.pem", "pkcs12": "a.p12"}, {}, "identity.1: needs one of key"),
        ({"pkcs11": "pkcs11:token=x"}, {}, "identity 'signer': the pkcs11: URI has no module-path"),
        ({"pkcs12": "a.p12"}, {"purpose": 19}, "source.1.purpose"),
        ({"pkcs12": "a.p12"}, {"action": "pass", "profile": "base"}, "takes neither profile nor purpose"),
    ],
)
def test_an_identity_that_does_not_fit_is_named_at_the_start(
    identity: dict[str, Any], source: dict[str, Any], complaint: str, tmp_path: Path
) -> None:
    done = command("serve", "--config", write_configuration(tmp_path, signs(identity, **source)))
    assert done.exit_code == 2, done.err
    assert complaint in done.err


def test_a_wrong_password_of_pkcs12_is_named_at_the_start_and_not_shown(tmp_path: Path, pki: Authority) -> None:
    path = as_pkcs12(pki.issue("signer"), tmp_path / "signer.p12")
    (tmp_path / "wrong").write_text("4711\n", encoding="utf-8")
    tables = signs({"pkcs12": path, "password_file": tmp_path / "wrong"})
    done = command("serve", "--config", write_configuration(tmp_path, tables))
    assert done.exit_code == 22, done.err
    assert "signer.p12" in done.err
    assert "4711" not in done.err
