"""A destination in this process: takes what comes, keeps the order, and answers what a test wants."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sealgate.errors import StoreRefused
from sealgate.node.acceptor import AcceptorOptions
from sealgate.node.dimse import Status, StoreRequest
from sealgate.node.limits import AssociationLimits
from sealgate.node.listener import Listener, ListenerOptions
from support.storage import Service

Answer = Callable[[StoreRequest], int]
"""The status for an instance that has come."""


def success(_: StoreRequest) -> int:
    """Take it."""
    return Status.SUCCESS


@contextmanager
def node(port: int, answer: Answer = success) -> Iterator[list[str]]:
    """A storage SCP on `port` of loopback until the block ends, which cuts its associations off.

    Gives the SOP Instance UIDs that came, in order; a failure status has a comment.
    """
    arrived: list[str] = []

    def on_finish(request: StoreRequest) -> None:
        arrived.append(request.sop_instance_uid)
        status = answer(request)
        if status != Status.SUCCESS:
            raise StoreRefused(status, "said the destination")

    acceptor = AcceptorOptions(limits=AssociationLimits(drain_grace_s=0.0))
    listener = Listener(ListenerOptions(name="node", port=port, acceptor=acceptor), Service(on_finish=on_finish))
    listener.start()
    try:
        yield arrived
    finally:
        listener.close(0.0)
