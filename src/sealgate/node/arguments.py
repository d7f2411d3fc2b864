"""Arguments of the operations, as they come in JSON: which there are, of what kind, and which are required."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeAlias

from sealgate.errors import OperationRefused

MAX_TEXT_LENGTH: Final = 1000
"""Characters of a text: a reason of some sentences fits, nothing that would swell the register does."""

MAX_NUMBERS: Final = 1000
"""Ids that one call may name; the database is busy with nothing else meanwhile."""

_MAX_ID: Final = 2**63 - 1
"""SQLite's largest integer."""

Check: TypeAlias = Callable[[object], Any]
"""Returns the checked value, or raises ValueError with what it should have been."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One argument that an operation takes."""

    check: Check
    required: bool = False


def check_arguments(name: str, arguments: Mapping[str, object]) -> dict[str, Any]:
    """The arguments for the operation `name`, checked; those that are None are left out. Raises OperationRefused."""
    parameters = PARAMETERS.get(name)
    if parameters is None:
        raise OperationRefused(f"there is no operation {name!r}; the gateway and the command differ in version")
    given = {key: value for key, value in arguments.items() if value is not None}
    for key in given:
        if key not in parameters:
            raise OperationRefused(f"{name} takes no {key!r}; the gateway and the command differ in version")
    for key, parameter in parameters.items():
        if parameter.required and key not in given:
            raise OperationRefused(f"{name} needs {key}")
    return {key: _checked(key, parameters[key].check, value) for key, value in given.items()}


def _checked(key: str, check: Check, value: object) -> Any:  # noqa: ANN401 - each check has its own type
    try:
        return check(value)
    except ValueError as error:
        raise OperationRefused(f"{key} must be {error}") from error


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > MAX_TEXT_LENGTH:
        raise ValueError(f"a text of 1 to {MAX_TEXT_LENGTH} characters")
    return value.strip()


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= _MAX_ID:
        raise ValueError("a whole number from 1 on")
    return value


def _numbers(value: object) -> tuple[int, ...]:
    if not isinstance(value, list) or len(value) > MAX_NUMBERS:
        raise ValueError(f"a list of at most {MAX_NUMBERS} ids")
    return tuple(dict.fromkeys(_count(item) for item in value))


def _moment(value: object) -> datetime:
    try:
        moment = datetime.fromisoformat(_text(value))
    except ValueError as error:
        raise ValueError("a moment such as 2026-11-21T08:00:00+01:00") from error
    if moment.tzinfo is None:
        raise ValueError("a moment with its offset from UTC, such as 2026-11-21T08:00:00+01:00")
    return moment


_PERSON: Final = Parameter(check=_text, required=True)
_TEXT: Final = Parameter(check=_text)
_COUNT: Final = Parameter(check=_count)
_NUMBERS: Final = Parameter(check=_numbers)
_MOMENT: Final = Parameter(check=_moment)

PARAMETERS: Final[Mapping[str, Mapping[str, Parameter]]] = {
    "queue_list": {"destination": _TEXT, "state": _TEXT, "limit": _COUNT},
    "queue_summary": {},
    "queue_retry": {"by": _PERSON, "jobs": _NUMBERS, "destination": _TEXT, "reason": _TEXT},
    "queue_release": {"by": _PERSON, "instances": Parameter(check=_numbers, required=True), "reason": _TEXT},
    "queue_drop": {
        "by": _PERSON,
        "reason": Parameter(check=_text, required=True),
        "instances": _NUMBERS,
        "jobs": _NUMBERS,
    },
    "audit_list": {
        "sop_instance_uid": _TEXT,
        "calling_ae_title": _TEXT,
        "verdict": _TEXT,
        "since": _MOMENT,
        "until": _MOMENT,
        "limit": _COUNT,
    },
    "audit_actions": {"limit": _COUNT},
}
"""The operations that can be called from outside, each a method of `operations.Operations`."""
