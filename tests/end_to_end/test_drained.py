"""Does a worker that is told to end hand over what it is copying?"""

import asyncio
import os
import signal
from collections.abc import Iterator

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from callvault.cli.script import Call
from callvault.contracts.status import CallResult
from callvault.emulator.media import sparse
from callvault.local.processes import Supervisor
from callvault.local.stack import CALLVAULT, start_stack

from .conftest import Running
from .test_killed_export import MIB, SIZE, bytes_copied, copied


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    home = tmp_path_factory.mktemp("stack")
    with Supervisor(home / "logs") as supervisor:
        stack = start_stack(supervisor, home, emulator_options=("--media", "sparse"))
        yield Running(stack, supervisor)


@pytest.mark.timeout(240)
async def test_a_worker_that_ends_lets_another_go_on_at_once(
    running: Running, call: Call, client: Client
) -> None:
    worker = next(each for each in running.supervisor.processes if each.name == "worker")
    await call.begins("Ana", media_bytes=SIZE)
    await call.is_to_be_recorded()
    await asyncio.sleep(1)
    await call.ends()
    await copied(client, call, MIB)

    os.kill(worker.pid, signal.SIGTERM)
    assert await asyncio.to_thread(worker.wait_for, lambda: worker.exit_status) == 0
    assert await bytes_copied(client, call) < SIZE, "it ended before the copy was done"
    environment = running.stack.environment
    running.supervisor.start("worker-2", [*CALLVAULT, "worker"], environment=environment)
    handle = client.get_workflow_handle(call.workflow_id, result_type=CallResult)
    result = await asyncio.wait_for(handle.result(), 180)

    (chunk,) = result.recordings[0].chunks
    assert chunk.archived is not None
    assert chunk.archived.sha256 == sparse.sha256(chunk.document_id, SIZE)
    assert "another one goes on" in await why_it_began_anew(client, call)


async def why_it_began_anew(client: Client, call: Call) -> str:
    """The error of the attempt before the last: handed over, or only missed by its heartbeat?"""
    history = await client.get_workflow_handle(call.workflow_id).fetch_history()
    (failure,) = (
        event.activity_task_started_event_attributes.last_failure.message
        for event in history.events
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED
        and event.activity_task_started_event_attributes.attempt > 1
    )
    return failure
