#!/usr/bin/env python3
"""What one operation of queue and register costs beside how much is in them already; and the recovery at the start.

usage: growth.py SCRATCH [--jobs 100 10000 1000000] [--rows 10000 100000 1000000 10000000] [--instances 10000 1000000]
                         [--rounds 3] [--repeat 400] [--only queue register recovery]

  queue     N jobs wait (one in ten for a second destination, one in a thousand is dead), nothing is finished
  register  N rows in the register: every instance was received, signed and delivered, so that makes three rows
  recovery  N instances and their (empty) payload files: PayloadStore and database are opened and compared

Tables are filled by one process, fast and without waiting for the disk; the sizes are then measured in turn, each in a
process of its own, which says its peak memory. Printed are, of all rounds, the least median of the wall clock and the
least CPU time of each operation in milliseconds, commit and fsync included, and the ratio of that CPU time to the one
at the smallest size. An operation with (linear) reads all that there is; all others are to stay within 1.5.
Ten million rows need 10 GB in SCRATCH and some minutes.
"""
import argparse, hashlib, json, os, secrets, shutil, sqlite3, statistics, subprocess, sys, time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import insert
from sqlalchemy.dialects import sqlite

from sealgate.audit import schema as register_schema
from sealgate.audit.register import (DeliveryRecord, Filters, InstanceRecord, SignatureRecord, first_receipt,
                                     list_records, record_delivery, record_instance, record_signature)
from sealgate.node.operations import DATABASE_NAME, open_database
from sealgate.spool import schema
from sealgate.spool.instances import NewInstance, find_instance, insert_instance
from sealgate.spool.interventions import drop_job, retry_now
from sealgate.spool.jobs import Outcome, finish, lease, next_due, reclaim
from sealgate.spool.listing import list_instances, list_jobs, summary
from sealgate.spool.payload import PayloadStore
from sealgate.spool.recovery import recover
from sealgate.spool.states import InstanceState, JobState

START = datetime(2026, 1, 1, tzinfo=UTC)
CT = "1.2.840.10008.5.1.4.1.1.2"
EXPLICIT_LE = "1.2.840.10008.1.2.1"
CHUNK = 10_000
LISTED = 10
SENDERS = 40
POLICY = "a" * 64


def uid(number):
    """As modalities make them: forty of them take turns, each counts on within its series."""
    return f"1.2.840.113619.2.55.3.{number % SENDERS}.{number // 8000}.{number}"


def micros(number):
    return round((START.timestamp() + number) * 1e6)


def moment(number):
    return (START + timedelta(seconds=number)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def instance_rows(numbers):
    for number in numbers:
        digest = secrets.token_hex(32)
        yield dict(
            id=number, sop_class_uid=CT, sop_instance_uid=uid(number), transfer_syntax_uid=EXPLICIT_LE,
            payload=secrets.token_hex(16), payload_size=527000, digest_in=digest, digest_out=digest,
            layout="[[132, 5000], [526000, 526400], [5000, 526000]]", state="queued", reasons="[]",
            destinations='{"pacs": 0}', source="ct", policy_digest=POLICY, calling_ae_title=f"CT{number % SENDERS}",
            called_ae_title="SEALGATE", peer_address="192.0.2.7", received_at=micros(number), stored_at=micros(number))


def job_rows(numbers, finished):
    for number in numbers:
        state = "done" if finished else "dead" if number % 1000 == 0 else "ready"
        yield dict(
            id=number, instance_id=number, destination="pacs" if number % 10 else "archive", priority=0, state=state,
            attempts=int(finished), fence=int(finished), created_at=micros(number), enqueued_at=micros(number))


def attempt_rows(numbers):
    for number in numbers:
        yield dict(id=number, job_id=number, fence=1, started_at=micros(number), ended_at=micros(number), status=0)


def record_rows(numbers):
    for number in numbers:
        digest = secrets.token_hex(32)
        yield dict(
            id=number, at=moment(number), instance_id=number, source="ct", calling_ae_title=f"CT{number % SENDERS}",
            called_ae_title="SEALGATE", peer_address="192.0.2.7", sop_class_uid=CT, sop_instance_uid=uid(number),
            transfer_syntax_uid=EXPLICIT_LE, digest_in=digest, digest_out=digest, spliced="[[368, 496], [3000, 3400]]",
            action="sign", verdict="accept", reasons='["no signature"]', status=0, policy_digest=POLICY)


def signature_rows(numbers):
    for number in numbers:
        yield dict(
            id=number, record_id=number, made_here=1, digital_signature_uid=f"2.25.{secrets.randbits(128)}",
            location="main data set", mac_algorithm="SHA256", outcome="valid", reasons="[]",
            unsigned_elements='["(0008,0005)", "(0010,0010)"]', unsigned_element_count=2, signer="CN=Sealgate",
            signer_certificate_sha256="b" * 64, digital_signature_datetime="20260101080000.000000+0000")


def delivery_rows(numbers):
    for number in numbers:
        yield dict(
            id=number, at=moment(number), instance_id=number, sop_instance_uid=uid(number), destination="pacs",
            outcome="done", status=0, digest=secrets.token_hex(32))


def add(connection, table, rows):
    """Insert rows that are in the form in which they are stored."""
    rows = list(rows)
    text = str(insert(table).compile(dialect=sqlite.dialect(), column_keys=list(rows[0])))
    connection.executemany(text, [tuple(row.values()) for row in rows])


def fill(data_dir, count, *, waiting):
    """Add `count` instances, which wait, or which were delivered and stand in the register."""
    open_database(data_dir).close()
    with closing(sqlite3.connect(data_dir / DATABASE_NAME, isolation_level=None)) as connection:
        for pragma in ("locking_mode=EXCLUSIVE", "synchronous=OFF", "cache_size=-200000", "wal_autocheckpoint=20000"):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        for start in range(1, count + 1, CHUNK):
            numbers = range(start, min(start + CHUNK, count + 1))
            connection.execute("BEGIN")
            add(connection, schema.instance, instance_rows(numbers))
            add(connection, schema.job, job_rows(numbers, finished=not waiting))
            if not waiting:
                add(connection, schema.attempt, attempt_rows(numbers))
                add(connection, register_schema.instance_record, record_rows(numbers))
                add(connection, register_schema.signature_record, signature_rows(numbers))
                add(connection, register_schema.delivery_record, delivery_rows(numbers))
            connection.execute("COMMIT")
    os.sync()


class Store:
    """Store new instances as the gateway does: look whether they are known, then instance, job and register."""

    def __init__(self, database):
        self.database = database
        self.number = database.run(lambda c: c.exec_driver_sql("SELECT max(id) FROM instance").scalar_one())

    def __call__(self):
        self.number += 1
        digest = hashlib.sha256(str(self.number).encode()).hexdigest()
        at = START + timedelta(seconds=self.number)
        new = NewInstance(
            sop_class_uid=CT, sop_instance_uid=uid(self.number), transfer_syntax_uid=EXPLICIT_LE,
            payload=secrets.token_hex(16), payload_size=527000, digest_in=digest, digest_out=digest,
            layout=((132, 5000), (526000, 526400), (5000, 526000)), state=InstanceState.QUEUED, source="ct",
            policy_digest=POLICY, calling_ae_title="CT1", called_ae_title="SEALGATE", peer_address="192.0.2.7",
            received_at=at)
        self.database.run(lambda c: find_instance(c, new.key) or first_receipt(c, new.sop_instance_uid, digest))
        self.database.run(lambda c: self.commit(c, new, at))

    def commit(self, connection, new, at):
        stored = insert_instance(connection, new, {"pacs": 0}, at)
        record_id = record_instance(connection, InstanceRecord(
            at=at, source="ct", calling_ae_title="CT1", called_ae_title="SEALGATE", peer_address="192.0.2.7",
            peer_certificate_sha256=None, sop_class_uid=CT, sop_instance_uid=new.sop_instance_uid,
            transfer_syntax_uid=EXPLICIT_LE, action="sign", verdict="accept", instance_id=stored.instance_id,
            digest_in=new.digest_in, digest_out=new.digest_out, reasons=("no signature",), status=0,
            policy_digest=POLICY))
        record_signature(connection, SignatureRecord(
            record_id=record_id, made_here=True, digital_signature_uid=f"2.25.{secrets.randbits(128)}",
            location="main data set", mac_algorithm="SHA256", outcome="valid", signer="CN=Sealgate",
            signer_certificate_sha256="b" * 64))


class Deliver:
    """Take sixteen jobs and finish them, each finish a commit of its own; the cost is that of one job."""

    def __init__(self, database, at):
        self.database, self.at = database, at

    def __call__(self):
        jobs = self.database.run(lambda c: lease(c, "pacs", 16, "worker", self.at, timedelta(hours=1)))
        for job in jobs:
            self.database.run(lambda c, job=job: self.finish(c, job))

    def finish(self, connection, job):
        outcome = Outcome(state=JobState.DONE, started_at=self.at, ended_at=self.at, status=0)
        if finish(connection, job.job_id, job.fence, outcome):
            record_delivery(connection, DeliveryRecord(
                at=self.at, instance_id=job.instance_id, sop_instance_uid=job.sop_instance_uid, destination="pacs",
                outcome="done", status=0, digest=job.digest_out))


def measured(operation, repeat, per=1):
    """[median wall clock, mean CPU time] in milliseconds, of one of `per` things that `operation` does."""
    operation()
    wall, cpu = [], time.process_time()
    for _ in range(repeat):
        begun = time.perf_counter()
        operation()
        wall.append(time.perf_counter() - begun)
    return [statistics.median(wall) * 1000 / per, (time.process_time() - cpu) * 1000 / repeat / per]


def queue_figures(data_dir, count, repeat):
    at = START + timedelta(seconds=count)
    few = max(3, repeat // 40)
    with open_database(data_dir) as database:
        def ask(function, *arguments, **options):
            return lambda: database.run(lambda c: function(c, *arguments, **options))
        return {
            "store one": measured(Store(database), repeat),
            "lease 16, finish 16, per job": measured(Deliver(database, at), few, per=16),
            "next due": measured(ask(next_due, "pacs"), repeat),
            "list 10": measured(ask(list_jobs, LISTED), few),
            "list 10 of a destination": measured(ask(list_jobs, LISTED, destination="archive"), few),
            "list 10 dead of a destination": measured(
                ask(list_jobs, LISTED, states=[JobState.DEAD], destination="pacs"), few),
            "list 10 dropped": measured(ask(list_jobs, LISTED, states=[JobState.DROPPED]), few),
            "list 10 instances dropped": measured(ask(list_instances, LISTED, state=InstanceState.DROPPED), few),
            "retry a destination": measured(ask(retry_now, at, destination="nowhere"), few),
            "reclaim at the start": measured(ask(reclaim), few),
            "summary (linear)": measured(ask(summary, at), 3),
        }


def register_figures(data_dir, rows, repeat):
    count = rows // 3
    few = max(3, repeat // 40)
    middle = START + timedelta(seconds=count // 2)
    with open_database(data_dir) as database:
        def ask(**filters):
            return lambda: database.run(lambda c: list_records(c, Filters(**filters), LISTED))
        return {
            "store one": measured(Store(database), repeat),
            "lease 16, finish 16, per job": measured(Deliver(database, START), few, per=16),
            "list by UID": measured(ask(sop_instance_uid=uid(count // 2)), few),
            "list 10 newest": measured(ask(), few),
            "list 10 of a sender": measured(ask(calling_ae_title="CT7"), few),
            "list 10 of an unknown sender": measured(ask(calling_ae_title="NOBODY"), few),
            "list 10 rejected": measured(ask(verdict="reject"), few),
            "list 10 since half time": measured(ask(since=middle), few),
            "list 10 until half time": measured(ask(until=middle), few),
            "list 10 of a sender until half time": measured(ask(until=middle, calling_ae_title="CT7"), few),
        }


def recovery_figures(data_dir, _count, _repeat):
    begun, cpu = time.perf_counter(), time.process_time()
    with open_database(data_dir) as database, PayloadStore(data_dir) as store:
        recover(database, store)
    return {"open and recover (linear)": [(time.perf_counter() - begun) * 1000, (time.process_time() - cpu) * 1000]}


PARTS = {"queue": queue_figures, "register": register_figures, "recovery": recovery_figures}


def make_payloads(data_dir):
    """An empty file for every instance."""
    with PayloadStore(data_dir) as store, closing(sqlite3.connect(data_dir / DATABASE_NAME)) as connection:
        for (name,) in connection.execute("SELECT payload FROM instance"):
            os.close(os.open(store.path(name), os.O_WRONLY | os.O_CREAT, 0o600))


def peak_mb():
    """VmHWM; getrusage would count what the parent had before exec."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def grow(part, sizes, scratch, rounds, repeat):
    """The figures of each size: all are filled first, and then measured in turn, since this machine has its moods."""
    data_dirs = {size: scratch / f"growth-{part}-{size}" for size in sorted(sizes)}
    for size, data_dir in data_dirs.items():
        shutil.rmtree(data_dir, ignore_errors=True)
        begun = time.perf_counter()
        fill(data_dir, size // 3 if part == "register" else size, waiting=part == "queue")
        if part == "recovery":
            make_payloads(data_dir)
        print(f"{part}: {size:,} made in {time.perf_counter() - begun:.0f} s, "
              f"{(data_dir / DATABASE_NAME).stat().st_size >> 20:,} MB", file=sys.stderr)
    found = {size: [] for size in data_dirs}
    for _ in range(rounds):
        for size, data_dir in data_dirs.items():
            command = [sys.executable, __file__, str(data_dir), "--measure", part, str(size), "--repeat", str(repeat)]
            found[size].append(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout))
    for data_dir in data_dirs.values():
        shutil.rmtree(data_dir)
    return {size: {name: least(figures, name) for name in figures[0]} for size, figures in found.items()}


def least(figures, name):
    """Of all rounds, the least of each figure; of the memory the most."""
    of_rounds = [one[name] for one in figures]
    return max(of_rounds) if name == "peak MB" else [min(values) for values in zip(*of_rounds)]


def print_table(part, found):
    smallest = found[min(found)]
    print(f"\n{part:38}" + "".join(f"{size:>26,}" for size in found))
    for operation in smallest:
        if operation == "peak MB":
            print(f"{operation:38}" + "".join(f"{figures[operation]:>26.0f}" for figures in found.values()))
            continue
        cells = []
        for figures in found.values():
            wall, cpu = figures[operation]
            cells.append(f"{wall:9.3f} {cpu:8.3f} {cpu / smallest[operation][1]:6.2f}x")
        print(f"{operation:38}" + "".join(f"{cell:>26}" for cell in cells))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scratch", type=Path)
    parser.add_argument("--jobs", type=int, nargs="+", default=[100, 10_000, 1_000_000])
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000, 10_000_000])
    parser.add_argument("--instances", type=int, nargs="+", default=[10_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--repeat", type=int, default=400)
    parser.add_argument("--only", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        part, size = options.measure
        figures = PARTS[part](options.scratch, int(size), options.repeat)
        figures["peak MB"] = peak_mb()
        print(json.dumps(figures))
        return
    sizes = {"queue": options.jobs, "register": options.rows, "recovery": options.instances}
    for part in options.only:
        print_table(part, grow(part, sizes[part], options.scratch, options.rounds, options.repeat))


if __name__ == "__main__":
    main()
