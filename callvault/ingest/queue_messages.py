"""One message of a queue: its events are brought in, and only then it is removed.

It is held while Temporal is away, so that waiting does not count as a failed delivery; it is given
back when this process is told to stop, and comes back by itself when that is killed.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import structlog

from callvault.config.storage import QueueSettings
from callvault.errors import CallvaultError, InvalidRequest
from callvault.ingest.concurrency import happens_within
from callvault.ingest.intake import Fate, Intake, Outcome, of_fate
from callvault.ingest.messages import read_message
from callvault.ingest.queue import Lease, Queue

AGAIN_AFTER = timedelta(milliseconds=500)
AGAIN_AT_MOST = timedelta(seconds=10)
"""How long to wait before Temporal is asked again, at first and in the end."""

log = structlog.get_logger(__name__)


class Messages:
    """Takes messages, one by one, at the same time."""

    def __init__(
        self, queue: Queue, intake: Intake, settings: QueueSettings, stopping: asyncio.Event
    ) -> None:
        self._queue = queue
        self._intake = intake
        self._most = settings.max_deliveries
        self._renew_every = settings.visibility_timeout / 3
        self._stopping = stopping

    async def take(self, lease: Lease) -> None:
        """Take a message; no fault of one may stop the others."""
        try:
            await self._take(lease)
        except asyncio.CancelledError:
            await self._give_back(lease)
            raise
        except Exception as error:
            # It comes back when its time is over, and is set aside if that never ends.
            log.exception("a message could not be taken", message=lease.id, problem=str(error))

    async def _take(self, lease: Lease) -> None:
        async with self._held(lease):
            problem, outcomes = await self._bring_in(lease)
        if of_fate(outcomes, Fate.WAITING):
            # First of all: nobody reads the poison queue soon enough for an event that waits.
            await self._give_back(lease)
        elif problem:
            await asyncio.to_thread(self._queue.set_aside, lease)
            log.warning("message set aside", message=lease.id, reason=problem)
        elif not await asyncio.to_thread(self._queue.delete, lease):
            log.info("another one has the message too", message=lease.id)

    async def _bring_in(self, lease: Lease) -> tuple[str, list[Outcome]]:
        """Deliver its events; why it must be set aside, if it must."""
        if lease.deliveries > self._most:
            return f"it was handed out {lease.deliveries} times", []
        try:
            values = read_message(lease.content)
        except InvalidRequest as error:
            return str(error), []
        outcomes = await self._deliver(values)
        odd = of_fate(outcomes, Fate.NOT_UNDERSTOOD)
        return (odd[0].problem if odd else ""), outcomes

    async def _deliver(self, values: list[Any]) -> list[Outcome]:
        """Deliver the events, again and again while Temporal is away, until told to stop."""
        delay = AGAIN_AFTER
        while True:
            outcomes = await self._intake.take(values)
            waiting = of_fate(outcomes, Fate.WAITING)
            if not waiting or await happens_within(self._stopping, delay):
                return outcomes
            log.warning("a message waits", queue=self._queue.name, problem=waiting[0].problem)
            delay = min(2 * delay, AGAIN_AT_MOST)

    @asynccontextmanager
    async def _held(self, lease: Lease) -> AsyncIterator[None]:
        """Hide the message from others for as long as this takes."""
        done = asyncio.Event()
        holding = asyncio.create_task(self._hold(lease, done))
        try:
            yield
        finally:
            # Not cancelled: whoever removes the message needs the receipt of the last renewal.
            done.set()
            await holding

    async def _hold(self, lease: Lease, done: asyncio.Event) -> None:
        while not await happens_within(done, self._renew_every):
            try:
                if not await asyncio.to_thread(self._queue.keep, lease):
                    return
            except CallvaultError as error:
                log.warning("a message could not be kept", message=lease.id, problem=str(error))

    async def _give_back(self, lease: Lease) -> None:
        try:
            await asyncio.to_thread(self._queue.give_back, lease)
        except CallvaultError as error:
            log.info("a message comes back by itself", message=lease.id, problem=str(error))
