"""Do running calls hand over to a new version of the workers, and each run stay on its own?"""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.api.workflowservice.v1 import SetWorkerDeploymentCurrentVersionRequest
from temporalio.client import Client, WorkflowHistory
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import WorkflowEnvironment

from bench.deploys.operator import Operator
from callvault.clocks import Clocks
from callvault.config.settings import Settings
from callvault.config.worker import WorkerSettings
from callvault.contracts import names
from callvault.contracts.alarm_groups import AlarmGroupState
from callvault.temporal.converter import data_converter
from tests.patience import WAIT
from tests.workflows.scene import Scene, World, chunk
from tests.workflows.test_alarm_groups import an_alarm
from tests.workflows.test_continue_as_new import runs
from workers.old_versions import WHAT
from workers.watch import Watch

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


async def builds_of_runs(scene: Scene) -> list[set[str]]:
    """Read the versions that have worked on the tasks of each run of a call, the newest first."""
    return [builds_of(await run.fetch_history()) for run in await runs(scene)]


def builds_of(history: WorkflowHistory) -> set[str]:
    return {
        event.workflow_task_completed_event_attributes.deployment_version.build_id
        for event in history.events
        if event.HasField("workflow_task_completed_event_attributes")
    }


async def has_moved_on(scene: Scene) -> None:
    """Wake the call until the new version keeps it: the server takes a moment to route."""
    async with asyncio.timeout(30):
        while (await builds_of_runs(scene))[0] != {"2"}:
            await scene.handle.signal(names.HAND_OVER)
            await asyncio.sleep(0.1)


async def test_a_call_that_began_on_one_version_is_handed_over_to_the_next(
    environment: WorkflowEnvironment, tmp_path: Path
) -> None:
    client = environment.client
    world = World(tmp_path)
    scene = Scene(environment, world)
    async with world.working(client, version("1")):
        await becomes_current(client, "1")
        await scene.recorded()
        await scene.asks("pause")
        noted = (await scene.status()).timeline
        async with world.working(client, version("2")):
            await becomes_current(client, "2")
            await has_moved_on(scene)
            assert (await scene.status()).timeline == noted, "handing over is no event of a call"
            await scene.asks("resume")
            await scene.asks("stop")
    assert await builds_of_runs(scene) == [{"2"}, {"1"}], "a run stays on its version"

    async with world.working(client, version("2")):
        await scene.announced(chunk())
        result = await scene.handle.result()
    assert result.outcome == "archived"
    assert scene.service.control_calls() == ["start", "pause", "resume", "stop"]


async def test_a_group_of_alarms_is_handed_over_to_the_next_version(
    environment: WorkflowEnvironment, tmp_path: Path
) -> None:
    client = environment.client
    world = World(tmp_path)
    first = an_alarm()
    state = AlarmGroupState(
        key=first.group_key, dedup_key="group", interval=timedelta(hours=1), newest=first
    )
    async with world.working(client, version("2")), world.working(client, version("3")):
        await becomes_current(client, "2")
        group = await client.start_workflow(
            names.ALARM_GROUP_TYPE, state, id=first.id, task_queue=names.CONTROL_QUEUE
        )
        members = (await group.query(names.STATUS, result_type=AlarmGroupState)).members
        await becomes_current(client, "3")
        group = client.get_workflow_handle(first.id)
        async with asyncio.timeout(30):
            while builds_of(await group.fetch_history()) != {"3"}:
                await group.signal(names.HAND_OVER)
                await asyncio.sleep(0.1)
        assert (await group.query(names.STATUS, result_type=AlarmGroupState)).members == members
        await group.terminate("the test is over")


async def test_calls_whose_version_has_no_worker_any_more_are_told_of_and_moved_by_force(
    environment: WorkflowEnvironment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = environment.client
    world = World(tmp_path)
    scene = Scene(environment, world)
    settings = Settings.model_validate({"worker": {"deployment_name": DEPLOYMENT, "build_id": "5"}})
    looking = Watch(client, settings, Clocks())
    async with world.working(client, version("4")):
        await becomes_current(client, "4")
        await scene.recorded()
        async with world.working(client, version("5")):
            await becomes_current(client, "5")
            await looking.look_at_versions()
            assert looking.problems.current() == {}
    # As if what polled before had been gone for minutes.
    monkeypatch.setattr("workers.old_versions.POLLED_WITHIN", timedelta())
    async with world.working(client, version("5")), asyncio.timeout(WAIT):
        while not (found := looking.problems.current()):
            await looking.look_at_versions()
            await asyncio.sleep(0.3)
        assert "1 open calls are on a version of deployment callvault of which" in found[WHAT]
        # As the page for operators says.
        address = client.service_client.config.target_host
        await Operator({"TEMPORAL_ADDRESS": address}).move_by_force("4")
        await scene.asks("pause")
        while looking.problems.current():
            await looking.look_at_versions()
            await asyncio.sleep(0.3)
    assert await builds_of_runs(scene) == [{"4", "5"}]
    await scene.handle.terminate("the test is over")


async def test_without_versions_nothing_is_handed_over(
    temporal_binary: Path, tmp_path: Path
) -> None:
    world = World(tmp_path)
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(temporal_binary),
        search_attributes=names.SEARCH_ATTRIBUTES,
        data_converter=data_converter,
    ) as unversioned:
        scene = Scene(unversioned, world)
        async with world.working(unversioned.client):
            await scene.recorded()
            await scene.handle.signal(names.HAND_OVER, "whatever comes along")
            await scene.asks("pause")
            assert len(await runs(scene)) == 1


@pytest.mark.parametrize("half", [{"deployment_name": "callvault"}, {"build_id": "1"}])
def test_half_a_version_is_refused(half: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="go together"):
        Settings.model_validate({"worker": half})
