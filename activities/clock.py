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
"""Time for which a time that the server told counts."""

MAX_DRIFT = 200e-6
"""Seconds by which two clocks drift apart within a second: each by 100 ppm, as a poor quartz."""

MAX_MEASURING = 1.0
"""Seconds within which the server's time is measured; what takes longer bounds too little."""


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
    """Bounds of the time of one Temporal server, learnt from what it told. Thread-safe.

    As in Cristian's algorithm. A time that the server told had come when it was seen: so tells
    every task, the more precisely the faster its way was. One that it told in answer to a request
    had not come when that was sent: so tells `measured` alone. A claim that begins at the upper
    bound and ends at the lower one is never too long.
    """

    def __init__(self, clock: Callable[[], float] = elapsed) -> None:
        """``clock`` as `elapsed`."""
        self._clock = clock
        self._least, self._most = _Bound(), _Bound()
        """Seconds by which the server is ahead of this machine at least, and at most, negated."""
        self._refused: tuple[str, int] = ("", 0)
        """The activity, and its attempt, that was too old last."""
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """Return the earliest time that the server's clock can show.

        It is behind by what the fastest task took on its way: right for what is sent, and for what
        is to be waited for.
        """
        with self._lock:
            now = self._clock()
            least = self._least.at(now)
            return datetime.now(UTC) if least is None else datetime.fromtimestamp(now + least, UTC)

    def latest(self) -> datetime | None:
        """Return the latest time that the server's clock can show; None where nobody can tell.

        Right for what has come back, and for the age of a task.
        """
        with self._lock:
            now = self._clock()
            most = self._most.at(now) if self._most.is_fresh(now) else None
            return None if most is None else datetime.fromtimestamp(now - most, UTC)

    def measured(self, sent: float, told: datetime, received: float) -> None:
        """Learn from a time that the server told between two moments of the clock."""
        with self._lock:
            now, most = self._clock(), told.timestamp() - sent
            if (least := self._least.at(now)) is not None and most < least:
                # The server's clock was set back.
                self._least.forget()
            self._learn_least(told.timestamp() - received)
            if received - sent <= MAX_MEASURING:
                self._most.learn(sent, -most)

    def begin(self) -> None:
        """Learn from the task of the activity that calls this, as it begins."""
        with self._lock:
            self._learn_least(activity.info().started_time.timestamp() - self._clock())

    def refuse_old_task(self, limit: timedelta) -> None:
        """Raise `TaskTooOld` if Temporal gave out this task longer than ``limit`` ago.

        To be called right before something is sent.
        """
        info = activity.info()
        told = info.started_time
        if (self.latest() or self.now()) - told <= limit:
            return
        if self._was_set_back(info.activity_id, info.attempt):
            with self._lock:
                self._least.forget()
                self._most.forget()
                self._learn_least(told.timestamp() - self._clock())
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

    def _learn_least(self, ahead: float) -> None:
        now = self._clock()
        if (most := self._most.at(now)) is not None and ahead > -most:
            # The server's clock was set, forward.
            self._most.forget()
        self._least.learn(now, ahead)


class _Bound:
    """The highest of the lower bounds that were learnt of late, each less what clocks may drift."""

    def __init__(self) -> None:
        self._learnt: deque[tuple[float, float]] = deque()
        """Each with the time at which it was learnt: the highest first, and behind it those that
        count once it is forgotten."""

    def learn(self, now: float, bound: float) -> None:
        # All of them drift alike: by what is added here they can be compared for ever.
        bound += MAX_DRIFT * now
        while self._learnt and self._learnt[-1][1] <= bound:
            self._learnt.pop()
        self._learnt.append((now, bound))
        while now - self._learnt[0][0] > MEMORY.total_seconds():
            self._learnt.popleft()

    def at(self, now: float) -> float | None:
        return self._learnt[0][1] - MAX_DRIFT * now if self._learnt else None

    def is_fresh(self, now: float) -> bool:
        return bool(self._learnt) and now - self._learnt[-1][0] <= MEMORY.total_seconds()

    def forget(self) -> None:
        self._learnt.clear()
