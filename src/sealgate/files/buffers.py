"""Bytes that memory does not grow with: small ones in it, large ones mapped or in a nameless file."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from sealgate.dicom.part10 import Inflated
from sealgate.dicom.source import Buffer
from sealgate.errors import UnreadableFile
from sealgate.files.faults import from_os_error

MAX_BYTES_IN_MEMORY: Final = 64 << 20
"""Files above this size are mapped, and intermediate results above it go to a nameless file."""


def bytes_of(path: Path) -> Buffer:
    """The bytes of a file: read at once, or mapped where they are many. Raises UnreadableFile.

    What is read stays what it was, whatever becomes of the file meanwhile; of a mapped file that somebody truncates the
    operating system ends the process.
    """
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size > MAX_BYTES_IN_MEMORY:
                return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            return file.read(MAX_BYTES_IN_MEMORY)
    except (OSError, ValueError) as error:
        raise UnreadableFile(path, getattr(error, "strerror", None) or str(error)) from error


def inflated_in(directory: Path | None) -> Inflated:
    """A place for inflated bytes: a nameless file in `directory` (None: the system's), given as its mapping.

    The file is gone with the mapping. Raises, when used, StorageFull or StorageError.
    """

    def put(chunks: Iterator[bytes | memoryview]) -> Buffer:
        import tempfile  # with all that it needs it takes 5 ms, and few files are deflated

        try:
            with tempfile.TemporaryFile(dir=directory) as file:
                for chunk in chunks:
                    file.write(chunk)
                file.flush()
                return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if file.tell() else b""
        except OSError as error:
            raise from_os_error(error, f"inflate a data set in {directory or tempfile.gettempdir()}") from error

    return put


def stored(pieces: Iterable[bytes | memoryview]) -> Buffer:
    """An intermediate result: in memory, or where it grows too large in a nameless file. Raises StorageError."""
    import tempfile  # as above

    try:
        with tempfile.SpooledTemporaryFile(max_size=MAX_BYTES_IN_MEMORY) as file:
            for piece in pieces:
                file.write(piece)
            if file.tell() <= MAX_BYTES_IN_MEMORY:
                file.seek(0)
                return file.read()
            file.flush()
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        raise from_os_error(error, f"keep an intermediate result in {tempfile.gettempdir()}") from error
