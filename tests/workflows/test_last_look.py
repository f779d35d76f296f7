"""Is nothing told as lost that lies in an archive, whatever the service says of it?"""

from datetime import timedelta
from pathlib import Path

import pytest

from activities.unsealed import WITHOUT_METADATA
from callvault.archive.manifests.keys import Signer
from callvault.archive.stores.directory import DirectoryArchive
from callvault.contracts import names
from callvault.contracts.activity_io import ArchivedChunk
from callvault.contracts.alarms import AlarmKind
from callvault.contracts.results import CallResult
from callvault.contracts.status import CallStatus
from callvault.errors import ContentMissing, UrlNotAllowed

from .scene import BRIEF_WINDOW, Scene, chunk

EVER = timedelta(days=365)
GONE = ContentMissing("the service has deleted the file", status=404)


async def stopped(scene: Scene) -> CallStatus:
    """Record and stop; return what was known before any file was announced."""
    await scene.recorded()
    await scene.asks("stop")
    return await scene.status()


async def archived_in_the_fallback(scene: Scene) -> tuple[DirectoryArchive, CallStatus]:
    """Have a call archived in the fallback; return this, and the status before its event."""
    fallback = scene.with_fallback()
    before = await stopped(scene)
    scene.world.refusing.add(scene.resource)
    await scene.announced(chunk())
    assert archives_of(await scene.result()) == {fallback.name}
    scene.world.refusing.discard(scene.resource)
    scene.service.fails_for("open_content", GONE, EVER)
    return fallback, before


async def archived_unsealed(scene: Scene) -> tuple[ArchivedChunk, CallStatus]:
    """Have a file archived and no manifest written; return it, and the status before its event."""
    scene.world.without_key.add(scene.resource)
    before = await stopped(scene)
    await scene.announced(chunk())
    kept = (await scene.until(lambda r: bool(r.chunks and r.chunks[0].archived))).chunks[0].archived
    assert kept is not None
    await scene.is_terminated_unsealed()
    scene.world.without_key.discard(scene.resource)
    return kept, before


def metadata_of(kept: ArchivedChunk) -> Path:
    assert kept.metadata_object_name is not None
    return Path(kept.location).with_name(kept.metadata_object_name.rpartition("/")[2])


def spoil(path: Path, size: int) -> None:
    path.chmod(0o600)
    path.write_bytes(b"\0" * size)


def archives_of(result: CallResult) -> set[str]:
    return {each.archived.archive for each in result.archived if each.archived}


def kinds(scene: Scene) -> set[AlarmKind]:
    return {alarm.kind for alarm in scene.told()}


async def test_what_is_archived_is_found_though_the_service_cannot_be_asked(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Temporal was restored; since then the host of the files is allowed no more."""
    scene.world.windows[scene.resource] = BRIEF_WINDOW
    before = await stopped(scene)
    await scene.announced(chunk())
    assert (await scene.result()).outcome == "archived"

    def refused(*_: object) -> None:
        raise UrlNotAllowed("this host is not allowed")

    monkeypatch.setattr(scene.service, "ranged_content", refused)
    await scene.is_restored_to(before)
    await scene.announced(chunk())
    assert (await scene.result()).outcome == "archived"
    assert AlarmKind.LOST not in kinds(scene)


async def test_a_file_that_comes_without_its_place_is_found_in_the_archive(scene: Scene) -> None:
    """Temporal was restored, and an event without a location is all that is delivered again."""
    before = await stopped(scene)
    await scene.announced(chunk())
    assert (await scene.result()).outcome == "archived"
    await scene.is_restored_to(before)
    await scene.announced({**chunk(), "contentLocation": None})
    assert (await scene.result()).outcome == "archived"
    assert AlarmKind.LOST not in kinds(scene)


async def test_what_is_archived_and_not_sealed_is_found_after_a_restore(scene: Scene) -> None:
    """Its workflow was restored to a time before the event, and no manifest names its files."""
    scene.world.windows[scene.resource] = BRIEF_WINDOW
    scene.world.without_key.add(scene.resource)
    before = await stopped(scene)
    await scene.announced(chunk(0, last=False))
    await scene.announced(chunk(1))
    await scene.until(lambda recording: {c.state for c in recording.chunks} == {"archived"})
    copied = (await scene.recording()).chunks
    await scene.is_terminated_unsealed()
    scene.world.without_key.discard(scene.resource)
    scene.service.fails_for("open_content", GONE, EVER)

    await scene.is_restored_to(before)
    result = await scene.result()

    assert result.outcome == "archived"
    assert AlarmKind.LOST not in kinds(scene)
    found = [each.archived for each in result.recordings[0].chunks]
    told = [(c.object_name, c.sha256, c.sha512) for each in copied if (c := each.archived)]
    assert [(each.object_name, each.sha256, each.sha512) for each in found if each] == told
    notes = [entry.what for entry in (await scene.status()).timeline]
    assert any("its files lie in archive" in note and "not sealed" in note for note in notes)


async def test_a_file_without_its_metadata_is_found_at_the_last_look_alone(scene: Scene) -> None:
    """An export was interrupted between the two; sealed at once, its metadata never came."""
    kept, before = await archived_unsealed(scene)
    metadata = metadata_of(kept)
    metadata.unlink()

    await scene.is_restored_to(before)
    await scene.passes(timedelta(hours=1))
    assert AlarmKind.NO_FILE_EVENT in kinds(scene)
    assert not (await scene.recording()).chunks
    await scene.announced(chunk())
    [found] = (await scene.result()).recordings[0].chunks
    assert found.archived is not None
    assert found.archived.metadata_object_name == kept.metadata_object_name
    assert metadata.exists()


async def test_and_then_it_says_that_it_has_none(scene: Scene) -> None:
    scene.world.windows[scene.resource] = BRIEF_WINDOW
    kept, before = await archived_unsealed(scene)
    metadata_of(kept).unlink()

    await scene.is_restored_to(before)
    result = await scene.result()

    assert result.outcome == "archived"
    [found] = result.recordings[0].chunks
    assert found.archived is not None
    assert found.archived.metadata_problem == WITHOUT_METADATA
    manifest = result.recordings[0].manifest
    assert manifest is not None
    assert any(WITHOUT_METADATA in finding for finding in manifest.findings)


async def test_what_a_former_signing_key_has_sealed_is_not_lost(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Temporal was restored to before, and the key has been rotated since: it was told as lost."""
    scene.world.windows[scene.resource] = BRIEF_WINDOW
    before = await stopped(scene)
    await scene.announced(chunk())
    assert (await scene.result()).outcome == "archived"
    former = scene.world.signer.public
    monkeypatch.setattr(scene.world, "signer", Signer.generate())
    scene.service.fails_for("open_content", GONE, EVER)
    await scene.is_restored_to(before)
    await scene.passes(timedelta(hours=2))
    assert AlarmKind.LOST not in kinds(scene)
    assert AlarmKind.ARCHIVE_UNREACHABLE in kinds(scene)
    pending = (await scene.handle.describe()).raw_description.pending_activities
    assert any(former.key_id in each.last_failure.message for each in pending)

    # As the error says.
    monkeypatch.setattr(scene.world, "former_keys", [former])
    assert (await scene.result()).outcome == "archived"
    assert AlarmKind.LOST not in kinds(scene)


async def test_a_copy_that_was_changed_is_not_found_again(scene: Scene) -> None:
    scene.world.windows[scene.resource] = BRIEF_WINDOW
    kept, before = await archived_unsealed(scene)
    spoil(Path(kept.location), kept.size)

    await scene.is_restored_to(before)

    assert (await scene.result()).outcome == "lost"
    assert AlarmKind.LOST in kinds(scene)


async def test_what_is_polled_after_a_restore_is_not_archived_twice(scene: Scene) -> None:
    """The event that named the call is forgotten, and ACS's result names no call."""
    scene.world.polls_result.add(scene.resource)
    before = await stopped(scene)
    await scene.announced(chunk(0, last=False))
    await scene.until(lambda recording: recording.chunks[0].state == "archived")
    await scene.handle.terminate()
    scene.service.results["recording-1"] = {
        "recordingStorageInfo": {"recordingChunks": [chunk(0, last=False), chunk(1)]},
        "errors": [],
        "sessionEndReason": "callEnded",
        "recordingExpirationTime": None,
    }
    await scene.is_restored_to(before)
    result = await scene.result()
    assert result.outcome == "archived"
    names_of_media = [n for n in scene.archive.names("recordings/") if not n.endswith(".json")]
    assert len(names_of_media) == 2


async def test_what_the_fallback_holds_is_not_lost_after_a_restore(scene: Scene) -> None:
    """The restored call knows nothing of its fallback, and the service has deleted the file."""
    fallback, before = await archived_in_the_fallback(scene)
    await scene.is_restored_to(before)
    await scene.announced(chunk())

    result = await scene.result()

    assert result.outcome == "archived"
    assert AlarmKind.LOST not in kinds(scene)
    notes = [entry.what for entry in (await scene.status()).timeline]
    assert any(f"lies in archive {fallback.name} already" in note for note in notes)
    [kept] = result.recordings[0].chunks
    assert kept.lost_reason == ""


async def test_nothing_is_lost_while_one_of_its_archives_cannot_be_looked_at(
    scene: Scene,
) -> None:
    fallback, before = await archived_in_the_fallback(scene)
    scene.world.refusing.add(fallback.name)
    await scene.is_restored_to(before)
    await scene.announced(chunk())
    await scene.passes(timedelta(hours=2))
    [unknown] = [a for a in scene.told() if a.kind is AlarmKind.ARCHIVE_UNREACHABLE]
    assert "whether chunk 0 is lost is not known" in unknown.what
    assert AlarmKind.LOST not in kinds(scene)
    assert (await scene.recording()).chunks[0].state == "announced"
    scene.world.refusing.discard(fallback.name)
    assert (await scene.result()).outcome == "archived"
    assert AlarmKind.LOST not in kinds(scene)


async def test_nothing_waits_for_an_archive_that_is_gone_for_good(scene: Scene) -> None:
    """A call whose archive had burned down stayed open for ever, and no command ended it."""
    fallback, before = await archived_in_the_fallback(scene)
    scene.world.refusing.add(fallback.name)
    await scene.is_restored_to(before)
    await scene.announced(chunk())
    await scene.passes(timedelta(hours=2))
    assert (await scene.recording()).chunks[0].state == "announced"
    scene.world.gone.add(fallback.name)
    result = await scene.result()
    assert result.outcome == "lost"
    assert AlarmKind.LOST in kinds(scene)


async def test_a_copy_into_an_archive_that_is_gone_for_good_goes_to_the_fallback_at_once(
    scene: Scene,
) -> None:
    fallback = scene.with_fallback()
    await stopped(scene)
    scene.world.gone.add(scene.resource)
    began = await scene.environment.get_current_time(scene.handle)
    await scene.announced(chunk())
    assert archives_of(await scene.result()) == {fallback.name}
    ended = await scene.environment.get_current_time(scene.handle)
    assert ended - began < timedelta(minutes=5)


async def test_a_copy_into_an_archive_that_is_gone_is_tried_until_the_window_closes(
    scene: Scene,
) -> None:
    """Without a fallback: the settings may be mended, and the service has the file."""
    await stopped(scene)
    scene.world.gone.add(scene.resource)
    await scene.announced(chunk())
    await scene.passes(timedelta(hours=40))
    assert (await scene.recording()).chunks[0].state == "announced"
    result = await scene.result()
    assert result.outcome == "lost"
    [lost] = result.recordings[0].chunks
    assert "gone for good" in lost.lost_reason


async def test_a_file_that_comes_while_an_archive_is_looked_at_is_copied(scene: Scene) -> None:
    fallback = scene.with_fallback()
    await stopped(scene)
    scene.world.refusing.add(fallback.name)
    await scene.announced({**chunk(), "contentLocation": None})
    await scene.passes(timedelta(hours=1))
    assert (await scene.recording()).chunks[0].lost_reason
    await scene.announced(chunk())
    result = await scene.result()
    assert archives_of(result) == {scene.resource}
    assert AlarmKind.LOST not in kinds(scene)


@pytest.mark.parametrize("waits", [timedelta(minutes=30), timedelta(minutes=3)])
async def test_a_run_that_ends_while_an_archive_is_looked_at_hands_the_look_over(
    scene: Scene, waits: timedelta
) -> None:
    """While it is looked at, or just before: then the look is not begun."""
    scene.world.max_history_events[scene.resource] = 120
    fallback = scene.with_fallback()
    await stopped(scene)
    first = (await scene.handle.describe()).run_id
    scene.world.refusing.add(fallback.name)
    await scene.announced({**chunk(), "contentLocation": None})
    await scene.passes(waits)
    for _ in range(50):
        await scene.signals(names.ACKNOWLEDGE, {"requestedBy": "operator"})
    await scene.passes(timedelta(hours=2))
    assert (await scene.handle.describe()).run_id != first
    assert (await scene.recording()).chunks[0].is_undecided
    assert AlarmKind.LOST not in kinds(scene)
    scene.world.refusing.discard(fallback.name)
    assert (await scene.result()).outcome == "lost"
