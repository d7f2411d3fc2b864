"""Wait for a condition with a deadline, so that no test sleeps and hopes."""

from __future__ import annotations

import time
from collections.abc import Callable

POLL_SECONDS = 0.01
DEADLINE_SECONDS = 15.0
"""Long enough for a loaded machine with two cores; what waits longer than this hangs."""


def wait_until(condition: Callable[[], object], what: str, *, deadline_seconds: float = DEADLINE_SECONDS) -> None:
    """Return as soon as `condition()` is true; after the deadline fail with a sentence that names `what`."""
    end = time.monotonic() + deadline_seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not happen within {deadline_seconds:g} s")
        time.sleep(POLL_SECONDS)
