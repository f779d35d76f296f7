"""Does a pause fail closed, and does Callvault mind what nobody minds?"""

from datetime import timedelta
from typing import Any

import pytest

from callvault.contracts.alarms import AlarmKind, Severity
from callvault.errors import InvalidRequest, Unavailable

from .scene import Scene, chunk

AWAY = Unavailable("ACS is away")


async def recorded(scene: Scene, **request: Any) -> None:
    await scene.keep(**request)
    await scene.until(lambda recording: recording.actual == "active")


def kinds(scene: Scene) -> list[AlarmKind]:
    return [alarm.kind for alarm in scene.told()]


async def test_a_pause_that_is_confirmed_in_time_alarms_nobody(scene: Scene) -> None:
    await recorded(scene, on_pause_failure="stop")
    await scene.asks("pause")
    await scene.passes(timedelta(minutes=1))
    assert (await scene.recording()).actual == "paused"
    await scene.asks("stop")
    await scene.announced(chunk())
    await scene.result()
    assert kinds(scene) == []


async def test_a_pause_that_protects_card_data_stops_the_recording_when_it_is_not_confirmed(
    scene: Scene,
) -> None:
    await recorded(scene, on_pause_failure="stop")
    scene.service.fails("pause", AWAY, times=1_000)
    await scene.says("pause", requested_by="agent-7", request_id="p1")
    await scene.passes(timedelta(seconds=30))
    recording = await scene.until(lambda recording: recording.actual == "stopped")

    assert scene.service.control_calls()[-1] == "stop"
    assert (recording.stopped_at or recording.requested_at) < (
        recording.requested_at + timedelta(minutes=1)
    )
    requests = (await scene.status()).requests
    assert requests["p1"].state == "superseded"
    assert any(r.requested_by == "callvault" and r.operation == "stop" for r in requests.values())
    assert AlarmKind.PAUSE_UNCONFIRMED in kinds(scene)
    assert scene.told()[0].severity is Severity.CRITICAL


async def test_a_pause_that_is_refused_for_good_fails_closed_at_once(scene: Scene) -> None:
    await recorded(scene, on_pause_failure="stop")
    scene.service.fails("pause", InvalidRequest("no"), times=1)
    await scene.says("pause")
    await scene.until(lambda recording: recording.actual == "stopped")
    assert scene.service.control_calls() == ["start", "pause", "stop"]


async def test_a_quarantined_interval_lasts_until_the_pause_is_confirmed(scene: Scene) -> None:
    await recorded(scene, on_pause_failure="mark")
    scene.service.fails_for("pause", AWAY, timedelta(seconds=30))
    await scene.says("pause", request_id="p1")
    await scene.passes(timedelta(minutes=2))
    recording = await scene.until(lambda recording: bool(recording.silence.unconfirmed))
    await scene.until(lambda recording: recording.silence.unconfirmed[0].until is not None)
    recording = await scene.recording()
    assert recording.actual == "paused"
    (interval,) = recording.silence.unconfirmed
    asked = (await scene.status()).requests["p1"].requested_at
    assert interval.since == asked
    assert (interval.until or asked) >= asked + timedelta(seconds=25)


async def test_an_unconfirmed_pause_is_alarmed_once_and_asked_until_it_succeeds(
    scene: Scene,
) -> None:
    await recorded(scene)
    scene.service.fails_for("pause", AWAY, timedelta(minutes=1))
    await scene.says("pause")
    await scene.passes(timedelta(minutes=3))
    await scene.until(lambda recording: recording.actual == "paused")
    assert kinds(scene) == [AlarmKind.PAUSE_UNCONFIRMED]


@pytest.mark.parametrize(("reaction", "actual"), [("resume", "active"), ("alarm", "paused")])
async def test_a_pause_that_lasts_too_long_is_resumed_or_alarmed(
    scene: Scene, reaction: str, actual: str
) -> None:
    await recorded(scene, max_pause="PT10M", on_max_pause=reaction)
    await scene.asks("pause")
    await scene.passes(timedelta(minutes=11))
    recording = await scene.until(lambda recording: recording.pauses[0].is_too_long)
    recording = await scene.until(lambda recording: recording.actual == actual)
    assert bool(recording.pauses[0].resumed_at) is (reaction == "resume")
    assert kinds(scene) == [AlarmKind.PAUSE_TOO_LONG]


async def test_a_recording_is_stopped_at_its_maximum_duration(scene: Scene) -> None:
    await recorded(scene, max_duration="PT2H")
    await scene.passes(timedelta(hours=2, minutes=1))
    recording = await scene.until(lambda recording: recording.actual == "stopped")
    started = recording.started_at or recording.requested_at
    assert recording.stopped_at is not None
    assert recording.stopped_at - started < timedelta(hours=2, minutes=1)
