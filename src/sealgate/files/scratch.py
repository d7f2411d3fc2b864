"""Scratch space on disk for inflated data sets, so that memory does not grow with them."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path

from sealgate.dicom.part10 import Inflated
from sealgate.dicom.source import Buffer
from sealgate.files.faults import from_os_error


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
