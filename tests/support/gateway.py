"""The gateway and the other commands of `sealgate` as processes, run from the package that the tests import."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import sealgate as package
from sealgate.node import control
from support.pki import Credential
from support.waiting import wait_until

START_SECONDS = 30.0
STOP_SECONDS = 40.0
"""More than the gateway gives to what is being received, and as much again to what is being delivered."""
RUN_SECONDS = 60.0
_LISTENING = re.compile(r"^listening on \S+:(\d+) \(([^:]+): ", re.MULTILINE)


class Completed(NamedTuple):
    """What a command that ended left behind."""

    exit_code: int
    out: str
    err: str


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment in which our commands run: this package comes first, whether it is installed or not."""
    source = str(Path(package.__file__).parents[1])
    path = os.pathsep.join(filter(None, (source, os.environ.get("PYTHONPATH"))))
    return {**os.environ, "PYTHONPATH": path, "LC_ALL": "C.UTF-8", **(extra or {})}


def command(*arguments: object) -> list[str]:
    """The command line of `sealgate` with `arguments`."""
    return [sys.executable, "-m", "sealgate", *map(str, arguments)]


def sealgate(
    *arguments: object,
    cwd: Path | None = None,
    environ: Mapping[str, str] | None = None,
    seconds: float = RUN_SECONDS,
) -> Completed:
    """Run `sealgate` to its end with no standard input; one that runs longer than `seconds` fails the test."""
    try:
        done = subprocess.run(
            command(*arguments),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            cwd=cwd,
            env=environment(environ),
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise AssertionError(f"sealgate {' '.join(map(str, arguments))} still ran after {seconds:g} s") from error
    out, err = (stream.decode("utf-8", errors="replace") for stream in (done.stdout, done.stderr))
    return Completed(done.returncode, out, err)


@dataclass(slots=True, kw_only=True)
class Gateway:
    """A running gateway."""

    process: subprocess.Popen[bytes]
    ports: Mapping[str, int]
    """By the name of the listener, in the order of the configuration."""
    data_dir: Path
    out_path: Path
    log_path: Path

    @property
    def port(self) -> int:
        """The port of the first listener."""
        return next(iter(self.ports.values()))

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    @property
    def log(self) -> str:
        """What it has written to standard error."""
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def stop(self) -> None:
        """End it with SIGTERM; anything but exit code 0 in time fails the test."""
        self.process.send_signal(signal.SIGTERM)
        self.ended(0)

    def ended(self, exit_code: int, *, seconds: float = STOP_SECONDS) -> None:
        """Wait for its end, which must have `exit_code`."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired as error:
            self.kill()
            raise AssertionError(f"the gateway had not ended after {seconds:g} s:\n{self.log}") from error
        assert self.process.returncode == exit_code, f"it ended with {self.process.returncode}:\n{self.log}"

    def kill(self) -> None:
        """End it with SIGKILL."""
        self.process.kill()
        self.process.wait()

    def ask(self, operation: str, **arguments: Any) -> Any:
        """What an operation of `sealgate queue` or `audit` answers, such as ``ask("queue_list", state="dead")``."""
        return control.call(self.data_dir, operation, arguments)

    def audit(self, limit: int = 10_000) -> list[dict[str, Any]]:
        """The register, oldest first."""
        records: list[dict[str, Any]] = self.ask("audit_list", limit=limit)
        return records[::-1]

    def unfinished(self) -> list[dict[str, Any]]:
        """Deliveries that are neither made nor given up, and held instances."""
        entries: list[dict[str, Any]] = self.ask("queue_list", limit=10_000)
        return entries

    def wait_until_delivered(self, *, deadline_seconds: float = 30.0) -> None:
        """Return when no delivery is ready or leased any more; dead ones and held instances stay."""
        wait_until(self._is_idle, "the end of all deliveries", deadline_seconds=deadline_seconds)

    def _is_idle(self) -> bool:
        return not any(row["state"] in ("ready", "leased") for row in self.ask("queue_summary")["rows"])


def identity(credential: Credential, name: str = "signer") -> dict[str, Any]:
    """The `[[identity]]` table of a key of the test authority."""
    return {"name": name, "key": credential.key_path, "certificate": credential.certificate_path}


def tls(server: Credential, client_ca: Path) -> dict[str, Any]:
    """The `tls` of a listener."""
    return {"key": server.key_path, "certificate": server.certificate_path, "client_ca": client_ca}


def write_configuration(folder: Path, tables: Mapping[str, Any]) -> Path:
    """Write gateway.toml to `folder`, with these tables for what `tables` does not name.

    One plain listener on a port of the kernel's choice, one source for everybody that is passed on, the destination
    `folder` that is the folder `received`; data in `data`, any called AE title, no reserve of free space.
    """
    node = {"data_dir": folder / "data", "any_called_ae_title": True, "min_free_mib": 0}
    complete: dict[str, Any] = {
        "listener": [{"name": "plain", "port": 0}],
        "source": [{"name": "any", "action": "pass"}],
        "destination": [{"name": "folder", "directory": folder / "received"}],
        **tables,
        "node": {**node, **tables.get("node", {})},
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "gateway.toml"
    path.write_text("".join(f"{key} = {_toml(value)}\n" for key, value in complete.items()), encoding="utf-8")
    return path


def _toml(value: object) -> str:
    """A value of TOML on one line; strings of JSON are strings of TOML too."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value, default=str)


@contextmanager
def gateway(
    folder: Path,
    *options: object,
    tables: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
    wrapper: Sequence[object] = (),
) -> Iterator[Gateway]:
    """Run `sealgate serve` until the block ends, which ends it with SIGTERM if it still runs.

    With `options`, those of the command line; --data-dir is added, and --port 0 if they name none. Otherwise with the
    configuration that `write_configuration(folder, tables)` makes. `wrapper` is a command that starts ours, such as
    prlimit. The same `folder` again is a restart of the same gateway.
    """
    folder.mkdir(parents=True, exist_ok=True)
    data_dir = folder / "data"
    if options:
        port = () if "--port" in options else ("--port", 0)
        arguments: tuple[object, ...] = (*options, *port, "--data-dir", data_dir)
        count = 1
    else:
        chosen = tables or {}
        data_dir = Path(chosen.get("node", {}).get("data_dir", data_dir))
        arguments = ("--config", write_configuration(folder, chosen))
        count = len(chosen.get("listener", ("plain",)))
    running = _start([*map(str, wrapper), *command("serve", *arguments)], folder, data_dir, count, environ)
    try:
        yield running
    except BaseException:  # the process must not outlive the test, and its own end is not what failed
        running.kill()
        raise
    if running.process.poll() is None:
        running.stop()


def _start(
    arguments: Sequence[str], folder: Path, data_dir: Path, count: int, environ: Mapping[str, str] | None
) -> Gateway:
    out_path, log_path = folder / "gateway.out", folder / "gateway.log"
    with out_path.open("wb") as out, log_path.open("wb") as log:
        process = subprocess.Popen(
            arguments, stdin=subprocess.DEVNULL, stdout=out, stderr=log, env=environment(environ)
        )
    try:
        is_up = partial(_is_up_or_gone, process, partial(_ports, out_path), count)
        wait_until(is_up, "the start of the gateway", deadline_seconds=START_SECONDS)
    except BaseException:  # as above
        process.kill()
        process.wait()
        raise
    assert process.poll() is None, f"the gateway ended with {process.returncode}:\n{log_path.read_text()}"
    return Gateway(process=process, ports=_ports(out_path), data_dir=data_dir, out_path=out_path, log_path=log_path)


def _is_up_or_gone(process: subprocess.Popen[bytes], ports: Callable[[], Mapping[str, int]], count: int) -> bool:
    return process.poll() is not None or len(ports()) == count


def _ports(out_path: Path) -> dict[str, int]:
    return {name: int(port) for port, name in _LISTENING.findall(out_path.read_text(encoding="utf-8"))}
