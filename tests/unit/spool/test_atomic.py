"""A file is whole under its name or not there, and never put over other bytes."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from threading import Barrier, Thread

import pytest

from sealgate.errors import StorageError, StorageFull
from sealgate.spool import atomic
from sealgate.spool.atomic import PARTIAL_PREFIX, FileWriter, remove_partial


@pytest.fixture(params=["unnamed", "hidden", "without hard links"])
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The three kinds of file systems, of which this machine may have only the first."""
    real_open, real_link = os.open, os.link

    def open_named_only(path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
        return real_open(path, flags, mode, dir_fd=dir_fd)

    def no_link(*_arguments: object, **_options: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    if request.param != "unnamed":
        monkeypatch.setattr(os, "open", open_named_only)
    monkeypatch.setattr(os, "link", no_link if request.param == "without hard links" else real_link)
    return str(request.param)


def atomic_write(directory: Path, name: str, chunks: Iterable[bytes | memoryview], *, mode: int = 0o600) -> Path:
    return FileWriter().write(directory, name, chunks, mode=mode)


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_a_file_appears_whole_and_alone(tmp_path: Path, kind: str) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"first "
        assert [name for name in names(tmp_path) if not name.startswith(PARTIAL_PREFIX)] == []
        yield b"second"

    assert atomic_write(tmp_path, "1.2.3.dcm", chunks(), mode=0o640) == tmp_path / "1.2.3.dcm"
    assert (tmp_path / "1.2.3.dcm").read_bytes() == b"first second"
    assert names(tmp_path) == ["1.2.3.dcm"]
    assert stat.S_IMODE((tmp_path / "1.2.3.dcm").stat().st_mode) & 0o177 in (0o040, 0)


def test_the_same_bytes_again_change_nothing(tmp_path: Path, kind: str) -> None:
    first = atomic_write(tmp_path, "x.dcm", [b"bytes"])
    before = first.stat()
    assert atomic_write(tmp_path, "x.dcm", [b"by", b"tes"]) == first
    assert (first.stat().st_ino, first.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert names(tmp_path) == ["x.dcm"]


def test_other_bytes_get_the_first_free_suffix_and_are_found_there_again(tmp_path: Path, kind: str) -> None:
    contents = [b"one", b"two", b"three", b"two", b"one"]
    paths = [atomic_write(tmp_path, "x.dcm", [content]).name for content in contents]
    assert paths == ["x.dcm", "x.dcm.2", "x.dcm.3", "x.dcm.2", "x.dcm"]
    assert (tmp_path / "x.dcm").read_bytes() == b"one"


def test_files_of_the_same_length_are_told_apart_beyond_the_first_window(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(atomic, "_COMPARE_BYTES", 4)
    atomic_write(tmp_path, "x", [b"12345678"])
    assert atomic_write(tmp_path, "x", [b"12345679"]).name == "x.2"
    assert atomic_write(tmp_path, "x", [b"12345678"]).name == "x"


@pytest.mark.parametrize("obstacle", ["directory", "symbolic link", "fifo"])
def test_what_is_no_file_is_neither_followed_nor_replaced(tmp_path: Path, kind: str, obstacle: str) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(b"precious")
    target = tmp_path / "out"
    target.mkdir()
    taken = target / "x"
    if obstacle == "directory":
        taken.mkdir()
    elif obstacle == "symbolic link":
        taken.symlink_to(outside)
    else:
        os.mkfifo(taken)
    assert atomic_write(target, "x", [b"precious"]).name == "x.2"
    assert outside.read_bytes() == b"precious"


def test_an_error_of_the_source_leaves_nothing(tmp_path: Path, kind: str) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"half"
        raise StorageError("the payload is damaged")

    with pytest.raises(StorageError, match="damaged"):
        atomic_write(tmp_path, "x", chunks())
    assert names(tmp_path) == []


def test_a_full_disk_leaves_nothing(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(StorageFull, match="x"):
        atomic_write(tmp_path, "x", [b"bytes"])
    assert names(tmp_path) == []


@pytest.mark.parametrize("name", ["", ".hidden", "..", "a/b", "a\0b"])
def test_a_name_that_is_a_path_or_hidden_is_a_mistake_of_ours(tmp_path: Path, name: str) -> None:
    with pytest.raises(RuntimeError, match="may not be the name"):
        atomic_write(tmp_path, name, [b"x"])


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="nowhere"):
        atomic_write(tmp_path / "nowhere", "x", [b"x"])


def test_many_writers_of_one_name_lose_no_content(tmp_path: Path) -> None:
    barrier = Barrier(8)

    def write(number: int) -> None:
        barrier.wait(timeout=10)
        atomic_write(tmp_path, "x", [b"%d" % (number % 4)])

    threads = [Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert sorted(path.read_bytes() for path in tmp_path.iterdir()) == [b"0", b"1", b"2", b"3"]


def test_what_a_crash_left_is_found_and_removed_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / f"{PARTIAL_PREFIX}0123").write_bytes(b"half")
    (tmp_path / ".other").write_bytes(b"not ours")
    (tmp_path / "x.dcm").write_bytes(b"whole")
    assert remove_partial(tmp_path) == 1
    assert names(tmp_path) == [".other", "x.dcm"]
