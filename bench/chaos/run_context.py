"""Context of a run: the clients and actors that share the event loop."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass

import httpx
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.runtime import LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter
from temporalio.service import RPCError

from bench.chaos.client import Backend
from bench.chaos.cluster import House
from bench.chaos.early_deletion import Shredder
from bench.chaos.options import Options
from bench.chaos.proxy import Road
from bench.chaos.service_faults import Weather
from bench.chaos.workload import Player
from callvault.contracts import names

ANSWER_WITHIN = 35.0
"""Seconds: a control request waits up to 30 for ACS."""
CONNECTIONS = 200
SWEPT_EVERY = 10.0
"""Seconds; the Schedule's own pace is a minute, the shortest there is."""


@dataclass
class Scene:
    client: Client
    player: Player
    weather: Weather
    http: httpx.AsyncClient

    async def keep_sweeping(self) -> None:
        """Trigger the Schedule of sweeps until cancelled: an export window is short here."""
        schedule = self.client.get_schedule_handle(names.SWEEP_SCHEDULE)
        while True:
            await asyncio.sleep(SWEPT_EVERY)
            with suppress(RPCError):
                await schedule.trigger()

    async def leave(self) -> None:
        await self.http.aclose()


async def enter(house: House, road: Road, options: Options) -> Scene:
    """Connect the clients and make the actors."""
    client = await Client.connect(
        house.temporal.address,
        namespace=house.temporal.namespace,
        data_converter=pydantic_data_converter,
        runtime=_quiet(),
    )
    limits = httpx.Limits(max_connections=CONNECTIONS)
    http = httpx.AsyncClient(trust_env=False, timeout=ANSWER_WITHIN, limits=limits)
    backend = Backend(house.gateway, house.emulator.control, client, http)
    player = Player(backend, road, Shredder(house.emulator, backend))
    return Scene(
        client, player, Weather(house.emulator.control, options.seed, options.fault_rate), http
    )


def _quiet() -> Runtime:
    """Make a runtime that does not log each outage of Temporal, which are wanted here."""
    errors = TelemetryFilter(core_level="ERROR", other_level="ERROR")
    return Runtime(telemetry=TelemetryConfig(logging=LoggingConfig(filter=errors)))
