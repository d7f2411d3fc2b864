"""Plain command lines, read from the same declarations as Typer reads them, but without it.

For every parameter Typer builds a validator of pydantic's, which to import takes longer than to sign a file. Nearly all
command lines are plain: words, and options that stand in the table, with values that fit. They are read here. Whatever
else there is, such as a mistake or `--help`, is left to Typer, whose words for it are good.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import typer
from typer.models import ArgumentInfo, OptionInfo

_NUMBER = re.compile(r"[0-9]{1,9}")
_KINDS = (str, int, bool, Path)
_OF_NO_MATTER = frozenset("default param_decls metavar help hidden show_default min max rich_help_panel".split())
"""What may be said about a parameter without a consequence for plain values, or with one that is seen to here."""
_PLAIN_OPTION, _PLAIN_ARGUMENT = typer.Option(), typer.Argument()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parameter:
    """One parameter of a command."""

    name: str
    type: type
    is_list: bool
    is_required: bool
    info: OptionInfo | ArgumentInfo

    @property
    def switches(self) -> dict[str, bool]:
        """What sets an option; of a flag with the value that it sets."""
        declared = declared_names(self.info)
        if declared:
            return dict.fromkeys(declared, True)
        name = self.name.replace("_", "-")
        return {f"--{name}": True, f"--no-{name}": False} if self.type is bool else {f"--{name}": True}

    def value(self, text: str) -> Any:  # noqa: ANN401 (of the type of the parameter)
        """The value of `text`. Raises ValueError where Typer has to say what is wrong with it."""
        if self.type is int:
            least, most = self.info.min, self.info.max
            if not _NUMBER.fullmatch(text):
                raise ValueError(text)
            number = int(text)
            if (least is not None and number < least) or (most is not None and number > most):
                raise ValueError(text)
            return number
        return self.type(text)


def call(function: Callable[..., object], arguments: Sequence[str]) -> tuple[object] | None:
    """Call the command `function` with `arguments` if they are plain; what it returned in a tuple, or None.

    Raises what `function` raises.
    """
    parameters = _parameters(function)
    values = None if parameters is None else _values(parameters, arguments)
    return None if values is None else (function(**values),)


def _parameters(function: Callable[..., object]) -> list[_Parameter] | None:
    """The parameters of a command; None where one of them is more than this module knows about."""
    hints = get_type_hints(function, include_extras=True)
    found = []
    for name, declared in inspect.signature(function).parameters.items():
        annotation, *metadata = get_args(hints[name]) or (hints[name],)
        infos = [info for info in metadata if isinstance(info, OptionInfo | ArgumentInfo)]
        alternatives = [one for one in _alternatives(annotation) if one is not NoneType]
        is_required = declared.default is inspect.Parameter.empty
        kind: Any = alternatives[0]
        is_list = get_origin(kind) is list
        if is_list:
            (kind,) = get_args(kind)
        is_known = kind in _KINDS or (isinstance(kind, type) and issubclass(kind, Enum))
        if len(infos) != 1 or len(alternatives) != 1 or not is_known or not _is_plain(infos[0]):
            if is_required or not infos or isinstance(infos[0], ArgumentInfo):
                return None
            continue  # an option that Typer has to look at, if it is given
        found.append(_Parameter(name=name, type=kind, is_list=is_list, is_required=is_required, info=infos[0]))
    return found


def declared_names(info: OptionInfo | ArgumentInfo) -> tuple[str, ...]:
    """The switches that a declaration names; the first one stands where Typer once had the default."""
    first = () if info.default is ... else (str(info.default),)
    return (*first, *(info.param_decls or ()))


def _alternatives(annotation: object) -> tuple[object, ...]:
    return get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)


def _is_plain(info: OptionInfo | ArgumentInfo) -> bool:
    plain = vars(_PLAIN_OPTION if isinstance(info, OptionInfo) else _PLAIN_ARGUMENT)
    names = declared_names(info)
    return all(value == plain[key] for key, value in vars(info).items() if key not in _OF_NO_MATTER) and all(
        re.fullmatch(r"--?[a-z0-9-]+", name) for name in names
    )


def _values(parameters: Sequence[_Parameter], arguments: Sequence[str]) -> dict[str, Any] | None:
    """The values of the parameters that `arguments` set; None where Typer has to look at them."""
    options = {
        switch: (parameter, sets)
        for parameter in parameters
        if isinstance(parameter.info, OptionInfo)
        for switch, sets in parameter.switches.items()
    }
    values: dict[str, Any] = {}
    words: list[str] = []
    rest = iter(arguments)
    try:
        for argument in rest:
            switch, given, text = argument.partition("=")
            if not argument.startswith("-") or argument == "-":
                words.append(argument)
            elif switch not in options or (given and not switch.startswith("--")):
                return None
            else:
                parameter, sets = options[switch]
                if parameter.type is bool:
                    if given:
                        return None
                    values[parameter.name] = sets
                    continue
                if not given:
                    text = next(rest, "")
                if not text or (text.startswith("-") and text != "-"):
                    return None
                _set(values, parameter, text)
        _set_words(values, [one for one in parameters if isinstance(one.info, ArgumentInfo)], words)
    except ValueError:
        return None
    return None if any(one.is_required and one.name not in values for one in parameters) else values


def _set(values: dict[str, Any], parameter: _Parameter, text: str) -> None:
    if parameter.is_list:
        values.setdefault(parameter.name, []).append(parameter.value(text))
    else:
        values[parameter.name] = parameter.value(text)


def _set_words(values: dict[str, Any], parameters: Sequence[_Parameter], words: Sequence[str]) -> None:
    """Give words to arguments in order, the last of which may take several. Raises ValueError where they do not fit."""
    for position, parameter in enumerate(parameters):
        if parameter.is_list and position < len(parameters) - 1:
            raise ValueError("a list in front of another argument")
        for word in words[position:] if parameter.is_list else words[position : position + 1]:
            _set(values, parameter, word)
    if len(words) > len(parameters) and not (parameters and parameters[-1].is_list):
        raise ValueError("too many words")
