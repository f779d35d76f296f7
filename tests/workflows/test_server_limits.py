"""Does a call stay within the limits of Temporal's server, whatever is sent to it?"""

from typing import Any

import pytest

from callvault.contracts import names
from callvault.contracts.alarms import AlarmKind
from callvault.contracts.events import MAX_CHUNKS
from callvault.errors import Unavailable
from workflows.call import state_limits

from .scene import Scene, chunk
from .test_continue_as_new import has_runs

GOES_ON = {"sessionEndReason": "SessionStillOngoing"}

LONG_ID = 162
"""Characters of a `recordingId` as ACS makes them."""


async def test_a4_a_call_with_many_recordings_is_kept_to_its_end(scene: Scene) -> None:
    """Fault A4: with the 13th recording the server terminated the workflow, which was unkept."""
    await scene.recorded()
    for number in range(1, 16):
        recording_id = f"{number:0{LONG_ID}}"
        await scene.announced(chunk(document=f"document-{number}"), recording_id=recording_id)
    status = await scene.status()
    found = (await scene.handle.describe()).typed_search_attributes.get(names.RECORDING_IDS)
    assert len(status.recordings) == 16
    assert found is not None
    assert 10 <= len(found) < 16
    assert found[-1] == f"{15:0{LONG_ID}}", "the newest"
    assert (await scene.asks("stop")).state == "confirmed"


async def test_a4_one_id_that_is_too_long_to_be_found_by_is_kept_even_so(scene: Scene) -> None:
    """Fault A4: the server takes 2,048 bytes, of which some are not the id's."""
    await scene.recorded()
    await scene.announced(chunk(), recording_id="x" * 2_046)
    found = (await scene.handle.describe()).typed_search_attributes.get(names.RECORDING_IDS)
    assert [r.recording_id for r in (await scene.status()).recordings][1] == "x" * 2_046
    assert found == ["recording-1"]
    assert (await scene.asks("stop")).state == "confirmed"


@pytest.mark.parametrize("index", [50_000_000, 4_294_967_295, 10**30, 1e300, -1])
async def test_a5_an_odd_index_costs_the_event_and_nothing_else(scene: Scene, index: Any) -> None:
    """Fault A5: a list of so many numbers ended one worker after the other."""
    await scene.recorded()
    await scene.announced({**chunk(), "index": index})
    assert any("could not be read" in entry.what for entry in (await scene.status()).timeline)
    assert (await scene.asks("pause")).state == "confirmed"


async def test_a7_more_chunks_than_an_event_may_name_keep_no_pause_waiting(scene: Scene) -> None:
    """Fault A7: 3,000 chunks in one event of a running call were a deadlock at every task."""
    await scene.recorded()
    await scene.announced(*(chunk(n, last=False) for n in range(3_000)), data=GOES_ON)
    assert (await scene.asks("pause")).state == "confirmed"
    assert (await scene.recording()).chunks == []


async def test_a7_as_many_chunks_as_an_event_may_name_keep_no_pause_waiting(scene: Scene) -> None:
    await scene.recorded()
    scene.service.fails("open_content", Unavailable("the service is away"), times=100)
    files = [chunk(n, last=False) for n in range(MAX_CHUNKS)]
    await scene.announced(*files, data=GOES_ON)
    # What they cost is a ratio of processor time: test_a7_folding_is_linear. Here, 100 exports fail
    # beside the pause, however long that takes a loaded machine.
    assert (await scene.asks("pause")).state == "confirmed"
    status = await scene.status()
    assert len(status.recordings[0].chunks) == state_limits.MAX_CHUNKS
    assert status.chunks_left_out == MAX_CHUNKS - state_limits.MAX_CHUNKS
    assert AlarmKind.TOO_MUCH in {record.alarm.kind for record in status.alarms}
    assert (await scene.asks("stop")).state == "confirmed"


@pytest.mark.slow("asks for 141 pauses, one after the other")
async def test_a6_many_pauses_with_long_texts_are_carried_to_the_next_run(scene: Scene) -> None:
    """Fault A6: 141 of them were more bytes than Temporal carries, and the call was stuck."""
    scene.world.max_history_events[scene.resource] = 1_600
    await scene.recorded()
    long = {"requested_by": "€" * 1_024, "reason": "€" * 1_024}
    for _ in range(141):
        assert (await scene.asks("pause", **long)).state == "confirmed"
        assert (await scene.asks("resume", **long)).state == "confirmed"
    await has_runs(scene, 2)
    await scene.asks("stop", **long)
    await scene.announced(chunk())
    result = await scene.result()
    assert result.outcome == "archived"
    [recording] = result.recordings
    assert recording.manifest is not None
    assert len(recording.pauses) + (await scene.recording()).pauses_left_out == 141
