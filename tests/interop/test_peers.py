"""The peers of all other interoperability tests start, answer and stop."""

from __future__ import annotations

from pathlib import Path

from support import peers
from support.pki import Authority
from support.ports import is_listening


def test_storescp_keeps_what_storescu_sends_and_is_gone_afterwards(tmp_path: Path, sample: Path) -> None:
    with peers.storescp(tmp_path / "in", "+B", "+xa") as scp:
        assert peers.echoscu(scp.port).exit_code == 0
        outcome = peers.storescu(scp.port, [sample], "-xe")
        assert outcome.exit_code == 0, outcome.text
        assert len(scp.received()) == 1
    assert not is_listening(scp.port)


def test_storescp_speaks_tls_with_certificates_of_the_authority(tmp_path: Path, pki: Authority, sample: Path) -> None:
    server, client = pki.issue("storescp"), pki.issue("storescu")
    trust = ("+cf", pki.certificate_path)
    with peers.storescp(tmp_path / "in", "+tls", server.key_path, server.certificate_path, *trust) as scp:
        outcome = peers.storescu(scp.port, [sample], "+tls", client.key_path, client.certificate_path, *trust)
        assert outcome.exit_code == 0, outcome.text
        assert peers.storescu(scp.port, [sample]).exit_code != 0


def test_orthanc_gives_back_what_dcmsend_sends(tmp_path: Path, sample: Path) -> None:
    with peers.orthanc(tmp_path / "orthanc") as pacs:
        outcome = peers.dcmsend(pacs.port, [sample])
        assert outcome.exit_code == 0, outcome.text
        (instance,) = pacs.instances()
        assert pacs.read(instance)[128:132] == b"DICM"


def test_dcmsign_verifies_its_own_signature_by_a_key_of_each_kind(tmp_path: Path, pki: Authority, sample: Path) -> None:
    for kind in ("rsa2048", "p256", "dsa2048"):
        signer = pki.issue("signer", kind)
        signed = tmp_path / f"{kind}.dcm"
        outcome = peers.dcmsign("--sign", signer.key_path, signer.certificate_path, sample, signed)
        assert outcome.exit_code == 0, outcome.text
        outcome = peers.dcmsign("--verify", "+cf", pki.certificate_path, signed)
        assert outcome.exit_code == 0, outcome.text
