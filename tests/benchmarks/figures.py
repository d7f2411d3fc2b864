"""What the results of compare.py say: ratios of interleaved rounds, held against their targets, as tables in Markdown.

A result is a dictionary: job, kind, associations, tls, subject, round; per_s (the more the better) or ms (the less the
better); cpu_ms_each and peak_mb where they are known.
"""
import statistics
from dataclasses import dataclass

JOBS = "receive", "chain", "send", "association", "engine"
ACTIONS = "pass", "sign", "verify"
KINDS = {"ct": "CT 0.5 MB", "mg": "MG 40 MB", "one": "one CT"}
COLUMNS = ("ct", 1), ("ct", 4), ("mg", 1), ("mg", 4)
RECEIVE = {"pass": (0.45, 0.80, 0.40, 0.55), "sign": (0.35, 0.60, 0.29, 0.42), "verify": (0.40, 0.75, 0.29, 0.42)}
CHAIN = {"DCMTK": (8, 10, 1.1, 2), "Orthanc": (2, 2.2, 2.5, 2.5)}
TLS_ALLOWANCE = 0.05
SEND = 0.9
ENGINE = {("ct", "sign"): 1.6, ("mg", "sign"): 1.15}
ASSOCIATION_MS = 10
BEGIN, END = "<!-- figures: begin, written by scripts/bench --write -->", "<!-- figures: end -->"


@dataclass(frozen=True)
class Ratio:
    """The median over rounds of own figure to that of the peer, and its target."""
    median: float
    target: float | None = None
    at_most: bool = False

    @property
    def met(self):
        return self.target is None or (self.median <= self.target if self.at_most else self.median >= self.target)

    def __str__(self):
        text = f"{self.median:.3g}" if self.median >= 10 else f"{self.median:.2f}"
        if self.target is None:
            return text
        return f"{text} {'✓' if self.met else '✗'} ({'≤' if self.at_most else '≥'} {self.target:.4g})"


def select(results, job, kind, associations=1, tls=False):
    """{subject: {round: result}} of one group."""
    found = {}
    for one in results:
        if (one["job"], one["kind"], one["associations"], one["tls"]) == (job, kind, associations, tls):
            found.setdefault(one["subject"], {})[one["round"]] = one
    return found


def ratio(own, peer, key="per_s", target=None, at_most=False):
    """The Ratio of two subjects, over the rounds that both have; None where they share none."""
    values = [own[n][key] / peer[n][key] for n in own or () if n in (peer or ())]
    return Ratio(statistics.median(values), target, at_most) if values else None


def median(rounds, key):
    values = [one[key] for one in (rounds or {}).values() if key in one]
    return statistics.median(values) if values else None


def without_start(rounds, one):
    """The rates at which files were sent beyond the first, for which `one` has the time of the whole command."""
    found = {}
    for n in rounds or ():
        if n in (one or {}):
            seconds = rounds[n]["instances"] / rounds[n]["per_s"] - 1 / one[n]["per_s"]
            if seconds > 0:
                found[n] = {"per_s": (rounds[n]["instances"] - 1) / seconds}
    return found


def best_dcmtk(results, kind, associations):
    """The name of the fastest DCMTK chain that was measured in most rounds; None where there is none."""
    chains = select(results, "chain", kind, associations)
    group = {name: rounds for name, rounds in chains.items() if name.startswith("dcmtk")}
    return max(group, key=lambda name: (len(group[name]), median(group[name], "per_s")), default=None)


def scene(job, kind, associations, tls):
    """What was sent, and over how many associations where there can be several."""
    counted = f", {associations}" if job in ("receive", "chain") else ""
    return f"{KINDS.get(kind, kind)}{counted}{', TLS' * tls}"


def receive_ratio(results, subject, kind, associations, tls=False):
    target = dict(zip(COLUMNS, RECEIVE.get(subject, ()))).get((kind, associations))
    if target and tls:
        target -= TLS_ALLOWANCE
    group = select(results, "receive", kind, associations, tls)
    return ratio(group.get(subject), group.get("storescp"), target=target)


def chain_ratio(results, peer, kind, associations):
    group = select(results, "chain", kind, associations)
    name = best_dcmtk(results, kind, associations) if peer == "DCMTK" else "orthanc tuned"
    target = dict(zip(COLUMNS, CHAIN[peer])).get((kind, associations))
    return ratio(group.get("sealgate"), group.get(name), target=target)


def ratio_rows(results):
    """(title, {column: Ratio}) of all jobs that go over the network."""
    for tls in (False, True):
        for subject in ("pass", "sign", "verify", "sign, to a folder"):
            title = f"receive, {subject}{', TLS' * tls} / storescp receives"
            yield title, {column: receive_ratio(results, subject, *column, tls) for column in COLUMNS}
    for peer, what in (("DCMTK", "best DCMTK chain"), ("Orthanc", "Orthanc receives and forwards")):
        yield f"receive, sign, forward / {what}", {column: chain_ratio(results, peer, *column) for column in COLUMNS}
    groups = {kind: select(results, "send", kind) for kind in KINDS}
    sent = {(kind, 1): ratio(groups[kind].get("sealgate send"), groups[kind].get("dcmsend"), target=SEND)
            for kind in ("ct", "mg")}
    yield "`sealgate send` / dcmsend, whole command", sent
    started = {program: groups["one"].get(program) for program in ("sealgate send", "dcmsend")}
    running = {}
    for kind in ("ct", "mg"):
        rates = (without_start(groups[kind].get(program), one) for program, one in started.items())
        running[kind, 1] = ratio(*rates, target=SEND)
    yield "the same without the start of the program", running
    yield "the same with a single file", {("ct", 1): ratio(*started.values())}


def cost_rows(results):
    """(title, own milliseconds, those of the peer, ratio with target) of what has a cost, not a rate."""
    for kind in ("1 context", "100 contexts"):
        group = select(results, "association", kind)
        own, peer = median(group.get("sealgate"), "ms"), median(group.get("storescp"), "ms")
        if own is not None and peer is not None:
            verdict = f"{own / peer:.2f}, {'✓' if own <= ASSOCIATION_MS else '✗'} (≤ {ASSOCIATION_MS} ms)"
            yield f"association with C-ECHO, {kind} / storescp", own, peer, verdict
    for kind in ("ct", "mg"):
        group = select(results, "engine", kind)
        for step, floor in (("sign", "signature"), ("verify", "verification")):
            found = ratio(group.get(step), group.get(f"{step}, floor"), "ms", ENGINE.get((kind, step)), at_most=True)
            if found:
                figures = (median(group[name], "ms") for name in (step, f"{step}, floor"))
                yield f"engine, {step} {KINDS[kind]} / its SHA-256 and one RSA {floor}", *figures, str(found)


def short(figure):
    return f"{figure:.{1 if figure < 100 else 0}f}"


def detail_rows(results):
    """Job and subject with rate (median, least and largest), CPU and memory, in the order of measurement."""
    rates = (one for one in results if "per_s" in one)
    seen = dict.fromkeys((one["job"], one["kind"], one["associations"], one["tls"]) for one in rates)
    for job, kind, associations, tls in seen:
        for subject, rounds in select(results, job, kind, associations, tls).items():
            rates = [one["per_s"] for one in rounds.values()]
            rate = f"{short(statistics.median(rates))} ({short(min(rates))} – {short(max(rates))})"
            cost = (short(median(rounds, key)) for key in ("cpu_ms_each", "peak_mb"))
            yield job, scene(job, kind, associations, tls), subject, rate, *cost


def markdown(head, rows):
    """One table, with columns of equal width so that it reads on a terminal too; empty where it has no rows."""
    if not rows:
        return ""
    widths = [max(len(row[n]) for row in (head, *rows)) for n in range(len(head))]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in (head, *rows)]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]]) + "\n"


def tables(results, machine=()):
    """All tables, those of ratios first."""
    rates = [[title, *(str(cells.get(column) or "") for column in COLUMNS)] for title, cells in ratio_rows(results)
             if any(cells.values())]
    costs = [[title, f"{own:.2f} ms", f"{peer:.2f} ms", verdict] for title, own, peer, verdict in cost_rows(results)]
    details = [list(row) for row in detail_rows(results)]
    parts = ["".join(f"{line}  \n" for line in machine),
             markdown(["ratio of rates", *(f"{kind.upper()} {n}" for kind, n in COLUMNS)], rates),
             markdown(["time", "Sealgate", "beside it", "ratio"], costs),
             markdown(["job", "set, associations", "program", "instances/s", "CPU ms each", "peak MB"], details)]
    return "\n".join(part for part in parts if part)


def between_marks(page, text):
    """The page with `text` between its two marks."""
    before, _, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError("the page has no marks")
    return f"{before}{BEGIN}\n\n{text}\n{END}{after}"
