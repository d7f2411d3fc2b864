"""Files appear whole or not at all, with the permissions and the durability that were asked for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from sealgate.errors import UnwritableFile
from sealgate.files import writing
from sealgate.files.writing import Durability, flush, make_folder, write_whole


@pytest.mark.parametrize("durability", Durability)
def test_all_pieces_are_written_and_nothing_else_is_left(durability: Durability, tmp_path: Path) -> None:
    write_whole(tmp_path / "x", [b"ab", memoryview(b"cd")], durability=durability)
    flush([tmp_path])
    assert (tmp_path / "x").read_bytes() == b"abcd"
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_a_failure_in_the_middle_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"older")

    def pieces() -> Iterator[bytes]:
        yield b"new"
        raise OSError(28, "No space left on device")

    with pytest.raises(UnwritableFile, match="No space left"):
        write_whole(tmp_path / "x", pieces())
    assert (tmp_path / "x").read_bytes() == b"older"
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_an_error_of_ours_passes_and_leaves_nothing(tmp_path: Path) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"new"
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_whole(tmp_path / "x", pieces())
    assert list(tmp_path.iterdir()) == []


def test_a_new_file_has_what_the_umask_leaves_and_another_one_its_own(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_whole(tmp_path / "new", [b"x"])
    finally:
        os.umask(before)
    (tmp_path / "old").write_bytes(b"")
    (tmp_path / "old").chmod(0o600)
    write_whole(tmp_path / "old", [b"y"], like=tmp_path / "old")
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "old").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("durability", "synced"), [(Durability.FILE, 2), (Durability.BATCH, 0), (Durability.NONE, 0)], ids=str
)
def test_file_and_folder_are_synced_where_each_file_has_to_be_durable(
    durability: Durability, synced: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    monkeypatch.setattr(os, "fsync", calls.append)
    write_whole(tmp_path / "x", [b"x"], durability=durability)
    assert len(calls) == synced


def test_a_file_system_is_flushed_once_for_all_its_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Path] = []
    monkeypatch.setattr(writing, "_sync_file_system", calls.append)
    (tmp_path / "a").mkdir()
    flush([tmp_path / "a", tmp_path, tmp_path / "not there"])
    assert calls == [tmp_path / "a"]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UnwritableFile, match="file/sub"):
        make_folder(tmp_path / "file" / "sub")
