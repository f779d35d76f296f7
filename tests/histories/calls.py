"""The stories of a call: each plays one, and returns the ids of the workflows that kept it."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

from temporalio.client import WorkflowFailureError
from temporalio.service import RPCError

from callvault.causes import Cause
from callvault.contracts import names
from callvault.contracts.participants import participant_hash
from callvault.errors import InvalidRequest, Unavailable
from tests.workflows.scene import Scene, chunk
from tests.workflows.test_abandoned import taken_over
from tests.workflows.test_continue_as_new import has_runs, short_histories
from tests.workflows.test_reset import MIDDLE, reset

from .studio import Studio

Story = Callable[[Studio], Awaitable[list[str]]]
"""Plays something in a studio; returns the ids of the workflows whose histories are kept."""

ANA, BEN = participant_hash("8:acs:ana", "key"), participant_hash("8:acs:ben", "key")
AWAY = Unavailable("the service is away", cause=Cause.UNREACHABLE)
COUNSEL = {"requestedBy": "counsel-1", "authenticatedAs": "key legal", "reason": "case 7"}


async def ends(scene: Scene, *chunks: dict[str, Any]) -> list[str]:
    """Stop, announce the files, and wait for the end."""
    await scene.asks("stop", requested_by="agent-7")
    await scene.announced(*(chunks or (chunk(),)))
    await scene.result()
    return [scene.handle.id]


async def plain_life(studio: Studio) -> list[str]:
    scene = studio.scene()
    await scene.recorded()
    return await ends(scene)


async def pauses(studio: Studio) -> list[str]:
    """By update and by signal, once while ACS is away."""
    scene = studio.scene()
    await scene.recorded()
    await scene.asks("pause", reason="card number", requested_by="agent-7")
    await scene.asks("resume", requested_by="agent-7")
    scene.service.fails("pause", AWAY, times=2)
    await scene.says("pause", request_id="p2", requested_by="agent-7")
    await scene.until(lambda recording: recording.actual == "paused")
    await scene.says("resume", request_id="r2", requested_by="agent-7")
    await scene.until(lambda recording: recording.actual == "active")
    return await ends(scene, chunk(0, last=False), chunk(1))


async def pause_that_lasts(studio: Studio) -> list[str]:
    """Lists show it, silence is read again and again, and the recording is stopped paused."""
    scene = studio.scene()
    await scene.recorded()
    await scene.asks("pause")
    await scene.passes(timedelta(minutes=40))
    return await ends(scene)


async def pause_unconfirmed(studio: Studio) -> list[str]:
    """ACS is away for longer than a pause may take: an alarm, and the recording is stopped."""
    scene = studio.scene()
    await scene.recorded(on_pause_failure="stop")
    scene.service.fails_for("pause", AWAY, timedelta(minutes=2))
    await scene.says("pause", request_id="p1")
    await scene.passes(timedelta(seconds=30))
    await scene.until(lambda recording: recording.actual == "stopped")
    await scene.announced(chunk())
    await scene.result()
    return [scene.handle.id]


async def _decides(scene: Scene, who: str, *, given: bool) -> None:
    decision = {"participant": who, "given": given, "requestedBy": "ivr", "method": "spoken"}
    await scene.handle.execute_update(names.CONSENT, decision)


async def consent(studio: Studio) -> list[str]:
    """Missing, given, withdrawn; somebody joins and leaves."""
    scene = studio.scene()
    await scene.keep(
        consent_policy="all_parties", participants=[ANA, BEN], on_withdrawal="pause_and_mark"
    )
    await scene.until(lambda recording: recording.actual == "paused")
    for who in (ANA, BEN):
        await _decides(scene, who, given=True)
    await scene.until(lambda recording: recording.actual == "active")
    carl = participant_hash("8:acs:carl", "key")
    for joined, state in ((True, "paused"), (False, "active")):
        change = {"participant": carl, "joined": joined}
        await scene.signals(names.PARTICIPANT_CHANGED, change)
        await scene.until(lambda recording, state=state: recording.actual == state)
    await _decides(scene, BEN, given=False)
    return await ends(scene)


async def consent_in_vain(studio: Studio) -> list[str]:
    """Nobody consents in time: declined, and ACS is never asked to record."""
    scene = studio.scene()
    await scene.keep(
        consent_policy="all_parties",
        participants=[ANA],
        before_consent="wait",
        consent_within="PT2M",
    )
    await scene.result()
    return [scene.handle.id]


async def several_recordings(studio: Studio) -> list[str]:
    scene = studio.scene()
    await scene.recorded()
    await scene.asks("stop")
    await scene.asks("start", requested_by="agent-7")
    await scene.until(lambda recording: recording.actual == "active", number=2)
    await scene.asks("stop")
    await scene.announced(chunk())
    await scene.announced(chunk(document="0-eus-d1-" + "f" * 32), recording=2)
    await scene.result()
    return [scene.handle.id]


async def cancellation(studio: Studio) -> list[str]:
    scene = studio.scene()
    await scene.recorded()
    await scene.handle.cancel()
    await scene.until(lambda recording: recording.actual == "stopped")
    await scene.announced(chunk())
    await scene.result()
    return [scene.handle.id]


async def hand_over(studio: Studio) -> list[str]:
    """Several runs, one after the other: a history may be no longer than 40 events."""
    scene = studio.scene()
    short_histories(scene, 40)
    await scene.recorded()
    for number in range(3):
        await scene.asks("pause", request_id=f"p{number}")
        await scene.asks("resume", request_id=f"r{number}")
    await has_runs(scene, 3)
    return await ends(scene)


async def reset_by_operator(studio: Studio) -> list[str]:
    """Reset to the middle of its history; the new run recalls what the last one knew."""
    scene = studio.scene()
    await scene.recorded()
    await scene.asks("pause")
    await scene.asks("resume")
    await reset(scene, MIDDLE)
    while not (await scene.status()).taken_over:
        await asyncio.sleep(0.05)
    return await ends(scene)


async def terminated(studio: Studio) -> list[str]:
    """Ended by force: one is taken over by a worker, the other restored by an operator."""
    scene = studio.scene()
    await scene.recorded()
    await scene.handle.terminate("somebody clicked")
    await taken_over(scene)
    # One after the other: who takes over looks for every call that was ended.
    return [*await ends(scene), *await _restored(studio)]


async def _restored(studio: Studio) -> list[str]:
    """Play a call whose run begins with a recording that ACS makes already."""
    scene = studio.scene()
    await scene.recorded()
    status = await scene.status()
    await scene.handle.terminate("its database was restored")
    await scene.is_restored_to(status)
    await scene.asks("pause")
    await scene.asks("resume")
    return await ends(scene)


async def failed_start(studio: Studio) -> list[str]:
    scene = studio.scene()
    refusal = InvalidRequest("the call cannot be recorded", status=400, code="8500")
    scene.service.fails("start", refusal, times=1)
    await scene.keep(requested_by="backend")
    await scene.result()
    return [scene.handle.id]


async def unknown_resource(studio: Studio) -> list[str]:
    """A request that no settings know: the workflow fails at once."""
    scene = studio.scene()
    del studio.services[scene.resource]
    await scene.keep()
    # It may have failed before time could pass.
    with suppress(WorkflowFailureError, RPCError):
        await scene.result()
    return [scene.handle.id]


async def callbacks_and_end(studio: Studio) -> list[str]:
    """ACS's callbacks, Event Grid's end of the call, and messages that nobody understands."""
    scene = studio.scene()
    await scene.recorded()
    at = (await scene.status()).recordings[0].requested_at.isoformat()
    told_state = {"recording": 1, "recordingId": "recording-1", "at": at, "isSigned": True}
    for state in ("active", "inactive", "active"):
        await scene.signals(names.RECORDING_STATE_CHANGED, {**told_state, "state": state})
    await scene.signals("no such signal", {})
    await scene.signals(names.FILE_STATUS_UPDATED, {"odd": 1})
    await scene.signals(names.CALL_ENDED, {"endedAt": at, "reason": "hung up"})
    return await ends(scene)


async def legal_hold(studio: Studio) -> list[str]:
    scene = studio.scene()
    studio.holding.add(scene.resource)
    await scene.recorded()
    await scene.signals(names.PLACE_HOLD, COUNSEL)
    while not (holds := [each for each in (await scene.status()).legal_holds if each.id]):
        await scene.passes(timedelta(seconds=1))
    await scene.signals(names.RELEASE_HOLD, {**COUNSEL, "hold": holds[0].id})
    found = await ends(scene)
    studio.holding.discard(scene.resource)
    return found


CALLS: tuple[Story, ...] = (
    plain_life,
    pauses,
    pause_that_lasts,
    pause_unconfirmed,
    consent,
    consent_in_vain,
    several_recordings,
    cancellation,
    hand_over,
    reset_by_operator,
    terminated,
    failed_start,
    unknown_resource,
    callbacks_and_end,
    legal_hold,
)
