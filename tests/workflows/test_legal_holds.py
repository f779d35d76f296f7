"""A legal hold that comes by signal: remembered, written into the archives, and released."""

import asyncio
from datetime import timedelta

import pytest

from callvault.archive.manifests.holds import Hold, find_holds
from callvault.contracts import names
from callvault.contracts.hold_messages import CallHold

from .scene import Scene, chunk

ASKED = {"requestedBy": "counsel-1", "authenticatedAs": "key legal", "reason": "case 7"}


@pytest.fixture(autouse=True)
def holding(scene: Scene) -> None:
    """Let holds be written into the archive of this call alone."""
    scene.world.holding.clear()
    scene.world.holding.add(scene.resource)


def holds_of(scene: Scene) -> list[Hold]:
    return find_holds(scene.world.archive_of(scene.resource))


async def written(scene: Scene, count: int = 1, *, released: bool = False) -> list[CallHold]:
    """Wait until the workflow knows that so many holds, or their releases, are written."""
    while True:
        holds = (await scene.status()).legal_holds
        done = [each for each in holds if (each.released_at if released else each.id)]
        if len(done) >= count:
            return holds
        await asyncio.sleep(0.05)


async def test_a_hold_by_signal_is_remembered_and_lies_in_the_archive(scene: Scene) -> None:
    await scene.recorded()
    await scene.handle.signal(names.PLACE_HOLD, ASKED)
    await scene.handle.signal(names.PLACE_HOLD, ASKED)
    (hold,) = await written(scene)
    (found,) = holds_of(scene)
    assert (found.placed.id, found.released) == (hold.id, None)
    assert found.placed.target.server_call_id == scene.server_call_id
    assert (found.placed.resource, found.placed.reason) == (scene.resource, "case 7")
    assert found.placed.authenticated_as == "key legal"
    assert hold.archives == [scene.resource]
    lines = " ".join(entry.what for entry in (await scene.status()).timeline)
    assert "a legal hold is placed by counsel-1 (key legal) on the call: case 7" in lines
    assert "is placed already" in lines
    release = {"hold": hold.id, "requestedBy": "counsel-2", "reason": "settled"}
    await scene.handle.signal(names.RELEASE_HOLD, release)
    await written(scene, released=True)
    (over,) = holds_of(scene)
    assert over.released is not None
    assert (over.released.requested_by, over.released.reason) == ("counsel-2", "settled")
    await scene.asks("stop")
    await scene.announced(chunk())
    assert (await scene.result()).outcome == "archived"


async def test_a_hold_without_a_reason_is_noted_and_refused(scene: Scene) -> None:
    await scene.recorded()
    for payload in ({"requestedBy": "counsel-1"}, {"reason": " "}, None, 5):
        await scene.handle.signal(names.PLACE_HOLD, payload)
    await scene.handle.signal(names.RELEASE_HOLD, {"hold": "0" * 16, "reason": "x"})
    await scene.asks("stop")
    await scene.announced(chunk())
    await scene.result()
    status = await scene.status()
    assert status.legal_holds == []
    assert holds_of(scene) == []
    notes = [entry.what for entry in status.timeline]
    assert len([each for each in notes if each.startswith("place_hold could not be read")]) == 4
    assert any("is none of this call: nothing is released" in each for each in notes)


async def test_a_call_does_not_end_before_its_hold_is_written(scene: Scene) -> None:
    await scene.recorded()
    await scene.asks("stop")
    await scene.announced(chunk())
    scene.world.refusing.add(scene.resource)
    await scene.handle.signal(names.PLACE_HOLD, ASKED)
    await scene.passes(timedelta(minutes=30))
    status = await scene.status()
    assert [each.id for each in status.legal_holds] == [""]
    scene.world.refusing.discard(scene.resource)
    assert (await scene.result()).outcome == "archived"
    assert len(holds_of(scene)) == 1


async def test_a_hold_goes_over_to_the_next_run(scene: Scene) -> None:
    scene.world.max_history_events[scene.resource] = 60
    await scene.recorded()
    first = (await scene.handle.describe()).run_id
    await scene.handle.signal(names.PLACE_HOLD, ASKED)
    (hold,) = await written(scene)
    for number in range(30):
        await scene.asks("pause", request_id=f"p{number}")
        await scene.asks("resume", request_id=f"r{number}")
    assert (await scene.handle.describe()).run_id != first
    assert [each.id for each in (await scene.status()).legal_holds] == [hold.id]
    await scene.asks("stop")
    await scene.announced(chunk())
    await scene.result()
    assert len(holds_of(scene)) == 1
