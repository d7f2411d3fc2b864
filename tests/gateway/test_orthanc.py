"""Orthanc as the PACS: what it takes is valid there, and what it refuses stays in the queue with the reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from support import peers, storage_files
from support.gateway import Gateway, gateway, identity, sealgate
from support.peers import Orthanc
from support.pki import Authority
from support.ports import LOOPBACK
from support.storage_files import Part10

pytestmark = pytest.mark.peer

COLOR_PALETTE_STORAGE = "1.2.840.10008.5.1.4.39.1"
NO_CONTEXT, CANNOT_UNDERSTAND, NO_STUDY = None, 0xC000, 0xA700
REFUSED = {
    **{
        file.name: NO_CONTEXT for file in storage_files.storage_samples() if file.sop_class_uid == COLOR_PALETTE_STORAGE
    },
    # Neither SOP class nor instance in the data set.
    "UN_sequence.dcm": CANNOT_UNDERSTAND,
    "chrSQEncoding.dcm": CANNOT_UNDERSTAND,
    "chrSQEncoding1.dcm": CANNOT_UNDERSTAND,
    "no_meta_group_length.dcm": CANNOT_UNDERSTAND,
    "priv_SQ.dcm": CANNOT_UNDERSTAND,
    "rtdose_rle.dcm": CANNOT_UNDERSTAND,
    "rtdose_rle_1frame.dcm": CANNOT_UNDERSTAND,
    # No Patient ID, Study or Series Instance UID; Orthanc calls that a lack of resources.
    "JPEGLSNearLossless_08.dcm": NO_STUDY,
    "JPEGLSNearLossless_16.dcm": NO_STUDY,
    "SC_rgb_jls_lossy_line.dcm": NO_STUDY,
    "SC_rgb_jls_lossy_sample.dcm": NO_STUDY,
}
"""Samples that Orthanc does not take, and its status; None where no presentation context was accepted."""

LEFT_OUT = storage_files.UNREADABLE | storage_files.UNSIGNABLE

NEAR_LOSSLESS_JPEG_LS = "1.2.840.10008.1.2.4.81"
"""The only transfer syntax of the samples of which Orthanc takes none; see NO_STUDY."""


def lay_out_one_of_each(folder: Path) -> list[Part10]:
    """Every sample that can be signed; those that have their UID in common get one of their own.

    Orthanc would keep only the first of them.
    """
    wanted = [file for file in storage_files.storage_samples() if file.name not in LEFT_OUT]
    found: dict[str, Part10] = {}
    for number, file in enumerate(storage_files.lay_out(folder, wanted)):
        own = file if file.sop_instance_uid not in found else _with_another_uid(file, number)
        found[own.sop_instance_uid] = own
    return list(found.values())


def _with_another_uid(file: Part10, number: int) -> Part10:
    """The file with another SOP Instance UID of the same length wherever it stands."""
    uid = file.sop_instance_uid
    content = file.path.read_bytes().replace(uid.encode(), f"{uid[:-4]}{9000 + number}".encode())
    file.path.unlink()  # it may be a link to the sample itself
    file.path.write_bytes(content)
    changed = storage_files.read_part10(file.path)
    assert changed is not None
    return changed


def tables(folder: Path, orthanc: Orthanc) -> dict[str, Any]:
    """A gateway that signs and forwards, and gives up soon."""
    pacs = {"name": "pacs", "ae_title": orthanc.ae_title, "host": LOOPBACK, "port": orthanc.port}
    return {
        "source": [{"name": "any", "action": "sign", "identity": "signer"}],
        "destination": [{**pacs, "retry_first_seconds": 0.1, "retry_max_age_hours": 0.5 / 3600}],
    }


def test_orthanc_has_all_that_it_took_with_valid_signatures(tmp_path: Path, pki: Authority) -> None:
    signer = pki.issue("signer", "rsa2048")
    sent = lay_out_one_of_each(tmp_path / "sent")
    with peers.orthanc(tmp_path / "orthanc") as orthanc:
        settings = {**tables(tmp_path, orthanc), "identity": [identity(signer)]}
        with gateway(tmp_path / "gateway", tables=settings) as running:
            done = sealgate("send", LOOPBACK, running.port, tmp_path / "sent")
            assert done.exit_code == 0, done.err
            running.wait_until_delivered()
            records, unfinished = running.audit(), running.unfinished()
            check_that_a_dead_delivery_is_made_again_when_a_person_asks(running, unfinished[0])
        kept = read_back(orthanc, tmp_path / "read")

    names = {file.sop_instance_uid: file.name for file in sent}
    statuses = {names[record["sop_instance_uid"]]: last_delivery(record) for record in records}
    assert len(records) == len(sent)
    assert {name: status for name, (outcome, status) in statuses.items() if outcome != "done"} == {
        name: status for name, status in REFUSED.items() if name in names.values()
    }
    assert {(names[entry["sop_instance_uid"]], entry["state"]) for entry in unfinished} == {
        (name, "dead") for name, (outcome, _) in statuses.items() if outcome != "done"
    }
    assert {names[uid] for uid in kept} == {name for name, (outcome, _) in statuses.items() if outcome == "done"}
    check_signatures(sent, kept, pki.certificate_path)


def check_that_a_dead_delivery_is_made_again_when_a_person_asks(running: Gateway, dead: dict[str, Any]) -> None:
    retried = sealgate("queue", "retry", dead["job_id"], "--data-dir", running.data_dir, "--by", "tester")
    assert retried.exit_code == 0, retried.err
    running.wait_until_delivered()
    (record,) = running.ask("audit_list", sop_instance_uid=dead["sop_instance_uid"])
    (action,) = running.ask("audit_actions")
    assert [delivery["outcome"] for delivery in record["deliveries"]][-2:] == ["dead", "dead"]
    assert (action["operator"], action["action"], action["job_id"]) == ("tester", "retry", dead["job_id"])


def last_delivery(record: dict[str, Any]) -> tuple[str, int | None]:
    """Outcome and status of the last attempt to deliver an instance."""
    delivery = record["deliveries"][-1]
    return delivery["outcome"], delivery["status"]


def read_back(orthanc: Orthanc, folder: Path) -> dict[str, Part10]:
    """What Orthanc has, by SOP Instance UID."""
    folder.mkdir()
    kept: dict[str, Part10] = {}
    for instance in orthanc.instances():
        path = folder / f"{instance}.dcm"
        path.write_bytes(orthanc.read(instance))
        file = storage_files.read_part10(path)
        assert file is not None
        kept[file.sop_instance_uid] = file
    return kept


def check_signatures(sent: list[Part10], kept: dict[str, Part10], anchor: Path) -> None:
    """Orthanc keeps every transfer syntax, so dcmsign and we find every signature valid."""
    syntaxes = set()
    for file in sent:
        there = kept.get(file.sop_instance_uid)
        if there is None:
            continue
        assert there.transfer_syntax_uid == file.transfer_syntax_uid, file.name
        syntaxes.add(there.transfer_syntax_uid)
        outcome = peers.dcmsign("--verify", "+cf", anchor, there.path)
        assert outcome.exit_code == 0, f"{file.name}: {outcome.text}"
    assert syntaxes == {file.transfer_syntax_uid for file in sent} - {NEAR_LOSSLESS_JPEG_LS}
    verified = sealgate("verify", "--ca", anchor, next(iter(kept.values())).path.parent)
    assert verified.exit_code == 0, verified.out
