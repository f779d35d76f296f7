"""What if two worker processes mean different places by one archive's name? (H9, decision 0061)"""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from temporalio.client import Client

from callvault.archive.identity import IDENTITY_OBJECT, make_identity
from callvault.archive.stores.directory import DirectoryArchive
from callvault.cli.demo.call import Call
from callvault.contracts.results import CallResult
from callvault.local.processes import Process, Supervisor
from callvault.local.stack import CALLVAULT, start_stack
from callvault.local.stack_settings import ARCHIVE

from .conftest import Running

pytestmark = pytest.mark.slow("starts every part as a process of its own, and calls last seconds")


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """Run a stack whose archive is a directory."""
    with Supervisor(tmp_path / "logs") as supervisor:
        yield Running(start_stack(supervisor, tmp_path, archive=tmp_path / "right"), supervisor)


def works(running: Running, name: str, place: Path) -> Process:
    """Start a worker that means this place by the archive's name."""
    path = {f"CALLVAULT_ARCHIVES__{ARCHIVE.upper()}__PATH": str(place)}
    worker = running.supervisor.start(
        name, [*CALLVAULT, "worker"], environment={**running.stack.environment, **path}
    )
    worker.wait_for(lambda: worker.announcement("ready"))
    return worker


async def failure_of_export(client: Client, workflow_id: str) -> str:
    """Wait for an attempt at the export to fail; return why."""
    async with asyncio.timeout(60):
        while True:
            described = await client.get_workflow_handle(workflow_id).describe()
            for pending in described.raw_description.pending_activities:
                is_export = pending.activity_type.name == "export_chunk"
                if is_export and pending.last_failure.message:
                    return pending.last_failure.message
            await asyncio.sleep(0.2)


async def test_h9_a_worker_that_means_another_place_writes_nothing_there(
    running: Running, client: Client, tmp_path: Path
) -> None:
    wrong = DirectoryArchive(ARCHIVE, tmp_path / "wrong")
    make_identity(wrong, None, datetime.now(UTC))
    [first] = [each for each in running.supervisor.processes if each.name == "worker"]
    first.stop()
    misled = works(running, "misled", tmp_path / "wrong")
    async with httpx.AsyncClient(trust_env=False, timeout=35) as http:
        call = Call(running.stack, http)
        await call.begins("Ana")
        await call.is_to_be_recorded()
        await call.becomes("active")
        await call.speaks("Ana", 1)
        await call.asks("stop", "over")
        await call.ends()
        why = await failure_of_export(client, call.workflow_id)
        assert "is expected to be" in why
        assert list(wrong.names()) == [IDENTITY_OBJECT]

        # Both at once: whichever of them is given the task, it ends in the right place.
        works(running, "right", tmp_path / "right")
        await asyncio.sleep(2)
        misled.stop()
        handle = client.get_workflow_handle(call.workflow_id, result_type=CallResult)
        result = await asyncio.wait_for(handle.result(), 90)
    assert result.outcome == "archived"
    assert list(wrong.names()) == [IDENTITY_OBJECT]
    [chunk] = result.recordings[0].chunks
    assert chunk.archived is not None
    assert (tmp_path / "right" / chunk.archived.object_name).is_file()
