"""`sealgate dcmsign`: what stands in for DCMTK's dcmsign, option for option, message for message, code for code.

Nothing here imports more than the command that is asked for needs: a single small file is signed or verified in little
more time than the interpreter takes to start. What is judged otherwise than dcmsign does, and why, is in
docs/dcmsign.md.
"""

from __future__ import annotations


def main(argv: list[str]) -> int:
    """Run `sealgate dcmsign` with the arguments `argv` (the program's name aside) and return its exit code.

    Messages go to standard error; it never raises SealgateError and never ends the process itself.
    """
    from sealgate.cli.dcmsign.program import run

    return run(argv)
