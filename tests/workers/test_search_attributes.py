"""Are calls controlled while the namespace has lost its search attributes?"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.api.operatorservice.v1 import RemoveSearchAttributesRequest
from temporalio.client import Client, WorkflowHandle
from temporalio.common import SearchAttributePair, TypedSearchAttributes
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner, Worker

from callvault.clocks import Clocks
from callvault.config.settings import Settings
from callvault.contracts import names
from callvault.temporal import search_attributes
from callvault.temporal.converter import data_converter
from callvault.temporal.namespace import register_search_attributes
from tests.workflows.scene import Scene, World
from workers.registry import RUNNER, WORKFLOWS, sandbox
from workers.watch import Watch
from workflows import display

ALL = [key.name for key in names.SEARCH_ATTRIBUTES]
SHORT = 40
"""Events in a history after which a new run goes on."""


@pytest.fixture
async def server(temporal_binary: Path) -> AsyncIterator[WorkflowEnvironment]:
    """Yield a server of its own: what is removed would be missed by others."""
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(temporal_binary),
        search_attributes=names.SEARCH_ATTRIBUTES,
        data_converter=data_converter,
    ) as environment:
        yield environment


async def remove(client: Client, attributes: list[str]) -> None:
    await client.operator_service.remove_search_attributes(
        RemoveSearchAttributesRequest(namespace=client.namespace, search_attributes=attributes)
    )


async def set_by_server(client: Client) -> bool:
    """Tell if the server takes the attribute of the state."""
    try:
        probe = await client.start_workflow(
            "nobody",
            id="probe",
            task_queue="nobody",
            search_attributes=TypedSearchAttributes([SearchAttributePair(names.STATE, "x")]),
        )
    except RPCError:
        return False
    await probe.terminate()
    return True


async def until_server_says(client: Client, *, is_known: bool) -> None:
    async with asyncio.timeout(60):
        while await set_by_server(client) is not is_known:
            await asyncio.sleep(0.2)


@pytest.mark.slow(reason="the server reads its namespaces anew every ten seconds")
@pytest.mark.parametrize("removed", [ALL, [names.STATE.name]], ids=["all", "one"])
async def test_h16_calls_are_controlled_without_search_attributes_and_setup_brings_them_back(
    removed: list[str],
    server: WorkflowEnvironment,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World(tmp_path)
    watch = Watch(server.client, Settings(), Clocks())
    async with world.working(server.client):
        scene = Scene(server, world)
        world.max_history_events[scene.resource] = SHORT
        await watch.look_at_attributes()
        await scene.recorded()
        await remove(server.client, removed)
        await watch.look_at_attributes()
        assert set(watch.problems.current()) == {f"search attribute {name}" for name in removed}
        await until_server_says(server.client, is_known=False)

        first = (await scene.handle.describe()).run_id
        async with asyncio.timeout(30):
            for _ in range(6):
                assert (await scene.asks("pause")).state == "confirmed"
                assert (await scene.asks("resume")).state == "confirmed"
        described = await scene.handle.describe()
        assert described.run_id != first, "the next run began without them, too"
        shown = described.typed_search_attributes.get(names.RESOURCE)
        assert shown == (None if removed == ALL else scene.resource)

        await register_search_attributes(server.client)
        await until_server_says(server.client, is_known=True)
        monkeypatch.setattr(search_attributes, "SETTLE_TIME", 0.0)
        await watch.look_at_attributes()
        assert watch.problems.current() == {}
        await scene.asks("stop")
        async with asyncio.timeout(10):
            while await shown_state(scene.handle) != "processing":
                await asyncio.sleep(0.05)
        described = await scene.handle.describe()
        shown = described.typed_search_attributes.get(names.RESOURCE)
        assert shown == scene.resource, "what was missing is set again, though it has not changed"
        # A run that has only just begun has done nothing yet that could be replayed.
        await scene.status()
        await replays(scene.handle)


async def shown_state(handle: WorkflowHandle) -> str | None:
    return (await handle.describe()).typed_search_attributes.get(names.STATE)


async def replays(handle: WorkflowHandle) -> None:
    """Replay what was done without attributes where all are known."""
    history = await handle.fetch_history()
    for runner in (RUNNER, sandbox()):
        replayer = Replayer(
            workflows=WORKFLOWS, workflow_runner=runner, data_converter=data_converter
        )
        await replayer.replay_workflow(history)


@workflow.defn
class Continuing:
    """Shows a state, and continues as new when told to."""

    def __init__(self) -> None:
        self.is_told = False

    @workflow.signal
    def go_on(self) -> None:
        self.is_told = True

    @workflow.run
    async def run(self) -> None:
        if workflow.info().continued_run_id is not None:
            return
        workflow.upsert_search_attributes([names.STATE.value_set("recording")])
        await workflow.wait_condition(lambda: self.is_told)
        workflow.continue_as_new(search_attributes=display.inherited())


@pytest.mark.slow(reason="the server reads its namespaces anew every ten seconds")
async def test_h16_a_run_continues_as_new_though_what_it_has_set_is_unknown(
    server: WorkflowEnvironment,
) -> None:
    client = server.client
    async with Worker(
        client,
        task_queue="q",
        workflows=[Continuing],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        handle = await client.start_workflow(Continuing.run, id="continuing", task_queue="q")
        async with asyncio.timeout(10):
            while await shown_state(handle) != "recording":
                await asyncio.sleep(0.05)
        await remove(client, [names.STATE.name])
        await Watch(client, Settings(), Clocks()).look_at_attributes()
        await until_server_says(client, is_known=False)
        await handle.signal(Continuing.go_on)
        async with asyncio.timeout(15):
            await handle.result()


def test_an_attribute_that_is_back_is_set_only_once_every_part_of_the_server_knows_it() -> None:
    now = 0.0
    attributes = search_attributes.SearchAttributes(lambda: now)
    update = [names.STATE.value_set("recording"), names.RESOURCE.value_set("x")]
    attributes.seen([names.STATE.name])
    assert [each.key.name for each in attributes.usable(update)] == [names.RESOURCE.name]
    attributes.seen([])
    assert len(attributes.usable(update)) == 1
    now = search_attributes.SETTLE_TIME
    attributes.seen([])
    assert attributes.usable(update) == update


def test_the_server_is_never_given_an_update_of_nothing() -> None:
    attributes = search_attributes.SearchAttributes()
    attributes.seen(ALL)
    [filler] = attributes.usable([names.STATE.value_set("recording")])
    assert filler.key.name == "BatcherUser"
    before = TypedSearchAttributes([SearchAttributePair(names.STATE, "recording")])
    assert [pair.key.name for pair in attributes.inherited(before) or []] == ["BatcherUser"]
