"""What dcmsign writes to standard output: usage text, version, list of purposes; and the head of usage errors."""

from __future__ import annotations

from collections.abc import Iterator

from sealgate import __version__
from sealgate.cli.dcmsign.options import GROUPS, Option

IDENTIFICATION = f"$sealgate: dcmsign v{__version__} $"
ABSTRACT = "dcmsign: Sign and Verify DICOM Files"

_SHORT_COLUMNS = 4
_LONG_COLUMNS = 21
_PARAMETER_COLUMNS = 29


def header() -> str:
    """Who speaks."""
    return f"{IDENTIFICATION}\n\n{ABSTRACT}\n"


def usage() -> str:
    """The usage text."""
    return (
        f"{header()}usage: dcmsign [options] dcmfile-in [dcmfile-out]\n\nparameters:\n"
        f"  {'dcmfile-in':{_PARAMETER_COLUMNS}}  DICOM file to be read (- for standard input)\n"
        f"  {'dcmfile-out':{_PARAMETER_COLUMNS}}  DICOM file to be written (- for standard output)\n\n"
        + "".join(f"{line}\n" for line in _option_lines())
        + "\n"
    )


def _option_lines() -> Iterator[str]:
    for group in GROUPS:
        yield f"{'  ' if group.is_sub else ''}{group.heading}"
        for option in group.options:
            yield from _lines(option, is_sub=group.is_sub)


def _lines(option: Option, *, is_sub: bool) -> Iterator[str]:
    """One option: spellings in columns that end at the same place in groups and subgroups."""
    indent, short = ("    ", _SHORT_COLUMNS) if is_sub else ("  ", _SHORT_COLUMNS + 2)
    start = f"{indent}{option.short:{short}}  {option.long:{_LONG_COLUMNS}}"
    texts = (*((option.described,) if option.described else ()), *option.text)
    for text in texts:
        yield f"{start}  {text}".rstrip()
        start = " " * len(start)


def version() -> str:
    """The version, and the libraries that do the cryptography."""
    import zlib

    from cryptography.hazmat.backends.openssl import backend

    return (
        f"{header()}\nA drop-in replacement for dcmsign of DCMTK 3.6.7\n\nExternal libraries used:\n"
        f"- ZLIB, Version {zlib.ZLIB_RUNTIME_VERSION}\n- {backend.openssl_version_text()}, with ECDSA support\n"
    )


def purposes() -> str:
    """The list of purposes of signatures (CID 7007)."""
    from sealgate.signature.purposes import PURPOSES

    lines = "".join(f"  {code:2}: {purpose.meaning}\n" for code, purpose in sorted(PURPOSES.items()))
    return f"{header()}\nDigital Signature Purpose Codes:\n{lines}\n"
