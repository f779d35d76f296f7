"""Is the recording of another program a normal one where its resource only archives?"""

import json

import pytest
from temporalio.client import WorkflowUpdateFailedError

from callvault.contracts import names
from callvault.contracts.alarms import AlarmKind
from callvault.contracts.consent import ConsentDecision, ConsentRecord
from callvault.errors import Unavailable
from callvault.temporal import updates

from .scene import SHORT_WINDOW, Scene, chunk

CHANGE = "set resources.{}.archive_only = false"


@pytest.fixture(autouse=True)
def archiving_only(scene: Scene) -> None:
    scene.world.archive_only.add(scene.resource)


async def test_what_an_event_announces_is_archived_and_sealed_and_no_orphan(scene: Scene) -> None:
    await scene.keep(start_recording=False)
    await scene.announced(chunk(), recording_id="theirs")
    result = await scene.result()
    assert result.outcome == "archived"
    status = await scene.status()
    [recording] = status.recordings
    assert (recording.origin, recording.is_orphan, status.alarms) == ("announced", False, [])
    details = await scene.details()
    assert ("orphan" in details, "another program records" in details) == (False, True)
    description = await scene.handle.describe()
    assert description.typed_search_attributes[names.ORPHAN] is False
    [manifest] = [name for name in scene.archive.names() if name.endswith("manifest.json")]
    sealed = json.loads(b"".join(scene.archive.read(manifest)))
    assert sealed["recording"]["recordingId"] == "theirs"


async def test_late_and_lost_files_are_alarmed_as_ever(scene: Scene) -> None:
    scene.world.windows[scene.resource] = SHORT_WINDOW
    scene.service.fails("open_content", Unavailable("the service is away"), times=10_000)
    await scene.keep(start_recording=False)
    await scene.announced(chunk(), recording_id="theirs")
    result = await scene.result()
    assert result.outcome == "lost"
    assert {alarm.kind for alarm in scene.told()} == {AlarmKind.EXPORT_LATE, AlarmKind.LOST}


async def announced(scene: Scene) -> None:
    """Announce the first of two files, and wait until the call knows that it is only archived."""
    await scene.keep(start_recording=False)
    await scene.announced(chunk(last=False), recording_id="theirs")
    await scene.until(lambda recording: recording.archive_only)


@pytest.mark.parametrize("operation", [names.PAUSE, names.RESUME, names.STOP])
async def test_control_is_refused_with_what_to_change(scene: Scene, operation: str) -> None:
    await announced(scene)
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await scene.asks(operation)
    assert CHANGE.format(scene.resource) in str(refused.value.cause)


@pytest.mark.parametrize("given", [True, False])
async def test_no_decision_is_taken_for_a_pause(scene: Scene, *, given: bool) -> None:
    """A withdrawal that counted would be taken for silence, and ACS may be recording."""
    await announced(scene)
    decision = ConsentDecision(participant="0" * 64, given=given)
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await updates.update(
            scene.environment.client, scene.handle.id, names.CONSENT, decision, ConsentRecord
        )
    assert CHANGE.format(scene.resource) in str(refused.value.cause)


async def test_a_start_by_a_temporal_client_asks_nothing_of_acs(scene: Scene) -> None:
    await scene.keep()
    await scene.result()
    [recording] = (await scene.status()).recordings
    assert recording.state == "failed_to_start"
    assert CHANGE.format(scene.resource) in recording.problem
    assert scene.service.starts == []


async def test_full_control_later_begins_in_a_call_that_was_only_archived(scene: Scene) -> None:
    await announced(scene)
    scene.world.archive_only.clear()
    started = await scene.asks(names.START)
    # Before that, nothing proves a pause.
    await scene.until(lambda recording: recording.actual == "active", started.recording)
    paused = await scene.asks(names.PAUSE)
    assert (started.is_done, paused.is_done) == (True, True)
