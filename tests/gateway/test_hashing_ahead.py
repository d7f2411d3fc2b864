"""Instances too large for memory are hashed as they arrive; what is signed, kept and told is the same as ever."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from sealgate.node.dimse import Status
from sealgate.spool.blocks import BUFFER_BYTES
from sealgate.verification.report import Outcome
from support.gateway import gateway, identity
from support.instances import ct_slice, data_set_of, outcome_of, send
from support.pki import Authority

SIZES = (BUFFER_BYTES // 2, BUFFER_BYTES - 1000, BUFFER_BYTES + 2, 3 * BUFFER_BYTES, 5 * BUFFER_BYTES + 4098)
"""Of the pixels, in bytes: the first one stays in memory, the second one until its signature is added."""


@pytest.mark.parametrize("action", ["sign", "verify"])
def test_large_instances_are_signed_and_judged_and_their_digests_are_those_of_the_bytes(
    action: str, tmp_path: Path, pki: Authority
) -> None:
    signing = {"identity": "signer"} if action == "sign" else {}
    tables = {
        "identity": [identity(pki.issue("signer"))],
        "source": [{"name": "any", "action": action, "on_unsigned": "forward", **signing}],
        "trust": {"anchors": [pki.certificate_path]},
    }
    instances = [ct_slice(number, pixels=size) for number, size in enumerate(SIZES, 1)]
    with gateway(tmp_path, tables=tables) as running:
        assert [answer.status for answer in send(running.port, instances)] == [Status.SUCCESS] * len(SIZES)
        running.wait_until_delivered()
        records = running.audit()
    for instance, record in zip(instances, records, strict=True):
        delivered = data_set_of((tmp_path / "received" / f"{instance.sop_instance_uid}.dcm").read_bytes())
        assert record["digest_in"] == hashlib.sha256(instance.data_set).hexdigest()
        assert record["digest_out"] == hashlib.sha256(delivered).hexdigest()
        assert outcome_of(delivered, pki) is (Outcome.VALID if action == "sign" else Outcome.UNSIGNED)


def test_a_large_signature_that_arrives_is_verified_and_one_changed_pixel_is_found(
    tmp_path: Path, pki: Authority
) -> None:
    signed_by = {
        "identity": [identity(pki.issue("signer"))],
        "source": [{"name": "any", "action": "sign", "identity": "signer"}],
    }
    instances = [ct_slice(number, pixels=size) for number, size in enumerate(SIZES, 1)]
    with gateway(tmp_path / "signing", tables=signed_by) as running:
        send(running.port, instances)
        running.wait_until_delivered()
    files = [tmp_path / "signing" / "received" / f"{instance.sop_instance_uid}.dcm" for instance in instances]
    contents = [data_set_of(file.read_bytes()) for file in files]
    verified_by = {
        "source": [{"name": "any", "action": "verify"}],
        "trust": {"anchors": [pki.certificate_path]},
    }
    with gateway(tmp_path / "verifying", tables=verified_by) as running:
        for content, instance in zip(contents, instances, strict=True):
            changed = bytearray(content)
            changed[len(instance.data_set) // 2] ^= 1
            for data_set in (content, bytes(changed)):
                assert send(running.port, [replace(instance, data_set=data_set)])[0].status == Status.SUCCESS
        outcomes = [[signature["outcome"] for signature in record["signatures"]] for record in running.audit()]
    assert outcomes == [["valid"], ["invalid"]] * len(SIZES)
