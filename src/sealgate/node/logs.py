"""Logs of the gateway: one line for each event on standard error, for people or as JSON for machines."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog

from sealgate.node.config import LogSection


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
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
