"""Inputs and results of a command: files, standard input and standard output."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Final

from sealgate.cli.targets import STANDARD, Plan
from sealgate.errors import UnreadableFile, UnwritableFile
from sealgate.files.buffers import stored
from sealgate.files.dicom_files import Found, naming
from sealgate.files.writing import Durability, make_folder, write_whole
from sealgate.library.sources import Opened, Reading, opened, opened_bytes

STANDARD_INPUT: Final = "standard input"
_CHUNK_BYTES: Final = 1 << 20


def opened_input(file: Found, reading: Reading) -> Opened:
    """The data set of a file, or of what comes from standard input. Raises UnreadableFile, StorageError."""
    if str(file.path) != STANDARD:
        return opened(file.path, reading)
    if sys.stdin is None:
        raise UnreadableFile(STANDARD_INPUT, "it is closed")
    stream = sys.stdin.buffer
    try:
        buffer = stored(iter(lambda: stream.read(_CHUNK_BYTES), b""))
    except OSError as error:
        raise UnreadableFile(STANDARD_INPUT, error.strerror or str(error)) from error
    with naming(STANDARD_INPUT):
        return opened_bytes(buffer, reading)


def write_result(plan: Plan, file: Found, pieces: Iterable[bytes | memoryview], durability: Durability) -> None:
    """Write the result of `file` to where it goes; over an input its permissions stay. Raises UnwritableFile."""
    if plan.to_standard_output:
        _write_to_standard_output(pieces)
        return
    target = plan.outputs.target(file)
    if plan.outputs.output_dir is not None:
        make_folder(target.parent)
    write_whole(target, pieces, durability=durability, like=target if plan.outputs.in_place else None)


def _write_to_standard_output(pieces: Iterable[bytes | memoryview]) -> None:
    if sys.stdout is None:
        raise UnwritableFile("standard output", "it is closed")
    try:
        for piece in pieces:
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
    except OSError as error:
        raise UnwritableFile("standard output", error.strerror or str(error)) from error
