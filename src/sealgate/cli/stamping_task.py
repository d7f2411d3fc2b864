"""The work of `sealgate timestamp` over several files: what was done, what went wrong, and how both are said."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer

from sealgate.cli.exit_codes import ExitCode, exit_code_of, gravest
from sealgate.cli.writing import printable
from sealgate.errors import (
    ConfigurationError,
    NetworkError,
    NotDicom,
    SealgateError,
    SignatureNotFound,
    TimestampError,
    UnreadableFile,
)
from sealgate.files.dicom_files import Found
from sealgate.files.writing import make_folder, write_whole
from sealgate.library.sources import Opened, opened
from sealgate.library.stamping import Requested, Stamp, Stamped, has_signatures


@contextmanager
def about(path: Path) -> Iterator[None]:
    """Errors about timestamps and signatures name the file they are about."""
    try:
        yield
    except (TimestampError, SignatureNotFound) as error:
        # The leaf stays what it is, with its attributes; only its sentence says more.
        error.args = (f"{path}: {error}",)
        raise


class Task:
    """What one command does to its files."""

    def __init__(self, *, as_json: bool) -> None:
        """With `as_json` the command says nothing to people on standard output."""
        self._as_json = as_json
        self._files: list[dict[str, Any]] = []
        self._codes: set[ExitCode] = set()

    def over(self, files: Iterable[Found], work: Callable[[Found], None]) -> int:
        """Do `work` to each file and return the exit code; what goes wrong with one does not keep from the others.

        A network that fails does, and so does a wrong option.
        """
        for one in files:
            try:
                with about(one.path):
                    work(one)
            except ConfigurationError:
                raise
            except SealgateError as error:
                self._failed(one.path, exit_code_of(error), str(error))
                if isinstance(error, NetworkError):
                    break
        return self.finish()

    def opened(self, one: Found) -> Opened | None:
        """The data set of a file; None where there is nothing to do in it, which is said unless it was only walked by.

        Raises InputError, StorageError.
        """
        try:
            given = opened(one.path)
        except UnreadableFile as error:
            if one.walked and isinstance(error.__cause__, NotDicom):
                return None
            raise
        with given.naming():
            is_signed = has_signatures(given)
        if is_signed:
            return given
        if not one.walked:
            self._failed(one.path, ExitCode.NO_SUCH_SIGNATURE, f"{one.path} has no signature; sign it first")
        return None

    def asked(self, path: Path, wanted: Requested, query: Path, uid_file: Path) -> None:
        """Note a query that was written."""
        uid = wanted.request.digital_signature_uid
        described = self._of(path)
        described["outcome"] = "requested"
        described["signatures"].append(
            {
                "digital_signature_uid": uid,
                "location": str(wanted.location),
                "query": str(query),
                "uid_file": str(uid_file),
            }
        )
        self._say(f"{path}: {query} asks for a timestamp of signature {uid}")

    def nothing(self, path: Path) -> None:
        """Note that all signatures of a file have a timestamp already."""
        self._of(path)
        self._say(f"{path}: every signature has a timestamp already")

    def write(self, path: Path, target: Path | None, result: Stamped) -> None:
        """Write a file with its timestamps to `target`; a file to which nothing was done is not written over itself.

        Raises UnwritableFile.
        """
        assert target is not None
        in_place = path.exists() and target.exists() and target.samefile(path)
        if result.stamps or not in_place:
            make_folder(target.parent)
            write_whole(target, result.given.spliced(()), like=path if in_place else None)
        described = self._of(path)
        described["output"] = str(target)
        described["outcome"] = "stamped" if result.stamps else "unchanged"
        described["signatures"] += [_as_json(stamp) for stamp in result.stamps]
        for stamp in result.stamps:
            for warning in stamp.warnings:
                self._complain(f"{path}: warning: {warning}")
            said = f"timestamp of {stamp.token.gen_time:%Y-%m-%d %H:%M:%S} UTC"
            self._say(f"{target}: {said} in signature {stamp.digital_signature_uid}")
        if not result.stamps:
            self.nothing(path)

    def finish(self) -> int:
        """Write what was done as JSON, if that is wanted, and return the exit code."""
        if self._as_json:
            typer.echo(json.dumps(self._files, indent=2))
        return gravest(self._codes)

    def _of(self, path: Path) -> dict[str, Any]:
        if not self._files or self._files[-1]["path"] != str(path):
            self._files.append({"path": str(path), "outcome": "unchanged", "exit_code": ExitCode.OK, "signatures": []})
        return self._files[-1]

    def _failed(self, path: Path, code: ExitCode, sentence: str) -> None:
        self._codes.add(code)
        self._complain(sentence)
        self._of(path).update(outcome="failed", exit_code=code, error=sentence)

    def _say(self, sentence: str) -> None:
        if not self._as_json:
            typer.echo(printable(sentence))

    def _complain(self, sentence: str) -> None:
        typer.echo(f"sealgate: {printable(sentence)}", err=True)


def _as_json(stamp: Stamp) -> dict[str, Any]:
    token = stamp.token
    return {
        "digital_signature_uid": stamp.digital_signature_uid,
        "location": str(stamp.location),
        "gen_time": token.gen_time.isoformat(),
        "accuracy_seconds": None if token.accuracy is None else token.accuracy.total_seconds(),
        "policy": token.policy,
        "serial_number": f"{token.serial_number:x}",
        "hash_algorithm": token.hash_algorithm,
        "tsa": token.tsa_name,
        "warnings": list(stamp.warnings),
    }
