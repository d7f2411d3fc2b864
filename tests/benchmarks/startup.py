#!/usr/bin/env python3
"""One small file from the command line, start-up included: dcmsign beside `sealgate dcmsign`, `sealgate sign`, `verify`.

usage: startup.py SCRATCH [--file FILE] [--rounds 15] [--sealgate PROGRAM]

Rounds are interleaved; a ratio is that of two figures of one call. CPU time (user and system) is the steadier one where
something else runs; wall clock is what a user waits. Both are the least of all rounds, with the median of the wall clock.
Needs dcmsign and openssl on PATH; without --file one of pydicom's samples is signed.
"""
import argparse, os, resource, shutil, statistics, subprocess, sys, time
from pathlib import Path


def sample():
    import importlib.util
    return Path(importlib.util.find_spec("pydicom").origin).parent / "data/test_files/CT_small.dcm"


def credentials(folder):
    """Key and certificate of a signer as hospitals have them, and the certificate of the CA that issued it."""
    def openssl(*arguments):
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)

    key, cert, anchor = folder / "signer.key", folder / "signer.pem", folder / "ca.pem"
    config = folder / "openssl.cnf"
    config.write_text("[req]\ndistinguished_name=d\nprompt=no\n[d]\nCN=Benchmark CA\n"
                      "[ca]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n"
                      "subjectKeyIdentifier=hash\n[signer]\nbasicConstraints=critical,CA:FALSE\n"
                      "keyUsage=critical,digitalSignature\nauthorityKeyIdentifier=keyid\n")
    new = ["-newkey", "rsa:2048", "-nodes", "-config", config]
    openssl("req", "-x509", *new, "-extensions", "ca", "-days", 30, "-keyout", folder / "ca.key", "-out", anchor)
    openssl("req", *new, "-subj", "/CN=Benchmark Signer", "-keyout", key, "-out", folder / "signer.csr")
    openssl("x509", "-req", "-in", folder / "signer.csr", "-CA", anchor, "-CAkey", folder / "ca.key", "-CAcreateserial",
            "-days", 30, "-extfile", config, "-extensions", "signer", "-out", cert)
    os.environ["TZ"] = "UTC"  # dcmsign compares local times with those of the certificate,
    time.sleep(1.1)  # and takes one that begins in the same second for one that has not begun
    return key, cert, anchor


def measured(command):
    """(CPU ms, wall clock ms) of one process; it must end with exit code 0."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in (0, 103):
        sys.exit(f"{command}: exit code {done.returncode}\n{done.stderr.decode(errors='replace')}")
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1e3, wall * 1e3


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scratch", type=Path)
    parser.add_argument("--file", type=Path, default=None)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--sealgate", default=shutil.which("sealgate", path=os.path.dirname(sys.executable)) or "sealgate")
    args = parser.parse_args()
    args.scratch.mkdir(parents=True, exist_ok=True)
    source = args.file or sample()
    key, cert, anchor = credentials(args.scratch)
    signed, out = args.scratch / "signed.dcm", args.scratch / "out.dcm"
    ours, front = [args.sealgate], [args.sealgate, "dcmsign"]
    sign = ["+s", key, cert, "+m2", source]
    commands = {
        "python -c pass": ([sys.executable, "-c", "pass"], None),
        "dcmsign, sign": (["dcmsign", *sign, signed], None),
        "sealgate dcmsign, sign": ([*front, *sign, out], "dcmsign, sign"),
        "sealgate sign": ([*ours, "sign", source, out, "--key", key, "--cert", cert], "dcmsign, sign"),
        "dcmsign, verify": (["dcmsign", "--verify", "+cf", anchor, signed], None),
        "sealgate dcmsign, verify": ([*front, "--verify", "+cf", anchor, signed], "dcmsign, verify"),
        "sealgate verify": ([*ours, "verify", signed, "--ca", anchor], "dcmsign, verify"),
    }
    found = {name: [] for name in commands}
    for _ in range(args.rounds):
        for name, (command, _) in commands.items():
            out.unlink(missing_ok=True)
            found[name].append(measured(list(map(str, command))))
    print(f"{source.name}, {source.stat().st_size} bytes, {args.rounds} rounds, ratios to dcmsign's own")
    print(f"{'':26}{'CPU ms':>8}{'ratio':>7}{'wall ms':>9}{'ratio':>7}{'median':>8}{'ratio':>7}")
    figures = {name: (min(cpu for cpu, _ in runs), min(wall for _, wall in runs), statistics.median(w for _, w in runs))
               for name, runs in found.items()}
    for name, (_, peer) in commands.items():
        cells = ""
        for index, (figure, width) in enumerate(zip(figures[name], (8, 9, 8))):
            ratio = f"{figure / figures[peer][index]:.1f}" if peer else ""
            cells += f"{figure:>{width}.1f}{ratio:>7}"
        print(f"{name:26}{cells}")


if __name__ == "__main__":
    main()
