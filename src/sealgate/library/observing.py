"""Telling a caller how far the reading of a large data set has come."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TypeAlias

from sealgate.dicom.source import Source
from sealgate.library.sources import Opened

Progress: TypeAlias = Callable[[int, int], object]
"""Told (bytes read so far, bytes there are to read): the data set once for each signature, more or less."""


class ObservedSource(Source):
    """A source that tells how many bytes of large values were read from it."""

    __slots__ = ("_done", "_inner", "_progress", "_total")

    def __init__(self, inner: Source, total: int, progress: Progress) -> None:
        super().__init__(inner.view, received=inner.received)
        self._inner = inner
        self._done = 0
        self._total = total
        self._progress = progress

    def windows(self, start: int, end: int) -> Iterator[memoryview]:
        """As of any source; the caller is told behind each window."""
        for window in self._inner.windows(start, end):
            yield window
            self._done = min(self._done + len(window), self._total)
            self._progress(self._done, self._total)

    def forget(self, position: int) -> None:
        """Give back pages of the mapping behind it."""
        self._inner.forget(position)

    def finish(self) -> None:
        """Say that all is read."""
        self._progress(self._total, self._total)


def observed(given: Opened, passes: int, progress: Progress) -> tuple[Opened, ObservedSource]:
    """The data set with a source that tells how far `passes` readings of it have come."""
    source = ObservedSource(given.data_set.source, len(given.data_set.source) * max(passes, 1), progress)
    data_set = replace(given.data_set, source=source)
    return replace(given, data_set=data_set, carrier=replace(given.carrier, source=source)), source
