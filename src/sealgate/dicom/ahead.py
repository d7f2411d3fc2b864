"""Hashing a data set while it arrives: of a large one hardly anything has to be read again after its last byte.

In explicit VR little endian nearly all of a large data set is one value, that of Pixel Data. As soon as its header is
there, whoever wants to hash the data set later says what the hashes will have taken by then (`Beginnings`); they take
the value as it comes. Later, a hash that has come to the value asks whether one was there in the same state: if so, it
goes on with that one behind the value (`Source.hashed`), and if not, it reads the value. So a wrong guess costs time,
and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import islice
from typing import Final

from sealgate.dicom.digest import Digest
from sealgate.dicom.limits import ScanLimits
from sealgate.dicom.scan import Carrier, Element, Scan
from sealgate.dicom.source import Source
from sealgate.dicom.transfer_syntax import Encoding
from sealgate.dicom.vr import Padding
from sealgate.dicom.walk import Kind
from sealgate.errors import CannotSign, InputError

MIN_VALUE_BYTES: Final = 256 << 10
"""A value that is worth it."""
MAX_HEAD_BYTES: Final = 1 << 20
"""What may stand before the value; it is held in memory until the value begins. Most data sets have some 20 kB."""
HEAD_LIMITS: Final = ScanLimits(max_tokens=20_000, max_top_level_elements=5_000)
"""Elements that may stand there: what is denser costs more than hashing it later, and may never be sent to its end."""
MAX_HASHES: Final = 4
"""Hashes that take the value; each takes as long as the one that is wanted."""

Beginnings = Callable[[Carrier], Iterable[Digest]]
"""Gives hashes, by a function without known collisions, that have taken all that comes before a value in their streams.

The carrier ends with the element of that value, which has not arrived yet; only what is before it may be read. May
raise InputError and CannotSign.
"""


class Ahead:
    """The large value of a data set in explicit VR little endian, hashed as it arrives; used by one thread."""

    def __init__(self, beginnings: Beginnings, *, min_value_bytes: int = MIN_VALUE_BYTES) -> None:
        self.start = self.end = -1
        """Where the value lies in the data set, once it is complete."""
        self._beginnings = beginnings
        self._min_value_bytes = min_value_bytes
        self._head = bytearray()
        self._next_look = 1
        self._source = Source(b"", complete=False)
        self._scan: Scan | None = Scan(self._source, Encoding.EXPLICIT_LE, limits=HEAD_LIMITS)
        self._hashes: dict[bytes, Digest] = {}
        """By the digest of what each had taken when the value began."""
        self._value: Element | None = None
        self._position = 0
        """Where in the data set the next byte of the value belongs."""

    def feed(self, octets: bytes | memoryview) -> None:
        """Take the next bytes of the data set; no reference to them is kept."""
        if self._scan is not None:
            taken = MAX_HEAD_BYTES - len(self._head)
            self._head += octets[:taken]
            octets = octets[taken:]
            if len(self._head) >= self._next_look:
                self._look(self._scan)
        if self._value is not None:
            self._take(self._value, octets)

    def behind(self, digest: Digest) -> Digest | None:
        """A hash that has taken the value after the same bytes as `digest`; None where there is none."""
        found = self._hashes.get(digest.digest()) if self.end >= 0 else None
        return None if found is None else found.copy()

    def _look(self, scan: Scan) -> None:
        """Look whether the value has begun."""
        head = bytes(self._head)
        self._source.extend(head, complete=False)
        try:
            scan.advance()
            value = scan.elements[-1] if scan.elements else None
            if value is not None and self._is_worth_it(value, len(head)):
                carrier = replace(scan.carrier(), source=Source(head))
                hashes = islice(self._beginnings(carrier), MAX_HASHES)
                self._hashes = {one.digest(): one for one in hashes}
                self._value, self._position = value, value.value_start
        except (InputError, CannotSign):
            self._give_up()  # The scan of the whole data set says the same, or more.
            return
        if self._value is not None or len(head) == MAX_HEAD_BYTES:
            self._give_up()
        if self._value is not None:
            self._take(self._value, memoryview(head)[self._position :])
        self._next_look = min(2 * len(head), MAX_HEAD_BYTES)

    def _give_up(self) -> None:
        """Let go of the beginning of the data set."""
        self._scan = None
        self._head = bytearray()
        self._source = Source(b"")

    def _take(self, value: Element, octets: bytes | memoryview) -> None:
        part = memoryview(octets)[: value.value_end - self._position]
        for one in self._hashes.values():
            one.update(part)
        self._position += len(part)
        if self._position == value.value_end:
            self.start, self.end = value.value_start, value.value_end

    def _is_worth_it(self, element: Element, available: int) -> bool:
        """Whether an element has a large value that is not all there, and that enters every hash as it is."""
        size = element.value_end - element.value_start
        is_kept = element.vr.padding is Padding.NONE or (element.vr.padding is Padding.NUL and size % 2 == 0)
        return element.kind is Kind.ELEMENT and is_kept and size >= self._min_value_bytes and element.end > available
