"""Plain command lines are read as Typer reads them, and every other one is left to Typer."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st

from sealgate.cli.app import COMMANDS
from sealgate.cli.plain import call, declared_names

FUNCTIONS = {
    command.name: loaded
    for command in COMMANDS
    if command.name in ("sign", "verify", "remove", "inspect", "purposes", "send", "echo")
    if not isinstance(loaded := command.load(), typer.Typer) and callable(loaded)
}


class Colour(StrEnum):
    RED = "red"
    DARK_BLUE = "dark-blue"


def everything(
    words: Annotated[list[str], typer.Argument()],
    path: Annotated[Path | None, typer.Option(metavar="FILE")] = None,
    many: Annotated[list[str] | None, typer.Option()] = None,
    numbers: Annotated[list[int] | None, typer.Option("--number", "-n", min=1, max=18)] = None,
    colour: Annotated[Colour, typer.Option()] = Colour.RED,
    flag: Annotated[bool, typer.Option("--flag", "-f")] = False,
    both: Annotated[bool, typer.Option()] = True,
) -> None:
    """A command with parameters of each kind."""


def two(first: Annotated[Path, typer.Argument()], second: Annotated[str, typer.Argument()] = "b") -> None:
    """A command with two words, one of them optional."""


FUNCTIONS |= {"everything": everything, "two": two}


def recording(function: Callable[..., object]) -> Callable[..., object]:
    """A function that is declared as `function` is, and returns what it was called with."""

    def record(**values: Any) -> dict[str, Any]:
        return values

    hints = get_type_hints(function, include_extras=True)
    signature = inspect.signature(function)
    parameters = [one.replace(annotation=hints[name]) for name, one in signature.parameters.items()]
    record.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    record.__annotations__ = hints
    return record


@cache
def typer_of(name: str) -> typer.Typer:
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command(name)(recording(FUNCTIONS[name]))
    app.callback()(lambda: None)
    return app


def by_typer(name: str, arguments: list[str]) -> dict[str, Any] | None:
    try:
        values: dict[str, Any] = typer_of(name)([name, *arguments], standalone_mode=False)
    except typer.TyperException:
        return None
    return values


def plainly(name: str, arguments: list[str]) -> dict[str, Any] | None:
    called = call(recording(FUNCTIONS[name]), arguments)
    if called is None:
        return None
    (values,) = called
    assert isinstance(values, dict)
    parameters = inspect.signature(FUNCTIONS[name]).parameters.items()
    defaults = {key: one.default for key, one in parameters if one.default is not inspect.Parameter.empty}
    return defaults | values


def normal(values: dict[str, Any] | None) -> dict[str, Any] | None:
    """With nothing as nothing: Typer gives an empty list or tuple where no option was given, a call its default."""
    if values is None:
        return None
    return {key: None if value in ((), []) else list(value) if isinstance(value, tuple) else value
            for key, value in values.items()}  # fmt: skip


SWITCHES = {
    name: sorted(
        {
            switch
            for parameter, hint in get_type_hints(function, include_extras=True).items()
            if parameter != "return"
            for switch in (
                *(decl for info in hint.__metadata__ for decl in declared_names(info)),
                "--" + parameter.replace("_", "-"),
                "--no-" + parameter.replace("_", "-"),
            )
        }
    )
    for name, function in FUNCTIONS.items()
}
VALUES = [
    "a.dcm",
    "-",
    "x y",
    "7",
    "0",
    "19",
    "-3",
    "",
    "explicit-le",
    "red",
    "RED",
    "dark-blue",
    "none",
    "kept",
    "1.5",
]
JUNK = [
    "--",
    "--nothing",
    "-x",
    "--help",
    "-nf",
    "--flag=1",
    "--colour=red",
    "--number=3",
    "-n3",
    "-n=3",
    "--many=",
    "=",
]


@given(st.data())
@settings(deadline=None, max_examples=300)
def test_what_is_read_plainly_is_read_by_typer_in_the_same_way(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(FUNCTIONS)))
    piece = st.one_of(
        st.tuples(st.sampled_from(SWITCHES[name]), st.sampled_from(VALUES)),
        st.tuples(st.sampled_from(SWITCHES[name])),
        st.tuples(st.sampled_from(VALUES)),
        st.tuples(st.sampled_from(JUNK)),
    )
    arguments = [word for words in data.draw(st.lists(piece, max_size=5)) for word in words]
    plain = plainly(name, arguments)
    if plain is not None:
        assert normal(plain) == normal(by_typer(name, arguments)), arguments


@pytest.mark.parametrize("name", ["sign", "verify", "remove", "inspect"])
def test_the_commands_that_have_to_start_quickly_are_read_plainly(name: str) -> None:
    assert plainly(name, ["a.dcm", "b.dcm"]) is not None


def test_values_of_each_kind_are_read() -> None:
    line = "a - --path p --many x --many y -n 3 --number=18 --colour dark-blue -f --no-both b".split()
    values = plainly("everything", line)
    assert values == by_typer("everything", line)
    assert values is not None
    assert values["words"] == ["a", "-", "b"]
    assert (values["path"], values["numbers"], values["colour"]) == (Path("p"), [3, 18], Colour.DARK_BLUE)
    assert (values["flag"], values["both"], values["many"]) == (True, False, ["x", "y"])
    assert plainly("two", ["x"]) == by_typer("two", ["x"]) == {"first": Path("x"), "second": "b"}


@pytest.mark.parametrize(
    "line",
    [
        "",
        "--help",
        "a --foo",
        "a -n",
        "a -n 0",
        "a -n 19",
        "a -n x",
        "a --colour green",
        "a --path",
        "a -- -b",
        "a -fn 3",
    ],
)
def test_whatever_is_not_plain_is_left_to_typer(line: str) -> None:
    assert plainly("everything", line.split()) is None
    assert plainly("two", ["a", "b", "c"]) is None


def test_parameters_of_other_kinds_are_left_to_typer() -> None:
    def with_callback(word: Annotated[str, typer.Argument(callback=lambda value: value)]) -> None:
        """Not plain."""

    def with_environment(word: Annotated[str, typer.Option(envvar="X")]) -> None:
        """Not plain."""

    def with_existing_file(word: Annotated[Path, typer.Argument(exists=True)]) -> None:
        """Not plain."""

    def with_fraction(word: Annotated[float, typer.Argument()]) -> None:
        """Not plain."""

    for function in (with_callback, with_environment, with_existing_file, with_fraction):
        function.__globals__.setdefault("Annotated", Annotated)
        assert call(function, ["a"]) is None
