"""Passwords of encrypted private keys: from a file, or asked for on a terminal; never from the command line."""

from __future__ import annotations

import sys
from getpass import getpass
from pathlib import Path

from sealgate.errors import KeyUnusable
from sealgate.files.credentials import password_from
from sealgate.signature.keys import Password


def password_of(key: Path | None, password_file: Path | None) -> Password:
    """Gives the password of `key`: the first line of `password_file`, or what the terminal is asked for.

    Raises, when it is asked, KeyUnusable where there is neither, and UnreadableFile.
    """

    def password() -> bytes:
        if password_file is not None:
            return password_from(password_file, password_file)()
        if not sys.stdin.isatty():
            raise KeyUnusable(f"the private key {key} is encrypted; give its password with --password-file")
        return getpass(f"Password of {key}: ").encode()

    return password
