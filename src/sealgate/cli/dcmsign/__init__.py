"""`sealgate dcmsign`: what stands in for DCMTK's dcmsign, option for option, message for message, code for code.

Nothing here imports more than the command that is asked for needs: a single small file is signed or verified in little
more time than the interpreter takes to start. What is judged otherwise than dcmsign does, and why, is in
docs/dcmsign.md.

`program` is the way through it; every step is imported when its turn comes.

- The command line: `options` is the table, `usage` shows it, `command_line` makes options of words, and `settings`
  makes of options what is to be done, with `logging_options`, `tag_file`, `tag_names` and `trust_files`.
- What all steps share: `run`, with `messages` and `dictionaries`; `codes` are the exit codes.
- Input and output: `reading`, `output`, `syntax_names`.
- The commands: `signing` with `credentials` and `placing`, `removal`, `timestamp_insertion`, `verification`.
- What a verification asks: `selected` gathers a signature and what belongs to it, `judgement` with `dates` says whether
  it is good, `chain` whether its signer is known, `timestamp_verification` the same of its timestamp, and `policies`
  whether it is of the kind that is required. `verdicts` are the words, `details` is what is shown beside them.
- Certificates, read without the parsers that take longest to load: `certificate`, `public_key`, `der`.
"""

from __future__ import annotations


def main(argv: list[str]) -> int:
    """Run `sealgate dcmsign` with the arguments `argv` (the program's name aside) and return its exit code.

    Messages go to standard error; it never raises SealgateError and never ends the process itself.
    """
    from sealgate.cli.dcmsign.program import run

    return run(argv)
