"""What `send` and `echo` have in common: the options that say which node is meant, and how it is spoken to."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sealgate.errors import ConfigurationError
from sealgate.node.requestor import RemoteNode
from sealgate.node.tls import client_context

Host = Annotated[str, typer.Argument(metavar="HOST", help="Host name or IP address of the node.", show_default=False)]
Port = Annotated[int, typer.Argument(metavar="PORT", help="TCP port of the node.", show_default=False)]
CallingAeTitle = Annotated[str, typer.Option("--calling-ae-title", metavar="TITLE", help="AE title of our side.")]
CalledAeTitle = Annotated[str, typer.Option("--called-ae-title", metavar="TITLE", help="AE title of the node.")]
Tls = Annotated[
    tuple[Path, Path] | None,
    typer.Option("--tls", metavar="KEY CERT", help="Use TLS, with our key and certificate (PEM)."),
]
ServerCa = Annotated[
    Path | None,
    typer.Option("--server-ca", metavar="FILE", help="Use TLS, and trust nodes with a certificate of this CA (PEM)."),
]
CheckHostname = Annotated[
    bool, typer.Option("--check-hostname", help="The name in the node's certificate must be HOST.")
]
PasswordFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="File whose first line is the password of KEY. Default: ask."),
]

DEFAULT_CALLING_AE_TITLE = "SEALGATE"
DEFAULT_CALLED_AE_TITLE = "ANY-SCP"


def remote_node(
    host: str,
    port: int,
    *,
    calling_ae_title: str,
    called_ae_title: str,
    tls: tuple[Path, Path] | None,
    server_ca: Path | None,
    check_hostname: bool,
    password_file: Path | None,
) -> RemoteNode:
    """The node that the options name. Raises ConfigurationError, KeyUnusable."""
    context = None
    if server_ca is not None:
        from sealgate.cli.passwords import password_of  # keys are read by a library that takes longer to import

        key, certificate = tls or (None, None)
        context = client_context(
            server_ca=server_ca,
            key=key,
            certificate=certificate,
            password=password_of(key, password_file),
            check_hostname=check_hostname,
        )
    elif tls is not None or check_hostname:
        raise ConfigurationError("TLS needs --server-ca FILE: without a CA nobody knows which node has answered")
    return RemoteNode(
        host=host, port=port, called_ae_title=called_ae_title, calling_ae_title=calling_ae_title, tls=context
    )
