"""What the engine does with a buffer that its owner uses again: it reads any kind, and keeps no view of it."""

from __future__ import annotations

import gc
import mmap
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from sealgate.dicom.part10 import open_data_set
from sealgate.dicom.scan import scan
from sealgate.dicom.source import Buffer
from sealgate.dicom.transfer_syntax import BY_UID
from sealgate.errors import SealgateError
from sealgate.signature.create import CreatedSignature, SigningOptions, sign
from sealgate.verification.judging import Judging
from sealgate.verification.report import DataSetReport
from sealgate.verification.verify import verify
from support.elements import EXPLICIT, part10
from support.forging import SIGNATURES, body
from support.pki import Authority, Credential
from support.signing import AT, UID, anchors, signed, signer

SYNTAX = BY_UID[EXPLICIT.uid]
INNER = EXPLICIT.sequence(0x00081199, EXPLICIT.item(EXPLICIT.element(0x00081155, "UI", b"1.2 .3")))
CONTENT = body(
    EXPLICIT,
    EXPLICIT.sequence(0x00400275, EXPLICIT.item(INNER)),
    EXPLICIT.element(0x7FE00010, "OW", bytes(5000)),
)
GARBAGE = EXPLICIT.sequence(SIGNATURES, EXPLICIT.item(EXPLICIT.element(0x04000005, "US", b"\0")))


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("pki"), now=AT)


@pytest.fixture(scope="module")
def credential(authority: Authority) -> Credential:
    return authority.issue("signer", "rsa2048")


@pytest.fixture
def without_collector() -> Iterator[None]:
    """No cycle of references is found meanwhile: what is free, is free at once."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def mapped(octets: bytes) -> mmap.mmap:
    mapping = mmap.mmap(-1, len(octets))
    mapping[:] = octets
    return mapping


def made(buffer: Buffer, credential: Credential) -> CreatedSignature:
    data_set = open_data_set(buffer, start=3, syntax=SYNTAX)
    carrier = scan(data_set.source, data_set.encoding)
    return sign(carrier, SYNTAX, signer(credential), SigningOptions(), digital_signature_uid=UID, at=AT)


def judged(buffer: Buffer, authority: Authority) -> DataSetReport:
    data_set = open_data_set(buffer, start=3, syntax=SYNTAX)
    return verify(scan(data_set.source, data_set.encoding), SYNTAX, Judging(store=anchors(authority), now=AT))


BUFFERS: tuple[Callable[[bytes], Buffer], ...] = (
    bytes,
    bytearray,
    memoryview,
    mapped,
    lambda octets: memoryview(mapped(octets)),
    lambda octets: memoryview(bytearray(b"..." + octets))[3:],
)


@pytest.mark.parametrize("buffer", BUFFERS, ids=["bytes", "bytearray", "view", "mapping", "view of mapping", "part"])
def test_every_kind_of_buffer_gives_the_same(
    buffer: Callable[[bytes], Buffer], credential: Credential, authority: Authority
) -> None:
    before, after = b"..." + CONTENT, b"..." + signed(part10(CONTENT), credential).data_set
    assert made(buffer(before), credential) == made(before, credential)
    assert judged(buffer(after), authority) == judged(after, authority)
    assert judged(buffer(after), authority).signatures[0].is_good


@pytest.mark.usefixtures("without_collector")
@pytest.mark.parametrize("content", [CONTENT, CONTENT[:-9], CONTENT + GARBAGE], ids=["whole", "cut", "odd"])
def test_no_view_of_the_buffer_is_kept_by_what_was_made(content: bytes, credential: Credential) -> None:
    mapping = mapped(b"..." + content)
    view = memoryview(mapping)
    created = None
    with suppress(SealgateError):
        created = made(view, credential)
    view.release()
    mapping.close()  # BufferError where a view is left
    assert created is None or created.edits


@pytest.mark.usefixtures("without_collector")
@pytest.mark.parametrize("damage", [0, 9, 5000], ids=["none", "cut", "changed"])
def test_no_view_of_the_buffer_is_kept_by_a_report(damage: int, credential: Credential, authority: Authority) -> None:
    octets = bytearray(b"..." + signed(part10(CONTENT), credential).data_set)
    octets[-damage:] = octets[-damage:][:1] if damage == 9 else octets[-damage:]
    octets[5000 if damage == 5000 else 0] ^= 1
    mapping = mapped(bytes(octets))
    view = memoryview(mapping)
    report = None
    with suppress(SealgateError):
        report = judged(view, authority)
    view.release()
    mapping.close()  # BufferError where a view is left
    assert (report is None) == (damage == 9)
