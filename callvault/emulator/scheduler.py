"""Scheduler of jobs at moments of the emulator's clock: renderings, events, their retries."""

import heapq
import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count

from callvault.emulator.clock import EmulatorClock

Job = Callable[[], None]

_SETTLE_TIMEOUT = 30.0
"""Longest wait of a clock step for the jobs of a moment, in real seconds: a webhook's time-out."""

_log = logging.getLogger(__name__)


class Scheduler:
    """Runs each job in a thread of its own once its moment has come."""

    def __init__(self, clock: EmulatorClock) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._advancing = threading.Lock()
        self._entries: list[tuple[datetime, int, Job]] = []
        self._sequence = count()
        self._running: set[threading.Thread] = set()
        self._closed = False
        self._loop_thread = threading.Thread(
            target=self._run_loop, name="emulator-scheduler", daemon=True
        )
        self._loop_thread.start()

    def at(self, moment: datetime, job: Job) -> None:
        """Run ``job`` at ``moment`` of the emulator's clock, at once if that is past."""
        with self._changed:
            # The counter keeps jobs of one moment in their order.
            heapq.heappush(self._entries, (moment, next(self._sequence), job))
            self._changed.notify_all()

    def soon(self, job: Job) -> None:
        self.at(self._clock.now(), job)

    def advance(self, step: timedelta) -> None:
        """Move the clock by ``step``, with a stop at every moment at which a job is due.

        Each stop waits for the running jobs, so that jobs they add run in their turn. Blocks; not
        to be called from a job.
        """
        if step < timedelta():
            raise ValueError("the clock never goes back: advance by zero or more seconds")
        # One step at a time: two would move the clock past each other's stops.
        with self._advancing:
            goal = self._clock.advanced + step
            while not self._closed and self._clock.advanced < goal:
                # First: a job that still runs may add one that is due earlier.
                self._settle()
                self._clock.advance(self._leap(goal - self._clock.advanced))
                self._wake()  # the keeper sleeps by the time before the jump
            self._settle()

    def close(self, timeout: float = 2.0) -> None:
        """Start no further job, and give the running ones ``timeout`` seconds in all."""
        deadline = time.monotonic() + timeout
        with self._changed:
            self._closed = True
            running = [self._loop_thread, *self._running]
            self._changed.notify_all()
        # Without the lock, which every thread needs to end.
        for thread in running:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _leap(self, ahead: timedelta) -> timedelta:
        """Return the time to the next job, at most ``ahead``."""
        with self._changed:
            if not self._entries:
                return ahead
            until_next = self._entries[0][0] - self._clock.now()
        return min(ahead, max(until_next, timedelta()))

    def _settle(self) -> None:
        """Wait until no job runs and none is due."""
        with self._changed:
            self._changed.wait_for(self._is_idle, timeout=_SETTLE_TIMEOUT)

    def _is_idle(self) -> bool:
        due = self._entries and self._entries[0][0] <= self._clock.now()
        return self._closed or not (self._running or due)

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _run_loop(self) -> None:
        with self._changed:
            while not self._closed:
                self._start_due()
                self._changed.wait(self._until_next())

    def _start_due(self) -> None:
        now = self._clock.now()
        while self._entries and self._entries[0][0] <= now:
            _, _, job = heapq.heappop(self._entries)
            # A daemon: a webhook that never answers must not keep the process alive.
            thread = threading.Thread(target=self._run, args=(job,), daemon=True)
            self._running.add(thread)
            thread.start()

    def _until_next(self) -> float | None:
        if not self._entries:
            return None
        return max(0.0, (self._entries[0][0] - self._clock.now()).total_seconds())

    def _run(self, job: Job) -> None:
        try:
            job()
        except Exception:
            if not self._closed:  # else its files and connections were taken away
                _log.exception("a job of the emulator failed")
        finally:
            with self._changed:
                self._running.discard(threading.current_thread())
                self._changed.notify_all()
