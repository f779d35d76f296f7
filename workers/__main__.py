"""The worker process: connect, poll both task queues, drain on SIGTERM."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, suppress

from temporalio.client import Client

from activities.alerts import AlertActivities
from activities.announcements import AnnouncementActivities
from activities.control import ControlActivities
from activities.export import ExportActivities
from activities.seal import SealActivities
from callvault.config import Settings, load_settings
from callvault.namespace import require_search_attributes
from callvault.telemetry.setup import Telemetry, setup
from callvault.temporal_client import connect
from workers.connections import Connections
from workers.observer import Observer
from workers.registry import deciding_worker, exporting_worker


async def run(settings: Settings) -> None:
    """Work until told to stop; prints one JSON line once it polls."""
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    with setup(settings, "worker") as telemetry, closing(Connections(settings)) as connections:
        client = await connect(settings, plugins=telemetry.plugins, runtime=telemetry.runtime)
        await require_search_attributes(client)
        control = ControlActivities(
            connections.client_of, connections.policy_of, connections.archive_of
        )
        export = ExportActivities(connections.client_of, connections.archive_of, connections.lanes)
        seal = SealActivities(connections.archive_of, connections.signer_of)
        alerts = AlertActivities(connections.alarm_sink())
        announcements = AnnouncementActivities(connections.announcement_webhook)
        async with AsyncExitStack() as running:
            await running.enter_async_context(
                deciding_worker(client, control, alerts, announcements, settings.worker)
            )
            await running.enter_async_context(
                exporting_worker(client, export, seal, settings.worker)
            )
            if telemetry.exports_metrics:
                await running.enter_async_context(_observing(client, telemetry, settings))
            print(json.dumps({"ready": True}), flush=True)  # noqa: T201 (the parent waits for it)
            await stopping.wait()


@asynccontextmanager
async def _observing(
    client: Client, telemetry: Telemetry, settings: Settings
) -> AsyncIterator[None]:
    observer = Observer(client, telemetry.runtime.metric_meter, settings.resources)
    task = asyncio.create_task(observer.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


if __name__ == "__main__":
    asyncio.run(run(load_settings()))
