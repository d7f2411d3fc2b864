"""Bytes that memory does not grow with: a file mapped as it is, or a nameless file that is gone with its use."""

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
"""Intermediate results above this size go to a nameless file instead of memory."""


def mapped(path: Path) -> Buffer:
    """The bytes of a file, mapped and not copied. Raises UnreadableFile."""
    try:
        with path.open("rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else b""
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
