"""Jobs at moments of the emulator's clock: renderings, events and their retries."""

import heapq
import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime
from itertools import count

from .clock import EmulatorClock

Job = Callable[[], None]

_log = logging.getLogger(__name__)


class Agenda:
    """Runs each job in a thread of its own once its moment has come.

    The threads are daemons: a webhook that never answers must not keep the process alive.
    """

    def __init__(self, clock: EmulatorClock) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._entries: list[tuple[datetime, int, Job]] = []
        self._order = count()
        self._running: set[threading.Thread] = set()
        self._closed = False
        clock.on_advance(self._wake)
        self._keeper = threading.Thread(target=self._keep, name="emulator-agenda", daemon=True)
        self._keeper.start()

    def at(self, moment: datetime, job: Job) -> None:
        """Run ``job`` at ``moment`` of the emulator's clock, at once if that is past."""
        with self._changed:
            heapq.heappush(self._entries, (moment, next(self._order), job))
            self._changed.notify()

    def soon(self, job: Job) -> None:
        self.at(self._clock.now(), job)

    def close(self, patience: float = 2.0) -> None:
        """Start nothing more, and give what is running ``patience`` seconds in all."""
        deadline = time.monotonic() + patience
        with self._changed:
            self._closed = True
            running = [self._keeper, *self._running]
            self._changed.notify()
        for thread in running:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify()

    def _keep(self) -> None:
        with self._changed:
            while not self._closed:
                self._start_due()
                self._changed.wait(self._until_next())

    def _start_due(self) -> None:
        now = self._clock.now()
        while self._entries and self._entries[0][0] <= now:
            _, _, job = heapq.heappop(self._entries)
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
