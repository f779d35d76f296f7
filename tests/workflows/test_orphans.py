"""Is what nobody asked for kept all the same, and does everybody see that nobody did?"""

import asyncio
import json
from typing import Any

import pytest

from callvault.contracts import names
from tests.archive.sealed import wav
from tests.archive.sounds import CONSTANT, encoded
from tests.patience import WAIT

from .scene import Scene, chunk


async def test_a_call_that_nobody_asked_to_keep_is_archived_and_marked(scene: Scene) -> None:
    await scene.keep(start_recording=False)
    await scene.announced(chunk(), recording_id="foreign")
    result = await scene.result()
    assert result.outcome == "archived"
    assert len(scene.archived()) == 1
    assert (await scene.recording()).is_orphan
    assert await is_marked(scene)
    assert "nobody asked for it" in await scene.details()
    [manifest] = [name for name in scene.archive.names() if name.endswith("manifest.json")]
    sealed = json.loads(b"".join(scene.archive.read(manifest)))
    assert sealed["recording"]["origin"] == "announced"


async def test_a_foreign_recording_in_a_call_of_ours_is_archived_and_marked(scene: Scene) -> None:
    await scene.recorded()
    assert not await is_marked(scene)
    await scene.announced(chunk(document="foreign-1"), recording_id="foreign")
    await scene.until(lambda recording: recording.state == "archived", number=2)
    assert await is_marked(scene)
    await scene.asks("stop")
    await scene.announced(chunk())
    result = await scene.result()
    assert result.outcome == "archived"
    ours, foreign = (await scene.status()).recordings
    assert (ours.is_orphan, foreign.is_orphan) == (False, True)


def told(content: str | None, channel: str | None, file_format: str | None) -> dict[str, Any]:
    """What an event tells of the recording's kind; None where it tells nothing."""
    return {
        "recordingContentType": content,
        "recordingChannelType": channel,
        "recordingFormatType": file_format,
        "recordingDurationMs": 5_000,
    }


SOUNDS = {
    "mp3": (encoded(CONSTANT, "tnstn"), ("audio", "mixed", "mp3")),
    "wav": (wav(5), ("audio", "mixed", "wav")),
    "unmixed": (wav(5, channels=3), ("audio", "unmixed", "wav")),
}
INFO = b'{"chunkDuration":5000,"recordingInfo":{"contentType":"%b","channelType":"%b"}}'


@pytest.mark.parametrize("sound", SOUNDS)
@pytest.mark.parametrize("source", ["event", "format", "metadata", "bytes"])
async def test_d2_d3_a_recording_that_nobody_asked_for_is_judged_as_what_it_is(
    scene: Scene, sound: str, source: str
) -> None:
    data, kind = SOUNDS[sound]
    scene.service.content = lambda url: data  # type: ignore[method-assign]
    scene.service.metadata = b'{"chunkDuration":5000}'
    words = {"event": kind, "format": (None, None, kind[2])}.get(source, (None, None, None))
    if source == "metadata":
        scene.service.metadata = INFO % (kind[0].encode(), kind[1].encode())
    await scene.keep(start_recording=False)
    pascal = [word.capitalize() if word else None for word in words]
    await scene.announced(chunk(), recording_id="foreign", data=told(*pascal))
    result = await scene.result()
    recording = await scene.recording()
    assert kind == (
        recording.recording_content_type,
        recording.recording_channel_type,
        recording.recording_format_type,
    )
    [archived] = [each.archived for each in result.archived if each.archived]
    assert archived.object_name.endswith(f".{kind[2]}")
    sealed = result.recordings[0].manifest
    assert sealed
    assert sealed.findings == ()
    written = json.loads(b"".join(scene.archive.read(sealed.object_name)))
    assert written["recording"]["recordingChannelType"] == kind[1]
    assert written["chunks"][0]["check"]["verdict"] == "complete"


async def test_d2_the_events_word_counts_before_that_of_the_bytes(scene: Scene) -> None:
    """An unmixed recording of a single participant has one channel."""
    scene.service.content = lambda url: wav(5)  # type: ignore[method-assign]
    await scene.keep(start_recording=False)
    data = told("Audio", "Unmixed", "Wav")
    await scene.announced(chunk(), recording_id="foreign", data=data)
    await scene.result()
    assert (await scene.recording()).recording_channel_type == "unmixed"


async def test_d3_what_is_no_media_keeps_the_usual_name(scene: Scene) -> None:
    await scene.keep(start_recording=False)
    await scene.announced(chunk(), recording_id="foreign", data=told(None, None, None))
    [archived] = [each.archived for each in (await scene.result()).archived if each.archived]
    assert archived.object_name.endswith(".mp4")


async def is_marked(scene: Scene) -> bool:
    """Tell if its search attributes say so; they are set a moment after the start."""
    async with asyncio.timeout(WAIT):
        while True:
            attributes = (await scene.handle.describe()).typed_search_attributes
            if names.ORPHAN in attributes:
                return attributes[names.ORPHAN]
            await asyncio.sleep(0.02)
