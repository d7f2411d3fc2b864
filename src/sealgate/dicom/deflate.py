"""Deflated data sets (PS3.5 A.5): one raw deflate stream (RFC 1951), inflated within limits."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

from sealgate.dicom.limits import MAX_FREE_INFLATION_BYTES, MAX_INFLATED_BYTES, MAX_INFLATION_RATIO
from sealgate.errors import LimitExceeded, MalformedDataSet, Truncated

_RAW = -15
_CHUNK_BYTES = 1 << 20


def inflate(pieces: Iterable[memoryview], max_bytes: int = MAX_INFLATED_BYTES) -> Iterator[bytes]:
    """Inflated bytes, in chunks of at most 1 MiB.

    Raises MalformedDataSet, Truncated where the stream has no end, and LimitExceeded where it grows beyond `max_bytes`
    or, after the first MAX_FREE_INFLATION_BYTES, beyond MAX_INFLATION_RATIO times what was read.
    """
    inflater = zlib.decompressobj(_RAW)
    read = written = 0
    for piece in pieces:
        pending: bytes | memoryview = piece
        while not inflater.eof:
            try:
                chunk = inflater.decompress(pending, _CHUNK_BYTES)
            except zlib.error as error:
                raise MalformedDataSet(f"the deflate stream is damaged ({error})", read) from error
            read += len(pending) - len(inflater.unconsumed_tail)
            pending = inflater.unconsumed_tail
            written += len(chunk)
            if written > max_bytes:
                raise LimitExceeded("bytes of the inflated data set", written, max_bytes)
            if written > MAX_FREE_INFLATION_BYTES and written > read * MAX_INFLATION_RATIO:
                raise LimitExceeded("inflated to deflated size", written // max(read, 1), MAX_INFLATION_RATIO)
            if chunk:
                yield chunk
            # A full chunk may leave output behind in zlib although all input is consumed.
            if not len(pending) and len(chunk) < _CHUNK_BYTES:
                break
    if not inflater.eof:
        raise Truncated("the deflate stream", read, read + 1, read)


def deflate(pieces: Iterable[memoryview | bytes]) -> Iterator[bytes]:
    """One raw deflate stream of `pieces`, padded with a NUL to even length (PS3.5 A.5)."""
    deflater = zlib.compressobj(wbits=_RAW)
    written = 0
    for piece in pieces:
        chunk = deflater.compress(piece)
        written += len(chunk)
        if chunk:
            yield chunk
    tail = deflater.flush()
    written += len(tail)
    yield tail + b"\0" if written % 2 else tail
