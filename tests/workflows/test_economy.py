"""Does a call do nothing that costs an event or an action in vain, and still tell all?"""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from temporalio.api.history.v1 import HistoryEvent

from callvault.contracts import names
from callvault.contracts.activity_io import QUICK_ATTEMPT_TIMEOUT
from callvault.contracts.requests import RecordingRequest
from callvault.temporal.call_client import CallClient
from tests.patience import WAIT

from .scene import Scene, chunk


async def events(scene: Scene, kind: str) -> list[HistoryEvent]:
    history = await scene.handle.fetch_history()
    return [event for event in history.events if event.HasField(f"{kind}_event_attributes")]  # type: ignore[arg-type]


async def timers(scene: Scene) -> list[timedelta]:
    started = await events(scene, "timer_started")
    return [e.timer_started_event_attributes.start_to_fire_timeout.ToTimedelta() for e in started]


async def shown(scene: Scene) -> dict[str, Any]:
    found = (await scene.handle.describe()).typed_search_attributes
    return {pair.key.name: pair.value for pair in found}


async def shows(scene: Scene, state: str) -> None:
    async with asyncio.timeout(WAIT):
        while (await shown(scene)).get(names.STATE.name) != state:
            await asyncio.sleep(0.05)


async def test_a_pause_and_a_resume_that_acs_confirms_at_once_need_no_timer(scene: Scene) -> None:
    await scene.recorded()
    before = await timers(scene)
    await scene.asks("pause")
    await scene.asks("resume")
    assert await timers(scene) == before


async def test_a_pause_that_acs_does_not_confirm_is_alarmed_in_time_all_the_same(
    scene: Scene,
) -> None:
    await scene.recorded()
    gate = scene.service.holds("pause")
    scene.service.patience = 1.5
    record = await scene.asks("pause")
    gate.set()
    assert record.is_overdue
    [alarm] = [each.alarm for each in (await scene.status()).alarms]
    late = alarm.at - record.requested_at
    assert QUICK_ATTEMPT_TIMEOUT < late < timedelta(seconds=6.5)


async def test_lists_show_no_pause_of_a_moment_but_one_that_lasts(scene: Scene) -> None:
    await scene.recorded()
    await shows(scene, "recording")
    upserts = len(await events(scene, "upsert_workflow_search_attributes"))
    await scene.asks("pause")
    await scene.status()
    assert len(await events(scene, "upsert_workflow_search_attributes")) == upserts
    await scene.passes(timedelta(minutes=16))
    await shows(scene, "paused")
    await scene.asks("resume")
    await shows(scene, "recording")


async def test_a_deadline_is_listed_as_soon_as_there_is_one(scene: Scene) -> None:
    await scene.recorded()
    await scene.asks("stop")
    await shows(scene, "processing")
    assert (await shown(scene))[names.EXPIRES_AT.name] > (await scene.status()).recordings[
        0
    ].requested_at


async def test_a_recording_that_the_gateway_starts_is_listed_before_a_worker_has_seen_it(
    scene: Scene,
) -> None:
    request = RecordingRequest(server_call_id=scene.server_call_id, resource=scene.resource)
    with scene.environment.with_time_skipping_disabled():
        await CallClient(scene.environment.client).start(request)
    [started] = await events(scene, "workflow_execution_started")
    given = started.workflow_execution_started_event_attributes.search_attributes.indexed_fields
    assert given[names.STATE.name].data == b'"starting"'
    await scene.until(lambda recording: recording.actual == "active")
    await shows(scene, "recording")
    [first] = await events(scene, "upsert_workflow_search_attributes")
    changed = first.upsert_workflow_search_attributes_event_attributes.search_attributes
    assert set(changed.indexed_fields) == {names.STATE.name, names.RECORDING_IDS.name}
    assert (await shown(scene))[names.RESOURCE.name] == scene.resource


async def test_what_acs_says_to_be_active_at_once_is_not_asked_for_again(
    scene: Scene, monkeypatch: Any
) -> None:
    start: Callable[..., Any] = scene.service.start

    def starts_at_once(*given: Any) -> Any:
        return start(*given).model_copy(update={"recording_state": "active"})

    monkeypatch.setattr(scene.service, "start", starts_at_once)
    await scene.recorded()
    assert "get_state" not in scene.service.asked
    await scene.asks("pause")
    await scene.asks("stop")
    await scene.announced(chunk())
    assert (await scene.result()).outcome == "archived"


async def test_a_poll_of_silence_ends_with_its_call_and_is_not_called_off(scene: Scene) -> None:
    await scene.recorded()
    await scene.asks("pause")
    await scene.asks("stop")
    await scene.announced(chunk())
    await scene.result()
    assert await events(scene, "activity_task_cancel_requested") == []
