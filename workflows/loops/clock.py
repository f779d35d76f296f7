"""The clock of a run: waits for changes and for moments, with few durable timers.

Every timer costs an event in the history when it is begun, another one when it is cancelled, and a
billable action. So all loops of a call share one clock. It begins a timer for the nearest moment
alone, and none if the workflow wakes up before that by itself: by another timer, whatever that was
begun for, or by an activity that ends in time. To wake up in vain costs only those whose recording
is late anyway.
"""

import asyncio
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from temporalio import workflow

from workflows.loops.waiting import Waiting

LEEWAY = timedelta(minutes=10)
"""A timer that came to be too early by no more than this is left standing in any case."""

NEAR = timedelta(minutes=1)
"""A timer that serves nobody is cancelled if it would fire within this time. One that fires later
is left standing: mostly the workflow has ended by then, or it serves for another moment."""


class Seen(NamedTuple):
    """The values that Temporal refreshes with every activation, as the clock has last seen them."""

    now: datetime
    history_length: int
    is_continue_as_new_suggested: bool
    is_on_old_version: bool
    """True if another version of the workers is to keep the call: `workers/registry.py`."""


class Moment(NamedTuple):
    """A moment at which something falls due, and its name for a person who looks at the timer."""

    at: datetime
    what: str


class Clock:
    """The moments that the loops of one call wait for; `run_timers` must run beside them."""

    def __init__(self, waiting: Waiting) -> None:
        self._waiting = waiting
        self._awaited: list[Moment] = []
        self._timers: dict[datetime, asyncio.Task[None]] = {}
        self._wakes: dict[asyncio.Task[Any], datetime] = {}
        """Activities, and when they have ended at the latest: that wakes the workflow, too."""
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
            workflow.now(),
            info.get_current_history_length(),
            info.is_continue_as_new_suggested(),
            info.is_target_worker_deployment_version_changed(),
        )

    async def changed(self, read: Callable[[], object], *moments: Moment) -> None:
        """Wait until ``read`` gives another value than now, or until one of the moments comes."""
        # Before the look: what that changes is a change for the caller, who has not seen it.
        before = read()
        self.look()
        first = min((moment.at for moment in moments), default=None)
        self._awaited += moments
        try:
            await self._waiting.until(
                lambda: read() != before or (first is not None and self.seen.now >= first)
            )
        finally:
            for moment in moments:
                self._awaited.remove(moment)

    def ends_by(self, answer: asyncio.Task[Any], at: datetime) -> None:
        """Take note that an activity has ended at this moment, with or without an answer."""
        self._wakes = {each: end for each, end in self._wakes.items() if not each.done()}
        self._wakes[answer] = at

    def renew(self) -> None:
        """Begin the timers anew, after a reset.

        A worker that answered a task without doing anything, as after a restore, leaves it to the
        new run to begin them: they would fire as much later as Temporal has heard of them.
        """
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._wakes.clear()

    async def run_timers(self, is_finished: Callable[[], bool]) -> None:
        """See to it that the workflow wakes up for the nearest moment."""
        while not is_finished():
            # Once everybody has done what is to be done now: that may begin what ends in time.
            await self._waiting.until(lambda: True)
            self._cancel_unneeded()
            self._begin_missing()
            await self._waiting.until(
                lambda: is_finished() or self._missing() is not None or bool(self._unneeded())
            )

    def _missing(self) -> Moment | None:
        """Return the nearest moment, if nothing wakes the workflow for it, or before it."""
        # A moment that has passed needs no timer: its loop is awake already.
        nearest = min((m for m in self._awaited if m.at > self.seen.now), default=None)
        if nearest is None or any(at <= nearest.at for at in self._wake_ups()):
            return None
        return nearest

    def _unneeded(self) -> list[datetime]:
        """Return the timers that would soon fire in vain, and those that have fired."""
        soon = self.seen.now + NEAR
        return [
            at
            for at, timer in self._timers.items()
            if timer.done() or (at <= soon and not self._is_awaited(at))
        ]

    def _is_awaited(self, at: datetime) -> bool:
        return any(at <= moment.at <= at + LEEWAY for moment in self._awaited)

    def _wake_ups(self) -> Iterator[datetime]:
        yield from (at for at, timer in self._timers.items() if not timer.done())
        yield from (at for answer, at in self._wakes.items() if not answer.done())

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
