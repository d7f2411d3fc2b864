"""Passwords of private keys: from a file or the environment, or asked for on a terminal; never an argument."""

from __future__ import annotations

import os
import sys
from getpass import getpass
from pathlib import Path

from sealgate.errors import KeyUnusable
from sealgate.files.credentials import password_from
from sealgate.signature.keys import Password


def password_of(key: object, password_file: Path | None, environment: str | None = None) -> Password:
    """Gives the password of `key`: the first line of `password_file`, an environment variable, or what is asked for.

    It is asked for once, however often it is needed. Raises, when it is asked, KeyUnusable where there is none of them,
    and UnreadableFile.
    """
    known: list[bytes] = []

    def password() -> bytes:
        if not known:
            known.append(_password(key, password_file, environment))
        return known[0]

    return password


def _password(key: object, password_file: Path | None, environment: str | None) -> bytes:
    if password_file is not None:
        return password_from(password_file, password_file)()
    if environment is not None:
        value = os.environb.get(os.fsencode(environment))
        if value is None:
            raise KeyUnusable(f"the environment has no variable {environment} with the password of {key}")
        return value
    if not sys.stdin.isatty():
        raise KeyUnusable(f"the private key {key} is encrypted; give its password with --password-file")
    return getpass(f"Password of {key}: ").encode()
