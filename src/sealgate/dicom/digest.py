"""What hashes bytes, as far as this package uses it."""

from __future__ import annotations

from typing import Protocol


class Digest(Protocol):
    """What this package uses of a hashlib object."""

    def update(self, data: bytes | memoryview, /) -> None:
        """Take more bytes."""

    def digest(self) -> bytes:
        """The digest of all bytes so far."""

    def copy(self) -> Digest:
        """Another one that has taken the same bytes."""
