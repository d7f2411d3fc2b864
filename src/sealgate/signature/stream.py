"""The whole MAC of one signature: the data set part, then the item of the signature itself (PS3.3 C.12.1.1.3.1.1)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sealgate.dicom import tags, transfer_syntax
from sealgate.dicom.scan import Carrier, Element
from sealgate.dicom.transfer_syntax import Encoding
from sealgate.signature.algorithms import MacAlgorithm
from sealgate.signature.dcmtk_stream import DcmtkStream
from sealgate.signature.mac import Normalised, Piece, Update, feed, pieces
from sealgate.signature.selection import is_signable

_NOT_IN_MAC = frozenset(
    (tags.CERTIFICATE_OF_SIGNER, tags.SIGNATURE, tags.CERTIFIED_TIMESTAMP_TYPE, tags.CERTIFIED_TIMESTAMP)
)
"""Elements of the signature item that do not enter the MAC."""

_MAC_ENCODINGS = {
    transfer_syntax.IMPLICIT_LE: Encoding.IMPLICIT_LE,
    transfer_syntax.EXPLICIT_BE: Encoding.EXPLICIT_BE,
}
"""Forbidden by the standard, which asks for explicit VR little endian, but accepted by dcmsign when it verifies."""


def mac_encoding(mac_calculation_transfer_syntax_uid: str) -> Encoding:
    """How the elements of the stream are encoded under a MAC Calculation Transfer Syntax UID."""
    return _MAC_ENCODINGS.get(mac_calculation_transfer_syntax_uid, Encoding.EXPLICIT_LE)


def signature_item_elements(item: Carrier) -> list[Element]:
    """The elements of a signature item that enter the MAC."""
    return [element for element in item.in_tag_order() if element.tag not in _NOT_IN_MAC and is_signable(element)]


def write_stream(
    update: Update,
    carrier: Carrier,
    elements: Iterable[Element],
    item: Carrier,
    encoding: Encoding,
    *,
    old_format: bool = False,
    normalised: Normalised | None = None,
) -> None:
    """Give the bytes of the standard's MAC stream to `update`, or those of DCMTK's `old_format` (see `mac.pieces`).

    `normalised` is told what readers of the data set part may see otherwise. Raises LimitExceeded.
    """
    feed(update, carrier.source, pieces(carrier, elements, encoding, old_format=old_format, normalised=normalised))
    feed(update, item.source, pieces(item, signature_item_elements(item), encoding))


def write_dcmtk_stream(
    update: Update,
    carrier: Carrier,
    elements: Iterable[Element],
    item: Carrier,
    encoding: Encoding,
    *,
    old_format: bool = False,
) -> int:
    """Give the bytes of dcmsign's MAC stream to `update`; the number of bytes left out of it. Raises LimitExceeded."""
    parts = ((carrier, elements), (item, signature_item_elements(item)))
    lost = 0
    for part, part_elements in parts:
        model = DcmtkStream()
        feed(update, part.source, model.filter(pieces(part, part_elements, encoding, old_format=old_format)))
        lost += model.lost_bytes
    return lost


def dcmtk_lost_bytes(
    carrier: Carrier, elements: Iterable[Element], encoding: Encoding, *, old_format: bool = False
) -> int:
    """Bytes of the data set part that dcmsign's MAC would not cover. Raises LimitExceeded."""
    return sum(dcmtk_losses(carrier, elements, encoding, old_format=old_format).values())


def dcmtk_losses(
    carrier: Carrier, elements: Iterable[Element], encoding: Encoding, *, old_format: bool = False
) -> dict[int, int]:
    """Tags of the elements of which dcmsign's MAC would not cover all bytes, each with their number.

    Raises LimitExceeded.
    """
    model = DcmtkStream()
    losses: dict[int, int] = {}
    for element in elements:
        before = model.lost_bytes
        _exhaust(model.filter(pieces(carrier, (element,), encoding, old_format=old_format)))
        if model.lost_bytes > before:
            losses[element.tag] = model.lost_bytes - before
    return losses


def _exhaust(stream: Iterator[Piece]) -> None:
    for _ in stream:
        pass


def digest(
    mac_algorithm: MacAlgorithm,
    carrier: Carrier,
    elements: Iterable[Element],
    item: Carrier,
    encoding: Encoding,
    *,
    old_format: bool = False,
    normalised: Normalised | None = None,
) -> bytes:
    """The MAC: digest of the standard's stream; see `write_stream`. Raises LimitExceeded."""
    hash_ = mac_algorithm.new()
    write_stream(hash_.update, carrier, elements, item, encoding, old_format=old_format, normalised=normalised)
    return hash_.digest()
