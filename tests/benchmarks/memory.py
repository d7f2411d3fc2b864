#!/usr/bin/env python3
"""Peak memory of one gateway: an instance of 2 GB, then a backlog, signed, for a destination that is away.

usage: memory.py SCRATCH KEY CERT CA [--bytes 2000000000] [--backlog 100000]

SCRATCH must be on the disk that a gateway would use, with room for the instance. Needs sealgate.
"""
import argparse, os, struct, threading, time

from sealgate.node.outgoing_instance import OutgoingInstance
from sealgate.node.requestor import RemoteNode, Requestor

from servers import running, sealgate

CT, EXPLICIT_LE, ROOT = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.2.1", "1.2.826.0.1.3680043.8.498.1"
ASSOCIATIONS = 4
BLOCK = os.urandom(1 << 20)


def uid_element(number, uid):
    value = uid.encode() + b"\0" * (len(uid) % 2)
    return struct.pack("<HH2sH", 8, number, b"UI", len(value)) + value


def instance(number, size):
    uid = f"{ROOT}.{number}"
    head = uid_element(0x16, CT) + uid_element(0x18, uid) + struct.pack("<HH2sHL", 0x7FE0, 0x10, b"OW", 0, size)

    def chunks():
        yield head
        for position in range(0, size, len(BLOCK)):
            yield memoryview(BLOCK)[:min(len(BLOCK), size - position)]
    return OutgoingInstance(sop_class_uid=CT, sop_instance_uid=uid, transfer_syntax_uid=EXPLICIT_LE,
                            size=len(head) + size, chunks=chunks())


def send(port, numbers, size):
    with Requestor(RemoteNode(host="127.0.0.1", port=port), [(CT, EXPLICIT_LE)]) as requestor:
        for number in numbers:
            assert requestor.store(instance(number, size)).status == 0


def peak_mb(pid):
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) // 1024 for line in f if line.startswith("VmHWM"))


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("scratch"); ap.add_argument("key"); ap.add_argument("cert"); ap.add_argument("ca")
    ap.add_argument("--bytes", type=int, default=2_000_000_000)
    ap.add_argument("--backlog", type=int, default=100_000)
    a = ap.parse_args()
    os.makedirs(a.scratch, exist_ok=True)
    credentials = [os.path.abspath(path) for path in (a.key, a.cert, a.ca)]
    with running(sealgate("sign", credentials, "away"), os.path.abspath(a.scratch)) as (proc, port, _):
        print(f"started: {peak_mb(proc.pid)} MB", flush=True)
        begun = time.monotonic()
        send(port, [1], a.bytes)
        print(f"one instance of {a.bytes / 1e9:g} GB in {time.monotonic() - begun:.1f} s: {peak_mb(proc.pid)} MB", flush=True)
        begun = time.monotonic()
        threads = [threading.Thread(target=send, args=(port, range(2 + first, a.backlog + 2, ASSOCIATIONS), 1000))
                   for first in range(ASSOCIATIONS)]
        [t.start() for t in threads]
        [t.join() for t in threads]
        print(f"{a.backlog} waiting after {time.monotonic() - begun:.0f} s: {peak_mb(proc.pid)} MB")


if __name__ == "__main__":
    main()
