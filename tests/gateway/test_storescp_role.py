"""`sealgate serve` in one line does what a well-known article on DCMTK and TLS does with storescp, step by step."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from support import peers, samples, storage_files
from support.gateway import Gateway, gateway, sealgate
from support.pki import Authority
from support.ports import LOOPBACK

pytestmark = pytest.mark.peer


@dataclass(frozen=True, slots=True, kw_only=True)
class Playground:
    """The folders of the article: images, pacs, and later myca."""

    root: Path

    @property
    def image(self) -> Path:
        return self.root / "images" / "IM000001"

    @property
    def pacs(self) -> Path:
        return self.root / "pacs"

    @property
    def ca(self) -> Path:
        return self.root / "myca"

    def received(self) -> Path:
        """The one file in the folder pacs."""
        (path,) = self.pacs.iterdir()
        return path

    def serve(self, *options: object) -> tuple[object, ...]:
        """The options that replace those of the article's storescp."""
        return ("--ae-title", "PACS", "--output-dir", self.pacs, *options)


@pytest.fixture
def playground(tmp_path: Path, sample: Path) -> Playground:
    root = tmp_path / "playground"
    (root / "images").mkdir(parents=True)
    shutil.copy(sample, root / "images" / "IM000001")
    (root / "pacs").mkdir()
    return Playground(root=root)


def make_certificates(folder: Path, *names: str) -> None:
    """`ca new` and `ca issue` in place of `dcmtk_ca.pl newca` and `mkcert`."""
    made = sealgate("ca", "new", folder, "--key", "p256")
    assert made.exit_code == 0, made.err
    for name in names:
        issued = sealgate("ca", "issue", folder, name, "--key", "rsa2048")
        assert issued.exit_code == 0, issued.err


def store(playground: Playground, port: int, *options: object) -> peers.Outcome:
    """The article's storescu line."""
    return peers.run("storescu", *options, "localhost", port, playground.image)


def as_storescp_has_it(playground: Playground, folder: Path) -> bytes:
    """The data set that Debian's storescp writes for the same storescu line."""
    with peers.storescp(folder, "+B", "+xa", "-dhl", "-uf", ae_title="PACS") as there:
        assert store(playground, there.port).exit_code == 0
        (path,) = there.received()
    file = storage_files.read_part10(path)
    assert file is not None
    return file.data_set


def test_an_image_is_sent_without_tls(tmp_path: Path, playground: Playground) -> None:
    with gateway(tmp_path / "gateway", *playground.serve()) as running:
        assert running.out_path.read_text().splitlines()[0].startswith(f"listening on 127.0.0.1:{running.port} ")
        sent = store(playground, running.port)
        assert sent.exit_code == 0, sent.text
        running.wait_until_delivered()
    received = storage_files.read_part10(playground.received())
    assert received is not None
    assert received.path.name == f"{received.sop_instance_uid}.dcm"
    assert received.data_set == as_storescp_has_it(playground, tmp_path / "storescp")


def test_an_image_is_sent_with_tls_and_certificates_of_our_own_authority(
    tmp_path: Path, playground: Playground
) -> None:
    make_certificates(playground.ca, "cert1", "cert2")
    ca = playground.ca / "ca.pem"
    server = ("--tls", playground.ca / "cert1.key", playground.ca / "cert1.pem", "--client-ca", ca)
    with gateway(tmp_path / "gateway", *playground.serve(*server)) as running:
        client = ("+tls", playground.ca / "cert2.key", playground.ca / "cert2.pem", "--add-cert-file", ca)
        sent = store(playground, running.port, *client)
        assert sent.exit_code == 0, sent.text
        running.wait_until_delivered()
    assert playground.received().is_file()


def test_server_and_client_may_have_certificates_of_different_authorities(
    tmp_path: Path, playground: Playground
) -> None:
    make_certificates(playground.ca, "cert2")
    other = playground.root / "otherca"
    make_certificates(other, "server")
    server = ("--tls", other / "server.key", other / "server.pem", "--client-ca", playground.ca / "ca.pem")
    with gateway(tmp_path / "gateway", *playground.serve(*server)) as running:
        client = ("+tls", playground.ca / "cert2.key", playground.ca / "cert2.pem", "--add-cert-file")
        refused = store(playground, running.port, *client, playground.ca / "ca.pem")
        assert refused.exit_code != 0
        assert not list(playground.pacs.iterdir())
        sent = store(playground, running.port, *client, other / "ca.pem")
        assert sent.exit_code == 0, sent.text
        running.wait_until_delivered()
    assert playground.received().is_file()


def test_every_called_and_calling_ae_title_is_taken(tmp_path: Path, playground: Playground) -> None:
    with gateway(tmp_path / "gateway", *playground.serve()) as running:
        for called, calling in (("PACS", "MODALITY"), ("ANY-SCP", "X"), ("SOMEBODY ELSE", "CT 1")):
            assert peers.echoscu(running.port, "-aet", calling, called=called).exit_code == 0


def test_forward_sends_on_to_a_node_also_beside_the_folder(tmp_path: Path, playground: Playground) -> None:
    with peers.storescp(tmp_path / "node", "+B", "+xa", ae_title="NODE") as node:
        options = playground.serve("--forward", f"NODE@{LOOPBACK}:{node.port}")
        with gateway(tmp_path / "gateway", *options) as running:
            assert store(playground, running.port).exit_code == 0
            running.wait_until_delivered()
        (forwarded,) = node.received()
    at_node, in_folder = (storage_files.read_part10(path) for path in (forwarded, playground.received()))
    assert at_node is not None
    assert in_folder is not None
    assert at_node.data_set == in_folder.data_set


def test_forward_alone_needs_no_folder(tmp_path: Path, playground: Playground) -> None:
    with peers.storescp(tmp_path / "node", ae_title="NODE") as node:
        with gateway(tmp_path / "gateway", "--forward", f"NODE@{LOOPBACK}:{node.port}") as running:
            assert store(playground, running.port).exit_code == 0
            running.wait_until_delivered()
        assert len(node.received()) == 1


def test_sign_signs_what_comes_with_a_key_from_our_own_authority(tmp_path: Path, playground: Playground) -> None:
    make_certificates(playground.ca, "signer")
    key, certificate = playground.ca / "signer.key", playground.ca / "signer.pem"
    with gateway(tmp_path / "gateway", *playground.serve("--sign", key, certificate)) as running:
        assert store(playground, running.port).exit_code == 0
        running.wait_until_delivered()
    accepted = peers.dcmsign("--verify", "+cf", playground.ca / "ca.pem", playground.received())
    assert accepted.exit_code == 0, accepted.text
    assert sealgate("verify", "--ca", playground.ca / "ca.pem", playground.received()).exit_code == 0


def test_verify_passes_what_is_valid_and_holds_the_rest(tmp_path: Path, playground: Playground, pki: Authority) -> None:
    signer = pki.issue("signer", "p256")
    signed = tmp_path / "signed.dcm"
    keys = ("--key", signer.key_path, "--cert", signer.certificate_path)
    assert sealgate("sign", samples.sample("MR_small.dcm"), signed, *keys).exit_code == 0
    tampered = tmp_path / "tampered.dcm"
    tampered.write_bytes(signed.read_bytes().replace(b"CompressedSamples^MR1", b"CompressedSamples^MR2"))
    with gateway(tmp_path / "gateway", *playground.serve("--verify", "--ca", pki.certificate_path)) as running:
        for path in (signed, tampered, playground.image):
            assert sealgate("send", LOOPBACK, running.port, path).exit_code == 0
        running.wait_until_delivered()
        held = check_that_two_are_held(running)
        assert len(list(playground.pacs.iterdir())) == 1
        released = sealgate("queue", "release", held, "--data-dir", running.data_dir, "--reason", "seen by a person")
        assert released.exit_code == 0, released.err
        running.wait_until_delivered()
    assert len(list(playground.pacs.iterdir())) == 2


def check_that_two_are_held(running: Gateway) -> int:
    """The one that was changed after it was signed and the unsigned one; the identifier of the latter."""
    verdicts = [(record["verdict"], record["reasons"][:1]) for record in running.audit()]
    assert verdicts == [("accept", []), ("hold", ["invalid"]), ("hold", ["unsigned"])]
    entries = running.unfinished()
    assert [entry["state"] for entry in entries] == ["held", "held"]
    instance_id: int = entries[-1]["instance_id"]
    return instance_id
