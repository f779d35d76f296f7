"""Times, lengths and sizes in words."""

from datetime import UTC, datetime, timedelta


def moment(at: datetime | None) -> str:
    """Write a time in UTC, to the millisecond; empty for none."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}"[:-3] if at else ""


def clock(at: datetime) -> str:
    """Write a time of the day in UTC."""
    return f"{at.astimezone(UTC):%H:%M:%S}"


def length(milliseconds: float | None) -> str:
    """Write a length; empty for none."""
    if milliseconds is None:
        return ""
    seconds = milliseconds / 1000
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{timedelta(seconds=round(seconds))}"


def between(since: datetime, until: datetime | None) -> str:
    """Write the length from one time to another; empty where it has no end."""
    return length((until - since) / timedelta(milliseconds=1)) if until else ""


def bytes_(count: int) -> str:
    """Write a number of bytes."""
    return f"{count:,} bytes"


def yes_no(is_so: bool) -> str:
    return "yes" if is_so else "no"
