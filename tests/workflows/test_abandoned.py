"""Is a call minded again after its workflow was ended by force, or makes no step any more?"""

import asyncio
import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from temporalio import workflow
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from callvault.contracts import names
from callvault.contracts.alarms import Alarm, AlarmKind, Severity
from workers.abandoned import AbandonedCalls

from .scene import Scene, chunk


async def taken_over(scene: Scene) -> None:
    """Look for abandoned calls, as a worker does, until this one is found."""
    ended = (await scene.handle.describe()).run_id
    watch = AbandonedCalls(scene.environment.client, scene.world.told.send)
    with scene.environment.with_time_skipping_disabled():
        async with asyncio.timeout(20):
            while (await scene.handle.describe()).run_id == ended:
                await watch.take_over_ended()
                await asyncio.sleep(0.1)


async def test_a1_a_terminated_call_is_taken_over_and_kept_to_its_end(scene: Scene) -> None:
    """Of fault A1's kind: ACS recorded on, and nobody was told."""
    await scene.recorded()
    await scene.asks("pause", requested_by="agent")
    await scene.asks("resume")
    await scene.handle.terminate("somebody clicked")
    await taken_over(scene)
    await scene.has_asked("get_state", times=scene.service.asked.count("get_state") + 1)

    assert (await scene.asks("pause")).state == "confirmed"
    assert (await scene.asks("stop")).state == "confirmed"
    await scene.announced(chunk())
    result = await scene.result()
    assert result.outcome == "archived"
    assert result.recordings[0].pauses[0].requested_by == "agent"
    assert scene.service.control_calls() == ["start", "pause", "resume", "pause", "stop"]
    [alarm] = scene.told()
    assert (alarm.kind, alarm.severity) == (AlarmKind.ABANDONED, Severity.CRITICAL)


async def test_a1_what_ended_meanwhile_is_read_from_acs(scene: Scene) -> None:
    await scene.recorded()
    await scene.handle.terminate()
    scene.service.forgets("recording-1")
    await taken_over(scene)
    await scene.until(lambda recording: recording.actual == "stopped")
    await scene.announced(chunk())
    assert (await scene.result()).outcome == "archived"
    assert scene.service.control_calls() == ["start"]


async def test_a1_what_was_archived_is_known_and_not_copied_again(scene: Scene) -> None:
    await scene.recorded()
    await scene.asks("stop")
    await scene.announced(chunk(0, last=False))
    await scene.until(lambda recording: recording.chunks[0].state == "archived")
    await scene.handle.terminate()
    copied = scene.service.asked.count("open_content")
    await taken_over(scene)
    await scene.announced(chunk(1))
    assert (await scene.result()).outcome == "archived"
    assert scene.service.asked.count("open_content") == copied + 1
    assert len(scene.archived()) == 2


async def test_a1_a_call_that_is_kept_by_another_run_is_left_alone(scene: Scene) -> None:
    """Two workers look at once; and a call that came to its end needs nobody."""
    await scene.recorded()
    await scene.handle.terminate()
    await asyncio.gather(taken_over(scene), taken_over(scene))
    run = (await scene.handle.describe()).run_id
    await AbandonedCalls(scene.environment.client, scene.world.told.send).take_over_ended()
    assert (await scene.handle.describe()).run_id == run
    await scene.asks("stop")
    await scene.announced(chunk())
    assert (await scene.result()).outcome == "archived"
    await AbandonedCalls(scene.environment.client, scene.world.told.send).take_over_ended()
    assert (await scene.handle.describe()).run_id == run
    assert [alarm.kind for alarm in scene.told()] == [AlarmKind.ABANDONED]


@workflow.defn(name=names.WORKFLOW_TYPE)
class Stuck:
    """A workflow whose tasks fail."""

    @workflow.run
    async def run(self) -> None:
        raise RuntimeError("a fault of ours")


@pytest.mark.slow("the server reports a workflow only after several failed tasks")
async def test_a2_a_workflow_whose_tasks_fail_is_told_of(scene: Scene) -> None:
    """Of fault A2's kind, for faults that nobody knows yet."""
    client, told = scene.environment.client, list[Alarm]()
    queue = f"stuck-{uuid.uuid4()}"
    watch = AbandonedCalls(client, told.append)
    async with Worker(
        client, task_queue=queue, workflows=[Stuck], workflow_runner=UnsandboxedWorkflowRunner()
    ):
        await client.start_workflow(
            names.WORKFLOW_TYPE, id=queue, task_queue=queue, run_timeout=timedelta(minutes=5)
        )
        await until(lambda: [a.workflow_id for a in told] == [queue], watch)
    await watch.tell_of_stuck()
    assert [a.workflow_id for a in told] == [queue], "once"
    assert told[0].severity is Severity.CRITICAL


async def until(condition: Callable[[], bool], watch: AbandonedCalls) -> None:
    async with asyncio.timeout(90):
        while not condition():
            await watch.tell_of_stuck()
            await asyncio.sleep(0.5)
