"""One command over many files: in this process or in several, in order, with progress, and going on after a bad one."""

from __future__ import annotations

import json
import os
import signal
import sys
import textwrap
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, Final, TextIO

import typer

from sealgate.cli.exit_codes import ExitCode, exit_code_of, gravest
from sealgate.cli.writing import colours_on, printable, styled
from sealgate.errors import ConversionImpossible, SealgateError, SignatureNotFound, TimestampError, WorkerLost
from sealgate.files.dicom_files import Found

MAX_JOBS: Final = 256
"""Processes; more than any machine that signs files has cores."""

_CHUNK: Final = 8
"""Files that a process gets at a time: enough that handing them over costs nothing, few enough that none waits long."""

_PROGRAM: Final = "sealgate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line for people, with the style of rich that it has on a terminal."""

    text: str
    style: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of one file."""

    path: str
    outcome: str
    """One stable word, which the summary counts."""
    code: ExitCode = ExitCode.OK
    lines: tuple[Line, ...] = ()
    """For standard output."""
    notes: tuple[str, ...] = ()
    """For standard error, without the name of the program."""
    document: dict[str, Any] = field(default_factory=dict)
    """What --json says of it, beside `path`, `outcome` and `exit_code`."""

    def described(self) -> dict[str, Any]:
        """The object that --json writes."""
        return {"path": self.path, "outcome": self.outcome, "exit_code": int(self.code), **self.document}


_NAMELESS: Final = (SignatureNotFound, ConversionImpossible, TimestampError)
"""Errors about a file whose sentence does not name it."""

SKIPPED: Final = "skipped"
FAILED: Final = "failed"

Work = Callable[[Found], Result]


def failed(path: object, error: SealgateError, outcome: str = FAILED) -> Result:
    """The result of a file that went wrong."""
    code, sentence = exit_code_of(error), str(error)
    notes = (f"{path}: {sentence}" if isinstance(error, _NAMELESS) else sentence,)
    return Result(path=str(path), outcome=outcome, code=code, notes=notes, document={"error": sentence})


def skipped(path: object, why: str) -> Result:
    """The result of a file in a folder that is not for the command."""
    return Result(path=str(path), outcome=SKIPPED, notes=(f"{path} is skipped: {why}",), document={"note": why})


@dataclass(frozen=True, slots=True, kw_only=True)
class Reporting:
    """How results are written."""

    verb: str
    """What the progress bar says, such as "Signing"."""
    as_json: bool = False
    """One JSON document, a list."""
    as_json_lines: bool = False
    """One JSON object a line, as soon as it is known."""
    to_error: bool = False
    """Lines for people go to standard error, since the result of the command itself goes to standard output."""
    quiet: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What came of all files."""

    code: ExitCode
    """The gravest."""
    counts: Counter[str]
    """How many had which outcome."""


def run(files: Sequence[Found], work: Work, *, jobs: int, reporting: Reporting) -> Summary:
    """Do `work` on every file and report in their order.

    Raises WorkerLost where a process of several dies.
    """
    codes: set[ExitCode] = set()
    counts: Counter[str] = Counter()
    with (
        _list(reporting) as write_element,
        _results(files, work, jobs) as results,
        _progress(reporting.verb, len(files)) as advance,
    ):
        for result in results:
            codes.add(result.code)
            counts[result.outcome] += 1
            write_element(result)
            _write(result, reporting)
            advance()
    if len(files) > 1 and not reporting.quiet:
        said = ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items()))
        typer.echo(f"{_PROGRAM}: {len(files)} files: {said}", err=True)
    return Summary(code=gravest(codes), counts=counts)


@contextmanager
def _list(reporting: Reporting) -> Iterator[Callable[[Result], object]]:
    """The list that --json writes, element by element: it is closed, and so is JSON, however the command ends."""
    if not reporting.as_json:
        yield lambda _: None
        return
    separator = ""

    def write_element(result: Result) -> None:
        nonlocal separator
        element = textwrap.indent(json.dumps(result.described(), indent=2), "  ")
        _put(sys.stdout, f"{separator}\n{element}")  # one write, which no signal comes into
        separator = ","

    try:
        _put(sys.stdout, "[")
        yield write_element
    finally:
        _put(sys.stdout, "\n]\n" if separator else "]\n")


def _write(result: Result, reporting: Reporting) -> None:
    if reporting.as_json_lines:
        typer.echo(json.dumps(result.described()))
    elif not reporting.as_json and result.lines:
        stream = sys.stderr if reporting.to_error else sys.stdout
        colours = colours_on(stream)
        texts = ((printable(line.text), line.style) for line in result.lines)
        _put(stream, "".join(f"{styled(text, style) if colours else text}\n" for text, style in texts))
    for note in result.notes:
        _put(sys.stderr, f"{_PROGRAM}: {printable(note)}\n")


def _put(stream: TextIO | None, text: str) -> None:
    """Write to a stream of this process, which is None where it was closed before the process began."""
    if stream is not None:
        stream.write(text)


@contextmanager
def _results(files: Sequence[Found], work: Work, jobs: int) -> Iterator[Iterable[Result]]:
    jobs = min(processes(jobs), (len(files) + _CHUNK - 1) // _CHUNK)
    if jobs <= 1:
        yield map(work, files)
        return
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool
    from multiprocessing import get_context

    # A forked process has the key and all modules already. The pool forks before it starts a thread of its own.
    pool = ProcessPoolExecutor(jobs, mp_context=get_context("fork"), initializer=_begin, initargs=(work,))
    try:
        yield pool.map(_adopted, files, chunksize=_CHUNK)
    except BrokenProcessPool as error:
        raise WorkerLost("a worker process was killed, perhaps for want of memory; use fewer --jobs") from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


class _Worker:
    """What a process of several does: files, one after the other, and after a signal none but the one in hand."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._is_busy = False
        self._signalled = 0
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is for the process that waits for this one
        signal.signal(signal.SIGTERM, self._signal)
        threading.Thread(target=self._end_with_parent, name="parent", daemon=True).start()

    def __call__(self, file: Found) -> Result:
        self._is_busy = True
        result = self._work(file)
        self._is_busy = False
        if self._signalled:
            self._end()
        return result

    def _signal(self, number: int, _frame: FrameType | None) -> None:
        """Handle a signal. It raises nothing, which the pool would take for what came of a file."""
        is_second, self._signalled = bool(self._signalled), number
        if is_second or not self._is_busy:
            self._end()

    def _end(self) -> None:
        os._exit(128 + self._signalled)

    def _end_with_parent(self) -> None:
        """End when the process that this one works for was killed, which closes no queue between them."""
        from multiprocessing import parent_process

        parent, main_thread = parent_process(), threading.main_thread().ident
        assert parent is not None
        assert main_thread is not None
        parent.join()
        # The kernel may give a signal for the process to this thread, and then the one that waits is not woken.
        signal.pthread_kill(main_thread, signal.SIGTERM)


_workers: list[_Worker] = []
"""In a process of several the one worker that it is."""


def _begin(work: Work) -> None:
    _workers[:] = [_Worker(work)]


def _adopted(file: Found) -> Result:
    return _workers[0](file)


def processes(jobs: int) -> int:
    """The number of processes that --jobs asks for: 0 stands for as many as there are cores."""
    return jobs or len(os.sched_getaffinity(0))


@contextmanager
def _progress(verb: str, total: int) -> Iterator[Callable[[], object]]:
    """A progress bar on standard error, where that is a terminal and there is more than one file."""
    if total < 2 or sys.stderr is None or not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import Progress

    # What goes to the same terminal is written above the bar; what goes elsewhere is left alone.
    console = Console(stderr=True)
    with Progress(console=console, transient=True, redirect_stdout=sys.stdout.isatty()) as progress:
        task = progress.add_task(verb, total=total)
        yield lambda: progress.advance(task)
