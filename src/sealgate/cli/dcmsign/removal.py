"""`dcmsign --remove` and `--remove-all`."""

from __future__ import annotations

from sealgate.cli.dcmsign.codes import Code, Ended
from sealgate.cli.dcmsign.details import location_name
from sealgate.cli.dcmsign.run import Run
from sealgate.cli.dcmsign.verification import carriers, say_ignored
from sealgate.dicom.location import Place
from sealgate.dicom.scan import Carrier
from sealgate.dicom.splice import Edit
from sealgate.errors import SignatureNotFound, SignatureSequencesUnusable
from sealgate.signature import model
from sealgate.signature.remove import remove_signature, remove_signatures


def remove(carrier: Carrier, uid: str, run: Run) -> tuple[Edit, ...]:
    """The edits that take out the first signature with a UID. Raises Ended, after it has said what is wrong."""
    run.messages.info("removing signature from sequence item.")
    for place in carriers(carrier, run):
        for signature in model.digital_signatures(place.carrier):
            if signature.mac_id_number is None:
                run.messages.warn("Cannot read MAC ID number in DigitalSignaturesSequence.")
            if signature.digital_signature_uid == uid:
                run.messages.warn(f"Signature UID={uid}")
                _say_where(place, run)
                try:
                    return remove_signature(carrier, uid).edits
                except (SignatureNotFound, SignatureSequencesUnusable) as error:
                    raise _cannot(run) from error
    run.messages.error(f"signature with UID '{uid}' not found.")
    raise Ended(Code.SIGNATURE_UID_NOT_FOUND)


def remove_all(carrier: Carrier, run: Run) -> tuple[Edit, ...]:
    """The edits that take out all signatures. Raises Ended, after it has said what is wrong."""
    run.messages.info("removing all signatures.")
    count = 0
    for place in carriers(carrier, run):
        for signature in model.digital_signatures(place.carrier):
            count += 1
            if signature.mac_id_number is None:
                run.messages.warn("Cannot read MAC ID number in DigitalSignaturesSequence.")
            uid = signature.digital_signature_uid
            run.messages.warn(f"Signature #{count} UID={'(unknown)' if uid is None else uid}")
            _say_where(place, run)
            if signature.mac_id_number is None:
                raise _cannot(run)
        if not place.location.path:
            say_ignored(carrier, run)  # dcmsign begins to search the data set anew when a sequence in it has gone
    try:
        removal = remove_signatures(carrier)
    except SignatureSequencesUnusable as error:
        raise _cannot(run) from error
    run.messages.info(f"{count} signatures found and removed from dataset.")
    return removal.edits


def _say_where(place: Place, run: Run) -> None:
    run.messages.warn(f"  Location                    : {location_name(place.location, run.dictionary)}")


def _cannot(run: Run) -> Ended:
    run.messages.error("Tag not found: while removing signature")
    return Ended(Code.SIGNATURE_REMOVAL_FAILED)
