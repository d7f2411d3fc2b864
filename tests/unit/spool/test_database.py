"""One owner, one commit for all who wait, no success before it, and errors that stay with whom they belong to."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Column, Connection, Integer, MetaData, Table

from sealgate.errors import DataDirectoryInUse, StorageError, StorageFull
from sealgate.spool.connection import copy_path
from sealgate.spool.database import MAX_BATCH, Database

notes = MetaData()
Table("note", notes, Column("id", Integer, primary_key=True))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "var" / "sealgate.db"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    with Database(path, metadatas=[notes]) as database:
        yield database


def add(number: int) -> Callable[[Connection], int]:
    def function(connection: Connection) -> int:
        connection.exec_driver_sql("INSERT INTO note VALUES (?)", (number,))
        return number

    return function


def found(connection: Connection) -> list[int]:
    return [row[0] for row in connection.exec_driver_sql("SELECT id FROM note ORDER BY id")]


@contextmanager
def batch(database: Database, *functions: Callable[[Connection], object]) -> Iterator[list[Future[object]]]:
    """All functions wait in this order while another one is executed, so that they share one commit."""
    held_up, go_on = threading.Event(), threading.Event()

    def hold_up(_connection: Connection) -> None:
        held_up.set()
        go_on.wait(timeout=10)

    with ThreadPoolExecutor(len(functions) + 1) as pool:
        first = pool.submit(database.run, hold_up)
        assert held_up.wait(timeout=10)
        waiting = [database.submit(function) for function in functions]
        futures = [pool.submit(pending.result) for pending in waiting]
        go_on.set()
        first.result(timeout=10)
        yield futures


def test_all_who_wait_share_one_commit(database: Database) -> None:
    before = database.commits
    with batch(database, *(add(number) for number in range(20))) as futures:
        assert [future.result(timeout=10) for future in futures] == list(range(20))
    assert database.commits == before + 2  # one for the function that held them up, one for twenty
    assert database.run(found) == list(range(20))


def test_an_exception_undoes_what_its_function_wrote_and_hurts_nobody_else(database: Database) -> None:
    def fail(connection: Connection) -> None:
        add(2)(connection)
        raise LookupError("mine alone")

    with batch(database, add(1), fail, add(3)) as (first, second, third):
        assert (first.result(timeout=10), third.result(timeout=10)) == (1, 3)
        with pytest.raises(LookupError, match="mine alone"):
            second.result(timeout=10)
    assert database.run(found) == [1, 3]


def test_a_commit_that_fails_fails_for_all_and_the_next_one_works(database: Database) -> None:
    def break_commit(connection: Connection) -> None:
        connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")  # then a dangling reference is found by COMMIT
        connection.exec_driver_sql("INSERT INTO attempt (job_id, fence, started_at, ended_at) VALUES (99, 1, 0, 0)")

    with batch(database, add(1), break_commit) as futures:
        for future in futures:
            with pytest.raises(Exception, match="FOREIGN KEY constraint failed"):
                future.result(timeout=10)
    assert database.run(add(2)) == 2
    assert database.run(found) == [2]


def test_a_full_disk_is_named_and_the_database_goes_on_when_there_is_room(database: Database) -> None:
    def fill(connection: Connection) -> None:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        connection.exec_driver_sql("CREATE TABLE large AS SELECT zeroblob(1000000)")

    with pytest.raises(StorageFull, match="no space is left"):
        database.run(fill)
    database.run(lambda connection: connection.exec_driver_sql("PRAGMA max_page_count = 1000000").scalar_one())
    assert database.failure is None
    assert database.run(add(1)) == 1


def test_after_an_input_or_output_error_nothing_is_taken_any_more(database: Database) -> None:
    def fail(_connection: Connection) -> None:
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
        raise error

    with pytest.raises(StorageError, match="look at the kernel's log"):
        database.run(fail)
    with pytest.raises(StorageError, match="must be started again"):
        database.run(add(1))
    assert database.failure is not None


def test_a_function_that_commits_by_itself_is_a_mistake_of_ours(database: Database) -> None:
    def commit(connection: Connection) -> None:
        add(1)(connection)
        connection.commit()

    with pytest.raises(RuntimeError, match="ended the transaction"):
        database.run(commit)
    assert database.run(add(2)) == 2


def test_waiting_for_the_database_in_a_function_of_it_is_refused_and_does_not_hang(database: Database) -> None:
    waits: list[Callable[[Connection], object]] = [
        lambda _: database.run(found),
        lambda _: database.submit(found),
        lambda _: later.result(),
        lambda _: database.close(),
    ]
    pending = [database.submit(wait) for wait in waits]
    later = database.submit(found)
    assert later.result() == []
    for refused in pending:
        with pytest.raises(RuntimeError, match="cannot wait for another one"):
            refused.result()


def test_what_is_submitted_is_committed_when_its_result_is_asked_for_and_in_order(database: Database) -> None:
    before = database.commits
    pending = [database.submit(add(number)) for number in range(3)]
    counting = database.submit(found)
    assert database.commits == before
    assert counting.result() == [0, 1, 2]
    assert database.commits == before + 1
    assert [one.result() for one in pending] == [0, 1, 2]
    assert database.commits == before + 1


def test_what_nobody_asks_for_is_executed_with_what_somebody_does_or_at_the_end(path: Path) -> None:
    with Database(path, metadatas=[notes]) as database:
        database.submit(add(1))
        assert database.run(found) == [1]
        database.submit(add(2))
    with Database(path, metadatas=[notes]) as database:
        assert database.run(found) == [1, 2]


def test_more_than_a_batch_are_all_executed(database: Database) -> None:
    before = database.commits
    pending = [database.submit(add(number)) for number in range(MAX_BATCH + 1)]
    assert pending[-1].result() == MAX_BATCH
    assert database.commits == before + 2


def test_many_threads_get_each_their_own_result(database: Database) -> None:
    def store(first: int) -> list[int]:
        return [database.run(add(number)) for number in range(first, first + 50)]

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(store, range(0, 400, 50)))
    assert results == [list(range(first, first + 50)) for first in range(0, 400, 50)]
    assert database.run(found) == list(range(400))


def test_the_pragmas_that_durability_rests_on_are_set(database: Database) -> None:
    def read(connection: Connection) -> list[object]:
        names = ("journal_mode", "synchronous", "foreign_keys", "locking_mode")
        return [connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in names]

    assert database.run(read) == ["wal", 2, 1, "exclusive"]


def test_all_files_are_for_the_owner_alone(database: Database, path: Path) -> None:
    database.run(add(1))
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert modes == {"sealgate.db": 0o600, "sealgate.db-wal": 0o600, "lock": 0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_what_was_committed_is_there_after_closing_and_opening(path: Path) -> None:
    with Database(path, metadatas=[notes]) as database:
        assert database.created
        database.run(add(7))
    with Database(path, metadatas=[notes]) as database:
        assert not database.created
        assert database.run(found) == [7]


def test_closing_finishes_what_waits_and_refuses_what_comes_later(database: Database) -> None:
    with batch(database, add(1), add(2)) as futures:
        database.close()
        assert [future.result(timeout=10) for future in futures] == [1, 2]
    database.close()
    with pytest.raises(StorageError, match="closed"):
        database.run(found)


def test_a_second_owner_is_refused_with_the_directory_and_the_process(database: Database, path: Path) -> None:
    with pytest.raises(DataDirectoryInUse, match=f"{path.parent} is in use by process {os.getpid()}"):
        Database(path)


def test_the_lock_of_a_killed_process_is_free_again(path: Path) -> None:
    script = "import sys, pathlib; from sealgate.spool.database import Database\n"
    script += "Database(pathlib.Path(sys.argv[1])); print('open', flush=True); sys.stdin.read()"
    child = subprocess.Popen(
        [sys.executable, "-c", script, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == "open\n"
        with pytest.raises(DataDirectoryInUse, match=str(child.pid)):
            Database(path)
        child.kill()
    Database(path).close()


def test_a_newer_schema_is_refused_and_not_touched(path: Path) -> None:
    Database(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 7")
    with pytest.raises(StorageError, match="has schema 7 and this Sealgate knows 3 at most"):
        Database(path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (7,)


def test_a_migration_keeps_a_copy_of_what_was_there(path: Path) -> None:
    with Database(path, metadatas=[notes], migrations=[]) as database:
        database.run(add(1))

    def migrate(connection: Connection) -> None:
        connection.exec_driver_sql("ALTER TABLE note ADD COLUMN text VARCHAR")

    with Database(path, metadatas=[notes], migrations=[migrate]) as database:
        columns = database.run(lambda c: [row[1] for row in c.exec_driver_sql("PRAGMA table_info(note)")])
        assert (columns, database.run(found)) == (["id", "text"], [1])
    copy = copy_path(path, 1)
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
        assert connection.execute("SELECT * FROM note").fetchall() == [(1,)]


def test_a_migration_that_fails_leaves_the_old_schema_whole(path: Path) -> None:
    Database(path, metadatas=[notes], migrations=[]).close()

    def migrate(connection: Connection) -> None:
        connection.exec_driver_sql("DROP TABLE note")
        raise LookupError("half way")

    with pytest.raises(LookupError, match="half way"):
        Database(path, metadatas=[notes], migrations=[migrate])
    with Database(path, metadatas=[notes], migrations=[]) as database:
        assert database.run(found) == []


@pytest.mark.parametrize("content", [b"this is no database, however long it may be " * 50, b"SQLite format 3\0" * 70])
def test_a_file_that_is_no_database_is_refused_with_a_sentence(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(StorageError, match=str(path)):
        Database(path)
    assert path.read_bytes() == content


def test_two_metadatas_with_one_table_name_are_a_mistake_of_ours(path: Path) -> None:
    with pytest.raises(RuntimeError, match="same name"):
        Database(path, metadatas=[notes, notes])
    Database(path).close()
