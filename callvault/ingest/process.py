"""The process that reads queues."""

import asyncio
import signal
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

from callvault.config.settings import Settings
from callvault.errors import ConfigurationError
from callvault.ingest.intake import Intake
from callvault.ingest.queue import Queue
from callvault.ingest.queue_consumer import QueueConsumer
from callvault.ingest.routes import Routes
from callvault.telemetry.announcement import announce
from callvault.telemetry.setup import setup
from callvault.temporal.call_client import CallClient
from callvault.temporal.client import connect


def read_queues(
    settings: Settings, own_containers: Mapping[str, str], names: Sequence[str] = ()
) -> None:
    """Read the named queues, or all, until SIGTERM or Ctrl-C; messages at hand are finished.

    Prints one line of JSON, ``{"ready": true, "queues": [...]}``, once every queue was found.
    Starts also while Temporal is away. `ConfigurationError` if there is no queue to read.
    """
    chosen = list(names) or sorted(settings.queues)
    if not chosen:
        raise ConfigurationError("there is no queue in the configuration: add [queues.NAME]")
    asyncio.run(_read(settings, Routes(settings, own_containers), chosen))


async def _read(settings: Settings, routes: Routes, names: Sequence[str]) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    loop.set_default_executor(_threads(settings, names))
    address = settings.ingest.metrics_address
    with (
        setup("ingest", settings.log, metrics_address=address) as telemetry,
        ExitStack() as opened,
    ):
        client = await connect(
            settings, plugins=telemetry.plugins, runtime=telemetry.runtime, lazy=True
        )
        intake = Intake(routes, CallClient(client), "queue", telemetry.runtime.metric_meter)
        consumers = [await _consumer(opened, settings, name, intake, stopping) for name in names]
        announce({"ready": True, "queues": list(names)})
        async with asyncio.TaskGroup() as group:
            for consumer in consumers:
                group.create_task(consumer.run())


async def _consumer(
    opened: ExitStack, settings: Settings, name: str, intake: Intake, stopping: asyncio.Event
) -> QueueConsumer:
    queue = opened.enter_context(closing(Queue(name, settings.queue(name))))
    # Before anything is read: a queue that is not there must stop the start.
    await asyncio.to_thread(queue.prepare)
    return QueueConsumer(queue, intake, settings.queue(name), stopping)


def _threads(settings: Settings, names: Sequence[str]) -> ThreadPoolExecutor:
    """Return an executor whose threads never keep a message, or a queue, waiting."""
    # Every message may wait for its queue at the same time, and every queue for messages.
    return ThreadPoolExecutor(sum(settings.queue(name).max_concurrent + 1 for name in names))
