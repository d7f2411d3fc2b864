"""VR of elements in implicit VR encoding (PS3.5 7.1.3), decided as dcmsign decides it so that signatures agree.

The words of PS3.6 come from pydicom. Where the dictionary names several VRs, the choice depends on elements that were
read before in the same data set or item.
"""

from __future__ import annotations

from functools import cache

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


@cache
def _public(tag: int) -> str:
    """VR words of the public dictionary, such as `US or SS`; empty where the tag is unknown."""
    from pydicom.datadict import dictionary_VR

    try:
        return str(dictionary_VR(tag))
    except KeyError:
        return ""


@cache
def _private(creator: str, tag: int) -> str:
    """VR words of the private dictionary of `creator`; empty where it does not know the tag."""
    from pydicom.datadict import private_dictionary_VR

    try:
        return str(private_dictionary_VR(tag, creator))
    except KeyError:
        return ""


class ImplicitContext:
    """What the elements read so far in one data set or item say about the VR of the next one."""

    __slots__ = ("creators", "pixel_representation", "waveform_bits_allocated")

    def __init__(self) -> None:
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
        words = _public(tag)
        if not words:
            return vr.UNKNOWN_LONG
        return vr.BY_NAME.get(words) or self._ambiguous_vr(tag, words)

    def _private_vr(self, tag: int) -> VR:
        if tags.is_private_creator(tag):
            return vr.LO
        creator = self.creators.get(tag & 0xFFFFFF00)
        words = _private(creator, tag) if creator is not None and tag & 0xFFFF >= 0x1000 else ""
        return vr.BY_NAME.get(words, vr.UNKNOWN_LONG) if words != "UN" else vr.UNKNOWN_LONG

    def _ambiguous_vr(self, tag: int, words: str) -> VR:
        if words == "US or SS":
            return vr.SS if self.pixel_representation == 1 and tag in _SIGNED_BY_PIXEL_REPRESENTATION else vr.US
        if tag in _BY_WAVEFORM_BITS_ALLOCATED:
            return vr.OB if self.waveform_bits_allocated == 8 else vr.OW
        if (words == "OB or OW" and tag >> 16 & 0xFF00 == 0x5000) or tag >> 16 == 0x0014:
            return vr.OB
        return vr.OW
