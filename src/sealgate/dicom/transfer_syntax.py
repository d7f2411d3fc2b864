"""Transfer syntaxes (PS3.5 section 10, PS3.6 table A-1): how the data set behind a UID is encoded."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from sealgate.errors import UnknownTransferSyntax


class Encoding(Enum):
    """The three ways in which data elements are encoded (PS3.5 section 7 and annex A)."""

    EXPLICIT_LE = (True, True)
    EXPLICIT_BE = (True, False)
    IMPLICIT_LE = (False, True)

    def __init__(self, explicit: bool, little_endian: bool) -> None:
        self.explicit = explicit
        self.little_endian = little_endian

    @property
    def order(self) -> str:
        """Byte order sign for `struct`."""
        return "<" if self.little_endian else ">"


@dataclass(frozen=True, slots=True)
class TransferSyntax:
    """One transfer syntax."""

    uid: str
    encoding: Encoding
    encapsulated: bool = False
    """Pixel Data comes as fragments (PS3.5 A.4); it may not be re-encoded."""
    deflated: bool = False
    """The whole data set is one raw deflate stream (PS3.5 A.5)."""


IMPLICIT_LE = "1.2.840.10008.1.2"
EXPLICIT_LE = "1.2.840.10008.1.2.1"
DEFLATED_LE = "1.2.840.10008.1.2.1.99"
EXPLICIT_BE = "1.2.840.10008.1.2.2"

_ENCAPSULATED = (
    "1.2.840.10008.1.2.1.98",  # Encapsulated Uncompressed Explicit VR Little Endian
    "1.2.840.10008.1.2.5",  # RLE Lossless
    "1.2.840.10008.1.2.6.1",  # RFC 2557 MIME Encapsulation (retired)
    "1.2.840.10008.1.2.8.1",  # Deflated Image Frame Compression
    *(f"1.2.840.10008.1.2.7.{n}" for n in range(1, 4)),  # SMPTE ST 2110
    *(f"1.2.840.10008.1.2.4.{n}" for n in range(50, 67)),  # JPEG and its retired processes
    "1.2.840.10008.1.2.4.70",  # JPEG Lossless, SV1
    "1.2.840.10008.1.2.4.80",  # JPEG-LS Lossless
    "1.2.840.10008.1.2.4.81",  # JPEG-LS Near-lossless
    *(f"1.2.840.10008.1.2.4.{n}" for n in range(90, 95)),  # JPEG 2000, JPIP Referenced
    *(f"1.2.840.10008.1.2.4.{n}" for n in range(100, 109)),  # MPEG-2, MPEG-4, HEVC, with their fragmentable forms
    "1.2.840.10008.1.2.4.102.1",
    "1.2.840.10008.1.2.4.100.1",
    "1.2.840.10008.1.2.4.101.1",
    "1.2.840.10008.1.2.4.103.1",
    "1.2.840.10008.1.2.4.104.1",
    "1.2.840.10008.1.2.4.105.1",
    "1.2.840.10008.1.2.4.106.1",
    "1.2.840.10008.1.2.4.110",  # JPEG XL Lossless
    "1.2.840.10008.1.2.4.111",  # JPEG XL JPEG Recompression
    "1.2.840.10008.1.2.4.112",  # JPEG XL
    *(f"1.2.840.10008.1.2.4.{n}" for n in range(201, 205)),  # High-Throughput JPEG 2000, JPIP HTJ2K Referenced
)
_DEFLATED = (
    DEFLATED_LE,
    "1.2.840.10008.1.2.4.95",  # JPIP Referenced Deflate
    "1.2.840.10008.1.2.4.205",  # JPIP HTJ2K Referenced Deflate
)

BY_UID: dict[str, TransferSyntax] = {
    IMPLICIT_LE: TransferSyntax(IMPLICIT_LE, Encoding.IMPLICIT_LE),
    EXPLICIT_LE: TransferSyntax(EXPLICIT_LE, Encoding.EXPLICIT_LE),
    EXPLICIT_BE: TransferSyntax(EXPLICIT_BE, Encoding.EXPLICIT_BE),
    **{uid: TransferSyntax(uid, Encoding.EXPLICIT_LE, encapsulated=True) for uid in _ENCAPSULATED},
    **{uid: TransferSyntax(uid, Encoding.EXPLICIT_LE, deflated=True) for uid in _DEFLATED},
}


def transfer_syntax(uid: str) -> TransferSyntax:
    """Transfer syntax of `uid`. Raises UnknownTransferSyntax."""
    try:
        return BY_UID[uid]
    except KeyError:
        raise UnknownTransferSyntax(uid) from None
