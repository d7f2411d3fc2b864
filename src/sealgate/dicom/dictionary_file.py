"""Data dictionaries in the form of DCMTK's `dicom.dic` and `private.dic`, which DCMDICTPATH names.

One element a line, fields separated by tabs: tag, VR, name, VM, edition. Tags are `(gggg,eeee)`, ranges of them
`(6000-60FF,3000)` (even numbers; `-o-` odd, `-u-` all), private ones `(gggg,"CREATOR",ee)`. Later lines override
earlier ones; lines that cannot be read are left out and told.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from sealgate.dicom import tags
from sealgate.dicom.dictionary import generic_name
from sealgate.dicom.vr import BY_NAME
from sealgate.errors import LimitExceeded

MAX_DICTIONARY_BYTES = 16 << 20
"""All files together; DCMTK's own have 430 kB."""
MAX_DICTIONARY_RANGES = 10_000
"""Ranges of tags, which are searched one by one; DCMTK's dictionaries have 120."""
MAX_DICTIONARY_PROBLEMS = 100
"""Lines that cannot be read and are told one by one."""
_MAX_REMEMBERED = 100_000
"""Tags whose entry is remembered; a real data set has some hundreds."""

_NUMBERS = r"([0-9A-Fa-f]{1,4})(?:-(?:([oeuOEU])-)?([0-9A-Fa-f]{1,4}))?"
_TAG = re.compile(rf'\({_NUMBERS},(?:"([^"]*)",)?{_NUMBERS}\)')
_VM = re.compile(r"[0-9]+(?:-[0-9]*n?[0-9]*)?n?|n", re.ASCII)
_WORDS = {"xs": "US or SS", "ox": "OB or OW", "px": "OB or OW", "lt": "US or SS or OW", "up": "UL", "na": ""}
"""DCMTK's own codes for what is no single VR."""


class _Entry(NamedTuple):
    words: str
    name: str


class _Numbers(NamedTuple):
    """A range of group or element numbers."""

    first: int
    last: int
    step: int
    """1, or 2 where only numbers of the parity of `first` are in it."""

    def __contains__(self, number: object) -> bool:
        return isinstance(number, int) and self.first <= number <= self.last and not (number - self.first) % self.step


class _Range(NamedTuple):
    groups: _Numbers
    elements: _Numbers
    creator: str | None
    entry: _Entry

    def holds(self, tag: int, creator: str | None) -> bool:
        """Whether `tag` is in the range; of a private one the block that its creator reserved does not count."""
        number = tag & 0xFFFF
        if self.creator != creator or tag >> 16 not in self.groups:
            return False
        return number in self.elements or (creator is not None and number & 0xFF in self.elements)


class FileDictionary:
    """A dictionary read from files; see `sealgate.dicom.dictionary.Dictionary`."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        """Lines that could not be read, in DCMTK's words."""
        self._entries: dict[tuple[int, str | None], _Entry] = {}
        self._ranges: dict[tuple[_Numbers, _Numbers, str | None], _Range] = {}
        self._tags: dict[str, int] = {}
        self._found: dict[tuple[int, str | None], _Entry | None] = {}

    def __len__(self) -> int:
        return len(self._entries) + len(self._ranges)

    def words(self, tag: int) -> str:
        """VR words of an element of the standard, such as `US or SS`; empty where the tag is unknown or private."""
        entry = None if tags.is_private(tag) else self._entry(tag, None)
        return "" if entry is None else entry.words

    def private_words(self, creator: str, tag: int) -> str:
        """VR words of a private element of `creator`; empty where it does not know the tag."""
        entry = self._entry(tag, creator)
        return "" if entry is None else entry.words

    def keyword(self, tag: int) -> str:
        """The name of an element of the standard, or an empty text."""
        entry = self._entry(tag, None)
        return "" if entry is None else entry.name

    def dcmtk_name(self, tag: int) -> str:
        """The name that DCMTK prints for an element and reads on its command lines."""
        return self.keyword(tag) or generic_name(tag)

    def tag(self, name: str) -> int | None:
        """Tag of a name; of a range of tags the first one."""
        return self._tags.get(name)

    def _entry(self, tag: int, creator: str | None) -> _Entry | None:
        key = tag, creator
        if key in self._found:
            return self._found[key]
        entry = self._entries.get(key)
        if entry is None and creator is not None:
            entry = self._entries.get((tag & 0xFFFF00FF, creator))
        if entry is None:
            entry = next((found.entry for found in self._ranges.values() if found.holds(tag, creator)), None)
        if len(self._found) < _MAX_REMEMBERED:
            self._found[key] = entry
        return entry

    def read(self, file: str, octets: bytes) -> None:
        """Take the lines of one file; `file` is its name in `problems`. Raises LimitExceeded."""
        if len(octets) > MAX_DICTIONARY_BYTES:
            raise LimitExceeded(f"bytes of the data dictionary {file}", len(octets), MAX_DICTIONARY_BYTES)
        for number, line in enumerate(octets.decode("latin-1").split("\n"), start=1):
            if line.startswith("#") or not line.strip():
                continue
            problem = self._read_line(["".join(field.split()) for field in line.rstrip("\r\n").split("\t")], line)
            if problem is not None and len(self.problems) < MAX_DICTIONARY_PROBLEMS:
                self.problems.append(f"{file}: " + problem.format(f"(line {number})"))
        if len(self._ranges) > MAX_DICTIONARY_RANGES:
            raise LimitExceeded(
                f"ranges of tags in the data dictionary {file}", len(self._ranges), MAX_DICTIONARY_RANGES
            )

    def _read_line(self, fields: list[str], line: str) -> str | None:
        """Take one line; what is wrong with it, or None."""
        if len(fields) < 3:
            return "too few fields {}"
        if len(fields) > 5:
            return "too many fields {}"
        tag, vr, name = fields[:3]
        if len(fields) > 3 and not _VM.fullmatch(fields[3]):
            return "bad VM field {}"
        quoted = re.search(r'"([^"]*)"', line)  # spaces in a private creator count
        match = _TAG.fullmatch(tag)
        if match is None:
            return "bad Tag field {}"
        words = _WORDS.get(vr, vr)
        if words and words == vr and vr not in BY_NAME:
            return "bad VR field {}"
        creator = quoted[1].rstrip() if quoted and match[4] is not None else None
        self._add(_numbers(match, 1), _numbers(match, 5), creator, _Entry(words, name))
        return None

    def _add(self, groups: _Numbers, elements: _Numbers, creator: str | None, entry: _Entry) -> None:
        self._found.clear()
        tag = groups.first << 16 | elements.first
        if (groups.first, elements.first) == (groups.last, elements.last):
            self._entries[tag, creator] = entry
        else:
            self._ranges[groups, elements, creator] = _Range(groups, elements, creator, entry)
        if creator is None:
            self._tags.setdefault(entry.name, tag)


def _numbers(match: re.Match[str], group: int) -> _Numbers:
    """A number, or a range of them; without a letter between its ends only the even ones are meant."""
    first = int(match[group], 16)
    if match[group + 2] is None:
        return _Numbers(first, first, 1)
    last, parity = int(match[group + 2], 16), (match[group + 1] or "e").lower()
    if parity == "u":
        return _Numbers(first, last, 1)
    return _Numbers(first + ((first & 1) != (parity == "o")), last, 2)


def read_dictionary(files: Iterable[tuple[str, bytes]]) -> FileDictionary:
    """The dictionary of files, given as pairs of name and content. Raises LimitExceeded."""
    dictionary = FileDictionary()
    for file, octets in files:
        dictionary.read(file, octets)
    return dictionary
