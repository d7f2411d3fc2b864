"""The lock that makes one process the owner of a data directory.

SQLite before 3.51.3 can damage a write-ahead log that two processes write or checkpoint, and the start of a gateway
removes unfinished intake files. Both are safe only while one process at a time is at work, so whoever opens the data
directory holds an exclusive flock(2) on its file `lock` until it ends; the kernel releases it even after kill -9.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from sealgate.errors import DataDirectoryInUse
from sealgate.files.faults import from_os_error

LOCK_NAME: Final = "lock"
DIRECTORY_MODE: Final = 0o700
FILE_MODE: Final = 0o600

_MAX_PID_LENGTH = 20
"""Bytes of the lock file that are read for a process id: enough for 64 bits in decimal."""


class DataDirectoryLock:
    """Exclusive ownership of a data directory, from construction to `release` or the end of the process.

    Raises DataDirectoryInUse, which names the directory and the process that holds it, and StorageError.
    """

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        try:
            data_dir.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
            self._fd = os.open(data_dir / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
        except OSError as error:
            raise from_os_error(error, f"open the data directory {data_dir}") from error
        try:
            self._take()
        except BaseException:  # whatever happens, no descriptor may stay open: it would keep the lock
            os.close(self._fd)
            raise

    def _take(self) -> None:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DataDirectoryInUse(
                f"the data directory {self.data_dir} is in use by {self._holder()}; "
                "stop that one, or name another data directory"
            ) from error
        except OSError as error:
            raise from_os_error(error, f"lock the data directory {self.data_dir}") from error
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()}\n".encode("ascii"), 0)

    def _holder(self) -> str:
        text = os.pread(self._fd, _MAX_PID_LENGTH, 0).strip()
        return f"process {text.decode('ascii')}" if text.isdigit() else "another process"

    def release(self) -> None:
        """Give the directory up; a second call does nothing."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.release()
