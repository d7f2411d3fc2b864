"""What a conversion to another transfer syntax does to the signatures in a data set."""

from __future__ import annotations

from collections.abc import Iterator

from sealgate.cli.dcmsign.run import Run
from sealgate.dicom.location import signature_carriers
from sealgate.dicom.scan import Carrier, scan
from sealgate.dicom.source import Source
from sealgate.dicom.transfer_syntax import Encoding
from sealgate.errors import InputError
from sealgate.files.scratch import inflated_in
from sealgate.signature import model
from sealgate.signature.algorithms import SHA256
from sealgate.signature.selection import is_signable, signed_elements
from sealgate.signature.stream import digest, mac_encoding


def rescanned(pieces: Iterator[bytes | memoryview], encoding: Encoding, run: Run) -> Carrier:
    """The data set of `pieces`, kept in scratch space so that memory does not grow with it."""
    return scan(Source(inflated_in(None)(pieces)), encoding, dictionary=run.dictionary)


def conversion_breaks(before: Carrier, after: Carrier) -> Iterator[str | None]:
    """UIDs of the signatures whose MAC stream is another one after a conversion.

    In implicit VR the VRs are those of the dictionary, whatever they were: pixel data of VR OB becomes OW, and what the
    dictionary does not know becomes UN.
    """
    for old, new in zip(signature_carriers(before), signature_carriers(after), strict=False):
        try:
            pairs = list(
                zip(_streams(old.carrier), _streams(new.carrier), model.digital_signatures(old.carrier), strict=True)
            )
        except (InputError, ValueError):
            continue  # what cannot be read was not good before
        for was, becomes, signature in pairs:
            if was is not None and was != becomes:
                yield signature.digital_signature_uid


def _streams(carrier: Carrier) -> list[bytes | None]:
    """For each signature of a carrier the digest of its MAC stream, if it has one."""
    parameters = {one.mac_id_number: one for one in reversed(model.mac_parameters(carrier))}
    found: list[bytes | None] = []
    for signature in model.digital_signatures(carrier):
        own = parameters.get(signature.mac_id_number)
        if own is None or own.data_elements_signed is None:
            found.append(None)
            continue
        elements = signed_elements(carrier, own.data_elements_signed)
        if not all(is_signable(element) for element in elements):
            found.append(None)
            continue
        encoding = mac_encoding(own.mac_calculation_transfer_syntax_uid or "")
        found.append(digest(SHA256, carrier, elements, signature.item, encoding))
    return found
