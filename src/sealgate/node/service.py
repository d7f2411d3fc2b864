"""The gateway as a whole: what is opened at the start, in order, and closed at the end, the other way round."""

from __future__ import annotations

import random
from contextlib import ExitStack
from datetime import timedelta
from types import TracebackType
from typing import Self

import structlog

from sealgate.errors import ConfigurationError
from sealgate.files.credentials import password_from
from sealgate.node.channel import Channel, FolderChannel, NodeChannel
from sealgate.node.config import Configuration, DestinationSection
from sealgate.node.control import ControlServer
from sealgate.node.delivery import Delivery, DeliveryEnvironment, Worker
from sealgate.node.limits import AssociationLimits, RequestorLimits
from sealgate.node.operations import Operations, open_database, read_clock
from sealgate.node.receiving import Receiving, open_entrance, open_sockets
from sealgate.node.requestor import RemoteNode
from sealgate.node.tls import client_context
from sealgate.node.workers import Workers
from sealgate.spool.atomic import remove_partial
from sealgate.spool.database import Database
from sealgate.spool.jobs import reclaim
from sealgate.spool.payload import PayloadStore
from sealgate.spool.recovery import recover
from sealgate.spool.retry import RetryPolicy

_log = structlog.get_logger(__name__)


class Gateway:
    """A gateway that runs while it is entered as a context manager."""

    def __init__(self, configuration: Configuration, limits: AssociationLimits | None = None) -> None:
        """`limits`: those of incoming associations, where they are not to be the usual ones."""
        self._configuration = configuration
        self._limits = limits or AssociationLimits()
        self._opened = ExitStack()
        self.addresses: tuple[tuple[str, int], ...] = ()
        """IP address and port of each listener, in the order of the configuration."""

    def __enter__(self) -> Self:
        """Open everything; listeners come last, when all behind them stands.

        Raises ConfigurationError, KeyUnusable, UnreadableFile, StorageError.
        """
        try:
            self._open()
        except BaseException:
            self._opened.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Take nothing more, finish what is being received, and close."""
        self._opened.close()

    def _open(self) -> None:
        configuration, opened = self._configuration, self._opened
        node = configuration.node
        entrance = open_entrance(configuration)  # also for worker processes, which can say less well what is wrong
        remotes = {section.name: _remote(section, node.ae_title) for section in configuration.destination}
        database = opened.enter_context(open_database(node.data_dir))
        store = opened.enter_context(PayloadStore(node.data_dir))
        _recover(database, store)
        for section in configuration.destination:
            _prepare_folder(section)
        delivery = _delivery(configuration, remotes, database, store)
        delivery.start()
        opened.callback(self._stop_delivery, delivery)
        opened.callback(ControlServer(node.data_dir, Operations(database, changed=delivery.resume)).close)
        sockets = open_sockets(configuration)
        for sock in sockets:
            opened.callback(sock.close)
        self.addresses = tuple(sock.getsockname()[:2] for sock in sockets)
        receiving: Receiving | Workers
        if node.workers == 1:
            receiving = Receiving(
                configuration,
                entrance,
                sockets,
                database=database,
                store=store,
                queued=delivery.wake,
                limits=self._limits,
            )
        else:
            receiving = Workers(configuration, self._limits, sockets, database, delivery.wake)
        opened.callback(self._stop_receiving, receiving)
        receiving.start()

    def _stop_receiving(self, receiving: Receiving | Workers) -> None:
        if not receiving.stop(self._configuration.node.drain_seconds):
            _log.warning("associations were cut off; what they were sending was not acknowledged")

    def _stop_delivery(self, delivery: Delivery) -> None:
        if not delivery.stop(self._configuration.node.drain_seconds):
            _log.warning("a delivery was cut off; it will be repeated after the next start")


def _remote(section: DestinationSection, calling_ae_title: str) -> RemoteNode | None:
    """The node of a destination; None for a folder."""
    if section.host is None or section.port is None or section.ae_title is None:
        return None
    context = None
    if section.tls is not None:
        context = client_context(
            server_ca=section.tls.server_ca,
            key=section.tls.key,
            certificate=section.tls.certificate,
            password=password_from(section.tls.password_file, section.tls.key) if section.tls.key else None,
            check_hostname=section.tls.check_hostname,
        )
    return RemoteNode(
        host=section.host,
        port=section.port,
        called_ae_title=section.ae_title,
        calling_ae_title=calling_ae_title,
        tls=context,
    )


def _prepare_folder(section: DestinationSection) -> None:
    if section.directory is None:
        return
    try:
        section.directory.mkdir(mode=0o750, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"destination {section.name!r}: cannot make the folder {section.directory}: {error.strerror}"
        ) from error
    remove_partial(section.directory)


def _recover(database: Database, store: PayloadStore) -> None:
    recovery = recover(database, store)
    jobs = database.run(reclaim)
    if recovery.orphans_removed or jobs:
        _log.info(
            "recovered after an interruption",
            unacknowledged_payloads_removed=recovery.orphans_removed,
            deliveries_taken_up_again=jobs,
        )
    if recovery.missing_count:
        _log.error("ALERT: payloads are missing", count=recovery.missing_count, first=recovery.missing[:3])


def _delivery(
    configuration: Configuration, remotes: dict[str, RemoteNode | None], database: Database, store: PayloadStore
) -> Delivery:
    shared = DeliveryEnvironment(database=database, clock=read_clock, draw=random.random)
    return Delivery(
        {
            section.name: [
                Worker(section.name, number, _channel(section, remotes[section.name], store), _retry(section), shared)
                for number in range(1, section.associations + 1)
            ]
            for section in configuration.destination
        }
    )


def _channel(section: DestinationSection, remote: RemoteNode | None, store: PayloadStore) -> Channel:
    if section.directory is not None:
        return FolderChannel(section.directory, store)
    assert remote is not None  # the configuration says that a destination is one or the other
    return NodeChannel(remote, RequestorLimits(response_s=section.response_seconds), store)


def _retry(section: DestinationSection) -> RetryPolicy:
    return RetryPolicy(
        first_delay=timedelta(seconds=section.retry_first_seconds),
        max_delay=timedelta(seconds=section.retry_max_seconds),
        max_age=timedelta(hours=section.retry_max_age_hours),
    )
