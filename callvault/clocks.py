"""The clocks of this machine and of others, compared: Temporal's, ACS's, the archives'.

A clock that is wrong makes signatures, deadlines and evidence wrong, without an error anywhere. So
every difference is measured, and times that others check are those on which most clocks agree.
"""

import statistics
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

MAX_DIFFERENCE = timedelta(seconds=5)
"""Difference beyond which a clock is wrong, ours or the other: they are set over the network, and
told with a precision of a second."""

MEMORY = timedelta(minutes=30)
"""Time for which a comparison counts."""

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def elapsed() -> float:
    """Return seconds by a clock that nobody sets, and that goes on while the machine sleeps."""
    return time.clock_gettime(_CLOCK)


class Clocks:
    """The times that others told, and this machine's own. Thread-safe."""

    def __init__(
        self,
        local: Callable[[], float] = time.time,
        elapsed: Callable[[], float] = elapsed,
    ) -> None:
        """``local`` is this machine's clock, in seconds since 1970."""
        self._local = local
        self._elapsed = elapsed
        self._told: dict[str, tuple[float, float]] = {}
        """By name, the time that was told, less the elapsed time when it was, and that time."""
        self._lock = threading.Lock()

    def learn(self, whose: str, told: datetime) -> None:
        """Note the time that somebody tells right now."""
        now = self._elapsed()
        with self._lock:
            # Not compared with our clock yet: that may be set right, or wrong, meanwhile.
            self._told[whose] = (told.timestamp() - now, now)

    def differences(self) -> dict[str, float]:
        """Return the seconds by which each other clock is ahead of this machine's."""
        now = self._elapsed()
        ours = self._local() - now
        with self._lock:
            return {
                whose: origin - ours
                for whose, (origin, at) in self._told.items()
                if now - at <= MEMORY.total_seconds()
            }

    def now(self) -> datetime:
        """Return the time on which most clocks agree; of two, the other's."""
        return datetime.fromtimestamp(self._local() + self._correction(), UTC)

    def problems(self) -> dict[str, str]:
        """Return, by whose it is, a sentence about each clock that most others contradict."""
        correction = self._correction()
        seconds = {"this machine": 0.0, **self.differences()}
        return {
            whose: f"its clock is {_words(ahead - correction)} of the others': set it by NTP"
            for whose, ahead in seconds.items()
            if abs(ahead - correction) > MAX_DIFFERENCE.total_seconds()
        }

    def _correction(self) -> float:
        """Return the seconds by which the agreed time is ahead of this machine's."""
        others = list(self.differences().values())
        # An odd number of them, so that the middle one is a clock, and no mean of two.
        votes = others if len(others) % 2 else [*others, 0.0]
        middle = statistics.median(votes)
        # A difference below the precision of what is told is none.
        return middle if abs(middle) > MAX_DIFFERENCE.total_seconds() else 0.0


def _words(ahead: float) -> str:
    return f"{abs(ahead):.0f} s {'ahead' if ahead > 0 else 'behind'}"
