"""The MAC stream as DCMTK's dcmsign calculates it, where that differs from the standard's.

dcmsign passes the stream through a buffer of 16 KiB. When the buffer runs full inside a sequence that is itself an
element of an item of a top level sequence, dcmsign forgets the rest of that inner sequence and goes on behind it. Its
signatures do not cover what was lost, and it calls a signature over the standard's stream corrupted. This model
reproduces the loss, so that such signatures can be told from tampered ones, and so that a warning can be given.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from sealgate.dicom.scan import Carrier, Element, Notes
from sealgate.dicom.walk import Kind
from sealgate.signature.mac import Op, Piece

BUFFER_BYTES = 16384

_INNER_DEPTH = 2

_OPENING_BYTES = 12
"""That dcmsign wants free for the header of a sequence, although it writes fewer."""


def may_differ(elements: Iterable[Element]) -> bool:
    """Whether any of the signed elements has a sequence inside an item, so that the streams can differ at all."""
    return any(element.notes & Notes.DEEP and element.kind is Kind.SEQUENCE for element in elements)


def concerned(elements: Iterable[Element]) -> list[Element]:
    """The elements up to the last that has a sequence inside an item: of those behind it nothing is lost."""
    found = list(elements)
    while found and not (found[-1].notes & Notes.DEEP and found[-1].kind is Kind.SEQUENCE):
        found.pop()
    return found


def fits_into_buffer(carrier: Carrier, elements: Sequence[Element]) -> bool:
    """Whether the stream of `elements` is surely so short that the buffer never runs full.

    Of what is in explicit VR the stream has at most one byte more than the file for each header of 8 bytes or more, for
    values of odd length; the headers of implicit VR may grow by half.
    """
    if not elements:
        return True
    size = (elements[-1].end if carrier.is_in_order else carrier.end) - carrier.start
    most = size + size // 8 if carrier.encoding.explicit else 2 * size
    return most + _OPENING_BYTES <= BUFFER_BYTES


class DcmtkStream:
    """Filter of the pieces of one part of a MAC stream; counts the bytes that dcmsign leaves out."""

    def __init__(self) -> None:
        self.lost_bytes = 0
        self._free = BUFFER_BYTES
        self._depth = 0
        self._losing = False

    def filter(self, stream: Iterable[Piece]) -> Iterator[Piece]:
        """The pieces that dcmsign hashes, in order; a piece may be cut."""
        for piece in stream:
            op, start, middle, end, _ = piece
            if op is Op.CLOSE:
                yield from self._close(piece)
            elif op is Op.OPEN:
                yield from self._open(piece)
            elif self._losing:
                self.lost_bytes += _size(piece)
            elif op is Op.WHOLE:
                if self._reserve(middle - start, middle - start):
                    yield Op.SOURCE, start, start, middle, b""
                    yield from self._value((Op.SOURCE, middle, middle, end, b""))
                else:
                    self.lost_bytes += _size(piece)
            elif op is Op.HEADER or op is Op.MARK:
                size = _size(piece)
                if self._reserve(middle if op is Op.HEADER else size, size):
                    yield piece
                else:
                    self.lost_bytes += size
            else:
                yield from self._value(piece)

    def pass_over(self, elements: Iterable[Element]) -> None:
        """Take plain elements of a data set as they stand, of which dcmsign loses nothing."""
        free = self._free
        for element in elements:
            header = element.value_start - element.start
            free = (free if free >= header else BUFFER_BYTES) - header
            size = element.value_end - element.value_start
            free = free - size if size <= free else BUFFER_BYTES - 1 - (size - free - 1) % BUFFER_BYTES
        self._free = free

    def _suspend(self) -> bool:
        """Empty the buffer; False where dcmsign loses its place by that."""
        self._free = BUFFER_BYTES
        self._losing = self._depth >= _INNER_DEPTH
        return not self._losing

    def _reserve(self, needed: int, written: int) -> bool:
        if self._free < needed and not self._suspend():
            return False
        self._free -= written
        return True

    def _open(self, piece: Piece) -> Iterator[Piece]:
        written = not self._losing and self._reserve(piece[2], _size(piece))
        self._depth += 1
        if written:
            yield piece
        else:
            self.lost_bytes += _size(piece)

    def _close(self, piece: Piece) -> Iterator[Piece]:
        self._depth -= 1
        if self._losing and self._depth >= _INNER_DEPTH:
            self.lost_bytes += _size(piece)
            return
        self._losing = False
        if self._reserve(4, 4):
            yield piece
        else:
            self.lost_bytes += _size(piece)

    def _value(self, piece: Piece) -> Iterator[Piece]:
        """A value fills the buffer as often as it takes; each time it is full with bytes left, writing is suspended."""
        size, position = _size(piece), 0
        while size - position > self._free:
            if self._free:
                yield _cut(piece, position, position + self._free)
            position += self._free
            if not self._suspend():
                self.lost_bytes += size - position
                return
        self._free -= size - position
        if size > position:
            yield _cut(piece, position, size)


def _size(piece: Piece) -> int:
    op, start, _, end, octets = piece
    return end - start if op in (Op.WHOLE, Op.SOURCE, Op.SWAPPED) else len(octets)


def _cut(piece: Piece, first: int, last: int) -> Piece:
    op, start, middle, _, octets = piece
    if op is Op.VALUE:
        return op, 0, 0, 0, octets[first:last]
    return op, start + first, middle, start + last, b""
