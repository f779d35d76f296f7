"""Is a recording that is stuck found, understood and mended from a terminal, without a worker?"""

import asyncio

import pytest

from callvault.cli.actions.call_view import CallView, view_call
from callvault.cli.actions.explain import explain
from callvault.cli.terminal import console
from tests.workflows.scene import Scene, World, chunk

from .conftest import Terminal

pytestmark = pytest.mark.slow("a Temporal server, and commands as processes")


async def is_stuck(scene: Scene, world: World) -> None:
    """Record a call whose file the archive does not take; then all workers are gone."""
    async with world.working(scene.environment.client):
        await scene.recorded()
        await scene.asks("stop")
        await scene.announced(chunk(), eventTime="2026-03-02T12:00:00Z")
        async with asyncio.timeout(30):
            while not await has_failed(scene):
                await asyncio.sleep(0.1)


async def has_failed(scene: Scene) -> bool:
    described = await scene.handle.describe()
    pending = described.raw_description.pending_activities
    return any(a.activity_type.name == "export_chunk" and a.attempt > 1 for a in pending)


async def view(scene: Scene) -> CallView:
    return await view_call(scene.environment.client, scene.server_call_id)


async def test_a_stuck_call_is_shown_explained_and_retried(
    stuck: Scene, stuck_world: World, terminal: Terminal
) -> None:
    await is_stuck(stuck, stuck_world)

    shown = await terminal.says("recordings", "show", stuck.server_call_id)
    for words in (
        stuck.handle.id,
        "does not answer",
        "another object is in its place",
        "recording-1",
        "c1",
    ):
        assert words in shown
    assert "from its history" in shown
    assert (await view(stuck)).workflow.call_ids == ("c1",), "a search attribute"

    told = await terminal.says("recordings", "explain", "recording-1")
    assert "another object is in its place" in told
    assert "Whose fault: the archive's storage" in told
    assert f"Do: callvault recordings export-now {stuck.handle.id}" in told
    assert "docs/operations.md#export_late" in told
    assert "does not answer" in told, "no worker runs"

    stuck_world.refusing.clear()
    done = await terminal.tells("recordings", "export-now", stuck.server_call_id, "--by", "olga")
    assert [(a["activity"], a["isAsked"]) for a in done["activities"]] == [("export_chunk", True)]
    async with stuck_world.working(stuck.environment.client):
        assert (await asyncio.wait_for(stuck.handle.result(), 20)).outcome == "archived"

    explanation = explain(await view(stuck))
    assert "is over for Callvault" in explanation.summary
    assert "is archived" in explanation.reasons[0].what
    refusal = await terminal.refuses("recordings", "retry", stuck.server_call_id)
    assert "no activity of this call is pending" in refusal


async def test_with_a_worker_the_workflow_itself_answers(stuck: Scene, stuck_world: World) -> None:
    async with stuck_world.working(stuck.environment.client):
        await stuck.recorded()
        seen = await view(stuck)
        assert seen.is_answered
        assert not seen.problem
        [reason] = explain(seen).reasons
        assert "is still on" in reason.what
        await stuck.handle.terminate()
    ended = await view(stuck)
    assert "terminated" in explain(ended).reasons[0].what
    assert explain(ended).reasons[0].runbook == "abandoned"


def test_in_a_pipe_a_table_has_no_width() -> None:
    assert console().width > 1_000
