"""The emulator's own time, which runs with real time and can be moved forward."""

import time
from datetime import UTC, datetime, timedelta


class EmulatorClock:
    """A clock that starts at the real time, never goes back, and jumps when told to.

    Recordings, retention and event retries follow this clock; only signatures and tokens are
    checked against the real time, since the other side uses that.
    """

    def __init__(self, advanced: timedelta = timedelta()) -> None:
        self._origin = datetime.now(UTC)
        # Monotonic: a correction of the machine's clock must not move this one.
        self._started = time.monotonic()
        self._advanced = advanced

    def now(self) -> datetime:
        return self._origin + timedelta(seconds=time.monotonic() - self._started) + self._advanced

    @property
    def advanced(self) -> timedelta:
        """The time by which the clock is ahead of real time."""
        return self._advanced

    def advance(self, step: timedelta) -> None:
        """Jump forward, without a stop at jobs on the way: for that, see `Scheduler.advance`."""
        if step < timedelta():
            raise ValueError("the clock never goes back: advance by zero or more seconds")
        self._advanced += step


def service_time(moment: datetime) -> str:
    """Format a time as the service does: UTC with seven digits of fraction."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f0Z")
