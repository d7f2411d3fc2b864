"""Digital Signature DateTime: what a DT value stands for, and what it is held against."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sealgate.signature.reasons import Reason
from sealgate.verification.dates import CLOCK_TOLERANCE, check_dates, earliest_moment, parse
from support.pki import DAY, YEAR, Authority

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)


LOCAL = (
    *("20260301120000", "20260302020000", "20260301235959", "20260302020501"),
    *("20260301000000", "20260228235459"),
)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]


PARSED = {
    "20260301120000.000000+0000": (AT, AT, True),
    "20260301120000.123456+0000": (AT + timedelta(microseconds=123456),) * 2 + (True,),
    "20260301120000.5-0000": (AT + timedelta(milliseconds=500),) * 2 + (True,),
    "20260301130000+0100": (AT, AT, True),
    "20260301063000-0530": (AT, AT, True),
    "20260302020000+1400": (AT, AT, True),
    "20260301120000": (AT, AT, False),
    "20260301120060": (AT + timedelta(seconds=59),) * 2 + (False,),
    "202603011200+0000": (AT, AT + timedelta(minutes=1), True),
    "2026030112": (AT, AT + HOUR, False),
    "20260301": (utc(2026, 3, 1), utc(2026, 3, 2), False),
    "202602": (utc(2026, 2, 1), utc(2026, 3, 1), False),
    "202612": (utc(2026, 12, 1), utc(2027, 1, 1), False),
    "2026": (utc(2026, 1, 1), utc(2027, 1, 1), False),
    "2026+0100": (utc(2025, 12, 31, 23), utc(2026, 12, 31, 23), True),
    "20240229": (utc(2024, 2, 29), utc(2024, 3, 1), False),
}


@pytest.mark.parametrize(("value", "expected"), PARSED.items(), ids=PARSED)
def test_a_dt_value_stands_for_a_span_of_time(value: str, expected: tuple[datetime, datetime, bool]) -> None:
    claimed = parse(value)
    assert (claimed.earliest, claimed.latest, claimed.has_offset) == expected


UNREADABLE = (
    *("", " ", "26", "202", "20261", "20261301", "20260230", "2026030124", "202603011260", "20260301120061"),
    *("20260301120000.", "20260301120000.+0000", "20260301120000+01", "20260301120000+9900", "2026-03-01"),
    *("20260301T120000", "20260301120000Z", "00000101", "20260301120000.000000+0000x", "yesterday", "9999"),
    *("99991231", "20260301120000+2400"),
)


@pytest.mark.parametrize("value", UNREADABLE)
def test_what_is_no_dt_value_is_unreadable(pki: Authority, value: str) -> None:
    (problem,) = check_dates(value, pki.certificate, AT)
    assert problem.reason is Reason.DATETIME_UNREADABLE


def reasons(authority: Authority, claimed: datetime, at: datetime = AT) -> list[Reason]:
    certificate = authority.issue("dated", not_before=AT - 30 * DAY, not_after=AT + 30 * DAY).certificate
    text = claimed.strftime("%Y%m%d%H%M%S.%f+0000")
    return [problem.reason for problem in check_dates(text, certificate, at)]


def test_a_signature_is_made_while_the_certificate_is_valid(pki: Authority) -> None:
    outside = [Reason.SIGNED_OUTSIDE_CERTIFICATE_VALIDITY]
    later = AT + YEAR
    assert reasons(pki, AT, later) == []
    assert reasons(pki, AT - 30 * DAY - CLOCK_TOLERANCE, later) == []
    assert reasons(pki, AT - 30 * DAY - CLOCK_TOLERANCE - SECOND, later) == outside
    assert reasons(pki, AT + 30 * DAY, later) == []
    assert reasons(pki, AT + 30 * DAY + SECOND, later) == outside


def test_a_signature_is_not_made_after_the_moment_of_judging(pki: Authority) -> None:
    assert reasons(pki, AT + CLOCK_TOLERANCE) == []
    assert reasons(pki, AT + CLOCK_TOLERANCE + SECOND) == [Reason.SIGNED_AFTER_VALIDATION_TIME]


def test_both_may_be_wrong_at_once(pki: Authority) -> None:
    assert reasons(pki, AT + YEAR) == [
        Reason.SIGNED_OUTSIDE_CERTIFICATE_VALIDITY,
        Reason.SIGNED_AFTER_VALIDATION_TIME,
    ]


def test_the_offset_counts(pki: Authority) -> None:
    certificate = pki.issue("dated", not_before=AT, not_after=AT + DAY).certificate
    assert check_dates("20260301140000+0200", certificate, AT) == []
    (early,) = check_dates("20260301120000+0200", certificate, AT)
    assert early.reason is Reason.SIGNED_OUTSIDE_CERTIFICATE_VALIDITY
    (late,) = check_dates("20260301120000-0200", certificate, AT)
    assert late.reason is Reason.SIGNED_AFTER_VALIDATION_TIME


def test_a_time_without_offset_may_be_the_local_time_of_any_place(pki: Authority) -> None:
    certificate = pki.issue("dated", not_before=AT, not_after=AT + DAY).certificate
    odd = [Reason.DATETIME_WITHOUT_OFFSET]
    early, late = Reason.SIGNED_OUTSIDE_CERTIFICATE_VALIDITY, Reason.SIGNED_AFTER_VALIDATION_TIME
    found = {text: [p.reason for p in check_dates(text, certificate, AT)] for text in LOCAL}
    assert found == {
        "20260301120000": odd,
        "20260302020000": odd,  # by clocks of UTC+14
        "20260301235959": odd,
        "20260302020501": [*odd, late],
        "20260301000000": odd,  # by clocks of UTC-12
        "20260228235459": [*odd, early],
    }
    assert earliest_moment("20260302020000") == AT


@pytest.mark.parametrize("value", ["00010101", "99991231235959"])
def test_local_time_at_the_ends_of_the_calendar_is_unreadable(pki: Authority, value: str) -> None:
    assert [p.reason for p in check_dates(value, pki.certificate, AT)] == [Reason.DATETIME_UNREADABLE]
    assert earliest_moment(value) is None


def test_an_imprecise_time_is_inside_where_any_moment_of_it_is(pki: Authority) -> None:
    certificate = pki.issue("dated", not_before=AT - DAY, not_after=AT + DAY).certificate
    incomplete, outside = Reason.DATETIME_INCOMPLETE, Reason.SIGNED_OUTSIDE_CERTIFICATE_VALIDITY
    assert [p.reason for p in check_dates("2026", certificate, AT)] == [Reason.DATETIME_WITHOUT_OFFSET, incomplete]
    assert [p.reason for p in check_dates("202603011200+0000", certificate, AT)] == [incomplete]
    assert check_dates("20260301120000+0000", certificate, AT) == []
    assert [p.reason for p in check_dates("2025+0000", certificate, AT)] == [incomplete, outside]


def test_an_absent_date_is_missing(pki: Authority) -> None:
    (problem,) = check_dates(None, pki.certificate, AT)
    assert problem.reason is Reason.DATETIME_MISSING
