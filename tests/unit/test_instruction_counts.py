"""The engine takes no more instructions than it did, counted by valgrind: a figure that no other load disturbs."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from support import peers
from support.pki import Authority

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "instructions.py"
LIMITS = {"sign": 3_630_000, "verify": 5_590_000}
"""Instructions for one file with 300 elements, beyond its SHA-256 and one RSA operation: what was counted, and a tenth.

Counts repeat within 0.1 %, so a test that fails tells of a change in the code, or in what it rests on. Where the change
is worth it, and whenever it makes the counts smaller, run the test with `-s`, take what it prints and add a tenth.
"""
MEASURED_WITH = ("CPython", "3.11", "x86_64")
"""Other versions and machines take other instructions for the same code."""


@pytest.mark.slow
def test_a_file_takes_no_more_instructions_than_the_limits(tmp_path: Path) -> None:
    version = ".".join(platform.python_version_tuple()[:2])
    here = (platform.python_implementation(), version, platform.machine())
    if here != MEASURED_WITH:
        pytest.skip(f"the limits are those of {' '.join(MEASURED_WITH)}, and this is {' '.join(here)}")
    peers.require("valgrind")
    authority = Authority(tmp_path, key="rsa2048")
    signer = authority.issue("signer", "rsa2048", hosts=())
    keys = map(str, (signer.key_path, signer.certificate_path, authority.certificate_path))
    done = subprocess.run([sys.executable, str(SCRIPT), *keys], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    sys.stdout.write(done.stdout)
    counted = json.loads(done.stdout)
    assert {step: count for step, count in counted.items() if count > LIMITS[step]} == {}
