"""Size of the logs of a day: `pytest tests/telemetry/test_log_size.py -s` prints the figures."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from temporalio.testing import WorkflowEnvironment

from callvault.contracts import names
from callvault.emulator.server import RunningEmulator, running
from callvault.emulator.settings import EmulatorSettings
from callvault.local.processes import Process
from tests.telemetry.processes import free_address, running_processes
from tests.telemetry.vault import EVENT_SECRET, Vault

CALLS = 3
MAX_BYTES_PER_CALL = 1_000


@pytest.fixture(scope="module")
def emulator() -> Iterator[RunningEmulator]:
    """A service that takes its time, as ACS does: workers wait for it."""
    with running(EmulatorSettings()) as emulator:
        yield emulator


def as_in_production(environment: dict[str, str]) -> dict[str, str]:
    """Add a secret of events, and callbacks to the gateway."""
    address = free_address()
    return environment | {
        "CALLVAULT_GATEWAY__EVENT_SECRETS": "env:SECRET",
        "SECRET": EVENT_SECRET,
        "CALLVAULT_GATEWAY__PORT": address.rpartition(":")[2],
        "CALLVAULT_RESOURCES__DEFAULT__CALLBACK_URL": f"http://{address}",
    }


async def subscribe(emulator: RunningEmulator, endpoint: str) -> None:
    """Have every event delivered to the gateway."""
    webhook = f"{endpoint}{names.EVENTS_PATH}?code={EVENT_SECRET}"
    async with httpx.AsyncClient(base_url=emulator.control) as world:
        answer = await world.post("/subscriptions", json={"endpoint": webhook})
        answer.raise_for_status()
        async with asyncio.timeout(20):
            while '"active"' not in (await world.get("/subscriptions")).text:
                await asyncio.sleep(0.05)


def logged(process: Process) -> list[dict[str, Any]]:
    """The lines of a log, without the one that announces the process."""
    lines = [json.loads(line) for line in process.log.read_text().splitlines()]
    return [line for line in lines if "level" in line]


def size(lines: list[dict[str, Any]]) -> int:
    return sum(len(json.dumps(line)) + 1 for line in lines)


@pytest.mark.slow("calls of a service that takes its time, on processes")
async def test_normal_calls_leave_little_in_the_logs_and_no_warning(
    environment: dict[str, str],
    temporal: WorkflowEnvironment,
    emulator: RunningEmulator,
    tmp_path: Path,
) -> None:
    with running_processes(as_in_production(environment), tmp_path) as processes:
        await subscribe(emulator, processes.endpoint)
        assert [logged(processes.worker), logged(processes.gateway)] == [[], []]
        async with httpx.AsyncClient(base_url=processes.endpoint, timeout=30) as http:
            vault = Vault(temporal.client, http, emulator)
            for _ in range(CALLS):
                await vault.keeps_a_call(secretly=False, pauses=True)
            await vault.close()
        of_calls = {each.name: logged(each) for each in (processes.worker, processes.gateway)}
    for name, lines in of_calls.items():
        kinds = Counter((line["level"], line["event"]) for line in lines)
        print(f"{name}: {size(lines) / CALLS:.0f} bytes a call, {dict(kinds)}")  # noqa: T201
    every = [line for lines in of_calls.values() for line in lines]
    assert [line for line in every if line["level"] != "info"] == []
    assert size(every) / CALLS < MAX_BYTES_PER_CALL
