"""Is every announced file archived, however its events come?"""

import asyncio
from datetime import timedelta

import pytest

from callvault.cli.actions.recordings import statuses
from callvault.contracts import names
from callvault.contracts.alarms import AlarmKind, Severity
from callvault.contracts.states import ChunkState
from callvault.errors import BrokenContent, ContentMissing, Unavailable, UrlNotAllowed
from callvault.evidence.account import evidence_of
from tests.patience import WAIT
from workflows.call.deadlines import LAST_CHANCE_TIMEOUT

from .scene import BRIEF_WINDOW, SHORT_WINDOW, WINDOW, Scene, chunk, released


async def stopped(scene: Scene) -> None:
    await scene.recorded()
    await scene.asks("stop")


async def test_duplicate_events_archive_once(scene: Scene) -> None:
    await stopped(scene)
    event = scene.event(chunk())
    for _ in range(3):
        await scene.signals(names.FILE_STATUS_UPDATED, event)
    result = await scene.result()
    assert len(result.recordings[0].chunks) == 1
    assert scene.service.asked.count("open_content") == 1


async def test_chunks_in_several_events_and_any_order_are_all_archived(scene: Scene) -> None:
    await stopped(scene)
    await scene.announced(chunk(2), data={"sessionEndReason": "CallEnded"})
    await scene.announced(chunk(0, last=False), chunk(1, last=False))
    result = await scene.result()
    assert result.outcome == "archived"
    assert sorted(c.index for c in result.recordings[0].chunks) == [0, 1, 2]
    assert len(scene.archived()) == 3


DENIED = ContentMissing("404 for the metadata file")


@pytest.mark.parametrize("window", [timedelta(hours=48), timedelta(minutes=5)])
async def test_a_metadata_file_that_is_missing_loses_no_media(
    scene: Scene, window: timedelta
) -> None:
    scene.world.windows[scene.resource] = window
    scene.service.fails_for("read_metadata", DENIED, timedelta(days=365))
    await stopped(scene)
    await scene.announced(chunk())
    result = await scene.result()
    [archived] = [each.archived for each in result.archived if each.archived]
    assert "404" in archived.metadata_problem
    manifest = result.recordings[0].manifest
    assert manifest is not None
    assert any("404 for the metadata file" in finding for finding in manifest.findings)
    assert AlarmKind.LOST not in {alarm.kind for alarm in scene.told()}


async def test_a_metadata_file_that_nobody_can_read_is_kept_as_it_is(scene: Scene) -> None:
    scene.service.metadata = b"<html>sorry</html>"
    await stopped(scene)
    await scene.announced(chunk())
    result = await scene.result()
    [archived] = [each.archived for each in result.archived if each.archived]
    assert "cannot be read" in archived.metadata_problem
    assert archived.metadata_object_name is not None
    assert b"".join(scene.archive.read(archived.metadata_object_name)) == scene.service.metadata


async def test_metadata_that_cannot_be_had_in_the_last_chance_loses_no_media(scene: Scene) -> None:
    scene.world.delete_source.add(scene.resource)
    scene.service.fails("read_metadata", Unavailable("the service is away"), times=10_000)
    await scene.recorded_as_sound()
    await scene.announced(chunk(), eventTime="2026-01-02T03:04:05.1234567Z")
    result = await scene.result()
    assert result.outcome == "archived"
    manifest = result.recordings[0].manifest
    assert manifest is not None
    assert any("metadata file is not archived" in finding for finding in manifest.findings)
    notes = [entry.what for entry in (await scene.status()).timeline]
    assert any("verified" in note and "the service is away" in note for note in notes)
    assert "delete_content" not in scene.service.asked


async def test_metadata_that_cannot_be_had_for_hours_is_waited_for(scene: Scene) -> None:
    scene.world.windows[scene.resource] = SHORT_WINDOW
    away = Unavailable("the service is away")
    scene.service.fails_for("read_metadata", away, timedelta(hours=1))
    await stopped(scene)
    await scene.announced(chunk())
    [archived] = [each.archived for each in (await scene.result()).archived if each.archived]
    assert (archived.duration_ms, archived.metadata_problem) == (5000, "")


NO_FILE = {**chunk(1), "contentLocation": None, "endReason": "ChunkUploadFailure"}


async def test_a_chunk_without_a_file_does_not_keep_the_others_from_the_archive(
    scene: Scene,
) -> None:
    await stopped(scene)
    await scene.announced(chunk(0, last=False), NO_FILE)
    result = await scene.result()
    first, second = result.recordings[0].chunks
    assert (first.state, second.state) == ("archived", "lost")
    assert "ChunkUploadFailure" in second.lost_reason
    assert 1 in [alarm.chunk_index for alarm in scene.told() if alarm.kind == "lost"]


async def test_a_chunk_that_gets_its_file_later_is_archived(scene: Scene) -> None:
    await stopped(scene)
    await scene.announced(chunk(0, last=False), NO_FILE)
    await scene.until(lambda recording: recording.chunks[0].state == "archived")
    await scene.announced(chunk(1))
    result = await scene.result()
    assert [each.state for each in result.recordings[0].chunks] == ["archived", "archived"]
    assert scene.told() == []


async def test_two_documents_under_one_index_are_both_kept(scene: Scene) -> None:
    await stopped(scene)
    await scene.announced(chunk(0, document="doc-a"), chunk(0, document="doc-b"))
    await scene.result()
    assert len(scene.archived()) == 2


async def test_an_event_that_comes_before_start_returned_is_archived_at_once(scene: Scene) -> None:
    gate = scene.service.holds("start")
    with released(gate):
        await scene.keep()
        await scene.has_asked("start")
        await scene.announced(chunk())
        await scene.has_asked("open_content")
        await scene.until(lambda r: r.chunks[0].state == "archived", number=2)
    result = await scene.result()
    assert result.outcome == "archived"
    assert len(result.recordings) == 1


async def test_an_event_without_ids_belongs_to_the_recording_of_its_time(scene: Scene) -> None:
    await stopped(scene)
    event = scene.event(chunk())
    event["subject"] = f"/recording/call/c1/serverCallId/{scene.server_call_id}"
    await scene.signals(names.FILE_STATUS_UPDATED, event)
    result = await scene.result()
    assert [r.number for r in result.recordings] == [1]
    assert result.outcome == "archived"


async def test_an_event_for_a_call_nobody_knows_is_archived_all_the_same(scene: Scene) -> None:
    await scene.hears_late(scene.event(chunk(), recording_id="somebody-elses"))
    result = await scene.result()
    assert result.outcome == "archived"
    assert result.recordings[0].recording_id == "somebody-elses"
    assert scene.service.control_calls() == []


async def test_an_event_that_ends_the_session_ends_the_recording(scene: Scene) -> None:
    await scene.recorded()
    await scene.announced(chunk())
    result = await scene.result()
    assert result.outcome == "archived"
    assert scene.service.control_calls() == ["start"]


async def test_the_source_is_deleted_only_after_the_copy_is_verified(scene: Scene) -> None:
    scene.world.delete_source.add(scene.resource)
    await scene.recorded_as_sound()
    await scene.announced(chunk())
    await scene.result()
    # Whether the recording is still on may be asked at any time.
    asked = [what for what in scene.service.asked if what != "get_state"]
    assert asked[-3:] == ["open_content", "read_metadata", "delete_content"]
    assert (await scene.recording()).chunks[0].source_deleted


async def test_the_source_stays_where_something_is_amiss(scene: Scene) -> None:
    scene.world.delete_source.add(scene.resource)
    await stopped(scene)
    await scene.announced(chunk())
    assert (await scene.result()).outcome == "archived"
    assert "delete_content" not in scene.service.asked


async def test_a_copy_that_arrives_broken_is_fetched_again(scene: Scene) -> None:
    scene.service.fails("open_content", BrokenContent("no bytes came"), times=3)
    await stopped(scene)
    await scene.announced(chunk())
    assert (await scene.result()).outcome == "archived"
    assert scene.service.asked.count("open_content") == 4


# The deadline, in virtual time.


async def test_an_export_that_succeeds_in_the_last_minute_is_in_time(scene: Scene) -> None:
    scene.world.windows[scene.resource] = SHORT_WINDOW
    nearly = SHORT_WINDOW - timedelta(minutes=16)
    scene.service.fails_for("open_content", Unavailable("the archive is away"), nearly)
    await stopped(scene)
    await scene.announced(chunk())
    result = await scene.result()
    assert result.outcome == "archived"
    assert not any("last try" in entry.what for entry in (await scene.status()).timeline)


@pytest.mark.slow("tries an export for 48 hours of virtual time")
async def test_a_chunk_that_is_not_archived_when_its_window_closes_is_lost_with_the_reason(
    scene: Scene,
) -> None:
    scene.service.fails("open_content", Unavailable("the service is away"), times=100_000)
    await stopped(scene)
    began = await scene.environment.get_current_time(scene.handle)
    await scene.announced(chunk())
    result = await scene.result()
    ended = await scene.environment.get_current_time(scene.handle)
    lost = result.recordings[0].chunks[0]
    assert result.outcome == "lost"
    assert lost.state == "lost"
    assert "the service is away" in lost.lost_reason
    assert WINDOW - timedelta(minutes=1) < ended - began < WINDOW + LAST_CHANCE_TIMEOUT


async def test_one_chunk_meets_its_deadline_and_another_misses_it(scene: Scene) -> None:
    scene.world.windows[scene.resource] = SHORT_WINDOW
    bad = chunk(1)
    scene.service.fails_for(
        "open_content", Unavailable("this one is away"), 2 * WINDOW, url=bad["contentLocation"]
    )
    await stopped(scene)
    await scene.announced(chunk(0, last=False), bad)
    result = await scene.result()
    assert result.outcome == "lost"
    assert [c.state for c in result.recordings[0].chunks] == [ChunkState.ARCHIVED, ChunkState.LOST]
    assert len(scene.archived()) == 1


async def test_no_event_at_all_is_a_loss_once_the_window_closes(scene: Scene) -> None:
    await stopped(scene)
    began = await scene.environment.get_current_time(scene.handle)
    result = await scene.result()
    ended = await scene.environment.get_current_time(scene.handle)
    assert result.outcome == "lost"
    assert "no file was announced" in result.recordings[0].problem
    assert abs(ended - began - WINDOW) < timedelta(minutes=1)


async def test_a_recording_that_never_recorded_anything_is_empty_not_lost(scene: Scene) -> None:
    await scene.keep(pause_on_start=True)
    await scene.until(lambda recording: recording.actual == "paused")
    await scene.asks("stop")
    assert (await scene.result()).outcome == "empty"


async def test_a_chunk_that_is_never_announced_makes_the_recording_lost(scene: Scene) -> None:
    await stopped(scene)
    await scene.announced(chunk(0, last=False), chunk(2))
    result = await scene.result()
    assert result.outcome == "lost"
    assert "only chunks 0, 2" in result.recordings[0].problem
    assert len(scene.archived()) == 2


async def test_an_event_that_comes_late_still_gets_a_last_chance(scene: Scene) -> None:
    await stopped(scene)
    event = scene.event(chunk(), eventTime="2026-01-02T03:04:05.1234567Z")
    await scene.signals(names.FILE_STATUS_UPDATED, event)
    assert (await scene.result()).outcome == "archived"
    assert any("last try" in entry.what for entry in (await scene.status()).timeline)


async def test_the_first_chunk_of_a_very_long_recording_is_tried_as_long_as_it_may_be_there(
    scene: Scene,
) -> None:
    scene.world.windows[scene.resource] = BRIEF_WINDOW
    scene.service.fails_for("open_content", Unavailable("away"), BRIEF_WINDOW * 0.8)
    await stopped(scene)
    await scene.signals(names.FILE_STATUS_UPDATED, scene.event_of_a_long_recording())
    result = await scene.result()
    assert result.outcome == "archived"
    first = next(alarm for alarm in scene.told() if alarm.kind is AlarmKind.EXPORT_LATE)
    assert first.chunk_index == 0
    assert first.severity is Severity.CRITICAL
    assert "may be deleted any moment" in first.what


@pytest.mark.slow("tries two exports every minute of their window")
async def test_what_must_be_gone_is_given_up_however_long_its_recording_was(scene: Scene) -> None:
    scene.world.windows[scene.resource] = BRIEF_WINDOW
    scene.service.fails("open_content", Unavailable("away"), times=100_000)
    await stopped(scene)
    began = await scene.environment.get_current_time(scene.handle)
    await scene.signals(names.FILE_STATUS_UPDATED, scene.event_of_a_long_recording())
    result = await scene.result()
    ended = await scene.environment.get_current_time(scene.handle)
    assert [c.state for c in result.recordings[0].chunks] == [ChunkState.LOST, ChunkState.LOST]
    assert (
        BRIEF_WINDOW - timedelta(minutes=1)
        < ended - began
        < BRIEF_WINDOW + LAST_CHANCE_TIMEOUT * 1.5
    )


async def test_a_file_that_the_service_denies_at_first_is_asked_for_again(scene: Scene) -> None:
    scene.service.fails("open_content", ContentMissing("404", status=404), times=2)
    await stopped(scene)
    await scene.announced(chunk())
    assert (await scene.result()).outcome == "archived"


async def test_a_file_that_the_service_denies_for_long_is_gone(scene: Scene) -> None:
    scene.service.fails("open_content", ContentMissing("404", status=404), times=10_000)
    await stopped(scene)
    began = await scene.environment.get_current_time(scene.handle)
    await scene.announced(chunk())
    result = await scene.result()
    ended = await scene.environment.get_current_time(scene.handle)
    assert result.outcome == "lost"
    assert "gone" in result.recordings[0].chunks[0].lost_reason
    assert timedelta(minutes=15) <= ended - began < timedelta(minutes=30)


async def test_a_refused_host_is_tried_until_the_window_closes_because_settings_can_be_mended(
    scene: Scene,
) -> None:
    refusal = UrlNotAllowed("evil.example is not allowed")
    scene.service.fails_for("open_content", refusal, timedelta(hours=3))
    await stopped(scene)
    await scene.announced(chunk())
    assert (await scene.result()).outcome == "archived"


# The manifest.


async def test_an_archived_recording_is_sealed_and_the_result_names_the_manifest(
    scene: Scene,
) -> None:
    await stopped(scene)
    await scene.announced(chunk())
    result = await scene.result()
    manifest = result.recordings[0].manifest
    assert manifest is not None
    assert manifest.sequence == 1
    assert manifest.key_id == scene.world.signer.public.key_id
    assert scene.archive.stat(manifest.object_name) is not None
    assert any("unreadable" in finding for finding in manifest.findings), (
        "bytes that are no media are archived, and flagged"
    )


async def test_a_lost_recording_of_which_something_is_archived_is_sealed_too(scene: Scene) -> None:
    await stopped(scene)
    await scene.announced(chunk(0, last=False), chunk(2))
    result = await scene.result()
    manifest = result.recordings[0].manifest
    assert result.outcome == "lost"
    assert manifest is not None
    assert manifest.findings


async def test_what_was_archived_before_is_not_archived_again_under_a_better_name(
    scene: Scene,
) -> None:
    """The first event names no call, a late one does, and brings a file that is new."""
    first_known, twin = chunk(0), chunk(0, document="0-eus-d9-twin")
    await scene.recorded()
    await scene.asks("stop")
    subject = f"/recording/serverCallId/{scene.server_call_id}/recordingId/recording-1"
    await scene.signals(names.FILE_STATUS_UPDATED, scene.event(first_known, subject=subject))
    first = await scene.result()
    objects = media_in(scene)
    assert len(objects) == 1

    await scene.hears_late(scene.event(first_known, twin), first)
    again = await scene.result()

    assert again.outcome == "archived"
    [new] = media_in(scene) - objects
    assert "0-eus-d9-twin" in new
    assert "/c1/" in new
    [before] = [c for r in first.recordings for c in r.chunks]
    assert before in again.recordings[0].chunks


async def test_a_third_workflow_of_a_call_knows_what_the_first_has_archived(
    scene: Scene,
) -> None:
    """Each hears of another file; the last one hears of the first file again."""
    events = [
        scene.event(chunk(0, document=document), recording_id="somebody-elses")
        for document in ("0-eus-d1-first", "0-eus-d2-second")
    ]
    await scene.hears_late(events[0])
    first = await scene.result()
    await scene.hears_late(events[1], first)
    second = await scene.result()
    objects = media_in(scene)
    assert len(objects) == 2
    asked = len(scene.service.asked)

    await scene.hears_late(events[0], second)
    third = await scene.result()

    assert media_in(scene) == objects
    assert scene.service.asked[asked:] == []
    assert {c.document_id for c in third.archived} == {"0-eus-d1-first", "0-eus-d2-second"}


def media_in(scene: Scene) -> set[str]:
    return {name for name in scene.archive.names("recordings/") if not name.endswith(".json")}


async def test_an_event_repeated_after_the_end_finds_all_archived_and_writes_nothing(
    scene: Scene,
) -> None:
    await scene.recorded()
    await scene.asks("pause", reason="card number", requested_by="agent-7")
    await scene.asks("stop")
    event = scene.event(chunk(0, last=False), chunk(1))
    await scene.signals(names.FILE_STATUS_UPDATED, event)
    first = await scene.result()
    objects = set(scene.archive.names())

    await scene.hears_late(event)
    again = await scene.result()

    assert again.outcome == "archived"
    assert set(scene.archive.names()) == objects
    assert again.recordings[0].manifest == first.recordings[0].manifest
    assert scene.told() == []
    async with asyncio.timeout(WAIT):
        while len(runs := await statuses(scene.environment.client, scene.server_call_id)) < 2:
            await asyncio.sleep(0.1)  # the store that is searched lags behind
    (evidence,) = evidence_of(*runs)
    assert [pause.asked_for.reason for pause in evidence.pauses if pause.asked_for] == [
        "card number"
    ]
