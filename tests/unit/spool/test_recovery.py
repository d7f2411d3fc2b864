"""At the start, what was never acknowledged goes, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from sealgate.errors import StorageError
from sealgate.spool import recovery
from sealgate.spool.database import Database
from sealgate.spool.payload import PayloadStore
from sealgate.spool.recovery import Recovery, recover
from support.spooling import store


def keep(payloads: PayloadStore) -> str:
    with payloads.new_intake() as intake:
        intake.write(b"x")
        return intake.keep()


@pytest.fixture
def used(tmp_path: Path) -> Path:
    """The path of a database that is not new."""
    path = tmp_path / "var" / "sealgate.db"
    Database(path).close()
    return path


def test_orphans_and_unfinished_intakes_go_and_what_is_missing_is_named(used: Path) -> None:
    with Database(used) as database, PayloadStore(used.parent) as payloads:
        known, orphan, lost = keep(payloads), keep(payloads), keep(payloads)
        payloads.new_intake()
        store(database, 1, payload=known)
        store(database, 2, payload=lost)
        payloads.delete(lost)
        assert recover(database, payloads) == Recovery(
            intake_removed=1, orphans_removed=1, missing=(lost,), missing_count=1
        )
        assert payloads.path(known).is_file()
        assert not payloads.path(orphan).exists()


def test_a_store_with_nothing_to_recover_stays_as_it_is(used: Path) -> None:
    with Database(used) as database, PayloadStore(used.parent) as payloads:
        names = {keep(payloads) for _ in range(20)}
        for number, name in enumerate(names):
            store(database, number, payload=name)
        assert recover(database, payloads) == Recovery(intake_removed=0, orphans_removed=0, missing=(), missing_count=0)
        assert all(payloads.path(name).is_file() for name in names)


def test_with_a_new_database_no_payload_is_removed(tmp_path: Path) -> None:
    with Database(tmp_path / "sealgate.db") as database, PayloadStore(tmp_path) as payloads:
        name = keep(payloads)
        with pytest.raises(StorageError, match="put back the database"):
            recover(database, payloads)
        assert payloads.path(name).is_file()


def test_more_orphans_than_a_crash_can_leave_are_not_removed(used: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery, "MAX_ORPHANS", 3)
    with Database(used) as database, PayloadStore(used.parent) as payloads:
        names = [keep(payloads) for _ in range(4)]
        with pytest.raises(StorageError, match="does not know"):
            recover(database, payloads)
        assert all(payloads.path(name).is_file() for name in names)
