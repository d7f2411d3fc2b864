"""Logs of the gateway: one line for each event on standard error, for people or as JSON for machines."""

from __future__ import annotations

import logging
import sys
from contextlib import suppress
from typing import Any, TextIO, cast

import structlog

from sealgate.node.config import LogSection


class _StandardError:
    """Standard error; what it does not take is lost, since a full disk under the log must not end what we are for."""

    def write(self, text: str) -> None:
        """Write `text`, or lose it."""
        with suppress(OSError, ValueError):
            sys.stderr.write(text)

    def flush(self) -> None:
        """Bring out what was written, or lose it."""
        with suppress(OSError, ValueError):
            sys.stderr.flush()


def configure(section: LogSection) -> None:
    """Set up structlog for this process."""
    renderer: Any = structlog.processors.JSONRenderer()
    if section.format == "text":
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, section.level.upper())),
        logger_factory=structlog.WriteLoggerFactory(file=cast("TextIO", _StandardError())),
        cache_logger_on_first_use=True,
    )
