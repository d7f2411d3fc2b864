"""docs/verification-report.md: its examples run, and its picture is small."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sealgate.library.report.html_report import ReportOptions
from support import samples, signing
from support.pki import Authority

DOCS = Path(__file__).resolve().parents[4] / "docs"
BLOCKS = re.findall(r"```python\n(.*?)```", (DOCS / "verification-report.md").read_text("utf-8"), re.DOTALL)
MAX_PICTURE_BYTES = 200_000


def test_the_examples_run(pki: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options, writing = BLOCKS
    signed = signing.signed(samples.sample("CT_small.dcm").read_bytes(), pki.issue("signer"), at=pki.now)
    (tmp_path / "signed.dcm").write_bytes(signed.file)
    (tmp_path / "ca.pem").write_bytes(pki.certificate_path.read_bytes())
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(options, names)
    assert names["everything"] == ReportOptions(with_values=True)
    exec(writing, {})
    assert "Signed by" in (tmp_path / "report.html").read_text("utf-8")


def test_the_picture_is_small() -> None:
    assert (DOCS / "verification-report.png").stat().st_size < MAX_PICTURE_BYTES
