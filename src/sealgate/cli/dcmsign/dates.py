"""Digital Signature DateTime against the validity of the signer's certificate, compared as dcmsign does.

dcmsign takes the digits for UTC and drops the offset. So must this, where its verdict is asked for.
"""

from __future__ import annotations

import re
from datetime import datetime

from sealgate.cli.dcmsign import verdicts
from sealgate.cli.dcmsign.messages import Messages
from sealgate.cli.dcmsign.selected import Selected

_DATE_TIME = re.compile(
    r"(?P<year>[0-9]{4})(?:(?P<month>[0-9]{2})(?:(?P<day>[0-9]{2})(?:(?P<hour>[0-9]{2})(?:(?P<minute>[0-9]{2})"
    r"(?:(?P<second>[0-9]{2})(?:\.(?P<fraction>[0-9]+))?)?)?)?)?)?(?P<offset>[+-][0-9]{4})?"
)
_RANGES = {"month": (1, 12), "day": (1, 31), "hour": (0, 23), "minute": (0, 59), "second": (0, 60)}
_MAX_FRACTION_DIGITS = 20
"""Digits that are looked at; a number of more of them is costly to convert."""
_OFFSETS = range(-1200, 1401)
_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


class IllegalDate(ValueError):
    """The text is no date and time of DICOM."""


def date_verdict(selected: Selected, messages: Messages) -> str | None:
    """What is wrong with the date of a signature; None where nothing is."""
    text, certificate = selected.signature.digital_signature_datetime, selected.certificate
    assert certificate is not None
    if text is None:
        messages.warn("DigitalSignatureDateTime attribute is invalid")
        return verdicts.EXPIRED_AT_SIGNATURE
    try:
        signed_at = moment(text)
    except IllegalDate:
        return verdicts.ILLEGAL_DATE
    if signed_at is None or signed_at >= _digits(certificate.not_after):
        return verdicts.EXPIRED_AT_SIGNATURE
    if signed_at <= _digits(certificate.not_before):
        return verdicts.NOT_YET_VALID_AT_SIGNATURE
    return None


def _digits(at: datetime) -> str:
    return f"{at.year:04}{at:%m%d%H%M%S}"


def moment(text: str) -> str | None:
    """The 14 digits of a date and time, without fraction and offset; what is left out counts as the earliest.

    None where DCMTK takes the text, but OpenSSL does not know such a day or second. Raises IllegalDate.
    """
    match = _DATE_TIME.fullmatch(text)
    if match is None or (match["offset"] and int(match["offset"]) not in _OFFSETS):
        raise IllegalDate(text)
    parts = [int(match["year"])]
    for name, (lowest, highest) in _RANGES.items():
        number = int(match[name] or lowest)
        if not lowest <= number <= highest:
            raise IllegalDate(text)
        parts.append(number)
    year, month, day, *_, second = parts
    is_leap_year = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    if second == 60 and int((match["fraction"] or "0")[:_MAX_FRACTION_DIGITS]):
        raise IllegalDate(text)
    if second == 60 or day > _DAYS[month - 1] + (month == 2 and is_leap_year):
        return None
    return f"{year:04}" + "".join(f"{part:02}" for part in parts[1:])
