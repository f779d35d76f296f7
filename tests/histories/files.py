"""The stories of a call's files: what becomes of them, and of those that nobody announces."""

from datetime import timedelta

from callvault.errors import ContentMissing
from tests.workflows.scene import BRIEF_WINDOW, chunk
from tests.workflows.test_polling import told

from .calls import AWAY, Story, ends
from .studio import Studio

EVER = timedelta(days=365)


async def lost_file(studio: Studio) -> list[str]:
    """ACS refuses a file until its window is over: alarms of rising severity, and lost."""
    scene = studio.scene()
    studio.windows[scene.resource] = BRIEF_WINDOW
    scene.service.fails_for("open_content", AWAY, EVER)
    await scene.recorded()
    return await ends(scene)


async def deleted_file(studio: Studio) -> list[str]:
    """The service has no such file any more."""
    scene = studio.scene()
    scene.service.fails_for("open_content", ContentMissing("it is deleted"), EVER)
    await scene.recorded()
    return await ends(scene)


async def no_event(studio: Studio) -> list[str]:
    """No file is ever announced: alarms until the window is over."""
    scene = studio.scene()
    studio.windows[scene.resource] = timedelta(hours=4)
    await scene.recorded()
    await scene.asks("stop")
    await scene.result()
    return [scene.handle.id]


async def asked_for_files(studio: Studio) -> list[str]:
    """The end of a recording, and its files, are found out by asking ACS."""
    scene = studio.scene()
    studio.polls_result.add(scene.resource)
    await scene.recorded()
    scene.service.forgets("recording-1")
    scene.service.results["recording-1"] = told(chunk())
    await scene.result()
    return [scene.handle.id]


async def fallback_archive(studio: Studio) -> list[str]:
    scene = studio.scene()
    scene.with_fallback()
    studio.refusing.add(scene.resource)
    await scene.recorded()
    return await ends(scene)


async def deleted_source(studio: Studio) -> list[str]:
    """Real sound, checked as media and sealed; then the service's copy is deleted."""
    scene = studio.scene()
    studio.delete_source.add(scene.resource)
    await scene.recorded_as_sound()
    data = {"recordingContentType": "Audio", "recordingFormatType": "Wav"}
    await scene.announced(chunk(), data={**data, "recordingDurationMs": 5_000})
    await scene.result()
    return [scene.handle.id]


async def orphan(studio: Studio) -> list[str]:
    """An event announces a file of a call without a request."""
    scene = studio.scene()
    await scene.hears_late(scene.event(chunk(), recording_id="foreign"))
    await scene.result()
    return [scene.handle.id]


async def archive_only(studio: Studio) -> list[str]:
    scene = studio.scene()
    studio.archive_only.add(scene.resource)
    await scene.keep(start_recording=False)
    await scene.announced(chunk(), recording_id="theirs")
    await scene.result()
    return [scene.handle.id]


FILES: tuple[Story, ...] = (
    lost_file,
    deleted_file,
    no_event,
    asked_for_files,
    fallback_archive,
    deleted_source,
    orphan,
    archive_only,
)
