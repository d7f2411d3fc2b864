"""A storage service that keeps what it gets in memory, and a listener that runs it for the length of a block."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sealgate.node.acceptor import AcceptorOptions
from sealgate.node.admission import Admission
from sealgate.node.dimse import StoreRequest, StoreResponse
from sealgate.node.limits import AdmissionLimits, AssociationLimits
from sealgate.node.listener import Listener, ListenerOptions
from sealgate.node.peer import Peer
from sealgate.node.storage_service import Rejection

STOP_SECONDS = 5.0

SHORT = AssociationLimits(
    tls_handshake_s=0.5,
    artim_s=0.5,
    idle_s=0.5,
    idle_in_message_s=0.5,
    pdu_s=0.5,
    write_s=2.0,
    drain_grace_s=0.2,
)
"""Limits by which a test sees within a second what takes a minute in a hospital."""


def nothing(_: object) -> None:
    """Do nothing, where a test has nothing to say."""


@dataclass(slots=True)
class Service:
    """Keeps data sets by SOP Instance UID, and does what a test tells it to do at each step."""

    rejection: Rejection | None = None
    response: StoreResponse = field(default_factory=lambda: StoreResponse(status=0))
    on_begin: Callable[[StoreRequest], None] = nothing
    on_write: Callable[[memoryview], None] = nothing
    on_finish: Callable[[StoreRequest], None] = nothing
    peers: list[Peer] = field(default_factory=list)
    requests: list[StoreRequest] = field(default_factory=list)
    stored: dict[str, bytes] = field(default_factory=dict)
    discarded: list[str] = field(default_factory=list)

    def admit(self, peer: Peer) -> Rejection | None:
        """Take note of the peer."""
        self.peers.append(peer)
        return self.rejection

    def begin(self, request: StoreRequest) -> _Reception:
        """Begin a reception."""
        self.on_begin(request)
        self.requests.append(request)
        return _Reception(self, request)


class _Reception:
    def __init__(self, service: Service, request: StoreRequest) -> None:
        self._service = service
        self._request = request
        self._content = bytearray()

    def write(self, fragment: memoryview) -> None:
        self._service.on_write(fragment)
        self._content += fragment

    def finish(self) -> StoreResponse:
        self._service.on_finish(self._request)
        self._service.stored[self._request.sop_instance_uid] = bytes(self._content)
        return self._service.response

    def discard(self) -> None:
        self._service.discarded.append(self._request.sop_instance_uid)


@contextmanager
def listening(
    service: Service,
    *,
    tls: ssl.SSLContext | None = None,
    limits: AssociationLimits | None = None,
    admission: AdmissionLimits | None = None,
    unrestricted: bool = False,
) -> Iterator[int]:
    """Run `service` behind a listener on loopback and give its port; no thread of it is left behind."""
    listener = Listener(
        ListenerOptions(
            name="test",
            port=0,
            tls=tls,
            acceptor=AcceptorOptions(limits=limits or AssociationLimits(), unrestricted=unrestricted),
        ),
        service,
        Admission(admission or AdmissionLimits()),
    )
    before = set(threading.enumerate())
    listener.start()
    try:
        yield listener.address[1]
    finally:
        listener.close(STOP_SECONDS)
    left = {thread for thread in set(threading.enumerate()) - before if thread.name.startswith(("listener", "from "))}
    assert not left, f"threads of the listener are left: {left}"
