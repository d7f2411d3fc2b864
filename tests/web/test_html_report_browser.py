"""The verification report in a real browser: it opens without a network, as it is meant to look, and it prints."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from sealgate.library.report.html_report import ReportOptions
from sealgate.signature.reasons import Reason
from sealgate.verification.report import Outcome, Status, Step
from support import peers, reporting
from support.reporting import fact, page_about, signature

NARROWEST = 320
"""Width in CSS pixels at which a page has to be readable without scrolling sideways (WCAG 2.2, 1.4.10)."""
MAX_SECONDS = 60

pytestmark = pytest.mark.peer

MEASURING = """<!doctype html><meta charset="utf-8">
<iframe id="frame" width="{width}" height="900" src="page.html"></iframe>
<pre id="measured"></pre><script>
frame.onload = () => {{
  const page = frame.contentDocument, root = page.documentElement;
  const style = (selector) => frame.contentWindow.getComputedStyle(page.querySelector(selector));
  const image = page.querySelector("img");
  measured.textContent = JSON.stringify({{
    overflow: root.scrollWidth - root.clientWidth,
    verdict: style(".verdict").backgroundColor,
    headline: style("h1").fontWeight,
    picture: image === null ? 0 : image.naturalWidth,
    scripts: page.scripts.length,
    columns: style(".file-and-picture").gridTemplateColumns.split(" ").length,
  }});
}};
</script>"""


@dataclass(frozen=True, slots=True)
class Shown:
    """What the browser made of a page, and what it complained about."""

    dom: str
    console: list[str]

    def measured(self) -> dict[str, object]:
        """What the measuring page wrote down."""
        found = re.search(r'<pre id="measured">(.*?)</pre>', self.dom)
        assert found, self.dom[:500]
        measured = json.loads(found[1])
        assert isinstance(measured, dict)
        return measured


def browse(folder: Path, page: Path, *options: str) -> Shown:
    """Open a page without a network. The sandbox needs rights that containers do not have; the page is our own."""
    ran = subprocess.run(
        [
            peers.require("chromium"),
            *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"),
            *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
            *("--host-resolver-rules=MAP * ~NOTFOUND", "--allow-file-access-from-files"),
            *("--enable-logging=stderr", "--virtual-time-budget=4000", f"--user-data-dir={folder / 'profile'}"),
            *options,
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=MAX_SECONDS,
        check=True,
    )
    return Shown(dom=ran.stdout, console=[line for line in ran.stderr.splitlines() if ":CONSOLE" in line])


def measure(folder: Path, page: str, width: int) -> dict[str, object]:
    """Open a page in a frame of this width."""
    (folder / "page.html").write_text(page, "utf-8")
    (folder / "measuring.html").write_text(MEASURING.format(width=width), "utf-8")
    shown = browse(folder, folder / "measuring.html", "--dump-dom")
    assert shown.console == []
    return shown.measured()


@pytest.fixture(scope="module")
def pki_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pki")


def test_a_page_shows_its_picture_and_its_style_under_its_own_policy(tmp_path: Path, pki_folder: Path) -> None:
    case = reporting.case_of(Outcome.VALID, pki_folder)
    measured = measure(tmp_path, case.page(options=ReportOptions(with_values=True)), 1200)
    assert measured == {
        "overflow": 0,
        "verdict": "rgb(233, 245, 238)",
        "headline": "680",
        "picture": 64,
        "scripts": 0,
        "columns": 2,
    }


@pytest.mark.parametrize("outcome", [Outcome.QUESTIONABLE, Outcome.UNSIGNED])
def test_a_page_needs_no_scrolling_sideways_on_a_phone(outcome: Outcome, tmp_path: Path, pki_folder: Path) -> None:
    measured = measure(tmp_path, reporting.case_of(outcome, pki_folder).page(), NARROWEST)
    assert measured["overflow"] == 0
    assert measured["columns"] == 1


def test_hostile_text_runs_no_script_loads_nothing_and_breaks_no_layout(tmp_path: Path) -> None:
    text = '"><script>document.title = "run"</script><img src=//example.org onerror=alert(1)>' + "W" * 3000
    hostile = signature(
        [fact(Step.MAC, Status.FAILED, text, Reason.MAC_MISMATCH)], digital_signature_uid=text, location=text
    )
    measured = measure(tmp_path, page_about(hostile, hostile, name=text), NARROWEST)
    assert measured["overflow"] == 0
    assert measured["scripts"] == 0


def test_the_policy_stops_a_script_that_found_its_way_into_a_page(tmp_path: Path, pki_folder: Path) -> None:
    page = reporting.case_of(Outcome.VALID, pki_folder).page()
    path = tmp_path / "page.html"
    path.write_text(page.replace("</main>", '</main><script>document.title = "run"</script>'), "utf-8")
    shown = browse(tmp_path, path, "--dump-dom")
    assert "<title>run" not in shown.dom
    assert any("Content Security Policy" in line for line in shown.console)


def test_a_page_is_printed_with_all_that_is_folded_on_the_screen(tmp_path: Path, pki_folder: Path) -> None:
    path, pdf = tmp_path / "page.html", tmp_path / "page.pdf"
    path.write_text(reporting.case_of(Outcome.VALID, pki_folder).page(), "utf-8")
    shown = browse(tmp_path, path, f"--print-to-pdf={pdf}", "--no-pdf-header-footer")
    assert shown.console == []
    assert pdf.read_bytes().startswith(b"%PDF-")
    text = peers.run("pdftotext", pdf, "-").text
    words = " ".join(text.split())
    for expected in ("The signature is valid.", "Example Root CA", "Patient's Name", "Pixel Data"):
        assert expected in words
    assert re.search(r"\b1 ?/ ?\d", words), "pages are numbered"
