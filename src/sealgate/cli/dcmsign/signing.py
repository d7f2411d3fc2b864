"""`dcmsign --sign` and `--sign-item`: one more signature, with dcmsign's checks, warnings and words for what fails."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm

from sealgate.cli.dcmsign.certificate import Certificate
from sealgate.cli.dcmsign.codes import Code, Ended
from sealgate.cli.dcmsign.credentials import Credentials
from sealgate.cli.dcmsign.details import openssl_time
from sealgate.cli.dcmsign.placing import NoSuchItem, locate
from sealgate.cli.dcmsign.run import Run
from sealgate.cli.dcmsign.settings import Command, Settings, TimestampFiles
from sealgate.dicom import tags
from sealgate.dicom.location import Place, main_place
from sealgate.dicom.part10 import DataSet
from sealgate.dicom.scan import Carrier
from sealgate.dicom.splice import Edit
from sealgate.errors import (
    CannotSign,
    ConfigurationError,
    DuplicateElement,
    ElementNotSignable,
    KeyUnusable,
    MacIdNumbersUsedUp,
    NothingSignable,
    ProfileNotMet,
)
from sealgate.library.uids import new_uid
from sealgate.signature.algorithms import MAC_ALGORITHMS
from sealgate.signature.create import CreatedSignature, SigningOptions, sign_place, write_mac_stream
from sealgate.signature.keys import KeySigner
from sealgate.signature.profiles import (
    PROFILES,
    Profile,
    ProfileName,
    Reading,
    Shortfall,
    demanded_elements,
    has_verification_signature,
    is_verified,
)
from sealgate.signature.purposes import PURPOSES
from sealgate.signature.selection import is_signable

_MISMATCH = "certificate and private key do not match"
_WRONG_KEY = "signature algorithm not allowed for the selected security profile"
_UNSUITABLE = "dataset not suitable for the selected security profile"
_REQUIRED_MISSING = "cannot create signature for current signature profile: required attributes missing"
_NOT_SIGNABLE = "list of attributes to be signed contains attribute that is not signable"
_EMPTY = "selected dataset or item is empty, nothing to sign"
_NOT_FOUND = "Tag not found"
_NO_LOCATION = "desired signature location not found"
_WRONG_TRANSFER_SYNTAX = "unable to use the selected transfer syntax for MAC computation"
_NO_MAC_IDS = "no more MAC ID numbers available"
_OPENSSL_FAILED = "an OpenSSL call has failed"
_BAD_OID = "invalid object identifier (OID) string"
_NO_QUERY_FILE = "unable to write time stamp query file"

_REPORT = (0x0040A040, 0x0040A043, 0x0040A730)
"""Value Type, Concept Name Code Sequence and Content Sequence: what dcmsign tells a structured report by."""


class _Failed(Exception):
    """Signing failed; str() is what dcmsign says in front of where it was."""


def sign(
    data_set: DataSet, carrier: Carrier, credentials: Credentials, settings: Settings, run: Run
) -> tuple[Edit, ...]:
    """The edits that put a new signature into the data set. Raises Ended, after it has said what is wrong."""
    in_item = settings.command is Command.SIGN_ITEM
    run.messages.info(f"create signature in {'sequence item' if in_item else 'main object'}.")
    try:
        place = _place(carrier, settings, run)
        created = _created(data_set, place, credentials, settings, run)
        if settings.dump is not None:
            write_mac_stream(settings.dump.write, carrier, created)
        if settings.timestamp is not None:
            _write_request(created, settings.timestamp, run)
    except _Failed as failure:
        where = f"item '{settings.location}'" if in_item else "main dataset"
        run.messages.error(f"{failure} while creating signature in {where}")
        raise Ended(Code.SIGNATURE_CREATION_FAILED) from failure
    return created.edits


def _place(carrier: Carrier, settings: Settings, run: Run) -> Place:
    if settings.command is not Command.SIGN_ITEM:
        return main_place(carrier)
    try:
        return locate(carrier, settings.location, run)
    except NoSuchItem as error:
        raise _Failed(_NO_LOCATION) from error


def _created(
    data_set: DataSet, place: Place, credentials: Credentials, settings: Settings, run: Run
) -> CreatedSignature:
    profile = PROFILES[ProfileName(settings.profile)]
    _inspect(profile, place, run)
    signer = _signer(credentials, profile)
    _warn_about(credentials, run)
    wanted = _wanted(profile, place.carrier, settings, run)
    if profile.purpose is not None and settings.purpose not in (None, profile.purpose.code):
        run.messages.warn(
            f"Signature profile requires purpose code {profile.purpose.code},"
            f" ignoring user selection {settings.purpose}."
        )
    options = SigningOptions(
        mac_algorithm=MAC_ALGORITHMS[settings.mac_algorithm],
        elements=wanted,
        profile=profile,
        purpose=None if settings.purpose is None else PURPOSES[settings.purpose],
        reading=Reading.DCMTK,
        old_format=settings.old_format,
    )
    try:
        created = sign_place(
            place, data_set.syntax, signer, options, digital_signature_uid=new_uid(), at=datetime.now(UTC)
        )
    except KeyUnusable as error:
        run.messages.error(str(error))
        raise _Failed(_OPENSSL_FAILED) from error
    except CannotSign as error:
        raise _Failed(_reason(error, run)) from error
    if created.dcmtk_lost_bytes:
        run.messages.warn(
            f"dcmsign will call this signature corrupted: its own MAC leaves out {created.dcmtk_lost_bytes} bytes of"
            " nested sequences"
        )
    return created


def _reason(error: CannotSign, run: Run) -> str:
    """What dcmsign says in such a case, or where it would go on, what is next to it."""
    if isinstance(error, ProfileNotMet):
        return _UNSUITABLE if error.shortfall in (Shortfall.DATA_SET, Shortfall.CARRIER) else _REQUIRED_MISSING
    if isinstance(error, NothingSignable):
        return _EMPTY
    if isinstance(error, MacIdNumbersUsedUp):
        return _NO_MAC_IDS
    run.messages.error(str(error))
    return _NOT_SIGNABLE if isinstance(error, DuplicateElement | ElementNotSignable) else _WRONG_TRANSFER_SYNTAX


def _inspect(profile: Profile, place: Place, run: Run) -> None:
    """Whether the data set is of the kind that a profile is for, and what is to be said about it."""
    if not profile.structured_report:
        return
    if any(place.carrier.element(tag) is None for tag in _REPORT):
        raise _Failed(_UNSUITABLE)
    if profile.purpose is not None:
        if not is_verified(place.carrier):
            raise _Failed(_UNSUITABLE)
    elif is_verified(place.carrier) and not has_verification_signature(place.carrier):
        run.messages.warn("SR document status is 'VERIFIED', but the verification signature is missing")


def _signer(credentials: Credentials, profile: Profile) -> KeySigner:
    from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa

    key, certificate = credentials.private_key, credentials.certificate
    if key.public_key() != _public_key(certificate):
        raise _Failed(_MISMATCH)
    if not isinstance(key, rsa.RSAPrivateKey | dsa.DSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise _Failed(_WRONG_KEY)
    if profile.rsa_only and not isinstance(key, rsa.RSAPrivateKey):
        raise _Failed(_WRONG_KEY)
    return KeySigner(key, certificate.der)


def _public_key(certificate: Certificate) -> object:
    """The key of a certificate, of whatever kind."""
    if certificate.public_key is not None:
        return certificate.public_key
    try:
        return certificate.parsed().public_key()
    except (KeyUnusable, ValueError, UnsupportedAlgorithm):
        return None


def _warn_about(credentials: Credentials, run: Run) -> None:
    """Weak keys and certificates that are not valid now are used all the same."""
    certificate, now = credentials.certificate, datetime.now(UTC)
    if certificate.is_weak:
        run.messages.warn(f"Certificate contains a weak key: {certificate.key_type}, {certificate.key_size} bits")
    if now > certificate.not_after:
        moment = openssl_time(certificate.not_after)
        run.messages.warn(f"Certificate has expired {moment}, signature will be invalid.")
    if now < certificate.not_before:
        moment = openssl_time(certificate.not_before)
        run.messages.warn(f"Certificate is not yet valid, validity starts {moment}, signature will be invalid.")


def _wanted(profile: Profile, carrier: Carrier, settings: Settings, run: Run) -> tuple[int, ...] | None:
    """The tags to be signed, those of the profile among them; None: all that may be signed.

    An element that is wanted and may not be signed comes before one that is wanted and not there.
    """
    elements = {element.tag: element for element in reversed(carrier.elements)}
    if not carrier.elements:
        raise _Failed(_EMPTY)
    demanded = [element.tag for element in demanded_elements(profile, carrier, Reading.SEALGATE)]
    listed = sorted({*(settings.tags or ()), *profile.required, *demanded})
    for tag in listed:
        element = elements.get(tag)
        if element is not None and not is_signable(element):
            run.messages.info(
                "List of attributes to be signed contains unsignable element"
                f" {tags.written(tag)} {run.dictionary.dcmtk_name(tag)}"
            )
            raise _Failed(_NOT_SIGNABLE)
    if any(tag not in elements for tag in profile.required):
        raise _Failed(_REQUIRED_MISSING)
    absent = [tag for tag in settings.tags or () if tag not in elements]
    for tag in absent:
        run.messages.error(f"attribute {tags.written(tag)} should be signed but is not present in the dataset.")
    if absent:
        raise _Failed(_NOT_FOUND)
    return None if settings.tags is None else tuple(listed)


def _write_request(created: CreatedSignature, files: TimestampFiles, run: Run) -> None:
    """Write the query for a timestamp and the UID file."""
    import secrets

    from sealgate.timestamp.query import NONCE_BITS
    from sealgate.timestamp.request import QueryOptions, request_while_signing

    options = QueryOptions(
        algorithm=MAC_ALGORITHMS[files.mac_algorithm],
        nonce=secrets.randbits(NONCE_BITS) if files.nonce else None,
        certificate_required=files.certificate,
        policy=files.policy or None,
    )
    try:
        request = request_while_signing(created, options)
    except ConfigurationError as error:
        run.messages.warn(f"Cannot convert {files.policy} to OID.")
        raise _Failed(_BAD_OID) from error
    try:
        Path(files.query).write_bytes(request.query)
    except (OSError, ValueError) as error:
        run.messages.warn(f"Unable to create time stamp query file '{files.query}'")
        raise _Failed(_NO_QUERY_FILE) from error
    try:
        Path(files.uid).write_bytes(request.uid_file)
    except (OSError, ValueError) as error:
        raise _Failed(getattr(error, "strerror", None) or str(error)) from error
