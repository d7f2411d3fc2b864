"""The entry point of `sealgate`: hands over to `sealgate dcmsign` or to the commands, importing no more than that."""

from __future__ import annotations

import errno
import gc
import sys
from collections.abc import Sequence

from sealgate.cli.ending import INTERRUPTED, flushed, not_written, unwind_on_signals

DCMSIGN = "dcmsign"
"""The command that is no Typer one: DCMTK's options do not follow any convention that Typer knows."""
GARBAGE_THRESHOLD = 50_000
"""Objects made since the last collection that start the next one; the interpreter's own 700 suit small programs."""


def main() -> None:
    """Run the command line of this process and end it with the exit code."""
    arguments = sys.argv[1:]
    # Modules are no garbage: without this, a tenth of the time to start goes into looking for some.
    gc.set_threshold(GARBAGE_THRESHOLD)
    unwind_on_signals()
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
        code = not_written(error, 0, _complain)
    sys.exit(flushed(code, _complain))


def _dcmsign(arguments: Sequence[str]) -> int:
    from sealgate.cli.dcmsign import main as main_of_dcmsign

    if not sys.warnoptions:
        import warnings

        warnings.simplefilter("ignore")  # what libraries say about odd certificates is said by us in dcmsign's words
    return int(main_of_dcmsign(list(arguments)))


def _complain(sentence: str) -> None:
    print(f"F: {sentence}", file=sys.stderr)  # noqa: T201
