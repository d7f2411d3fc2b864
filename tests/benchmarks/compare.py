#!/usr/bin/env python3
"""Sealgate beside its peers, interleaved in one run: ratios with their targets, CPU time and peak memory.

usage: compare.py SCRATCH [--quick] [--jobs receive chain send association engine] [--kinds ct mg] [--associations 1 4]
                  [--tls no|yes|both] [--rounds 5] [--sets FOLDER] [--json FILE] [--write]
       compare.py --read FILE [--write]

receive      C-STORE into Sealgate (pass, sign, verify; the destination is away, so nothing but reception is measured;
             sign also with delivery into a folder) beside tuned storescp; Sealgate answers when all is on the disk
chain        receive, sign, forward, end to end, beside the best DCMTK chain and Orthanc, which forwards without signing
send         `sealgate send` beside dcmsend, towards tuned storescp; the whole command, also with a single file
association  connect, negotiate, C-ECHO, release
engine       sign and verify in process beside one SHA-256 and one RSA-2048 operation

Every measurement of a server starts a fresh one with an empty store. SCRATCH must be on the disk that a gateway would
use; the sets (make_sets.py) are made there unless --sets names a folder with ct and mg. --write puts the figures into
docs/performance.md and docs/performance.svg; --read takes them from a file that --json wrote and measures nothing.
"""
import argparse, contextlib, json, os, pathlib, platform, re, shutil, statistics, subprocess, sys, threading, time
from datetime import date

import chart, engine, figures, load, make_sets, peer_chain
from servers import NODELAY, SEALGATE, SETTLE_SECONDS, TUNED, load_args, running, sealgate, storescp, waiting
from startup import credentials

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "performance.md"
LOOPBACK = "127.0.0.1"
WARM_UP = 2
"""Instances sent before the clock starts."""
DCMTK_CHAINS = "dcmtk xcr nodelay", "dcmtk xcr -xs nodelay", "dcmtk batch nodelay"
RECEIVER = storescp(*TUNED, env=NODELAY)
ECHOES = 100
CONTEXTS = {"1 context": 1, "100 contexts": 100}
REPEATS = {"ct": 40, "mg": 4}
QUICK = {"ct": 200, "mg": 4}
VERIFICATION, CT, IMPLICIT = b"1.2.840.10008.1.1", b"1.2.840.10008.5.1.4.1.1.2", b"1.2.840.10008.1.2"


class Run:
    """What all measurements share: the sets as they are and signed, the keys, and what was found."""

    def __init__(self, args, machine):
        self.args, self.scratch = args, os.path.abspath(args.scratch)
        self.found, self.machine = [], machine
        self.keys = tuple(map(str, credentials(pathlib.Path(self.scratch))))
        self.limits = QUICK if args.quick else dict.fromkeys(QUICK)
        self.sets = os.path.abspath(args.sets) if args.sets else os.path.join(self.scratch, "sets")
        if not os.path.isdir(self.sets):
            say("making the sets ...")
            make_sets.make(pathlib.Path(self.sets + ".part"))
            os.rename(self.sets + ".part", self.sets)
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)     # modules are compiled, as where it is installed
        os.environ["PYTHONPYCACHEPREFIX"] = os.path.join(self.scratch, "compiled")
        subprocess.run([SEALGATE, "send", LOOPBACK, "9", *self.files("ct")[:1]], capture_output=True)

    def folder(self, kind):
        return os.path.join(self.sets, kind)

    def files(self, kind):
        folder = self.folder(kind)
        return [os.path.join(folder, name) for name in sorted(os.listdir(folder))][:self.limits[kind]]

    def signed(self, kind):
        """The folder with the signed files of a set; they are made once a run."""
        folder = os.path.join(self.scratch, "signed", kind)
        if not os.path.isdir(folder):
            key, certificate, _ = self.keys
            command = [SEALGATE, "sign", *self.files(kind), "--output-dir", folder, "--key", key, "--cert", certificate]
            os.makedirs(folder)
            subprocess.run([*command, "--fsync", "none", "--quiet"], check=True)
        return folder


def receive(run, subject, kind, associations, tls):
    """Rate of reception; `subject` is storescp, an action, or "sign, to a folder"."""
    action, _, to_folder = subject.partition(", to a ")
    own = subject != "storescp"
    recipe = sealgate(action, run.keys, to_folder or "away") if own else RECEIVER
    keys = run.keys if tls else None
    signed = action == "verify"     # as they are: other UIDs would break the signatures
    data, count = run.signed(kind) if signed else run.folder(kind), len(run.files(kind))
    with running(recipe, run.scratch, keys) as (proc, port, out):
        load.run(load_args(LOOPBACK, port, run.folder(kind), 1, keys, None, WARM_UP))
        before = load.usage(proc.pid)[0]
        limit = run.limits[kind]
        options = load_args(LOOPBACK, port, data, associations, keys, proc.pid, limit, not signed, SETTLE_SECONDS)
        result = load.run(options)
        if to_folder:
            end = peer_chain.arrived(out + "/received", count + WARM_UP, 1, time.time() + 120)
            cpu, peak = load.usage(proc.pid)
            result |= {"per_s": count / (end - result["begin"]), "cpu_ms_each": (cpu - before) * 1e3 / count,
                       "peak_mb": peak}
        elif own and waiting(out) < count:
            raise SystemExit(f"{count} instances were sent, and only {waiting(out)} wait for delivery")
    return checked(result)


def chain(run, name, kind, associations):
    key, certificate, ca = run.keys
    options = argparse.Namespace(
        scratch=run.scratch, dir=run.folder(kind), key=key, cert=certificate, ca=ca, tls=False, keep=False, timeout=300,
        associations=associations, limit=run.limits[kind], down=None, also={})
    result = peer_chain.measure(options, name)
    if result is None or (not result["signed"] and not name.startswith("orthanc")):
        raise SystemExit("not all arrived, or not signed")
    return checked(result)


def checked(result):
    if result["failed"]:
        raise SystemExit(f"{result['failed']} instances were refused")
    return {name: result[name] for name in ("per_s", "mb_s", "cpu_ms_each", "peak_mb")}


class Memory(threading.Thread):
    """Reads the peak resident memory of a process until it ends; its resource usage would show ours where we forked."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.peak = pid, 0
        self.start()

    def run(self):
        with contextlib.suppress(OSError, TypeError):   # it has ended: no file, or one without the line
            while True:
                with open(f"/proc/{self.pid}/status") as f:
                    self.peak = int(re.search(r"VmHWM:\s+(\d+)", f.read())[1]) / 1024
                time.sleep(0.02)


def send(run, program, files):
    command = {"dcmsend": ["dcmsend", "--max-send-pdu", "131072"], "sealgate send": [SEALGATE, "send"]}[program]
    with running(RECEIVER, run.scratch) as (_, port, out):
        time.sleep(SETTLE_SECONDS)
        start = time.perf_counter()
        with open(os.path.join(run.scratch, "client.log"), "w+") as log:
            client = subprocess.Popen([*command, LOOPBACK, str(port), *files], env={**os.environ, **NODELAY},
                                      stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            memory = Memory(client.pid)
            _, status, usage = os.wait4(client.pid, 0)
            seconds = time.perf_counter() - start
            client.returncode = status
            memory.join()
            if status or len(os.listdir(out)) != len(files):
                log.seek(0)
                raise SystemExit(f"status {status}, {len(os.listdir(out))} of {len(files)} sent\n{log.read()[-2000:]}")
    cpu_ms = (usage.ru_utime + usage.ru_stime) * 1e3
    return {"per_s": len(files) / seconds, "instances": len(files), "cpu_ms_each": cpu_ms / len(files),
            "peak_mb": memory.peak}


def echo(options, contexts):
    sock, _, _ = load.negotiate(options, contexts)
    body = load.element(2, VERIFICATION + b"\0") + load.element(0x100, b"\x30\0") + load.element(0x110, b"\1\0")
    body += load.element(0x800, b"\1\1")
    sock.sendall(b"".join(load.pdvs(1, 1, load.element(0, len(body).to_bytes(4, "little")) + body, 16378)))
    if load.recv_status(sock):
        raise SystemExit("C-ECHO was refused")
    load.release(sock)


def association(run, subject, contexts):
    recipe = RECEIVER if subject == "storescp" else sealgate("pass", run.keys, "away")
    proposed = [(VERIFICATION, [IMPLICIT])] + [(CT, [IMPLICIT, b"1.2.840.10008.1.2.1"])] * (contexts - 1)
    with running(recipe, run.scratch) as (proc, port, _):
        options, times = load_args(LOOPBACK, port, run.sets, 1, None, None, None), []
        for _ in range(WARM_UP):
            echo(options, proposed)
        before = load.usage(proc.pid)[0]
        for _ in range(ECHOES):
            start = time.perf_counter()
            echo(options, proposed)
            times.append((time.perf_counter() - start) * 1e3)
        cpu, peak = load.usage(proc.pid)
    return {"ms": statistics.median(times), "cpu_ms_each": (cpu - before) * 1e3 / ECHOES, "peak_mb": peak}


def plan(run):
    """Every group of measurements that are interleaved: (job, kind, associations, tls, {subject: measurement})."""
    jobs, kinds, counts = run.args.jobs, run.args.kinds, run.args.associations
    encryptions = {"no": (False,), "yes": (True,), "both": (False, True)}[run.args.tls]
    if "receive" in jobs:
        for tls in encryptions:
            subjects = ["storescp", *figures.ACTIONS] + ([] if tls else ["sign, to a folder"])
            for kind, n in ((kind, n) for kind in kinds for n in counts):
                yield "receive", kind, n, tls, {s: lambda s=s: receive(run, s, kind, n, tls) for s in subjects}
    if "chain" in jobs:
        for kind, n in ((kind, n) for kind in kinds for n in counts):
            chains = (*DCMTK_CHAINS, "orthanc tuned", "sealgate")
            yield "chain", kind, n, False, {s: lambda s=s: chain(run, s, kind, n) for s in chains}
    if "send" in jobs:
        for kind, files in {**{k: run.files(k) for k in kinds}, "one": run.files(kinds[0])[:1]}.items():
            programs = "dcmsend", "sealgate send"
            yield "send", kind, 1, False, {s: lambda s=s: send(run, s, files) for s in programs}
    if "association" in jobs:
        for kind, contexts in CONTEXTS.items():
            nodes = "storescp", "sealgate"
            yield "association", kind, 1, False, {s: lambda s=s: association(run, s, contexts) for s in nodes}
    if "engine" in jobs:
        for kind in kinds:
            steps = engine.steps(engine.image(*engine.SIZES[kind]), *run.keys)
            yield "engine", kind, 1, False, {
                name: lambda step=step: {"ms": min(engine.milliseconds(step) for _ in range(REPEATS[kind]))}
                for name, step in steps.items()}


def measure(run):
    for job, kind, n, tls, subjects in plan(run):
        say(f"{job}, {figures.scene(job, kind, n, tls)}")
        for number in range(run.args.rounds):
            names = list(subjects)
            for name in names if number % 2 == 0 else reversed(names):     # no one is always behind the same other
                found = {"job": job, "kind": kind, "associations": n, "tls": tls, "subject": name, "round": number}
                try:
                    found |= subjects[name]()
                except SystemExit as error:
                    say(f"  {name}: {error}")
                    continue
                run.found.append(found)
                figure = f"{found['per_s']:.1f} /s" if "per_s" in found else f"{found['ms']:.2f} ms"
                say(f"  {time.strftime('%H:%M:%S')}  round {number + 1} of {run.args.rounds}  {name:<24}{figure:>12}")
            if job == "chain" and number == 0:
                best = figures.best_dcmtk(run.found, kind, n)
                subjects = {name: step for name, step in subjects.items() if name not in DCMTK_CHAINS or name == best}


def say(text):
    print(text, file=sys.stderr, flush=True)


def version(*command):
    with contextlib.suppress(OSError, IndexError):
        done = subprocess.run(command, capture_output=True, text=True)
        return done.stdout.splitlines()[0].strip("$ ").replace("dcmtk: storescp v", "DCMTK ").split(" 20")[0]
    return f"no {command[0]}"


def machine(args):
    """What the figures depend on, as one line each."""
    with open("/proc/cpuinfo") as f:
        model = next((line.split(":")[1].strip() for line in f if line.startswith("model name")), platform.machine())
    with open("/proc/meminfo") as f:
        memory = int(f.readline().split()[1]) / 2**20
    files = subprocess.run(["stat", "-f", "-c", "%T", args.scratch], capture_output=True, text=True).stdout.strip()
    peers = f"{version('storescp', '--version')}, {version('Orthanc', '--version')}"
    return [f"{os.cpu_count()} × {model}, {memory:.0f} GB, Linux {platform.release()}, {files}",
            f"Python {platform.python_version()}, {peers}",
            f"measured on {date.today()}, {args.rounds} rounds{', quick' * args.quick}"]


def touch_memory():
    """A virtual machine pays for each page it touches for the first time: touch what the measurements will use."""
    with open("/proc/meminfo") as f:
        available = next(int(line.split()[1]) for line in f if line.startswith("MemAvailable")) // 2**20
    gigabytes = min(8, available - 4)
    if gigabytes > 0:
        say(f"touching {gigabytes} GB of memory once (--no-warm-up leaves it out) ...")
        subprocess.run([sys.executable, "-c", f"b = [bytearray(b'1') * (1 << 29) for _ in range({2 * gigabytes})]"])


def parsed():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("scratch", nargs="?")
    ap.add_argument("--quick", action="store_true", help="2 rounds of 200 CT and 4 MG without TLS: ten minutes")
    ap.add_argument("--jobs", nargs="+", choices=figures.JOBS, default=list(figures.JOBS))
    ap.add_argument("--kinds", nargs="+", choices=("ct", "mg"), default=["ct", "mg"])
    ap.add_argument("--associations", nargs="+", type=int, default=[1, 4])
    ap.add_argument("--tls", choices=("no", "yes", "both"), help="default: both, with --quick no")
    ap.add_argument("--rounds", type=int, help="default: 5, with --quick 2")
    ap.add_argument("--sets", help="a folder with ct and mg, as make_sets.py makes it")
    ap.add_argument("--json", help="write everything that was found to this file")
    ap.add_argument("--read", metavar="FILE", help="take what --json wrote, and measure nothing")
    ap.add_argument("--write", action="store_true", help="put the figures into docs/performance.md and .svg")
    ap.add_argument("--no-warm-up", action="store_true")
    args = ap.parse_args()
    if not args.read and not args.scratch:
        ap.error("SCRATCH is needed")
    args.rounds = args.rounds or (2 if args.quick else 5)
    args.tls = args.tls or ("no" if args.quick else "both")
    return args


def main():
    args = parsed()
    if args.read:
        with open(args.read) as f:
            report = json.load(f)
    else:
        os.makedirs(args.scratch, exist_ok=True)
        shutil.rmtree(os.path.join(args.scratch, "signed"), ignore_errors=True)
        if not args.no_warm_up:
            touch_memory()
        run = Run(args, machine(args))
        with contextlib.suppress(KeyboardInterrupt):    # what was found until then is shown
            measure(run)
        report = {"machine": run.machine, "found": run.found}
        if args.json:
            with open(args.json, "w") as f:
                json.dump(report, f, indent=1)
    print(figures.tables(report["found"]))
    if args.write:
        text = figures.tables(report["found"], report["machine"])
        PAGE.write_text(figures.between_marks(PAGE.read_text(encoding="utf-8"), text), encoding="utf-8")
        PAGE.with_suffix(".svg").write_text(chart.svg(report["found"]), encoding="utf-8")


if __name__ == "__main__":
    main()
