"""The details of a signature that --verbose shows, line by line as dcmsign does."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sealgate.cli.dcmsign.certificate import Certificate, read_certificate
from sealgate.cli.dcmsign.run import Run
from sealgate.cli.dcmsign.selected import Selected
from sealgate.cli.dcmsign.settings import TimestampPolicy
from sealgate.dicom import tags
from sealgate.dicom.dictionary import Dictionary
from sealgate.dicom.location import Location
from sealgate.errors import KeyUnusable
from sealgate.signature.keys import KeyType

if TYPE_CHECKING:
    from cryptography import x509

    from sealgate.timestamp.token import Token

_UNKNOWN = "(unknown)"
_LONG_BITS = 63
"""A serial number that does not fit a `long` is shown as -1."""


def label(text: str, *, verbose: bool) -> str:
    """A label with its colon; with details around it, it is padded to their column."""
    return f"  {text:28}: " if verbose else f"  {text} : "


def location_name(location: Location, dictionary: Dictionary) -> str:
    """The written form of a location with the names of `dictionary`."""
    if not location.path:
        return str(location)
    return ".".join(f"{dictionary.keyword(tag) or tags.written(tag)}[{number}]" for tag, number in location.path)


def show_signature(selected: Selected, count: int, run: Run) -> None:
    """Number and UID of a signature, and with --verbose everything in it."""
    signature, messages = selected.signature, run.messages
    uid = signature.digital_signature_uid
    messages.warn(f"Signature #{count} UID={_UNKNOWN if uid is None else uid}")
    if not messages.is_verbose:
        return
    own = selected.parameters
    messages.info(f"  Location                    : {location_name(selected.place.location, run.dictionary)}")
    messages.info(f"  MAC ID                      : {_or_unknown(signature.mac_id_number)}")
    messages.info(f"  MAC algorithm               : {_or_unknown(None if own is None else own.mac_algorithm)}")
    uid = None if own is None else own.mac_calculation_transfer_syntax_uid
    messages.info(f"  MAC calculation xfer syntax : {_or_unknown(None if not uid else transfer_syntax_name(uid))}")
    _show_elements(selected, run)
    messages.info(f"  Signature date/time         : {_or_unknown(signature.digital_signature_datetime)}")
    messages.info(f"  Signature purpose           : {_purpose(selected)}")
    messages.info("  Certificate of signer       : ")
    show_certificate(selected.certificate, run)


def _or_unknown(value: object) -> object:
    return _UNKNOWN if value is None else value


def transfer_syntax_name(uid: str) -> str:
    """The name of a transfer syntax as DCMTK writes it, behind an equals sign; the UID where it has none."""
    from sealgate.cli.dcmsign.syntax_names import NAMES

    name = NAMES.get(uid)
    return uid if name is None else f"={name}"


def _show_elements(selected: Selected, run: Run) -> None:
    own = selected.parameters
    if own is None or (own.data_elements_signed is None and not selected.lists_nothing):
        run.messages.info("  Data elements signed        : (unknown)")
        return
    run.messages.info("  Data elements signed        :")
    for tag in own.data_elements_signed or ():
        run.messages.info(f"      {tags.written(tag)} {run.dictionary.dcmtk_name(tag)}")


def _purpose(selected: Selected) -> str:
    from sealgate.signature.purposes import purpose_of

    purpose = None if selected.parameters is None else purpose_of(selected.signature.item)
    if purpose is None:
        return "(not specified)"
    return f"{purpose.code_meaning} ({purpose.code_value}, {purpose.coding_scheme_designator})"


def show_certificate(certificate: Certificate | None, run: Run) -> None:
    """The lines about a certificate."""
    messages = run.messages
    if certificate is None or certificate.key_type is None:
        messages.info("      none")
        return
    try:
        parsed = certificate.parsed()
        subject, issuer, serial = _one_line(parsed.subject), _one_line(parsed.issuer), parsed.serial_number
    except (KeyUnusable, ValueError):  # names are decoded only when they are asked for
        messages.info("      (cannot be decoded)")
        return
    messages.info(f"      X.509v{parsed.version.value + 1}")
    messages.info(f"      Subject                 : {subject}")
    messages.info(f"      Issued by               : {issuer}")
    messages.info(f"      Serial no.              : {serial if serial.bit_length() <= _LONG_BITS else -1}")
    messages.info(f"      Validity                : not before {openssl_time(certificate.not_before)}")
    messages.info(f"      Validity                : not after {openssl_time(certificate.not_after)}")
    messages.info(f"      Public key              : {key_description(certificate)}")


def key_description(certificate: Certificate) -> str:
    """Kind and size of a key, such as `RSA, 2048 bits`."""
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

    key, bits = certificate.public_key, certificate.key_size
    if certificate.key_type is KeyType.EC and isinstance(key, EllipticCurvePublicKey):
        return f"EC, curve {_CURVES.get(key.curve.name, key.curve.name)}, {bits} bits"
    return f"{certificate.key_type}, {bits} bits"


_CURVES = {"secp256r1": "prime256v1", "secp192r1": "prime192v1"}
"""Names of curves that OpenSSL calls otherwise than cryptography does; the others differ in case at most."""


def openssl_time(at: datetime) -> str:
    """A moment as OpenSSL prints it, such as `Jul  8 23:33:44 2025 GMT`."""
    utc = at.astimezone(UTC)
    return f"{_MONTHS[utc.month - 1]} {utc.day:2} {utc:%H:%M:%S} {utc.year} GMT"


_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()


_SHORT_NAMES = {
    "2.5.4.3": "CN", "2.5.4.4": "SN", "2.5.4.5": "serialNumber", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST",
    "2.5.4.9": "street", "2.5.4.10": "O", "2.5.4.11": "OU", "2.5.4.12": "title", "2.5.4.13": "description",
    "2.5.4.15": "businessCategory", "2.5.4.17": "postalCode", "2.5.4.41": "name", "2.5.4.42": "GN",
    "2.5.4.43": "initials", "2.5.4.44": "generationQualifier", "2.5.4.46": "dnQualifier", "2.5.4.65": "pseudonym",
    "2.5.4.97": "organizationIdentifier", "1.2.840.113549.1.9.1": "emailAddress",
    "0.9.2342.19200300.100.1.1": "UID", "0.9.2342.19200300.100.1.25": "DC",
}  # fmt: skip
"""Short names of OpenSSL for the attributes of names."""


def _short_name(oid: str) -> str:
    return _SHORT_NAMES.get(oid, oid)


_MAX_NAME_CHARACTERS = 2047
"""What dcmsign has room for."""


def _one_line(name: x509.Name) -> str:
    """A name in OpenSSL's old form, such as `/C=XX/CN=Signer`; bytes that are no printable ASCII as `\\xHH`."""
    parts = []
    for attribute in name:
        value = attribute.value.encode("utf-8") if isinstance(attribute.value, str) else bytes(attribute.value)
        shown = "".join(chr(byte) if 0x20 <= byte <= 0x7E else f"\\x{byte:02X}" for byte in value)
        parts.append(f"/{_short_name(attribute.oid.dotted_string)}={shown}")
    return "".join(parts)[:_MAX_NAME_CHARACTERS]


def show_timestamp(token: Token | None, policy: TimestampPolicy, run: Run) -> None:
    """The lines about a certified timestamp, as far as the policy has it looked at."""
    messages = run.messages
    if not messages.is_verbose:
        return
    title = "  Certified timestamp         : "
    if token is None:
        messages.info(f"{title}absent{_BUT_REQUIRED if policy is TimestampPolicy.REQUIRE else ''}")
        return
    if policy is TimestampPolicy.IGNORE:
        messages.info(f"{title}present, but ignored according to timestamp policy")
        return
    messages.info(f"{title}CMS_TSP version {token.version}")
    messages.info(f"      Policy OID              : {token.policy}")
    messages.info(f"      Imprint MAC algorithm   : {token.hash_algorithm.lower()}")
    messages.info(f"      Serial number           : {_hexadecimal(token.serial_number)}")
    messages.info(f"      Nonce                   : {'none' if token.nonce is None else _hexadecimal(token.nonce)}")
    messages.info(f"      TSA Name                : {'none' if token.tsa is None else _general_name(token.tsa)}")
    messages.info(f"      Ordering                : {str(token.ordering).lower()}")
    messages.info(f"      Accuracy                : {_accuracy(token)}")
    messages.info(f"      Timestamp               : {token.gen_time_text}")
    messages.info(f"      Extensions              :{'' if token.extensions else ' none'}")
    for extension in token.extensions:
        messages.info(f"        - {extension.oid}")


_BUT_REQUIRED = ", but required by timestamp policy"


def _general_name(der: bytes) -> str:
    """A GeneralName as OpenSSL prints it, such as `DirName:C = XX, CN = TSA`."""
    from asn1crypto import x509 as asn1_x509

    name = asn1_x509.GeneralName.load(der)
    if name.name != "directory_name":
        return f"{_KINDS_OF_NAMES.get(name.name, name.name)}:{name.chosen.native}"
    parts = []
    for relative in name.chosen.chosen:
        values = (f"{_short_name(one['type'].dotted)} = {one['value'].native}" for one in relative)
        parts.append(" + ".join(values))
    return f"DirName:{', '.join(parts)}"


_KINDS_OF_NAMES = {
    "rfc822_name": "email",
    "dns_name": "DNS",
    "uniform_resource_identifier": "URI",
    "ip_address": "IP Address",
    "registered_id": "Registered ID",
}


def _hexadecimal(number: int) -> str:
    return f"-0x{-number:X}" if number < 0 else f"0x{number:X}"


def _accuracy(token: Token) -> str:
    """Seconds with three decimals, or six where there are microseconds."""
    if token.accuracy is None:
        return "not specified"
    micros = token.accuracy.microseconds
    seconds = token.accuracy.days * 86400 + token.accuracy.seconds
    decimals = f"{micros:06}" if micros % 1000 else f"{micros // 1000:03}"
    return f"{seconds}.{decimals}s"


def show_tsa_certificate(der: bytes, run: Run) -> None:
    """The lines about the certificate of a time stamping authority."""
    if not run.messages.is_verbose:
        return
    run.messages.info("  Timestamp signature certificate: ")
    show_certificate(read_certificate(der), run)
