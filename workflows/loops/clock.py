"""Waiting for something to change, and for moments to come, with few durable timers.

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


class Moment(NamedTuple):
    """Something that falls due, and what that is, for a person who looks at the timer."""

    at: datetime
    what: str


async def changed(read: Callable[[], object]) -> None:
    """Wait until ``read`` gives another value than now."""
    before = read()
    await workflow.wait_condition(lambda: read() != before)


class Clock:
    """The moments that the loops of one call wait for; `keep_time` must run beside them."""

    def __init__(self) -> None:
        self._awaited: list[Moment] = []
        self._timers: dict[datetime, asyncio.Task[None]] = {}

    async def changed(self, read: Callable[[], object], until: datetime | None, what: str) -> bool:
        """Wait until ``read`` gives another value than now; False if ``until`` comes before."""
        if until is None:
            await changed(read)
            return True
        before = read()
        moment = Moment(until, what)
        self._awaited.append(moment)
        try:
            await workflow.wait_condition(lambda: read() != before or workflow.now() >= moment.at)
        finally:
            self._awaited.remove(moment)
        return read() != before

    async def keep_time(self, is_over: Callable[[], bool]) -> None:
        """See to it that the workflow wakes up for the nearest moment."""
        while not is_over():
            self._cancel_unneeded()
            self._begin_missing()
            await workflow.wait_condition(
                lambda: is_over() or self._missing() is not None or bool(self._unneeded())
            )

    def _missing(self) -> Moment | None:
        """The nearest moment, where no timer wakes the workflow for it, or before it."""
        nearest = min((m for m in self._awaited if m.at > workflow.now()), default=None)
        if nearest is None or any(at <= nearest.at for at in self._running()):
            return None
        return nearest

    def _unneeded(self) -> list[datetime]:
        """The timers after which nothing is awaited soon, and those that have rung."""
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
            left = max(moment.at - workflow.now(), timedelta(milliseconds=1))
            self._timers[moment.at] = asyncio.create_task(workflow.sleep(left, summary=moment.what))
