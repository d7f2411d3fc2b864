"""The real peers that Debian packages: DCMTK's programs, Orthanc and OpenSSL, started, awaited and stopped."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from support.ports import LOOPBACK, free_port, is_listening
from support.waiting import wait_until

RUN_SECONDS = 60.0
STOP_SECONDS = 10.0
STARTS = 3
"""Tries to start a peer: between the choice of a free port and its use somebody else may take it."""

_PACKAGES = {
    "Orthanc": "orthanc",
    "chromium": "chromium",
    "openssl": "openssl",
    "pdftotext": "poppler-utils",
    "pkcs11-tool": "opensc",
    "softhsm2-util": "softhsm2",
    "valgrind": "valgrind",
}
_ENVIRONMENT = {"TCP_NODELAY": "1", "LC_ALL": "C.UTF-8"}
"""TCP_NODELAY is read by DCMTK; without it Nagle's algorithm makes its peers 14 times slower."""


class Outcome(NamedTuple):
    """What a program that ended left behind: its exit code, and standard output and error as one text."""

    exit_code: int
    text: str


def require(tool: str) -> str:
    """Return the path of `tool`; skip the test if it is missing, or fail it if SEALGATE_REQUIRE_PEERS is 1.

    Our own virtual environment is passed over, since pynetdicom puts programs named storescp and storescu there.
    """
    own = Path(sys.executable).parent
    places = [*os.get_exec_path(), "/usr/sbin", "/usr/local/sbin"]
    path = shutil.which(tool, path=os.pathsep.join(place for place in places if Path(place) != own))
    if path is not None:
        return path
    reason = f"{tool} is not installed: apt-get install {_PACKAGES.get(tool, 'dcmtk')}"
    if os.environ.get("SEALGATE_REQUIRE_PEERS") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment in which peers run: ours, TCP_NODELAY, a fixed locale, and `extra`."""
    return {**os.environ, **_ENVIRONMENT, **(extra or {})}


def run(
    tool: str,
    *arguments: object,
    cwd: Path | None = None,
    environ: Mapping[str, str] | None = None,
    seconds: float = RUN_SECONDS,
) -> Outcome:
    """Run `tool` to its end with no standard input; a program that runs longer than `seconds` fails the test."""
    command = [require(tool), *map(str, arguments)]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env=environment(environ),
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise AssertionError(f"{tool} still ran after {seconds:g} s") from error
    return Outcome(done.returncode, done.stdout.decode("utf-8", errors="replace"))


def dcmsign(*arguments: object, seconds: float = RUN_SECONDS) -> Outcome:
    """Run DCMTK's dcmsign, such as ``dcmsign("--verify", "+cf", certificate, path)``."""
    return run("dcmsign", *arguments, seconds=seconds)


def storescu(
    port: int, paths: Sequence[Path], *options: object, called: str = "ANY-SCP", calling: str = "STORESCU"
) -> Outcome:
    """Send `paths` with DCMTK's storescu to `port` on loopback; `options` are such as ``"+tls", key, certificate``."""
    return run("storescu", "-aet", calling, "-aec", called, *options, LOOPBACK, port, *paths)


def dcmsend(
    port: int, paths: Sequence[Path], *options: object, called: str = "ANY-SCP", calling: str = "DCMSEND"
) -> Outcome:
    """Send `paths` with DCMTK's dcmsend to `port` on loopback; `options` are such as ``"+tls", key, certificate``."""
    return run("dcmsend", "-aet", calling, "-aec", called, *options, LOOPBACK, port, *paths)


def echoscu(port: int, *options: object, called: str = "ANY-SCP", calling: str = "ECHOSCU") -> Outcome:
    """Send a C-ECHO with DCMTK's echoscu to `port` on loopback."""
    return run("echoscu", "-aet", calling, "-aec", called, *options, LOOPBACK, port)


def openssl(*arguments: object) -> Outcome:
    """Run the openssl command."""
    return run("openssl", *arguments)


@dataclass(frozen=True, slots=True, kw_only=True)
class Storescp:
    """A running storescp of DCMTK."""

    port: int
    ae_title: str
    directory: Path
    log: Path
    process: subprocess.Popen[bytes]

    def received(self) -> list[Path]:
        """Return the files that storescp has written, in sorted order."""
        return sorted(path for path in self.directory.rglob("*") if path.is_file())


@contextmanager
def storescp(
    directory: Path, *options: object, ae_title: str = "STORESCP", port: int | None = None
) -> Iterator[Storescp]:
    """Run storescp, which writes to `directory`, until the block ends.

    `options` are those of storescp, such as ``"+B", "+xa"`` or ``"+tls", key, certificate``. A `port` is given where
    a peer must come back where it was; otherwise the kernel chooses one. The log lies beside `directory`.
    """
    tool = require("storescp")
    directory.mkdir(parents=True, exist_ok=True)
    log = directory.with_name(f"{directory.name}.storescp.log")

    def command(chosen: int) -> list[str]:
        return [tool, "-aet", ae_title, "-od", str(directory), *map(str, options), str(chosen)]

    with _started(command, port, log) as (process, chosen):
        yield Storescp(port=chosen, ae_title=ae_title, directory=directory, log=log, process=process)


@dataclass(frozen=True, slots=True, kw_only=True)
class Orthanc:
    """A running Orthanc with a store of its own."""

    port: int
    http_port: int
    ae_title: str
    log: Path
    process: subprocess.Popen[bytes]

    def instances(self) -> list[str]:
        """Return Orthanc's own identifiers of the instances that it holds, in sorted order."""
        found: list[str] = json.loads(self.get("/instances"))
        return sorted(found)

    def read(self, instance: str) -> bytes:
        """Return the Part 10 file that Orthanc holds for one of its identifiers."""
        return self.get(f"/instances/{instance}/file")

    def get(self, path: str) -> bytes:
        """Return the body of a GET request to Orthanc's REST interface; anything but status 200 fails the test."""
        connection = http.client.HTTPConnection(LOOPBACK, self.http_port, timeout=RUN_SECONDS)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            body = response.read()
        finally:
            connection.close()
        assert response.status == http.HTTPStatus.OK, f"Orthanc answered {response.status} to GET {path}"
        return body


@contextmanager
def orthanc(
    directory: Path,
    *,
    ae_title: str = "ORTHANC",
    port: int | None = None,
    http_port: int | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Iterator[Orthanc]:
    """Run Orthanc without TLS on loopback with its store in `directory` until the block ends.

    `settings` are laid over the configuration below, under the names of Orthanc's own configuration file.
    """
    tool = require("Orthanc")
    directory.mkdir(parents=True, exist_ok=True)
    rest = http_port if http_port is not None else free_port()
    log = directory / "orthanc.log"

    def command(chosen: int) -> list[str]:
        configuration = {**_orthanc_defaults(directory, ae_title, chosen, rest), **(settings or {})}
        path = directory / "orthanc.json"
        path.write_text(json.dumps(configuration, indent=2), encoding="utf-8")
        return [tool, str(path)]

    with _started(command, port, log, also=rest) as (process, chosen):
        yield Orthanc(port=chosen, http_port=rest, ae_title=ae_title, log=log, process=process)


def _orthanc_defaults(directory: Path, ae_title: str, port: int, http_port: int) -> dict[str, Any]:
    return {
        "Name": ae_title,
        "StorageDirectory": str(directory / "store"),
        "IndexDirectory": str(directory / "store"),
        "DicomAet": ae_title,
        "DicomPort": port,
        "DicomCheckCalledAet": False,
        "DicomAlwaysAllowEcho": True,
        "DicomAlwaysAllowStore": True,
        "DicomTlsEnabled": False,
        "AcceptedTransferSyntaxes": ["1.2.840.10008.1.*"],
        "UnknownSopClassAccepted": True,
        "HttpPort": http_port,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "SslEnabled": False,
        "Plugins": [],
        "SaveJobs": False,
        "StableAge": 60,
    }


@contextmanager
def _started(
    command: Callable[[int], list[str]], port: int | None, log: Path, *, also: int | None = None
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Start ``command(port)`` and wait until it listens; try another port where the kernel's choice was taken."""
    process, chosen = _start(command, port, log, also)
    try:
        yield process, chosen
    finally:
        stop(process)


def _start(
    command: Callable[[int], list[str]], port: int | None, log: Path, also: int | None
) -> tuple[subprocess.Popen[bytes], int]:
    for _ in range(STARTS if port is None else 1):
        chosen = free_port() if port is None else port
        arguments = command(chosen)
        with log.open("ab") as output:
            process = subprocess.Popen(
                arguments, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=environment()
            )
        ports = (chosen,) if also is None else (chosen, also)
        try:
            wait_until(partial(_is_up_or_gone, process, ports), f"{Path(arguments[0]).name} listening on {ports}")
        except BaseException:  # the process must not outlive the test, whatever ended the wait
            stop(process)
            raise
        if process.poll() is None:
            return process, chosen
    raise AssertionError(f"{arguments[0]} ended with {process.returncode}:\n{log.read_text(errors='replace')}")


def _is_up_or_gone(process: subprocess.Popen[bytes], ports: Sequence[int]) -> bool:
    return process.poll() is not None or all(map(is_listening, ports))


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process with SIGTERM, and with SIGKILL if it does not go within STOP_SECONDS."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
