"""The peak memory of a gateway through which an instance passes that is many times larger."""

from __future__ import annotations

import re
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sealgate.dicom.part10 import read_file_meta
from sealgate.node.dimse import Status
from sealgate.node.outgoing_instance import OutgoingInstance
from sealgate.node.requestor import RemoteNode, Requestor
from support.elements import EXPLICIT, EXPLICIT_LE_UID, JPEG_UID, UNDEFINED, part10
from support.gateway import Gateway, gateway, identity, sealgate
from support.instances import CT_IMAGE_STORAGE, identification, uid
from support.pki import Authority, Credential
from support.ports import LOOPBACK

MAX_PEAK_MB = 150
MAX_SECONDS = 40.0
GIB = 1 << 30
BLOCK = bytes(1 << 20)
FRAGMENT = bytes(64 << 10)
FRAGMENTS = 8192
"""Half a GiB."""
_PEAK = re.compile(r"VmHWM:\s+(\d+) kB")

pytestmark = pytest.mark.slow


def peak_mb(pid: int) -> float:
    """Peak resident memory of a process, mapped pages included."""
    match = _PEAK.search(Path(f"/proc/{pid}/status").read_text())
    assert match is not None
    return int(match[1]) / 1024


def tables(signer: Credential, pki: Authority, action: str) -> dict[str, Any]:
    return {
        "identity": [identity(signer)],
        "source": [{"name": "any", "action": action, "identity": "signer"}],
        "trust": {"anchors": [pki.certificate_path]},
    }


def remove(*folders: Path) -> None:
    """Remove large files at once; pytest would keep those of several runs."""
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file():
                path.unlink()


def store(running: Gateway, instance: OutgoingInstance) -> None:
    """Send one instance and wait until it has been delivered; the answer must be Success."""
    pair = (instance.sop_class_uid, instance.transfer_syntax_uid)
    with Requestor(RemoteNode(host=LOOPBACK, port=running.port), [pair]) as requestor:
        assert requestor.store(instance).status == Status.SUCCESS
    running.wait_until_delivered()


def large_instance() -> OutgoingInstance:
    """A GiB of Pixel Data in explicit VR little endian, which nobody holds in memory."""
    header = identification(1) + EXPLICIT.header(0x7FE00010, "OW", GIB)

    def chunks() -> Iterator[bytes]:
        yield header
        for _ in range(GIB // len(BLOCK)):
            yield BLOCK

    return OutgoingInstance(
        sop_class_uid=CT_IMAGE_STORAGE,
        sop_instance_uid=uid(1),
        transfer_syntax_uid=EXPLICIT_LE_UID,
        size=len(header) + GIB,
        chunks=chunks(),
    )


def test_a_gib_is_signed_and_delivered_in_bounded_memory_and_time(tmp_path: Path, pki: Authority) -> None:
    signer = pki.issue("signer")
    try:
        with gateway(tmp_path, tables=tables(signer, pki, "sign")) as running:
            started = time.monotonic()
            store(running, large_instance())
            took = time.monotonic() - started
            peak = peak_mb(running.pid)
            (record,) = running.audit()
        assert record["verdict"] == "accept", record["reasons"]
        (path,) = (tmp_path / "received").iterdir()
        assert path.stat().st_size > GIB
        assert [signature["made_here"] for signature in record["signatures"]] == [True]
        verified = sealgate("verify", "--ca", pki.certificate_path, path)
        assert verified.exit_code == 0, verified.out + verified.err
    finally:
        remove(tmp_path)
    assert peak < MAX_PEAK_MB
    assert took < MAX_SECONDS


def write_encapsulated(path: Path) -> None:
    """A Part 10 file with FRAGMENTS fragments of pixel data."""
    item = EXPLICIT.delimiter(0xFFFEE000, len(FRAGMENT)) + FRAGMENT
    with path.open("wb") as file:
        file.write(part10(identification(1) + EXPLICIT.header(0x7FE00010, "OB", UNDEFINED), JPEG_UID))
        file.write(EXPLICIT.delimiter(0xFFFEE000))
        for number in range(FRAGMENTS):
            file.write(item[:-4] + struct.pack("<L", number))
        file.write(EXPLICIT.delimiter(0xFFFEE0DD))


def instance_in(path: Path) -> OutgoingInstance:
    """The data set of a Part 10 file, read as it is sent."""
    with path.open("rb") as file:
        meta = read_file_meta(file.read(1 << 16))
    size = path.stat().st_size - meta.data_set_start

    def chunks() -> Iterator[bytes]:
        with path.open("rb") as file:
            file.seek(meta.data_set_start)
            while chunk := file.read(len(BLOCK)):
                yield chunk

    return OutgoingInstance(
        sop_class_uid=CT_IMAGE_STORAGE,
        sop_instance_uid=uid(1),
        transfer_syntax_uid=meta.transfer_syntax_uid,
        size=size,
        chunks=chunks(),
    )


def test_many_fragments_are_verified_signed_and_delivered_in_bounded_memory(tmp_path: Path, pki: Authority) -> None:
    signer = pki.issue("signer")
    plain, signed = tmp_path / "plain.dcm", tmp_path / "signed.dcm"
    try:
        write_encapsulated(plain)
        done = sealgate("sign", plain, signed, "--key", signer.key_path, "--cert", signer.certificate_path)
        assert done.exit_code == 0, done.err
        with gateway(tmp_path, tables=tables(signer, pki, "verify-and-sign")) as running:
            store(running, instance_in(signed))
            peak = peak_mb(running.pid)
            (record,) = running.audit()
        assert record["verdict"] == "accept", record["reasons"]
        (path,) = (tmp_path / "received").iterdir()
        assert path.stat().st_size > signed.stat().st_size
        assert [signature["outcome"] for signature in record["signatures"]] == ["valid", "valid"]
    finally:
        remove(tmp_path)
    assert peak < MAX_PEAK_MB
