"""What the commands for operators share: which data directory, who asks, and how answers look to people."""

from __future__ import annotations

import json
import os
import pwd
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sealgate.cli.writing import printable
from sealgate.node.control import call
from sealgate.node.operations import Json

DEFAULT_DATA_DIR: Final = Path("var/data")

_PIPE_WIDTH: Final = 250
"""Columns where no terminal says how many there are: one line per row, for grep."""

_AGES: Final = ((86_400, "d"), (3_600, "h"), (60, "min"))

DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", metavar="DIR", help=f"Data directory of the gateway; {DEFAULT_DATA_DIR} if not given."),
]
Config = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="Configuration of the gateway, which names it.")
]
Limit = Annotated[int, typer.Option("--limit", metavar="N", min=1, help="Rows at most.")]
AsJson = Annotated[bool, typer.Option("--json", help="Write JSON, for programs.")]
By = Annotated[
    str | None, typer.Option("--by", metavar="NAME", help="Who does this, for the register; your login if not given.")
]


def ask(operation: str, data_dir: Path | None, config: Path | None, **arguments: Json) -> Any:  # noqa: ANN401 - JSON
    """Execute an operation on the data directory that the options name. Raises the SealgateError of what failed."""
    return call(_directory(data_dir, config), operation, arguments)


def _directory(data_dir: Path | None, config: Path | None) -> Path:
    if data_dir is not None and config is not None:
        raise typer.BadParameter("--data-dir and --config both name a data directory; give one of them")
    if config is None:
        return data_dir or DEFAULT_DATA_DIR
    from sealgate.node.config import load  # only here: most calls need no configuration

    return load(config).node.data_dir


def operator(by: str | None) -> str:
    """The person who is recorded: as given, else who is logged in, also behind sudo."""
    user = os.getuid()
    if by:
        return by
    if user == 0 and os.environ.get("SUDO_USER"):
        return os.environ["SUDO_USER"]
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"user {user}"


def write_json(value: Json) -> None:
    """Write `value` to standard output as JSON in ASCII, so that nothing a peer sent steers the terminal."""
    typer.echo(json.dumps(value, indent=2))


def write_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write rows for people to standard output; None is left blank."""
    table = Table(title=title, title_justify="left", header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    console = Console()
    if not console.is_terminal:
        console = Console(width=_PIPE_WIDTH)
    console.print(table)


def age(seconds: float | None) -> str:
    """A span of time in its largest unit, such as 3 d, 12 min or 45 s."""
    if seconds is None:
        return ""
    for size, unit in _AGES:
        if seconds >= size:
            return f"{seconds // size:.0f} {unit}"
    return f"{max(0, seconds):.0f} s"
