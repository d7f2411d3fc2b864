"""Every storage instance among pydicom's samples, as files that can be sent, and what arrived, taken apart again.

The few lines that read a Part 10 file here share nothing with the product.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from support import samples

DEFLATED = "1.2.840.10008.1.2.1.99"
DIRECTORY_SOP_CLASS = "1.2.840.10008.1.3.10"
"""Media Storage Directory: a DICOMDIR, which C-STORE does not carry."""

DATA_SET_NAMES_ANOTHER_INSTANCE = frozenset(
    "badVR.dcm chrJapMulti.dcm chrJapMultiExplicitIR6.dcm rtdose.dcm rtdose_1frame.dcm rtdose_expb.dcm"
    " rtdose_expb_1frame.dcm rtplan.dcm".split()
)
"""Samples whose File Meta Information names another SOP Instance UID than their data set."""

UNREADABLE = frozenset({"MR_truncated.dcm", "rtplan_truncated.dcm", "SC_rgb_jpeg.dcm"})
"""Cut short, or in another encoding than their File Meta Information says."""

UNSIGNABLE = frozenset({"winter.dcm"})
"""Samples in which one tag stands twice."""

WITHOUT_GROUP_LENGTH = frozenset({"no_meta_group_length.dcm"})
"""Samples whose File Meta Information lacks its group length, which some programs cannot do without."""

_PREFIX_END = 132
_NUMBER_LENGTH = 4
_LONG_VRS = frozenset({b"OB", b"UN", b"UT", b"OW", b"SQ"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Part10:
    """A Part 10 file: what its File Meta Information says, and its data set as it is stored."""

    path: Path
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    data_set: bytes

    @property
    def name(self) -> str:
        """The name of the sample that this file comes from."""
        number, hyphen, name = self.path.name.partition("-")
        return name if hyphen and len(number) == _NUMBER_LENGTH and number.isdigit() else self.path.name

    @property
    def digest(self) -> str:
        """SHA-256 of the data set as it is stored, in hexadecimal."""
        return sha256(self.data_set)

    @property
    def digests(self) -> frozenset[str]:
        """SHA-256 of the data set with and without the NUL that a deflated one of odd length gets on the wire."""
        if self.transfer_syntax_uid != DEFLATED:
            return frozenset({self.digest})
        return frozenset({self.digest, sha256(self.data_set + b"\0"), sha256(self.data_set.removesuffix(b"\0"))})

    @property
    def elements(self) -> bytes:
        """The data set, inflated where it is deflated."""
        if self.transfer_syntax_uid != DEFLATED:
            return self.data_set
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(self.data_set)


def sha256(content: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def read_part10(path: Path) -> Part10 | None:
    """Take a file apart; None where it has no File Meta Information with SOP class, instance and transfer syntax."""
    content = path.read_bytes()
    if content[_PREFIX_END - 4 : _PREFIX_END] != b"DICM":
        return None
    position, values = _PREFIX_END, {}
    while content[position : position + 2] == b"\2\0":
        element, code, length = struct.unpack_from("<2xH2sH", content, position)
        position += 8
        if code in _LONG_VRS:
            length = struct.unpack_from("<L", content, position)[0]
            position += 4
        values[element] = content[position : position + length].rstrip(b"\0 ").decode("ascii", "replace")
        position += length
    if not all(values.get(element) for element in (0x0002, 0x0003, 0x0010)):
        return None
    return Part10(
        path=path,
        sop_class_uid=values[0x0002],
        sop_instance_uid=values[0x0003],
        transfer_syntax_uid=values[0x0010],
        data_set=content[position:],
    )


@cache
def storage_samples() -> tuple[Part10, ...]:
    """Every sample with File Meta Information that is no DICOMDIR, in sorted order; of two equal ones the first."""
    found: dict[tuple[str, str], Part10] = {}
    for path in samples.files():
        file = read_part10(path)
        if file is not None and file.sop_class_uid != DIRECTORY_SOP_CLASS:
            found.setdefault((file.sop_instance_uid, file.digest), file)
    return tuple(found.values())


def lay_out(folder: Path, files: Iterable[Part10]) -> list[Part10]:
    """Put `files` side by side into `folder`, numbered, and return them as they are there.

    Where the data set names another instance than the File Meta Information, or this has no group length, it is
    written anew.
    """
    folder.mkdir(parents=True, exist_ok=True)
    placed: list[Part10] = []
    for number, file in enumerate(files):
        path = folder / f"{number:0{_NUMBER_LENGTH}}-{file.path.name}"
        if file.path.name in DATA_SET_NAMES_ANOTHER_INSTANCE | WITHOUT_GROUP_LENGTH:
            path.write_bytes(_with_new_file_meta(file))
        else:
            path.symlink_to(file.path)
        there = read_part10(path)
        assert there is not None
        placed.append(there)
    return placed


def _with_new_file_meta(file: Part10) -> bytes:
    """The file with File Meta Information that names the SOP Instance UID of its data set."""
    from pydicom import dcmread

    own = str(dcmread(file.path, specific_tags=["SOPInstanceUID"]).get("SOPInstanceUID", file.sop_instance_uid))
    uids = ((0x0002, file.sop_class_uid), (0x0003, own), (0x0010, file.transfer_syntax_uid))
    group = b"\2\0\1\0OB\0\0\2\0\0\0\0\1"
    for element, uid in uids:
        value = uid.encode("ascii") + b"\0" * (len(uid) % 2)
        group += struct.pack("<HH2sH", 2, element, b"UI", len(value)) + value
    return bytes(128) + b"DICM\2\0\0\0UL\4\0" + struct.pack("<L", len(group)) + group + file.data_set


def without(content: bytes, ranges: Sequence[Sequence[int]]) -> bytes:
    """`content` with the ranges [start, end) cut out."""
    kept, position = [], 0
    for start, end in sorted(map(tuple, ranges)):
        kept.append(content[position:start])
        position = end
    return b"".join((*kept, content[position:]))
