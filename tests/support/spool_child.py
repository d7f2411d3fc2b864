"""A process that stores instances as fast as it can, says so after each commit, and is meant to be killed.

Usage: spool_child.py DATA_DIR ROUND THREADS. Every line on standard output is one acknowledged instance: its id, the
name of its payload and the SHA-256 of its bytes.
"""

from __future__ import annotations

import hashlib
import os
import sys
import threading
from pathlib import Path

from sqlalchemy import Connection

from sealgate.audit.register import record_instance
from sealgate.node.operations import open_database
from sealgate.spool.database import Database
from sealgate.spool.instances import NewInstance, insert_instance
from sealgate.spool.payload import PayloadStore
from support.spooling import NOW, new_instance, new_record


def store_for_ever(database: Database, payloads: PayloadStore, first: int) -> None:
    """Store one instance after the other, with UIDs from `first` on."""
    number = first
    while True:
        content = hashlib.sha256(str(number).encode()).digest() * 700
        with payloads.new_intake() as intake:
            intake.write(content)
            name = intake.keep()
        new = new_instance(number, payload=name, payload_size=len(content), layout=((0, len(content)),))

        def commit(connection: Connection, new: NewInstance = new, number: int = number) -> int:
            stored = insert_instance(connection, new, {"pacs": 0, "archive": 0}, NOW)
            record_instance(connection, new_record(number, instance_id=stored.instance_id))
            return stored.instance_id

        line = f"{database.run(commit)} {name} {hashlib.sha256(content).hexdigest()}\n"
        os.write(sys.stdout.fileno(), line.encode("ascii"))  # one write, one line, no buffer that a kill could eat
        number += 1


def main() -> None:
    """Start the threads and never end."""
    data_dir, round_number, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    database, payloads = open_database(data_dir), PayloadStore(data_dir)
    firsts = [(round_number * count + thread) * 1_000_000 for thread in range(count)]
    threads = [threading.Thread(target=store_for_ever, args=(database, payloads, first)) for first in firsts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
