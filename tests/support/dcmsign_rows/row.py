"""A row of the table of command lines, and what most rows begin with.

A row is one or more command lines, run in turn in one folder with the files of `dcmsign_scene`. `{item}`, `{first}` and
`{second}` are the UIDs of the signatures in r3.dcm. Where we differ on purpose the row says why, and what we do.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row."""

    name: str
    steps: tuple[str, ...]
    """Arguments, without the program."""
    why: str = ""
    """Why we do otherwise; empty where we do the same."""
    code: int = 0
    """Our exit code of the last step, where `why` is given."""
    says: str = ""
    """What our messages of the last step contain, where `why` is given."""
    notes: str = ""
    """What we say of a signature beyond what dcmsign says; empty: nothing but what is not signed."""
    process: bool = False
    """Whether ours runs as a program of its own."""
    stdin: str = ""
    """File of the scene that is standard input; empty: nothing is."""
    reader: bool = False
    """Whether the input is damaged, so that the words of the two readers about the damage may differ."""

    def __str__(self) -> str:
        return self.name

    def arguments(self, uids: dict[str, str]) -> list[list[str]]:
        """The words of each step."""
        return [shlex.split(step.format(**uids)) for step in self.steps]


def same(name: str, *steps: str, **more: object) -> Row:
    """A row in which we do what dcmsign does."""
    return Row(name=name, steps=steps, **more)  # type: ignore[arg-type]


def differs(name: str, *steps: str, why: str, code: int, says: str, **more: object) -> Row:
    """A row in which we differ on purpose."""
    return Row(name=name, steps=steps, why=why, code=code, says=says, **more)  # type: ignore[arg-type]


SIGN = "+s signer.key signer.pem +m2"
CHECK = "--verify +cf root.pem"
