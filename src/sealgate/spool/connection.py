"""Opening of the SQLite file: pragmas, mode, version of the schema, and the copy that is kept before a migration."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, MetaData, NullPool, create_engine
from sqlalchemy.exc import DBAPIError

from sealgate.errors import StorageError
from sealgate.files.faults import from_os_error
from sealgate.spool.faults import from_sqlite_error
from sealgate.spool.lock import FILE_MODE
from sealgate.spool.schema import Migration
from sealgate.sql.prepared import driver

BUSY_TIMEOUT_MS: Final = 5000
"""How long to wait for another program, such as a backup, that has the file open while we start."""

JOURNAL_SIZE_LIMIT_BYTES: Final = 64 << 20
"""What the write-ahead log is cut back to after a burst has made it grow."""

_PRAGMAS: Final = (
    # With this lock, taken before the log is opened, no second process can touch it, and no shared memory is needed.
    "PRAGMA locking_mode = EXCLUSIVE",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",  # in WAL mode anything less does not fsync at each commit
    "PRAGMA foreign_keys = ON",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA temp_store = MEMORY",
    f"PRAGMA journal_size_limit = {JOURNAL_SIZE_LIMIT_BYTES}",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """What the file shall hold: the tables of all metadatas, at the version that the migrations lead to.

    Raises RuntimeError if two metadatas have a table of the same name.
    """

    metadatas: tuple[MetaData, ...]
    migrations: tuple[Migration, ...]

    def __post_init__(self) -> None:
        names = [name for metadata in self.metadatas for name in metadata.tables]
        if len(names) != len(set(names)):
            raise RuntimeError("two metadatas have a table of the same name")

    @property
    def version(self) -> int:
        """Version that is kept in PRAGMA user_version; 0 is a file that was just made."""
        return 1 + len(self.migrations)


def connect(path: Path) -> Connection:
    """Open the database at `path` (mode 0600, made if it is not there) for all threads, one at a time.

    Transactions are left to the caller, who begins each with BEGIN IMMEDIATE. Raises StorageError.
    """
    try:
        # SQLite gives its log the mode of the database.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE))
    except OSError as error:
        raise from_os_error(error, f"open the database {path}") from error
    engine = create_engine("sqlite://", creator=lambda: _open(path), poolclass=NullPool)
    try:
        return engine.connect()
    except DBAPIError as error:
        original = error.orig
        if not isinstance(original, sqlite3.Error):
            raise
        raise from_sqlite_error(original, path) from error


def prepare(connection: Connection, path: Path, schema: Schema) -> bool:
    """Create or migrate the tables, all or nothing; whether they were created just now. Raises StorageError."""
    version = _user_version(connection)
    if version > schema.version:
        raise StorageError(
            f"the database {path} has schema {version} and this Sealgate knows {schema.version} at most; "
            "use the newer Sealgate that wrote it, or put back the copy that it kept"
        )
    if version == schema.version:
        return False
    if version:
        _keep_copy(connection, path, version)
    # A migration may put a new table in the place of one that others refer to (https://sqlite.org/lang_altertable.html);
    # inside of a transaction this pragma does nothing.
    _enforce_foreign_keys(connection, on=False)
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    try:
        if version:
            for migration in schema.migrations[version - 1 :]:
                migration(connection)
        else:
            for metadata in schema.metadatas:
                metadata.create_all(connection)
        connection.exec_driver_sql(f"PRAGMA user_version = {schema.version:d}")
        if connection.exec_driver_sql("PRAGMA foreign_key_check").first() is not None:
            raise RuntimeError("a migration left a row without the row that it refers to")
    except BaseException:  # all or nothing, whatever stopped it
        connection.rollback()
        raise
    connection.commit()
    _enforce_foreign_keys(connection, on=True)
    return version == 0


def copy_path(path: Path, version: int) -> Path:
    """Where the copy of the database at `path` lies that was made before it left schema `version`."""
    return path.with_name(f"{path.name}.schema-{version}.copy")


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path,
        timeout=BUSY_TIMEOUT_MS / 1000,
        isolation_level=None,
        cached_statements=512,
        check_same_thread=False,
    )
    try:
        _configure(connection, path)
    except BaseException:  # a half-configured connection must not hold the lock of the file
        connection.close()
        raise
    return connection


def _configure(connection: sqlite3.Connection, path: Path) -> None:
    for pragma in _PRAGMAS:
        connection.execute(pragma).fetchall()
    (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
    if mode != "wal":
        raise StorageError(f"the database {path} takes no write-ahead log ({mode}); put it on a local file system")


def _enforce_foreign_keys(connection: Connection, *, on: bool) -> None:
    driver(connection).execute(f"PRAGMA foreign_keys = {'ON' if on else 'OFF'}")


def _user_version(connection: Connection) -> int:
    version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
    connection.rollback()
    return int(version)


def _keep_copy(connection: Connection, path: Path, version: int) -> None:
    """A copy beside the database; one that is there already, from a migration that failed, is the same."""
    copy = copy_path(path, version)
    partial = copy.with_name(f"{copy.name}.partial")
    try:
        partial.unlink(missing_ok=True)
        fd = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
        try:
            with closing(sqlite3.connect(partial)) as target:
                driver(connection).backup(target)
            os.fsync(fd)
        finally:
            os.close(fd)
        partial.replace(copy)
    except sqlite3.Error as error:
        raise from_sqlite_error(error, copy) from error
    except OSError as error:
        raise from_os_error(error, f"keep the copy {copy}") from error
