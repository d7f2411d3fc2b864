"""DCMTK's storescu and dcmsend as modalities: what they send and we accept arrives, and dcmsign calls it valid."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from support import peers, storage_files
from support.gateway import Gateway, gateway, identity, tls
from support.pki import Authority, Credential
from support.storage_files import Part10

pytestmark = pytest.mark.peer

WITHOUT_SOP_CLASS = frozenset(
    "UN_sequence.dcm chrSQEncoding.dcm chrSQEncoding1.dcm no_meta_group_length.dcm priv_SQ.dcm rtdose_rle.dcm"
    " rtdose_rle_1frame.dcm".split()
)
"""Both programs look for SOP class and instance in the data set alone, and these do not have them there."""

NOT_SENT = WITHOUT_SOP_CLASS | storage_files.UNREADABLE
"""Samples that storescu leaves out, and dcmsend with two exceptions."""

SENT_IN_A_WRONG_CONTEXT = frozenset({"rtdose_rle.dcm", "rtdose_rle_1frame.dcm"})
"""dcmsend sends these two with the SOP class of another file than its presentation context is for; we answer A900."""

PROPOSALS = {
    "1.2.840.10008.1.2": "-xi",
    "1.2.840.10008.1.2.1": "-xe",
    "1.2.840.10008.1.2.1.99": "-xd",
    "1.2.840.10008.1.2.2": "-xb",
    "1.2.840.10008.1.2.4.50": "-xy",
    "1.2.840.10008.1.2.4.51": "-xx",
    "1.2.840.10008.1.2.4.70": "-xs",
    "1.2.840.10008.1.2.4.80": "-xt",
    "1.2.840.10008.1.2.4.81": "-xu",
    "1.2.840.10008.1.2.4.90": "-xv",
    "1.2.840.10008.1.2.4.91": "-xw",
    "1.2.840.10008.1.2.5": "-xr",
}
"""The option by which storescu proposes a transfer syntax."""


@pytest.fixture(scope="module")
def signer(pki: Authority) -> Credential:
    return pki.issue("signer", "rsa2048")


@pytest.fixture
def signing(tmp_path: Path, pki: Authority, signer: Credential) -> Iterator[Gateway]:
    """A gateway that signs what comes, plainly and over TLS, and writes it to the folder `received`."""
    tables = {
        "listener": [
            {"name": "plain", "port": 0},
            {"name": "tls", "port": 0, "tls": tls(pki.issue("gateway"), pki.certificate_path)},
        ],
        "identity": [identity(signer)],
        "source": [{"name": "any", "action": "sign", "identity": "signer"}],
    }
    with gateway(tmp_path, tables=tables) as running:
        yield running


def by_storescu(port: int, files: Sequence[Part10]) -> str:
    """Send with storescu, which proposes one transfer syntax at a time; its output."""
    by_syntax: dict[str, list[Path]] = defaultdict(list)
    for file in files:
        by_syntax[file.transfer_syntax_uid].append(file.path)
    texts = []
    for syntax, paths in by_syntax.items():
        outcome = peers.storescu(port, paths, PROPOSALS[syntax], "-R", "-nh", "-v")
        assert outcome.exit_code == 0, outcome.text
        texts.append(outcome.text)
    return "".join(texts)


def by_dcmsend(port: int, files: Sequence[Part10]) -> str:
    """Send with dcmsend, which needs telling to go on after a bad file, to take odd UIDs, and to decode nothing."""
    outcome = peers.dcmsend(port, [file.path for file in files], "-nh", "-nuc", "-dn", "-v")
    assert outcome.exit_code == 0, outcome.text
    return outcome.text


@pytest.mark.parametrize(
    ("send", "refused"),
    [
        pytest.param(by_storescu, frozenset(), id="storescu"),
        pytest.param(by_dcmsend, SENT_IN_A_WRONG_CONTEXT, id="dcmsend"),
    ],
)
def test_all_that_was_accepted_arrives_and_is_valid_for_dcmsign(
    tmp_path: Path,
    signing: Gateway,
    pki: Authority,
    send: Callable[[int, Sequence[Part10]], str],
    refused: frozenset[str],
) -> None:
    files = storage_files.lay_out(tmp_path / "sent", storage_files.storage_samples())
    accepted = [file for file in files if file.name not in NOT_SENT]
    text = send(signing.port, files)
    signing.wait_until_delivered()
    records = signing.audit()

    assert text.count("Response (Success)") == len(accepted)
    assert text.count("Response (Error: DataSetDoesNotMatchSOPClass)") == len(refused)
    assert signing.log.count("instance stored") == len(accepted)
    assert {record["sop_instance_uid"] for record in records} == {file.sop_instance_uid for file in accepted}
    assert {record["verdict"] for record in records} == {"accept"}
    assert signing.unfinished() == []
    received = sorted((tmp_path / "received").iterdir())
    assert len(received) == len(records)
    assert not list(rejected_by_dcmsign(received, pki.certificate_path))


def rejected_by_dcmsign(paths: Sequence[Path], anchor: Path) -> Iterator[str]:
    """What dcmsign says of files that it does not accept."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        for path, outcome in zip(
            paths, pool.map(lambda path: peers.dcmsign("--verify", "+cf", anchor, path), paths), strict=True
        ):
            if outcome.exit_code:
                yield f"{path.name}: {outcome.text}"


def test_storescu_sends_over_tls_with_a_client_certificate(
    tmp_path: Path, signing: Gateway, pki: Authority, sample: Path
) -> None:
    client = pki.issue("modality", purposes=["client"])
    options = ("+tls", client.key_path, client.certificate_path, "+cf", pki.certificate_path)
    outcome = peers.storescu(signing.ports["tls"], [sample], *options)
    assert outcome.exit_code == 0, outcome.text
    signing.wait_until_delivered()
    (received,) = (tmp_path / "received").iterdir()
    assert not list(rejected_by_dcmsign([received], pki.certificate_path))
    (record,) = signing.audit()
    assert record["peer_certificate_sha256"] == storage_files.sha256(client.der)


@pytest.mark.parametrize("certificate", ["none", "foreign"])
def test_storescu_without_a_certificate_of_ours_is_refused(
    tmp_path: Path, signing: Gateway, pki: Authority, sample: Path, certificate: str
) -> None:
    stranger = Authority(tmp_path / "foreign", "Foreign CA").issue("modality")
    shown = ("+tls", stranger.key_path, stranger.certificate_path) if certificate == "foreign" else ("+tla",)
    outcome = peers.storescu(signing.ports["tls"], [sample], *shown, "+cf", pki.certificate_path)
    assert outcome.exit_code != 0
    assert signing.audit() == []
    assert not list((tmp_path / "received").iterdir())
