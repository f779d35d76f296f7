"""Temporal's time inside an activity."""

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from temporalio import activity

MAX_AGE = timedelta(minutes=10)
"""Time for which a stamp is believed: clocks drift, and a server's may be set back."""


class ServerClock:
    """The time by Temporal's server, in a worker whose own clock may be wrong.

    Every stamp of the server was made before it came here: so the one that says the latest time is
    the least late, by the few milliseconds of its way. Time goes on while the worker is frozen, and
    while its machine sleeps. One for all activities of a worker.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ahead: timedelta | None = None
        """The server's time at the instant at which this machine began to count."""
        self._before: timedelta | None = None
        """The same by the stamps of the period before."""
        self._period_ends = timedelta()

    def heard(self, stamp: datetime) -> None:
        """Take note of a time that the server has set, just now or some time ago."""
        elapsed = _elapsed()
        ahead = stamp - _EPOCH - elapsed
        with self._lock:
            if elapsed >= self._period_ends:
                self._before, self._ahead = self._ahead, None
                self._period_ends = elapsed + MAX_AGE
            self._ahead = max(filter(None, (self._ahead, ahead)))

    def now(self) -> datetime:
        """Return the time; only to be asked for once a stamp was heard."""
        with self._lock:
            known = list(filter(None, (self._ahead, self._before)))
        return _EPOCH + _elapsed() + max(known)


def server_clock() -> Callable[[], datetime]:
    """Return a clock that goes with Temporal's server; take it as an activity begins.

    Times of different workers can be compared, even where a host's clock is wrong, and under a
    time-skipping test server they are virtual like the workflow's.
    """
    began = activity.info().started_time
    # The host's own clock may be wrong: only the time that passes is measured here.
    origin = _elapsed()
    return lambda: began + _elapsed() - origin


def _elapsed() -> timedelta:
    """Return the time since this machine was started, also while it slept, where that is told."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return timedelta(seconds=time.clock_gettime(clock))


_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
