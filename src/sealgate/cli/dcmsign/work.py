"""The work itself, step by step in dcmsign's order: read, load certificate and key, do what the command says, write."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.cli.dcmsign.codes import Code, Ended
from sealgate.cli.dcmsign.messages import Level
from sealgate.cli.dcmsign.run import Run
from sealgate.cli.dcmsign.settings import Command, Settings

if TYPE_CHECKING:
    from sealgate.cli.dcmsign.credentials import Credentials
    from sealgate.dicom.part10 import DataSet
    from sealgate.dicom.scan import Carrier
    from sealgate.dicom.splice import Edit


def perform(settings: Settings, run: Run) -> int:
    """Carry out a command line that was found to be right; the exit code. Raises Ended, and SealgateError."""
    if run.messages.level <= Level.DEBUG:
        from sealgate.cli.dcmsign.usage import IDENTIFICATION

        run.messages.debug(f"{IDENTIFICATION}\n")
    if not settings.input:
        run.messages.fatal("invalid filename: <empty string>")
        raise Ended(Code.NO_INPUT_FILES)
    run.messages.info(f"open input file {settings.input}")
    from sealgate.cli.dcmsign.reading import read

    data_set, carrier = read(settings, run)
    credentials = None
    if settings.key_file is not None:
        from sealgate.cli.dcmsign.credentials import load

        credentials = load(settings, run)
    if settings.command is Command.VERIFY:
        from sealgate.cli.dcmsign.verification import verify

        return verify(data_set, carrier, settings, run)
    edits = _edits(data_set, carrier, credentials, settings, run)
    from sealgate.cli.dcmsign.output import write

    write(data_set, carrier, edits, settings, run)
    return Code.NO_ERROR


def _edits(
    data_set: DataSet, carrier: Carrier, credentials: Credentials | None, settings: Settings, run: Run
) -> tuple[Edit, ...]:
    """What a command changes in the data set."""
    if settings.command is Command.INSERT_TIMESTAMP:
        from sealgate.cli.dcmsign.timestamp_insertion import insert

        assert settings.timestamp is not None
        return insert(carrier, settings.timestamp, run)
    if settings.command.signs:
        from sealgate.cli.dcmsign.signing import sign

        assert credentials is not None
        return sign(data_set, carrier, credentials, settings, run)
    from sealgate.cli.dcmsign.removal import remove, remove_all

    if settings.command is Command.REMOVE:
        return remove(carrier, settings.location, run)
    return remove_all(carrier, run)
