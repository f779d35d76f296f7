"""Numbers and times in the headers of answers, read within reason: servers write what they like."""

import math
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

MAX_RETRY_AFTER = timedelta(seconds=300)
"""A longer ``Retry-After`` is cut: the export window does not allow hours for one answer."""

MAX_DIGITS = 19
"""Longest whole number that is read, in digits: more than any size of a file or any time has."""


def whole_number(text: str) -> int | None:
    """Read a whole number; None if the text is none, or has more digits than can be meant."""
    # Python raises a bare ValueError for more than 4,300, and takes digits of every script.
    is_number = text.isascii() and text.isdecimal() and len(text) <= MAX_DIGITS
    return int(text) if is_number else None


def http_time(date: str | None) -> datetime | None:
    """Read the time of a header such as ``Date``; None where there is none that can be read."""
    try:
        return parsedate_to_datetime(date).astimezone(UTC) if date else None
    except (ValueError, OverflowError, TypeError, IndexError):
        return None


def retry_after(value: str | None) -> timedelta | None:
    """Read ``Retry-After`` in both its forms, seconds and a date, within reason."""
    if not value:
        return None
    seconds = _seconds(value)
    # Also for the text "nan", which `float` takes for a number and `min` lets through.
    if math.isnan(seconds):
        return None
    return timedelta(seconds=min(max(seconds, 0.0), MAX_RETRY_AFTER.total_seconds()))


def _seconds(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        return _seconds_until(value)


def _seconds_until(date: str) -> float:
    try:
        at = parsedate_to_datetime(date)
        # A date may be beyond the calendar, at its edge, or in a zone that takes it there.
        return (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    except (ValueError, OverflowError, TypeError, IndexError):
        return math.nan
