"""The words of a command line of dcmsign: command files expanded, options told from parameters, rightmost wins."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from sealgate.cli.dcmsign.options import Option, all_options

MAX_COMMAND_FILE_BYTES = 1 << 20
"""A command file holds options; what is larger is some other file, named by mistake."""

MAX_PARAMETERS = 2
"""The input and the output."""

_EXCLUSIVE = frozenset({"--help", "--version", "--list-purposes"})
"""Options that do their work and end the run, whatever parameters there are."""


class UsageError(Exception):
    """The command line is wrong; str() is what follows `error: ` in the message."""


class Occurrence(NamedTuple):
    """An option that stands on the command line."""

    long: str
    values: tuple[str, ...]


class Arguments:
    """A command line that was taken apart."""

    def __init__(self, words: Sequence[str], parameters: Sequence[str], occurrences: Sequence[Occurrence]) -> None:
        self.words = words
        """Every word, options in their long spelling."""
        self.parameters = parameters
        self._occurrences = occurrences

    @property
    def is_exclusive(self) -> bool:
        """Whether an option is there that ends the run at once."""
        return any(occurrence.long in _EXCLUSIVE for occurrence in self._occurrences)

    def has(self, long: str) -> bool:
        """Whether the option stands anywhere."""
        return any(occurrence.long == long for occurrence in self._occurrences)

    def from_right(self, long: str) -> Iterator[Occurrence]:
        """Every occurrence of an option that may be repeated; dcmsign takes the last one first."""
        return (occurrence for occurrence in reversed(self._occurrences) if occurrence.long == long)

    def block(self, alternatives: Iterable[str]) -> Iterator[Occurrence]:
        """Occurrences of alternative options that dcmsign looks at, of which the last one stays.

        It asks for one alternative after the other, and finds the rightmost occurrence of each that stands to the
        right of the one found before. So an alternative to the left may still be evaluated, and complained about.
        """
        found = -1
        for long in alternatives:
            for position in range(len(self._occurrences) - 1, found, -1):
                if self._occurrences[position].long == long:
                    found = position
                    yield self._occurrences[position]
                    break


def expanded(words: Iterable[str]) -> list[str]:
    """`words` with each `@file` replaced by the words of that file, which are not expanded again. Raises UsageError."""
    result: list[str] = []
    for word in words:
        if len(word) < 2 or word[0] != "@":
            result.append(word)
            continue
        name = word[1:]
        try:
            with Path(name).open("rb") as file:
                content = file.read(MAX_COMMAND_FILE_BYTES + 1)
        except (OSError, ValueError) as error:
            raise UsageError(f"Cannot open command file '{name}'") from error
        if len(content) > MAX_COMMAND_FILE_BYTES:
            raise UsageError(f"command file '{name}' has more than {MAX_COMMAND_FILE_BYTES} bytes")
        result.extend(_words_of(content.decode("utf-8", "surrogateescape")))
    return result


def _words_of(text: str) -> Iterator[str]:
    """Words between blanks; a quotation mark opens a quotation anywhere, and closing it ends the word."""
    word, quote = "", ""
    for character in text:
        if character == quote:
            yield word
            word, quote = "", ""
        elif not quote and character in "\"'":
            quote = character
        elif not quote and character in " \t\r\n":
            if word:
                yield word
            word = ""
        else:
            word += character
    if word:
        yield word


def parse(words: Sequence[str]) -> Arguments:
    """Tell options and their values from parameters. Raises UsageError in dcmsign's words."""
    known: dict[str, Option] = {}
    for option in all_options():
        known[option.long] = option
        if option.short:
            known[option.short] = option
    every: list[str] = []
    parameters: list[str] = []
    occurrences: list[Occurrence] = []
    position = 0
    while position < len(words):
        word = words[position]
        position += 1
        if not _is_option(word):
            every.append(word)
            parameters.append(word)
            continue
        found = known.get(word)
        if found is None:
            raise UsageError(f"Unknown option {word}")
        values = tuple(words[position : position + found.values])
        if len(values) < found.values:
            raise UsageError(f"Missing value for option {found.long}")
        position += found.values
        every.extend((found.long, *values))
        occurrences.append(Occurrence(found.long, values))
    arguments = Arguments(every, parameters, occurrences)
    if not arguments.is_exclusive:
        if not parameters:
            raise UsageError("Missing parameter dcmfile-in")
        if len(parameters) > MAX_PARAMETERS:
            raise UsageError("Too many parameters")
    return arguments


def _is_option(word: str) -> bool:
    """A word that begins with a sign; a number is none, and neither is a sign alone, which names a standard stream."""
    return len(word) > 1 and word[0] in "+-" and not "0" <= word[1] <= "9"
