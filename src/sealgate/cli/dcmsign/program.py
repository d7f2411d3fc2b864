"""One run of dcmsign from the words of its command line to its exit code."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from sealgate.cli.dcmsign.codes import Code, Ended
from sealgate.cli.dcmsign.command_line import Arguments, UsageError, expanded, parse
from sealgate.cli.dcmsign.messages import Level, write_error
from sealgate.cli.dcmsign.run import Run
from sealgate.cli.dcmsign.settings import Command, Settings, settle
from sealgate.errors import SealgateError

if TYPE_CHECKING:
    from sealgate.cli.dcmsign.credentials import Credentials
    from sealgate.dicom.part10 import DataSet
    from sealgate.dicom.scan import Carrier
    from sealgate.dicom.splice import Edit


def run(argv: list[str]) -> int:
    """Run dcmsign with the arguments `argv` and return its exit code."""
    this = Run()
    try:
        words = expanded(argv)
        if not words:
            return _show_usage()
        arguments = parse(words)
        if arguments.is_exclusive:
            return _show(arguments)
        if arguments.has("--arguments"):
            _show_arguments(arguments)
        this.use_named_dictionaries()
        settings = settle(arguments, this)
    except UsageError as error:
        if this.messages.level <= Level.WARN:
            from sealgate.cli.dcmsign.usage import header

            write_error(f"{header()}error: {error}\n")
        return Code.COMMANDLINE_SYNTAX_ERROR
    except Ended as end:
        return end.code
    return _performed(settings, this)


def _performed(settings: Settings, this: Run) -> int:
    try:
        return _perform(settings, this)
    except Ended as end:
        return end.code
    except SealgateError as error:
        # Every step says itself what it cannot do; what comes here is about the input, found late.
        this.messages.fatal(f"{error}: reading file: {settings.input}")
        return Code.CANNOT_READ_INPUT_FILE
    finally:
        if settings.dump is not None:
            settings.dump.close()


def _perform(settings: Settings, run: Run) -> int:
    """Read, load certificate and key, do what the command says, and write, in dcmsign's order; the exit code.

    Raises Ended, and SealgateError.
    """
    if run.messages.level <= Level.DEBUG:
        from sealgate.cli.dcmsign.usage import IDENTIFICATION

        run.messages.debug(f"{IDENTIFICATION}\n")
    if not settings.input:
        run.messages.fatal("invalid filename: <empty string>")
        raise Ended(Code.NO_INPUT_FILES)
    run.messages.info(f"open input file {settings.input}")
    from sealgate.cli.dcmsign.reading import read

    data_set, carrier = read(settings, run)
    credentials = None
    if settings.key_file is not None:
        from sealgate.cli.dcmsign.credentials import load

        credentials = load(settings, run)
    if settings.command is Command.VERIFY:
        from sealgate.cli.dcmsign.verification import verify

        return verify(data_set, carrier, settings, run)
    edits = _edits(data_set, carrier, credentials, settings, run)
    from sealgate.cli.dcmsign.output import write

    write(data_set, carrier, edits, settings, run)
    return Code.NO_ERROR


def _edits(
    data_set: DataSet, carrier: Carrier, credentials: Credentials | None, settings: Settings, run: Run
) -> tuple[Edit, ...]:
    """What a command changes in the data set."""
    if settings.command is Command.INSERT_TIMESTAMP:
        from sealgate.cli.dcmsign.timestamp_insertion import insert

        assert settings.timestamp is not None
        return insert(carrier, settings.timestamp, run)
    if settings.command.signs:
        from sealgate.cli.dcmsign.signing import sign

        assert credentials is not None
        return sign(data_set, carrier, credentials, settings, run)
    from sealgate.cli.dcmsign.removal import remove, remove_all

    if settings.command is Command.REMOVE:
        return remove(carrier, settings.location, run)
    return remove_all(carrier, run)


def _show(arguments: Arguments) -> int:
    """Show what an option asks for that ends the run: help comes before the version, and that before the purposes."""
    from sealgate.cli.dcmsign import usage

    if arguments.has("--help"):
        return _show_usage()
    sys.stdout.write(usage.version() if arguments.has("--version") else usage.purposes())
    return Code.NO_ERROR


def _show_usage() -> int:
    from sealgate.cli.dcmsign.usage import usage

    sys.stdout.write(usage())
    return Code.NO_ERROR


def _show_arguments(arguments: Arguments) -> None:
    """Show the words of the command line, whatever the level of messages is; empty ones are counted only."""
    shown = "".join(f"'{word}' " for word in arguments.words if word)
    write_error(f"I: calling 'dcmsign' with {len(arguments.words)} arguments: {shown}\nI: \n")
