"""docs/dcmsign.md against the program and against the rows in which we differ from dcmsign."""

from __future__ import annotations

from pathlib import Path

from sealgate.cli import dcmsign
from sealgate.cli.dcmsign.codes import Code
from support.dcmsign_rows import ROWS

DOC = (Path(__file__).parents[2] / "docs" / "dcmsign.md").read_text(encoding="utf-8")


def test_every_reason_for_a_difference_is_on_the_page() -> None:
    reasons = {row.why for row in ROWS if row.why}
    assert reasons
    assert [reason for reason in sorted(reasons) if reason not in DOC] == []


def test_every_exit_code_is_on_the_page() -> None:
    written = "0, 1, 20, 21, 30–33, 40, 46, 80–87, 100–102"
    assert written in DOC
    numbers = {0, 1, 20, 21, 30, 31, 32, 33, 40, 46, *range(80, 88), 100, 101, 102}
    assert {int(code) for code in Code} == numbers


def test_the_number_of_rows_is_what_the_page_says() -> None:
    assert len(ROWS) > 650


def test_every_module_of_the_front_is_on_its_map() -> None:
    assert dcmsign.__doc__ is not None
    modules = {path.stem for path in Path(dcmsign.__file__).parent.glob("*.py")} - {"__init__"}
    assert [module for module in sorted(modules) if f"`{module}`" not in dcmsign.__doc__] == []
