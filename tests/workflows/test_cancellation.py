"""Is a call kept though its workflow is cancelled, as a button of the Web UI does? (Fault A1.)"""

import asyncio
from datetime import timedelta

import pytest

from callvault.contracts import names
from callvault.contracts.alarms import AlarmKind
from callvault.errors import Unavailable
from workers.registry import RUNNER

from .scene import Scene, chunk, released
from .test_continue_as_new import grows, has_runs, runs, short_histories
from .test_replay import replay

AWAY = Unavailable("the service is away")


async def test_a1_a_cancellation_stops_the_recording_and_keeps_its_files(scene: Scene) -> None:
    """Fault A1: the workflow ended, ACS recorded on, and nobody was told."""
    await scene.recorded()
    await scene.handle.cancel()
    await scene.until(lambda recording: recording.actual == "stopped")
    await is_archived(scene)

    status = await scene.status()
    [request] = [r for r in status.requests.values() if r.operation == "stop"]
    assert request.requested_by == "unknown"
    assert "cancelled" in request.reason
    assert any("it is not known who asked" in entry.what for entry in status.timeline)
    [alarm] = scene.told()
    assert alarm.kind is AlarmKind.CANCELLED
    assert scene.service.control_calls() == ["start", "stop"]
    for run in await runs(scene):
        await replay(await run.fetch_history(), RUNNER)


async def test_a1_while_paused(scene: Scene) -> None:
    await scene.recorded()
    await scene.asks("pause")
    await scene.handle.cancel()
    await scene.until(lambda recording: recording.actual == "stopped")
    await is_archived(scene)


async def test_a1_during_the_start(scene: Scene) -> None:
    """What ACS was asked to start is stopped as soon as it is known."""
    gate = scene.service.holds("start")
    with released(gate):
        await scene.keep()
        await scene.has_asked("start")
        await scene.handle.cancel()
        await scene.until(lambda recording: recording.wanted == "stopped")
    await scene.until(lambda recording: recording.actual == "stopped")
    assert scene.service.control_calls() == ["start", "stop"]
    await is_archived(scene)


async def test_a1_during_a_pause_that_is_not_answered(scene: Scene) -> None:
    """The caller of the pause is answered."""
    await scene.recorded()
    scene.service.fails("pause", AWAY, times=3)
    activity_calls = asyncio.create_task(scene.asks("pause"))
    await scene.has_asked("pause")
    await scene.handle.cancel()
    assert (await activity_calls).state in ("confirmed", "superseded")
    await scene.until(lambda recording: recording.actual == "stopped")
    await is_archived(scene)


async def test_a1_before_the_settings_of_the_resource_are_known(scene: Scene) -> None:
    """The main task waits for an activity then, and not for the loops."""
    del scene.world.services[scene.resource]
    await scene.keep(start_recording=False)
    await scene.handle.cancel()
    await asyncio.sleep(0.5)
    scene.world.services[scene.resource] = scene.service
    await scene.announced(chunk())
    result = await scene.result()
    assert result.outcome == "archived"
    assert AlarmKind.CANCELLED in [alarm.kind for alarm in scene.told()]


async def test_a1_before_the_first_workflow_task(scene: Scene) -> None:
    """Nothing of it may have been asked of ACS yet."""
    await scene.keep()
    await scene.handle.cancel()
    await scene.until(lambda recording: recording.actual == "stopped")
    assert AlarmKind.CANCELLED in {record.alarm.kind for record in (await scene.status()).alarms}


async def test_a1_during_exports_and_while_the_run_hands_over(scene: Scene) -> None:
    short_histories(scene, 40)
    scene.service.fails_for("open_content", AWAY, timedelta(hours=2))
    await scene.recorded()
    await scene.asks("stop")
    await scene.announced(chunk(0, last=False), chunk(1))
    growing = asyncio.create_task(grows(scene, 20))
    await scene.handle.cancel()
    await growing
    await has_runs(scene, 2)
    await scene.handle.cancel()
    result = await scene.result()
    assert result.outcome == "archived"
    assert len(scene.archived()) == 2
    assert [a.kind for a in scene.told()].count(AlarmKind.CANCELLED) == 2


async def test_a1_twice_and_with_another_recording_between(scene: Scene) -> None:
    """Temporal tells a run of its first cancellation alone: so another run takes over."""
    await scene.recorded()
    await scene.handle.cancel()
    await scene.handle.cancel()
    await scene.until(lambda recording: recording.actual == "stopped")
    await scene.asks("start")
    await scene.until(lambda recording: recording.actual == "active", number=2)
    await has_runs(scene, 2)
    await scene.handle.cancel()
    await scene.until(lambda recording: recording.actual == "stopped", number=2)
    await scene.announced(chunk())
    await scene.announced(chunk(document="0-eus-d1-" + "f" * 32), recording=2)
    assert (await scene.result()).outcome == "archived"
    assert scene.service.control_calls() == ["start", "stop", "start", "stop"]


async def test_a1_of_a_call_whose_files_alone_are_kept(scene: Scene) -> None:
    await scene.hears_late(scene.event(chunk(0, last=False)))
    await scene.handle.cancel()
    await scene.announced(chunk(1))
    assert (await scene.result()).outcome == "archived"


@pytest.mark.parametrize("operation", ["pause", names.CONSENT])
async def test_a1_messages_are_taken_as_ever_afterwards(scene: Scene, operation: str) -> None:
    await scene.recorded()
    await scene.handle.cancel()
    await scene.until(lambda recording: recording.actual == "stopped")
    await scene.signals(operation, {"participant": "0" * 64, "given": False})
    await is_archived(scene)


async def is_archived(scene: Scene) -> None:
    """The workflow completes, with its result."""
    await scene.announced(chunk())
    assert (await scene.result()).outcome == "archived"
    description = await scene.handle.describe()
    assert description.status is not None
    assert description.status.name == "COMPLETED"
