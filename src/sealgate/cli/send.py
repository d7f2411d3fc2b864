"""`sealgate send`: send DICOM files to a node by C-STORE, byte for byte, the role of storescu."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer

from sealgate.cli.exit_codes import ExitCode, exit_code_of
from sealgate.cli.outgoing import WINDOW_BYTES, OutgoingFile, by_association, read_outgoing
from sealgate.cli.remote import (
    DEFAULT_CALLED_AE_TITLE,
    DEFAULT_CALLING_AE_TITLE,
    CalledAeTitle,
    CallingAeTitle,
    CheckHostname,
    Host,
    PasswordFile,
    Port,
    ServerCa,
    Tls,
    remote_node,
)
from sealgate.errors import AssociationRejected, ContextRefused, NetworkError, UnreadableFile
from sealgate.files.dicom_files import expanded
from sealgate.node.dimse import StatusCategory, StoreResponse, describe_status, status_category
from sealgate.node.outgoing_instance import OutgoingInstance
from sealgate.node.requestor import RemoteNode, Requestor

Advance = Callable[[int], object]


def send(
    host: Host,
    port: Port,
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Files, or folders that are walked.")],
    calling_ae_title: CallingAeTitle = DEFAULT_CALLING_AE_TITLE,
    called_ae_title: CalledAeTitle = DEFAULT_CALLED_AE_TITLE,
    tls: Tls = None,
    server_ca: ServerCa = None,
    check_hostname: CheckHostname = False,
    password_file: PasswordFile = None,
) -> int:
    """Send every file in PATH to the node at HOST and PORT, each in the transfer syntax that it has.

    The bytes of the data set go as they are; nothing is transcoded. What cannot be sent or is refused is named, and
    the rest is sent all the same.

    Exit codes: 0 all stored, 1 usage, 2 an option does not serve, 20 a file unreadable, 22 key or certificate
    unusable, 50 the node cannot be reached or broke the association, 51 it rejected the association or an instance;
    of several the gravest: 50 before 51 before 20.

    Example: sealgate send pacs.example 104 study/ --called-ae-title PACS
    """
    remote = remote_node(
        host,
        port,
        calling_ae_title=calling_ae_title,
        called_ae_title=called_ae_title,
        tls=tls,
        server_ca=server_ca,
        check_hostname=check_hostname,
        password_file=password_file,
    )
    tally = _Tally()
    files = list(_readable(paths, tally))
    started = perf_counter()
    with _progress(sum(file.size for file in files)) as advance:
        try:
            sender = _Sender(remote, tally, advance)
            for group in by_association(files):
                sender.send_group(group)
        except NetworkError as error:
            typer.echo(f"sealgate: {error}", err=True)
            tally.exit_codes.add(exit_code_of(error))
    typer.echo(tally.summary(len(files), perf_counter() - started))
    return next((code for code in _GRAVEST_FIRST if code in tally.exit_codes), ExitCode.OK)


_GRAVEST_FIRST = (ExitCode.PEER, ExitCode.REFUSED, ExitCode.UNREADABLE)


@dataclass(slots=True)
class _Tally:
    """What came of the files so far."""

    stored: int = 0
    stored_bytes: int = 0
    refused: int = 0
    unreadable: int = 0
    exit_codes: set[ExitCode] = field(default_factory=set)

    def refuse(self, file: OutgoingFile, why: str) -> None:
        """The node does not take `file`."""
        self.refused += 1
        self.exit_codes.add(ExitCode.REFUSED)
        typer.echo(f"{file.path}: refused: {why}", err=True)

    def skip(self, error: UnreadableFile) -> None:
        """A file cannot be read, or not to its end."""
        self.unreadable += 1
        self.exit_codes.add(ExitCode.UNREADABLE)
        typer.echo(f"sealgate: {error}", err=True)

    def answered(self, file: OutgoingFile, response: StoreResponse) -> None:
        """The node has answered for `file`."""
        words = describe_status(response.status) + (f", {response.comment}" if response.comment else "")
        category = status_category(response.status)
        if category is StatusCategory.FAILURE:
            self.refuse(file, words)
            return
        if category is StatusCategory.WARNING:
            typer.echo(f"{file.path}: stored with {words}", err=True)
        self.stored += 1
        self.stored_bytes += file.size

    def summary(self, sendable: int, seconds: float) -> str:
        """One line for a person."""
        rate = self.stored_bytes / 1e6 / seconds if seconds else 0.0
        left = sendable - self.stored - self.refused
        parts = [f"{self.stored} stored ({self.stored_bytes / 1e6:.1f} MB in {seconds:.1f} s, {rate:.1f} MB/s)"]
        parts += [f"{self.refused} refused"] if self.refused else []
        parts += [f"{self.unreadable} unreadable"] if self.unreadable else []
        parts += [f"{left} not sent"] if left > 0 else []
        return ", ".join(parts)


def _readable(paths: list[Path], tally: _Tally) -> Iterator[OutgoingFile]:
    for path in expanded(paths):
        try:
            yield read_outgoing(path)
        except UnreadableFile as error:
            tally.skip(error)


class _Sender:
    """Sends files over associations, in their order; while one is sent or waits for its answer, the next is read."""

    def __init__(self, remote: RemoteNode, tally: _Tally, advance: Advance) -> None:
        self._remote = remote
        self._tally = tally
        self._advance = advance
        self._buffer = bytearray(WINDOW_BYTES)
        self._waiting: deque[OutgoingFile] = deque()
        self._next: OutgoingInstance | None = None
        """The first of those that wait, of which the beginning has been read."""
        self._unanswered: dict[int, OutgoingFile] = {}
        """By message ID."""

    def send_group(self, group: list[OutgoingFile]) -> None:
        """Send files that one association can take. Raises NetworkError.

        A file that cannot be read to its end costs the association, and the rest goes by another one.
        """
        self._waiting.extend(group)
        while self._waiting:
            try:
                with Requestor(self._remote, {file.pair: None for file in self._waiting}) as requestor:
                    self._send_over(requestor)
            except UnreadableFile as error:
                self._tally.skip(error)
            except AssociationRejected as error:
                if error.result:
                    raise
                while self._waiting:  # the association was fine, but no presentation context of it
                    self._tally.refuse(self._waiting.popleft(), str(error))

    def _send_over(self, requestor: Requestor) -> None:
        try:
            self._read_ahead()
            while self._waiting or self._unanswered:
                if self._waiting and len(self._unanswered) < requestor.window:
                    self._send_next(requestor)
                else:
                    self._take_answer(requestor)
                self._read_ahead()
        except (NetworkError, UnreadableFile):
            self._next = None
            while requestor.has_answers:
                self._take_answer(requestor)
            # Nobody knows what became of these; to store the same again harms nothing.
            self._waiting.extendleft(reversed(self._unanswered.values()))
            self._unanswered.clear()
            raise

    def _send_next(self, requestor: Requestor) -> None:
        instance = self._next or self._waiting[0].instance(self._buffer, self._advance)
        file, self._next = self._waiting.popleft(), None
        try:
            self._unanswered[requestor.send(instance)] = file
        except ContextRefused as error:
            self._tally.refuse(file, f"{error} ({requestor.refused[file.pair]})")

    def _read_ahead(self) -> None:
        while self._waiting and self._next is None:
            instance = self._waiting[0].instance(self._buffer, self._advance)
            try:
                instance.read_ahead()
                self._next = instance
            except UnreadableFile as error:
                self._waiting.popleft()
                self._tally.skip(error)

    def _take_answer(self, requestor: Requestor) -> None:
        message_id, response = requestor.receive()
        self._tally.answered(self._unanswered.pop(message_id), response)


@contextmanager
def _progress(total: int) -> Iterator[Advance]:
    """A progress bar in bytes, on a terminal."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (TextColumn("Sending"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("Sending", total=total)
        yield lambda count: progress.advance(task, count)
