"""kill -9 in the middle of storing: what was acknowledged is there, whole; what was not leaves nothing behind."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
from pathlib import Path

from sqlalchemy import Connection

import sealgate
import support
from sealgate.node.operations import open_database
from sealgate.spool.payload import PayloadStore
from sealgate.spool.recovery import recover

ROUNDS = 6
SEED = 20261121
THREADS = 3


def acknowledged_until_killed(data_dir: Path, round_number: int, lines: int) -> list[list[str]]:
    """Let a process store instances and kill it somewhere after its `lines`-th acknowledgement."""
    roots = [str(Path(module.__file__ or "").parents[1]) for module in (sealgate, support)]
    command = [sys.executable, "-m", "support.spool_child", str(data_dir), str(round_number), str(THREADS)]
    child = subprocess.Popen(
        command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": os.pathsep.join(roots)}, bufsize=0
    )
    with child:
        assert child.stdout is not None
        text = b""
        while text.count(b"\n") < lines:
            piece = child.stdout.read(4096)
            assert piece, "the process ended by itself"
            text += piece
        child.kill()
        text += child.stdout.read()
    whole = text[: text.rfind(b"\n") + 1]
    return [line.split() for line in whole.decode("ascii").splitlines()]


def rows(connection: Connection) -> dict[int, tuple[str, int, int]]:
    """Payload name, number of jobs and number of audit rows of every instance, by its id."""
    query = (
        "SELECT id, payload, (SELECT count(*) FROM job WHERE instance_id = instance.id),"
        " (SELECT count(*) FROM audit_instance WHERE instance_id = instance.id) FROM instance"
    )
    return {row[0]: (row[1], row[2], row[3]) for row in connection.exec_driver_sql(query)}


def test_no_acknowledged_instance_is_lost_and_nothing_half_stays(tmp_path: Path) -> None:
    draw = random.Random(SEED)
    acknowledged: dict[int, tuple[str, str]] = {}
    open_database(tmp_path).close()
    for round_number in range(ROUNDS):
        for number, name, digest in acknowledged_until_killed(tmp_path, round_number, draw.randrange(1, 60)):
            acknowledged[int(number)] = (name, digest)
        with open_database(tmp_path) as database, PayloadStore(tmp_path) as payloads:
            recovered = recover(database, payloads)
            assert recovered.missing_count == 0
            assert recovered.orphans_removed <= THREADS
            stored = database.run(rows)
            on_disk = {path.name for path in (tmp_path / "payload").rglob("*") if path.is_file()}
            assert on_disk == {payload for payload, _, _ in stored.values()}
            assert database.run(lambda c: c.exec_driver_sql("PRAGMA integrity_check").scalar_one()) == "ok"
        assert all((jobs, audited) == (2, 1) for _, jobs, audited in stored.values())
        assert len(stored) <= len(acknowledged) + THREADS * (round_number + 1)
        for number, (name, digest) in acknowledged.items():
            assert stored[number][0] == name
            assert hashlib.sha256((tmp_path / "payload" / name[:2] / name).read_bytes()).hexdigest() == digest
    assert len(acknowledged) >= ROUNDS
