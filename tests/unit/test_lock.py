"""The lock file: exact versions with hashes, for everything that pyproject.toml asks for, from no particular host."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = Path(__file__).resolve().parents[2]
LOCK = (PROJECT / "requirements.lock").read_text(encoding="utf-8")
PINS = re.findall(
    r"^([a-z0-9-]+)==(\S+)(?: ; [^\\\n]+)? \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", LOCK, re.M
)


def test_every_line_of_the_lock_is_a_version_or_one_of_its_hashes() -> None:
    assert sum(1 + hashes.count("\n") for _, _, hashes in PINS) == LOCK.count("\n")


def test_the_lock_names_no_host() -> None:
    assert "://" not in LOCK
    assert "--index" not in LOCK
    assert "--find-links" not in LOCK


def test_the_lock_holds_what_the_project_asks_for() -> None:
    tables = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    project, extras = tables["project"], tables["project"]["optional-dependencies"]
    assert f"{project['name']}[pictures,pkcs11]" in extras["dev"], "so the lock is for all extras"
    asked = [
        *tables["build-system"]["requires"],
        *project["dependencies"],
        *(one for extra in extras.values() for one in extra),
    ]
    locked = {name: version for name, version, _ in PINS}
    for requirement in map(Requirement, asked):
        if requirement.name == project["name"]:
            continue
        assert requirement.specifier.contains(locked[canonicalize_name(requirement.name)]), requirement
