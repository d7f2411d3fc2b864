"""Signatures of any odd kind: every element of the two signature sequences can be replaced or left out.

Unless it is asked for something else, what comes out is a correct signature.
"""

from __future__ import annotations

from collections.abc import Mapping

from sealgate.dicom.scan import Carrier, scan
from sealgate.dicom.source import Source
from sealgate.dicom.transfer_syntax import Encoding
from sealgate.signature.algorithms import MAC_ALGORITHMS
from sealgate.signature.selection import is_signable, signed_elements
from sealgate.signature.stream import digest, mac_encoding, write_dcmtk_stream
from support.elements import BIG, EXPLICIT, EXPLICIT_LE_UID, IMPLICIT, Writer
from support.pki import Credential
from support.signing import UID, signer

Elements = Mapping[int, bytes | None]
"""Whole elements by tag, in place of the usual ones; None leaves one out."""

MAC_PARAMETERS, SIGNATURES = 0x4FFE0001, 0xFFFAFFFA
NOT_IN_MAC = (0x04000115, 0x04000120, 0x04000305, 0x04000310)
ENCODINGS = {EXPLICIT: Encoding.EXPLICIT_LE, IMPLICIT: Encoding.IMPLICIT_LE, BIG: Encoding.EXPLICIT_BE}


def even(value: bytes, pad: bytes = b"\0") -> bytes:
    """`value`, padded to even length."""
    return value + pad * (len(value) % 2)


def body(writer: Writer = EXPLICIT, *more: bytes) -> bytes:
    """A small data set without signatures."""
    uid, name = writer.element(0x00080018, "UI", b"1.2.34"), writer.element(0x00100010, "PN", b"A^B ")
    return b"".join((uid, name, *more))


def forge(
    credential: Credential,
    content: bytes | None = None,
    *,
    writer: Writer = EXPLICIT,
    mac_algorithm: str = "SHA256",
    mac_uid: str = EXPLICIT_LE_UID,
    mac_id_number: int = 0,
    listed: tuple[int, ...] | None = None,
    date: str = "20260301120000.000000+0000",
    parameters: Elements | None = None,
    item: Elements | None = None,
    like_dcmtk: bool = False,
    uid: str | None = None,
) -> tuple[bytes, bytes]:
    """The items of MAC Parameters Sequence and Digital Signatures Sequence over `content`.

    `listed` are the tags in Data Elements Signed; without it all that may be signed. `like_dcmtk` signs the stream
    that dcmsign calculates. Without `uid` the Digital Signature UID follows from the MAC ID Number.
    """
    own_uid = uid if uid is not None else f"{UID}.{mac_id_number}" if mac_id_number else UID
    encoding = ENCODINGS[writer]
    carrier = scan(Source(body(writer) if content is None else content), encoding)
    tags = tuple(e.tag for e in carrier.in_tag_order() if is_signable(e)) if listed is None else listed
    words = [half for tag in tags for half in (tag >> 16, tag & 0xFFFF)]
    own: dict[int, bytes | None] = {
        0x04000005: writer.element(0x04000005, "US", writer.words(mac_id_number)),
        0x04000010: writer.element(0x04000010, "UI", even(mac_uid.encode())),
        0x04000015: writer.element(0x04000015, "CS", even(mac_algorithm.encode(), b" ")),
        0x04000020: writer.element(0x04000020, "AT", writer.words(*words)),
    }
    fields: dict[int, bytes | None] = {
        0x04000005: own[0x04000005],
        0x04000100: writer.element(0x04000100, "UI", even(own_uid.encode())),
        0x04000105: writer.element(0x04000105, "DT", even(date.encode(), b" ")),
        0x04000110: writer.element(0x04000110, "CS", b"X509_1993_SIG "),
        0x04000115: writer.element(0x04000115, "OB", even(credential.der)),
        **(item or {}),
    }
    if 0x04000120 not in fields:
        mac = _mac(carrier, tags, _joined(fields, writer, without=NOT_IN_MAC), mac_algorithm, mac_uid, like_dcmtk)
        value = signer(credential).sign(MAC_ALGORITHMS.get(mac_algorithm, MAC_ALGORITHMS["SHA256"]), mac)
        fields[0x04000120] = writer.element(0x04000120, "OB", value)
    return writer.item(_joined({**own, **(parameters or {})}, writer)[1]), writer.item(_joined(fields, writer)[1])


def _joined(fields: Elements, writer: Writer, without: tuple[int, ...] = ()) -> tuple[Writer, bytes]:
    return writer, b"".join(fields[tag] or b"" for tag in sorted(fields) if tag not in without)


def _mac(
    carrier: Carrier,
    tags: tuple[int, ...],
    part: tuple[Writer, bytes],
    mac_algorithm: str,
    mac_uid: str,
    like_dcmtk: bool,
) -> bytes:
    elements = [element for element in signed_elements(carrier, tags) if is_signable(element)]
    item = scan(Source(part[1]), ENCODINGS[part[0]])
    algorithm = MAC_ALGORITHMS.get(mac_algorithm, MAC_ALGORITHMS["SHA256"])
    if like_dcmtk:
        hash_ = algorithm.new()
        write_dcmtk_stream(hash_.update, carrier, elements, item, mac_encoding(mac_uid))
        return hash_.digest()
    return digest(algorithm, carrier, elements, item, mac_encoding(mac_uid))


def with_signatures(
    content: bytes, *pairs: tuple[bytes, bytes], writer: Writer = EXPLICIT, behind: bytes = b""
) -> bytes:
    """A data set or the content of an item: `content`, the two sequences with these items, and `behind`."""
    parameters = writer.sequence(MAC_PARAMETERS, *(pair[0] for pair in pairs))
    return content + parameters + writer.sequence(SIGNATURES, *(pair[1] for pair in pairs)) + behind
