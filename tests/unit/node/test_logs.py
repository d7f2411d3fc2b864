"""Logs tell what happens; where they cannot, it happens all the same."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from support.gateway import environment

_LOGS = """
import structlog
from sealgate.node import logs
from sealgate.node.config import LogSection
logs.configure(LogSection())
structlog.get_logger().info("instance delivered")
structlog.get_logger().error("this too")
print("went on")
"""


def test_a_line_that_standard_error_does_not_take_is_lost_and_nothing_else() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", _LOGS], stdout=subprocess.PIPE, stderr=full, env=environment(), check=False
        )
    assert done.stdout == b"went on\n"
