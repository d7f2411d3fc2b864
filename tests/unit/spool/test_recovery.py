"""At the start, what was never acknowledged goes, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from sealgate.errors import StorageError
from sealgate.spool import recovery
from sealgate.spool.blocks import BUFFER_BYTES
from sealgate.spool.database import Database
from sealgate.spool.payload import PayloadStore
from sealgate.spool.recovery import Recovery, recover
from support.spooling import store


def keep(payloads: PayloadStore) -> str:
    with payloads.new_intake() as intake:
        intake.write(b"x")
        return intake.keep()


def all_files(payloads: PayloadStore) -> list[Path]:
    return [path for path in (payloads.root / "payload").rglob("*") if path.is_file()]


@pytest.fixture
def used(tmp_path: Path) -> Path:
    """The path of a database that is not new."""
    path = tmp_path / "var" / "sealgate.db"
    Database(path).close()
    return path


def test_orphans_and_what_was_not_received_whole_go_and_what_is_missing_is_named(used: Path) -> None:
    with Database(used) as database, PayloadStore(used.parent) as payloads:
        known, orphan, lost = keep(payloads), keep(payloads), keep(payloads)
        payloads.new_intake().write(bytes(BUFFER_BYTES + 1))
        store(database, 1, payload=known)
        store(database, 2, payload=lost)
        payloads.delete(lost)
        assert recover(database, payloads) == Recovery(orphans_removed=2, missing=(lost,), missing_count=1)
        assert payloads.path(known).is_file()
        assert not payloads.path(orphan).exists()
        assert all_files(payloads) == [payloads.path(known)]


def test_files_that_were_made_in_advance_go_without_being_counted(used: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery, "MAX_ORPHANS", 0)
    with Database(used) as database, PayloadStore(used.parent) as payloads:
        known = keep(payloads)
        store(database, 1, payload=known)
        assert len(all_files(payloads)) > 1
        assert recover(database, payloads) == Recovery(orphans_removed=0, missing=(), missing_count=0)
        assert all_files(payloads) == [payloads.path(known)]
        assert payloads.path(keep(payloads)).read_bytes() == b"x", "the store goes on with new ones"


def test_what_an_earlier_version_was_receiving_is_removed(used: Path) -> None:
    (used.parent / "intake").mkdir()
    (used.parent / "intake" / ("0" * 32)).write_bytes(b"half of an instance")
    with Database(used) as database, PayloadStore(used.parent) as payloads:
        recover(database, payloads)
        assert not (used.parent / "intake").exists()


def test_a_store_with_nothing_to_recover_stays_as_it_is(used: Path) -> None:
    with Database(used) as database, PayloadStore(used.parent) as payloads:
        names = {keep(payloads) for _ in range(20)}
        for number, name in enumerate(names):
            store(database, number, payload=name)
        assert recover(database, payloads) == Recovery(orphans_removed=0, missing=(), missing_count=0)
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
