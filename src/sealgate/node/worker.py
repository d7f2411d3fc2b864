"""A worker process: it receives, examines and keeps; the database is its owner's. Started by `workers`."""

from __future__ import annotations

import signal
import socket
import sys
from dataclasses import dataclass
from multiprocessing.connection import Connection as Link

import structlog

from sealgate.node import logs
from sealgate.node.config import Configuration
from sealgate.node.limits import AssociationLimits
from sealgate.node.receiving import Receiving, open_entrance
from sealgate.node.remote import RemoteDatabase
from sealgate.spool.payload import PayloadStore

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Assignment:
    """The first message to a worker."""

    configuration: Configuration
    limits: AssociationLimits
    sockets: tuple[int, ...]
    """Descriptors of the listening sockets, shared by all workers: whoever is free takes the next connection."""


def main(link_fd: int) -> None:
    """Receive until SIGTERM comes, or the owner, at the other end of `link_fd`, is gone."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # for the threads too; SIGINT is the owner's affair
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    link = Link(link_fd)
    assignment: Assignment = link.recv()
    configuration = assignment.configuration
    logs.configure(configuration.log)
    entrance = open_entrance(configuration)
    sockets = [socket.socket(fileno=fd) for fd in assignment.sockets]
    database = RemoteDatabase(link)
    with PayloadStore(configuration.node.data_dir) as store:
        receiving = Receiving(
            configuration,
            entrance,
            sockets,
            database=database,
            store=store,
            queued=database.queued,
            limits=assignment.limits,
        )
        receiving.start()
        database.ready()
        signal.sigwait({signal.SIGTERM})
        if not receiving.stop(configuration.node.drain_seconds):
            _log.warning("associations were cut off; what they were sending was not acknowledged")


if __name__ == "__main__":
    main(int(sys.argv[1]))
