"""Value Representations (PS3.5 section 6.2), as far as bytes depend on them: header form, word width, padding."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Padding(IntEnum):
    """How a value is brought to its normal form before it enters the MAC (as dcmsign does it)."""

    TEXT = 0
    """Odd length: one NUL. Then all trailing spaces go, and one comes back if the length is odd."""
    UID = 1
    """White space and trailing NULs go, one NUL comes back if the length is odd."""
    NUL = 2
    """Odd length: one NUL."""
    NONE = 3
    """Taken as it is, odd lengths included."""


@dataclass(frozen=True, slots=True)
class VR:
    """One Value Representation."""

    name: str
    long: bool
    """Explicit VR header of 12 bytes with a 32-bit Value Length (PS3.5 7.1.2)."""
    width: int
    """Bytes that swap together between little and big endian; 1 where nothing swaps."""
    padding: Padding
    signable: bool = True

    def __str__(self) -> str:
        return self.name


def _table() -> dict[str, VR]:
    text = {name: VR(name, False, 1, Padding.TEXT) for name in "AE AS CS DA DS DT IS LO LT PN SH ST TM".split()}
    text |= {name: VR(name, True, 1, Padding.TEXT) for name in "UC UR UT".split()}
    words = {"SS": 2, "US": 2, "SL": 4, "UL": 4, "FL": 4, "FD": 8, "AT": 2}
    short = {name: VR(name, False, width, Padding.NUL) for name, width in words.items()}
    words = {"OF": 4, "OL": 4, "OD": 8, "OV": 8, "SV": 8, "UV": 8}
    long = {name: VR(name, True, width, Padding.NUL) for name, width in words.items()}
    other = {
        "UI": VR("UI", False, 1, Padding.UID),
        "OB": VR("OB", True, 1, Padding.NUL),
        "OW": VR("OW", True, 2, Padding.NONE),
        "SQ": VR("SQ", True, 1, Padding.NONE),
        "UN": VR("UN", True, 1, Padding.NUL, signable=False),
    }
    return text | short | long | other


BY_NAME = _table()
BY_CODE = {name.encode("ascii"): vr for name, vr in BY_NAME.items()}
"""The two bytes of an explicit VR header to the Value Representation."""

OB, OW, SQ, UN, UI, US, SS, LO, UL = (BY_NAME[n] for n in ("OB", "OW", "SQ", "UN", "UI", "US", "SS", "LO", "UL"))

UNKNOWN_LONG = VR("??", True, 1, Padding.NUL, signable=False)
"""Two upper case letters that are no VR known here: read with a 32-bit length, as all VRs to come will have it."""
UNKNOWN_SHORT = VR("??", False, 1, Padding.NUL, signable=False)
"""Any other two bytes in the place of a VR: read with a 16-bit length."""


def of_code(code: bytes) -> VR:
    """VR of the two bytes `code` of an explicit VR header; unknown codes give one of the two UNKNOWN ones."""
    known = BY_CODE.get(code)
    if known is not None:
        return known
    return UNKNOWN_LONG if code.isalpha() and code.isupper() and code.isascii() else UNKNOWN_SHORT
