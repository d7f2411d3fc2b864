"""Small instances with UIDs of their own, and a modality that sends them and keeps the answers."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sealgate.dicom.part10 import read_file_meta
from sealgate.node.dimse import StoreResponse
from sealgate.node.outgoing_instance import OutgoingInstance
from sealgate.node.requestor import RemoteNode, Requestor
from sealgate.verification.report import Outcome
from support.elements import EXPLICIT, EXPLICIT_LE_UID, part10
from support.pki import Authority, Credential
from support.ports import LOOPBACK
from support.signing import anchors, signed, verified

CT_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.2"
UID_ROOT = "1.2.826.0.1.3680043.10.1.7"
TAMPERED, UNTAMPERED = b"AFTERWARDS", b"BEFOREHAND"


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """What a C-STORE carries."""

    sop_instance_uid: str
    data_set: bytes = field(repr=False)
    sop_class_uid: str = CT_IMAGE_STORAGE
    transfer_syntax_uid: str = EXPLICIT_LE_UID

    def outgoing(self) -> OutgoingInstance:
        """The same for a requestor."""
        return OutgoingInstance(
            sop_class_uid=self.sop_class_uid,
            sop_instance_uid=self.sop_instance_uid,
            transfer_syntax_uid=self.transfer_syntax_uid,
            size=len(self.data_set),
            chunks=[self.data_set],
        )


def uid(number: int) -> str:
    """The SOP Instance UID of instance `number`."""
    return f"{UID_ROOT}.{number}"


def identification(number: int) -> bytes:
    """SOP Class UID and SOP Instance UID of instance `number`, as elements."""
    sop_instance_uid = uid(number).encode()
    return EXPLICIT.element(0x00080016, "UI", CT_IMAGE_STORAGE.encode() + b"\0") + EXPLICIT.element(
        0x00080018, "UI", sop_instance_uid + b"\0" * (len(sop_instance_uid) % 2)
    )


def ct_slice(number: int, *, pixels: int = 1000, description: bytes = UNTAMPERED) -> Instance:
    """An unsigned CT slice in explicit VR little endian; its `pixels` bytes of Pixel Data follow from `number`."""
    pixel_data = (number.to_bytes(4, "little") * (pixels // 4 + 1))[:pixels]
    return Instance(
        sop_instance_uid=uid(number),
        data_set=b"".join(
            (
                identification(number),
                EXPLICIT.element(0x00081030, "LO", description),
                EXPLICIT.element(0x00280010, "US", EXPLICIT.words(1)),
                EXPLICIT.element(0x7FE00010, "OW", pixel_data),
            )
        ),
    )


def signed_slice(number: int, credential: Credential, *, tampered: bool = False) -> Instance:
    """A CT slice that was signed just now; `tampered` changes a signed element afterwards."""
    slice_ = ct_slice(number)
    data_set = signed(slice_.data_set, credential, at=datetime.now(UTC), uid=f"{uid(number)}.1").data_set
    if tampered:
        data_set = data_set.replace(UNTAMPERED, TAMPERED)
    return Instance(sop_instance_uid=slice_.sop_instance_uid, data_set=data_set)


def data_set_of(file: bytes) -> bytes:
    """The data set of a Part 10 file."""
    return file[read_file_meta(file).data_set_start :]


def outcome_of(data_set: bytes, *trusted: Authority) -> Outcome:
    """What the verification of a data set in explicit VR little endian says now."""
    return verified(part10(data_set), anchors(*trusted), at=datetime.now(UTC)).outcome


def send(
    port: int,
    instances: Iterable[Instance],
    *,
    calling: str = "MODALITY",
    called: str = "SEALGATE",
    tls: ssl.SSLContext | None = None,
) -> list[StoreResponse]:
    """Send `instances` by one association, each after the answer to the one before; the answers in order."""
    chosen: Sequence[Instance] = list(instances)
    contexts = [(instance.sop_class_uid, instance.transfer_syntax_uid) for instance in chosen]
    remote = RemoteNode(host=LOOPBACK, port=port, calling_ae_title=calling, called_ae_title=called, tls=tls)
    with Requestor(remote, contexts) as requestor:
        return [requestor.store(instance.outgoing()) for instance in chosen]
