"""Timestamp token: the CMS SignedData over TSTInfo (RFC 3161 2.4.2) that stands in Certified Timestamp (0400,0310)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sealgate.errors import TimestampPart, TimestampUnreadable
from sealgate.timestamp.algorithms import name_of
from sealgate.timestamp.der import first_object, integer, optional, printable, reading, within
from sealgate.timestamp.limits import (
    MAX_ACCURACY_SECONDS,
    MAX_CERTIFICATES,
    MAX_CRLS,
    MAX_EXTENSIONS,
    MAX_POLICY_CHARACTERS,
    MAX_RESPONSE_BYTES,
    MAX_STATUS_TEXT_CHARACTERS,
)
from sealgate.timestamp.signer import certificate_of

if TYPE_CHECKING:
    from asn1crypto import cms, tsp

CMS_TSP = "CMS_TSP"
"""The only defined term of Certified Timestamp Type (0400,0305)."""

SIGNED_DATA = "1.2.840.113549.1.7.2"
TST_INFO = "1.2.840.113549.1.9.16.1.4"
"""Content type of the token, and of what it signs (RFC 3161 2.4.2)."""

_GEN_TIME = re.compile(r"([0-9]{14})(?:\.([0-9]{1,20}))?Z")
_PART = TimestampPart.TOKEN


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """An extension of TSTInfo."""

    oid: str
    critical: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What a timestamp token says; nothing of it has been checked."""

    version: int
    policy: str
    """Object identifier of the policy of the TSA."""
    hash_algorithm: str
    """Name of the digest, such as SHA256, or its object identifier where it is not known."""
    imprint: bytes
    serial_number: int
    gen_time: datetime
    """Aware, in UTC; parts of a microsecond are left away."""
    gen_time_text: str
    """genTime as it stands in the token."""
    accuracy: timedelta | None
    ordering: bool
    nonce: int | None
    tsa_name: str | None
    """Name of the authority in words."""
    tsa: bytes | None
    """DER of the GeneralName of the authority."""
    extensions: tuple[Extension, ...]
    certificates: tuple[bytes, ...]
    """DER of the certificates in the token."""
    crls: tuple[bytes, ...]
    """DER of the certificate revocation lists in the token."""
    signer_certificate: bytes | None
    """DER of the certificate of the TSA, where the token has it."""
    encoded: bytes
    """The DER of the token, without anything behind it."""


def read_token(value: bytes) -> Token:
    """What a token says: the value of Certified Timestamp (0400,0310), with or without its pad byte.

    Raises TimestampUnreadable, also for what is within no limit of `sealgate.timestamp.limits`.
    """
    encoded = first_object(value, MAX_RESPONSE_BYTES, _PART)
    with reading(_PART):
        signed_data = signed_data_of(encoded)
        tst_info = _tst_info(signed_data)
        certificates = _encoded(
            optional(signed_data["certificates"]), ("certificate",), MAX_CERTIFICATES, "certificates"
        )
        crls = _encoded(optional(signed_data["crls"]), ("certificate_list",), MAX_CRLS, "CRLs")
        signers = signed_data["signer_infos"]
        imprint = tst_info["message_imprint"]
        nonce, tsa = optional(tst_info["nonce"]), optional(tst_info["tsa"])
        gen_time_text = tst_info["gen_time"].contents.decode("ascii")
        return Token(
            version=integer(tst_info["version"], _PART, "the version"),
            policy=tst_info["policy"].dotted[:MAX_POLICY_CHARACTERS],
            hash_algorithm=name_of(imprint["hash_algorithm"]["algorithm"].dotted),
            imprint=bytes(imprint["hashed_message"]),
            serial_number=integer(tst_info["serial_number"], _PART, "the serial number"),
            gen_time=_moment(gen_time_text),
            gen_time_text=gen_time_text,
            accuracy=_accuracy(optional(tst_info["accuracy"])),
            ordering=bool(tst_info["ordering"].native),
            nonce=None if nonce is None else integer(nonce, _PART, "the nonce"),
            tsa_name=None if tsa is None else _name(tsa),
            tsa=None if tsa is None else tsa.untag().dump(),
            extensions=_extensions(optional(tst_info["extensions"])),
            certificates=certificates,
            crls=crls,
            signer_certificate=certificate_of(signers[0], certificates) if len(signers) == 1 else None,
            encoded=encoded,
        )


def signed_data_of(encoded: bytes) -> cms.SignedData:
    """The SignedData of a token. To be used inside `reading`; raises TimestampUnreadable for another content type."""
    from asn1crypto import cms, tsp  # tsp tells cms what a TSTInfo is

    assert tsp
    content_info = cms.ContentInfo.load(encoded, strict=True)
    if content_info["content_type"].dotted != SIGNED_DATA:
        raise TimestampUnreadable(_PART, "it is no SignedData of CMS")
    return content_info["content"]


def _tst_info(signed_data: cms.SignedData) -> tsp.TSTInfo:
    from asn1crypto import tsp

    content = signed_data["encap_content_info"]
    if content["content_type"].dotted != TST_INFO:
        raise TimestampUnreadable(_PART, "what it signs is no TSTInfo of RFC 3161")
    return tsp.TSTInfo.load(content_of(signed_data), strict=True)


def content_of(signed_data: cms.SignedData) -> bytes:
    """The bytes that a token signs. To be used inside `reading`."""
    return bytes(signed_data["encap_content_info"]["content"])


def _encoded(choices: Any, kinds: tuple[str, ...], limit: int, what: str) -> tuple[bytes, ...]:  # noqa: ANN401
    """DER of those of a set of choices that are of the right kind."""
    if choices is None:
        return ()
    within(choices, limit, _PART, what)
    return tuple(choice.chosen.dump() for choice in choices if choice.name in kinds)


def _moment(text: str) -> datetime:
    """A GeneralizedTime in the form that RFC 3161 2.4.2 allows: seconds, perhaps with a fraction, in UTC."""
    match = _GEN_TIME.fullmatch(text)
    if match is None:
        raise TimestampUnreadable(_PART, "its genTime is no moment in UTC")
    fraction = (match[2] or "")[:6].ljust(6, "0")
    return datetime.strptime(match[1], "%Y%m%d%H%M%S").replace(microsecond=int(fraction), tzinfo=UTC)


def _accuracy(accuracy: Any) -> timedelta | None:  # noqa: ANN401
    if accuracy is None:
        return None
    numbers = []
    for part, highest in (("seconds", MAX_ACCURACY_SECONDS), ("millis", 999), ("micros", 999)):
        value = optional(accuracy[part])
        numbers.append(0 if value is None else integer(value, _PART, "the accuracy"))
        if not 0 <= numbers[-1] <= highest:
            raise TimestampUnreadable(_PART, f"its accuracy has {part} that are not within 0 to {highest}")
    return timedelta(seconds=numbers[0], milliseconds=numbers[1], microseconds=numbers[2])


def _extensions(extensions: Any) -> tuple[Extension, ...]:  # noqa: ANN401
    if extensions is None:
        return ()
    within(extensions, MAX_EXTENSIONS, _PART, "extensions")
    return tuple(
        Extension(oid=extension["extn_id"].dotted[:MAX_POLICY_CHARACTERS], critical=bool(extension["critical"].native))
        for extension in extensions
    )


def _name(general_name: Any) -> str:  # noqa: ANN401
    """A GeneralName in words."""
    name = general_name.chosen
    text = name.human_friendly if general_name.name == "directory_name" else str(name.native)
    return printable(text, MAX_STATUS_TEXT_CHARACTERS)
