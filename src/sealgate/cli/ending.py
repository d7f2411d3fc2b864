"""How a process ends: after a signal with nothing half written left behind, and never silently without its output."""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType

INTERRUPTED = 130
"""128 and the number of SIGINT, as shells report it."""
OUTPUT_NOT_WRITABLE = 40
"""`ExitCode.OUTPUT`, which dcmsign has too; to import it would cost more than to start."""
OUTPUT_FULL = "cannot write to standard output: no space is left under it"


def unwind_on_signals() -> None:
    """Let SIGTERM and SIGHUP raise SystemExit, so that files in the making go and worker processes end.

    A signal that is ignored, as under nohup, stays so.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, unwind)


def unwind(number: int, _frame: FrameType | None) -> None:
    """Handle a signal: raise SystemExit with the exit code by which shells report it."""
    raise SystemExit(128 + number)


def flushed(code: int, complain: Callable[[str], object]) -> int:
    """Write out what standard output still holds and return `code`; where that fails, what `not_written` says."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        return not_written(error, code, complain)
    return code


def not_written(error: OSError, code: int, complain: Callable[[str], object]) -> int:
    """The exit code where standard output could not be written; whoever read a pipe and left has seen enough."""
    # Without this Python would try once more at its own end, and complain in its own words.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if error.errno == errno.ENOSPC and code == 0:
        complain(OUTPUT_FULL)
        return OUTPUT_NOT_WRITABLE
    return code
