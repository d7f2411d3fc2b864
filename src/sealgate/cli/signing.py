"""Signing one file of many: what `sealgate sign` does in each of its processes."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sealgate.cli.batch import Line, Result, failed, skipped
from sealgate.cli.streams import opened_input, write_result
from sealgate.cli.targets import Plan
from sealgate.dicom import tags
from sealgate.dicom.part10 import read_file_meta
from sealgate.errors import KeyUnusable, NotDicom, SealgateError
from sealgate.files.dicom_files import Found
from sealgate.files.writing import Durability, write_whole
from sealgate.library.reencoding import Writing
from sealgate.library.signing import Order, Signed, sign_opened
from sealgate.library.sources import Opened, Reading
from sealgate.signature.keys import Signer

MEDIA_DIRECTORY: Final = b"1.2.840.10008.1.3.10"
"""Media Storage Directory Storage, the SOP class of a DICOMDIR."""

MAX_NAMED: Final = 3
"""Unsigned elements that a line names; of more the number says enough, and --json has all."""

_MAX_SENTENCE_BYTES: Final = 1000
"""Of what was wrong with a token."""


class SignerOnce:
    """The signer of a command, opened once in each process: a token does not survive a fork, a key in memory does.

    Processes open a token one after the other: SoftHSM loses it where one logs in while another one looks for it. Where
    it does not open nobody tries again, since a card locks itself after a few wrong PINs: what was wrong stands in the
    file that they take turns by.
    """

    def __init__(self, load: Callable[[], Signer], *, survives_fork: bool) -> None:
        self._load = load
        self._turn = None if survives_fork else os.memfd_create("turn")  # open as long as the command
        self._signer: Signer | None = None
        self._process = -1

    def __call__(self) -> Signer:
        """The signer. Raises KeyUnusable, UnreadableFile."""
        if self._turn is None:
            self._signer = self._signer or self._load()
        elif self._process != os.getpid():
            fcntl.lockf(self._turn, fcntl.LOCK_EX)  # of the process, not of the file that all of them inherit
            try:
                self._signer = self._opened(self._turn)
            finally:
                fcntl.lockf(self._turn, fcntl.LOCK_UN)
            self._process = os.getpid()
        assert self._signer is not None
        return self._signer

    def _opened(self, turn: int) -> Signer:
        failure = os.pread(turn, _MAX_SENTENCE_BYTES, 0)
        if failure:
            raise KeyUnusable(failure.decode("utf-8", "replace"))
        try:
            return self._load()
        except KeyUnusable as error:
            os.pwrite(turn, str(error).encode("utf-8", "replace")[:_MAX_SENTENCE_BYTES], 0)
            raise


@dataclass(frozen=True, slots=True, kw_only=True)
class Signing:
    """Everything that is the same for all files of a command."""

    plan: Plan
    order: Order
    signer: SignerOnce
    reading: Reading
    writing: Writing
    durability: Durability
    dry_run: bool
    quiet: bool
    as_json: bool
    dump: Path | None = None
    query: Path | None = None
    uid_file: Path | None = None

    def __call__(self, file: Found) -> Result:
        """Sign one file; whatever goes wrong with it is in the result."""
        try:
            given = opened_input(file, self.reading)
            if file.walked and is_media_directory(given):
                return skipped(file.path, "it is the directory of a medium (DICOMDIR)")
            return self._signed(file, given)
        except SealgateError as error:
            if file.walked and is_no_dicom(error):
                return skipped(file.path, "it is no DICOM file")
            return failed(file.path, error)

    def _signed(self, file: Found, given: Opened) -> Result:
        with given.naming():
            signed = sign_opened(given, self.signer(), self.order, writing=self.writing)
        target = self.plan.name_of_target(file)
        if not self.dry_run:
            self._write(file, signed)
        done = "would be signed" if self.dry_run else "signed"
        return Result(
            path=str(file.path),
            outcome=done,
            lines=() if self.quiet else (Line(text=self._line(target, signed)),),
            notes=_notes(target, signed),
            document=_document(target, signed) if self.as_json else {},
        )

    def _line(self, target: str, signed: Signed) -> str:
        created = signed.created
        said = "would sign" if self.dry_run else "signed"
        apart = f"; {len(signed.items)} items were signed apart" if signed.items else ""
        stamped = "; with a certified timestamp" if signed.has_timestamp else ""
        count, others = len(created.data_elements_signed), created.unsigned_elements
        what = f"{count} of {count + len(others)}" if others else str(count)
        names = ", ".join(tags.written(tag) for tag in others) if 0 < len(others) <= MAX_NAMED else ""
        without = f", not {names}" if names else ""
        return f"{target}: {said} {what} elements with {created.mac_algorithm}{without}{apart}{stamped}"

    def _write(self, file: Found, signed: Signed) -> None:
        """Write what was asked for; the signed file comes last, so that it is never without its timestamp query."""
        if self.dump is not None:
            write_whole(self.dump, [mac_stream(signed)])
        if signed.request is not None:
            for path, content in ((self.query, signed.request.query), (self.uid_file, signed.request.uid_file)):
                if path is not None:
                    write_whole(path, [content])
        write_result(self.plan, file, signed.pieces(), self.durability)


def mac_stream(signed: Signed) -> bytes:
    """The bytes that were hashed for a signature."""
    from sealgate.signature.create import write_mac_stream

    stream = bytearray()
    write_mac_stream(stream.extend, signed.unsigned.carrier, signed.created)
    return bytes(stream)


def is_no_dicom(error: SealgateError) -> bool:
    """Whether a file could not be read because it is something else than DICOM."""
    return isinstance(error, NotDicom) or isinstance(error.__cause__, NotDicom)


def is_media_directory(given: Opened) -> bool:
    """Whether a file is a DICOMDIR, which lists the files of a medium and is not one of them (PS3.3 F.2.2)."""
    if given.original is None or bytes(given.data_set.header).find(MEDIA_DIRECTORY) < 0:
        return False
    return read_file_meta(given.original).media_storage_sop_class_uid.encode() == MEDIA_DIRECTORY


def _notes(target: str, signed: Signed) -> tuple[str, ...]:
    notes = [f"{target}: {warning}" for warning in signed.timestamp_warnings]
    notes += [f"{target}: the output options broke the signature {uid}" for uid in signed.broken]
    notes += [
        f"{target}: in implicit VR the signature {uid} holds only for readers that know the private elements it covers"
        for uid in signed.reader_dependent
    ]
    if signed.created.dcmtk_lost_bytes:
        notes.append(
            f"{target}: dcmsign will call this signature corrupted, since its own MAC leaves out "
            f"{signed.created.dcmtk_lost_bytes} bytes of nested sequences; other verifiers accept it"
        )
    if signed.items:
        notes.append(
            f"{target}: items that are signed apart can be left out, repeated or exchanged without any signature "
            "becoming invalid; the data set is not fully signed"
        )
    return tuple(notes)


def _document(target: str, signed: Signed) -> dict[str, Any]:
    created = signed.created
    return {
        "output": target,
        "digital_signature_uid": created.digital_signature_uid,
        "digital_signature_datetime": created.digital_signature_datetime,
        "location": str(created.location),
        "mac_algorithm": created.mac_algorithm,
        "data_elements_signed": [tags.written(tag) for tag in created.data_elements_signed],
        "unsigned_elements": [tags.written(tag) for tag in created.unsigned_elements],
        "purpose": None if created.purpose is None else created.purpose.code,
        "certified_timestamp": signed.has_timestamp,
        "dcmtk_lost_bytes": created.dcmtk_lost_bytes,
        "items_signed_apart": [
            {"location": str(one.location), "digital_signature_uid": one.digital_signature_uid} for one in signed.items
        ],
        "signatures_broken": list(signed.broken),
        "signatures_reader_dependent": list(signed.reader_dependent),
    }
