"""What the benchmarks say of their results: ratios, targets, tables and the chart."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parents[2]
BAR = "{http://www.w3.org/2000/svg}rect"


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the benchmarks, from which its scripts can be imported."""
    folder = ROOT / "tests" / "benchmarks"
    monkeypatch.syspath_prepend(str(folder))
    return folder


@pytest.fixture
def figures(scripts: Path) -> ModuleType:
    return importlib.import_module("figures")


def results(job: str, subject: str, *rates: float, kind: str = "ct", tls: bool = False, **more: Any) -> list[Any]:
    """One result a round."""
    common = {"job": job, "kind": kind, "associations": 1, "tls": tls, "subject": subject, "cpu_ms_each": 1.0}
    return [common | {"round": n, "per_s": rate, "peak_mb": 100.0} | more for n, rate in enumerate(rates)]


def test_ratios_are_taken_within_each_round(figures: ModuleType) -> None:
    found = results("receive", "sign", 10, 90, 20) + results("receive", "storescp", 100, 100, 20)
    assert figures.receive_ratio(found, "sign", "ct", 1).median == 0.9


def test_a_round_that_one_of_the_two_lacks_does_not_count(figures: ModuleType) -> None:
    found = results("receive", "sign", 10, 90) + results("receive", "storescp", 100)
    assert figures.receive_ratio(found, "sign", "ct", 1).median == 0.1
    assert figures.receive_ratio(found, "verify", "ct", 1) is None


def test_a_ratio_says_whether_its_target_is_met(figures: ModuleType) -> None:
    assert str(figures.Ratio(0.5, 0.45)) == "0.50 ✓ (≥ 0.45)"
    assert str(figures.Ratio(0.4, 0.45)) == "0.40 ✗ (≥ 0.45)"
    assert str(figures.Ratio(1.7, 1.6, at_most=True)) == "1.70 ✗ (≤ 1.6)"
    assert str(figures.Ratio(12.3)) == "12.3"


def test_the_target_over_tls_is_a_little_lower(figures: ModuleType) -> None:
    found = results("receive", "pass", 42, tls=True) + results("receive", "storescp", 100, tls=True)
    assert str(figures.receive_ratio(found, "pass", "ct", 1, tls=True)) == "0.42 ✓ (≥ 0.4)"


def test_the_yardstick_is_the_chain_that_was_fastest_and_measured_on(figures: ModuleType) -> None:
    chains = results("chain", "dcmtk xcr", 50) + results("chain", "dcmtk batch", 30, 40)
    assert figures.best_dcmtk(chains, "ct", 1) == "dcmtk batch"
    found = chains + results("chain", "sealgate", 300, 300)
    assert figures.chain_ratio(found, "DCMTK", "ct", 1).median == 8.75


def test_the_rate_without_the_start_leaves_out_what_a_single_file_takes(figures: ModuleType) -> None:
    many, one = (
        figures.select(results("send", "x", rate, instances=n), "send", "ct") for rate, n in ((50, 101), (50, 1))
    )
    assert figures.without_start(many["x"], one["x"])[0]["per_s"] == pytest.approx(50)


def test_tables_have_a_row_for_what_was_measured_and_none_for_what_was_not(figures: ModuleType) -> None:
    text = figures.tables(results("receive", "sign", 35) + results("receive", "storescp", 100), ["a machine"])
    rows = [line.split("|")[1:3] for line in text.splitlines() if line.startswith("| receive")]
    assert [[cell.strip() for cell in row] for row in rows] == [
        ["receive, sign / storescp receives", "0.35 ✓ (≥ 0.35)"],
        ["receive", "CT 0.5 MB, 1"],
        ["receive", "CT 0.5 MB, 1"],
    ]
    assert text.startswith("a machine")


def test_the_page_takes_figures_between_its_marks(figures: ModuleType) -> None:
    page = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    once = figures.between_marks(page, "| new |")
    assert figures.between_marks(once, "| new |") == once
    assert once.count("| new |") == 1
    assert (once.partition(figures.BEGIN)[0], once.partition(figures.END)[2]) == (
        page.partition(figures.BEGIN)[0],
        page.partition(figures.END)[2],
    )


def test_the_chart_has_a_bar_for_each_figure(scripts: Path) -> None:
    chart = importlib.import_module("chart")
    found = [
        *(results("receive", "storescp", 100) + results("receive", "pass", 50) + results("receive", "sign", 40)),
        *(
            results("chain", "sealgate", 300)
            + results("chain", "dcmtk batch", 30)
            + results("chain", "orthanc tuned", 100)
        ),
    ]
    widths = [float(bar.attrib["width"]) for bar in ElementTree.fromstring(chart.svg(found)).iter(BAR)][1:]
    assert len(widths) == 5
    assert widths[1] / widths[0] == pytest.approx(0.8, rel=0.01)
    assert widths[3] / widths[2] == pytest.approx(0.1, rel=0.01)
