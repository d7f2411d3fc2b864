"""The worker processes of a gateway: started, served, started again where one ends, and stopped."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from multiprocessing.connection import Connection as Link
from time import monotonic
from typing import Final

import structlog

from sealgate.errors import ConfigurationError
from sealgate.node.config import Configuration
from sealgate.node.limits import AssociationLimits
from sealgate.node.remote import serve_worker
from sealgate.node.worker import Assignment
from sealgate.spool.database import Database

_log = structlog.get_logger(__name__)

START_SECONDS: Final = 60.0
"""For a worker to take associations: it reads keys and trust anchors first."""
RESTART_SECONDS: Final = 1.0
"""Before a worker that ended by itself is started again, so that one that cannot work does not fill the log."""
END_SECONDS: Final = 5.0
"""For a worker to end, beyond the time that it has for what is being received."""


class Workers:
    """All worker processes, from `start` to `stop`."""

    def __init__(
        self,
        configuration: Configuration,
        limits: AssociationLimits,
        sockets: Sequence[socket.socket],
        database: Database,
        queued: Callable[[Sequence[str]], object],
    ) -> None:
        """`sockets`: listening ones, for all workers together; `queued`: see `Receiving`."""
        assignment = Assignment(configuration, limits, tuple(sock.fileno() for sock in sockets))
        self._sockets = sockets
        numbers = range(1, configuration.node.workers + 1)
        self._workers = [_Worker(number, assignment, database, queued) for number in numbers]

    def start(self) -> None:
        """Start all, and return when they take associations. Raises ConfigurationError where one does not."""
        for worker in self._workers:
            worker.start()
        deadline = monotonic() + START_SECONDS
        if not all(worker.is_ready(deadline) for worker in self._workers):
            raise ConfigurationError("a worker process did not start; what it wrote above says why")

    def stop(self, seconds: float) -> bool:
        """Let all finish what they are receiving, within `seconds`; whether none was cut off."""
        deadline = monotonic() + seconds + END_SECONDS
        for sock in self._sockets:
            with suppress(OSError):  # of all processes at once, so that nobody connects to what is ending
                sock.shutdown(socket.SHUT_RDWR)
        for worker in self._workers:
            worker.ask_to_end()
        ended = [worker.ended(deadline) for worker in self._workers]
        return all(ended)


class _Worker:
    """The place of one worker process, and the thread that serves whoever has it."""

    def __init__(
        self, number: int, assignment: Assignment, database: Database, queued: Callable[[Sequence[str]], object]
    ) -> None:
        self._assignment = assignment
        self._database = database
        self._queued = queued
        self._log = _log.bind(worker=number)
        self._stopping = threading.Event()
        self._settled = threading.Event()
        """Ready, or ended before it was."""
        self._ready = False
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._run, name=f"worker {number}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def is_ready(self, deadline: float) -> bool:
        """Whether it takes associations by the moment `deadline` of time.monotonic."""
        self._settled.wait(max(0.0, deadline - monotonic()))
        return self._ready

    def ask_to_end(self) -> None:
        self._stopping.set()
        if self._process is not None:
            self._process.terminate()

    def ended(self, deadline: float) -> bool:
        """Whether it ends by itself before `deadline`; otherwise it is killed."""
        if self._thread.ident is None:  # it was never started
            return True
        self._thread.join(max(0.0, deadline - monotonic()))
        if not self._thread.is_alive():
            return True
        if self._process is not None:
            self._process.kill()
        self._thread.join()
        return False

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                exit_code = self._work()
            except Exception:  # noqa: BLE001 - without this thread its place would stay empty until the next start
                self._log.exception("ALERT: a worker process cannot be started or served")
            else:
                if not self._stopping.is_set():
                    # What it was receiving was not acknowledged; what it had acknowledged is in the database.
                    self._log.error("ALERT: a worker process ended, another one is started", exit_code=exit_code)
            self._settled.set()
            self._stopping.wait(RESTART_SECONDS)

    def _work(self) -> int:
        """One process from its start to its end; the exit code. Raises OSError where it cannot be started."""
        ours, theirs = socket.socketpair()
        link = Link(ours.detach())
        with closing(link):
            with theirs:
                self._process = process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                    [sys.executable, "-P", "-m", "sealgate.node.worker", str(theirs.fileno())],
                    stdin=subprocess.DEVNULL,
                    pass_fds=(theirs.fileno(), *self._assignment.sockets),
                )
            if self._stopping.is_set():  # asked a moment ago, when there was no process yet
                process.terminate()
            with suppress(BrokenPipeError):  # it is gone already, which the next line finds too
                link.send(self._assignment)
            serve_worker(link, self._database, queued=self._queued, ready=self._now_ready)
        return process.wait()

    def _now_ready(self) -> None:
        self._ready = True
        self._settled.set()
