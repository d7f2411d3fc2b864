"""The payload files of a data directory, as they lie on the disk."""

from __future__ import annotations

from pathlib import Path


def payload_files(data_dir: Path) -> list[Path]:
    """The payload files with bytes in them; a gateway that runs, or was killed, has empty ones made in advance."""
    found = sorted((data_dir / "payload").rglob("*"))
    return [path for path in found if path.is_file() and path.stat().st_size]
