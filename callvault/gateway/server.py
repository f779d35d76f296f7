"""The gateway as a process."""

import asyncio
import logging
import socket

import uvicorn
from fastapi import FastAPI

from callvault.config.settings import Settings
from callvault.garbage import collect_rarely
from callvault.gateway.app import create_app
from callvault.gateway.connections import (
    KEEP_ALIVE_TIMEOUT,
    MAX_HEADER_SIZE,
    LimitedProtocol,
    accept_limit,
    let_the_system_queue,
)
from callvault.gateway.quarantine_watch import watch_quarantine
from callvault.gateway.secret_watch import SecretWatch
from callvault.ingest.quarantine import Quarantine
from callvault.problems import Problems
from callvault.telemetry.announcement import announce
from callvault.telemetry.setup import setup
from callvault.telemetry.tracing import instrument_app
from callvault.temporal.client import connect

DRAIN_TIMEOUT = 30
"""Seconds that requests under way may take after SIGTERM: as long as Event Grid waits."""


class _AnnouncedServer(uvicorn.Server):
    """A server that prints its address once it listens."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        let_the_system_queue(self.servers[0].sockets)
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        announce({"endpoint": f"http://{shown}:{port}"})


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or Ctrl-C; requests under way are finished.

    Prints one line of JSON, ``{"endpoint": "http://host:port"}``, when it listens.
    """
    asyncio.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    with setup(
        "gateway", settings.log, metrics_address=settings.gateway.metrics_address
    ) as telemetry:
        # A line for each request that is no HTTP would fill the disk.
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
        client = await connect(
            settings, plugins=telemetry.plugins, runtime=telemetry.runtime, lazy=True
        )
        meter = telemetry.runtime.metric_meter
        problems = Problems(meter)
        quarantine = Quarantine.open(settings.gateway.quarantine)
        app = create_app(settings, client, meter, problems, quarantine)
        instrument_app(app)
        watching = [
            asyncio.create_task(SecretWatch(settings, client, problems).run()),
            asyncio.create_task(watch_quarantine(quarantine, meter, problems)),
        ]
        collect_rarely()
        try:
            await _AnnouncedServer(server_config(app, settings)).serve()
        finally:
            for task in watching:
                task.cancel()
            quarantine.close()


def server_config(app: FastAPI, settings: Settings) -> uvicorn.Config:
    """Return the settings of uvicorn: address, limits, no logs of its own."""
    return uvicorn.Config(
        app,
        host=settings.gateway.host,
        port=settings.gateway.port,
        http=LimitedProtocol,
        ws="none",
        h11_max_incomplete_event_size=MAX_HEADER_SIZE,
        backlog=accept_limit(),
        timeout_keep_alive=KEEP_ALIVE_TIMEOUT,
        timeout_graceful_shutdown=DRAIN_TIMEOUT,
        # Access logs would be a second, unstructured log; the process configures its own.
        log_config=None,
        access_log=False,
        server_header=False,
    )
