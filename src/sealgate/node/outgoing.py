"""The bytes of an instance on their way out: read from the payload file in windows, and checked against its digest."""

from __future__ import annotations

import hashlib
import mmap
from collections.abc import Iterable, Iterator

from sealgate.dicom.source import Source
from sealgate.errors import PayloadDamaged
from sealgate.spool.jobs import LeasedJob
from sealgate.spool.payload import PayloadStore


def data_set_size(job: LeasedJob) -> int:
    """Bytes of the data set that goes out."""
    return sum(end - start for start, end in job.layout)


def data_set_chunks(store: PayloadStore, job: LeasedJob) -> Iterator[bytes | memoryview]:
    """The data set that goes out; every chunk but the last has an even length.

    The digest is calculated again while the bytes go by. Where it is not the committed one, PayloadDamaged is raised in
    place of the last chunk, so that the receiver never gets the whole. Raises StorageError.
    """
    digest = hashlib.sha256()
    held: bytes | memoryview | None = None
    for chunk in _even(_windows(store, job)):
        if held is not None:
            yield held
        digest.update(chunk)
        held = chunk
    if digest.hexdigest() != job.digest_out or held is None:
        raise PayloadDamaged(
            f"the payload {store.path(job.payload)} is not what was committed; it was not sent, put it back from a copy"
        )
    yield held


def _windows(store: PayloadStore, job: LeasedJob) -> Iterator[memoryview]:
    with store.open(job.payload) as file:
        size = file.seek(0, 2)
        if any(end > size for _, end in job.layout):
            raise PayloadDamaged(
                f"the payload {store.path(job.payload)} is shorter than it was; put it back from a copy"
            )
        source = Source(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    for start, end in job.layout:
        yield from source.windows(start, end)


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
