"""DICOM files (PS3.10 section 7): preamble, File Meta Information, and where the data set begins."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sealgate.dicom import tags, transfer_syntax, vr
from sealgate.dicom.deflate import inflate
from sealgate.dicom.limits import MAX_FILE_META_BYTES, ScanLimits
from sealgate.dicom.source import Buffer, Source
from sealgate.dicom.transfer_syntax import Encoding, TransferSyntax
from sealgate.dicom.walk import Kind, walk
from sealgate.errors import LimitExceeded, MalformedDataSet, NotDicom, Truncated

PREAMBLE_BYTES = 128
PREFIX = b"DICM"

_MEDIA_STORAGE_SOP_CLASS_UID = 0x00020002
_MEDIA_STORAGE_SOP_INSTANCE_UID = 0x00020003
_TRANSFER_SYNTAX_UID = 0x00020010
_FILE_META_LIMITS = ScanLimits(max_tokens=1000, max_depth=1, max_top_level_elements=1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileMeta:
    """What the File Meta Information says (PS3.10 7.1); empty strings where an element is absent."""

    media_storage_sop_class_uid: str
    media_storage_sop_instance_uid: str
    transfer_syntax_uid: str
    data_set_start: int
    """Offset of the first byte after group 0002."""


def has_prefix(buffer: Buffer) -> bool:
    """Whether a Part 10 file begins here: 128 bytes of preamble, then DICM."""
    return bytes(memoryview(buffer)[PREAMBLE_BYTES : PREAMBLE_BYTES + 4]) == PREFIX


def read_file_meta(buffer: Buffer) -> FileMeta:
    """Read the File Meta Information, always explicit VR little endian.

    Its end is where group 0002 ends; File Meta Information Group Length (0002,0000) may be absent, and where it is
    there it must say the same. Raises NotDicom without the prefix, MalformedDataSet, Truncated, LimitExceeded.
    """
    if not has_prefix(buffer):
        raise NotDicom("this is no DICOM file: the prefix DICM is missing after the preamble of 128 bytes")
    start = PREAMBLE_BYTES + len(PREFIX)
    view = memoryview(buffer)
    header = Source(view, start, min(len(view), start + MAX_FILE_META_BYTES))
    position, declared_end = 0, None
    values: dict[int, str] = {}
    try:
        for token in walk(header, Encoding.EXPLICIT_LE, limits=_FILE_META_LIMITS):
            if token.tag >> 16 != 0x0002:
                break
            if token.kind is not Kind.ELEMENT or token.value_end is None:
                raise MalformedDataSet(
                    f"{tags.written(token.tag)} in the File Meta Information is a sequence", token.start
                )
            value = bytes(header.view[token.value_start : min(token.value_end, token.value_start + 64)])
            if token.tag == 0x00020000 and token.vr is vr.UL and len(value) == 4:
                declared_end = token.value_end + struct.unpack("<L", value)[0]
            values.setdefault(token.tag, value.rstrip(b" \0").decode("ascii", "replace"))
            position = token.value_end
            if position == declared_end:
                break
    except MalformedDataSet as error:
        # What follows group 0002 is read here as explicit VR little endian, which it need not be.
        if (
            position == 0
            or declared_end not in (None, position)
            or bytes(header.view[position : position + 2]) == b"\2\0"
        ):
            if isinstance(error, Truncated) and len(view) > start + MAX_FILE_META_BYTES:
                needed = max(error.offset + error.needed, MAX_FILE_META_BYTES + 1)
                raise LimitExceeded("bytes of File Meta Information", needed, MAX_FILE_META_BYTES) from error
            raise
    if declared_end is not None and position != declared_end:
        raise MalformedDataSet(f"File Meta Information ends here, its group length says {declared_end}", position)
    return FileMeta(
        media_storage_sop_class_uid=values.get(_MEDIA_STORAGE_SOP_CLASS_UID, ""),
        media_storage_sop_instance_uid=values.get(_MEDIA_STORAGE_SOP_INSTANCE_UID, ""),
        transfer_syntax_uid=values.get(_TRANSFER_SYNTAX_UID, ""),
        data_set_start=start + position,
    )


def _element(tag: int, code: bytes, value: bytes) -> bytes:
    value += b"\0" * (len(value) % 2)
    if code == b"OB":
        return struct.pack("<HH2sHL", tag >> 16, tag & 0xFFFF, code, 0, len(value)) + value
    return struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, code, len(value)) + value


def file_header(
    *,
    sop_class_uid: str,
    sop_instance_uid: str,
    transfer_syntax_uid: str,
    implementation_class_uid: str,
    implementation_version_name: str,
) -> bytes:
    """Preamble of zeros, prefix and File Meta Information (PS3.10 7.1) for a data set of these UIDs.

    The same arguments give the same bytes, so that a repeat of a file is byte-identical.
    """
    version_name = implementation_version_name + " " * (len(implementation_version_name) % 2)
    group = b"".join(
        (
            _element(0x00020001, b"OB", b"\0\1"),
            _element(_MEDIA_STORAGE_SOP_CLASS_UID, b"UI", sop_class_uid.encode("ascii")),
            _element(_MEDIA_STORAGE_SOP_INSTANCE_UID, b"UI", sop_instance_uid.encode("ascii")),
            _element(_TRANSFER_SYNTAX_UID, b"UI", transfer_syntax_uid.encode("ascii")),
            _element(0x00020012, b"UI", implementation_class_uid.encode("ascii")),
            _element(0x00020013, b"SH", version_name.encode("ascii")),
        )
    )
    return bytes(PREAMBLE_BYTES) + PREFIX + _element(0x00020000, b"UL", struct.pack("<L", len(group))) + group


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSet:
    """A data set as it can be scanned: inflated where the file has it deflated."""

    source: Source
    syntax: TransferSyntax
    header: memoryview
    """The bytes before the data set: preamble, prefix and File Meta Information, or nothing."""

    @property
    def encoding(self) -> Encoding:
        """How the elements are encoded."""
        return self.syntax.encoding


Inflated = Callable[[Iterator[bytes]], Buffer]
"""Where the bytes of an inflated data set are put; the caller may choose a file and give its mapping."""


def _in_memory(chunks: Iterator[bytes]) -> Buffer:
    return b"".join(chunks)


def open_data_set(
    buffer: Buffer, *, start: int = 0, syntax: TransferSyntax, end: int | None = None, inflated: Inflated = _in_memory
) -> DataSet:
    """The data set that begins at `start` of `buffer` in the transfer syntax `syntax`.

    Raises what `inflate` raises where the syntax is deflated.
    """
    header = memoryview(buffer)[:start]
    source = Source(buffer, start, end)
    if syntax.deflated:
        source = Source(inflated(inflate(source.windows(0, len(source)))))
    return DataSet(source=source, syntax=syntax, header=header)


def open_file(buffer: Buffer, *, inflated: Inflated = _in_memory) -> DataSet:
    """The data set of a Part 10 file, or of a file that begins with its data set at once (no meta header).

    A bare data set is recognised by its first element: explicit VR where a VR stands in its place, big endian where
    only that makes the group number plausible. Raises NotDicom, UnknownTransferSyntax, MalformedDataSet, Truncated and
    LimitExceeded.
    """
    if has_prefix(buffer):
        file_meta = read_file_meta(buffer)
        syntax = transfer_syntax.transfer_syntax(file_meta.transfer_syntax_uid)
        return open_data_set(buffer, start=file_meta.data_set_start, syntax=syntax, inflated=inflated)
    return open_data_set(buffer, syntax=_detected(memoryview(buffer)), inflated=inflated)


def _detected(view: memoryview) -> TransferSyntax:
    """Transfer syntax of a bare data set; encapsulated ones cannot be told from explicit VR little endian."""
    head = bytes(view[:8])
    group_le, group_be = (int.from_bytes(head[:2], order) for order in ("little", "big"))
    if len(head) == 8 and 0 < min(group_le, group_be) <= _MAX_FIRST_GROUP:
        explicit = vr.BY_CODE.get(head[4:6]) is not None
        little = group_le <= group_be
        if explicit or little:
            uid = transfer_syntax.EXPLICIT_LE if explicit else transfer_syntax.IMPLICIT_LE
            return transfer_syntax.BY_UID[uid if little else transfer_syntax.EXPLICIT_BE]
    raise NotDicom("this is no DICOM file: neither the prefix DICM nor a data element stands where one must begin")


_MAX_FIRST_GROUP = 0x0028
"""Highest group number of the first element of a bare data set; nearly always it is 0008."""
