"""The commands of the README do what it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel

from sealgate.cli.app import COMMANDS
from sealgate.node import config
from support import peers

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def _block(name: str) -> str:
    """The fenced block behind the comment `test: name`."""
    match = re.search(rf"<!-- test: {name} -->\n```\w+\n(.*?)```", README, re.DOTALL)
    assert match, f"the README has no block {name!r}"
    return match[1]


def _environment() -> dict[str, str]:
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


@pytest.fixture
def quick_start(tmp_path: Path) -> tuple[Path, str]:
    """The folder in which the quick start ran, and what it printed."""
    make = "sealgate ca new certs-example && sealgate ca issue certs-example signer --signer"
    subprocess.run(["sh", "-ec", make], cwd=tmp_path, env=_environment(), check=True, capture_output=True)
    script = ["sh", "-c", _block("quick start")]
    ran = subprocess.run(script, cwd=tmp_path, env=_environment(), capture_output=True, text=True, timeout=60)
    assert ran.stderr == ""
    assert ran.returncode == 101  # the last command verifies the tampered file
    return tmp_path, ran.stdout


def test_the_quick_start_prints_what_the_readme_shows(quick_start: tuple[Path, str]) -> None:
    shown = [re.escape(line).replace("…", r"\S+") for line in _block("quick start output").splitlines()]
    printed = quick_start[1].splitlines()
    assert len(printed) == len(shown)
    for line, pattern in zip(printed, shown, strict=True):
        assert re.fullmatch(pattern, line), f"{line!r} is not {pattern!r}"


def test_the_library_example_does_what_it_says(quick_start: tuple[Path, str]) -> None:
    folder, _ = quick_start
    program = [sys.executable, "-c", _block("library")]
    ran = subprocess.run(program, cwd=folder, env=_environment(), capture_output=True, text=True, timeout=60)
    assert ran.stderr == ""
    assert ran.stdout == "Main Dataset CN=signer,OU=NOT FOR CLINICAL USE,O=Sealgate example 151\n"


def test_dcmsign_agrees_with_the_quick_start(quick_start: tuple[Path, str]) -> None:
    folder, _ = quick_start
    anchor = str(folder / "certs-example/ca.pem")
    assert peers.dcmsign("--verify", "+cf", anchor, str(folder / "signed.dcm")).exit_code == 0
    assert peers.dcmsign("--verify", "+cf", anchor, str(folder / "tampered.dcm")).exit_code == 101


def test_every_command_is_in_the_table_of_the_readme() -> None:
    for command in COMMANDS:
        assert f"`sealgate {command.name}" in README, f"the README does not name sealgate {command.name}"


def test_every_link_of_the_documentation_leads_to_a_file() -> None:
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_example_of_the_configuration_page_is_one() -> None:
    page = (ROOT / "docs/configuration.md").read_text(encoding="utf-8")
    tables = tomllib.loads(page.partition("```toml\n")[2].partition("```")[0])
    example = config.checked(tables, name="example", folder=ROOT)
    assert example.source[0].require_coverage == ("rendering",)


def test_every_page_is_one_hop_away_from_the_readme() -> None:
    for page in sorted((ROOT / "docs").glob("*.md")):
        assert f"](docs/{page.name})" in README, f"the README does not lead to {page.name}"


def test_every_key_of_the_configuration_is_explained() -> None:
    page = (ROOT / "docs/configuration.md").read_text(encoding="utf-8")
    sections = [kind for kind in vars(config).values() if isinstance(kind, type) and issubclass(kind, BaseModel)]
    for section in sections:
        for key in section.model_fields:
            assert f"`{key}`" in page or key in page, f"docs/configuration.md does not explain {key}"
