#!/usr/bin/env python3
"""A directory of CT slices: `sealgate sign` and `verify` with one process and with two, beside a loop of dcmsign.

usage: directory.py SCRATCH [--files 400] [--rounds 3] [--set FOLDER] [--jobs 1 2] [--sealgate PROGRAM]

Makes the slices (0.5 MB, see make_sets.py) unless --set names a folder of files that may be signed. Rounds are
interleaved; figures are the least wall clock of all rounds, ratios are dcmsign's figure over ours: how many times faster.
Neither side waits for the disk (dcmsign never does; sealgate gets --fsync none); `batch` is the default of sealgate with
--output-dir, with all files durable at the end. Needs dcmsign, openssl, and pydicom to make the set.
"""
import argparse, os, shutil, subprocess, sys, time
from pathlib import Path

import make_sets
from startup import credentials


def slices(folder, count):
    from pydicom.uid import CTImageStorage, generate_uid
    folder.mkdir(parents=True, exist_ok=True)
    study, series = generate_uid(), generate_uid()
    for number in range(count):
        made = make_sets.image(CTImageStorage, "CT", 512, 512, study, series, number, 200)
        made.save_as(folder / f"{number:05}.dcm", enforce_file_format=True)


def run(command):
    done = subprocess.run(list(map(str, command)), stdin=subprocess.DEVNULL, capture_output=True)
    if done.returncode not in (0, 103):
        sys.exit(f"{command}: exit code {done.returncode}\n{done.stderr.decode(errors='replace')[-2000:]}")


def dcmsign_loop(files, arguments, out=None):
    for file in files:
        run(["dcmsign", *arguments, file, *([out / file.name] if out else [])])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scratch", type=Path)
    parser.add_argument("--files", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--set", type=Path, default=None)
    parser.add_argument("--jobs", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--sealgate", default=shutil.which("sealgate", path=os.path.dirname(sys.executable)) or "sealgate")
    args = parser.parse_args()
    args.scratch.mkdir(parents=True, exist_ok=True)
    folder = args.set or args.scratch / "ct"
    if args.set is None and (not folder.is_dir() or len(list(folder.iterdir())) != args.files):
        shutil.rmtree(folder, ignore_errors=True)
        slices(folder, args.files)
    key, cert, anchor = credentials(args.scratch)
    files = sorted(folder.iterdir())
    signed, out = args.scratch / "signed", args.scratch / "out"

    def fresh(target):
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()

    def ours(command, jobs, *more):
        return lambda: run([args.sealgate, command, *more, "--jobs", jobs, "--quiet"])

    signing = ["--output-dir", out, "--key", key, "--cert", cert]
    steps = {
        "sign: dcmsign, a loop": (lambda: dcmsign_loop(files, ["+s", key, cert, "+m2"], signed), signed),
        **{f"sign: sealgate, --jobs {n}": (ours("sign", n, folder, *signing, "--fsync", "none"), out) for n in args.jobs},
        **{f"sign: sealgate, --jobs {n}, batch": (ours("sign", n, folder, *signing), out) for n in args.jobs},
        "verify: dcmsign, a loop": (
            lambda: dcmsign_loop(sorted(signed.iterdir()), ["--verify", "+cf", anchor]), None),
        **{f"verify: sealgate, --jobs {n}": (ours("verify", n, signed, "--ca", anchor), None) for n in args.jobs},
    }
    found = {name: [] for name in steps}
    for _ in range(args.rounds):
        for name, (step, target) in steps.items():
            if target is not None:
                fresh(target)
            start = time.perf_counter()
            step()
            found[name].append(time.perf_counter() - start)
    size = sum(file.stat().st_size for file in files)
    print(f"{len(files)} files, {size / 2**20:.0f} MiB, {args.rounds} rounds; ratio: how many times faster than dcmsign")
    for name, times in found.items():
        peer = min(found[f"{name.split(':')[0]}: dcmsign, a loop"])
        print(f"{name:32}{min(times):>8.2f} s{min(times) / len(files) * 1e3:>8.1f} ms a file{peer / min(times):>7.1f}x")


if __name__ == "__main__":
    main()
