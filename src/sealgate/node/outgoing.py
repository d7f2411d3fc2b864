"""The bytes of an instance on their way out: read from the payload file in windows, and checked against its digest."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

from sealgate.errors import PayloadDamaged
from sealgate.spool.jobs import LeasedJob
from sealgate.spool.reading import PayloadReader


def data_set_size(job: LeasedJob) -> int:
    """Bytes of the data set that goes out."""
    return sum(end - start for start, end in job.layout)


def data_set_chunks(reader: PayloadReader, job: LeasedJob) -> Iterator[bytes | memoryview]:
    """The data set that goes out; every chunk but the last has an even length and is good until the next one.

    The digest is calculated again while the bytes go by. Where it is not the committed one, PayloadDamaged is raised in
    place of the last chunk, so that the receiver never gets the whole. Raises StorageError.
    """
    digest = hashlib.sha256()
    remaining = data_set_size(job)
    for chunk in _even(reader.windows(job.payload, job.layout)):
        digest.update(chunk)
        remaining -= len(chunk)
        if not remaining and digest.hexdigest() != job.digest_out:
            path = reader.path(job.payload)
            raise PayloadDamaged(
                f"the payload {path} is not what was committed; it was not sent, put it back from a copy"
            )
        yield chunk


def _even(chunks: Iterable[memoryview]) -> Iterator[bytes | memoryview]:
    """The same bytes in chunks of even length, as fragments must have it (PS3.8 E.2); only the last may be odd."""
    odd = b""
    for chunk in chunks:
        if odd:
            yield odd + bytes(chunk[:1])
            chunk, odd = chunk[1:], b""
        if len(chunk) % 2:
            odd = bytes(chunk[-1:])
            chunk = chunk[:-1]
        if chunk:
            yield chunk
    if odd:
        yield odd
