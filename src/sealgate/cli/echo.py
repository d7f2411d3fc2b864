"""`sealgate echo`: ask a node by C-ECHO whether it is there, the role of echoscu."""

from __future__ import annotations

from time import perf_counter

import typer

from sealgate.cli.exit_codes import ExitCode
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
from sealgate.dicom.transfer_syntax import EXPLICIT_LE, IMPLICIT_LE
from sealgate.node.dimse import Status, describe_status
from sealgate.node.negotiation import VERIFICATION_SOP_CLASS_UID
from sealgate.node.requestor import Requestor


def echo(
    host: Host,
    port: Port,
    calling_ae_title: CallingAeTitle = DEFAULT_CALLING_AE_TITLE,
    called_ae_title: CalledAeTitle = DEFAULT_CALLED_AE_TITLE,
    tls: Tls = None,
    server_ca: ServerCa = None,
    check_hostname: CheckHostname = False,
    password_file: PasswordFile = None,
) -> int:
    """Ask the node at HOST and PORT by C-ECHO whether it is there.

    Exit codes: 0 it answered, 1 usage, 2 an option does not serve, 22 key or certificate unusable, 50 the node cannot
    be reached or broke the association, 51 it rejected the association or the C-ECHO.

    Example: sealgate echo pacs.example 104 --called-ae-title PACS
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
    started = perf_counter()
    # Implicit VR is what every node takes for verification; some of our day take nothing else than explicit VR.
    contexts = [(VERIFICATION_SOP_CLASS_UID, syntax) for syntax in (IMPLICIT_LE, EXPLICIT_LE)]
    with Requestor(remote, contexts) as requestor:
        status = requestor.echo()
    if status != Status.SUCCESS:
        typer.echo(f"{remote} answered with status {describe_status(status)}", err=True)
        return ExitCode.REFUSED
    typer.echo(f"{remote} answered after {(perf_counter() - started) * 1000:.0f} ms")
    return ExitCode.OK
