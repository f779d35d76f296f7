"""Does Callvault find out by asking what no event tells?"""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowHistory

from callvault.contracts import names
from callvault.contracts.alarms import AlarmKind
from callvault.errors import Unavailable
from workflows.call.state_limits import MAX_CHUNKS_SIZE

from .scene import SHORT_WINDOW, WINDOW, Scene, chunk


async def stopped_without_an_event(scene: Scene, **result: Any) -> datetime:
    """A recording has ended, and ACS will say so to those who ask for its result."""
    scene.world.polls_result.add(scene.resource)
    await scene.recorded()
    await scene.asks("stop")
    scene.service.results["recording-1"] = result
    stopped_at = (await scene.recording()).stopped_at
    assert stopped_at is not None
    return stopped_at


def told(*chunks: dict[str, Any], **facts: Any) -> dict[str, Any]:
    return {
        "recordingStorageInfo": {"recordingChunks": list(chunks)},
        "errors": [],
        "sessionEndReason": "callEnded",
        **facts,
    }


def names_of_activities(history: WorkflowHistory) -> list[str]:
    return [
        event.activity_task_scheduled_event_attributes.activity_type.name
        for event in history.events
        if event.HasField("activity_task_scheduled_event_attributes")
    ]


async def test_a_recording_that_ended_unheard_is_noticed_and_its_files_awaited(
    scene: Scene,
) -> None:
    await scene.recorded()
    scene.service.forgets("recording-1")
    began = await scene.environment.get_current_time(scene.handle)
    result = await scene.result()
    recording = await scene.recording()

    assert scene.service.control_calls() == ["start"]
    assert recording.stopped_at is not None
    assert timedelta(minutes=15) < recording.stopped_at - began < timedelta(minutes=20)
    assert result.outcome == "lost", "it recorded, and nobody announced a file"
    assert AlarmKind.NO_FILE_EVENT in [alarm.kind for alarm in scene.told()]


async def test_a_recording_that_acs_denies_once_is_not_over(scene: Scene) -> None:
    await scene.recorded()
    hidden = scene.service.recordings.pop("recording-1")
    await scene.passes(timedelta(minutes=15, seconds=30))
    scene.service.recordings["recording-1"] = hidden
    await scene.passes(timedelta(minutes=30))
    assert (await scene.recording()).actual == "active"
    assert (await scene.asks("pause")).state == "confirmed"
    await scene.asks("stop")
    await scene.announced(chunk())
    assert (await scene.result()).outcome == "archived"


async def test_files_that_no_event_announced_are_found_by_asking_for_the_result(
    scene: Scene,
) -> None:
    stopped_at = await stopped_without_an_event(scene, **told(chunk(0, last=False), chunk(1)))
    result = await scene.result()

    assert result.outcome == "archived"
    assert len(scene.archived()) == 2
    announced = (await scene.recording()).chunks[0].announced_at
    assert timedelta(minutes=10) <= announced - stopped_at < timedelta(minutes=15)
    assert [alarm.kind for alarm in scene.told()] == [AlarmKind.NO_FILE_EVENT]


async def test_more_files_than_a_call_may_have_raise_the_alarm_when_acs_is_asked_too(
    scene: Scene,
) -> None:
    """Of fault A7: an event raised the alarm, and an answer of ACS with the same files did not."""
    # Each address holds the document's id, which is long.
    files = (chunk(n, last=False, document=f"{n:01000}") for n in range(MAX_CHUNKS_SIZE // 4_000))
    await stopped_without_an_event(scene, **told(*files))
    scene.service.fails("open_content", Unavailable("the service is away"), times=10_000)
    await scene.passes(timedelta(minutes=15))
    status = await scene.status()
    assert status.chunks_left_out > 0
    assert scene.service.asked.count("get_result") == 1, "not again and again for what is left out"
    assert AlarmKind.TOO_MUCH in {record.alarm.kind for record in status.alarms}


async def test_the_result_is_asked_for_until_the_window_closes(scene: Scene) -> None:
    scene.world.windows[scene.resource] = SHORT_WINDOW
    stopped_at = await stopped_without_an_event(scene)
    late = SHORT_WINDOW - timedelta(hours=1)
    scene.service.fails_for("get_result", Unavailable("the preview is away"), late)
    scene.service.results["recording-1"] = told(chunk())
    assert (await scene.result()).outcome == "archived"
    announced = (await scene.recording()).chunks[0].announced_at
    assert late <= announced - stopped_at < SHORT_WINDOW


async def test_a_result_that_never_tells_of_a_file_costs_the_history_nothing(scene: Scene) -> None:
    scene.world.windows[scene.resource] = SHORT_WINDOW
    await stopped_without_an_event(scene, **told())
    assert (await scene.result()).outcome == "lost"
    assert scene.service.asked.count("get_result") > 10
    history = await scene.handle.fetch_history()
    assert names_of_activities(history).count("poll_result") == 1


@pytest.mark.parametrize(
    "odd",
    [
        # The service's own way to write a time that it does not know: no task may fail for it.
        {"recordingExpirationTime": "0001-01-01T00:00:00Z"},
        {"recordingExpirationTime": "soon", "recordingDurationMs": "NaN", "sessionEndReason": 7},
        {"recordingStartTime": {}, "errors": [{"code": 8522}, "lost"]},
    ],
)
async def test_an_odd_field_of_the_result_costs_no_file(scene: Scene, odd: dict[str, Any]) -> None:
    stopped_at = await stopped_without_an_event(scene)
    scene.service.results["recording-1"] = told(chunk(), **odd)
    assert (await scene.result()).outcome == "archived"
    expires_at = (await scene.recording()).chunks[0].expires_at
    assert expires_at is not None
    assert expires_at - stopped_at >= WINDOW


async def test_what_the_service_says_of_its_own_deadline_counts_if_it_is_earlier(
    scene: Scene,
) -> None:
    stopped_at = await stopped_without_an_event(scene)
    soon = stopped_at + timedelta(hours=10)
    scene.service.results["recording-1"] = told(
        chunk(),
        recordingExpirationTime=soon.isoformat(),
        errors=[{"code": "ExportFailure", "message": "no", "innererror": {"code": "denied"}}],
    )
    await scene.result()
    assert (await scene.recording()).chunks[0].expires_at == soon
    timeline = [entry.what for entry in (await scene.status()).timeline]
    assert any("ExportFailure" in what and "denied" in what for what in timeline)


async def test_further_files_are_asked_for_until_the_recording_is_whole(scene: Scene) -> None:
    await stopped_without_an_event(scene, **told(chunk(0, last=False)))
    await scene.passes(timedelta(minutes=30))
    assert [c.state for c in (await scene.recording()).chunks] == ["archived"]
    scene.service.results["recording-1"] = told(chunk(0, last=False), chunk(1))
    assert (await scene.result()).outcome == "archived"
    assert len(scene.archived()) == 2


async def test_nobody_is_asked_for_a_result_where_the_settings_do_not_say_so(scene: Scene) -> None:
    await scene.recorded()
    await scene.asks("stop")
    scene.service.results["recording-1"] = told(chunk())
    assert (await scene.result()).outcome == "lost"
    assert "get_result" not in scene.service.asked


async def test_d1_everybody_hangs_up_and_nothing_is_amiss(scene: Scene) -> None:
    """Fault D1: sealed as amiss, so that the service's copy was never deleted."""
    scene.world.delete_source.add(scene.resource)
    scene.service.records_sound = True
    await scene.recorded(recordingContentType="audio", recordingFormatType="wav")
    scene.service.forgets("recording-1")
    over = {"recording": 1, "recordingId": "recording-1", "state": "inactive", "at": later()}
    await scene.signals(names.RECORDING_STATE_CHANGED, over)
    await scene.until(lambda recording: recording.actual == "stopped")
    await scene.announced(chunk())
    result = await scene.result()

    [recording] = result.recordings
    assert recording.problem == ""
    assert recording.manifest is not None
    assert recording.manifest.findings == ()
    assert scene.service.asked.count("delete_content") == 1


def later() -> str:
    """A moment after all that has happened: what ACS tells is news."""
    return (datetime.now(UTC) + timedelta(seconds=5)).isoformat()
