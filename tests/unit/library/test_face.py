"""The public face: light, lazy, and complete for type checkers."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import sealgate

HEAVY = "pydicom cryptography pyhanko_certvalidator httpx rich typer asn1crypto jinja2 sqlalchemy numpy".split()


def loaded_by(program: str) -> set[str]:
    """Which of the HEAVY libraries a program imports."""
    ending = f"\nimport sys; print(*(name for name in {HEAVY} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", program + ending], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_sealgate_imports_nothing_heavy() -> None:
    assert loaded_by("import sealgate; dir(sealgate)") == set()


def test_signing_bytes_needs_cryptography_alone(tmp_path: Path) -> None:
    assert loaded_by("import sealgate; sealgate.sign") == set()
    assert loaded_by("import sealgate; sealgate.load_signer; sealgate.signatures; sealgate.remove") <= {"cryptography"}


@pytest.mark.parametrize("name", sealgate.__all__)
def test_every_public_name_is_there_and_has_a_docstring(name: str) -> None:
    assert getattr(sealgate, name).__doc__


def test_type_checkers_see_what_programs_see() -> None:
    tree = ast.parse(Path(sealgate.__file__).read_text(encoding="utf-8"))
    checked = next(node for node in tree.body if isinstance(node, ast.If))
    imported = {
        alias.name: node.module for node in checked.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert imported == sealgate._MODULES  # noqa: SLF001
    assert sorted(imported) == sorted(sealgate.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="seal"):
        sealgate.seal  # type: ignore[attr-defined]  # noqa: B018
