"""From start to stop, and what is refused; runs against a real resource, too."""

import asyncio
import time
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from tests.contract.client import Client, order
from tests.contract.resource import Resource
from tests.contract.sdks import Sdk

WITHIN = 30.0
"""Seconds that a state may take; a real resource needs about ten."""


async def becomes(client: Client, recording_id: str, wanted: str) -> None:
    deadline = time.monotonic() + WITHIN
    while (await client.state(recording_id)).recording_state != wanted:
        assert time.monotonic() < deadline, f"the recording did not become {wanted}"
        await asyncio.sleep(0.02)


async def refusal(action: Any) -> tuple[int | None, str | None]:
    """Status and code as the SDK raises them."""
    with pytest.raises(HttpResponseError) as raised:
        await action
    error = raised.value
    return error.status_code, error.error.code if error.error else None


async def test_recording_becomes_active(client: Client, sdk: Sdk, server_call_id: str) -> None:
    started = await client.start(server_call_id=server_call_id, **order(sdk))
    assert started.recording_id
    assert started.recording_state in ("inactive", "active")
    # Since 1.6.0 the SDK spells it as the service does: "azure…", before that "Azure…".
    kind = sdk.api.RecordingKind.AZURE_COMMUNICATION_SERVICES.value
    assert started.recording_kind.lower() == kind.lower()
    await becomes(client, started.recording_id, "active")
    properties = await client.state(started.recording_id)
    assert properties.recording_id == started.recording_id
    assert properties.recording_state == sdk.api.RecordingState.ACTIVE


async def test_paused_recording_is_inactive_until_resumed(
    client: Client, sdk: Sdk, server_call_id: str
) -> None:
    started = await client.start(server_call_id=server_call_id, **order(sdk))
    await becomes(client, started.recording_id, "active")
    await client.pause(started.recording_id)
    await becomes(client, started.recording_id, "inactive")
    await client.resume(started.recording_id)
    await becomes(client, started.recording_id, "active")


async def test_stopped_recording_is_unknown_to_every_operation(
    client: Client, sdk: Sdk, server_call_id: str
) -> None:
    started = await client.start(server_call_id=server_call_id, **order(sdk))
    await becomes(client, started.recording_id, "active")
    await client.stop(started.recording_id)
    for ask in (client.state, client.pause, client.resume, client.stop):
        with pytest.raises(ResourceNotFoundError) as raised:
            await ask(started.recording_id)
        assert raised.value.error is not None
        assert raised.value.error.code == "8522"


async def test_second_recording_of_a_kind_is_refused(
    client: Client, sdk: Sdk, server_call_id: str
) -> None:
    started = await client.start(server_call_id=server_call_id, **order(sdk))
    await becomes(client, started.recording_id, "active")
    again = client.start(server_call_id=server_call_id, **order(sdk))
    assert await refusal(again) == (400, "8553")


async def test_unknown_call_is_refused(client: Client, sdk: Sdk) -> None:
    unknown = "aHR0cHM6Ly9jb252LXVzZWEtMDEuY29udi5za3lwZS5jb20vY29udi94P2k9MCZlPTE"
    assert await refusal(client.start(server_call_id=unknown, **order(sdk))) == (400, "8527")


async def test_relative_callback_address_is_refused(
    client: Client, sdk: Sdk, server_call_id: str
) -> None:
    start = client.start(
        server_call_id=server_call_id, recording_state_callback_url="/callback", **order(sdk)
    )
    assert await refusal(start) == (400, "BadRequest")


@pytest.mark.parametrize("ending", ["", "/"])
async def test_connection_string_works_with_and_without_a_trailing_slash(
    resource: Resource, sdk: Sdk, style: str, server_call_id: str, ending: str
) -> None:
    endpoint, _, rest = resource.connection_string.partition(";")
    client = resource.client(sdk, style, conn_str=f"{endpoint.rstrip('/')}{ending};{rest}")
    started = await client.start(server_call_id=server_call_id, **order(sdk))
    await client.stop(started.recording_id)
    await client.close()
