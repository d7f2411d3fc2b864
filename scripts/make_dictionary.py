#!/usr/bin/env python
"""Writes src/sealgate/dicom/dictionary_table.py and private_table.py from the dictionaries of the installed pydicom.

Only what this package needs is kept, as text that is searched and not parsed, so that it is there within a millisecond.
Run it after every change of pydicom's version; a test compares the result with pydicom's.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pydicom
from pydicom._dicom_dict import DicomDictionary, RepeatersDictionary
from pydicom._private_dict import private_dictionaries

FOLDER = Path(__file__).resolve().parent.parent / "src" / "sealgate" / "dicom"
CODES = {"US or SS": "xs", "OB or OW": "ox", "US or OW": "lo", "US or SS or OW": "lt", "OB_OW": "ox", "NONE": "--"}
"""What stands in the two columns of the VR where it is no single one; `dictionary.py` has the way back."""

_PRIVATE_KEY = re.compile(r"[0-9a-f]{2}([0-9a-f]{2}|xx)([0-9a-f]{2}|xx)[0-9a-f]{2}")


def public_lines() -> Iterator[str]:
    """One line for each tag and each range of tags: its digits, VR, keyword, and R where it is retired."""
    entries = {f"{tag:08x}": entry for tag, entry in DicomDictionary.items()}
    entries |= {mask.lower(): entry for mask, entry in RepeatersDictionary.items()}
    for key in sorted(entries):
        vr, _, _, retired, keyword = entries[key]
        yield f"{key} {CODES.get(vr, vr)} {keyword} {'R' if retired else ''}".rstrip()


def private_lines() -> Iterator[str]:
    """For each private creator a line with its name and lines with its tags and VRs, then an empty line."""
    for creator in sorted(private_dictionaries):
        entries = {key.lower(): CODES.get(entry[0], entry[0]) for key, entry in private_dictionaries[creator].items()}
        words = [f"{key}{vr}" for key, vr in sorted(entries.items()) if _PRIVATE_KEY.fullmatch(key)]
        if words:
            yield from (creator, *textwrap.wrap(" ".join(words), 116), "")


def write(name: str, sentence: str, constant: str, description: str, lines: Iterator[str]) -> None:
    """Write one module with one constant."""
    module = FOLDER / name
    body = "\n".join(lines)
    assert "\\" not in body, "a raw text is needed"
    assert '"""' not in body, "another quotation is needed"
    module.write_text(
        f'"""{sentence}\n\n'
        f"Made by scripts/make_dictionary.py from the dictionary of pydicom {pydicom.__version__}; do not edit.\n"
        f'"""\n\n{constant} = """\\\n{body.rstrip()}\n"""\n"""{description}"""\n',
        encoding="ascii",
    )


if __name__ == "__main__":
    write(
        "dictionary_table.py",
        "The elements of PS3.6 as a text.",
        "PUBLIC",
        "One element a line: tag (x: any digit), VR, keyword, R where it is retired.",
        public_lines(),
    )
    write(
        "private_table.py",
        "The private elements that are publicly known, as a text.",
        "PRIVATE",
        "Blocks: the private creator, then tags (x: any digit) with their VR.",
        private_lines(),
    )
