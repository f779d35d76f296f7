"""Is a pause, or a withdrawal, answered in time by what is known, with all real but ACS?"""

import asyncio
from datetime import timedelta

import pytest
from temporalio.client import WorkflowUpdateFailedError

from callvault.causes import Cause
from callvault.contracts import names
from callvault.contracts.participants import participant_hash
from callvault.contracts.status import ControlRecord
from callvault.errors import CallvaultError, Unavailable
from callvault.temporal.rpc_errors import refusal_of

from .scene import Scene, released

AWAY = Unavailable("ACS is away", cause=Cause.UNREACHABLE)
SLOW = Unavailable("no answer came in time", cause=Cause.NO_ANSWER)
ANA = participant_hash("8:acs:ana", "key")
WITHIN = timedelta(seconds=5)


async def answered(scene: Scene) -> ControlRecord:
    """Ask for a pause; return its answer, which takes no longer than a pause may."""
    asking = asyncio.create_task(scene.asks("pause", requested_by="agent", request_id="p1"))
    while "p1" not in (await scene.status()).requests:
        await asyncio.sleep(0.01)
    await scene.passes(WITHIN)
    return await asyncio.wait_for(asking, 5)


@pytest.mark.parametrize("fault", [AWAY, SLOW])
@pytest.mark.parametrize("reaction", ["alarm", "mark"])
async def test_a_pause_is_answered_in_time_and_is_asked_for_on(
    scene: Scene, reaction: str, fault: CallvaultError
) -> None:
    await scene.recorded(on_pause_failure=reaction)
    scene.service.fails_for("pause", fault, timedelta(seconds=30))
    answer = await answered(scene)
    assert (answer.state, answer.is_done, answer.may_be_recording) == ("pending", False, True)
    assert str(fault) in answer.problem
    assert "it may be recording, " in answer.problem
    assert "ACS is asked again until it is proven to pause" in answer.problem

    await scene.passes(timedelta(minutes=1))
    await scene.until(lambda recording: recording.pauses[0].confirmed_at is not None)
    record = (await scene.status()).requests["p1"]
    assert (record.state, record.is_overdue, record.may_be_recording) == ("confirmed", True, False)


async def test_a_pause_that_stops_the_recording_is_answered_before_acs_has_stopped_it(
    scene: Scene,
) -> None:
    await scene.recorded(on_pause_failure="stop")
    for operation in ("pause", "stop"):
        scene.service.fails_for(operation, AWAY, timedelta(seconds=30))
    answer = await answered(scene)
    assert (answer.is_done, answer.is_overdue, answer.may_be_recording) == (False, True, True)
    assert "it is asked to stop, and may be recording until that is confirmed" in answer.problem


async def test_a_pause_that_the_worker_saw_late_is_answered_once_acs_could_confirm_it(
    scene: Scene,
) -> None:
    """It is overdue when it is seen, and confirmed all the same."""
    await scene.recorded()
    await scene.passes(timedelta(minutes=2))
    asked = (await scene.recording()).requested_at + timedelta(minutes=1)
    answer = await scene.asks("pause", requested_by="agent", requested_at=asked)
    assert (answer.state, answer.is_overdue) == ("confirmed", True)


async def test_a_pause_right_after_the_start_is_answered_in_time_and_blames_nobody(
    scene: Scene,
) -> None:
    """ACS tells of a recording that only begins, and of one that is paused, alike."""
    begins = scene.service.holds("get_state")
    await scene.keep(requested_by="backend", pause_confirm_within="PT5S")
    with released(begins):
        await scene.has_asked("start")
        asking = asyncio.create_task(scene.asks("pause", requested_by="agent", request_id="p1"))
        while "p1" not in (await scene.status()).requests:
            await asyncio.sleep(0.01)
    await scene.until(lambda recording: recording.actual == "paused")
    await scene.passes(WITHIN)
    answer = await asyncio.wait_for(asking, 5)
    assert (answer.state, answer.may_be_recording) == ("pending", True)
    assert "may also mean that sound is still to come" in answer.problem
    assert "no answer" not in answer.problem

    await scene.passes(timedelta(seconds=31))
    await scene.until(lambda recording: recording.pauses[0].confirmed_at is not None)
    assert (await scene.status()).requests["p1"].state == "confirmed"


async def test_a_withdrawal_is_answered_in_time_and_counts(scene: Scene) -> None:
    await scene.keep(
        requested_by="backend",
        consent_policy="all_parties",
        participants=[ANA],
        pause_on_start=True,
    )
    await scene.until(lambda recording: recording.actual == "paused")
    await scene.signals(names.CONSENT, {"participant": ANA, "given": True})
    await scene.says("resume", requested_by="backend")
    await scene.until(lambda recording: recording.actual == "active")
    scene.service.fails_for("pause", AWAY, timedelta(seconds=30))
    withdrawal = {"participant": ANA, "given": False, "requestedBy": "ivr"}
    asking = asyncio.create_task(scene.handle.execute_update(names.CONSENT, withdrawal))
    await scene.until(lambda recording: recording.is_held)
    await scene.passes(WITHIN)
    with pytest.raises(WorkflowUpdateFailedError) as failed:
        await asyncio.wait_for(asking, 5)
    told = refusal_of(failed.value)
    assert (told.status, told.code, told.owner) == (504, "pause_unconfirmed", "service")
    assert str(told).startswith("the withdrawal counts, and ACS has not confirmed yet")

    await scene.passes(timedelta(minutes=1))
    await scene.until(lambda recording: recording.actual == "paused")
    assert (await scene.recording()).is_held


async def test_a_pause_of_what_is_not_begun_yet_is_answered_in_time(scene: Scene) -> None:
    begins = scene.service.holds("start")
    await scene.keep(requested_by="backend", pause_on_start=True)
    with released(begins):
        await scene.has_asked("start")
        answer = await answered(scene)
        assert (answer.state, answer.may_be_recording) == ("pending", True)
