"""What the register knows since long is judged as of then: a certificate that ran out since does not matter."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sealgate.node.config import checked
from sealgate.node.dimse import Status, StoreRequest
from sealgate.node.operations import Operations, open_database
from sealgate.node.peer import Peer
from sealgate.node.pipeline import Intake, Pipeline
from sealgate.node.sources import open_sources
from sealgate.spool.payload import PayloadStore
from support.instances import Instance, signed_slice
from support.pki import Authority
from support.ports import LOOPBACK

NOW = datetime.now(UTC)
LATER = NOW + timedelta(days=3 * 365)
"""The certificates of the test authority have run out by then."""


def store(pipeline: Pipeline, instance: Instance, calling: str) -> int:
    """Status of a C-STORE of `instance` by `calling`."""
    request = StoreRequest(
        message_id=1,
        sop_class_uid=instance.sop_class_uid,
        sop_instance_uid=instance.sop_instance_uid,
        transfer_syntax_uid=instance.transfer_syntax_uid,
        peer=Peer(
            calling_ae_title=calling,
            called_ae_title="SEALGATE",
            address=LOOPBACK,
            port=1,
            certificate=None,
            listener="plain",
        ),
    )
    reception = pipeline.begin(request)
    reception.write(memoryview(instance.data_set))
    return reception.finish().status


@pytest.mark.parametrize(
    ("seen_before", "verdict", "reasons"), [(True, "accept", []), (False, "hold", ["certificate-expired"])]
)
def test_a_signature_is_judged_as_of_the_first_receipt_of_its_bytes(
    seen_before: bool, verdict: str, reasons: list[str], tmp_path: Path, pki: Authority
) -> None:
    moment = NOW
    configuration = checked(
        {
            "trust": {"anchors": [pki.certificate_path]},
            "listener": [{"name": "plain", "port": 0}],
            "source": [
                {"name": "modality", "calling_ae_titles": ["CT"], "action": "pass"},
                {"name": "archive", "calling_ae_titles": ["ARCHIVE"], "action": "verify"},
            ],
            "destination": [{"name": "folder", "directory": tmp_path / "received"}],
        },
        name="test",
        folder=tmp_path,
    )
    instance = signed_slice(1, pki.issue("signer"))
    with open_database(tmp_path / "data") as database, PayloadStore(tmp_path / "data") as payloads:
        pipeline = Pipeline(
            Intake(
                sources=open_sources(configuration),
                store=payloads,
                database=database,
                min_free_bytes=0,
                called_ae_title=None,
                clock=lambda: moment,
                new_uid=lambda: "1.2.3",
                queued=lambda _: None,
            )
        )
        if seen_before:
            assert store(pipeline, instance, "CT") == Status.SUCCESS
        moment = LATER
        assert store(pipeline, instance, "ARCHIVE") == Status.SUCCESS
        records = Operations(database).call("audit_list", {})
    assert isinstance(records, list)
    newest = records[0]
    assert (newest["source"], newest["verdict"]) == ("archive", verdict)
    assert [reason for reason in newest["reasons"] if reason != "indeterminate"] == reasons
