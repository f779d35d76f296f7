"""The Schedule's workflow sweeps, on a worker as it is in production."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from azure.storage.blob import ContainerClient
from temporalio.client import Client, WorkflowFailureError
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from activities.alerts import AlertActivities
from activities.announcements import AnnouncementActivities
from activities.control import ControlActivities
from activities.sweeping import SweepActivities
from callvault.config import Settings
from callvault.contracts import names
from callvault.contracts.sweeps import SweepOrder, SweepReports
from callvault.local.azurite import Azurite
from callvault.schedules import put_schedule
from tests.gateway.conftest import Call
from tests.ingest.conftest import until_marked
from tests.ingest.giving_up import given_up, marked, put
from workers.connections import Connections
from workers.registry import deciding_worker, sandbox


@pytest.fixture
async def client(
    temporal_binary: Path,
    known: Settings,
    container: ContainerClient,
    azurite: Azurite,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Client]:
    """A Temporal server of the test's own, and a worker for decisions."""
    monkeypatch.setenv("TEST_LETTERS", azurite.connection_string)
    there = {"container": container.container_name, "connection_string": "env:TEST_LETTERS"}
    letters = {"gone": {**there, "container": "no-such-container"}, "grid": there}
    settings = Settings.model_validate({**known.model_dump(), "dead_letters": letters})
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(temporal_binary),
        search_attributes=names.SEARCH_ATTRIBUTES,
        data_converter=pydantic_data_converter,
    ) as environment:
        with closing(Connections(settings)) as connections:
            async with deciding_worker(
                environment.client,
                ControlActivities(
                    connections.client_of, connections.policy_of, connections.archive_of
                ),
                AlertActivities(None),
                AnnouncementActivities(connections.announcement_webhook),
                settings.worker,
                also=[SweepActivities(settings, environment.client).sweep_dead_letters],
                runner=sandbox(),
            ):
                yield environment.client


async def test_what_the_schedule_starts_sweeps_and_tells_what_it_found(
    client: Client, container: ContainerClient, call: Call
) -> None:
    letter = put(container, [given_up(call.recorded())])
    order, every = SweepOrder(dead_letters=("grid",)), timedelta(minutes=15)
    await put_schedule(client, names.SWEEP_SCHEDULE, names.SWEEP_TYPE, order, every)
    schedule = client.get_schedule_handle(names.SWEEP_SCHEDULE)
    await schedule.trigger()
    async with asyncio.timeout(20):
        while not (recent := (await schedule.describe()).info.recent_actions):
            await asyncio.sleep(0.05)
    started = recent[0].action.workflow_id
    handle = client.get_workflow_handle(started, result_type=SweepReports)
    [report] = (await handle.result()).reports
    assert (report.letters, report.delivered) == (1, 1)
    assert marked(container) == {letter}
    kept = await client.get_workflow_handle(call.workflow_id).describe()
    assert kept.workflow_type == names.WORKFLOW_TYPE


async def test_a_container_that_cannot_be_swept_does_not_keep_the_others_from_it(
    client: Client, container: ContainerClient, call: Call
) -> None:
    letter = put(container, [given_up(call.recorded())])
    handle = await client.start_workflow(
        names.SWEEP_TYPE,
        SweepOrder(),
        id="sweep-all",
        task_queue=names.CONTROL_QUEUE,
        execution_timeout=timedelta(minutes=1),
    )
    await until_marked(container, {letter})
    await handle.terminate()
    with pytest.raises(WorkflowFailureError):
        await handle.result()
