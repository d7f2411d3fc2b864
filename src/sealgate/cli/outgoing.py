"""DICOM files that are to be sent: what a C-STORE needs to know of them, and their data sets in windows."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sealgate.dicom.limits import MAX_FILE_META_BYTES
from sealgate.dicom.part10 import PREAMBLE_BYTES, PREFIX, FileMeta, has_prefix, read_file_meta
from sealgate.errors import InputError, UnreadableFile
from sealgate.node.dimse import is_uid
from sealgate.node.limits import MAX_PRESENTATION_CONTEXTS
from sealgate.node.outgoing_instance import ContextPair, OutgoingInstance

WINDOW_BYTES: Final = 1 << 20
"""Of a file in memory at once; a CT slice fits, and a larger one sends nothing faster."""

_HEAD_BYTES: Final = 4096
"""What is read of a file to know it: the File Meta Information of nearly all ends within."""
_LONGEST_HEAD_BYTES: Final = PREAMBLE_BYTES + len(PREFIX) + MAX_FILE_META_BYTES + 1
_ELEMENT_BYTES: Final = 8
"""Behind the File Meta Information, to see that it ends there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingFile:
    """A Part 10 file and what its File Meta Information says of it."""

    path: Path
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    data_set_start: int
    size: int
    """Bytes of the data set."""

    @property
    def pair(self) -> ContextPair:
        """The presentation context that it needs."""
        return self.sop_class_uid, self.transfer_syntax_uid

    def instance(self, buffer: bytearray, advance: Callable[[int], object]) -> OutgoingInstance:
        """The instance as a requestor takes it. `buffer`: memory for its windows, used again for each.

        `advance` is called with the bytes of each window that has been sent. The chunks raise UnreadableFile.
        """
        return OutgoingInstance(
            sop_class_uid=self.sop_class_uid,
            sop_instance_uid=self.sop_instance_uid,
            transfer_syntax_uid=self.transfer_syntax_uid,
            size=self.size,
            chunks=self._windows(memoryview(buffer), advance),
        )

    def _windows(self, window: memoryview, advance: Callable[[int], object]) -> Iterator[memoryview]:
        remaining = self.size
        try:
            with self.path.open("rb", buffering=0) as file:
                file.seek(self.data_set_start)
                while remaining:
                    count = _read_into(file.readinto, window[: min(len(window), remaining)])
                    if not count:
                        raise UnreadableFile(self.path, "it became shorter while it was sent")
                    yield window[:count]
                    remaining -= count
                    advance(count)
        except OSError as error:
            raise UnreadableFile(self.path, error.strerror or str(error)) from error


def _read_into(readinto: Callable[[memoryview], int | None], window: memoryview) -> int:
    """Fill `window` unless the file ends before, so that only the last window of a file can have an odd length."""
    filled = 0
    while filled < len(window):
        count = readinto(window[filled:])
        if not count:
            return 0
        filled += count
    return filled


def read_outgoing(path: Path) -> OutgoingFile:
    """What has to be known of a file before it is sent. Raises UnreadableFile."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            size = os.fstat(fd).st_size
            meta = _file_meta(fd, path)
        finally:
            os.close(fd)
    except (OSError, ValueError) as error:
        raise UnreadableFile(path, getattr(error, "strerror", None) or str(error)) from error
    uids = (meta.media_storage_sop_class_uid, meta.media_storage_sop_instance_uid, meta.transfer_syntax_uid)
    if not all(map(is_uid, uids)):
        raise UnreadableFile(path, "its File Meta Information lacks a SOP class, an instance or a transfer syntax")
    if size <= meta.data_set_start:
        raise UnreadableFile(path, "it has no data set")
    return OutgoingFile(
        path=path,
        sop_class_uid=uids[0],
        sop_instance_uid=uids[1],
        transfer_syntax_uid=uids[2],
        data_set_start=meta.data_set_start,
        size=size - meta.data_set_start,
    )


def _file_meta(fd: int, path: Path) -> FileMeta:
    """The File Meta Information of a file, of which more is read only where its beginning is not enough."""
    head = os.pread(fd, _HEAD_BYTES, 0)
    if not has_prefix(head):
        raise UnreadableFile(path, "it has no File Meta Information, so nobody knows its transfer syntax")
    with suppress(InputError):
        meta = read_file_meta(head)
        if meta.data_set_start + _ELEMENT_BYTES <= len(head):
            return meta
    try:
        return read_file_meta(os.pread(fd, _LONGEST_HEAD_BYTES, 0))
    except InputError as error:
        raise UnreadableFile(path, str(error)) from error


def by_association(files: Iterable[OutgoingFile]) -> Iterator[list[OutgoingFile]]:
    """`files` in their order, cut wherever an association would need more presentation contexts than there are."""
    group: list[OutgoingFile] = []
    pairs: set[ContextPair] = set()
    for file in files:
        if file.pair not in pairs and len(pairs) == MAX_PRESENTATION_CONTEXTS:
            yield group
            group, pairs = [], set()
        group.append(file)
        pairs.add(file.pair)
    if group:
        yield group
