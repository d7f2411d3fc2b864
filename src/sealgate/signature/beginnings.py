"""What a MAC, and the digest of what goes out, will have taken when the large value of a data set begins.

For `dicom.ahead`: these are guesses from the elements that come first, and where they are wrong nothing is lost but
time; see there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Final

from sealgate.dicom.ahead import MIN_VALUE_BYTES, Ahead
from sealgate.dicom.digest import Digest
from sealgate.dicom.location import main_place
from sealgate.dicom.scan import Carrier, Element
from sealgate.dicom.splice import merged, segments
from sealgate.dicom.transfer_syntax import Encoding, TransferSyntax
from sealgate.signature import model
from sealgate.signature.algorithms import MAC_ALGORITHMS, MacAlgorithm
from sealgate.signature.create import (
    SigningOptions,
    free_mac_id_number,
    mac_calculation_transfer_syntax,
    parameters_change,
)
from sealgate.signature.profiles import demanded_elements
from sealgate.signature.selection import chosen_elements, signed_elements
from sealgate.signature.stream import mac_encoding, write_data_set_part

MAX_VERIFIED: Final = 2
"""MACs of signatures that are there which are calculated ahead."""


def hashing_ahead(
    syntax: TransferSyntax,
    *,
    options: SigningOptions | None,
    verifies: bool,
    min_value_bytes: int = MIN_VALUE_BYTES,
) -> Ahead | None:
    """What is to be fed with a data set in `syntax` that will be verified, signed with `options`, or both.

    None where there is nothing to gain. Once all has arrived, `Source.ahead` takes it.
    """
    if syntax.encoding is not Encoding.EXPLICIT_LE or syntax.encapsulated or syntax.deflated:
        return None
    if options is None and not verifies:
        return None

    def beginnings(carrier: Carrier) -> Iterator[Digest]:
        if verifies:
            yield from _of_verification(carrier)
        if options is not None:
            yield from _of_signing(carrier, syntax, options)

    return Ahead(beginnings, min_value_bytes=min_value_bytes)


def _of_signing(carrier: Carrier, syntax: TransferSyntax, options: SigningOptions) -> Iterator[Digest]:
    """The MAC of a signature over the main data set, and the SHA-256 of the data set with the signature in it."""
    chosen = chosen_elements(carrier, options.elements, demanded_elements(options.profile, carrier, options.reading))
    uid = mac_calculation_transfer_syntax(syntax, carrier)
    yield from _mac(options.mac_algorithm, carrier, chosen, uid, old_format=options.old_format)
    signed = tuple(element.tag for element in chosen)
    change = parameters_change(main_place(carrier), free_mac_id_number(carrier), uid, options.mac_algorithm, signed)
    begin, outgoing = carrier.elements[-1].value_start, hashlib.sha256()
    for segment in segments(begin, [edit for edit in merged((change,)) if edit.offset < begin]):
        outgoing.update(segment if isinstance(segment, bytes) else carrier.source.view[segment.start : segment.end])
    yield outgoing


def _of_verification(carrier: Carrier) -> Iterator[Digest]:
    """The MACs of the signatures that the main data set has already."""
    for parameters in model.mac_parameters(carrier)[:MAX_VERIFIED]:
        algorithm = MAC_ALGORITHMS.get(parameters.mac_algorithm or "")
        uid, listed = parameters.mac_calculation_transfer_syntax_uid, parameters.data_elements_signed
        if algorithm is not None and algorithm.for_creation and uid is not None and listed is not None:
            yield from _mac(algorithm, carrier, signed_elements(carrier, listed), uid)


def _mac(
    algorithm: MacAlgorithm, carrier: Carrier, elements: list[Element], uid: str, *, old_format: bool = False
) -> Iterator[Digest]:
    """The MAC up to the value of the last element of `carrier`; nothing where that does not enter it as it stands."""
    last = carrier.elements[-1]
    if algorithm.for_creation and elements and elements[-1] is last and mac_encoding(uid) is carrier.encoding:
        mac = algorithm.new()
        write_data_set_part(mac.update, carrier, elements[:-1], carrier.encoding, old_format=old_format)
        mac.update(carrier.source.view[last.start : last.value_start])
        yield mac
