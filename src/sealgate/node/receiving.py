"""All that receives in one process: sources and keys, the pipeline, places for associations, and the listeners."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic, sleep
from typing import Final

from sealgate.errors import ConfigurationError
from sealgate.files.credentials import password_from
from sealgate.library.uids import new_uid
from sealgate.node.acceptor import AcceptorOptions
from sealgate.node.admission import Admission
from sealgate.node.config import Configuration, ListenerSection
from sealgate.node.limits import AdmissionLimits, AssociationLimits
from sealgate.node.listener import Listener, ListenerOptions, bind
from sealgate.node.operations import read_clock
from sealgate.node.pipeline import Intake, Pipeline
from sealgate.node.sources import Source, open_sources
from sealgate.node.tls import server_context
from sealgate.node.transactions import Transactions
from sealgate.spool.payload import PayloadStore

_RELEASE_SECONDS: Final = 3.0
"""For worker processes of a gateway that was killed to notice it and to let go of their port."""
_RETRY_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class Entrance:
    """What a configuration says of those who come in, with its files read."""

    sources: tuple[Source, ...]
    tls: Mapping[str, ssl.SSLContext | None]
    """By the name of the listener; None: plain."""


def open_entrance(configuration: Configuration) -> Entrance:
    """Read keys, certificates and trust anchors. Raises ConfigurationError, KeyUnusable, UnreadableFile."""
    return Entrance(
        open_sources(configuration), {section.name: _server_tls(section) for section in configuration.listener}
    )


def open_sockets(configuration: Configuration) -> list[socket.socket]:
    """Listening sockets for all listeners, in their order. Raises ConfigurationError."""
    opened: list[socket.socket] = []
    try:
        for section in configuration.listener:
            opened.append(_bound(section, seconds=_RELEASE_SECONDS if configuration.node.workers > 1 else 0))
    except BaseException:
        for sock in opened:
            sock.close()
        raise
    return opened


def _bound(section: ListenerSection, *, seconds: float) -> socket.socket:
    """A listening socket; a port in use is asked for again for so many `seconds`."""
    deadline = monotonic() + seconds
    while True:
        try:
            return bind(section.address, section.port)
        except ConfigurationError as error:
            in_use = isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.EADDRINUSE
            if not in_use or monotonic() >= deadline:
                raise
            sleep(_RETRY_SECONDS)


class Receiving:
    """The listeners of one process, from `start` to `stop`."""

    def __init__(
        self,
        configuration: Configuration,
        entrance: Entrance,
        sockets: Sequence[socket.socket],
        *,
        database: Transactions,
        store: PayloadStore,
        queued: Callable[[Sequence[str]], object],
        limits: AssociationLimits,
    ) -> None:
        """`sockets`: of `open_sockets`; `queued` is told the destinations that got a new job, after the commit."""
        node = configuration.node
        pipeline = Pipeline(
            Intake(
                sources=entrance.sources,
                store=store,
                database=database,
                min_free_bytes=node.min_free_mib << 20,
                called_ae_title=None if node.any_called_ae_title else node.ae_title,
                clock=read_clock,
                new_uid=new_uid,
                queued=queued,
            )
        )
        admission = Admission(
            AdmissionLimits(
                max_associations=_share(node.max_associations, node.workers),
                max_associations_per_address=_share(node.max_associations_per_address, node.workers),
            )
        )
        self._listeners = tuple(
            Listener(
                ListenerOptions(
                    name=section.name,
                    tls=entrance.tls[section.name],
                    acceptor=AcceptorOptions(limits=limits, unrestricted=section.unrestricted),
                ),
                pipeline,
                admission,
                server=server,
            )
            for section, server in zip(configuration.listener, sockets, strict=True)
        )

    def start(self) -> None:
        """Take associations from now on."""
        for listener in self._listeners:
            listener.start()

    def stop(self, seconds: float) -> bool:
        """Take nothing more and finish what is being received; whether all ended within `seconds`."""
        deadline = monotonic() + seconds
        for listener in self._listeners:
            listener.stop_accepting()
        ended = [listener.close(max(0.0, deadline - monotonic())) for listener in self._listeners]
        return all(ended)


def _share(count: int, workers: int) -> int:
    """What one of several processes may have of `count`."""
    return -(-count // workers)


def _server_tls(section: ListenerSection) -> ssl.SSLContext | None:
    tls = section.tls
    if tls is None:
        return None
    return server_context(
        key=tls.key,
        certificate=tls.certificate,
        client_ca=tls.client_ca,
        password=password_from(tls.password_file, tls.key),
    )
