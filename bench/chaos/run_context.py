"""Context of a run: the clients and actors that share the event loop."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass

import httpx
from temporalio.client import Client
from temporalio.runtime import LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter
from temporalio.service import RPCError

from bench.chaos.client import Backend
from bench.chaos.cluster import Cluster
from bench.chaos.early_deletion import EarlyDeletion
from bench.chaos.options import Options
from bench.chaos.proxy import Proxy
from bench.chaos.service_faults import ServiceFaults
from bench.chaos.workload import Workload
from callvault.contracts import names
from callvault.temporal.converter import data_converter

HTTP_TIMEOUT = 35.0
"""Seconds: a control request waits up to 30 for ACS."""
CONNECTIONS = 200
SWEEP_INTERVAL = 10.0
"""Seconds; the Schedule's own interval is a minute, the shortest that is allowed."""


@dataclass
class RunContext:
    client: Client
    workload: Workload
    service_faults: ServiceFaults
    http: httpx.AsyncClient

    async def run_sweeps(self) -> None:
        """Trigger the Schedule of sweeps until cancelled: an export window is short here."""
        schedule = self.client.get_schedule_handle(names.SWEEP_SCHEDULE)
        while True:
            await asyncio.sleep(SWEEP_INTERVAL)
            # Temporal may be down just now.
            with suppress(RPCError):
                await schedule.trigger()

    async def leave(self) -> None:
        await self.http.aclose()


async def enter(cluster: Cluster, proxy: Proxy, options: Options) -> RunContext:
    """Connect the clients and make the actors."""
    client = await Client.connect(
        cluster.temporal.address,
        namespace=cluster.temporal.namespace,
        data_converter=data_converter,
        runtime=_quiet(),
    )
    limits = httpx.Limits(max_connections=CONNECTIONS)
    http = httpx.AsyncClient(trust_env=False, timeout=HTTP_TIMEOUT, limits=limits)
    backend = Backend(cluster.gateway, cluster.emulator.control, client, http)
    workload = Workload(backend, proxy, EarlyDeletion(lambda: cluster.emulator, backend))
    return RunContext(
        client,
        workload,
        ServiceFaults(cluster.emulator.control, options.seed, options.fault_rate),
        http,
    )


def _quiet() -> Runtime:
    """Make a runtime that does not log outages of Temporal, which are part of the run."""
    errors = TelemetryFilter(core_level="ERROR", other_level="ERROR")
    return Runtime(telemetry=TelemetryConfig(logging=LoggingConfig(filter=errors)))
