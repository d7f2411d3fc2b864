"""Translation of what the operating system reports into the storage errors of Sealgate."""

from __future__ import annotations

import errno
from typing import Final

from sealgate.errors import StorageError, StorageFull

FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
"""What says that there is no room: recoverable as soon as somebody makes room."""


def from_os_error(error: OSError, action: str) -> StorageError:
    """The storage error for `error`, which came while doing `action` ("write the payload /var/…")."""
    if error.errno in FULL:
        return StorageFull(f"cannot {action}: no space is left on the file system; free some or give the gateway more")
    return StorageError(f"cannot {action}: {error.strerror or error}")
