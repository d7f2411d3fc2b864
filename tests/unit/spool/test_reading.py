"""Payloads are read as their layouts say, past the page cache where it can be, and what is damaged is named."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from sealgate.errors import PayloadDamaged
from sealgate.spool.blocks import BLOCK_BYTES
from sealgate.spool.payload import Layout, PayloadStore
from sealgate.spool.reading import WINDOW_BYTES, PayloadReader

MEMORY = Path("/dev/shm")
"""A file system of another kind, below which each test has its own directory."""


@pytest.fixture(params=["disk", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[PayloadStore]:
    """Payloads on a disk, and where there is one on a file system in memory, which reads differently."""
    if request.param == "disk":
        with PayloadStore(tmp_path) as payloads:
            yield payloads
        return
    if not MEMORY.is_dir():
        pytest.skip("there is no file system in memory")
    root = MEMORY / f"sealgate-{os.getpid()}-{tmp_path.name}"
    try:
        with PayloadStore(root) as payloads:
            yield payloads
    finally:
        for path in sorted(root.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        root.rmdir()


def kept(store: PayloadStore, content: bytes) -> str:
    with store.new_intake() as intake:
        intake.write(content)
        return intake.keep()


def forget(path: Path) -> None:
    """Let the page cache forget a file."""
    fd = os.open(path, os.O_RDONLY)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(fd)


def read(reader: PayloadReader, name: str, layout: Layout) -> bytes:
    return b"".join(bytes(window) for window in reader.windows(name, layout))


@pytest.mark.parametrize("cached", [True, False], ids=["cached", "not cached"])
@pytest.mark.parametrize(
    "size", [1, BLOCK_BYTES, BLOCK_BYTES + 1, WINDOW_BYTES, WINDOW_BYTES + 1, 3 * WINDOW_BYTES + BLOCK_BYTES - 1]
)
def test_ranges_come_in_the_order_of_the_layout_wherever_they_lie(store: PayloadStore, size: int, cached: bool) -> None:
    content = random.Random(size).randbytes(size)
    name = kept(store, content)
    reader = PayloadReader(store)
    cuts = [0, *sorted(random.Random(size + 1).sample(range(size), min(size, 5))), size]
    pieces = list(pairwise(cuts))
    layouts: list[Layout] = [((0, size),), tuple(pieces), (pieces[0], pieces[-1], *pieces[1:-1]), ((size - 1, size),)]
    for layout in layouts:
        if not cached:
            forget(store.path(name))
        assert read(reader, name, layout) == b"".join(content[start:end] for start, end in layout)


def test_one_payload_after_the_other_is_read_through_the_same_memory(store: PayloadStore) -> None:
    names = {kept(store, content): content for content in (b"first", b"second one", bytes(2 * WINDOW_BYTES), b"last")}
    reader = PayloadReader(store)
    for name, content in names.items():
        assert read(reader, name, ((0, len(content)),)) == content


def test_windows_that_are_no_longer_read_harm_no_later_payload(store: PayloadStore) -> None:
    left, content = kept(store, bytes(3 * WINDOW_BYTES)), b"another"
    name = kept(store, content)
    reader = PayloadReader(store)
    begun = reader.windows(left, ((0, 3 * WINDOW_BYTES),))
    next(begun)
    assert read(reader, name, ((0, len(content)),)) == content


def test_a_payload_that_is_gone_or_shorter_than_its_layout_is_damaged(store: PayloadStore) -> None:
    reader = PayloadReader(store)
    name = kept(store, b"bytes")
    with pytest.raises(PayloadDamaged, match="shorter than it was"):
        read(reader, name, ((0, 6),))
    store.delete(name)
    with pytest.raises(PayloadDamaged, match="is gone"):
        read(reader, name, ((0, 5),))


def test_a_payload_that_is_cut_while_it_is_read_is_damaged(store: PayloadStore) -> None:
    size = 3 * WINDOW_BYTES
    name = kept(store, bytes(size))
    windows = PayloadReader(store).windows(name, ((0, size),))
    next(windows)
    os.truncate(store.path(name), WINDOW_BYTES + 1)
    with pytest.raises(PayloadDamaged, match="shorter than it was"):
        list(windows)
