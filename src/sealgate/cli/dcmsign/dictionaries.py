"""The data dictionary of DCMDICTPATH: files in DCMTK's format, which take the place of the dictionary built in."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from sealgate.cli.dcmsign.messages import Messages
from sealgate.dicom.dictionary import STANDARD, Dictionary
from sealgate.dicom.dictionary_file import MAX_DICTIONARY_BYTES, read_dictionary
from sealgate.errors import LimitExceeded

MAX_DICTIONARY_FILES = 64
"""Files that the variable may name; DCMTK itself brings four."""


def named_dictionary(paths: str, messages: Messages) -> Dictionary:
    """The dictionary of all files in `paths`; what is wrong with one of them is said, and stops nothing.

    Where none can be used, the dictionary built in stays.
    """
    try:
        found = read_dictionary(_files(paths, messages))
    except LimitExceeded as error:
        messages.error(f"DcmDataDictionary: {error}")
        return STANDARD
    for problem in found.problems:
        messages.error(f"DcmDataDictionary: {problem}")
    if len(found):
        return found
    messages.warn("no data dictionary loaded, check environment variable: DCMDICTPATH")
    return STANDARD


def _files(paths: str, messages: Messages) -> Iterator[tuple[str, bytes]]:
    for name in paths.split(os.pathsep)[:MAX_DICTIONARY_FILES]:
        if not name:
            continue
        try:
            with Path(name).open("rb") as file:
                yield name, file.read(MAX_DICTIONARY_BYTES + 1)
        except (OSError, ValueError):
            messages.error(f"DcmDataDictionary: Cannot open file: {name}")
