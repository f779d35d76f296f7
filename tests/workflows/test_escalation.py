"""Does somebody learn early, and ever louder, that a file is not safe yet?"""

from datetime import UTC, datetime, timedelta

from callvault.contracts import names
from callvault.contracts.alarms import AlarmKind, Severity
from callvault.errors import AlreadyRecording, Unavailable

from .scene import SHORT_WINDOW, Scene, chunk

AWAY = Unavailable("the service is away")


async def stopped(scene: Scene) -> None:
    await scene.recorded()
    await scene.asks("stop")


async def stopped_and_known_to_be_over(scene: Scene) -> None:
    """For what is exact: nothing but the workflow's timers is left for the clock to skip to.

    A skipping server sends an activity that waits for its retry too early. If that fails before a
    timer that is due at this very moment has fired, the server skips beyond the timer.
    """
    scene.world.checked_every[scene.resource] = timedelta(seconds=1)
    await stopped(scene)
    await scene.passes(timedelta(minutes=2))
    assert await scene.waiting_activities() == []


async def test_a_missing_event_is_alarmed_early_and_at_every_step(scene: Scene) -> None:
    await stopped_and_known_to_be_over(scene)
    began = (await scene.recording()).stopped_at
    assert began is not None
    await scene.result()
    missing = [a for a in scene.told() if a.kind is AlarmKind.NO_FILE_EVENT]
    minutes = [(alarm.at - began) // timedelta(minutes=1) for alarm in missing]
    assert minutes == [10, *(hours * 60 for hours in (1, 6, 12, 20, 36, 44, 47))]
    assert [a.severity for a in missing] == sorted(
        (a.severity for a in missing), key=[*Severity].index
    )
    assert missing[-1].severity is Severity.CRITICAL
    assert scene.told()[-1].kind is AlarmKind.LOST


async def test_a_late_export_is_alarmed_at_every_step_and_copied_with_rising_priority(
    scene: Scene,
) -> None:
    scene.world.windows[scene.resource] = timedelta(hours=13)
    scene.service.fails("open_content", AWAY, times=10_000)
    await stopped(scene)
    await scene.announced(chunk())
    await scene.result()
    late = [a for a in scene.told() if a.kind is AlarmKind.EXPORT_LATE]
    assert len(late) == 7
    assert all(alarm.chunk_index == 0 and alarm.expires_at for alarm in late)
    history = await scene.handle.fetch_history()
    exports = [
        event.activity_task_scheduled_event_attributes.priority
        for event in history.events
        if event.activity_task_scheduled_event_attributes.activity_type.name == "export_chunk"
    ]
    # By the time left: 13 hours, 12, 4, and 1; the last two are the last chance, and whether the
    # archive holds the file, before it is told as lost.
    assert [p.priority_key for p in exports] == [4, 3, 2, 1, 1, 1]
    assert {p.fairness_key for p in exports} == {scene.resource}


async def test_an_archive_that_is_full_for_hours_is_waited_out(scene: Scene) -> None:
    scene.world.windows[scene.resource] = SHORT_WINDOW
    await stopped(scene)
    scene.world.refusing.add(scene.resource)
    await scene.announced(chunk())
    await scene.passes(SHORT_WINDOW * 0.6)
    assert (await scene.recording()).state == "archiving"
    assert {alarm.kind for alarm in scene.told()} == {AlarmKind.EXPORT_LATE}
    scene.world.refusing.discard(scene.resource)
    assert (await scene.result()).outcome == "archived"


async def test_what_is_archived_in_time_alarms_nobody(scene: Scene) -> None:
    await stopped(scene)
    await scene.announced(chunk())
    await scene.result()
    assert scene.told() == []


async def test_an_acknowledged_alarm_does_not_silence_the_next_step(scene: Scene) -> None:
    await stopped(scene)
    await scene.passes(timedelta(minutes=30))
    await scene.signals(names.ACKNOWLEDGE, {"requestedBy": "operator"})
    await scene.passes(timedelta(hours=1))
    alarms = (await scene.status()).alarms
    assert [a.acknowledged_by for a in alarms] == ["operator", ""]
    await scene.announced(chunk())
    assert (await scene.result()).outcome == "archived"


async def test_a_recording_that_does_not_begin_is_alarmed(scene: Scene) -> None:
    scene.service.fails("start", AlreadyRecording("one is running", code="8553"), times=1)
    await scene.keep()
    await scene.result()
    assert [a.kind for a in scene.told()] == [AlarmKind.FAILED_TO_START]


async def test_a_start_that_acs_accepted_and_that_failed_afterwards_is_alarmed(
    scene: Scene,
) -> None:
    scene.service.fails("get_state", Unavailable("away"), times=100)
    await scene.keep()
    recording = await scene.until(lambda recording: recording.recording_id is not None)
    problem = {
        "recording": recording.number,
        "recordingId": recording.recording_id,
        "state": "",
        "at": datetime.now(UTC).isoformat(),
        "problem": "500/9999: the recording could not be started",
    }
    await scene.signals(names.RECORDING_STATE_CHANGED, problem)
    assert (await scene.result()).outcome == "failed_to_start"
    [alarm] = scene.told()
    assert alarm.kind is AlarmKind.FAILED_TO_START
    assert "could not be started" in alarm.what


async def test_the_source_is_kept_until_the_whole_recording_is_archived(scene: Scene) -> None:
    scene.world.delete_source.add(scene.resource)
    second = chunk(1)
    scene.service.fails_for("open_content", AWAY, timedelta(hours=2), url=second["contentLocation"])
    await scene.recorded_as_sound()
    await scene.announced(chunk(0, last=False), second)
    await scene.until(lambda recording: recording.chunks[0].state == "archived")
    assert "delete_content" not in scene.service.asked
    await scene.result()
    assert scene.service.asked.count("delete_content") == 2
