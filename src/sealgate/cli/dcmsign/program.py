"""One run of dcmsign from the words of its command line to its exit code."""

from __future__ import annotations

import sys

from sealgate.cli.dcmsign.codes import Code, Ended
from sealgate.cli.dcmsign.command_line import Arguments, UsageError, expanded, parse
from sealgate.cli.dcmsign.messages import Level, write_error
from sealgate.cli.dcmsign.run import Run
from sealgate.cli.dcmsign.settings import Settings, settle
from sealgate.cli.dcmsign.work import perform
from sealgate.errors import SealgateError


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
        return perform(settings, this)
    except Ended as end:
        return end.code
    except SealgateError as error:
        # Every step says itself what it cannot do; what comes here is about the input, found late.
        this.messages.fatal(f"{error}: reading file: {settings.input}")
        return Code.CANNOT_READ_INPUT_FILE
    finally:
        if settings.dump is not None:
            settings.dump.close()


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
