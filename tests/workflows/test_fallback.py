"""Where does a recording go whose archive will not do, and does it lose nothing on its way?"""

from datetime import timedelta

from callvault.contracts.alarms import AlarmKind
from callvault.contracts.names import FILE_STATUS_UPDATED
from callvault.contracts.results import CallResult
from callvault.errors import ContentMissing, Unavailable

from .scene import SHORT_WINDOW, Scene, chunk

AWAY = Unavailable("the service is away")
GONE = ContentMissing("the service has deleted the file")
EVER = timedelta(days=365)


async def stopped(scene: Scene) -> None:
    await scene.recorded()
    await scene.asks("stop")


def archives_of(result: CallResult) -> set[str]:
    return {chunk.archived.archive for chunk in result.archived if chunk.archived}


async def test_a_recording_whose_archive_refuses_goes_whole_to_the_fallback(scene: Scene) -> None:
    fallback = scene.with_fallback()
    second = chunk(1)
    scene.service.fails_for(
        "open_content", AWAY, timedelta(minutes=5), url=second["contentLocation"]
    )
    await stopped(scene)
    await scene.announced(chunk(0, last=False), second)
    await scene.until(lambda recording: recording.chunks[0].state == "archived")
    scene.world.refusing.add(scene.resource)

    result = await scene.result()

    assert result.outcome == "archived"
    assert archives_of(result) == {fallback.name}
    assert len([n for n in fallback.names("recordings/") if not n.endswith(".json")]) == 2
    told = [a.kind for a in scene.told()]
    assert told == [AlarmKind.FALLBACK_USED]


async def test_an_export_that_takes_half_the_window_goes_to_the_fallback(scene: Scene) -> None:
    fallback = scene.with_fallback()
    scene.world.windows[scene.resource] = SHORT_WINDOW
    scene.service.fails_for("open_content", AWAY, SHORT_WINDOW / 2 + timedelta(minutes=1))
    await stopped(scene)
    await scene.announced(chunk())
    result = await scene.result()
    assert result.outcome == "archived"
    assert archives_of(result) == {fallback.name}


async def test_a_very_long_recording_needs_no_fallback_where_its_archive_does_its_work(
    scene: Scene,
) -> None:
    scene.with_fallback()
    scene.world.windows[scene.resource] = SHORT_WINDOW
    await stopped(scene)
    await scene.signals(FILE_STATUS_UPDATED, scene.event_of_a_long_recording())
    result = await scene.result()
    assert archives_of(result) == {scene.archive.name}
    assert [a.kind for a in scene.told()] == [AlarmKind.EXPORT_LATE]


async def test_what_the_service_has_deleted_goes_to_the_fallback_out_of_the_first_archive(
    scene: Scene,
) -> None:
    """One file is safe in the first archive when the other one makes the recording leave it."""
    fallback = scene.with_fallback()
    scene.world.windows[scene.resource] = SHORT_WINDOW
    first, second = chunk(0, last=False), chunk(1)
    late = SHORT_WINDOW / 2 + timedelta(minutes=1)
    scene.service.fails_for("open_content", AWAY, late, url=second["contentLocation"])
    await stopped(scene)
    await scene.announced(first, second)
    await scene.until(lambda recording: recording.chunks[0].state == "archived")
    scene.service.fails_for("open_content", GONE, EVER, url=first["contentLocation"])

    result = await scene.result()

    assert result.outcome == "archived"
    assert archives_of(result) == {fallback.name}
    assert result.recordings[0].manifest is not None
    assert AlarmKind.LOST not in {alarm.kind for alarm in scene.told()}


async def test_a_fallback_that_refuses_too_gives_the_recording_back(scene: Scene) -> None:
    fallback = scene.with_fallback()
    scene.world.refusing |= {scene.resource, fallback.name}
    await stopped(scene)
    await scene.announced(chunk())
    await scene.passes(timedelta(minutes=15))
    assert (await scene.recording()).archive == fallback.name
    scene.world.refusing.discard(scene.resource)

    result = await scene.result()

    assert result.outcome == "archived"
    assert archives_of(result) == {scene.resource}
    told = [alarm.what for alarm in scene.told() if alarm.kind is AlarmKind.FALLBACK_USED]
    assert len(told) == 2


async def test_what_is_safe_in_the_first_archive_is_not_lost_where_the_fallback_fails(
    scene: Scene,
) -> None:
    """The service has lost the file, and no archive answers until its window has closed."""
    fallback = scene.with_fallback()
    scene.world.windows[scene.resource] = SHORT_WINDOW
    first, second = chunk(0, last=False), chunk(1)
    scene.service.fails_for("open_content", AWAY, EVER, url=second["contentLocation"])
    await stopped(scene)
    await scene.announced(first, second)
    await scene.until(lambda recording: recording.chunks[0].state == "archived")
    scene.world.refusing |= {scene.resource, fallback.name}
    await scene.passes(SHORT_WINDOW)
    scene.world.refusing.clear()

    result = await scene.result()

    [safe] = result.archived
    assert safe.document_id == first["documentId"]
    assert archives_of(result) == {scene.resource}
    lost = [alarm for alarm in scene.told() if alarm.kind is AlarmKind.LOST]
    assert [alarm.chunk_index for alarm in lost] == [1]


async def test_a_late_file_goes_where_the_recording_was_archived_before(scene: Scene) -> None:
    fallback = scene.with_fallback()
    first, late = chunk(0, last=False), chunk(1)
    scene.world.refusing.add(scene.resource)
    await scene.hears_late(scene.event(first, recording_id="recording-9"))
    await scene.passes(timedelta(hours=1))
    scene.world.refusing.clear()
    before = await scene.result()
    assert archives_of(before) == {fallback.name}

    await scene.hears_late(scene.event(first, late, recording_id="recording-9"), before)
    result = await scene.result()

    assert result.outcome == "archived"
    assert {chunk.document_id for chunk in result.archived} == {
        first["documentId"],
        late["documentId"],
    }
    assert archives_of(result) == {fallback.name}
    assert result.recordings[0].manifest is not None
    assert AlarmKind.NOT_SEALED not in {alarm.kind for alarm in scene.told()}
