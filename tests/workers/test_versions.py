"""Does a new version of the worker take over running calls?"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.api.workflowservice.v1 import SetWorkerDeploymentCurrentVersionRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import WorkflowEnvironment

from callvault.config.settings import Settings
from callvault.config.worker import WorkerSettings
from callvault.contracts import names
from callvault.temporal.converter import data_converter
from tests.workflows.scene import Scene, World, chunk

DEPLOYMENT = "callvault"


@pytest.fixture(scope="module")
async def environment(temporal_binary: Path) -> AsyncIterator[WorkflowEnvironment]:
    """Start a server of its own: a current version concerns everything on the task queues."""
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(temporal_binary),
        search_attributes=names.SEARCH_ATTRIBUTES,
        data_converter=data_converter,
    ) as environment:
        yield environment


def version(build_id: str) -> WorkerSettings:
    return WorkerSettings(deployment_name=DEPLOYMENT, build_id=build_id)


async def becomes_current(client: Client, build_id: str) -> None:
    """Route all work to a version, as soon as the server knows its worker."""
    request = SetWorkerDeploymentCurrentVersionRequest(
        namespace=client.namespace,
        deployment_name=DEPLOYMENT,
        build_id=build_id,
        identity="test",
    )
    async with asyncio.timeout(30):
        while True:
            try:
                await client.workflow_service.set_worker_deployment_current_version(request)
                return
            except RPCError as error:
                if error.status not in (
                    RPCStatusCode.NOT_FOUND,
                    RPCStatusCode.FAILED_PRECONDITION,
                ):
                    raise
            await asyncio.sleep(0.1)


async def builds_that_decided(scene: Scene) -> set[str]:
    """Read the versions that have worked on the call's workflow tasks."""
    history = await scene.handle.fetch_history()
    return {
        event.workflow_task_completed_event_attributes.deployment_version.build_id
        for event in history.events
        if event.HasField("workflow_task_completed_event_attributes")
    }


async def is_moved_on(scene: Scene) -> None:
    """Ask for changes until the new version has made one: the server takes a moment to route."""
    async with asyncio.timeout(30):
        while await builds_that_decided(scene) != {"1", "2"}:
            await scene.asks("pause")
            await scene.asks("resume")


async def test_a_call_that_began_on_one_version_is_kept_on_by_the_next(
    environment: WorkflowEnvironment, tmp_path: Path
) -> None:
    client = environment.client
    world = World(tmp_path)
    scene = Scene(environment, world)
    async with world.working(client, version("1")):
        await becomes_current(client, "1")
        await scene.recorded()
        async with world.working(client, version("2")):
            await becomes_current(client, "2")
            await is_moved_on(scene)
            await scene.asks("stop")
    assert await builds_that_decided(scene) == {"1", "2"}

    async with world.working(client, version("2")):
        await scene.announced(chunk())
        result = await scene.handle.result()
    assert result.outcome == "archived"
    calls = scene.service.control_calls()
    assert (calls[0], calls[-1], calls.count("start")) == ("start", "stop", 1)


@pytest.mark.parametrize("half", [{"deployment_name": "callvault"}, {"build_id": "1"}])
def test_half_a_version_is_refused(half: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="go together"):
        Settings.model_validate({"worker": half})
