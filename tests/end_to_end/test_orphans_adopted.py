"""Is a recording that Temporal has forgotten adopted by policy, once ACS tells of it? (H14)"""

import asyncio
from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest
from temporalio.client import Client

from callvault.acs.client import AcsClient
from callvault.acs.credentials import parse_connection_string
from callvault.cli.demo.call import Call
from callvault.contracts.results import CallResult
from callvault.local.processes import Supervisor
from callvault.local.stack import Stack, start_stack
from callvault.temporal.converter import data_converter

from .known import is_known
from .test_restored import recorded_and_forgotten

pytestmark = pytest.mark.slow("starts every part as a process of its own, and calls last seconds")

ADOPTED_WITHIN = 30
"""Seconds."""


@pytest.fixture
def stack(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Stack]:
    home = tmp_path_factory.mktemp("stack")
    with Supervisor(home / "logs") as supervisor:
        yield start_stack(
            supervisor,
            home,
            archive=home / "archive",
            settings={"CALLVAULT_RESOURCES__DEFAULT__ADOPT_ORPHANS": "mp3"},
        )


def pauses_at_acs(stack: Stack, recording_id: str, server_call_id: str) -> None:
    """Pause as somebody else does who has the resource's key."""
    endpoint, key = parse_connection_string(stack.emulator.connection_string)
    with closing(AcsClient(endpoint, key)) as client:
        client.pause(recording_id, server_call_id)


async def test_a_forgotten_recording_is_adopted_when_acs_tells_of_a_change(stack: Stack) -> None:
    client = await Client.connect(
        stack.temporal.address, namespace=stack.temporal.namespace, data_converter=data_converter
    )
    async with httpx.AsyncClient(trust_env=False, timeout=35) as http:
        call = Call(stack, http)
        recording_id = await recorded_and_forgotten(call, client)
        await call.speaks("Ana", 1.5)
        # Somebody else's request, or ACS's own: whatever changes is told at the call's address.
        await asyncio.to_thread(pauses_at_acs, stack, recording_id, call.server_call_id)
        await is_known(call, within=ADOPTED_WITHIN)
        status = await call.status()
        assert status["recordings"][0]["recordingId"] == recording_id
        await call.asks("stop", "over")
        await call.ends()
    handle = client.get_workflow_handle(call.workflow_id, result_type=CallResult)
    result = await asyncio.wait_for(handle.result(), 60)
    assert result.outcome == "archived"
    assert [each.recording_id for each in result.recordings] == [recording_id]
