"""The control socket: how commands reach the gateway that owns the data directory.

A Unix stream socket in the data directory, mode 0600. One connection carries one request and one response, each one
line of JSON:

    {"operation": "queue_list", "arguments": {"limit": 10}}
    {"result": [...]}    or    {"error": "StorageFull", "message": "one sentence"}

Where no gateway runs, `call` takes the lock of the data directory, opens the database and does the work itself.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import structlog

from sealgate.errors import (
    DataDirectoryInUse,
    GatewaySilent,
    OperationRefused,
    PayloadDamaged,
    SealgateError,
    StorageError,
    StorageFull,
)
from sealgate.files.faults import from_os_error
from sealgate.node.operations import DATABASE_NAME, Json, Operations, open_database

SOCKET_NAME: Final = "control.sock"

MAX_REQUEST_BYTES: Final = 1 << 17
"""A request names at most a thousand ids of 19 digits, and texts of some thousand characters."""
MAX_RESPONSE_BYTES: Final = 64 << 20
"""The largest listing, ten thousand records with their signatures, stays below."""
SERVER_DEADLINE_SECONDS: Final = 10.0
"""For one connection as a whole: commands send at once and read at once, and there is one thread for all of them."""
CLIENT_DEADLINE_SECONDS: Final = 30.0
"""For one call as a whole: the gateway may be busy with others of up to its own deadline each."""
HANDOVER_SECONDS: Final = 5.0
"""How long a gateway may take between its lock and its socket, at the start and at the end."""
_RETRY_SECONDS: Final = 0.05
_READ_BYTES: Final = 1 << 16
_SUN_PATH_BYTES: Final = 108
"""Size of sun_path on Linux, with the NUL at its end (unix(7))."""
_BACKLOG: Final = 16
_CREDENTIALS: Final = struct.Struct("3i")
"""struct ucred of unix(7): process, user, group."""

_CARRIED: Final[Mapping[str, type[SealgateError]]] = {
    kind.__name__: kind for kind in (OperationRefused, StorageError, StorageFull, DataDirectoryInUse, PayloadDamaged)
}

_log = structlog.get_logger(__name__)


class ControlServer:
    """Answers commands at the control socket of `data_dir`, one after the other, in one thread of its own.

    Whoever constructs it owns the data directory's lock, so a socket that lies there is a leftover. Raises
    StorageError.
    """

    def __init__(self, data_dir: Path, operations: Operations) -> None:
        self._data_dir = data_dir
        self._operations = operations
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            (data_dir / SOCKET_NAME).unlink(missing_ok=True)
            # bind(2) gives the file the mode of the socket: never a moment at which others could connect.
            os.fchmod(self._listener.fileno(), 0o600)
            with _short_path(data_dir) as path:
                self._listener.bind(path)
            self._listener.listen(_BACKLOG)
        except OSError as error:
            self._listener.close()
            raise from_os_error(error, f"listen at {data_dir / SOCKET_NAME}") from error
        self._thread = threading.Thread(target=self._serve, name="control", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Answer nobody any more and remove the socket; a second call does nothing."""
        if self._listener.fileno() < 0:
            return
        with suppress(OSError):
            (self._data_dir / SOCKET_NAME).unlink(missing_ok=True)
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread out of accept(2)
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return  # `close` shut the listener down
            with connection:
                try:
                    self._answer(connection)
                except (OSError, GatewaySilent) as error:
                    _log.warning("control connection lost", reason=str(error))

    def _answer(self, connection: socket.socket) -> None:
        deadline = time.monotonic() + SERVER_DEADLINE_SECONDS
        if not _is_trusted(connection):
            return
        request = _read_line(connection, MAX_REQUEST_BYTES, deadline)
        response = _encode(_respond(self._operations, request))
        if len(response) > MAX_RESPONSE_BYTES:
            response = _encode(_failed(OperationRefused("the answer is too long; ask for fewer rows with --limit")))
        _send(connection, response, deadline)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def call(data_dir: Path, name: str, arguments: Mapping[str, Json]) -> Json:
    """Execute an operation on `data_dir`: by the gateway that runs on it, or here if none does.

    Raises what the operation raises; GatewaySilent if a process owns the directory and does not answer; StorageError
    if there is no such directory.
    """
    if not (data_dir / DATABASE_NAME).is_file():
        raise StorageError(f"{data_dir} is no data directory of a gateway; name it with --data-dir or --config")
    give_up = time.monotonic() + HANDOVER_SECONDS
    while True:
        connection = _connect(data_dir)
        if connection is not None:
            with connection:
                return _ask(connection, name, arguments)
        try:
            return _call_here(data_dir, name, arguments)
        except DataDirectoryInUse as error:
            if time.monotonic() > give_up:
                raise GatewaySilent(f"{error}; it does not answer at {data_dir / SOCKET_NAME}") from error
        time.sleep(_RETRY_SECONDS)  # the other one is between its lock and its socket


def _call_here(data_dir: Path, name: str, arguments: Mapping[str, Json]) -> Json:
    with open_database(data_dir) as database:
        return Operations(database).call(name, arguments)


def _connect(data_dir: Path) -> socket.socket | None:
    """A connection to the gateway; None if nobody listens, or if as many as may wait for it are waiting."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(CLIENT_DEADLINE_SECONDS)
    try:
        with _short_path(data_dir) as path:
            connection.connect(path)
    except (FileNotFoundError, ConnectionRefusedError, BlockingIOError):
        connection.close()
        return None
    except OSError as error:
        connection.close()
        raise GatewaySilent(
            f"cannot reach the gateway at {data_dir / SOCKET_NAME}: {error.strerror or error}"
        ) from error
    return connection


def _ask(connection: socket.socket, name: str, arguments: Mapping[str, Json]) -> Json:
    deadline = time.monotonic() + CLIENT_DEADLINE_SECONDS
    try:
        _send(connection, _encode({"operation": name, "arguments": dict(arguments)}), deadline)
        response = json.loads(_read_line(connection, MAX_RESPONSE_BYTES, deadline))
    except (OSError, ValueError) as error:
        raise GatewaySilent(f"the gateway broke the conversation off: {error}") from error
    if not isinstance(response, dict):
        raise GatewaySilent("the gateway answers with something else than Sealgate does")
    if "error" in response:
        raise _error(str(response["error"]), str(response.get("message")))
    result: Json = response.get("result")
    return result


def _respond(operations: Operations, request: bytes) -> dict[str, Any]:
    try:
        name, arguments = _decode(request)
        return {"result": operations.call(name, arguments)}
    except SealgateError as error:
        return _failed(error)
    except Exception:  # noqa: BLE001 - one bad operation may not end the thread that serves all others
        _log.exception("an operation failed")
        return _failed(StorageError("the operation failed for a reason that the log of the gateway has"))


def _decode(request: bytes) -> tuple[str, dict[str, object]]:
    try:
        asked = json.loads(request)
    except (ValueError, RecursionError) as error:
        raise OperationRefused(f"the request is no JSON: {error}") from error
    if not isinstance(asked, dict) or not isinstance(asked.get("arguments"), dict):
        raise OperationRefused("a request is an object with an operation and its arguments")
    return str(asked.get("operation")), asked["arguments"]


def _failed(error: SealgateError) -> dict[str, Any]:
    return {"error": type(error).__name__, "message": str(error)}


def _error(kind: str, message: str) -> SealgateError:
    """The error that the gateway raised, as far as the command has to tell kinds apart."""
    return _CARRIED.get(kind, StorageError)(message)


def _encode(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8") + b"\n"


def _send(connection: socket.socket, line: bytes, deadline: float) -> None:
    connection.settimeout(_remaining(deadline))
    connection.sendall(line)  # the timeout is for all of it


def _read_line(connection: socket.socket, limit: int, deadline: float) -> bytes:
    """One line of at most `limit` bytes, without its end. Raises GatewaySilent if it ends early or is too long."""
    line = bytearray()
    while not line.endswith(b"\n"):
        connection.settimeout(_remaining(deadline))
        piece = connection.recv(_READ_BYTES)
        if not piece:
            raise GatewaySilent(f"the other end closed the control socket after {len(line)} bytes of a line")
        line += piece
        if len(line) > limit:
            raise GatewaySilent(f"a line on the control socket is longer than {limit} bytes")
    return bytes(line[:-1])


def _remaining(deadline: float) -> float:
    remaining = deadline - time.monotonic()
    if remaining <= 0:
        raise TimeoutError("timed out")
    return remaining


def _is_trusted(connection: socket.socket) -> bool:
    """Whether the other end is our own user or root; the mode of the socket says the same, but not everywhere."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, user, _ = _CREDENTIALS.unpack(credentials)
    return user in (0, os.geteuid())


@contextmanager
def _short_path(data_dir: Path) -> Iterator[str]:
    """The address of the socket; a long one goes through a descriptor of its directory, since sun_path is short."""
    path = data_dir / SOCKET_NAME
    if len(os.fsencode(path)) < _SUN_PATH_BYTES:
        yield str(path)
        return
    directory_fd = os.open(data_dir, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{directory_fd}/{SOCKET_NAME}"
    finally:
        os.close(directory_fd)
