"""Which files a command reads, and where the result of each goes; settled before anything is written."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import typer

from sealgate.errors import ConfigurationError, UnreadableFile, UnwritableFile
from sealgate.files.dicom_files import Found, found, is_folder

STANDARD: Final = "-"
"""Standard input as an input, standard output as an output."""

_WHERE: Final = "say where the results go: IN OUT, or --output FILE, --output-dir DIR or --in-place"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs:
    """Where results go, as the options say it."""

    output: str | None = None
    output_dir: Path | None = None
    in_place: bool = False

    def target(self, file: Found) -> Path:
        """Where the result of a file goes."""
        if self.in_place:
            return Path(os.path.realpath(file.path))
        if self.output_dir is not None:
            return self.output_dir / file.relative
        assert self.output is not None
        return Path(self.output)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Inputs, and where their results go."""

    files: Sequence[Found]
    outputs: Outputs = field(default=Outputs())

    @property
    def to_standard_output(self) -> bool:
        """Whether the result goes to standard output."""
        return self.outputs.output == STANDARD

    def name_of_target(self, file: Found) -> str:
        """What messages call the place to which the result of a file goes."""
        if self.outputs.in_place and not file.path.is_symlink():
            return str(file.path)  # as it was given
        return STANDARD if self.to_standard_output else str(self.outputs.target(file))

    def folders(self) -> set[Path]:
        """The folders that results are in."""
        return set() if self.to_standard_output else {self.outputs.target(file).parent for file in self.files}


def inputs(arguments: Sequence[str]) -> list[Found]:
    """The files behind the arguments of a command that only reads.

    Raises UnreadableFile where there is none: an empty folder must not look like one in which all is well.
    """
    # A file that is named twice, or beside the folder that it is in, is one file.
    files = list(dict.fromkeys(found(Path(argument) for argument in arguments)))
    if not files:
        raise UnreadableFile(", ".join(arguments), "there is no file in it")
    return files


def plan(arguments: Sequence[str], outputs: Outputs) -> Plan:
    """What a command reads and writes: IN OUT, or any number of inputs with an option that says where.

    Raises ConfigurationError, UnreadableFile, and UnwritableFile where a result would overwrite an input or another.
    """
    chosen = [outputs.output is not None, outputs.output_dir is not None, outputs.in_place].count(True)
    if chosen > 1:
        raise typer.BadParameter("--output, --output-dir and --in-place exclude each other")
    if chosen == 0:
        if len(arguments) != 2:
            raise typer.BadParameter(_WHERE)
        source = Path(arguments[0])
        if is_folder(source):
            raise UnreadableFile(source, "it is a folder; give --output-dir or --in-place to take the files in it")
        files = [Found(path=source, relative=Path(source.name))]
        outputs = Outputs(output=arguments[1])
    else:
        files = inputs(arguments)
    if outputs.output is not None and len(files) != 1:
        raise ConfigurationError(f"one output file cannot take the results of {len(files)} files; give --output-dir")
    if outputs.output != STANDARD:
        _refuse_unfit(outputs.output)
        _refuse_collisions(files, outputs)
    return Plan(files=files, outputs=outputs)


def refuse_overwriting(
    results: Iterable[Path | None], files: Sequence[Found], read: Iterable[Path | None] = ()
) -> None:
    """Files that a command writes beside its results may be none that it reads. Raises UnwritableFile."""
    taken = {_identity(path) for path in (*(file.path for file in files), *read) if path is not None} - {None}
    for result in results:
        if result is not None and _identity(result) in taken:
            raise UnwritableFile(result, "it is one of the files that are read; name another one")


def _refuse_unfit(output: str | None) -> None:
    """What is clear before any work is done. Raises UnwritableFile."""
    if output is None:
        return
    target = Path(output)
    if is_folder(target):
        raise UnwritableFile(target, "it is a folder; name a file, or give --output-dir")
    if not target.parent.exists():
        raise UnwritableFile(target, f"there is no folder {target.parent}")


def _refuse_collisions(files: Sequence[Found], outputs: Outputs) -> None:
    """No two results may have one path, and only --in-place may overwrite an input."""
    if any(str(file.path) == STANDARD for file in files):
        if outputs.output is None:
            raise ConfigurationError("what comes from standard input needs an output: give OUT or --output FILE")
        return
    refuse_sharing(files, outputs)
    sources = set() if outputs.in_place else {_identity(file.path) for file in files} - {None}
    for file in files:
        target = outputs.target(file)
        if sources and _identity(target) in sources:
            raise UnwritableFile(target, "it is the input itself; name another output file")


def refuse_sharing(files: Iterable[Found], outputs: Outputs) -> None:
    """No two results may have one path. Raises UnwritableFile."""
    taken: dict[Path, Path] = {}
    for file in files:
        target = outputs.target(file)
        other = taken.setdefault(target, file.path)
        if other != file.path:
            raise UnwritableFile(target, f"it would take the results of both {other} and {file.path}")


def _identity(path: Path) -> tuple[int, int] | None:
    """What tells a file from all others, whatever links lead to it; None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
