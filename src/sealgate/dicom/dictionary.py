"""The data dictionary: VRs in implicit VR encoding (PS3.5 7.1.3), decided as dcmsign decides it, and keywords.

Where the dictionary names several VRs, the choice depends on elements that were read before in the same data set or
item.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import Protocol

from sealgate.dicom import tags, vr
from sealgate.dicom.vr import VR

MAX_PRIVATE_CREATORS = 4096
"""Private creators remembered for one data set or item; 240 blocks in some groups are what real scanners write."""

_SIGNED_BY_PIXEL_REPRESENTATION = frozenset(
    (
        0x00189810, 0x00280106, 0x00280107, 0x00280108, 0x00280109, 0x00280120, 0x00280121, 0x00283002,
        0x00409211, 0x00409216, 0x00603004, 0x00603006,
    )
)  # fmt: skip
"""US or SS: SS where Pixel Representation is 1."""

_BY_WAVEFORM_BITS_ALLOCATED = frozenset((0x5400100A, 0x54001010, 0x54000110, 0x54000112))
"""OB or OW: OB where Waveform Bits Allocated is 8 or absent."""


class Dictionary(Protocol):
    """What a data dictionary is asked for: the default is `STANDARD`, files of DCMTK are read by `dictionary_file`."""

    def words(self, tag: int) -> str:
        """VR words of an element of the standard, such as `US or SS`; empty where the tag is unknown or private."""
        ...

    def private_words(self, creator: str, tag: int) -> str:
        """VR words of a private element of `creator`; empty where it does not know the tag."""
        ...

    def keyword(self, tag: int) -> str:
        """Keyword of an element of the standard, or an empty text."""
        ...

    def dcmtk_name(self, tag: int) -> str:
        """The name that DCMTK prints for an element and reads on its command lines."""
        ...

    def tag(self, name: str) -> int | None:
        """Tag of a keyword or of DCMTK's name; of a range of tags the first one."""
        ...


UNKNOWN_NAME = "Unknown Tag & Data"
"""What DCMTK prints for a tag that its dictionary does not have."""

_WORDS = {"xs": "US or SS", "ox": "OB or OW", "lo": "US or OW", "lt": "US or SS or OW", "--": ""}
"""Codes of the table that are no single VR."""
_REPEATING_GROUPS = frozenset((0x50, 0x60, 0x7F))
_RETIRED_LATER = frozenset(
    (
        0x00380004, 0x00701807, 0x00701808, 0x30040010, 0x30040012, 0x30060085, 0x30060088, 0x3008002B, 0x30100090,
    )
)  # fmt: skip
"""Retired after the edition that DCMTK 3.6.7 has, so without RETIRED_ in its names."""


def patterns(tag: int) -> tuple[str, ...]:
    """How the ranges of PS3.6 that `tag` may lie in are written: 60xx3000, 002031xx, 002804x0, 1000xxx0, 1010xxxx."""
    digits = f"{tag:08x}"
    if tag >> 24 in _REPEATING_GROUPS:
        return (f"{digits[:2]}xx{digits[4:]}",)
    return (
        f"{digits[:6]}xx",
        f"{digits[:6]}x{digits[7]}",
        f"{digits[:4]}xxx{digits[7]}",
        f"{digits[:4]}xxxx",
    )


class StandardDictionary:
    """PS3.6 and the private elements that are publicly known, as pydicom has them, from the generated tables."""

    def __init__(self) -> None:
        self._known: dict[int, str] = {}

    @cached_property
    def _lines(self) -> dict[str, str]:
        from sealgate.dicom.dictionary_table import PUBLIC

        return {line[:8]: line for line in PUBLIC.splitlines()}

    @cached_property
    def _creators(self) -> dict[str, str]:
        from sealgate.dicom.private_table import PRIVATE

        blocks = (block.partition("\n") for block in PRIVATE.split("\n\n"))
        return {creator: entries for creator, _, entries in blocks}

    @cached_property
    def _tags(self) -> dict[str, int]:
        named = (line for line in self._lines.values() if line[12:] not in ("", " R"))
        return {line[12:].removesuffix(" R"): int(line[:8].replace("x", "0"), 16) for line in named}

    def _line(self, tag: int) -> str:
        if tags.is_private(tag):
            return ""
        line = self._lines.get(f"{tag:08x}")
        if line is None:
            line = next((self._lines[pattern] for pattern in patterns(tag) if pattern in self._lines), "")
        return line

    def words(self, tag: int) -> str:
        """VR words of an element of the standard, such as `US or SS`; empty where the tag is unknown or private."""
        words = self._known.get(tag)
        if words is None:
            code = self._line(tag)[9:11]
            words = _WORDS.get(code, code)
            if words:
                self._known[tag] = words
        return words

    def private_words(self, creator: str, tag: int) -> str:
        """VR words of a private element of `creator`; empty where it does not know the tag."""
        entries = self._creators.get(creator)
        if entries is None:
            return ""
        digits = f"{tag:08x}"
        for key in (digits, f"{digits[:4]}xx{digits[6:]}", f"{digits[:2]}xxxx{digits[6:]}"):
            at = entries.find(key)  # no other place can look like a key: VRs are in upper case, digits are not
            if at >= 0:
                code = entries[at + 8 : at + 10]
                return _WORDS.get(code, code)
        return ""

    def keyword(self, tag: int) -> str:
        """Keyword of an element of the standard, or an empty text."""
        return self._line(tag)[12:].removesuffix(" R")

    def dcmtk_name(self, tag: int) -> str:
        """The name that DCMTK prints for an element and reads on its command lines."""
        name = self.keyword(tag)
        if not name:
            return generic_name(tag)
        is_retired = self._line(tag).endswith(" R") and tag not in _RETIRED_LATER
        return f"RETIRED_{name}" if is_retired else name

    def tag(self, name: str) -> int | None:
        """Tag of a keyword or of DCMTK's name; of a range of tags the first one."""
        return self._tags.get(name.removeprefix("RETIRED_")) if name else None


def generic_name(tag: int) -> str:
    """The name that DCMTK prints for an element without entry: group length, private creator, or unknown."""
    if tag & 0xFFFF == 0:
        return "PrivateGroupLength" if tags.is_private(tag) else "GenericGroupLength"
    return "PrivateCreator" if tags.is_private_creator(tag) else UNKNOWN_NAME


STANDARD = StandardDictionary()


class ImplicitContext:
    """What the elements read so far in one data set or item say about the VR of the next one."""

    __slots__ = ("creators", "dictionary", "pixel_representation", "waveform_bits_allocated")

    def __init__(self, dictionary: Dictionary = STANDARD) -> None:
        self.dictionary = dictionary
        self.creators: dict[int, str] = {}
        self.pixel_representation = 0
        self.waveform_bits_allocated = 8

    @staticmethod
    def needs(tag: int) -> bool:
        """Whether the value of `tag` decides about other elements, so that it has to be shown to `read`."""
        return tag in (tags.PIXEL_REPRESENTATION, tags.WAVEFORM_BITS_ALLOCATED) or tags.is_private_creator(tag)

    def read(self, tag: int, value: bytes) -> None:
        """Take note of an element for which `needs` holds; `value` is its first 64 bytes at most."""
        if tag == tags.PIXEL_REPRESENTATION:
            self.pixel_representation = int.from_bytes(value[:2], "little")
        elif tag == tags.WAVEFORM_BITS_ALLOCATED:
            self.waveform_bits_allocated = int.from_bytes(value[:2], "little")
        elif len(self.creators) < MAX_PRIVATE_CREATORS:
            creator = value.rstrip(b" \0").decode("latin-1")
            self.creators[tag & 0xFFFF0000 | (tag & 0xFF) << 8] = creator

    def vr(self, tag: int) -> VR:
        """VR of `tag`; `UNKNOWN_LONG` where no dictionary knows it."""
        if tag & 0xFFFF == 0:
            return vr.UL
        if tag & 0x10000:
            return self._private_vr(tag)
        words = self.dictionary.words(tag)
        if not words:
            return vr.UNKNOWN_LONG
        return vr.BY_NAME.get(words) or self._ambiguous_vr(tag, words)

    def _private_vr(self, tag: int) -> VR:
        if tags.is_private_creator(tag):
            return vr.LO
        creator = self.creators.get(tag & 0xFFFFFF00)
        if creator is None or tag & 0xFFFF < 0x1000:
            return vr.UNKNOWN_LONG
        words = self.dictionary.private_words(creator, tag)
        return vr.BY_NAME.get(words, vr.UNKNOWN_LONG) if words != "UN" else vr.UNKNOWN_LONG

    def _ambiguous_vr(self, tag: int, words: str) -> VR:
        if words == "US or SS":
            return vr.SS if self.pixel_representation == 1 and tag in _SIGNED_BY_PIXEL_REPRESENTATION else vr.US
        if tag in _BY_WAVEFORM_BITS_ALLOCATED:
            return vr.OB if self.waveform_bits_allocated == 8 else vr.OW
        if (words == "OB or OW" and tag >> 16 & 0xFF00 == 0x5000) or tag >> 16 == 0x0014:
            return vr.OB
        return vr.OW


_WRITTEN = re.compile(r"\(?\s*([0-9A-Fa-f]{4})\s*,\s*([0-9A-Fa-f]{4})\s*\)?")


def tag_of(text: str) -> int:
    """Tag of `gggg,eeee`, `(gggg,eeee)` or a keyword of the data dictionary, such as `PatientID`.

    Raises ValueError where the text is neither.
    """
    text = text.strip()
    match = _WRITTEN.fullmatch(text)
    if match:
        return int(match[1], 16) << 16 | int(match[2], 16)
    tag = STANDARD.tag(text)
    if tag is None:
        raise ValueError(f"{text!r} is neither gggg,eeee nor a keyword of the DICOM data dictionary")
    return tag
