"""Does ACS do what the signals and updates ask, in every order, with the fewest calls?"""

import asyncio
import threading
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowFailureError, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from callvault.contracts import names
from callvault.contracts.activity_io import QUICK_ATTEMPT_TIMEOUT
from callvault.errors import AlreadyRecording, InvalidRequest, NotReady, StateConflict, Unavailable
from tests.patience import WAIT

from .scene import Scene, chunk, released


async def test_a_call_is_recorded_paused_resumed_stopped_and_archived(scene: Scene) -> None:
    await scene.recorded()
    await scene.asks("pause", requested_by="agent-7", reason="card number", request_id="p1")
    assert (await scene.recording()).state == "paused"
    await scene.asks("resume", requested_by="agent-7", request_id="r1")
    await scene.asks("stop", requested_by="agent-7", request_id="s1")
    await scene.announced(chunk())

    result = await scene.result()

    assert result.outcome == "archived"
    assert scene.service.control_calls() == ["start", "pause", "resume", "stop"]
    pause = result.recordings[0].pauses[0]
    assert (pause.requested_by, pause.reason) == ("agent-7", "card number")
    assert pause.requested_at <= pause.confirmed_at <= (pause.resumed_at or pause.requested_at)
    assert scene.archived() == {scene.service.content(chunk()["contentLocation"])}


async def test_signals_do_the_same_as_updates(scene: Scene) -> None:
    await scene.recorded()
    for operation in ("pause", "resume", "stop"):
        await scene.says(operation, requested_by="agent-7")
        await scene.until(
            lambda recording, operation=operation: (
                recording.actual
                == {"pause": "paused", "resume": "active", "stop": "stopped"}[operation]
            )
        )
    assert scene.service.control_calls() == ["start", "pause", "resume", "stop"]


async def test_a_repeated_request_changes_nothing(scene: Scene) -> None:
    await scene.recorded()
    await scene.asks("pause", request_id="p1", requested_by="agent-7")
    first = await scene.asks("resume", request_id="r1", requested_by="agent-7")
    again = await scene.asks("resume", request_id="r1", requested_by="agent-7")

    assert again == first
    assert (await scene.recording()).actual == "active"
    assert scene.service.control_calls() == ["start", "pause", "resume"]


async def test_a_pause_under_an_id_that_was_used_before_is_carried_out(scene: Scene) -> None:
    """Fault G10: Temporal knew the update by the id alone, and the workflow the request."""
    await scene.recorded()
    for _ in range(2):
        pause = await scene.asks("pause", request_id="1", requested_by="agent-7")
        assert pause.state == "confirmed"
        assert scene.service.recordings["recording-1"] == "inactive"
        resume = await scene.asks("resume", requested_by="agent-7")
        assert resume.state == "confirmed"
    other = await scene.asks("pause", request_id="1", requested_by="agent-8", reason="diagnosis")
    assert (other.requested_by, other.reason) == ("agent-8", "diagnosis")
    assert scene.service.recordings["recording-1"] == "inactive"


async def test_a_resume_under_the_id_of_another_request_is_refused_with_a_type_of_its_own(
    scene: Scene,
) -> None:
    await scene.recorded()
    await scene.asks("pause", request_id="1", requested_by="agent-7")
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await scene.asks("resume", request_id="1", requested_by="agent-7")
    assert isinstance(refused.value.cause, ApplicationError)
    assert refused.value.cause.type == names.REQUEST_ID_REUSED
    assert (await scene.recording()).actual == "paused"


async def test_everybody_resumes_for_themselves_and_force_is_told(scene: Scene) -> None:
    await scene.recorded()
    await scene.asks("pause", requested_by="ana", reason="card number")
    await scene.asks("pause", requested_by="ben", reason="diagnosis")
    resume = await scene.asks("resume", requested_by="ana")
    assert (resume.state, [each.requested_by for each in resume.held_by]) == (
        "superseded",
        ["ben"],
    )
    assert scene.service.recordings["recording-1"] == "inactive"
    forced = await scene.asks("resume", requested_by="ana", force=True, request_id="f")
    again = await scene.asks("resume", requested_by="ana", force=True, request_id="f")
    assert (forced.state, again) == ("confirmed", forced)
    [alarm] = (await scene.status()).alarms
    assert (alarm.alarm.kind, alarm.alarm.severity) == ("pause_forced", "warning")
    assert "still paused by ben" in alarm.alarm.what


async def test_requests_that_cancel_each_other_out_cost_no_call(scene: Scene) -> None:
    gate = scene.service.holds("start")
    with released(gate):
        await scene.keep()
        await scene.has_asked("start")
        await scene.says("pause", request_id="p1")
        await scene.says("resume", request_id="r1")
        await scene.until(lambda recording: recording.wanted == "active")
    await scene.until(lambda recording: recording.actual == "active")

    assert scene.service.control_calls() == ["start"]
    assert (await scene.status()).requests["p1"].state == "superseded"
    assert (await scene.status()).requests["r1"].state == "confirmed"


async def test_a_pause_asked_while_starting_is_not_forgotten(scene: Scene) -> None:
    gate = scene.service.holds("start")
    with released(gate):
        await scene.keep()
        await scene.has_asked("start")
        await scene.says("pause", request_id="p1")
    await scene.until(lambda recording: recording.actual == "paused")
    assert scene.service.control_calls() == ["start", "pause"]


async def test_a_stop_overtakes_a_pause_that_acs_refuses_to_answer(scene: Scene) -> None:
    await scene.recorded()
    scene.service.fails("pause", Unavailable("ACS is away"), times=1_000)
    await scene.says("pause", request_id="p1")
    await scene.has_asked("pause", times=2)
    stopped = await scene.asks("stop", request_id="s1")

    assert stopped.state == "confirmed"
    assert (await scene.status()).requests["p1"].state == "superseded"


async def test_a_resume_after_an_unconfirmed_pause_is_asked_all_the_same(scene: Scene) -> None:
    """The pause may have arrived though its answer did not: only asking again makes sure."""
    await scene.recorded()
    scene.service.fails("pause", Unavailable("ACS is away"), times=1_000)
    await scene.says("pause")
    await scene.has_asked("pause")
    await scene.asks("resume")

    assert scene.service.control_calls()[-1] == "resume"


async def test_a_stop_is_final(scene: Scene) -> None:
    await scene.recorded()
    await scene.asks("stop")
    for operation in ("pause", "resume"):
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await scene.asks(operation)
        assert "a stop is final" in str(refused.value.cause)
    await scene.says("resume", request_id="too-late")
    noted = (await scene.status()).requests["too-late"]
    assert noted.state == "failed"
    assert "a stop is final" in noted.problem
    assert scene.service.control_calls() == ["start", "stop"]


async def test_a_conflict_is_settled_by_reading_the_state(scene: Scene) -> None:
    await scene.recorded()
    await scene.asks("pause")
    scene.service.fails("resume", StateConflict("method not allowed", code="8573"), times=1)
    resumed = await scene.asks("resume")
    assert resumed.state == "confirmed"
    assert (await scene.recording()).actual == "active"


async def test_a_call_that_is_still_connecting_is_recorded_once_it_is_established(
    scene: Scene,
) -> None:
    not_established = NotReady("not in Established state", status=400, code="8501")
    scene.service.fails("start", not_established, times=2)
    await scene.recorded()
    assert scene.service.control_calls() == ["start"] * 3
    assert len(scene.service.starts) == 1


async def test_a_start_repeated_after_a_lost_answer_starts_one_recording(scene: Scene) -> None:
    scene.service.fails("get_state", Unavailable("away"), times=1)
    await scene.recorded()
    assert len(scene.service.starts) == 1


async def test_a_start_that_acs_refuses_for_good_ends_the_workflow_with_the_reason(
    scene: Scene,
) -> None:
    refusal = AlreadyRecording("Only one recording of a given type is supported.", code="8553")
    scene.service.fails("start", refusal, times=1)
    await scene.keep()
    result = await scene.result()
    assert result.outcome == "failed_to_start"
    assert "Only one recording" in result.recordings[0].problem


async def test_a_recording_that_runs_already_and_is_ours_is_adopted(scene: Scene) -> None:
    """ACS told its id to the address of this very recording: only our own start did that."""
    occupied = AlreadyRecording("Only one recording of a given type is supported.", code="8553")
    scene.service.fails("start", occupied, times=1)
    scene.service.recordings["recording-9"] = "active"
    scene.service.owners["recording-9"] = True
    await scene.keep(request_id="s1")
    await scene.has_asked("start")
    await scene.signals(
        names.RECORDING_STATE_CHANGED,
        {"recording": 1, "recordingId": "recording-9", "state": "inactive", "at": "2026-01-01"},
    )
    await scene.until(lambda recording: recording.actual == "active")
    record = (await scene.status()).requests["s1"]
    assert (record.state, record.recording_id) == ("confirmed", "recording-9")
    await scene.asks("pause")
    assert scene.service.recordings["recording-9"] == "inactive"


async def test_an_adopted_recording_that_should_have_begun_paused_is_read_and_paused(
    scene: Scene,
) -> None:
    """It was begun by a start that nobody heard of again, when something else was wanted."""
    occupied = AlreadyRecording("Only one recording of a given type is supported.", code="8553")
    scene.service.fails("start", occupied, times=1)
    scene.service.recordings["recording-9"] = "active"
    scene.service.owners["recording-9"] = True
    await scene.keep(pause_on_start=True)
    await scene.has_asked("start")
    await scene.signals(
        names.RECORDING_STATE_CHANGED,
        {"recording": 1, "recordingId": "recording-9", "state": "inactive", "at": "2026-01-01"},
    )
    await scene.has_asked("pause")
    await scene.until(lambda recording: recording.actual == "paused")
    assert scene.service.recordings["recording-9"] == "inactive"


async def test_h6_a_reading_that_hangs_holds_up_nothing(scene: Scene) -> None:
    """Neither a pause, which reached ACS ten seconds late, nor the end."""
    gate = scene.service.holds("get_state")
    with released(gate):
        await scene.keep()
        await scene.has_asked("get_state")
        await scene.says("pause")
        await scene.has_asked("pause")
        failed = {
            "recording": 1,
            "recordingId": "recording-1",
            "problem": "500",
            "at": "2026-01-01",
        }
        await scene.asks("stop")
        await scene.signals(names.RECORDING_STATE_CHANGED, failed)
        await scene.until(lambda recording: recording.actual == "stopped")


async def test_a_stop_that_acs_accepts_without_effect_is_asked_again(scene: Scene) -> None:
    await scene.recorded()
    scene.service.lags("stop", reads=1)
    assert (await scene.asks("stop")).state == "confirmed"
    assert scene.service.recordings == {}
    assert scene.service.control_calls() == ["start", "stop", "stop"]


async def test_a_recording_that_acs_takes_a_while_to_forget_does_not_fail_the_next(
    scene: Scene,
) -> None:
    await scene.recorded()
    await scene.asks("stop")
    occupied = AlreadyRecording("Only one recording of a given type is supported.", code="8553")
    scene.service.fails("start", occupied, times=1)
    await scene.says("start")
    await scene.passes(timedelta(seconds=10))
    await scene.until(lambda recording: recording.actual == "active", number=2)


async def test_what_acs_accepted_is_read_until_it_shows_and_not_asked_twice(scene: Scene) -> None:
    await scene.recorded()
    scene.service.lags("pause", reads=2)
    record = await scene.asks("pause", request_id="p1")
    assert record.accepted_at is not None
    assert record.settled_at is not None
    assert record.requested_at <= record.accepted_at <= record.settled_at
    assert scene.service.control_calls() == ["start", "pause"]
    assert (await scene.recording()).pauses[0].accepted_at == record.accepted_at


async def test_what_acs_accepted_without_effect_is_asked_again(scene: Scene) -> None:
    await scene.recorded()
    scene.service.lags("pause", reads=100)
    await scene.asks("pause")
    assert scene.service.control_calls() == ["start", "pause", "pause"]


async def test_g35_a_stop_that_acs_refuses_for_good_is_alarmed_and_asked_for_again(
    scene: Scene,
) -> None:
    await scene.recorded()
    scene.service.fails("stop", InvalidRequest("no"), times=3)
    await scene.says("stop", request_id="s1")
    recording = await scene.until(lambda recording: recording.refusals == 1)
    assert recording.actual != "stopped"
    record = (await scene.status()).requests["s1"]
    assert (record.state, record.may_be_recording) == ("failed", True)
    await scene.passes(timedelta(minutes=1))
    await scene.until(lambda recording: recording.actual == "stopped")
    [alarm] = (await scene.status()).alarms
    assert "may record on: it is asked again" in alarm.alarm.what
    assert scene.service.control_calls() == ["start"] + ["stop"] * 4


async def test_what_acs_does_at_once_is_asked_once(scene: Scene) -> None:
    """By the quick attempt alone: no activity with patience follows it."""
    await scene.recorded()
    for operation in ("pause", "resume", "stop"):
        await scene.asks(operation)
        if operation == "pause":
            await scene.asks(operation)
    history = await scene.handle.fetch_history()
    scheduled = [
        event.activity_task_scheduled_event_attributes
        for event in history.events
        if event.HasField("activity_task_scheduled_event_attributes")
    ]
    asked = [a for a in scheduled if a.retry_policy.maximum_attempts == 1]
    assert [a.activity_type.name for a in asked] == [
        "pause_recording",
        # The second pause is confirmed by a reading.
        "read_state",
        "resume_recording",
        "stop_recording",
    ]
    assert all(a.start_to_close_timeout.ToTimedelta() == QUICK_ATTEMPT_TIMEOUT for a in asked)
    others = [a.activity_type.name for a in scheduled if a not in asked]
    # The last one reads what should be silent, now and then, for as long as it should.
    assert others == [
        *("begin_run", "start_recording", "confirm_active", "poll_state"),
    ]


async def test_a_recording_that_somebody_else_resumed_is_paused_again_and_alarmed(
    scene: Scene,
) -> None:
    await scene.recorded()
    await scene.asks("pause")
    scene.service.recordings["recording-1"] = "active"
    at = (await scene.recording()).known_at
    assert at is not None
    await scene.signals(
        names.RECORDING_STATE_CHANGED,
        {
            "recording": 1,
            "recordingId": "recording-1",
            "state": "active",
            "at": (at + timedelta(seconds=1)).isoformat(),
        },
    )
    await scene.until(lambda r: len(r.pauses) == 2 and r.pauses[-1].confirmed_at is not None)
    assert scene.service.recordings["recording-1"] == "inactive"
    [alarm] = (await scene.status()).alarms
    assert (alarm.alarm.kind, alarm.alarm.severity) == ("state_unexpected", "critical")


async def test_g20_a_start_whose_id_acs_has_told_is_stopped_without_waiting_for_its_answer(
    scene: Scene,
) -> None:
    """Its answers were lost: it recorded on, for 12 s after consent was withdrawn."""
    scene.service.loses_answers("start", Unavailable("the answer is lost"), times=1_000)
    await scene.keep()
    await scene.has_asked("start")
    await scene.signals(names.RECORDING_STATE_CHANGED, told_active())
    await scene.says("pause", requested_by="agent", request_id="p1")
    await scene.has_asked("pause")
    assert scene.service.recordings["recording-1"] == "inactive"
    await scene.passes(timedelta(minutes=2))
    assert (await scene.status()).requests["p1"].state == "confirmed"
    await scene.asks("stop")
    assert "recording-1" not in scene.service.recordings


async def test_g20_a_start_that_was_given_up_is_looked_for_and_stopped(scene: Scene) -> None:
    """A start without an answer is taken for one that did not begin."""
    scene.service.loses_answers("start", Unavailable("the answer is lost"), times=1_000)
    await scene.keep()
    await scene.passes(timedelta(minutes=11))
    recording = await scene.until(lambda recording: recording.state == "failed_to_start")
    assert recording.sound.over_at is None, "nobody knows"
    await scene.signals(names.RECORDING_STATE_CHANGED, told_active())
    await scene.has_asked("stop")
    await scene.until(lambda recording: recording.actual == "stopped")
    assert "recording-1" not in scene.service.recordings
    alarms = [record.alarm for record in (await scene.status()).alarms]
    assert any("has begun all the same" in alarm.what for alarm in alarms)


def told_active() -> dict[str, Any]:
    return {
        "recording": 1,
        "recordingId": "recording-1",
        "state": "active",
        "at": "2026-01-01",
        "isSigned": True,
    }


async def test_a_start_that_never_succeeds_is_given_up_after_ten_minutes(scene: Scene) -> None:
    scene.service.fails("start", Unavailable("away"), times=10_000)
    await scene.keep()
    result = await scene.result()
    assert result.outcome == "failed_to_start"
    assert "away" in result.recordings[0].problem


async def test_a_recording_that_begins_paused_keeps_the_evidence(scene: Scene) -> None:
    await scene.keep(pause_on_start=True, requested_by="ivr", reason="consent first")
    recording = await scene.until(lambda recording: recording.actual == "paused")
    assert recording.pauses[0].reason == "consent first"
    assert recording.pauses[0].confirmed_at is None, "it may be starting"
    await scene.passes(timedelta(minutes=1))
    recording = await scene.until(lambda recording: recording.pauses[0].confirmed_at is not None)
    [interval] = recording.silence.unconfirmed
    assert not interval.is_finding, "it takes ACS a while to start"
    await scene.asks("resume", requested_by="ivr")
    assert (await scene.recording()).pauses[0].resumed_at is not None


async def test_the_end_of_the_call_stops_the_recording(scene: Scene) -> None:
    await scene.recorded()
    await scene.asks("pause")
    await scene.signals(names.CALL_ENDED, {"reason": "everybody left"})
    await scene.until(lambda recording: recording.actual == "stopped")
    await scene.announced(chunk())
    assert (await scene.result()).outcome == "archived"


async def test_a_recording_that_acs_ended_by_itself_is_over(scene: Scene) -> None:
    await scene.recorded()
    scene.service.recordings.clear()
    await scene.says("pause", request_id="p1")
    recording = await scene.until(lambda recording: recording.actual == "stopped")
    assert "no longer knew" in recording.problem
    await scene.announced(chunk())
    assert (await scene.result()).outcome == "archived"


async def test_another_recording_can_be_started_while_the_first_is_archived(scene: Scene) -> None:
    await scene.recorded()
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await scene.asks("start", request_id="too-early")
    assert "stop it before starting another" in str(refused.value.cause)
    await scene.asks("stop")
    await scene.asks("start", request_id="second")
    await scene.until(lambda recording: recording.actual == "active", number=2)
    await scene.asks("stop", request_id="s2")
    await scene.announced(chunk(document="doc-of-2"), recording=2)
    await scene.announced(chunk(document="doc-of-1"), recording=1)

    result = await scene.result()

    assert [r.state for r in result.recordings] == ["archived", "archived"]
    assert [r.chunks[0].document_id for r in result.recordings] == ["doc-of-1", "doc-of-2"]


async def test_an_unreadable_signal_is_noted_and_changes_nothing(scene: Scene) -> None:
    await scene.recorded()
    await scene.signals("resume", "please")
    await scene.signals(names.FILE_STATUS_UPDATED, {"data": {}, "subject": "/recording/call/c"})
    await scene.asks("stop")
    notes = [entry.what for entry in (await scene.status()).timeline]
    assert any(note.startswith("resume could not be read") for note in notes)
    assert any(note.startswith("file_status_updated could not be read") for note in notes)


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        ({"serverCallId": ""}, "serverCallId: "),
        ({"serverCallId": "has a space"}, "serverCallId: "),
        ({"serverCallId": "x" * 3_000}, "serverCallId: "),
        (
            {"serverCallId": "c", "recordingFormatType": "mp4", "recordingContentType": "audio"},
            "choose one of",
        ),
        ({"server_call_id": "c", "recordingChannelType": "unmixed"}, "choose one of"),
        ({"server_call_id": "c", "resource": "nowhere"}, "nowhere"),
    ],
)
async def test_a_bad_request_fails_with_a_sentence(
    scene: Scene, request_: dict[str, str], sentence: str
) -> None:
    client = scene.environment.client
    handle = await client.start_workflow(
        names.WORKFLOW_TYPE,
        {"resource": scene.resource, **request_},
        id=f"bad-{scene.resource}",
        task_queue=names.CONTROL_QUEUE,
        execution_timeout=timedelta(minutes=1),
    )
    with pytest.raises(WorkflowFailureError) as failed:
        await handle.result()
    assert isinstance(failed.value.cause, ApplicationError)
    assert failed.value.cause.type == "InvalidRequest"
    assert sentence in failed.value.cause.message


class HangingWebhook:
    """It takes what is announced, and does not answer."""

    def __init__(self) -> None:
        self.asked = threading.Semaphore(0)
        self.answers = threading.Event()

    def post(self, _event: dict[str, Any], _message_id: str, timeout: float) -> None:
        self.asked.release()
        self.answers.wait(2 * timeout)


@pytest.mark.slow("sixty calls wait for a webhook")
async def test_a_pause_does_not_wait_behind_webhooks_that_do_not_answer(scene: Scene) -> None:
    """There are more of them than there are threads for the control of recordings."""
    await scene.recorded()
    webhook = HangingWebhook()
    waiting = [Scene(scene.environment, scene.world) for _ in range(60)]
    with released(webhook.answers):
        for each in waiting:
            scene.world.webhooks[each.resource] = webhook
            await each.keep()
        for _ in waiting:
            assert await asyncio.to_thread(webhook.asked.acquire, timeout=WAIT)
        record = await asyncio.wait_for(scene.asks("pause"), WAIT)
        assert record.state == "confirmed"
        assert not record.is_overdue
