"""The road of a queue: reads it as fast as its messages are taken, until told to stop."""

import asyncio
from datetime import timedelta

import structlog

from callvault.config.storage import QueueSettings
from callvault.errors import CallvaultError
from callvault.ingest.concurrency import happens_within
from callvault.ingest.intake import Intake
from callvault.ingest.queue import Lease, Queue
from callvault.ingest.queue_messages import Messages

READ_AGAIN_AFTER = timedelta(seconds=5)
"""How long to wait when the queue could not be read."""

DRAIN_WITHIN = timedelta(seconds=30)
"""How long the messages at hand may take once told to stop; then they are given back."""

log = structlog.get_logger(__name__)


class QueueRoad:
    """Reads one queue."""

    def __init__(
        self, queue: Queue, intake: Intake, settings: QueueSettings, stopping: asyncio.Event
    ) -> None:
        self._queue = queue
        self._messages = Messages(queue, intake, settings, stopping)
        self._most = settings.max_concurrent
        self._poll_every = settings.poll_every
        self._stopping = stopping
        self._at_hand: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Read until told to stop, then bring what is at hand to an end."""
        try:
            while not self._stopping.is_set():
                await self._place_free()
                if not self._stopping.is_set():
                    await self._read()
        finally:
            await self._drain()

    async def _read(self) -> None:
        try:
            leases = await asyncio.to_thread(self._queue.receive, self._most - len(self._at_hand))
        except CallvaultError as error:
            log.warning("the queue cannot be read", queue=self._queue.name, problem=str(error))
            await happens_within(self._stopping, READ_AGAIN_AFTER)
            return
        for lease in leases:
            self._start(lease)
        if not leases:
            await happens_within(self._stopping, self._poll_every)

    def _start(self, lease: Lease) -> None:
        task = asyncio.create_task(self._messages.take(lease))
        self._at_hand.add(task)
        task.add_done_callback(self._at_hand.discard)

    async def _place_free(self) -> None:
        """Wait until another message may be taken, or until told to stop."""
        if len(self._at_hand) < self._most:
            return
        told = asyncio.create_task(self._stopping.wait())
        await asyncio.wait({told, *self._at_hand}, return_when=asyncio.FIRST_COMPLETED)
        told.cancel()

    async def _drain(self) -> None:
        if not self._at_hand:
            return
        _, late = await asyncio.wait(self._at_hand, timeout=DRAIN_WITHIN.total_seconds())
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
