"""The clock of a run: waits for changes and for moments, with few durable timers.

Every timer that is begun and every one that is cancelled is an event in the history. So all loops
of a call share one clock, which has a timer for the nearest moment alone, and lets it stand when
that moment is overtaken by one that comes little later: waking up in vain costs only those whose
recording is late anyway.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from temporalio import workflow

LEEWAY = timedelta(minutes=10)
"""A timer that came to be too early by no more than this is left standing."""


class Seen(NamedTuple):
    """The values that Temporal refreshes with every activation, as the clock has last seen them."""

    now: datetime
    history_length: int
    is_continue_as_new_suggested: bool


class Moment(NamedTuple):
    """A moment at which something falls due, and its name for a person who looks at the timer."""

    at: datetime
    what: str


async def changed(read: Callable[[], object]) -> None:
    """Wait until ``read`` gives another value than now."""
    before = read()
    await workflow.wait_condition(lambda: read() != before)


class Clock:
    """The moments that the loops of one call wait for; `run_timers` must run beside them."""

    def __init__(self) -> None:
        self._awaited: list[Moment] = []
        self._timers: dict[datetime, asyncio.Task[None]] = {}
        self.look()

    def look(self) -> None:
        """See the time and the history's length anew; conditions read what was seen last.

        Called by what the history holds: a message that is taken, a timer that fires, work that
        ends. Never by a condition.
        """
        # An update that is rejected leaves nothing in the history, and yet makes the SDK check all
        # conditions once more, before it applies the timer or the result that came along. A
        # condition that read these values afresh would come true there, and later in a replay,
        # whose commands would come in another order: Temporal refuses to go on with such a run.
        info = workflow.info()
        self.seen = Seen(
            workflow.now(), info.get_current_history_length(), info.is_continue_as_new_suggested()
        )

    async def changed(self, read: Callable[[], object], *moments: Moment) -> None:
        """Wait until ``read`` gives another value than now, or until one of the moments comes."""
        # Before the look: what that changes is a change for the caller, who has not seen it.
        before = read()
        self.look()
        first = min((moment.at for moment in moments), default=None)
        self._awaited += moments
        try:
            await workflow.wait_condition(
                lambda: read() != before or (first is not None and self.seen.now >= first)
            )
        finally:
            for moment in moments:
                self._awaited.remove(moment)

    async def run_timers(self, is_finished: Callable[[], bool]) -> None:
        """See to it that the workflow wakes up for the nearest moment."""
        while not is_finished():
            self._cancel_unneeded()
            self._begin_missing()
            await workflow.wait_condition(
                lambda: is_finished() or self._missing() is not None or bool(self._unneeded())
            )

    def _missing(self) -> Moment | None:
        """Return the nearest moment, if no timer wakes the workflow for it, or before it."""
        # A moment that has passed needs no timer: its loop is awake already.
        nearest = min((m for m in self._awaited if m.at > self.seen.now), default=None)
        if nearest is None or any(at <= nearest.at for at in self._running()):
            return None
        return nearest

    def _unneeded(self) -> list[datetime]:
        """Return the timers after which nothing is awaited soon, and those that have fired."""
        return [
            at
            for at, timer in self._timers.items()
            if timer.done() or not any(at <= m.at <= at + LEEWAY for m in self._awaited)
        ]

    def _running(self) -> list[datetime]:
        return [at for at, timer in self._timers.items() if not timer.done()]

    def _cancel_unneeded(self) -> None:
        for at in self._unneeded():
            self._timers.pop(at).cancel()

    def _begin_missing(self) -> None:
        if (moment := self._missing()) is not None:
            self._timers[moment.at] = asyncio.create_task(self._wake_at(moment))

    async def _wake_at(self, moment: Moment) -> None:
        left = max(moment.at - workflow.now(), timedelta(milliseconds=1))
        await workflow.sleep(left, summary=moment.what)
        self.look()
