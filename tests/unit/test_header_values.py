"""Numbers and times in headers are read within reason: faults B18 and B20."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from callvault.header_values import MAX_RETRY_AFTER, retry_after, whole_number


@pytest.mark.parametrize("text", ["0", "7", "1234567890123456789"])
def test_b20_a_whole_number_is_read(text: str) -> None:
    assert whole_number(text) == int(text)


@pytest.mark.parametrize("text", ["", "-1", "1.5", " 1", "٣", "²", "9" * 20, "9" * 5_000])
def test_b20_what_is_no_number_or_too_long_is_none(text: str) -> None:
    assert whole_number(text) is None


@pytest.mark.parametrize("target", ["72000", "9" * 17, "9" * 5_000, "inf", "1e400"])
def test_b18_a_wish_is_cut(target: str) -> None:
    assert retry_after(target) == MAX_RETRY_AFTER


@pytest.mark.parametrize(
    "target",
    [
        "soon",
        "nan",
        "Mon, 01 Jan 99999999999999999999 00:00:00 GMT",
        f"Mon, 01 Jan {'9' * 5_000} 00:00:00 GMT",
        "Mon, 01 Jan 2024 99:00:00 GMT",
        "Mon, 01 Jan 2024 00:00:00 +9999999999",
        "\0",
        "٣:٣",
    ],
)
def test_b18_a_wish_that_cannot_be_read_is_none(target: str) -> None:
    assert retry_after(target) is None


def test_a_date_at_the_edge_of_the_calendar_is_cut_too() -> None:
    assert retry_after("Fri, 31 Dec 9999 23:59:59 -1400") == MAX_RETRY_AFTER
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    target = retry_after(soon)
    assert target is not None
    assert timedelta(seconds=50) < target <= timedelta(seconds=60)
