"""Is a file archived whole when its worker is killed, or told to stop, in the middle?"""

import asyncio
import os
import signal
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from azure.storage.blob import ContainerClient
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from callvault.cli.demo.call import Call
from callvault.contracts.activity_io import ExportProgress
from callvault.emulator.media import sparse
from callvault.local.azurite import Azurite
from callvault.local.processes import Process, Supervisor
from callvault.local.stack import CALLVAULT, start_stack
from callvault.local.stack_settings import CONTAINER

from .conftest import Running

pytestmark = pytest.mark.slow("copies 384 MiB twice, each time with a worker that is ended")

MIB = 1024 * 1024
SIZE = 384 * MIB


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    home = tmp_path_factory.mktemp("stack")
    with Supervisor(home / "logs") as supervisor:
        stack = start_stack(supervisor, home, emulator_options=("--media", "sparse"))
        yield Running(stack, supervisor)


@pytest.mark.timeout(240)
async def test_another_worker_goes_on_where_the_killed_one_was(
    running: Running, call: Call, client: Client
) -> None:
    worker = next(each for each in running.supervisor.processes if each.name == "worker")
    await is_being_copied(client, call)
    os.killpg(worker.pid, signal.SIGKILL)
    assert worker.wait_for_end() == -signal.SIGKILL
    staged = await bytes_copied(client, call)
    environment = running.stack.environment
    running.supervisor.start("worker-2", [*CALLVAULT, "worker"], environment=environment)

    handle = client.get_workflow_handle(call.workflow_id)
    result: dict[str, Any] = await asyncio.wait_for(handle.result(), 180)

    assert result["outcome"] == "archived"
    (chunk,) = result["recordings"][0]["chunks"]
    archived = chunk["archived"]
    assert (archived["size"], archived["sha256"]) == (
        SIZE,
        sparse.sha256(chunk["documentId"], SIZE),
    )
    assert staged < SIZE, "the worker was killed before the copy was done"
    assert isinstance(running.stack.archive, Azurite)
    with ContainerClient.from_connection_string(
        running.stack.archive.connection_string, CONTAINER
    ) as container:
        assert container.get_blob_client(archived["objectName"]).exists()


async def is_being_copied(client: Client, call: Call) -> None:
    """A call is over, and the first bytes of its large recording have come."""
    await call.begins("Ana", media_bytes=SIZE)
    await call.is_to_be_recorded()
    await asyncio.sleep(1)
    await call.ends()
    async with asyncio.timeout(60):
        while await bytes_copied(client, call) < MIB:
            await asyncio.sleep(0.02)


async def bytes_copied(client: Client, call: Call) -> int:
    """Return the bytes that the running export has copied, by its last heartbeat."""
    description = await client.get_workflow_handle(call.workflow_id).describe()
    for activity in description.raw_description.pending_activities:
        is_export = activity.activity_type.name == "export_chunk"
        if is_export and activity.HasField("heartbeat_details"):
            (progress,) = await pydantic_data_converter.decode(
                activity.heartbeat_details.payloads, [ExportProgress]
            )
            done: int = progress.bytes_done if progress.phase == "copying" else SIZE
            return done
    return 0


@pytest.mark.timeout(240)
async def test_an_exporter_that_is_told_to_stop_hands_its_copy_over(
    running: Running, call: Call, client: Client
) -> None:
    for worker in running.supervisor.processes:
        if worker.name.startswith("worker"):
            worker.stop()
    works(running, "control")
    exporter = works(running, "exports")
    ours = os.getpriority(os.PRIO_PROCESS, 0)
    assert os.getpriority(os.PRIO_PROCESS, exporter.pid) == min(ours + 10, 19)
    await is_being_copied(client, call)

    exporter.stop(timeout=timedelta(seconds=40))

    assert exporter.exit_status == 0
    assert await bytes_copied(client, call) < SIZE, "it was told to stop before the copy was done"
    assert "the worker is shutting down" in await last_failure(client, call)
    works(running, "exports", "2")
    result: dict[str, Any] = await asyncio.wait_for(
        client.get_workflow_handle(call.workflow_id).result(), 180
    )
    (chunk,) = result["recordings"][0]["chunks"]
    assert chunk["archived"]["sha256"] == sparse.sha256(chunk["documentId"], SIZE)


def works(running: Running, role: str, name: str = "") -> Process:
    """Start a worker process for one role."""
    command = [*CALLVAULT, "worker", "--only", role]
    worker = running.supervisor.start(
        f"{role}{name}", command, environment=running.stack.environment
    )
    worker.wait_for(lambda: worker.announcement("ready"))
    return worker


async def last_failure(client: Client, call: Call) -> str:
    """Return the failure of the export's last attempt."""
    description = await client.get_workflow_handle(call.workflow_id).describe()
    (pending,) = [
        activity
        for activity in description.raw_description.pending_activities
        if activity.activity_type.name == "export_chunk"
    ]
    return pending.last_failure.message
