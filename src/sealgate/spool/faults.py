"""Translation of what SQLite reports into the storage errors of Sealgate."""

from __future__ import annotations

import sqlite3
from typing import Final

from sealgate.errors import StorageError, StorageFull

_PRIMARY_CODE = 0xFF
"""SQLite puts its primary result code into the low byte of an extended one (https://sqlite.org/rescode.html)."""

_ADVICE: Final = {
    sqlite3.SQLITE_IOERR: "the disk reports an input or output error; look at the kernel's log before going on",
    sqlite3.SQLITE_CORRUPT: "the file is damaged; stop the gateway and put a copy back",
    sqlite3.SQLITE_NOTADB: "the file is no SQLite database; put the right file back",
    sqlite3.SQLITE_READONLY: "it is not writable; give the gateway's user the right to write it",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; look at the owner and mode of the data directory",
    sqlite3.SQLITE_BUSY: "another program holds it locked; close that program",
    sqlite3.SQLITE_PERM: "access is denied; look at the owner and mode of the data directory",
}


def from_sqlite_error(error: sqlite3.Error, path: object) -> StorageError:
    """The storage error for what SQLite reported about the database at `path`."""
    code = (getattr(error, "sqlite_errorcode", None) or 0) & _PRIMARY_CODE
    if code == sqlite3.SQLITE_FULL:
        return StorageFull(f"cannot write the database {path}: no space is left on its file system; free some")
    return StorageError(f"the database {path} failed: {_ADVICE.get(code, str(error))}")


def is_disk_failure(error: sqlite3.Error) -> bool:
    """Whether, after `error`, nobody can know what of the database has reached the disk."""
    code = (getattr(error, "sqlite_errorcode", None) or 0) & _PRIMARY_CODE
    return code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
