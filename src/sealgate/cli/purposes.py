"""`sealgate purposes`: the Digital Signature Purposes that a signature may state."""

from __future__ import annotations

import json

import typer

from sealgate.cli import options
from sealgate.signature.purposes import CODING_SCHEME_DESIGNATOR, PURPOSES


def purposes(as_json: options.AsJson = False) -> int:
    """List the purposes that a signature may state (PS3.16 CID 7007), for sealgate sign --purpose.

    Exit codes: 0, always.

    Example: sealgate purposes
    """
    if as_json:
        listed = [
            {"code": one.code, "coding_scheme_designator": CODING_SCHEME_DESIGNATOR, "meaning": one.meaning}
            for one in PURPOSES.values()
        ]
        typer.echo(json.dumps(listed, indent=2))
        return 0
    for one in PURPOSES.values():
        typer.echo(f"{one.code:2} {one.meaning}")
    return 0
