"""The whole MAC of one signature: the data set part, then the item of the signature itself (PS3.3 C.12.1.1.3.1.1)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sealgate.dicom import tags, transfer_syntax
from sealgate.dicom.scan import Carrier, Element
from sealgate.dicom.transfer_syntax import Encoding
from sealgate.signature.algorithms import MacAlgorithm
from sealgate.signature.dcmtk_stream import DcmtkStream
from sealgate.signature.mac import Piece, Update, feed, pieces
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
    update: Update, carrier: Carrier, elements: Iterable[Element], item: Carrier, encoding: Encoding
) -> None:
    """Give the bytes of the standard's MAC stream to `update`. Raises LimitExceeded."""
    feed(update, carrier.source, pieces(carrier, elements, encoding))
    feed(update, item.source, pieces(item, signature_item_elements(item), encoding))


def write_dcmtk_stream(
    update: Update, carrier: Carrier, elements: Iterable[Element], item: Carrier, encoding: Encoding
) -> int:
    """Give the bytes of dcmsign's MAC stream to `update`; the number of bytes left out of it. Raises LimitExceeded."""
    parts = ((carrier, elements), (item, signature_item_elements(item)))
    lost = 0
    for part, part_elements in parts:
        model = DcmtkStream()
        feed(update, part.source, model.filter(pieces(part, part_elements, encoding)))
        lost += model.lost_bytes
    return lost


def dcmtk_lost_bytes(carrier: Carrier, elements: Iterable[Element], encoding: Encoding) -> int:
    """Bytes of the data set part that dcmsign's MAC would not cover. Raises LimitExceeded."""
    model = DcmtkStream()
    _exhaust(model.filter(pieces(carrier, elements, encoding)))
    return model.lost_bytes


def _exhaust(stream: Iterator[Piece]) -> None:
    for _ in stream:
        pass


def digest(
    mac_algorithm: MacAlgorithm, carrier: Carrier, elements: Iterable[Element], item: Carrier, encoding: Encoding
) -> bytes:
    """The MAC: digest of the standard's stream. Raises LimitExceeded."""
    hash_ = mac_algorithm.new()
    write_stream(hash_.update, carrier, elements, item, encoding)
    return hash_.digest()
