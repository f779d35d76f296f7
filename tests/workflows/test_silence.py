"""Is silence claimed only where it was proven, with everything real but ACS?"""

from datetime import timedelta

from callvault.contracts.alarms import AlarmKind
from callvault.errors import Unavailable

from .scene import Scene, chunk

AWAY = Unavailable("ACS is away")


async def test_g1_a_recording_that_cannot_be_stopped_is_not_said_to_be_stopped(
    scene: Scene,
) -> None:
    """The alarm and the answer said "the recording is stopped", and all of it was heard."""
    await scene.recorded(on_pause_failure="stop", pause_confirm_within="PT3S")
    scene.service.fails("pause", AWAY, times=1_000)
    scene.service.fails_for("stop", AWAY, timedelta(seconds=30))
    await scene.says("pause", requested_by="agent", request_id="p1")
    await scene.passes(timedelta(seconds=10))
    await scene.is_notified(1)
    record = (await scene.status()).requests["p1"]
    assert "is asked to stop, and may be recording" in record.problem
    assert record.may_be_recording
    [alarm] = scene.told()
    assert alarm.what == (
        "recording 1: the pause asked by agent failed (it is not confirmed yet: ACS is away"
        " (fault: service, cause: service)): it is asked to stop, and may be recording until that"
        " is confirmed."
        " Cause service, the service's: look at its health; nothing is to be done here"
        " (docs/operations.md#cause-service)"
    )
    [interval] = (await scene.recording()).silence.unconfirmed
    assert (interval.since, interval.until) == (record.requested_at, None)

    await scene.passes(timedelta(minutes=1))
    await scene.until(lambda recording: recording.actual == "stopped")
    await scene.is_notified(2)
    recording = await scene.recording()
    assert "it is stopped, after the pause asked by agent had failed" in scene.told()[1].what
    [interval] = recording.silence.unconfirmed
    assert interval.until == recording.sound.over_at
    assert interval.is_finding


async def test_g3_a_pause_that_was_asked_long_ago_is_overdue_when_it_is_seen(scene: Scene) -> None:
    """No worker ran for a while: its deadline counts from the request."""
    await scene.recorded(on_pause_failure="stop")
    await scene.passes(timedelta(minutes=2))
    asked = (await scene.recording()).requested_at + timedelta(minutes=1)
    await scene.says("pause", requested_by="agent", requested_at=asked, request_id="p1")
    recording = await scene.until(lambda recording: recording.actual == "stopped")
    await scene.is_notified(1)
    assert scene.told()[0].kind is AlarmKind.PAUSE_UNCONFIRMED
    [interval] = recording.silence.unconfirmed
    assert (interval.since, interval.is_finding) == (asked, True)


async def test_g5_a_recording_that_somebody_else_resumed_is_found_and_paused_again(
    scene: Scene,
) -> None:
    """Without callbacks: it was read every 15 minutes, and for a 404 alone."""
    await scene.recorded()
    await scene.asks("pause", requested_by="agent")
    await scene.passes(timedelta(seconds=20))
    scene.service.recordings["recording-1"] = "active"
    await scene.passes(timedelta(minutes=2))
    await scene.until(lambda recording: len(recording.silence.silent) == 2)
    assert scene.service.recordings["recording-1"] == "inactive"
    recording = await scene.recording()
    first, second = recording.silence.silent
    assert first.until is not None
    assert first.until - first.since >= timedelta(seconds=10), "it was read meanwhile"
    assert second.until is None
    doubt = recording.silence.unconfirmed[-1]
    assert (doubt.since, doubt.until, doubt.is_finding) == (first.until, second.since, True)
    [alarm] = scene.told()
    assert alarm.kind is AlarmKind.STATE_UNEXPECTED
    assert "asked to pause again" in alarm.what


async def test_h3_a_pause_of_what_somebody_else_resumed_is_confirmed_once_it_is_paused(
    scene: Scene,
) -> None:
    """It was confirmed from memory, without a request to ACS."""
    await scene.recorded()
    await scene.asks("pause", requested_by="agent")
    scene.service.recordings["recording-1"] = "active"
    record = await scene.asks("pause", requested_by="supervisor")
    assert record.state == "confirmed"
    assert scene.service.recordings["recording-1"] == "inactive"
    assert scene.service.control_calls() == ["start", "pause", "pause"]


async def test_h2_a_pause_after_an_unanswered_resume_is_confirmed_once_that_cannot_arrive(
    scene: Scene,
) -> None:
    """It arrived 0.8 s after the confirmed pause, and ACS recorded."""
    await scene.recorded()
    await scene.asks("pause", requested_by="agent")
    scene.service.fails("resume", AWAY, times=1_000)
    await scene.says("resume", requested_by="agent")
    await scene.has_asked("resume")
    await scene.says("pause", requested_by="agent", request_id="p2")
    await scene.until(lambda recording: recording.actual == "paused")
    assert (await scene.status()).requests["p2"].state == "pending"
    # The old resume comes through, late.
    scene.service.recordings["recording-1"] = "active"
    await scene.passes(timedelta(minutes=1))
    recording = await scene.until(lambda recording: recording.pauses[-1].confirmed_at is not None)
    assert scene.service.recordings["recording-1"] == "inactive"
    assert (await scene.status()).requests["p2"].state == "confirmed"
    assert recording.silence.unconfirmed[-1].is_finding


async def test_g9_a_pause_that_was_overtaken_says_that_acs_may_be_recording(scene: Scene) -> None:
    await scene.recorded()
    scene.service.fails("pause", AWAY, times=1_000)
    await scene.says("pause", requested_by="ana", request_id="p1")
    await scene.has_asked("pause")
    await scene.says("resume", requested_by="ana")
    await scene.until(lambda recording: recording.wanted == "active")
    await scene.passes(timedelta(seconds=5))
    record = (await scene.status()).requests["p1"]
    assert (record.state, record.may_be_recording) == ("superseded", True)


async def test_a_silence_that_is_proven_in_time_is_no_finding(scene: Scene) -> None:
    await scene.recorded()
    await scene.asks("pause")
    await scene.passes(timedelta(minutes=10))
    await scene.asks("resume")
    await scene.asks("stop")
    await scene.announced(chunk())
    recording = await scene.until(lambda recording: recording.sealed is not None)
    [pause] = recording.pauses
    [silent] = recording.silence.silent
    assert (silent.since, silent.until) == (pause.confirmed_at, pause.resumed_at)
    [interval] = recording.silence.unconfirmed
    assert (interval.since, interval.until) == (pause.requested_at, silent.since)
    assert not interval.is_finding
