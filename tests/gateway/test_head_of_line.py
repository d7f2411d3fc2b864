"""An instance over which a destination breaks does not keep the others from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from sealgate.node.dimse import Status
from support import peers, storage_files
from support.gateway import gateway
from support.instances import Instance, ct_slice, send
from support.ports import LOOPBACK
from support.waiting import wait_until


def cut_off_plan() -> Instance:
    """A sample that was cut to an odd length; DCMTK aborts the association over a fragment of odd length."""
    (file,) = (file for file in storage_files.storage_samples() if file.name == "rtplan_truncated.dcm")
    assert len(file.data_set) % 2
    return Instance(
        sop_instance_uid=file.sop_instance_uid,
        data_set=file.data_set,
        sop_class_uid=file.sop_class_uid,
        transfer_syntax_uid=file.transfer_syntax_uid,
    )


@pytest.mark.peer
def test_the_others_arrive_in_their_order_while_one_is_tried_again_and_again(tmp_path: Path) -> None:
    broken = cut_off_plan()
    others = [ct_slice(number) for number in range(1, 21)]
    with peers.storescp(tmp_path / "node", "+B", "-v", ae_title="PACS") as pacs:
        destination = {"name": "node", "ae_title": "PACS", "host": LOOPBACK, "port": pacs.port}
        tables = {
            "source": [{"name": "any", "action": "pass", "on_unreadable": "forward"}],
            "destination": [{**destination, "retry_first_seconds": 0.05, "retry_max_seconds": 0.2}],
        }
        with gateway(tmp_path, tables=tables) as running:
            for response in send(running.port, [broken, *others]):
                assert response.status == Status.SUCCESS
            wait_until(lambda: len(running.unfinished()) == 1, "the deliveries of all others")
            wait_until(lambda: running.unfinished()[0]["attempts"] > 4, "further attempts with the broken one")
            (waiting,) = running.unfinished()
            records = {record["sop_instance_uid"]: record for record in running.audit()}
    assert waiting["sop_instance_uid"] == broken.sop_instance_uid
    assert "the peer aborted the association" in waiting["last_error"]
    assert len(pacs.received()) == len(others)
    made = [records[other.sop_instance_uid]["deliveries"] for other in others]
    assert [[delivery["outcome"] for delivery in deliveries] for deliveries in made] == [["done"]] * len(others)
    assert sorted(made, key=lambda deliveries: int(deliveries[0]["id"])) == made
