"""Runs the roads of queues as a process of their own."""

import asyncio
import json
import signal
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

from temporalio.common import MetricMeter

from callvault.config.settings import Settings
from callvault.errors import ConfigurationError
from callvault.ingest.intake import Intake
from callvault.ingest.queue import Queue
from callvault.ingest.queue_consumer import QueueRoad
from callvault.ingest.router import Delivery
from callvault.telemetry.setup import setup
from callvault.temporal.call_client import Recordings
from callvault.temporal.client import connect


def read_queues(settings: Settings, names: Sequence[str] = ()) -> None:
    """Read the named queues, or all, until SIGTERM or Ctrl-C; what is at hand is finished.

    Prints one line of JSON, ``{"ready": true, "queues": [...]}``, once every queue was found.
    Starts also while Temporal is away. `ConfigurationError` where there is no queue to read.
    """
    chosen = list(names) or sorted(settings.queues)
    if not chosen:
        raise ConfigurationError("there is no queue in the configuration: add [queues.NAME]")
    asyncio.run(_read(settings, chosen))


async def _read(settings: Settings, names: Sequence[str]) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    asyncio.get_running_loop().set_default_executor(_threads(settings, names))
    with setup("ingest", settings.log) as telemetry, ExitStack() as opened:
        client = await connect(
            settings, plugins=telemetry.plugins, runtime=telemetry.runtime, lazy=True
        )
        delivery = Delivery(settings, Recordings(client))
        roads = [
            await _road(opened, settings, name, delivery, telemetry.runtime.metric_meter, stopping)
            for name in names
        ]
        print(json.dumps({"ready": True, "queues": list(names)}), flush=True)  # noqa: T201 (for the parent)
        async with asyncio.TaskGroup() as group:
            for road in roads:
                group.create_task(road.run())


async def _road(
    opened: ExitStack,
    settings: Settings,
    name: str,
    delivery: Delivery,
    meter: MetricMeter,
    stopping: asyncio.Event,
) -> QueueRoad:
    queue = opened.enter_context(closing(Queue.open(name, settings.queue(name))))
    await asyncio.to_thread(queue.prepare)
    return QueueRoad(queue, Intake(delivery, "queue", meter), settings.queue(name), stopping)


def _threads(settings: Settings, names: Sequence[str]) -> ThreadPoolExecutor:
    """Every message may wait for its queue at the same time, and every queue for messages."""
    return ThreadPoolExecutor(sum(settings.queue(name).max_concurrent + 1 for name in names))
