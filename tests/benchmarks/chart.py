"""The chart of docs/performance.md, as SVG text: reception beside storescp, and the whole job beside its peers."""
import figures

WIDTH, LEFT, BAR, GAP, GROUP = 900, 150, 15, 3, 14
STYLE = """
  svg{--card:#fff;--text:#0f172a;--quiet:#64748b;--line:#cbd5e1}
  svg{--pass:#0284c7;--verify:#0d9488;--sign:#4f46e5;--peer:#94a3b8}
  @media (prefers-color-scheme:dark){
    svg{--card:#0f172a;--text:#e2e8f0;--quiet:#94a3b8;--line:#334155}
    svg{--pass:#38bdf8;--verify:#2dd4bf;--sign:#a5b4fc;--peer:#64748b}
  }
  text{fill:var(--text);font:13px sans-serif}
  .quiet{fill:var(--quiet);font-size:12px}
  .title{font-size:15px;font-weight:bold}
  .end{text-anchor:end}
  .line{stroke:var(--line)}
  .target{stroke:var(--text);stroke-width:2}
"""
NAMES = {("ct", 1): "CT, 1 association", ("ct", 4): "CT, 4 associations",
         ("mg", 1): "MG, 1 association", ("mg", 4): "MG, 4 associations"}


def text(x, y, words, kind=""):
    return f'<text x="{x:.0f}" y="{y:.0f}"{f" class={kind!r}" if kind else ""}>{words}</text>'.replace("'", '"')


def bar(y, width, colour):
    return f'<rect x="{LEFT}" y="{y}" width="{max(width, 1):.1f}" height="{BAR}" rx="2" fill="var(--{colour})"/>'


def receive_panel(results, y):
    """One bar an action, as a share of the rate of storescp, with a tick at the target."""
    shown = {c: {a: figures.receive_ratio(results, a, *c) for a in figures.ACTIONS} for c in figures.COLUMNS}
    largest = max([1.0, *(r.median for cell in shown.values() for r in cell.values() if r)])
    scale = (WIDTH - LEFT - 60) / largest
    title = "Received and on stable storage, as a share of what storescp receives without making it durable"
    parts = [text(20, y, title, "title")]
    top = y = y + 16
    for column, cell in shown.items():
        parts.append(text(LEFT - 10, y + 2 * BAR, NAMES[column], "end"))
        for action in ("pass", "verify", "sign"):
            found = cell[action]
            if found:
                end, target = LEFT + found.median * scale, LEFT + found.target * scale
                label = target if end < target < end + 80 else end
                parts += [bar(y, found.median * scale, action),
                          f'<path class="target" d="M{target:.1f} {y - 1}v{BAR + 2}"/>',
                          text(label + 8, y + 12, f"{action} {found.median:.2f}", "quiet")]
            y += BAR + GAP
        y += GROUP
    x = LEFT + scale
    parts[1:1] = [f'<path class="line" d="M{x:.1f} {top - 4}V{y - GROUP}"/>',
                  text(x - 6, y + 2, "storescp = 1", "quiet end"),
                  text(LEFT, y + 2, "tick: target", "quiet")]
    return parts, y + 40


def chain_panel(results, y):
    """Rates of the whole job; within a group the longest bar is the fastest."""
    parts = [text(20, y, "Received, signed and forwarded, end to end: instances a second", "title")]
    y += 16
    for column in figures.COLUMNS:
        group = figures.select(results, "chain", *column)
        shown = [("Sealgate signs and forwards", "sealgate", "sign"),
                 ("best DCMTK chain signs and forwards", figures.best_dcmtk(results, *column), "peer"),
                 ("Orthanc forwards, cannot sign", "orthanc tuned", "peer")]
        rates = [(name, figures.median(group.get(subject), "per_s"), colour) for name, subject, colour in shown]
        largest = max((rate for _, rate, _ in rates if rate), default=1)
        parts.append(text(LEFT - 10, y + 2 * BAR, NAMES[column], "end"))
        for name, rate, colour in rates:
            if rate:
                width = rate / largest * (WIDTH - LEFT - 290)
                label = f"{rate:.{0 if rate >= 20 else 1}f} {name}"
                parts += [bar(y, width, colour), text(LEFT + width + 8, y + 12, label, "quiet")]
            y += BAR + GAP
        y += GROUP
    return parts, y + 6


def svg(results):
    """The whole chart; the card behind it makes it readable on any page."""
    upper, y = receive_panel(results, 34)
    lower, height = chain_panel(results, y)
    label = "Bars of the ratios and rates in the tables of this page."
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{label}">'
    card = f'<rect width="{WIDTH}" height="{height}" rx="10" fill="var(--card)"/>'
    return "\n".join([head, f"<style>{STYLE}</style>", card, *upper, *lower, "</svg>"]) + "\n"
