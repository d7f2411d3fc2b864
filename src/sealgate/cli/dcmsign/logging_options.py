"""How much is said: --quiet, --verbose, --debug, --log-level, and what a log configuration says of it."""

from __future__ import annotations

import os
import re
from pathlib import Path

from sealgate.cli.dcmsign.command_line import Arguments, UsageError
from sealgate.cli.dcmsign.messages import Level
from sealgate.cli.dcmsign.run import Run

MAX_LOG_CONFIGURATION_BYTES = 1 << 20
"""DCMTK's own example has 6 kB."""

_SETTING = r"[ \t]*([^#!=\s][^=\s]*)[ \t]*=[ \t]*(.*?)[ \t\r]*"
_PREFIX = "log4cplus."
_ROOT = "log4cplus.rootLogger"


def set_level(arguments: Arguments, run: Run) -> None:
    """Set the level of messages. Raises UsageError."""
    levels = {"--debug": Level.DEBUG, "--verbose": Level.INFO, "--quiet": Level.FATAL}
    level = Level.WARN
    plain = ""
    for occurrence in arguments.block(levels):
        plain, level = occurrence.long, levels[occurrence.long]
    asked = None
    for occurrence in arguments.block(("--log-level",)):
        if plain:
            raise UsageError("--log-level not allowed with --verbose, --debug or --quiet")
        asked = _level(occurrence.values[0])
        if asked is None:
            raise UsageError("Invalid log level for --log-level option")
        level = asked
    for occurrence in arguments.block(("--log-config",)):
        if plain:
            raise UsageError("--log-config not allowed with --verbose, --debug or --quiet")
        if asked is not None:
            raise UsageError("--log-config not allowed with --log-level")
        level = _level_of_file(occurrence.values[0])
    run.messages.level = level


def _level(text: str) -> Level | None:
    return Level.__members__.get(text.upper())


def _level_of_file(name: str) -> Level:
    """The level of the root logger; where its messages go, and in which form, is not followed. Raises UsageError."""
    if not Path(name).is_file():
        raise UsageError("Specified --log-config file does not exist")
    try:
        with Path(name).open("rb") as file:
            text = file.read(MAX_LOG_CONFIGURATION_BYTES).decode("latin-1")
    except OSError as error:
        raise UsageError("Specified --log-config file cannot be read") from error
    settings = {
        match[1]: os.path.expandvars(match[2]) for line in text.split("\n") if (match := re.fullmatch(_SETTING, line))
    }
    if not settings:
        raise UsageError("Specified --log-config file does not contain any settings")
    if not any(key.startswith(_PREFIX) for key in settings):
        raise UsageError("Specified --log-config file does not contain any valid settings")
    if _ROOT not in settings:
        raise UsageError("Specified --log-config file does not set up log4cplus.rootLogger")
    return _level(settings[_ROOT].partition(",")[0].strip()) or Level.WARN
