"""Header values: numbers and times that servers write, each at the bound of what is read."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from callvault import header_values
from callvault.header_values import MAX_DIGITS, MAX_RETRY_AFTER

BOUND = MAX_RETRY_AFTER.total_seconds()


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("9" * MAX_DIGITS, 10**MAX_DIGITS - 1),
        ("9" * (MAX_DIGITS + 1), None),
        ("٣", None),
        ("1.5", None),
        ("", None),
    ],
)
def test_a_whole_number_is_read_up_to_its_digits(text: str, number: int | None) -> None:
    assert header_values.whole_number(text) == number


@pytest.mark.parametrize(
    ("text", "time"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("Mon, 02 Mar 2026 12:00:00 GMT", datetime(2026, 3, 2, 12, tzinfo=UTC)),
        ("Mon, 02 Mar 2026 12:00:00 +0200", datetime(2026, 3, 2, 10, tzinfo=UTC)),
    ],
)
def test_a_time_is_read_in_utc(text: str | None, time: datetime | None) -> None:
    assert header_values.http_time(text) == time


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, None),
        ("", None),
        ("0", 0),
        ("-1", 0),
        ("1.5", 1.5),
        (f"{BOUND:.0f}", BOUND),
        (f"{BOUND + 1:.0f}", BOUND),
        ("nan", None),
        ("soon", None),
        ("Mon, 02 Mar 2020 12:00:00 GMT", 0),
    ],
)
def test_how_long_to_wait_is_read_within_reason(text: str | None, seconds: float | None) -> None:
    expected = None if seconds is None else timedelta(seconds=seconds)
    assert header_values.retry_after(text) == expected


@pytest.mark.parametrize("zone", ["GMT", "-0000"])
def test_a_date_until_which_to_wait_is_taken_as_utc_where_it_names_no_zone(zone: str) -> None:
    until = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    told = header_values.retry_after(until.replace("GMT", zone))
    assert told is not None
    assert timedelta(seconds=55) < told <= timedelta(seconds=60)
