"""Is a recording kept after Temporal's or the archive's data went back? (H14, H9)"""

import asyncio
import os

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import Client
from temporalio.service import RPCError

from callvault.cli.demo.call import Call
from callvault.contracts.results import CallResult
from callvault.local.stack import CALLVAULT

from .conftest import Running

pytestmark = pytest.mark.slow("starts every part as a process of its own, and calls last seconds")


async def callvault(running: Running, *words: str) -> tuple[int | None, str]:
    """Run a command of the stack; return its exit status and all that it said."""
    process = await asyncio.create_subprocess_exec(
        *CALLVAULT,
        *words,
        env=os.environ | dict(running.stack.environment),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode, said.decode()


async def forgets(client: Client, workflow_id: str) -> None:
    """Delete a workflow, as a restore to a time before its beginning does."""
    request = DeleteWorkflowExecutionRequest(
        namespace=client.namespace,
        workflow_execution=WorkflowExecution(workflow_id=workflow_id),
    )
    await client.workflow_service.delete_workflow_execution(request)
    async with asyncio.timeout(30):
        while True:
            try:
                await client.get_workflow_handle(workflow_id).describe()
            except RPCError:
                return
            await asyncio.sleep(0.1)


async def recorded_and_forgotten(call: Call, client: Client) -> str:
    """Have a call recorded whose workflow is gone; return the id of the recording."""
    await call.begins("Ana", "Ben")
    await call.is_to_be_recorded()
    await call.becomes("active")
    recording_id: str = (await call.status())["recordings"][0]["recordingId"]
    await forgets(client, call.workflow_id)
    return recording_id


async def test_a_recording_that_no_workflow_knows_is_adopted_controlled_and_kept(
    running: Running, call: Call, client: Client
) -> None:
    """H14: "adopt the running recording", which no command could do."""
    recording_id = await recorded_and_forgotten(call, client)
    status, said = await callvault(
        running, "recordings", "adopt", call.server_call_id, recording_id
    )
    assert (status, said.strip().splitlines()[-1]) == (0, call.workflow_id)
    await call.asks("pause", "card number")
    # Again, by somebody who does not know that it was done: nothing is kept twice.
    assert (await callvault(running, "recordings", "adopt", call.server_call_id, recording_id))[
        0
    ] == 0
    await call.asks("stop", "over")
    await call.ends()
    handle = client.get_workflow_handle(call.workflow_id, result_type=CallResult)
    result = await asyncio.wait_for(handle.result(), 60)
    assert result.outcome == "archived"
    [kept] = result.recordings
    assert kept.recording_id == recording_id
    assert kept.manifest is not None
    # Its pauses before then are forgotten: no court is to read that there were none.
    assert any("adopted at" in finding for finding in kept.manifest.findings)
    assert "a recording is adopted that no workflow kept" in str(await call.status())


async def test_a_recording_of_another_call_is_not_adopted(
    running: Running, call: Call, client: Client
) -> None:
    recording_id = await recorded_and_forgotten(call, client)
    status, said = await callvault(
        running, "recordings", "adopt", "aHR0cHM6Ly9hbm90aGVyLWNhbGw=", recording_id
    )
    assert status == 1, said
    status, said = await callvault(
        running, "recordings", "adopt", call.server_call_id, f"{recording_id}x"
    )
    assert status == 1, said
    assert "recording" in said
    with pytest.raises(RPCError):
        await client.get_workflow_handle(call.workflow_id).describe()
    await callvault(running, "recordings", "adopt", call.server_call_id, recording_id)
    await call.asks("stop", "over")
    await call.ends()
