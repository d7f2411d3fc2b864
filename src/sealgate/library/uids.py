"""New UIDs."""

from __future__ import annotations

from uuid import uuid4


def new_uid() -> str:
    """A new UID derived from a random UUID (PS3.5 B.2), for a Digital Signature UID."""
    return f"2.25.{uuid4().int}"
