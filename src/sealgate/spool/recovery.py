"""Recovery at the start: what a crash left in the payload store is compared with what the database knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, select

from sealgate.errors import StorageError
from sealgate.spool.database import Database
from sealgate.spool.payload import SHARDS, PayloadStore
from sealgate.spool.schema import instance

MAX_ORPHANS: Final = 1024
"""Payloads without a row that one crash can leave: one for each association that was receiving."""

MAX_REPORTED_MISSING: Final = 100
"""Missing payloads that are named; if there are more, the file system is the thing to look at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """What was done and found at the start."""

    orphans_removed: int
    """Payloads with bytes in them that were never acknowledged."""
    missing: tuple[str, ...]
    """Payloads that the database promises and the disk does not have, MAX_REPORTED_MISSING at most."""
    missing_count: int


def recover(database: Database, payloads: PayloadStore) -> Recovery:
    """Remove what was never acknowledged, and name what is missing; before anything is received.

    A database that is new, or that knows almost nothing of a full store, is a database that was lost or exchanged: then
    nothing is removed. Raises StorageError, which says so.
    """
    return database.run(lambda connection: _recover(connection, database, payloads))


def _recover(connection: Connection, database: Database, payloads: PayloadStore) -> Recovery:
    orphans: set[str] = set()
    filled = 0
    missing: list[str] = []
    missing_count = 0
    for shard in SHARDS:  # one shard at a time, so that memory does not grow with the store
        on_disk, known = payloads.names(shard), _known(connection, shard)
        unknown = on_disk - known
        orphans |= unknown
        filled += sum(payloads.holds_bytes(name) for name in unknown)  # the others were made in advance
        if filled > (0 if database.created else MAX_ORPHANS):
            raise StorageError(
                f"{payloads.root}/payload holds instances that the database {database.path} does not know; put "
                "back the database that belongs to them, or move that directory away"
            )
        lost = sorted(known - on_disk)
        missing_count += len(lost)
        missing += lost[: MAX_REPORTED_MISSING - len(missing)]
    payloads.remove(orphans)
    return Recovery(
        orphans_removed=filled,
        missing=tuple(missing),
        missing_count=missing_count,
    )


def _known(connection: Connection, shard: str) -> frozenset[str]:
    """The payloads of one shard that instances refer to; a range of names, which the unique index answers."""
    names = select(instance.c.payload).where(instance.c.payload >= shard, instance.c.payload < shard + "g")
    return frozenset(connection.execute(names).scalars())
