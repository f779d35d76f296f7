"""Azurite with queues, and the gateway tests' Temporal server, worker and calls."""

import asyncio
import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from azure.storage.blob import ContainerClient
from azure.storage.queue import QueueServiceClient
from temporalio.client import Client

from callvault.clients import own_containers
from callvault.config.settings import Settings
from callvault.ingest.intake import Intake
from callvault.ingest.routes import Routes
from callvault.local.azurite import Azurite, add_queues
from callvault.local.processes import Supervisor
from callvault.temporal.call_client import CallClient
from tests.gateway.conftest import TOPIC, call, other_call, settings, temporal, temporal_away

__all__ = ["call", "other_call", "temporal", "temporal_away"]

IntakeOf = Callable[..., Intake]
"""Called with a client and, where they are not the usual ones, settings."""


@pytest.fixture(scope="session")
def storage(azurite: Azurite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    """Start Azurite with its queue service."""
    with Supervisor(tmp_path_factory.mktemp("queues")) as supervisor:
        yield add_queues(supervisor, azurite)


@pytest.fixture
def storage_secret(storage: Azurite, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return a reference to the account's connection string."""
    monkeypatch.setenv("TEST_STORAGE", storage.connection_string)
    return "env:TEST_STORAGE"


@pytest.fixture
def queue_name(storage: Azurite) -> str:
    """Return the name of the test's own queue."""
    name = f"events-{uuid.uuid4().hex[:12]}"
    with QueueServiceClient.from_connection_string(storage.connection_string) as service:
        service.create_queue(name)
    return name


@pytest.fixture
def known(tmp_path: Path) -> Settings:
    """Make settings with the resources whose topics the events of `call` carry."""
    return settings(tmp_path / "quarantine")


@pytest.fixture
def intake_of(known: Settings) -> IntakeOf:
    def make(client: Client, settings: Settings = known) -> Intake:
        return Intake(Routes(settings, own_containers(settings)), CallClient(client), "test")

    return make


@pytest.fixture
def container(azurite: Azurite) -> Iterator[ContainerClient]:
    """Make an empty dead-letter container."""
    name = f"letters-{uuid.uuid4().hex[:12]}"
    with ContainerClient.from_connection_string(azurite.connection_string, name) as client:
        client.create_container()
        yield client


@pytest.fixture
def environment(
    temporal: Client,
    storage: Azurite,
    queue_name: str,
    container: ContainerClient,
    tmp_path: Path,
) -> dict[str, str]:
    """Return the environment of a process for this Temporal, queue and dead-letter container."""
    file = tmp_path / "callvault.toml"
    file.write_text(
        f"""
[resources.default]
endpoint = "https://acs.example"
credential.entra = true
topic = "{TOPIC}default"

[archives.main]
kind = "directory"
path = "/never-written"

[gateway]
quarantine = {{ kind = "directory", path = "{tmp_path / "quarantine"}" }}

[dead_letters.grid]
container = "{container.container_name}"
connection_string = "env:TEST_STORAGE"

[queues.grid]
queue = "{queue_name}"
connection_string = "env:TEST_STORAGE"
visibility_timeout = "1s"
poll_interval = "PT0.05S"
"""
    )
    return {
        **os.environ,
        "CALLVAULT_CONFIG": str(file),
        "TEST_STORAGE": storage.connection_string,
        "TEMPORAL_ADDRESS": temporal.service_client.config.target_host,
    }


async def until(condition: Callable[[], bool]) -> None:
    """Wait until a condition is met, for a bounded time."""
    async with asyncio.timeout(20):
        while not await asyncio.to_thread(condition):
            await asyncio.sleep(0.02)


@pytest.fixture(autouse=True)
def _nothing_of_the_shells(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("OTEL_", "TEMPORAL_", "CALLVAULT_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", os.devnull)
