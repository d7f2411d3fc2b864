"""Passwords of keys, tokens and users: from a file or the environment, or asked for; never an argument."""

from __future__ import annotations

import os
import sys
from getpass import getpass
from pathlib import Path

from sealgate.errors import KeyUnusable
from sealgate.files.credentials import password_from
from sealgate.signature.keys import Password

FILE_OR_ENVIRONMENT = "--password-file or --password-env"
"""What the commands that have both call them."""


def password_of(
    key: object, password_file: Path | None, environment: str | None = None, *, option: str = "--password-file"
) -> Password:
    """Gives the password of `key`: the first line of `password_file`, an environment variable, or what is asked for.

    It is asked for once, however often it is needed. Raises, when it is asked, KeyUnusable where there is none of them,
    with the `option` that gives one, and UnreadableFile.
    """
    known: list[bytes] = []

    def password() -> bytes:
        if not known:
            known.append(_password(key, password_file, environment, option))
        return known[0]

    return password


def _password(key: object, password_file: Path | None, environment: str | None, option: str) -> bytes:
    if password_file is not None:
        return password_from(password_file, password_file)()
    if environment is not None:
        value = os.environb.get(os.fsencode(environment))
        if value is None:
            raise KeyUnusable(f"the environment has no variable {environment} with the password of {key}")
        return value
    if sys.stdin is None or not sys.stdin.isatty():
        raise KeyUnusable(f"{key} needs a password or PIN, and there is no terminal to ask at; give {option}")
    return typed(f"Password of {key}: ")


def typed(prompt: str) -> bytes:
    """What is typed at the terminal without being shown. Raises KeyUnusable where the input ends before."""
    try:
        return getpass(prompt).encode()
    except EOFError as error:
        raise KeyUnusable("no password was typed") from error
