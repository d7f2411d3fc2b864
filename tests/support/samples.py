"""The DICOM files that pydicom's wheel brings along; nothing is ever downloaded."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path

_FOLDERS = ("test_files", "charset_files", "palettes")
_NOT_DICOM_SUFFIXES = frozenset({".dump", ".gz", ".icc", ".json", ".md", ".py", ".pyc", ".txt"})
_NOT_DICOM_NAMES = frozenset({"README"})
DAMAGED = frozenset(
    {
        *("DICOMDIR-nooffset", "MR_truncated.dcm", "SC_rgb_jpeg.dcm"),
        *("meta_missing_tsyntax.dcm", "no_meta.dcm", "rtplan_truncated.dcm"),
    }
)
"""Files that are damaged on purpose: no strict reader takes them."""


@cache
def root() -> Path:
    """Return pydicom's data folder, found without importing pydicom."""
    spec = importlib.util.find_spec("pydicom")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "data"


@cache
def files() -> tuple[Path, ...]:
    """Return every file in the wheel that is meant to be DICOM, damaged ones and DICOMDIRs too, in sorted order."""
    found = (path for folder in _FOLDERS for path in (root() / folder).rglob("*") if path.is_file())
    return tuple(
        sorted(path for path in found if path.suffix not in _NOT_DICOM_SUFFIXES and path.name not in _NOT_DICOM_NAMES)
    )


def readable() -> tuple[Path, ...]:
    """Return the files that are not damaged."""
    return tuple(path for path in files() if path.name not in DAMAGED)


def sample(name: str) -> Path:
    """Return the file called `name`, a path below one of pydicom's data folders, such as ``CT_small.dcm``."""
    for folder in _FOLDERS:
        path = root() / folder / name
        if path.is_file():
            return path
    raise FileNotFoundError(f"pydicom's wheel has no sample file {name}")


def label(path: Path) -> str:
    """Return a short name of a sample for pytest's ``ids``."""
    return path.relative_to(root()).as_posix()
