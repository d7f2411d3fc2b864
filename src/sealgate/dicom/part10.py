"""DICOM files (PS3.10 section 7): preamble, File Meta Information, and where the data set begins."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import Enum

from sealgate.dicom import dictionary, tags, transfer_syntax, vr
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
FILE_META_GROUP_LENGTH = 0x00020000
TRANSFER_SYNTAX_UID = 0x00020010
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
            if token.tag in values:  # readers differ in which one they go by
                raise MalformedDataSet(
                    f"{tags.written(token.tag)} stands twice in the File Meta Information", token.start
                )
            value = bytes(header.view[token.value_start : min(token.value_end, token.value_start + 64)])
            if token.tag == FILE_META_GROUP_LENGTH and token.vr is vr.UL and len(value) == 4:
                declared_end = token.value_end + struct.unpack("<L", value)[0]
            values[token.tag] = value.rstrip(b" \0").decode("ascii", "replace")
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
    deflated = values.get(TRANSFER_SYNTAX_UID) == transfer_syntax.DEFLATED_LE  # then any bytes may follow
    if not deflated and bytes(header.view[position : position + 2]) == b"\2\0":
        # Other readers take these elements for File Meta Information, whatever the group length says.
        raise MalformedDataSet("elements of group 0002 stand behind the end of the File Meta Information", position)
    return FileMeta(
        media_storage_sop_class_uid=values.get(_MEDIA_STORAGE_SOP_CLASS_UID, ""),
        media_storage_sop_instance_uid=values.get(_MEDIA_STORAGE_SOP_INSTANCE_UID, ""),
        transfer_syntax_uid=values.get(TRANSFER_SYNTAX_UID, ""),
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
            _element(TRANSFER_SYNTAX_UID, b"UI", transfer_syntax_uid.encode("ascii")),
            _element(0x00020012, b"UI", implementation_class_uid.encode("ascii")),
            _element(0x00020013, b"SH", version_name.encode("ascii")),
        )
    )
    return (
        bytes(PREAMBLE_BYTES) + PREFIX + _element(FILE_META_GROUP_LENGTH, b"UL", struct.pack("<L", len(group))) + group
    )


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

    def with_content(self, content: Buffer) -> DataSet:
        """The same file with other bytes of the (inflated) data set, in the same transfer syntax."""
        return replace(self, source=Source(content))


Inflated = Callable[[Iterator[bytes | memoryview]], Buffer]
"""Where the bytes of an inflated data set are put; the caller may choose a file and give its mapping."""


def _in_memory(chunks: Iterator[bytes | memoryview]) -> Buffer:
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
        source = Source(inflated(inflate(source.windows(0, len(source)))), received=len(source))
    return DataSet(source=source, syntax=syntax, header=header)


class FileForm(Enum):
    """What a file has to be, as its reader was told."""

    ANY = "any"
    """A Part 10 file, or a data set without File Meta Information."""
    PART_10 = "part 10"
    """A Part 10 file and nothing else."""
    DATA_SET = "data set"
    """A data set that begins with the first byte."""


def open_file(
    buffer: Buffer,
    *,
    inflated: Inflated = _in_memory,
    form: FileForm = FileForm.ANY,
    forced: TransferSyntax | None = None,
    detect: bool = False,
) -> DataSet:
    """The data set of a Part 10 file (PS3.10 section 7), or of a file that begins with its data set at once.

    The transfer syntax is `forced`, or what the File Meta Information says; where there is none, or where `detect` says
    that it is not to be believed, it is told from the first element (see `detected_syntax`).

    Raises NotDicom, UnknownTransferSyntax, MalformedDataSet, Truncated and LimitExceeded.
    """
    start, syntax = 0, forced
    if form is FileForm.PART_10 or (form is FileForm.ANY and has_prefix(buffer)):
        file_meta = read_file_meta(buffer)
        start = file_meta.data_set_start
        if syntax is None and not detect:
            syntax = transfer_syntax.transfer_syntax(file_meta.transfer_syntax_uid)
    if syntax is None:
        syntax = detected_syntax(memoryview(buffer)[start : start + _DETECTION_BYTES], certainly=start > 0)
    return open_data_set(buffer, start=start, syntax=syntax, inflated=inflated)


_DETECTION_BYTES = 8
"""Tag, VR and short Value Length of the first element."""
_LIKELY_GROUP = 0x00FF
"""Highest group number that the first element of a data set is likely to have; nearly always it is 0008."""


def detected_syntax(head: memoryview | bytes, *, certainly: bool = False) -> TransferSyntax:
    """Transfer syntax of a data set whose first 8 bytes are `head`, told as dcmsign tells it.

    Explicit VR where a VR stands in its place; little endian unless only big endian makes the tag one that the
    dictionary knows, or both do and only big endian makes its group a likely one. Encapsulated data sets cannot be told
    from explicit VR little endian. Raises NotDicom where no data element is likely to begin like that; where it is
    `certainly` a data set, that is implicit VR.
    """
    octets = bytes(head)
    if len(octets) == _DETECTION_BYTES:
        little, big = (int.from_bytes(octets[:2], order) for order in ("little", "big"))
        knows_little = _may_be_first(little << 16 | int.from_bytes(octets[2:4], "little"))
        knows_big = _may_be_first(big << 16 | int.from_bytes(octets[2:4], "big"))
        is_big = knows_big and (not knows_little or (little > _LIKELY_GROUP >= big))
        if vr.BY_CODE.get(octets[4:6]) is not None:
            return transfer_syntax.BY_UID[transfer_syntax.EXPLICIT_BE if is_big else transfer_syntax.EXPLICIT_LE]
        if (knows_little and not is_big) or certainly:
            return transfer_syntax.BY_UID[transfer_syntax.IMPLICIT_LE]
    raise NotDicom("this is no DICOM file: neither the prefix DICM nor a data element stands where one must begin")


def _may_be_first(tag: int) -> bool:
    """Whether a data set may begin with `tag`: it is known, a group length or a private creator, and no command's."""
    if tag < 0x00020000:
        return False
    return tag & 0xFFFF == 0 or tags.is_private_creator(tag) or bool(dictionary.STANDARD.words(tag))
