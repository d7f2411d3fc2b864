#!/usr/bin/env python3
"""Instructions that the engine spends on one small file with 300 elements, beyond its SHA-256 and one RSA operation.

usage: instructions.py KEY CERT CA [--rounds 10]

Counted by valgrind, so neither the speed of the machine nor what else runs on it matters; the counts of two calls
differ by less than 0.1 %. They do change with the version of Python. What is prepared is prepared once; then each step is made
in a forked process of its own that ends with its count, and one that does nothing tells what was counted before.
Prints JSON: {"sign": N, "verify": N}. Needs valgrind, sealgate and cryptography.
"""
import argparse, gc, json, os, re, subprocess, sys, tempfile
from pathlib import Path

ELEMENTS, PIXELS = 300, 1024    # few pixels: hashing is OpenSSL's work


def count_steps(keys, rounds):
    """Runs under valgrind: prints the name and the process of each step."""
    import engine

    found = {"nothing": lambda: None, **engine.steps(engine.image(ELEMENTS, PIXELS), *keys)}
    for step in found.values():
        for _ in range(3):      # what is loaded or remembered at the first use is not counted
            step()
    gc.collect()
    gc.freeze()
    for name, step in found.items():
        pid = os.fork()
        if not pid:
            for _ in range(rounds):
                step()
            os._exit(0)
        if os.waitpid(pid, 0)[1]:
            raise SystemExit(f"{name} failed")
        print(name, pid, sep="\t", flush=True)


def counted(keys, rounds):
    """{"sign": instructions, "verify": instructions} of one call beyond the floor."""
    with tempfile.TemporaryDirectory() as folder:
        valgrind = ["valgrind", "-q", "--tool=cachegrind", "--cache-sim=no", f"--cachegrind-out-file={folder}/%p"]
        done = subprocess.run([*valgrind, sys.executable, __file__, *keys, "--rounds", str(rounds), "--steps"],
                              env={**os.environ, "PYTHONHASHSEED": "0"}, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(done.stderr)
        totals = {}
        for line in done.stdout.splitlines():
            name, pid = line.split("\t")
            totals[name] = int(re.search(r"^summary: (\d+)", Path(folder, pid).read_text(), re.MULTILINE)[1])
    each = {name: (total - totals["nothing"]) // rounds for name, total in totals.items()}
    return {name: each[name] - each[name + ", floor"] for name in ("sign", "verify")}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("keys", nargs=3, metavar="KEY CERT CA")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--steps", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.steps:
        count_steps(args.keys, args.rounds)
    else:
        print(json.dumps(counted(args.keys, args.rounds)))


if __name__ == "__main__":
    main()
