"""The bytes of a file are one state of it where they are read, and are not read where they are many."""

from __future__ import annotations

import mmap
from pathlib import Path

import pytest

from sealgate.errors import UnreadableFile
from sealgate.files import buffers
from sealgate.files.buffers import bytes_of


def test_what_was_read_stays_what_it_was(tmp_path: Path) -> None:
    path = tmp_path / "image.dcm"
    path.write_bytes(b"0123456789")
    content = bytes_of(path)
    path.write_bytes(b"01")
    assert bytes(content) == b"0123456789"


def test_a_large_file_is_mapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buffers, "MAX_BYTES_IN_MEMORY", 9)
    path = tmp_path / "image.dcm"
    path.write_bytes(b"0123456789")
    content = bytes_of(path)
    assert isinstance(content, mmap.mmap)
    assert content[:] == b"0123456789"


def test_an_empty_file_has_no_bytes_and_a_missing_one_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert bytes(bytes_of(tmp_path / "empty")) == b""
    with pytest.raises(UnreadableFile, match="missing"):
        bytes_of(tmp_path / "missing")
