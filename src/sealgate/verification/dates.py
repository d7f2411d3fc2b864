"""Digital Signature DateTime (0400,0105): the signer's claim, held against the certificate and the time of judging."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

from sealgate.signature.check import Problem
from sealgate.signature.reasons import Reason

if TYPE_CHECKING:
    from cryptography import x509

CLOCK_TOLERANCE = timedelta(minutes=5)
"""How far the clock of a signer may be ahead of ours, or of its certificate authority's."""

EARLIEST_OFFSET, LATEST_OFFSET = timedelta(hours=-12), timedelta(hours=14)
"""The range of offsets from UTC of a DT value (PS3.5 6.2)."""

_DT = re.compile(r"(\d{4})(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:\.(\d{1,6})\d*)?)?)?)?)?)?([+-]\d{4})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedTime:
    """The span of time that a DT value with its precision stands for."""

    earliest: datetime
    latest: datetime
    has_offset: bool
    is_complete: bool = True
    """Whether it goes to the second."""

    def span(self) -> tuple[datetime, datetime]:
        """The earliest and the latest moment that can be meant; without offset it is local time somewhere on earth.

        Raises OverflowError at the ends of the calendar.
        """
        if self.has_offset:
            return self.earliest, self.latest
        return self.earliest - LATEST_OFFSET, self.latest - EARLIEST_OFFSET


def earliest_moment(value: str) -> datetime | None:
    """The earliest moment that a DT value can mean; None where it is none."""
    try:
        return parse(value).span()[0]
    except (ValueError, OverflowError):
        return None


def parse(value: str) -> ClaimedTime:
    """Parse a DT value (PS3.5 6.2); parts that are left out widen the span, for an offset see `ClaimedTime.span`.

    Raises ValueError.
    """
    match = _DT.fullmatch(value)
    if not match:
        raise ValueError("no DT value")
    year, month, day, hour, minute, second, fraction = match.groups()[:7]
    zone = _zone(match[8])
    second = "59" if second == "60" else second  # a leap second
    microsecond = int((fraction or "").ljust(6, "0"))
    numbers = [int(part) for part in (year, month or 1, day or 1, hour or 0, minute or 0, second or 0)]
    earliest = datetime(*numbers, microsecond, tzinfo=zone)  # type: ignore[misc, arg-type]
    if month is None:
        latest = earliest.replace(month=12, day=31) + timedelta(days=1)
    elif day is None:
        latest = (earliest + timedelta(days=31)).replace(day=1)
    elif hour is None:
        latest = earliest + timedelta(days=1)
    elif minute is None:
        latest = earliest + timedelta(hours=1)
    else:
        latest = earliest + (timedelta(minutes=1) if second is None else timedelta(0))
    has_offset, is_complete = match[8] is not None, second is not None
    return ClaimedTime(earliest=earliest, latest=latest, has_offset=has_offset, is_complete=is_complete)


def _zone(offset: str | None) -> timezone:
    if offset is None:
        return UTC
    minutes = int(offset[1:3]) * 60 + int(offset[3:])
    return timezone(timedelta(minutes=-minutes if offset[0] == "-" else minutes))


def check_dates(value: str | None, certificate: x509.Certificate, at: datetime) -> list[Problem]:
    """Problems of the claimed time: absent, unreadable, outside of the certificate's validity, or after `at`.

    `at` is the proven moment (aware): that of a verified token, of the first receipt, or of judging.
    """
    if value is None:
        return [Problem(reason=Reason.DATETIME_MISSING, text="Digital Signature DateTime (0400,0105) is absent")]
    try:
        claimed = parse(value)
        earliest, latest = claimed.span()
    except (ValueError, OverflowError):
        return [
            Problem(
                reason=Reason.DATETIME_UNREADABLE, text="Digital Signature DateTime (0400,0105) is no date and time"
            )
        ]
    problems = []
    if not claimed.has_offset:
        text = "Digital Signature DateTime has no offset from UTC; it was taken for the local time of any place"
        problems.append(Problem(reason=Reason.DATETIME_WITHOUT_OFFSET, text=text))
    if not claimed.is_complete:
        text = "Digital Signature DateTime does not go to the second; it was taken for the whole span that it names"
        problems.append(Problem(reason=Reason.DATETIME_INCOMPLETE, text=text))
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if latest < begins - CLOCK_TOLERANCE or earliest > ends:
        validity = f"the certificate is valid from {begins:%F %T} to {ends:%F %T} UTC"
        text = f"signed at {claimed.earliest.isoformat()}, but {validity}"
        problems.append(Problem(reason=Reason.SIGNED_OUTSIDE_CERTIFICATE_VALIDITY, text=text))
    if earliest > at + CLOCK_TOLERANCE:
        text = f"signed at {claimed.earliest.isoformat()}, which lies after the time of judging"
        problems.append(Problem(reason=Reason.SIGNED_AFTER_VALIDATION_TIME, text=text))
    return problems
