"""`sealgate serve`: run the gateway, from a configuration file or, in the role of storescp, from options."""

from __future__ import annotations

import os
import re
import signal
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from sealgate.errors import ConfigurationError
from sealgate.node import logs
from sealgate.node.config import Configuration, checked, load
from sealgate.node.limits import AssociationLimits
from sealgate.node.service import Gateway

_FORWARD = re.compile(r"([^@]+)@(.+):(\d+)")
_ENDING = (signal.SIGTERM, signal.SIGINT)
_ENDED_AT_ONCE = 1
"""Exit code after a second SIGTERM or SIGINT."""


def serve(
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="TOML file; then no other option is taken.")
    ] = None,
    port: Annotated[int | None, typer.Option(metavar="N", help="TCP port; 0 lets the system choose one.")] = None,
    ae_title: Annotated[str, typer.Option(metavar="AET", help="Our AE title.")] = "SEALGATE",
    output_dir: Annotated[Path | None, typer.Option(metavar="DIR", help="Write what comes to this folder.")] = None,
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Address to listen on; 0.0.0.0 for all.")] = "127.0.0.1",
    forward: Annotated[
        str | None, typer.Option(metavar="AET@HOST:PORT", help="Forward what comes to this node by C-STORE.")
    ] = None,
    sign: Annotated[
        tuple[Path, Path] | None, typer.Option(metavar="KEY CERT", help="Sign what comes with this key.")
    ] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Verify what comes; hold what is not valid.")] = False,
    ca: Annotated[Path | None, typer.Option(metavar="FILE", help="Trust anchors of signatures.")] = None,
    tls: Annotated[tuple[Path, Path] | None, typer.Option(metavar="KEY CERT", help="TLS; needs --client-ca.")] = None,
    client_ca: Annotated[Path | None, typer.Option(metavar="FILE", help="CA of the TLS clients.")] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Queue and register. Default: a folder for the port in ~/.local/state."),
    ] = None,
) -> int:
    """Run the gateway until SIGTERM or SIGINT; a second one ends it at once.

    With --config FILE everything comes from the file. Without it this is a storage SCP in one line, which takes every
    calling and called AE title on this machine's loopback address and passes on what comes, signed or verified if
    asked.

    Exit codes: 0 ended in order, 1 usage or ended at once, 2 configuration (a port in use too), 20 a file unreadable,
    22 key or certificate unusable, 60 data directory unusable or in use.

    Example: sealgate serve --port 10400 --ae-title PACS --output-dir pacs --sign signer.key signer.pem
    """
    if config is not None:
        if port is not None or output_dir or forward or sign or verify or tls or data_dir:
            raise ConfigurationError("--config takes everything from the file; leave the other options away")
        configuration = load(config)
    else:
        if port is None:
            raise ConfigurationError("give --config FILE, or --port N for a storage SCP in one line")
        tables: dict[str, Any] = {
            "node": {
                "ae_title": ae_title,
                "any_called_ae_title": True,
                "data_dir": data_dir or _default_data_dir(port),
                "not_for_clinical_use": True,
            },
            "listener": [{"name": "dicom", "address": host, "port": port} | _tls(tls, client_ca)],
            "source": [{"name": "any"} | _treatment(sign, verify=verify)],
            "identity": [{"name": "signer", "key": sign[0], "certificate": sign[1]}] if sign else [],
            "destination": _destinations(output_dir, forward),
            "trust": {"anchors": [ca] if ca else []},
        }
        configuration = checked(tables, name="made from the options", folder=Path.cwd())
    logs.configure(configuration.log)
    return run(configuration)


def _default_data_dir(port: int) -> Path:
    state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    return state / "sealgate" / f"port-{port}"


def _tls(tls: tuple[Path, Path] | None, client_ca: Path | None) -> dict[str, object]:
    if tls is None and client_ca is None:
        return {}
    if tls is None or client_ca is None:
        raise ConfigurationError("--tls KEY CERT and --client-ca FILE go together: clients need a certificate too")
    return {"tls": {"key": tls[0], "certificate": tls[1], "client_ca": client_ca}}


def _treatment(sign: tuple[Path, Path] | None, *, verify: bool) -> dict[str, object]:
    if sign and verify:
        return {"action": "verify-and-sign", "identity": "signer"}
    if sign:
        return {"action": "sign", "identity": "signer"}
    return {"action": "verify" if verify else "pass"}


def _destinations(output_dir: Path | None, forward: str | None) -> list[dict[str, object]]:
    destinations: list[dict[str, object]] = []
    if output_dir is not None:
        destinations.append({"name": "folder", "directory": output_dir})
    if forward is not None:
        match = _FORWARD.fullmatch(forward)
        if match is None:
            raise ConfigurationError(f"--forward {forward!r} must be AET@HOST:PORT, such as PACS@127.0.0.1:104")
        destinations.append({"name": "node", "ae_title": match[1], "host": match[2], "port": int(match[3])})
    if not destinations:
        raise ConfigurationError("say where instances go: --output-dir DIR, --forward AET@HOST:PORT, or both")
    return destinations


def run(configuration: Configuration, limits: AssociationLimits | None = None) -> int:
    """Run a gateway until a signal ends it; exit code 0."""
    # Blocked here, and so in every thread that is started later: a signal that the kernel gives to one of those would
    # not wake this thread, and the end would never come.
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    with Gateway(configuration, limits) as gateway:
        _announce(configuration, gateway)
        signal.sigwait(_ENDING)
        for number in _ENDING:
            signal.signal(number, lambda _number, _frame: os._exit(_ENDED_AT_ONCE))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
    return 0


def _announce(configuration: Configuration, gateway: Gateway) -> None:
    for section, (address, port) in zip(configuration.listener, gateway.addresses, strict=True):
        security = "TLS with client certificates" if section.tls else "plain"
        typer.echo(
            f"listening on {address}:{port} ({section.name}: {security}, AE title {configuration.node.ae_title})"
        )
    for source in configuration.source:
        destinations = ", ".join(configuration.destinations_of(source))
        typer.echo(f"source {source.name}: {source.action.value}, then to {destinations}")
    sys.stdout.flush()
