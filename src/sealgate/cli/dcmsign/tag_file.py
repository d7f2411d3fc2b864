"""Tag files: the elements to be signed, as keywords or `(gggg,eeee)`, with or without blanks between them."""

from __future__ import annotations

from pathlib import Path

from sealgate.cli.dcmsign.codes import Code, Ended
from sealgate.cli.dcmsign.messages import Messages
from sealgate.cli.dcmsign.run import Run
from sealgate.cli.dcmsign.tag_names import Kind, next_token

MAX_TAG_FILE_BYTES = 4 << 20
"""The whole dictionary of DICOM has some 100 kB of keywords."""


def read_tag_file(name: str, run: Run) -> list[int]:
    """The tags in the file, in its order. Raises Ended, after it has said what is wrong."""
    text = _read(name, run.messages)
    if text is None:
        raise _given_up(name, Code.CANNOT_READ_TAG_FILE, run.messages)
    found: list[int] = []
    position = 0
    while True:
        kind, tag, position = next_token(text, position, run)
        if kind is Kind.END:
            return found
        if kind is not Kind.TAG:
            run.messages.error(f"parse error in text file '{name}'")
            raise _given_up(name, Code.SYNTAX_ERROR_IN_TAG_FILE, run.messages)
        found.append(tag)


def _read(name: str, messages: Messages) -> str | None:
    """The text up to the first NUL; None where there is none, which has been said."""
    try:
        with Path(name).open("rb") as file:
            content = file.read(MAX_TAG_FILE_BYTES + 1)
    except IsADirectoryError:
        messages.warn(f"read error in file {name}")
        return None
    except (OSError, ValueError):
        messages.error(f"file not found: {name}")
        return None
    if len(content) > MAX_TAG_FILE_BYTES:
        messages.error(f"tag file {name} has more than {MAX_TAG_FILE_BYTES} bytes")
        return None
    return content.partition(b"\0")[0].decode("latin-1")


def _given_up(name: str, code: Code, messages: Messages) -> Ended:
    messages.fatal(f"Error while reading tag file '{name}', giving up.")
    return Ended(code)
