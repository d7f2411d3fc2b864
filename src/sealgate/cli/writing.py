"""Text for people: nothing in it steers a terminal, and colours stand only where a terminal shows them."""

from __future__ import annotations

import os
from typing import TextIO


def printable(cell: object) -> str:
    """`cell` as text in which nothing steers a terminal: files and peers choose names, subjects and comments."""
    if cell is None:
        return ""
    text = str(cell)
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def colours_on(stream: TextIO | None) -> bool:
    """Whether `stream` shows colours: a terminal that is not told otherwise (https://no-color.org)."""
    return (
        stream is not None and stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    )


def styled(text: str, style: str) -> str:
    """`text` with the escape sequences of a style of rich, such as "bold red"."""
    if not style:
        return text
    from rich.style import Style

    return Style.parse(style).render(text)
