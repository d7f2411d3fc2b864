"""Words of values whose bytes swap together between little and big endian (PS3.5 7.3)."""

from __future__ import annotations

import array

_TYPECODES = {2: "H", 4: "I", 8: "Q"}


def swapped(value: bytes | memoryview, width: int) -> bytes:
    """`value` with the bytes of each word of `width` reversed; a remainder shorter than a word stays."""
    if width == 1:
        return bytes(value)
    whole = len(value) // width * width
    words = array.array(_TYPECODES[width])
    words.frombytes(value[:whole])
    words.byteswap()
    return words.tobytes() + bytes(value[whole:]) if whole < len(value) else words.tobytes()
