"""How much may be read of a data set, all passes over it together: what is small has to be cheap, whatever it claims.

Headers are what costs, about a microsecond each; a deflated file of kilobytes can have millions, and every signature
reads again all that it covers.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from operator import length_hint

from sealgate.dicom.limits import (
    BYTES_PER_HEADER,
    FREE_HEADERS,
    MAX_CREDITED_INFLATION,
    MAX_HEADERS,
    SIZE_OF_FREE_HEADERS,
)
from sealgate.errors import LimitExceeded


def allowed_headers(size: int, received: int | None = None) -> int:
    """Headers that may be read for a data set of `size` bytes, which came as `received` ones where it was deflated."""
    if received is not None:
        size = min(size, received * MAX_CREDITED_INFLATION)
    return min(FREE_HEADERS + max(size - SIZE_OF_FREE_HEADERS, 0), MAX_HEADERS)


class Work:
    """The headers that may still be read, by one walk or by several that share them."""

    __slots__ = ("headers", "limit", "remembered")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.headers: Iterator[int] = iter(range(limit))
        """Gives one number for each header that may be read."""
        self.remembered: tuple[object, object] | None = None
        """(key, value) of what was worked out last, for who shares the work and needs it again."""

    @property
    def exhausted(self) -> bool:
        """Whether nothing more may be read."""
        return not length_hint(self.headers)

    def spend(self, count: int, byte_count: int = 0) -> None:
        """Take other work that costs as much as `count` headers, and reading `byte_count` bytes.

        Raises LimitExceeded where nothing is left.
        """
        count += byte_count // BYTES_PER_HEADER
        next(islice(self.headers, count, count), None)
        self.check()

    def check(self) -> None:
        """Raise LimitExceeded where nothing is left."""
        if self.exhausted:
            raise self.exceeded()

    def exceeded(self) -> LimitExceeded:
        """What is to be raised where nothing is left."""
        return LimitExceeded("elements, items and fragments", self.limit + 1, self.limit)
