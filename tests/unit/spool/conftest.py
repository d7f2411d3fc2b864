"""Fixtures for the spool."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sealgate.spool.database import Database
from sealgate.spool.payload import PayloadStore


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with Database(tmp_path / "var" / "sealgate.db") as database:
        yield database


@pytest.fixture
def payloads(tmp_path: Path) -> Iterator[PayloadStore]:
    with PayloadStore(tmp_path / "var") as payloads:
        yield payloads
