"""Reads a queue as fast as its messages are taken in, until told to stop.

A message is removed only after its events are delivered. While Temporal is away the message is
held, so that waiting does not count as a failed delivery; it is given back when this process is
told to stop, and comes back by itself when the process is killed.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import structlog

from callvault.config.storage import QueueSettings
from callvault.errors import CallvaultError, InvalidRequest
from callvault.ingest.concurrency import wait_until_set
from callvault.ingest.formats import read_message
from callvault.ingest.intake import Disposition, EventOutcome, Intake, with_disposition
from callvault.ingest.queue import Lease, Queue

READ_RETRY_INTERVAL = timedelta(seconds=5)
"""Pause after the queue could not be read."""

DRAIN_TIMEOUT = timedelta(seconds=30)
"""Time for the messages at hand once told to stop; after it they are given back."""

FIRST_DELIVERY_RETRY = timedelta(milliseconds=500)
MAX_DELIVERY_RETRY = timedelta(seconds=10)
"""Pause before Temporal is asked again, at first and in the end; doubled in between."""

log = structlog.get_logger(__name__)


class QueueConsumer:
    """Reads one queue, and handles a limited number of its messages at the same time."""

    def __init__(
        self, queue: Queue, intake: Intake, settings: QueueSettings, stopping: asyncio.Event
    ) -> None:
        self._queue = queue
        self._handler = MessageHandler(queue, intake, settings, stopping)
        self._max_concurrent = settings.max_concurrent
        self._poll_interval = settings.poll_interval
        self._stopping = stopping
        self._in_flight: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Read until told to stop, then bring the messages at hand to an end."""
        try:
            while not self._stopping.is_set():
                await self._wait_for_room()
                if not self._stopping.is_set():
                    await self._read()
        finally:
            await self._drain()

    async def _read(self) -> None:
        room = self._max_concurrent - len(self._in_flight)
        try:
            leases = await asyncio.to_thread(self._queue.receive, room)
        except CallvaultError as error:
            log.warning("the queue cannot be read", queue=self._queue.name, problem=str(error))
            await wait_until_set(self._stopping, READ_RETRY_INTERVAL)
            return
        for lease in leases:
            self._start(lease)
        if not leases:
            await wait_until_set(self._stopping, self._poll_interval)

    def _start(self, lease: Lease) -> None:
        task = asyncio.create_task(self._handler.handle(lease))
        self._in_flight.add(task)
        task.add_done_callback(self._in_flight.discard)

    async def _wait_for_room(self) -> None:
        """Wait until another message may be taken, or until told to stop."""
        if len(self._in_flight) < self._max_concurrent:
            return
        stopped = asyncio.create_task(self._stopping.wait())
        await asyncio.wait({stopped, *self._in_flight}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()

    async def _drain(self) -> None:
        if not self._in_flight:
            return
        _, late = await asyncio.wait(self._in_flight, timeout=DRAIN_TIMEOUT.total_seconds())
        # A handler that is cancelled gives its message back.
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)


class MessageHandler:
    """Delivers a message's events, then removes the message, sets it aside or gives it back."""

    def __init__(
        self, queue: Queue, intake: Intake, settings: QueueSettings, stopping: asyncio.Event
    ) -> None:
        self._queue = queue
        self._intake = intake
        self._max_deliveries = settings.max_deliveries
        self._renewal_interval = settings.visibility_timeout / 3
        self._stopping = stopping

    async def handle(self, lease: Lease) -> None:
        """Handle a message; an error in one never stops the others."""
        try:
            await self._handle(lease)
        except asyncio.CancelledError:
            await self._release(lease)
            raise
        except Exception as error:
            # The message comes back when its lease is over, and is set aside if that never ends.
            log.exception("a message could not be taken", message=lease.id, problem=str(error))

    async def _handle(self, lease: Lease) -> None:
        async with self._renewed(lease):
            problem, outcomes = await self._take_in(lease)
        if with_disposition(outcomes, Disposition.WAITING):
            # Before all else: the poison queue is not looked at soon enough for a waiting event.
            await self._release(lease)
        elif problem:
            await asyncio.to_thread(self._queue.move_to_poison, lease)
            log.warning("message set aside", message=lease.id, reason=problem)
        elif not await asyncio.to_thread(self._queue.delete, lease):
            log.info("another one has the message too", message=lease.id)

    async def _take_in(self, lease: Lease) -> tuple[str, list[EventOutcome]]:
        """Deliver a message's events; the text says why it must be set aside, if it must."""
        if lease.dequeue_count > self._max_deliveries:
            return f"it was handed out {lease.dequeue_count} times", []
        try:
            values = read_message(lease.content)
        except InvalidRequest as error:
            return str(error), []
        outcomes = await self._deliver(values)
        odd = with_disposition(outcomes, Disposition.NOT_UNDERSTOOD)
        return (odd[0].problem if odd else ""), outcomes

    async def _deliver(self, values: list[Any]) -> list[EventOutcome]:
        """Deliver the events, again and again while Temporal is away, until told to stop."""
        delay = FIRST_DELIVERY_RETRY
        while True:
            outcomes = await self._intake.deliver(values)
            waiting = with_disposition(outcomes, Disposition.WAITING)
            if not waiting or await wait_until_set(self._stopping, delay):
                return outcomes
            log.warning("a message waits", queue=self._queue.name, problem=waiting[0].problem)
            delay = min(2 * delay, MAX_DELIVERY_RETRY)

    @asynccontextmanager
    async def _renewed(self, lease: Lease) -> AsyncIterator[None]:
        """Hide the message from other consumers while the block runs."""
        done = asyncio.Event()
        renewing = asyncio.create_task(self._renew(lease, done))
        try:
            yield
        finally:
            # Not cancelled: to remove the message, the receipt of the last renewal is needed.
            done.set()
            await renewing

    async def _renew(self, lease: Lease, done: asyncio.Event) -> None:
        while not await wait_until_set(done, self._renewal_interval):
            try:
                if not await asyncio.to_thread(self._queue.renew, lease):
                    return
            except CallvaultError as error:
                log.warning("a message could not be kept", message=lease.id, problem=str(error))

    async def _release(self, lease: Lease) -> None:
        try:
            await asyncio.to_thread(self._queue.release, lease)
        except CallvaultError as error:
            log.info("a message comes back by itself", message=lease.id, problem=str(error))
