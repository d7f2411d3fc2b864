"""The bytes of a data set: a buffer that may still be growing, read in windows so that memory stays bounded."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sealgate.dicom.digest import Digest
from sealgate.dicom.work import Work, allowed_headers

if TYPE_CHECKING:
    from sealgate.dicom.ahead import Ahead

WINDOW_BYTES = 4 << 20
"""Bytes of a mapped file that are held in memory at a time while a large value is read.

Pages of a mapping count in the peak memory of the process until they are given back.
"""

Buffer = bytes | bytearray | memoryview | mmap.mmap
"""What a data set may lie in."""

_PAGE = mmap.PAGESIZE


class Source:
    """Random access to the bytes of a data set; offset 0 is the first byte of its first element.

    `buffer` is bytes, a memoryview or an mmap; of an mmap the pages that were read are given back after each window.
    A source that is not `complete` may grow by `extend`.
    """

    __slots__ = ("_base", "_map", "ahead", "complete", "received", "view", "work")

    def __init__(
        self,
        buffer: Buffer,
        start: int = 0,
        end: int | None = None,
        *,
        complete: bool = True,
        received: int | None = None,
    ) -> None:
        """`received` is the number of bytes that these were inflated from, None where they were not deflated."""
        self.complete = complete
        self.received = received
        self.work: Work | None = None
        """What all walks share, where they do."""
        self.ahead: Ahead | None = None
        """What was hashed of these very bytes while they arrived; whoever sets it vouches that they are the same."""
        self._base = start
        self._map: mmap.mmap | None = None
        self.view = memoryview(b"")
        self._take(buffer, end)

    def _take(self, buffer: Buffer, end: int | None) -> None:
        self._map = buffer if isinstance(buffer, mmap.mmap) else None
        self.view = memoryview(buffer)[self._base : end]

    def extend(self, buffer: Buffer, *, complete: bool) -> None:
        """Take `buffer`, which starts with the bytes already known and holds more of them.

        Raises ValueError where it holds fewer, or where this source was complete.
        """
        if self.complete or len(memoryview(buffer)) - self._base < len(self.view):
            raise ValueError("a source only grows until it is complete")
        self._take(buffer, None)
        self.complete = complete

    def __len__(self) -> int:
        return len(self.view)

    @property
    def allowed_headers(self) -> int:
        """Headers that all passes over these bytes may read together."""
        return allowed_headers(len(self.view), self.received)

    @contextmanager
    def shared_work(self) -> Iterator[Work]:
        """Limit all that is read of these bytes meanwhile, together."""
        before = self.work
        self.work = work = Work(self.allowed_headers)
        try:
            yield work
        finally:
            self.work = before

    def work_of_walk(self, max_headers: int) -> Work:
        """What one walk may read: of what is shared, or else `max_headers`; fewer where few bytes were inflated."""
        if self.work is not None:
            return self.work
        return Work(max_headers if self.received is None else min(max_headers, self.allowed_headers))

    def spend(self, headers: int) -> None:
        """Take the work of reading `headers` headers, where it is shared. Raises LimitExceeded."""
        if self.work is not None:
            self.work.spend(headers)

    def windows(self, start: int, end: int) -> Iterator[memoryview]:
        """The bytes from `start` to `end` in windows of at most WINDOW_BYTES, none of them copied."""
        if end - start <= WINDOW_BYTES:
            return iter((self.view[start:end],))
        return self._large_windows(start, end)

    def _large_windows(self, start: int, end: int) -> Iterator[memoryview]:
        for position in range(start, end, WINDOW_BYTES):
            yield self.view[position : min(position + WINDOW_BYTES, end)]
            self.forget(position + WINDOW_BYTES)

    def hashed(self, digest: Digest, start: int, end: int) -> Digest:
        """`digest` with the bytes from `start` to `end`; a value that was hashed ahead is not read again.

        What is returned may be another one than `digest`, which is of no use any more.
        """
        ahead = self.ahead
        if ahead is not None and start <= ahead.start and ahead.end <= end:
            for window in self.windows(start, ahead.start):
                digest.update(window)
            behind = ahead.behind(digest)
            digest, start = (digest, ahead.start) if behind is None else (behind, ahead.end)
        for window in self.windows(start, end):
            digest.update(window)
        return digest

    def forget(self, position: int) -> None:
        """Give back the pages of a mapping before `position`; they come again when they are needed again."""
        if self._map is None:
            return
        until = (self._base + min(position, len(self.view))) // _PAGE * _PAGE
        if until:
            self._map.madvise(mmap.MADV_DONTNEED, 0, until)
