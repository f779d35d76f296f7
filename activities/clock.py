"""Temporal's time inside an activity, and the age of the task that it does.

A worker that stood still (a suspended virtual machine, a cut line) wakes with tasks that Temporal
has given to another one meanwhile. So an activity that changes something asks for the age of its
task right before it sends.
"""

import threading
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from temporalio import activity

from callvault.clocks import elapsed
from callvault.errors import TaskTooOld

MEMORY = timedelta(minutes=5)
"""Time for which a time that the server told counts: clocks of hosts drift apart."""


def server_clock() -> Callable[[], datetime]:
    """Return a clock that goes with Temporal's server; take it as an activity begins.

    Times of different workers can be compared, even where a host's clock is wrong, and under a
    time-skipping test server they are virtual like the workflow's.
    """
    began = activity.info().started_time
    # The host's own clock may be wrong: only the time that passes is measured here.
    origin = elapsed()
    return lambda: began + timedelta(seconds=elapsed() - origin)


class ServerTime:
    """The time of one Temporal server, learnt from the times that it put on tasks. Thread-safe.

    Such a time has passed when the task is seen, the longer ago the slower its way was: the one
    that is ahead most tells best how far the server's clock is ahead of this machine's.
    """

    def __init__(self, clock: Callable[[], float] = elapsed) -> None:
        """``clock`` as `elapsed`."""
        self._clock = clock
        self._ahead: deque[tuple[float, float]] = deque()
        """Seconds by which the server is ahead, as a task told, behind the time at which it was
        seen: the most first, and behind it those that count once it is forgotten."""
        self._refused: tuple[str, int] = ("", 0)
        """The activity, and its attempt, that was too old last."""
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """Return the server's time; it is behind by what the fastest task took on its way."""
        with self._lock:
            if not self._ahead:
                return datetime.now(UTC)
            return datetime.fromtimestamp(self._clock() + self._ahead[0][1], UTC)

    def begin(self) -> None:
        """Learn from the task of the activity that calls this, as it begins."""
        self._learn(activity.info().started_time)

    def refuse_old_task(self, limit: timedelta) -> None:
        """Raise `TaskTooOld` if Temporal gave out this task longer than ``limit`` ago.

        To be called right before something is sent.
        """
        info = activity.info()
        told = info.started_time
        if self.now() - told <= limit:
            return
        if self._was_set_back(info.activity_id, info.attempt):
            self._forget()
            self._learn(told)
            return
        raise TaskTooOld(
            "this worker stood still, or the line to Temporal did: its task is older than"
            f" {limit.total_seconds():g} s and was not carried out, Temporal gives it out anew"
        )

    def _was_set_back(self, activity_id: str, attempt: int) -> bool:
        """Tell if the server's clock was set back, rather than this task being old.

        So it was if an earlier attempt was too old as well: the server began this one since then.
        """
        with self._lock:
            before, self._refused = self._refused, (activity_id, attempt)
        return before[0] == activity_id and before[1] < attempt

    def _learn(self, told: datetime) -> None:
        with self._lock:
            now = self._clock()
            ahead = told.timestamp() - now
            while self._ahead and self._ahead[-1][1] <= ahead:
                self._ahead.pop()
            self._ahead.append((now, ahead))
            while now - self._ahead[0][0] > MEMORY.total_seconds():
                self._ahead.popleft()

    def _forget(self) -> None:
        with self._lock:
            self._ahead.clear()
