"""Does a call whose recording was erased end quietly, archive nothing, and say so?"""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from callvault.contracts import names
from callvault.contracts.alarms import AlarmKind
from callvault.contracts.results import CallResult
from callvault.contracts.status import CallStatus
from callvault.retention.tombstones import Buried, bury

from .scene import BRIEF_WINDOW, Scene, chunk
from .test_recording_events import Receiver

ERASURE = "a" * 64
HARM = {
    AlarmKind.LOST,
    AlarmKind.ARCHIVE_CHANGED,
    AlarmKind.NOT_SEALED,
    AlarmKind.ARCHIVE_UNREACHABLE,
    AlarmKind.EXPORT_LATE,
}


def erase(scene: Scene) -> None:
    """Leave of the recording what an erasure leaves: a tombstone."""
    signer, buried = scene.world.signer, Buried("recording-1", scene.server_call_id, (), 1)
    shutil.rmtree(Path(scene.archive.location("recordings")), ignore_errors=True)
    bury(scene.archive, buried, ERASURE, signer, lambda: datetime.now(UTC))


async def assert_quiet(scene: Scene, result: CallResult) -> None:
    assert result.outcome == "erased"
    assert list(scene.archive.names("recordings/")) == []
    assert not {alarm.kind for alarm in scene.told()} & HARM
    told = [entry.what for entry in (await scene.status()).timeline]
    assert any("it was erased on" in what and "not archived again" in what for what in told)
    (recording,) = result.recordings
    assert "it was erased on" in recording.problem
    assert {each.state for each in recording.chunks} <= {"erased"}


async def archived(scene: Scene) -> tuple[CallStatus, CallResult]:
    """Have a call archived; return what was known before its event, and its result."""
    await scene.recorded()
    await scene.asks("stop")
    before = await scene.status()
    await scene.announced(chunk())
    return before, await scene.result()


async def test_a_late_event_ends_quietly_and_tells_the_webhook(scene: Scene) -> None:
    receiver = Receiver()
    scene.world.receivers[scene.resource] = receiver
    scene.world.archive_only.add(scene.resource)
    erase(scene)
    await scene.hears_late(scene.event(chunk(0, last=False), chunk(1)))
    await assert_quiet(scene, await scene.result())
    assert scene.service.asked == []
    assert scene.told() == []
    assert receiver.kinds == ["erased"]
    data = receiver.events[0]["data"]
    assert (data["isFinal"], data["files"][0]["state"]) == (True, "erased")
    assert "it was erased on" in data["reason"]


async def test_a_late_event_to_a_run_that_knows_the_earlier_copy_archives_nothing(
    scene: Scene,
) -> None:
    """The history of the call was open when the rest was erased, and is used."""
    _, earlier = await archived(scene)
    erase(scene)
    await scene.hears_late(scene.event(chunk()), earlier)
    await assert_quiet(scene, await scene.result())


async def test_a_restored_call_that_waits_for_its_event_is_told_by_the_archive(
    scene: Scene,
) -> None:
    scene.world.windows[scene.resource] = BRIEF_WINDOW
    before, _ = await archived(scene)
    erase(scene)
    await scene.is_restored_to(before)
    await assert_quiet(scene, await scene.result())


@pytest.mark.parametrize("was", ["announced", "doubtful", "archived"])
async def test_a_restored_call_that_knew_its_file_archives_nothing(scene: Scene, was: str) -> None:
    """Restored before the copy, before the last look, and before the manifest."""
    scene.world.without_key.add(scene.resource)
    await scene.recorded()
    await scene.asks("stop")
    await scene.announced(chunk())
    await scene.until(lambda recording: bool(recording.chunks and recording.chunks[0].archived))
    before = await scene.status()
    await scene.is_terminated_unsealed()
    scene.world.without_key.discard(scene.resource)
    (known,) = before.recordings[0].chunks
    if was != "archived":
        known.state, known.archived = "announced", None  # type: ignore[assignment]
        known.lost_reason = "the service denies it" if was == "doubtful" else ""
    asked = len(scene.service.asked)
    erase(scene)
    await scene.is_restored_to(before)
    await assert_quiet(scene, await scene.result())
    assert "open_content" not in scene.service.asked[asked:]


async def test_an_alarm_about_a_file_that_was_erased_is_over_in_true_words(scene: Scene) -> None:
    scene.world.windows[scene.resource] = BRIEF_WINDOW
    before, _ = await archived(scene)
    erase(scene)
    await scene.is_restored_to(before)
    await scene.result()
    over = [a for a in scene.resolved() if a.kind is AlarmKind.NO_FILE_EVENT]
    assert over, "it waited, and an alarm said so"
    assert "it was erased on" in over[0].what


async def test_another_recording_of_the_call_is_archived_as_ever(scene: Scene) -> None:
    erase(scene)
    await scene.hears_late(scene.event(chunk(), recording_id="recording-2"))
    await scene.signals(names.FILE_STATUS_UPDATED, scene.event(chunk(document="0-eus-d1-erased")))
    result = await scene.result()
    states = {each.recording_id: each.state for each in result.recordings}
    assert states == {"recording-1": "erased", "recording-2": "archived"}
    assert result.outcome == "archived"
