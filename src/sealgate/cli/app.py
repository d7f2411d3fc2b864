"""The command `sealgate`: a table of its commands, of which only the one that is called is imported."""

from __future__ import annotations

import errno
import importlib
import io
import logging
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import typer

from sealgate import __version__
from sealgate.cli.ending import INTERRUPTED, OUTPUT_FULL, flushed
from sealgate.cli.exit_codes import ExitCode, exit_code_of
from sealgate.cli.writing import printable
from sealgate.errors import SealgateError

PROGRAM = "sealgate"
READER_LEFT = 141
"""128 and the number of SIGPIPE, as shells report it: nobody read on, so the command ended before its work was done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command: its name, what the overview says about it, and where its function or Typer application is."""

    name: str
    help: str
    module: str
    attribute: str

    def load(self) -> object:
        """Import the command's module and return its function, or the Typer application of its subcommands."""
        return getattr(importlib.import_module(self.module), self.attribute)


COMMANDS = tuple(
    Command(name=name, module=f"sealgate.cli.{name}", attribute=attribute, help=text)
    for name, attribute, text in (
        ("sign", "sign", "Sign DICOM files; nothing else in them changes."),
        ("verify", "verify", "Verify every signature in DICOM files and folders."),
        ("inspect", "inspect", "Show what signatures files have, without judging them."),
        ("remove", "remove", "Remove signatures; the bytes from before come back."),
        ("timestamp", "timestamp_app", "Put certified timestamps (RFC 3161) on signatures."),
        ("purposes", "purposes", "List the purposes that a signature may state."),
        ("serve", "serve", "Run the gateway: receive, sign or verify, and forward."),
        ("send", "send", "Send DICOM files to a node by C-STORE, byte for byte."),
        ("echo", "echo", "Ask a node by C-ECHO whether it is there."),
        ("queue", "queue_app", "See and steer what waits for delivery."),
        ("audit", "audit_app", "Search the register of what came in and went out."),
        ("ca", "ca_app", "Make example certificates for TLS and signing."),
    )
)


DCMSIGN = Command(
    name="dcmsign",
    help="Everything that DCMTK's dcmsign does, with its options and exit codes.",
    module="sealgate.cli.dcmsign",
    attribute="main",
)
"""No Typer command, since DCMTK's options follow no convention that Typer knows: it gets its arguments as they are."""


def application(called: str | None) -> typer.Typer:
    """Return the Typer application in which only the command `called` is more than its line in the overview."""
    app = typer.Typer(
        name=PROGRAM, callback=_options, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None
    )
    for command in COMMANDS:
        loaded = command.load() if command.name == called else _not_loaded
        if isinstance(loaded, typer.Typer):
            app.add_typer(loaded, name=command.name, help=command.help)
        elif callable(loaded):
            app.command(command.name, help=None if command.name == called else command.help)(loaded)
        else:
            raise RuntimeError(f"{command.module}.{command.attribute} is no command")
    app.command(DCMSIGN.name, help=DCMSIGN.help)(_not_loaded)
    return app


def run(arguments: Sequence[str]) -> int:
    """Run `sealgate` with `arguments` and return its exit code; what went wrong is one sentence on standard error."""
    called = next((argument for argument in arguments if not argument.startswith("-")), None)
    if arguments[:1] == [DCMSIGN.name]:
        main_of_dcmsign = DCMSIGN.load()
        assert callable(main_of_dcmsign)
        return int(main_of_dcmsign(list(arguments[1:])))
    try:
        plain = _called_plainly(called, arguments)
        if plain is None:
            app = application(called)
            result = app(list(arguments) or ["--help"], prog_name=PROGRAM, standalone_mode=False)
        else:
            (result,) = plain
    except SealgateError as error:
        return _complain(str(error), exit_code_of(error))
    except typer.TyperException as error:
        message = error.format_message().removesuffix(".").removeprefix("Invalid value: ")
        return _complain(f"{message.replace('Value error, ', '')} (see {_help_of(error, called)})", ExitCode.USAGE)
    except typer.Abort:
        return _complain("nothing was done", ExitCode.USAGE)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EPIPE) or error.filename is not None:
            raise  # files that commands open have errors of their own, so this is a mistake of ours
        if error.errno == errno.EPIPE:
            return READER_LEFT
        return _complain(OUTPUT_FULL, ExitCode.OUTPUT)
    return result if isinstance(result, int) else ExitCode.OK


def _called_plainly(called: str | None, arguments: Sequence[str]) -> tuple[object] | None:
    """Run a command whose command line is plain; what it returned in a tuple, or None where Typer has to read it."""
    command = next((command for command in COMMANDS if command.name == called), None)
    if command is None or arguments[0] != called:
        return None
    function = command.load()
    if isinstance(function, typer.Typer) or not callable(function):
        return None
    from sealgate.cli.plain import call

    return call(function, arguments[1:])


def main() -> None:
    """Run the command line of this process and end it with the exit code."""
    if not sys.warnoptions:
        # Libraries warn, and log, about odd certificates of peers in words of their own; ours are in the facts.
        warnings.simplefilter("ignore")
    logging.getLogger("pyhanko_certvalidator").addHandler(logging.NullHandler())
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names of files may hold what its encoding has not
    try:
        code = run(sys.argv[1:])
    except KeyboardInterrupt:
        code = _complain("interrupted", INTERRUPTED)
    sys.exit(flushed(code, lambda sentence: _complain(sentence, ExitCode.OUTPUT)))


def _complain(sentence: str, code: int) -> int:
    typer.echo(f"{PROGRAM}: {printable(sentence)}", err=True)
    return code


def _help_of(error: typer.TyperException, called: str | None) -> str:
    """How to ask for the help of the command, or of the subcommand, that an error is about."""
    context = getattr(error, "ctx", None)
    if context is not None:
        return f"{context.command_path} --help"
    is_known = any(command.name == called for command in COMMANDS)
    return f"{PROGRAM} {called} --help" if is_known else f"{PROGRAM} --help"


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"{PROGRAM} {__version__}")
        raise typer.Exit


def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Sign and verify DICOM instances by PS3.15, as a gateway on the network or file by file."""


def _not_loaded() -> None:
    """Stand in for a command that is only named in the overview."""
    raise RuntimeError("a command that was not called cannot run")
