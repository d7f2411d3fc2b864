"""Instances too large for memory are hashed as they arrive; what is signed, kept and told is the same as ever."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sealgate.node.dimse import Status
from sealgate.node.limits import RequestorLimits
from sealgate.node.requestor import RemoteNode, Requestor
from sealgate.spool.blocks import BUFFER_BYTES
from sealgate.verification.report import Outcome
from support.gateway import gateway, identity
from support.instances import Instance, ct_slice, data_set_of, outcome_of, send
from support.pki import Authority
from support.ports import LOOPBACK

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


PIXEL_BYTES = 3 * BUFFER_BYTES
SHORT_FRAGMENTS = RequestorLimits(max_pdu_bytes=100_006)
"""Fragments of 100,000 bytes, of which one reaches from the first buffer far into the second."""


def sent_in_short_fragments(port: int, instance: Instance) -> int:
    contexts = [(instance.sop_class_uid, instance.transfer_syntax_uid)]
    with Requestor(RemoteNode(host=LOOPBACK, port=port), contexts, SHORT_FRAGMENTS) as requestor:
        return requestor.store(instance.outgoing()).status


def with_its_beginning_again(data_set: bytes, beginning: bytes) -> bytearray:
    """`data_set` with `beginning` where the first buffer has been full, as if the instance began anew there."""
    changed = bytearray(data_set)
    changed[BUFFER_BYTES : BUFFER_BYTES + len(beginning)] = beginning
    return changed


def signed_by_a_gateway(folder: Path, pki: Authority, instance: Instance) -> tuple[bytes, dict[str, Any]]:
    """The data set that a signing gateway delivers, and its record."""
    tables = {
        "identity": [identity(pki.issue("signer"))],
        "source": [{"name": "any", "action": "sign", "identity": "signer"}],
    }
    with gateway(folder, tables=tables) as running:
        assert sent_in_short_fragments(running.port, instance) == Status.SUCCESS
        running.wait_until_delivered()
        (record,) = running.audit()
    (file,) = (folder / "received").iterdir()
    return data_set_of(file.read_bytes()), record


def test_what_is_hashed_ahead_is_what_came_however_it_is_cut(tmp_path: Path, pki: Authority) -> None:
    plain = ct_slice(1, pixels=PIXEL_BYTES)
    beginning = plain.data_set[:-PIXEL_BYTES]
    content = with_its_beginning_again(plain.data_set, beginning)
    content[BUFFER_BYTES + len(beginning) : BUFFER_BYTES + 40_000] = b"\x22" * (40_000 - len(beginning))
    delivered, record = signed_by_a_gateway(tmp_path, pki, replace(plain, data_set=bytes(content)))
    assert record["digest_out"] == hashlib.sha256(delivered).hexdigest()
    assert outcome_of(delivered, pki) is Outcome.VALID


def test_a_forged_beginning_behind_the_first_buffer_is_not_taken_for_the_beginning(
    tmp_path: Path, pki: Authority
) -> None:
    plain = ct_slice(1, pixels=PIXEL_BYTES)
    first, _ = signed_by_a_gateway(tmp_path / "first", pki, plain)
    beginning = first[: first.index(b"\xe0\x7f\x10\0OW\0\0") + 12]
    pixels = bytearray(plain.data_set[-PIXEL_BYTES:])
    at = BUFFER_BYTES - len(beginning)
    pixels[at : at + len(beginning)] = beginning
    content = replace(plain, data_set=plain.data_set[:-PIXEL_BYTES] + bytes(pixels))
    good, _ = signed_by_a_gateway(tmp_path / "second", pki, content)
    forged = bytearray(good)
    forged[len(beginning) : len(beginning) + 50_000] = b"\x44" * 50_000
    verifying = {"source": [{"name": "any", "action": "verify"}], "trust": {"anchors": [pki.certificate_path]}}
    with gateway(tmp_path / "verifying", tables=verifying) as running:
        for data_set in (good, bytes(forged)):
            assert sent_in_short_fragments(running.port, replace(plain, data_set=data_set)) == Status.SUCCESS
        outcomes = [[signature["outcome"] for signature in record["signatures"]] for record in running.audit()]
    assert outcomes == [["valid"], ["invalid"]]
