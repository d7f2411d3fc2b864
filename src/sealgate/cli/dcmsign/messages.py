"""Messages as DCMTK writes them: to standard error, one prefix for each line, from a level on."""

from __future__ import annotations

import sys
from enum import IntEnum


class Level(IntEnum):
    """How much a message matters; the names are those that --log-level takes."""

    ALL = 0
    TRACE = 0
    DEBUG = 10
    INFO = 20
    WARN = 30
    ERROR = 40
    FATAL = 50
    OFF = 60


class Messages:
    """Where messages go; `level` is what the command line asks for."""

    def __init__(self, level: Level = Level.WARN) -> None:
        self.level = level

    @property
    def is_verbose(self) -> bool:
        """Whether details are shown."""
        return self.level <= Level.INFO

    def fatal(self, text: str) -> None:
        """What ends the run."""
        self._write(Level.FATAL, "F: ", text)

    def error(self, text: str) -> None:
        """What makes the run fail."""
        self._write(Level.ERROR, "E: ", text)

    def warn(self, text: str) -> None:
        """What somebody has to know, verdicts among it."""
        self._write(Level.WARN, "W: ", text)

    def info(self, text: str) -> None:
        """What is done, and details of signatures."""
        self._write(Level.INFO, "I: ", text)

    def debug(self, text: str) -> None:
        """What helps in the search for mistakes."""
        self._write(Level.DEBUG, "D: ", text)

    def _write(self, level: Level, prefix: str, text: str) -> None:
        if level >= self.level:
            write_error("".join(f"{prefix}{line}\n" for line in text.split("\n")))


def write_error(text: str) -> None:
    """Write `text` to standard error at once, where there is one; file names may hold bytes that are no UTF-8."""
    if sys.stderr is None:
        return
    if sys.stdout is not None:
        sys.stdout.flush()
    try:
        sys.stderr.write(text)
    except UnicodeEncodeError:
        sys.stderr.write(text.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))
    sys.stderr.flush()
