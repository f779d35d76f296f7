"""Fixtures that run a test with every version of the SDK, synchronous and asynchronous."""

from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import httpx
import pytest
from azure.core.exceptions import ResourceNotFoundError

from callvault.emulator.server import running
from callvault.emulator.settings import EmulatorSettings
from tests.contract.client import Client
from tests.contract.resource import CONNECTION_STRING, Resource, real_resource
from tests.contract.sdks import VERSIONS, Sdk, callautomation
from tests.emulator.stage import Acs, StagedCall

TOKEN = "token-of-a-managed-identity"
SETTINGS = EmulatorSettings(
    start_delay=timedelta(seconds=0.05), event_delay=timedelta(0), bearer_tokens=(TOKEN,)
)


@pytest.fixture(scope="session", params=VERSIONS)
def sdk(request: pytest.FixtureRequest) -> Iterator[Sdk]:
    """Yield one version at a time: pytest runs all tests of a version before the next."""
    with callautomation(request.param) as loaded:
        yield loaded


@pytest.fixture(params=["sync", "async"])
def style(request: pytest.FixtureRequest) -> str:
    style: str = request.param
    return style


@pytest.fixture(scope="session")
def resource() -> Iterator[Resource]:
    real = real_resource()
    if real:
        yield real
        return
    with httpx.Client(trust_env=False) as http, running(SETTINGS) as emulator:
        acs = Acs(emulator, http)
        yield Resource(emulator.connection_string, emulator=acs)


@pytest.fixture
async def client(sdk: Sdk, style: str, resource: Resource) -> AsyncIterator[Client]:
    """Yield a client; stop its recordings, so that the next test can record the same call."""
    client = resource.client(sdk, style)
    yield client
    for recording_id in client.started:
        with suppress(ResourceNotFoundError):  # stopped by the test
            await client.stop(recording_id)
    await client.close()


@pytest.fixture
def emulator(resource: Resource) -> Acs:
    if resource.emulator is None:
        pytest.skip(f"{CONNECTION_STRING} is set, and this test must control calls, time or files")
    return resource.emulator


@pytest.fixture
def call(emulator: Acs) -> StagedCall:
    """Create a call of two people."""
    return StagedCall(emulator)


@pytest.fixture
def server_call_id(resource: Resource) -> str:
    """Return an ongoing call, of either kind of resource."""
    if resource.emulator is None:
        return resource.server_call_id
    return StagedCall(resource.emulator).server_call_id


@pytest.fixture
def recorded(call: StagedCall) -> dict[str, Any]:
    """Return the announced chunk of two seconds of audio."""
    return record(call)


def record(call: StagedCall) -> dict[str, Any]:
    """Record two seconds of audio of this call; return its announced chunk."""
    recording_id = call.is_recorded(
        recordingContentType="audio", recordingChannelType="mixed", recordingFormatType="wav"
    )
    call.lasts(2)
    call.acs.stop(recording_id)
    (chunk,) = call.rendered()["chunks"]
    return dict(chunk)
