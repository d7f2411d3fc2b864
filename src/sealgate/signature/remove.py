"""Removing signatures: their items are cut, with the MAC parameters that no other signature uses; all else stays.

What was added by `create.sign` and is removed leaves the bytes as they were. Signatures inside Original Attributes
Sequence (0400,0561) are a record of the past and are kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sealgate.dicom import tags
from sealgate.dicom.limits import MAX_SIGNATURES
from sealgate.dicom.location import Location, Place, signature_carriers
from sealgate.dicom.scan import Carrier, items
from sealgate.dicom.splice import Change, Edit, merged
from sealgate.errors import InputError, LimitExceeded, SignatureNotFound, SignatureSequencesUnusable
from sealgate.signature import model
from sealgate.signature.model import DigitalSignature


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovedSignature:
    """A signature that goes."""

    location: Location
    digital_signature_uid: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """The edits that take signatures out of a data set, and which ones: those of items first, in the order of bytes."""

    edits: tuple[Edit, ...]
    removed: tuple[RemovedSignature, ...]


def remove_signature(data_set: Carrier, digital_signature_uid: str) -> Removal:
    """Remove one signature, at any depth; of several with this UID the first.

    Raises SignatureNotFound; SignatureSequencesUnusable where the sequences around it are damaged or it has no MAC ID
    Number, so that its MAC parameters are not known; MalformedDataSet and LimitExceeded.
    """
    damaged: SignatureSequencesUnusable | None = None
    for place in signature_carriers(data_set):
        try:
            signatures = _signatures(place)
        except SignatureSequencesUnusable as error:
            damaged = error  # Another carrier may have it.
            continue
        for number, signature in enumerate(signatures):
            if signature.digital_signature_uid == digital_signature_uid:
                changes = _cuts(place, signatures, {number})
                return Removal(edits=merged(changes), removed=(_removed(place, signature),))
    if damaged is not None:
        raise damaged
    raise SignatureNotFound(digital_signature_uid)


def remove_signatures(data_set: Carrier) -> Removal:
    """Remove every signature, at every depth; where there is none nothing changes.

    MAC parameters that no signature uses stay. Raises SignatureSequencesUnusable, MalformedDataSet and LimitExceeded.
    """
    changes: list[Change] = []
    removed: list[RemovedSignature] = []
    for place in signature_carriers(data_set):
        signatures = _signatures(place)
        removed += [_removed(place, signature) for signature in signatures]
        if len(removed) > MAX_SIGNATURES:
            raise LimitExceeded("signatures", len(removed), MAX_SIGNATURES)
        changes += _cuts(place, signatures, set(range(len(signatures))))
    return Removal(edits=merged(changes), removed=tuple(removed))


def _removed(place: Place, signature: DigitalSignature) -> RemovedSignature:
    return RemovedSignature(location=place.location, digital_signature_uid=signature.digital_signature_uid)


def _signatures(place: Place) -> list[DigitalSignature]:
    for tag in (tags.DIGITAL_SIGNATURES_SEQUENCE, tags.MAC_PARAMETERS_SEQUENCE):
        if tag in place.carrier.duplicate_tags():
            raise _unusable(place, f"{tags.written(tag)} stands twice, and readers differ in which one they look at")
    try:
        return model.digital_signatures(place.carrier)
    except InputError as error:
        raise _unusable(place, str(error)) from error


def _unusable(place: Place, reason: str) -> SignatureSequencesUnusable:
    return SignatureSequencesUnusable(f"signatures cannot be removed from {place.location}: {reason}")


def _cuts(place: Place, signatures: list[DigitalSignature], going: set[int]) -> Iterator[Change]:
    """Changes that take out the signatures with these numbers."""
    numbers = {signatures[number].mac_id_number for number in going}
    if None in numbers:
        raise _unusable(place, "a signature has no MAC ID Number (0400,0005)")
    unused = numbers - {signatures[number].mac_id_number for number in range(len(signatures)) if number not in going}
    yield from _cut_items(place, tags.DIGITAL_SIGNATURES_SEQUENCE, going)
    try:
        parameters = model.mac_parameters(place.carrier)
    except InputError as error:
        raise _unusable(place, str(error)) from error
    yield from _cut_items(
        place,
        tags.MAC_PARAMETERS_SEQUENCE,
        {number for number, item in enumerate(parameters) if item.mac_id_number in unused},
    )


def _cut_items(place: Place, tag: int, going: set[int]) -> Iterator[Change]:
    """Changes that cut the items with these numbers, and the whole sequence where none is left."""
    sequence = place.carrier.element(tag)
    if sequence is None:
        return
    whole = list(items(place.carrier, sequence))
    if len(going) == len(whole):
        cut = Edit(offset=sequence.start, cut=sequence.end - sequence.start)
        yield Change(edit=cut, enclosing=place.around_element(tag))
        return
    around = place.around_items(sequence)
    for number in sorted(going):
        item = whole[number]
        yield Change(edit=Edit(offset=item.start, cut=item.end - item.start), enclosing=around)
