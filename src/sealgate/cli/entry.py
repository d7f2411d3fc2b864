"""The entry point of `sealgate`: hands over to `sealgate dcmsign` or to the commands, importing no more than that."""

from __future__ import annotations

import errno
import gc
import os
import sys
from collections.abc import Sequence

DCMSIGN = "dcmsign"
"""The command that is no Typer one: DCMTK's options do not follow any convention that Typer knows."""
INTERRUPTED = 130
"""128 and the number of SIGINT, as shells report it."""
OUTPUT_NOT_WRITABLE = 40
"""`ExitCode.OUTPUT`, which dcmsign has too; to import it would cost more than to start."""

GARBAGE_THRESHOLD = 50_000
"""Objects made since the last collection that start the next one; the interpreter's own 700 suit small programs."""


def main() -> None:
    """Run the command line of this process and end it with the exit code."""
    arguments = sys.argv[1:]
    # Modules are no garbage: without this, a tenth of the time to start goes into looking for some.
    gc.set_threshold(GARBAGE_THRESHOLD)
    if arguments[:1] != [DCMSIGN]:
        from sealgate.cli.app import main as main_of_commands

        main_of_commands()
        return
    try:
        code = _dcmsign(arguments[1:])
    except KeyboardInterrupt:
        code = INTERRUPTED
    except OSError as error:
        if error.filename is not None or error.errno not in (errno.EPIPE, errno.ENOSPC):
            raise  # files that the command opens have errors of their own, so this is a mistake of ours
        code = _not_written(error, 0)
    sys.exit(_flushed(code))


def _dcmsign(arguments: Sequence[str]) -> int:
    from sealgate.cli.dcmsign import main as main_of_dcmsign

    if not sys.warnoptions:
        import warnings

        warnings.simplefilter("ignore")  # what libraries say about odd certificates is said by us in dcmsign's words
    return int(main_of_dcmsign(list(arguments)))


def _flushed(code: int) -> int:
    """Write out what standard output still holds and return `code`, or the code for output if it cannot be written."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        return _not_written(error, code)
    return code


def _not_written(error: OSError, code: int) -> int:
    """The exit code where standard output could not be written; whoever read a pipe and left has seen enough."""
    # Without this Python would try once more at its own end, and complain in its own words.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if error.errno == errno.ENOSPC and code == 0:
        print("F: cannot write to standard output: no space is left under it", file=sys.stderr)  # noqa: T201
        return OUTPUT_NOT_WRITABLE
    return code
