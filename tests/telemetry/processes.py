"""A worker and a gateway as processes, and everything that their metrics can show."""

import asyncio
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from callvault.config.settings import load_settings
from callvault.contracts import names
from callvault.contracts.reconciliation import ReconcileInput, Reconciliation
from callvault.emulator.server import RunningEmulator
from callvault.local.processes import Process, Supervisor
from callvault.local.stack_settings import LocalEmulator, write_settings
from callvault.local.temporal import free_ports
from tests.telemetry.vault import EVENT_SECRET, Vault, make_archives

PROCESSES = ("worker", "gateway")

NOBODY = "http://127.0.0.1:9"
"""An endpoint at which nothing listens."""


@dataclass(frozen=True)
class Processes:
    """The two processes, and where each is read."""

    worker: Process
    gateway: Process
    endpoint: str

    def stop(self) -> None:
        """End both, which sends what is left."""
        self.gateway.stop()
        self.worker.stop()


def free_address() -> str:
    """Return host:port on which nothing listens."""
    return f"127.0.0.1:{free_ports(1)[0]}"


def environment_within(
    home: Path, server: WorkflowEnvironment, emulator: RunningEmulator
) -> dict[str, str]:
    """Write settings and an archive; return the variables of processes that write JSON."""
    acs = LocalEmulator(
        emulator.endpoint, emulator.control, emulator.topic, emulator.connection_string
    )
    file = write_settings(home, acs, home / "archive")
    make_archives(load_settings(file))
    return {
        **os.environ,
        "TEMPORAL_ADDRESS": server.client.service_client.config.target_host,
        "TEMPORAL_CONFIG_FILE": os.devnull,
        "CALLVAULT_CONFIG": str(file),
        "CALLVAULT_LOG__FORMAT": "json",
    }


@contextmanager
def running_processes(environment: Mapping[str, str], home: Path) -> Iterator[Processes]:
    """Run a worker and a gateway, until both are ready."""
    with Supervisor(home / "logs") as supervisor:
        worker = supervisor.start(
            "worker", [sys.executable, "-m", "callvault", "worker"], environment=environment
        )
        gateway = supervisor.start(
            "gateway", [sys.executable, "-m", "callvault", "gateway"], environment=environment
        )
        worker.wait_for(lambda: worker.announcement("ready"))
        announced = gateway.wait_for(lambda: gateway.announcement("endpoint"))
        yield Processes(worker, gateway, announced["endpoint"])


def with_more_to_see(environment: dict[str, str]) -> dict[str, str]:
    """Add a secret of events, and a resource that does not answer: a problem to be told."""
    elsewhere = "CALLVAULT_RESOURCES__ELSEWHERE__"
    return environment | {
        "CALLVAULT_GATEWAY__EVENT_SECRETS": "env:EVENT_SECRET",
        "EVENT_SECRET": EVENT_SECRET,
        f"{elsewhere}ENDPOINT": NOBODY,
        f"{elsewhere}TOPIC": "/subscriptions/none/elsewhere",
        f"{elsewhere}CREDENTIAL__CONNECTION_STRING": "env:ELSEWHERE",
        "ELSEWHERE": f"endpoint={NOBODY}/;accesskey=c2VjcmV0",
    }


async def everything_happens(client: Client, endpoint: str, emulator: RunningEmulator) -> None:
    """Keep one call, fail to begin another, refuse and misunderstand events, and reconcile."""
    async with httpx.AsyncClient(base_url=endpoint) as http:
        vault = Vault(client, http, emulator)
        await vault.keeps_a_call()
        await vault.close()
        await http.post("/v1/recordings", json={"serverCallId": "bm93aGVyZQ=="})
        await http.get("/v1/recordings/nobody")
        # Of the form of a call, so that Temporal is asked, and fails.
        await http.get(f"/v1/recordings/{names.workflow_id('nobody')}")
        await http.post(names.EVENTS_PATH, json=[{}], params={"code": "wrong"})
        await http.post(names.EVENTS_PATH, json=[{"odd": 1}], params={"code": EVENT_SECRET})
    await client.execute_workflow(
        names.RECONCILE_TYPE,
        ReconcileInput(since=timedelta(hours=1)),
        id=f"reconcile-{endpoint}",
        task_queue=names.CONTROL_QUEUE,
        result_type=Reconciliation,
    )


async def scrape(address: str, expected: str = "") -> str:
    """Read what Prometheus reads, once it names what is expected."""
    async with asyncio.timeout(60), httpx.AsyncClient() as prometheus:
        while True:
            text = (await prometheus.get(f"http://{address}/metrics")).text
            if expected in text:
                return text
            await asyncio.sleep(0.1)
