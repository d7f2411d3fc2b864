"""Tags as dcmsign reads them from a command line, a file or a location: in hexadecimal, or as keyword."""

from __future__ import annotations

import re
from enum import Enum
from typing import NamedTuple

from sealgate.cli.dcmsign.run import Run
from sealgate.dicom.dictionary import Dictionary

_NUMBERS = re.compile(r"\s*([+-]?(?:0[xX])?[0-9A-Fa-f]+),\s*([+-]?(?:0[xX])?[0-9A-Fa-f]+)")
"""What `sscanf("%x,%x")` takes; anything may follow."""
_INDEX = re.compile(r"\[([0-9]*)\]")
_KEYWORD = re.compile(r"[A-Za-z0-9]*")
_BLANKS = re.compile(r"[ \t\n\v\f\r]*")


class Kind(Enum):
    """What a token of a location or tag file is."""

    END = "end of text"
    TAG = "tag"
    INDEX = "index"
    PERIOD = "period"
    WRONG = "none of these"


class Token(NamedTuple):
    """A token, the number in it, and where the next one begins."""

    kind: Kind
    number: int
    next: int


def tag_of(text: str, dictionary: Dictionary) -> int | None:
    """The tag of `gggg,eeee` (1 to 4 digits each, anything behind) or of a name; None where it is neither."""
    return _tag_of_numbers(text) if _NUMBERS.match(text) else dictionary.tag(text)


def _tag_of_numbers(text: str) -> int | None:
    match = _NUMBERS.match(text)
    if match is None:
        return None
    group, number = (int(half, 16) & 0xFFFF for half in match.groups())
    return group << 16 | number


def next_token(text: str, position: int, run: Run) -> Token:
    """The token that begins at `position` or behind blanks there; an unknown keyword is complained about."""
    blanks = _BLANKS.match(text, position)
    start = blanks.end() if blanks is not None else position
    if start >= len(text):
        return Token(Kind.END, 0, start)
    if text[start] == ".":
        return Token(Kind.PERIOD, 0, position + 1)  # dcmsign counts from before the blanks, so none may stand there
    if text[start] == "[":
        index = _INDEX.match(text, start)
        if index is None or not index[1]:
            return Token(Kind.WRONG, 0, start)
        return Token(Kind.INDEX, int(index[1]), index.end())
    if text[start] == "(":
        end = text.find(")", start)
        tag = _tag_of_numbers(text[start + 1 : end]) if end >= 0 else None
        return Token(Kind.WRONG, 0, start) if tag is None else Token(Kind.TAG, tag, end + 1)
    word = _KEYWORD.match(text, start)
    keyword = word[0] if word is not None else ""
    tag = run.dictionary.tag(keyword)
    if tag is None:
        run.messages.error(f"attribute name '{keyword}' unknown.")
        return Token(Kind.WRONG, 0, start)
    return Token(Kind.TAG, tag, start + len(keyword))
