"""Reading DER that somebody else made: bounded, and with nothing but our own errors coming out."""

from __future__ import annotations

from collections.abc import Iterator, Sized
from contextlib import contextmanager
from typing import Any

from sealgate.errors import SealgateError, TimestampPart, TimestampUnreadable
from sealgate.timestamp.limits import MAX_INTEGER_BYTES

_MAX_REASON_CHARACTERS = 120


@contextmanager
def reading(part: TimestampPart) -> Iterator[None]:
    """Whatever the block finds wrong with the bytes becomes TimestampUnreadable."""
    try:
        yield
    except SealgateError:
        raise
    except Exception as error:
        # asn1crypto decodes lazily, so damage shows wherever a value is touched: as ValueError, TypeError, KeyError,
        # AttributeError, RecursionError, and others that it does not name.
        raise TimestampUnreadable(part, f"it is no DER of RFC 3161 ({_described(error)})") from error


def _described(error: Exception) -> str:
    line = str(error).partition("\n")[0]
    return printable(f"{type(error).__name__}: {line}", _MAX_REASON_CHARACTERS)


def printable(text: str, limit: int) -> str:
    """At most `limit` characters of a text by somebody else, without anything that could steer a terminal."""
    return "".join(character if character.isprintable() else " " for character in text[:limit]).strip()


def within(values: Sized, limit: int, part: TimestampPart, what: str) -> None:
    """Refuse more than `limit` values. Raises TimestampUnreadable."""
    if len(values) > limit:
        raise TimestampUnreadable(part, f"{len(values)} {what} are more than the limit of {limit}")


def integer(value: Any, part: TimestampPart, what: str) -> int:  # noqa: ANN401  # asn1crypto is not annotated
    """The number in an INTEGER. Raises TimestampUnreadable where it is beyond MAX_INTEGER_BYTES."""
    within(value.contents, MAX_INTEGER_BYTES, part, f"bytes of {what}")
    return int.from_bytes(value.contents, "big", signed=True)


def optional(value: Any) -> Any:  # noqa: ANN401  # as above
    """`value`, or None where an optional field is absent."""
    from asn1crypto import core

    return None if isinstance(value, core.Void) else value


def first_object(encoded: bytes, limit: int, part: TimestampPart) -> bytes:
    """The DER object that `encoded` begins with; what follows it, such as a pad byte, is left away.

    Raises TimestampUnreadable where there is none, or it is longer than `limit` bytes.
    """
    from asn1crypto import parser

    if len(encoded) > limit + 1:
        raise TimestampUnreadable(part, f"it has {len(encoded)} bytes, more than the limit of {limit}")
    if encoded[:1] != b"\x30":
        raise TimestampUnreadable(part, "it does not begin with a SEQUENCE of DER")
    with reading(part):
        return encoded[: parser.peek(encoded)]
