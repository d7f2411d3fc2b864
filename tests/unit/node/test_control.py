"""Commands reach the gateway that owns the data directory, or do the work themselves where none runs."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from sealgate.errors import DataDirectoryInUse, GatewaySilent, OperationRefused, StorageError
from sealgate.node import control
from sealgate.node.control import SOCKET_NAME, ControlServer, call
from sealgate.node.operations import Operations, open_database
from sealgate.spool.database import Database
from sealgate.spool.lock import DataDirectoryLock
from support.spooling import store
from support.waiting import wait_until


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    open_database(tmp_path / "var").close()
    return tmp_path / "var"


@pytest.fixture
def database(data_dir: Path) -> Iterator[Database]:
    with open_database(data_dir) as database:
        yield database


@pytest.fixture
def server(data_dir: Path, database: Database) -> Iterator[ControlServer]:
    with ControlServer(data_dir, Operations(database)) as server:
        yield server


def connected(data_dir: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(10)
    connection.connect(str(data_dir / SOCKET_NAME))
    return connection


def answer(data_dir: Path, request: bytes) -> Any:
    with connected(data_dir) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        return json.loads(connection.makefile("rb").readline() or "null")


def test_a_running_gateway_answers_while_it_owns_the_directory(
    data_dir: Path, database: Database, server: ControlServer
) -> None:
    store(database)
    (entry,) = call(data_dir, "queue_list", {"limit": 5})  # type: ignore[misc,str-unpack]
    assert entry["sop_instance_uid"] == "1.2.3.1"  # type: ignore[index]


def test_without_a_gateway_the_command_does_the_work_itself(data_dir: Path) -> None:
    with open_database(data_dir) as database:
        store(database)
    assert len(call(data_dir, "queue_list", {})) == 1  # type: ignore[arg-type]
    with open_database(data_dir):  # and it has let go of the directory
        pass


@pytest.mark.parametrize("gateway", [True, False], ids=["with a gateway", "without"])
def test_what_is_refused_is_the_same_error_on_both_ways(data_dir: Path, gateway: bool) -> None:
    with open_database(data_dir) as database, ControlServer(data_dir, Operations(database)):
        if gateway:
            with pytest.raises(OperationRefused, match="there is no instance 9"):
                call(data_dir, "queue_release", {"by": "A. Person", "instances": [9]})
    with pytest.raises(OperationRefused, match="there is no instance 9"):
        call(data_dir, "queue_release", {"by": "A. Person", "instances": [9]})


def test_the_socket_is_for_the_owner_alone_and_goes_with_the_server(data_dir: Path, server: ControlServer) -> None:
    path = data_dir / SOCKET_NAME
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.is_socket()
    server.close()
    server.close()
    assert not path.exists()


def test_a_socket_that_a_killed_gateway_left_is_replaced(data_dir: Path, database: Database) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(str(data_dir / SOCKET_NAME))
    with ControlServer(data_dir, Operations(database)):
        assert call(data_dir, "queue_list", {}) == []


def test_a_socket_that_a_killed_gateway_left_does_not_keep_a_command_from_working(data_dir: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(str(data_dir / SOCKET_NAME))
    assert call(data_dir, "queue_list", {}) == []


def test_a_path_too_long_for_a_socket_address_works(tmp_path: Path) -> None:
    data_dir = tmp_path / ("d" * 120) / ("e" * 120)
    with open_database(data_dir) as database, ControlServer(data_dir, Operations(database)):
        assert call(data_dir, "queue_list", {}) == []
        assert stat.S_IMODE((data_dir / SOCKET_NAME).stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("request_line", "sentence"),
    [
        (b"GET / HTTP/1.1\n", "the request is no JSON"),
        (b"\xff\xfe\n", "the request is no JSON"),
        (b"[" * 100_000 + b"\n", "the request is no JSON"),
        (b"[]\n", "a request is an object"),
        (b'{"operation": "queue_list"}\n', "a request is an object"),
        (b'{"operation": "queue_list", "arguments": []}\n', "a request is an object"),
        (b'{"operation": ["queue_list"], "arguments": {}}\n', "there is no operation"),
        (b'{"operation": "queue_list", "arguments": {"limit": 1e999}}\n', "limit must be a whole number"),
    ],
)
def test_a_request_that_is_none_gets_a_sentence_and_the_next_one_an_answer(
    data_dir: Path, server: ControlServer, request_line: bytes, sentence: str
) -> None:
    response = answer(data_dir, request_line)
    assert response["error"] == "OperationRefused"
    assert sentence in response["message"]
    assert call(data_dir, "queue_list", {}) == []


@pytest.mark.parametrize("request_line", [b"", b'{"operation": "queue_', b"x" * (control.MAX_REQUEST_BYTES + 1)])
def test_a_request_that_ends_early_or_never_is_dropped_and_the_next_one_answered(
    data_dir: Path, server: ControlServer, request_line: bytes
) -> None:
    with connected(data_dir) as connection:
        connection.sendall(request_line)
        connection.shutdown(socket.SHUT_WR)
        with suppress(ConnectionResetError):  # where there was more than the server wanted to read
            assert connection.recv(1) == b""
    assert call(data_dir, "queue_list", {}) == []


def test_a_silent_client_is_dropped_after_the_deadline(
    data_dir: Path, server: ControlServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "SERVER_DEADLINE_SECONDS", 0.2)
    with connected(data_dir) as silent:
        assert call(data_dir, "queue_list", {}) == []
        assert silent.recv(1) == b""


def test_an_answer_that_is_too_long_is_refused_with_advice(
    data_dir: Path, database: Database, server: ControlServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "MAX_RESPONSE_BYTES", 200)
    store(database)
    with pytest.raises(OperationRefused, match="fewer rows"):
        call(data_dir, "queue_list", {})


def test_a_mistake_of_ours_does_not_end_the_server_and_shows_nothing_of_itself(
    data_dir: Path, server: ControlServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_self: Operations) -> None:
        raise LookupError("a secret")

    with monkeypatch.context() as patch:
        patch.setattr(Operations, "queue_summary", broken)
        with pytest.raises(StorageError, match="the log of the gateway") as raised:
            call(data_dir, "queue_summary", {})
    assert "secret" not in str(raised.value)
    assert call(data_dir, "queue_list", {}) == []


def test_a_directory_that_is_none_of_a_gateway_is_named_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="is no data directory of a gateway"):
        call(tmp_path / "typo", "queue_list", {})
    assert list(tmp_path.iterdir()) == []


def test_an_owner_that_never_answers_is_named(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "HANDOVER_SECONDS", 0.2)
    with DataDirectoryLock(data_dir), pytest.raises(GatewaySilent, match=f"process {os.getpid()}"):
        call(data_dir, "queue_list", {})


def test_a_command_waits_for_a_gateway_that_is_just_starting(data_dir: Path) -> None:
    owned, result = threading.Event(), []

    def ask() -> None:
        owned.wait(timeout=10)
        result.append(call(data_dir, "queue_list", {}))

    thread = threading.Thread(target=ask)
    thread.start()
    with open_database(data_dir) as database:
        owned.set()
        with pytest.raises(DataDirectoryInUse):
            open_database(data_dir)
        with ControlServer(data_dir, Operations(database)):
            wait_until(lambda: result, "an answer")
    thread.join(timeout=10)
    assert result == [[]]


def test_a_gateway_that_is_killed_in_the_middle_of_an_answer_is_named(data_dir: Path) -> None:
    script = (
        "import socket, sys, os; s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(); "
        "print('up', flush=True); c, _ = s.accept(); c.recv(10); c.sendall(b'{\"resu'); os.kill(os.getpid(), 9)"
    )
    command = [sys.executable, "-c", script, str(data_dir / SOCKET_NAME)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "up\n"
        with pytest.raises(GatewaySilent, match=r"6 bytes of a line|reset|Broken pipe"):
            call(data_dir, "queue_list", {})
