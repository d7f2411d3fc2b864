"""The whole MAC of one signature: the data set part, then the item of the signature itself (PS3.3 C.12.1.1.3.1.1)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sealgate.dicom import tags, transfer_syntax
from sealgate.dicom.digest import Digest
from sealgate.dicom.plain import is_normal
from sealgate.dicom.scan import Carrier, Element
from sealgate.dicom.transfer_syntax import Encoding
from sealgate.dicom.walk import Kind
from sealgate.signature.algorithms import MacAlgorithm
from sealgate.signature.dcmtk_stream import DcmtkStream, concerned, fits_into_buffer
from sealgate.signature.mac import Normalised, Piece, Update, feed, merged_pieces, parts, pieces
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
    write_data_set_part(update, carrier, list(elements), encoding, old_format=old_format, normalised=normalised)
    feed(update, item.source, merged_pieces(item, signature_item_elements(item), encoding))


def write_data_set_part(
    update: Update,
    carrier: Carrier,
    elements: Sequence[Element],
    encoding: Encoding,
    *,
    old_format: bool = False,
    normalised: Normalised | None = None,
) -> None:
    """Give the part of `write_stream` that comes before the item to `update`."""
    stream = merged_pieces(carrier, elements, encoding, old_format=old_format, normalised=normalised)
    feed(update, carrier.source, stream)


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
    signed = concerned(elements)
    if fits_into_buffer(carrier, signed):
        return losses
    for part, is_plain in parts(carrier, signed):
        if is_plain and carrier.encoding is encoding:
            model.pass_over(part)
            continue
        for element in part:
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
    """The MAC: digest of the standard's stream; see `write_stream`. Raises LimitExceeded.

    Signatures that follow each other over the same elements differ in their items alone. So where the work is shared,
    what comes before the item is hashed once.
    """
    signed = list(elements)
    work = carrier.source.work
    key = (id(carrier), carrier.start, mac_algorithm, encoding, old_format, signed)
    if work is not None and work.remembered is not None and work.remembered[0] == key:
        remembered = work.remembered[1]
    else:
        remembered = _data_set_part(mac_algorithm, carrier, signed, encoding, old_format)
        if work is not None:
            work.remembered = key, remembered
    assert isinstance(remembered, _DataSetPart)
    if normalised is not None:
        normalised.uids.update(remembered.normalised.uids)
        normalised.padded.update(remembered.normalised.padded)
    hash_ = remembered.hash.copy()
    feed(hash_.update, item.source, merged_pieces(item, signature_item_elements(item), encoding))
    return hash_.digest()


@dataclass(frozen=True, slots=True)
class _DataSetPart:
    """The MAC as far as the data set goes."""

    carrier: Carrier
    """Kept, so that no other one can take its identity."""
    hash: Digest
    normalised: Normalised


def _data_set_part(
    mac_algorithm: MacAlgorithm, carrier: Carrier, elements: list[Element], encoding: Encoding, old_format: bool
) -> _DataSetPart:
    mac, normalised = mac_algorithm.new(), Normalised()
    index = _index_of_hashed(carrier, elements) if carrier.encoding is encoding else None
    if index is not None:
        value = elements[index]
        before = elements[:index]
        write_data_set_part(mac.update, carrier, before, encoding, old_format=old_format, normalised=normalised)
        mac = carrier.source.hashed(mac, value.start, value.end)
        elements = elements[index + 1 :]
    write_data_set_part(mac.update, carrier, elements, encoding, old_format=old_format, normalised=normalised)
    return _DataSetPart(carrier, mac, normalised)


def _index_of_hashed(carrier: Carrier, elements: list[Element]) -> int | None:
    """Which of `elements` has the value that was hashed ahead, where it enters the MAC as it stands."""
    ahead = carrier.source.ahead
    if ahead is None:
        return None
    for index, (_, element_vr, kind, _, value_start, value_end, _, _, _) in enumerate(elements):
        if value_start == ahead.start:
            is_whole = kind is Kind.ELEMENT and value_end == ahead.end
            is_kept = is_whole and is_normal(carrier.source.view, element_vr.padding, value_start, value_end)
            return index if is_kept else None
    return None
