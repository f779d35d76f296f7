"""The whole of Callvault as separate processes, archiving to a real Azurite."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import httpx
import pytest
from temporalio.client import Client

from callvault.cli.demo.call import Call
from callvault.local.processes import Supervisor
from callvault.local.stack import Stack, start_stack
from callvault.temporal.converter import data_converter


@dataclass(frozen=True)
class Running:
    """A stack and its supervisor, which can start or kill processes."""

    stack: Stack
    supervisor: Supervisor


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    home = tmp_path_factory.mktemp("stack")
    with Supervisor(home / "logs") as supervisor:
        yield Running(start_stack(supervisor, home), supervisor)


@pytest.fixture
async def client(running: Running) -> Client:
    temporal = running.stack.temporal
    return await Client.connect(
        temporal.address, namespace=temporal.namespace, data_converter=data_converter
    )


@pytest.fixture
async def call(running: Running) -> AsyncIterator[Call]:
    async with httpx.AsyncClient(trust_env=False, timeout=35) as http:
        yield Call(running.stack, http)
