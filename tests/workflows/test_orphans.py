"""Is what nobody asked for kept all the same, and does everybody see that nobody did?"""

import asyncio
import json

from callvault.contracts import names

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


async def is_marked(scene: Scene) -> bool:
    """Tell if its search attributes say so; they are set a moment after the start."""
    async with asyncio.timeout(20):
        while True:
            attributes = (await scene.handle.describe()).typed_search_attributes
            if names.ORPHAN in attributes:
                return attributes[names.ORPHAN]
            await asyncio.sleep(0.02)
