"""Does a call that lasts go on in run after run, and nothing is lost or done twice between them?"""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowHandle
from temporalio.worker import Replayer

from callvault.contracts.alarms import AlarmKind
from callvault.contracts.names import FILE_STATUS_UPDATED, STATE
from callvault.errors import Unavailable
from callvault.temporal.converter import data_converter
from tests.patience import WAIT
from workers.registry import RUNNER, WORKFLOWS, sandbox

from .scene import BRIEF_WINDOW, SHORT_WINDOW, Scene, chunk, released

AWAY = Unavailable("the service is away")


def short_histories(scene: Scene, events: int) -> None:
    """Let a run hand over after so many events: more than it takes to begin again."""
    scene.world.max_history_events[scene.resource] = events


async def runs(scene: Scene) -> list[WorkflowHandle[Any, Any]]:
    """Every run of the call, the newest first."""
    workflow_id = scene.handle.id
    found: list[WorkflowHandle[Any, Any]] = []
    run_id: str | None = None
    while run_id != "":
        handle = scene.environment.client.get_workflow_handle(workflow_id, run_id=run_id)
        history = await handle.fetch_history()
        started = history.events[0].workflow_execution_started_event_attributes
        found.append(handle)
        run_id = started.continued_execution_run_id
    return found


async def test_signals_sent_while_runs_take_over_from_each_other_all_arrive(scene: Scene) -> None:
    short_histories(scene, 40)
    await scene.recorded()
    sent = {f"signal-{number}" for number in range(100)}
    for request_id in sorted(sent):
        await scene.says("pause", request_id=request_id)
    await has_runs(scene, 2)
    async with asyncio.timeout(WAIT):
        # A status may be answered while the reading for the last of them is under way.
        while (status := await scene.status()).untimed or not all(
            record.is_done for record in status.requests.values()
        ):
            await asyncio.sleep(0.02)

    assert sent <= set(status.requests)
    assert scene.service.control_calls() == ["start", "pause"]
    counts = [await signals_in(run) for run in await runs(scene)]
    assert sum(counts) == 100
    assert len([count for count in counts if count]) > 1, "a run took over in the middle of them"


async def test_updates_are_answered_across_runs_and_ids_are_remembered(scene: Scene) -> None:
    short_histories(scene, 40)
    await scene.recorded()
    await scene.asks("pause", request_id="p0")
    first = await scene.asks("resume", request_id="r0")
    assert (await scene.asks("pause", request_id="p1")).state == "confirmed"
    for number in range(2, 6):
        assert (await scene.asks("resume", request_id=f"r{number}")).state == "confirmed"
        assert (await scene.asks("pause", request_id=f"p{number}")).state == "confirmed"
    asked = scene.service.control_calls()
    again = await scene.asks("resume", request_id="r0")

    assert len(await runs(scene)) >= 3
    assert again == first
    assert scene.service.control_calls() == asked
    assert len((await scene.recording()).pauses) == 6


@pytest.mark.slow("tries two exports for hours of virtual time")
async def test_exports_and_alarms_go_on_in_the_next_run_and_nobody_is_told_twice(
    scene: Scene,
) -> None:
    scene.world.windows[scene.resource] = SHORT_WINDOW
    short_histories(scene, 60)
    scene.service.fails_for("open_content", AWAY, SHORT_WINDOW - timedelta(minutes=10))
    await scene.recorded()
    await scene.asks("stop")
    await scene.announced(chunk(0, last=False), chunk(1))
    result = await scene.result()
    told = scene.told()

    assert len(await runs(scene)) >= 2
    assert result.outcome == "archived"
    assert len(scene.archived()) == 2
    assert {a.kind for a in told} == {AlarmKind.EXPORT_LATE}
    assert len(told) == len({a.id for a in told}) == 2 * 7
    assert scene.service.control_calls() == ["start", "stop"]


@pytest.mark.slow("tries two exports every minute of their window")
async def test_a_last_chance_goes_on_in_the_next_run(scene: Scene) -> None:
    scene.world.windows[scene.resource] = BRIEF_WINDOW
    short_histories(scene, 60)
    scene.service.fails_for("open_content", AWAY, BRIEF_WINDOW * 0.8)
    await scene.recorded()
    await scene.asks("stop")
    await scene.signals(FILE_STATUS_UPDATED, scene.event_of_a_long_recording())
    for _ in range(60):
        await scene.says("pause")
    await has_runs(scene, 2)
    assert (await scene.result()).outcome == "archived"
    assert len(scene.archived()) == 2


async def test_no_file_ever_is_one_loss_however_many_runs_wait_for_it(scene: Scene) -> None:
    short_histories(scene, 45)
    await scene.recorded()
    await scene.asks("stop")
    result = await scene.result()

    assert len(await runs(scene)) >= 2
    assert result.outcome == "lost"
    kinds = Counter(alarm.kind for alarm in scene.told())
    assert kinds == {AlarmKind.NO_FILE_EVENT: 8, AlarmKind.LOST: 1}


async def test_a_request_in_flight_is_awaited_before_the_next_run(scene: Scene) -> None:
    short_histories(scene, 40)
    await scene.recorded()
    gate = scene.service.holds("pause")
    with released(gate):
        activity_calls = asyncio.create_task(scene.asks("pause", request_id="p1"))
        await scene.has_asked("pause")
        await grows(scene, 15)
        assert len(await runs(scene)) == 1
        undoing = asyncio.create_task(scene.asks("resume", request_id="r1"))
    assert (await activity_calls).state in ("confirmed", "superseded")
    assert (await undoing).state == "confirmed"
    asked = scene.service.control_calls()
    await grows(scene, 1)
    await has_runs(scene, 2)
    assert scene.service.control_calls() == asked
    assert (await scene.recording()).actual == "active"


async def test_the_source_is_deleted_in_a_later_run_than_the_copy_was_made(scene: Scene) -> None:
    short_histories(scene, 60)
    scene.world.delete_source.add(scene.resource)
    second = chunk(1)
    scene.service.fails_for("open_content", AWAY, timedelta(hours=2), url=second["contentLocation"])
    await scene.recorded_as_sound()
    await scene.announced(chunk(0, last=False), second)
    await scene.until(lambda recording: recording.chunks[0].state == "archived")
    await grows(scene, 15)
    await has_runs(scene, 2)
    assert "delete_content" not in scene.service.asked

    assert (await scene.result()).outcome == "archived"
    assert scene.service.asked.count("delete_content") == 2


async def test_what_operators_see_is_the_same_in_the_next_run(scene: Scene) -> None:
    short_histories(scene, 40)
    await scene.recorded()
    before = await scene.status()
    await grows(scene, 15)
    await has_runs(scene, 2)
    after = await scene.status()
    description = await scene.handle.describe()

    assert after.recordings == before.recordings
    assert after.policy == before.policy
    assert after.timeline[: len(before.timeline)] == before.timeline
    assert description.typed_search_attributes.get(STATE) == "recording"


async def test_every_run_replays(scene: Scene) -> None:
    short_histories(scene, 40)
    scene.service.fails("open_content", AWAY, times=3)
    await scene.recorded()
    for number in range(6):
        await scene.asks("pause", request_id=f"p{number}")
        await scene.asks("resume", request_id=f"r{number}")
    await scene.asks("stop")
    await scene.announced(chunk())
    await scene.result()
    handles = await runs(scene)
    assert len(handles) > 2
    for runner in (RUNNER, sandbox()):
        replayer = Replayer(
            workflows=WORKFLOWS, workflow_runner=runner, data_converter=data_converter
        )
        for handle in handles:
            await replayer.replay_workflow(await handle.fetch_history())


async def signals_in(run: WorkflowHandle[Any, Any]) -> int:
    history = await run.fetch_history()
    return sum(e.HasField("workflow_execution_signaled_event_attributes") for e in history.events)


async def grows(scene: Scene, signals: int) -> None:
    """Let the history grow by signals that change nothing, each in a workflow task of its own."""
    for _ in range(signals):
        await scene.signals("acknowledge", {"requestedBy": "operator"})
        await scene.status()


async def has_runs(scene: Scene, count: int) -> None:
    """Wait until the call is in its ``count``-th run."""
    async with asyncio.timeout(WAIT):
        while len(await runs(scene)) < count:
            await asyncio.sleep(0.05)
