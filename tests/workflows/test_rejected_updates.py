"""Does a history replay though an update was rejected, which leaves no trace in it?"""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowUpdateFailedError
from temporalio.testing import WorkflowEnvironment

from callvault.contracts.activity_io import ResourcePolicy
from callvault.temporal.converter import data_converter
from tests.patience import WAIT
from workers.registry import RUNNER

from .conftest import search_attribute_arguments
from .scene import Scene, World
from .test_replay import replay

SOON = timedelta(seconds=1)


class Hasty(World):
    """Resources whose files are missed after a second."""

    def policy_of(self, name: str) -> ResourcePolicy:
        return super().policy_of(name).model_copy(update={"event_expected_within": SOON})


@pytest.fixture
async def server(temporal_binary: Path) -> AsyncIterator[WorkflowEnvironment]:
    """Start a server whose time is real, and at which no worker is yet."""
    async with await WorkflowEnvironment.start_local(
        data_converter=data_converter,
        dev_server_existing_path=str(temporal_binary),
        dev_server_extra_args=search_attribute_arguments(),
    ) as environment:
        yield environment


async def test_an_update_that_is_rejected_as_a_timer_fires_changes_no_command(
    server: WorkflowEnvironment, tmp_path: Path
) -> None:
    """Both come in one workflow task, if no worker was there for a while."""
    world = Hasty(tmp_path)
    scene = Scene(server, world)
    async with world.working(server.client):
        await scene.recorded()
        await scene.asks("stop")
    await until_a_timer_fires(scene)
    resuming = asyncio.create_task(scene.asks("resume"))
    # The server does not tell that it has an update which no worker has seen.
    await asyncio.sleep(1)
    async with world.working(server.client):
        with pytest.raises(WorkflowUpdateFailedError):
            await resuming
    history = await scene.handle.fetch_history()
    await replay(history, RUNNER)


async def until_a_timer_fires(scene: Scene) -> None:
    async with asyncio.timeout(WAIT):
        while True:
            history = await scene.handle.fetch_history()
            if any(e.event_type == EventType.EVENT_TYPE_TIMER_FIRED for e in history.events):
                return
            await asyncio.sleep(0.2)
