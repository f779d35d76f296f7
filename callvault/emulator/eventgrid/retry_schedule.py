"""Event Grid's documented retry schedule, without its randomness."""

from datetime import timedelta

TIME_TO_LIVE = timedelta(minutes=1440)
MAX_ATTEMPTS = 30

_ACCEPTED = frozenset({200, 201, 202, 203, 204})
# Documented: after these answers an event is a dead letter at once, or dropped.
_FINAL = frozenset({400, 401, 403, 413})
_DELAYS = (
    *(timedelta(seconds=seconds) for seconds in (10, 30)),
    *(timedelta(minutes=minutes) for minutes in (1, 5, 10, 30)),
    *(timedelta(hours=hours) for hours in (1, 3, 6, 12)),
)
# Documented minimum after these answers.
_MIN_DELAY = {
    404: timedelta(minutes=5),
    408: timedelta(minutes=2),
    503: timedelta(seconds=30),
}


def accepted(status: int | None) -> bool:
    return status in _ACCEPTED


def is_final(status: int | None) -> bool:
    """Return True if this answer alone ends the retries."""
    return status in _FINAL


def next_delay(attempts: int, status: int | None) -> timedelta | None:
    """Return the delay after ``attempts`` failed ones; None if the event is given up at once.

    ``status`` is that of the last answer, None without one.
    """
    if status in _FINAL or attempts >= MAX_ATTEMPTS:
        return None
    scheduled = _DELAYS[min(attempts, len(_DELAYS)) - 1]
    return max(scheduled, _MIN_DELAY.get(status or 0, timedelta()))
