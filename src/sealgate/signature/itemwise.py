"""Signing item by item: a way around the bytes that dcmsign loses, for those who ask for it, at a price.

Nothing binds a signed item to the data set, to the other items, or to its place among them. So the result is never a
data set that is fully signed: the sequences in question stay among the unsigned elements of its own signature.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from sealgate.dicom import tags
from sealgate.dicom.limits import MAX_SIGNATURES
from sealgate.dicom.location import MAIN_DATA_SET, Location, Place, find
from sealgate.dicom.scan import Carrier, Element, items, scan_item
from sealgate.dicom.splice import Edit, merged
from sealgate.dicom.transfer_syntax import TransferSyntax
from sealgate.errors import LimitExceeded, NothingSignable, ProfileNotMet
from sealgate.signature import dcmtk_stream
from sealgate.signature.create import (
    CreatedSignature,
    SigningOptions,
    elements_to_sign,
    mac_calculation_transfer_syntax,
    sign_place,
)
from sealgate.signature.profiles import NO_PROFILE, Shortfall, demanded_elements
from sealgate.signature.stream import dcmtk_losses, mac_encoding

if TYPE_CHECKING:
    from sealgate.signature.keys import Signer


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemwiseSignatures:
    """Signatures over single items, and one over the data set without their sequences."""

    main: CreatedSignature
    """The signature of the main data set; its `unsigned_elements` name the sequences that are signed item by item."""
    items: tuple[CreatedSignature, ...]
    edits: tuple[Edit, ...]


def sign_items(
    data_set: Carrier,
    syntax: TransferSyntax,
    signer: Signer,
    options: SigningOptions,
    *,
    new_uid: Callable[[], str],
    at: datetime,
) -> ItemwiseSignatures:
    """Sign so that dcmsign loses nothing of nested sequences: each sequence where it would is signed item by item.

    Items can then be left out, repeated, moved, or exchanged with those of other data sets that the same key signed,
    without any signature becoming invalid. Where dcmsign loses nothing there is one signature, as by `sign`.
    `new_uid` gives a UID for each signature. Raises what `sign` raises; ProfileNotMet where the profile asks for one of
    these sequences as a whole.
    """
    work = _Work(syntax=syntax, signer=signer, new_uid=new_uid, at=at, created=[])
    work.sign(find(data_set, MAIN_DATA_SET), options)
    edits = merged(change for signature in work.created for change in signature.changes)
    return ItemwiseSignatures(main=work.created[-1], items=tuple(work.created[:-1]), edits=edits)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """What is the same for all items."""

    syntax: TransferSyntax
    signer: Signer
    new_uid: Callable[[], str]
    at: datetime
    created: list[CreatedSignature]
    """Inner ones come first, as `merged` wants it."""

    def sign(self, place: Place, options: SigningOptions) -> None:
        """Sign the items of `place` that need it, then `place` itself."""
        chosen = elements_to_sign(place, self.syntax, self.signer, options)
        kept, split = self._split(place.carrier, chosen, options)
        if split:
            _refuse_demanded(place.carrier, split, options)
            if not kept:
                raise NothingSignable(f"{place.location} has nothing that may be signed besides such sequences")
            for sequence in split:
                self._sign_items(place, sequence, options)
            options = replace(options, elements=tuple(element.tag for element in kept))
        uid = self.new_uid()
        self.created.append(sign_place(place, self.syntax, self.signer, options, digital_signature_uid=uid, at=self.at))

    def _split(
        self, carrier: Carrier, chosen: list[Element], options: SigningOptions
    ) -> tuple[list[Element], list[Element]]:
        """(elements of which dcmsign loses nothing when they are signed together, the sequences left over)."""
        encoding = mac_encoding(mac_calculation_transfer_syntax(self.syntax, carrier))
        kept, split = chosen, []
        while dcmtk_stream.may_differ(kept):
            lost = dcmtk_losses(carrier, kept, encoding, old_format=options.old_format)
            if not lost:
                break
            split += [element for element in kept if element.tag in lost]
            kept = [element for element in kept if element.tag not in lost]
        return kept, split

    def _sign_items(self, place: Place, sequence: Element, options: SigningOptions) -> None:
        profile = NO_PROFILE if options.profile.main_data_set_only else options.profile
        options = replace(options, elements=None, profile=profile)
        for number, item in enumerate(items(place.carrier, sequence)):
            if len(self.created) == MAX_SIGNATURES:
                raise LimitExceeded("signatures", len(self.created) + 1, MAX_SIGNATURES)
            inner = Place(
                location=Location((*place.location.path, (sequence.tag, number))),
                carrier=scan_item(place.carrier, item),
                enclosing=place.around_content(sequence, item),
            )
            if inner.carrier.elements:
                self.sign(inner, options)


def _refuse_demanded(carrier: Carrier, split: list[Element], options: SigningOptions) -> None:
    demanded = {element.tag for element in demanded_elements(options.profile, carrier, options.reading)}
    for sequence in split:
        if sequence.tag in demanded:
            sentence = f"the {options.profile.title} asks for {tags.written(sequence.tag)} as a whole"
            raise ProfileNotMet(sentence, shortfall=Shortfall.ITEM_BY_ITEM)
