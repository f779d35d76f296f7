"""What becomes of a call whose archive is emptied, changed or unmounted, or cannot be sealed in?"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from callvault.archive.identity import IDENTITY_OBJECT
from callvault.contracts.alarms import AlarmKind
from callvault.contracts.status import CallStatus
from callvault.errors import ContentMissing, Unavailable

from .scene import BRIEF_WINDOW, SHORT_WINDOW, Scene, chunk

EVER = timedelta(days=365)


def file_of(scene: Scene, name: str) -> Path:
    return Path(scene.archive.location(name))


def media(scene: Scene) -> Path:
    """The call's file in its archive, or the first of several."""
    name = min(name for name in scene.archive.names("recordings/") if not name.endswith(".json"))
    return file_of(scene, name)


def root(scene: Scene) -> Path:
    return Path(scene.archive.location(IDENTITY_OBJECT)).parent


@contextmanager
def away(scene: Scene, *, leaves_directory: bool = False) -> Iterator[Path]:
    """Have the archive away; yield its place, where an empty directory may be left."""
    place = root(scene)
    elsewhere = place.with_name(f"{place.name}-away")
    place.rename(elsewhere)
    if leaves_directory:
        place.mkdir()
    yield place
    if leaves_directory:
        place.rmdir()
    elsewhere.rename(place)


async def archived(scene: Scene) -> CallStatus:
    """Have a call archived; return what was known of it before its file was announced."""
    await scene.recorded()
    await scene.asks("stop")
    before = await scene.status()
    await scene.announced(chunk())
    await scene.result()
    return before


async def archived_unsealed(scene: Scene) -> None:
    """Have one of two files archived: nothing is sealed before the other one comes."""
    scene.service.records_sound = True
    await scene.recorded(recordingContentType="audio", recordingFormatType="wav")
    await scene.asks("stop")
    await scene.announced(chunk(0, last=False))
    await scene.until(lambda recording: recording.chunks[0].state == "archived")


async def test_a_file_that_vanished_before_it_was_sealed_is_copied_again(scene: Scene) -> None:
    """H7: sealing said for two days "was archived and is gone", and nothing copied it again."""
    await archived_unsealed(scene)
    media(scene).unlink()
    await scene.announced(chunk(1))
    result = await scene.result()
    assert result.outcome == "archived"
    assert result.recordings[0].manifest is not None
    assert len([n for n in scene.archive.names("recordings/") if n.endswith(".wav")]) == 2
    [alarm] = scene.told()
    assert (alarm.kind, alarm.severity) == (AlarmKind.ARCHIVE_CHANGED, "error")
    assert "is gone" in alarm.what
    notes = [entry.what for entry in (await scene.status()).timeline]
    assert "recording 1: chunks 0 are copied again" in notes


async def test_a_file_that_vanished_for_good_is_lost_and_the_rest_is_sealed(scene: Scene) -> None:
    """H7, when the service has deleted its own copy meanwhile."""
    scene.world.windows[scene.resource] = BRIEF_WINDOW
    await archived_unsealed(scene)
    media(scene).unlink()
    gone = ContentMissing("the service has deleted the file")
    first = chunk(0, last=False)
    scene.service.fails_for("open_content", gone, EVER, url=first["contentLocation"])
    await scene.announced(chunk(1))
    result = await scene.result()
    assert result.outcome == "lost"
    assert result.recordings[0].manifest is not None
    kinds = [alarm.kind for alarm in scene.told()]
    assert kinds[0] == AlarmKind.ARCHIVE_CHANGED
    assert kinds[-1] == AlarmKind.LOST


async def test_a_file_that_was_changed_before_it_was_sealed_is_not_taken_for_the_recording(
    scene: Scene,
) -> None:
    """H7: copied again, the changed object would have been found, and believed."""
    scene.world.windows[scene.resource] = SHORT_WINDOW
    fallback = scene.with_fallback()
    await archived_unsealed(scene)
    whole = media(scene).read_bytes()
    media(scene).write_bytes(b"changed")
    await scene.announced(chunk(1))
    result = await scene.result()
    assert result.outcome == "archived"
    kinds = [alarm.kind for alarm in scene.told()]
    assert AlarmKind.ARCHIVE_CHANGED in kinds
    assert AlarmKind.FALLBACK_USED in kinds
    kept = [b"".join(fallback.read(n)) for n in fallback.names() if n.endswith(".wav")]
    assert kept[0] == whole
    assert b"changed" not in kept


@pytest.mark.parametrize("kept", ["the file", "the manifest", "nothing"])
async def test_what_goes_back_behind_its_seal_is_archived_anew_before_the_service_deletes(
    scene: Scene, kept: str
) -> None:
    """The deletion asked for an hour for a manifest that was gone, and nothing brought it back."""
    scene.world.delete_source.add(scene.resource)
    scene.service.fails_for("delete_content", Unavailable("away"), timedelta(minutes=10))
    await scene.recorded_as_sound()
    first, second = chunk(0, last=False), chunk(1)
    await scene.announced(first, second)
    await scene.until(lambda recording: recording.sealed is not None)
    sealed = (await scene.recording()).sealed
    assert sealed is not None
    if kept != "the file":
        media(scene).unlink()
    if kept != "the manifest":
        file_of(scene, sealed.object_name).unlink()
    result = await scene.result()

    [recording] = result.recordings
    assert (result.outcome, recording.manifest is not None) == ("archived", True)
    assert recording.manifest != sealed
    named = {recording.manifest.object_name, *(c.archived.object_name for c in recording.chunks)}
    assert named <= set(scene.archive.names("recordings/"))
    assert all(each.source_deleted for each in (await scene.recording()).chunks)
    last = [what for what in scene.service.asked if what in ("open_content", "delete_content")]
    assert last[-2:] == ["delete_content", "delete_content"], "first archived, then deleted"
    [alarm] = [a for a in scene.told() if a.kind is AlarmKind.ARCHIVE_CHANGED]
    assert "is gone" in alarm.what


async def test_an_unmounted_archive_begins_no_chain_and_costs_no_copy(scene: Scene) -> None:
    """H9: links began at 1 anew, and the service's copy was deleted."""
    scene.world.delete_source.add(scene.resource)
    await scene.recorded_as_sound()
    with away(scene, leaves_directory=True) as place:
        await scene.announced(chunk())
        await scene.has_asked("start")
        await scene.passes(timedelta(hours=7))
        recording = await scene.recording()
        assert recording.chunks[0].state == "announced"
        assert not [path for path in place.rglob("*") if path.is_file()]
        assert "delete_content" not in scene.service.asked
        assert {alarm.kind for alarm in scene.told()} == {AlarmKind.EXPORT_LATE}
    result = await scene.result()
    assert result.outcome == "archived"
    assert scene.service.asked[-1] == "delete_content"


async def test_a_manifest_that_cannot_be_written_is_told_within_hours(scene: Scene) -> None:
    """H8: a signing key that cannot be read raised no alarm for two days."""
    scene.world.without_key.add(scene.resource)
    await scene.recorded()
    await scene.asks("stop")
    await scene.announced(chunk())
    await scene.until(lambda recording: recording.chunks[0].state == "archived")
    await scene.passes(timedelta(hours=7))
    alarms = scene.told()
    assert [alarm.kind for alarm in alarms] == [AlarmKind.NOT_SEALED] * 2
    assert "seal_recording" in alarms[0].what
    scene.world.without_key.discard(scene.resource)
    result = await scene.result()
    assert result.recordings[0].manifest is not None


async def test_a_recording_that_lies_sealed_is_not_lost_after_a_restore(scene: Scene) -> None:
    """H13: Temporal was restored to a time before the event; nobody looked into the archive."""
    scene.world.windows[scene.resource] = SHORT_WINDOW
    await scene.recorded()
    await scene.asks("stop")
    before = await scene.status()
    await scene.announced(chunk(0, last=False), chunk(1))
    assert (await scene.result()).outcome == "archived"

    await scene.is_restored_to(before)
    result = await scene.result()

    assert result.outcome == "archived"
    [recording] = result.recordings
    assert recording.manifest is not None
    assert recording.manifest.sequence == 2
    assert recording.manifest.object_name.endswith("manifest-2.json")
    assert {c.archived.archive for c in recording.chunks if c.archived} == {scene.resource}
    assert scene.service.asked.count("open_content") == 2
    assert AlarmKind.LOST not in {alarm.kind for alarm in scene.told()}


async def test_a_recording_whose_archive_is_away_is_looked_up_when_it_is_back(
    scene: Scene,
) -> None:
    """H13, with the archive restored later than Temporal."""
    scene.world.windows[scene.resource] = SHORT_WINDOW
    before = await archived(scene)
    with away(scene, leaves_directory=True):
        await scene.is_restored_to(before)
        await scene.passes(SHORT_WINDOW / 2)
    assert (await scene.result()).outcome == "archived"


async def test_a_recording_is_not_lost_while_its_archive_cannot_be_looked_at(
    scene: Scene,
) -> None:
    """The archive is away for the whole window, and longer."""
    scene.world.windows[scene.resource] = SHORT_WINDOW
    before = await archived(scene)
    with away(scene, leaves_directory=True):
        await scene.is_restored_to(before)
        await scene.passes(2 * SHORT_WINDOW)
        recording = await scene.recording()
        assert recording.undecided_since is not None
        assert not recording.state.is_final
        kinds = [alarm.kind for alarm in scene.told()]
        assert AlarmKind.LOST not in kinds
        [alarm] = [a for a in scene.told() if a.kind is AlarmKind.ARCHIVE_UNREACHABLE]
        assert alarm.severity == "critical"
        assert "whether it is lost is not known" in alarm.what
    assert (await scene.result()).outcome == "archived"
    assert AlarmKind.LOST not in {alarm.kind for alarm in scene.told()}


async def test_a_recording_is_lost_once_its_archive_is_back_and_does_not_hold_it(
    scene: Scene,
) -> None:
    scene.world.windows[scene.resource] = SHORT_WINDOW
    await scene.recorded()
    await scene.asks("stop")
    with away(scene):
        await scene.passes(2 * SHORT_WINDOW)
        assert AlarmKind.LOST not in {alarm.kind for alarm in scene.told()}
    assert (await scene.result()).outcome == "lost"
    assert [alarm.kind for alarm in scene.told()][-2:] == [
        AlarmKind.ARCHIVE_UNREACHABLE,
        AlarmKind.LOST,
    ]


@pytest.mark.parametrize("has_it", [True, False])
async def test_a_file_is_not_lost_while_its_archive_is_away(scene: Scene, has_it: bool) -> None:
    """What the service still has once the archive is back is archived; else it is lost then."""
    scene.world.windows[scene.resource] = BRIEF_WINDOW
    await scene.recorded()
    await scene.asks("stop")
    with away(scene):
        await scene.announced(chunk())
        await scene.passes(2 * BRIEF_WINDOW + timedelta(hours=1))
        assert (await scene.recording()).chunks[0].is_undecided
        [alarm] = [a for a in scene.told() if a.kind is AlarmKind.ARCHIVE_UNREACHABLE]
        assert (alarm.severity, alarm.chunk_index) == ("critical", 0)
        assert "whether chunk 0 is lost is not known" in alarm.what
        assert AlarmKind.LOST not in {alarm.kind for alarm in scene.told()}
        if not has_it:
            gone = ContentMissing("the service has deleted the file", status=404)
            scene.service.fails_for("open_content", gone, EVER)
    assert (await scene.result()).outcome == ("archived" if has_it else "lost")


async def test_what_is_sealed_by_another_key_is_not_believed(scene: Scene) -> None:
    """H13: a planted manifest must silence no alarm."""
    scene.world.windows[scene.resource] = BRIEF_WINDOW
    before = await archived(scene)
    [manifest] = (
        Path(scene.archive.location(n))
        for n in scene.archive.names("recordings/")
        if n.endswith("manifest.json")
    )
    text = manifest.read_text()
    at = text.index('"value":"') + len('"value":"')
    manifest.write_text(text[:at] + ("0" if text[at] != "0" else "1") + text[at + 1 :])
    await scene.is_restored_to(before)
    assert (await scene.result()).outcome == "lost"
