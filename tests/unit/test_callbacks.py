"""What ACS tells by itself: evidence where it fits, a reading where it does not, never a belief."""

from datetime import timedelta

import pytest

from callvault.contracts.activity_io import ControlResult
from callvault.contracts.events import RecordingStateChanged
from tests.policies import a_policy
from workflows.call import acs_answers, callbacks, silence
from workflows.call.guards import Watchdog

from .call import ALL, SECOND, Call, awaiting, paused_call, recording_call, stopped_call


def tells(call: Call, state: str, *, after: float = 0, **facts: object) -> None:
    """ACS's callback arrives; its own time is ``after`` seconds from now."""
    event = RecordingStateChanged.model_validate(
        {
            "recording": 1,
            "recording_id": "recording-1",
            "state": state,
            "at": call.now + timedelta(seconds=after),
            **facts,
        }
    )
    callbacks.fold(call.life, call.alarms, event, call.ticks())


def test_a_started_recording_is_active_as_soon_as_acs_tells() -> None:
    call = Call().confirms("start")
    confirm = call.is_asked("confirm")
    tells(call, "active")
    assert call.life.is_superseded(confirm), "nothing more is to be read"
    call.gives_up(confirm)
    assert call.recording.state == "recording"
    assert call.next is None


def started_with_callbacks() -> Call:
    call = Call()
    call.life.policy_known(a_policy(callback_url="https://callvault.example"))
    return call.confirms("start")


def test_where_callbacks_come_a_start_is_not_read_at_once() -> None:
    call = started_with_callbacks()
    assert call.next is None
    watchdog = Watchdog(call.life, call.alarms)
    assert watchdog.next_due() == call.now + acs_answers.CALLBACK_TIMEOUT
    tells(call, "active")
    assert call.recording.state == "recording"
    assert call.next is None
    assert watchdog.next_due() is None


def test_a_start_of_which_no_callback_tells_is_read_soon() -> None:
    call = started_with_callbacks()
    Watchdog(call.life, call.alarms).act(call.now + acs_answers.CALLBACK_TIMEOUT)
    call.is_asked("confirm")


def test_a_start_for_which_a_request_waits_is_read_at_once() -> None:
    call = started_with_callbacks()
    call.asks("resume")
    call.is_asked("confirm")


def test_a_pause_does_not_wait_for_a_callback() -> None:
    call = started_with_callbacks()
    call.asks("pause")
    call.is_asked("pause")


def test_a_start_that_is_answered_as_active_has_begun() -> None:
    call = Call()
    call.answers(call.is_asked("start"), "active")
    assert call.recording.state == "recording"
    assert call.next is None
    call.asks("pause")
    call.answers(call.is_asked("pause"))
    assert silence.is_silent(call.recording), "it was seen to record, so that inactive is paused"


def test_the_first_inactive_of_a_start_is_no_news() -> None:
    call = Call().confirms("start")
    tells(call, "inactive")
    assert call.next == "confirm"


def test_a_pause_has_the_evidence_of_a_callback() -> None:
    call = recording_call()
    pause = call.asks("pause", request_id="p1")
    command = call.is_asked("pause")
    tells(call, "inactive")
    at = call.recording.requested_at
    assert pause.notified_at is not None
    assert pause.notified_at > at
    assert pause.state == "pending", "told is not confirmed"
    call.answers(command)
    assert call.recording.pauses[0].notified_at == pause.notified_at


def test_a_callback_after_the_confirmation_is_evidence_too() -> None:
    call = paused_call()
    tells(call, "inactive", after=-1)
    assert call.recording.pauses[0].notified_at is not None
    assert call.next is None


def test_a_callback_from_before_a_pause_is_no_evidence_of_it() -> None:
    call = recording_call()
    pause = call.asks("pause")
    call.confirms("pause")
    tells(call, "inactive", after=-60)
    assert pause.notified_at is None


def test_a_late_callback_costs_a_reading() -> None:
    """G5: by whatever clock it was told."""
    call = paused_call()
    tells(call, "active", after=-60)
    assert call.reads("inactive") is None
    assert call.recording.silence.silent[-1].until is None, "it may be the start's"
    assert call.next is None


def test_what_contradicts_is_read_before_it_is_believed() -> None:
    call = paused_call()
    tells(call, "active", after=10)
    assert call.reads("inactive") is None
    assert call.recording.actual == "paused"
    assert call.next is None


def test_a_recording_that_somebody_else_resumed_is_paused_again() -> None:
    call = paused_call()
    tells(call, "active", after=10)
    assert "although it was paused" in (call.reads("active") or "")
    assert call.recording.pauses[0].resumed_at is not None, "nobody may claim that it went on"
    call.confirms("pause")
    assert call.recording.pauses[1].requested_by == "callvault"
    assert call.next is None


def test_a_recording_that_somebody_else_paused_is_not_resumed_behind_their_back() -> None:
    call = recording_call()
    tells(call, "inactive", after=10)
    assert "nobody here paused it" in (call.reads("inactive") or "")
    assert call.recording.pauses[0].requested_by == "somebody else"
    assert call.next is None
    call.asks("resume")
    call.confirms("resume")
    assert call.recording.state == "recording"


def test_a_recording_that_somebody_else_stopped_is_over() -> None:
    call = recording_call()
    tells(call, "inactive", after=10)
    assert call.reads("gone") is None
    assert call.recording.state == "processing"


def test_d1_the_usual_end_is_nothing_amiss() -> None:
    """Fault D1: everybody hangs up, ACS tells that it does not record, and knows it no more."""
    call = recording_call()
    tells(call, "inactive", after=10)
    assert call.reads("gone") is None
    assert call.recording.problem == ""
    assert "no longer knew" not in call.timeline


def test_a_stop_that_was_asked_during_the_reading_stays() -> None:
    call = recording_call()
    tells(call, "inactive", after=10)
    command = call.is_asked("read")
    call.asks("stop")
    assert call.reads("inactive", command) is None
    assert (call.recording.wanted, call.next) == ("stopped", "stop")


def test_a_doubt_ends_with_the_next_confirmation() -> None:
    call = recording_call()
    tells(call, "inactive", after=10)
    call.asks("pause")
    call.confirms("pause")
    assert call.next is None


def test_a_start_that_failed_after_it_was_accepted_has_failed() -> None:
    call = Call(request_id="s1").confirms("start")
    tells(call, "", problem="500/9999: the recording could not be started")
    assert call.recording.state == "failed_to_start"
    assert "could not be started" in call.recording.problem
    assert call.life.is_over


def test_what_records_did_not_fail_to_start() -> None:
    call = recording_call()
    tells(call, "", problem="500/9999")
    assert call.recording.state == "recording"


@pytest.mark.parametrize(
    "facts", [{"recording": 7, "recording_id": "nobody's"}, {"recording_id": "of-another-call"}]
)
def test_a_callback_about_something_else_is_noted(facts: dict[str, object]) -> None:
    call = paused_call()
    tells(call, "active", after=10, **facts)
    assert call.next is None
    assert "of no use" in call.timeline


def test_nothing_that_is_over_is_brought_back() -> None:
    call = stopped_call()
    tells(call, "active", after=10)
    assert call.recording.actual == "stopped"
    assert call.next is None


def test_an_id_that_is_told_before_the_start_is_answered_is_kept() -> None:
    call = Call()
    start = call.is_asked("start")
    tells(call, "inactive")
    assert call.recording.callback_recording_id == "recording-1"
    call.answers(start)
    assert call.recording.recording_id == "recording-1"


def test_a_pause_that_was_asked_during_the_reading_has_its_answer() -> None:
    call = recording_call()
    tells(call, "inactive", after=10)
    command = call.is_asked("read")
    pause = call.asks("pause")
    call.reads("inactive", command)
    assert (pause.state, call.next) == ("confirmed", None)


def test_a_resume_that_was_asked_during_the_reading_finds_the_recording_going_on() -> None:
    call = paused_call()
    tells(call, "active", after=10)
    command = call.is_asked("read")
    resume = call.asks("resume")
    # It is told all the same: no resume of ours was sent when it recorded.
    assert call.reads("active", command) == "ACS recorded, although it was paused"
    assert (resume.state, call.next, call.recording.wanted) == ("confirmed", None, "active")


def test_a_held_recording_that_somebody_else_resumed_is_held_again_and_goes_on_with_consent() -> (
    None
):
    call = Call(consent_policy="any_party")
    call.joins("ana")
    call.agrees("ana")
    call.confirms("start", "confirm")
    call.withdraws("ana")
    call.confirms("pause")
    tells(call, "active", after=10)
    assert "although it was paused" in (call.reads("active") or "")
    call.confirms("pause")
    assert call.recording.pauses[-1].requested_by == "consent-gate"
    call.agrees("ana")
    call.confirms("resume")
    assert call.recording.actual == "active"


@pytest.mark.parametrize(("told_state", "next_operation"), [("active", "read"), ("inactive", None)])
def test_a_recording_that_is_told_to_sound_before_its_paused_start_is_answered_is_read(
    told_state: str, next_operation: str | None
) -> None:
    call = Call(pause_on_start=True)
    start = call.is_asked("start")
    tells(call, told_state)
    call.answers(start)
    assert (call.next, call.recording.actual) == (next_operation, "paused")


def test_a_recording_that_did_not_begin_paused_is_paused() -> None:
    call = Call(pause_on_start=True)
    start = call.is_asked("start")
    tells(call, "active")
    call.answers(start)
    assert "although it was paused" in (call.reads("active") or "")
    assert call.next == "pause"


def test_a_start_that_has_begun_after_all_is_not_over_with_the_end_of_its_call() -> None:
    """It counted as silent, and was asked to stop: the call's end had been told meanwhile."""
    call = Call()
    start = call.is_asked("start")
    acs_answers.failed(call.life, start, "no answer", call.ticks(), is_denied=False)
    tells(call, "active")
    call.is_asked("adopt")
    call.ends()
    acs_answers.has_begun(call.life, call.recording, "recording-1", call.ticks())
    assert call.life.may_record(call.recording)
    assert call.next == "stop"


def test_a_pause_ends_where_a_callback_has_taken_its_silence_back() -> None:
    """Its record went on claiming it, though the account did not."""
    call = paused_call()
    [pause] = call.recording.pauses
    assert pause.confirmed_at is not None
    for after in range(3):
        tells(call, "active", after=after)
    assert call.recording.silence.silent == []
    assert pause.resumed_at == pause.confirmed_at
    told = [each.alarm.what for each in call.life.status.alarms]
    assert any("ACS told that it recorded, although it was paused" in each for each in told)


def test_sound_that_is_read_while_acs_is_asked_for_something_is_no_secret() -> None:
    """What was asked found it paused again, and the claim stood."""
    call = paused_call()
    tells(call, "active")
    assert call.is_asked("read")
    at = call.ticks()
    seen = ControlResult(recording_id="recording-1", state="active", read_at=at, received_at=at)
    said = callbacks.observed_meanwhile(call.life, call.recording, seen, at)
    assert said == "ACS recorded, although it was paused"
    assert not silence.is_silent(call.recording)
    assert call.recording.actual == "paused", "the answer tells what is the case now"


@pytest.mark.parametrize("is_before_the_resume", [True, False])
@pytest.mark.parametrize("is_answered", [True, False])
def test_sound_that_was_read_in_a_silence_is_no_secret_once_that_is_over(
    is_before_the_resume: bool, is_answered: bool
) -> None:
    """The claim stood, as it had ended by the time the answer was heard of."""
    call = paused_call()
    [pause] = call.recording.pauses
    sent_at = call.ticks()
    received_at = call.ticks() if is_before_the_resume else sent_at + 5 * SECOND
    call.asks("resume")
    resume = call.is_asked("resume")
    if is_answered:
        call.answers(resume, "active")
    seen = ControlResult(
        recording_id="recording-1", state="active", read_at=sent_at, received_at=received_at
    )
    fold = callbacks.observed if is_answered else callbacks.observed_meanwhile
    said = fold(call.life, call.recording, seen, call.ticks())
    # Else the resume may be what was read: nobody knows.
    assert (said == "ACS recorded, although it was paused") is is_before_the_resume
    account = call.recording.silence
    assert account.silent == []
    assert pause.resumed_at == pause.confirmed_at
    doubt = account.unconfirmed[-1]
    assert (doubt.until or received_at) > received_at - 5 * SECOND
    assert doubt.is_finding is is_before_the_resume


@pytest.mark.parametrize(("took", "is_again"), [(0.5, False), (0.6, True)])
def test_silence_that_a_slow_reading_proved_is_read_again_at_once(
    took: float, is_again: bool
) -> None:
    """Somebody else had resumed as its answer was on its way (listening, seed 1, call 367)."""
    call = recording_call()
    call.asks("pause")
    pause = call.is_asked("pause")
    sent_at = call.ticks()
    received_at = sent_at + took * SECOND
    outcome = ControlResult(
        recording_id="recording-1", state="inactive", read_at=sent_at, received_at=received_at
    )
    acs_answers.answered(call.life, pause, outcome, call.ticks())
    assert call.recording.silence.silent[-1].since == received_at
    assert call.next == ("read" if is_again else None)
    if is_again:
        # Once: what is read now is as good as it gets.
        read = call.is_asked("read")
        late = outcome.model_copy(
            update={"read_at": received_at, "received_at": received_at + 2 * SECOND}
        )
        acs_answers.answered(call.life, read, late, call.ticks())
        callbacks.observed(call.life, call.recording, late, call.ticks())
        assert call.next is None


def test_a_silence_that_a_slow_reading_finds_is_read_again_at_once() -> None:
    call = recording_call()
    call.asks("pause")
    pause = call.is_asked("pause")
    acs_answers.given_up(call.life, pause, call.ticks())
    sent_at = call.ticks()
    seen = ControlResult(
        recording_id="recording-1",
        state="inactive",
        read_at=sent_at,
        received_at=sent_at + SECOND,
    )
    callbacks.observed(call.life, call.recording, seen, call.now + SECOND)
    assert call.recording.needs_read


def test_sound_of_a_silence_takes_no_later_one_back() -> None:
    call = paused_call()
    sent_at, received_at = call.ticks(), call.ticks()
    call.asks("resume")
    call.confirms("resume")
    call.asks("pause")
    call.confirms("pause")
    [_, later] = call.recording.silence.silent
    seen = ControlResult(
        recording_id="recording-1", state="active", read_at=sent_at, received_at=received_at
    )
    callbacks.observed(call.life, call.recording, seen, call.ticks())
    assert call.recording.silence.silent == [later]
    assert [pause.resumed_at is None for pause in call.recording.pauses] == [False, True]


def test_what_acs_told_to_record_was_not_declined() -> None:
    call = awaiting(ALL, "ana").confirms("start")
    tells(call, "active")
    call.reads("inactive")
    call.ends()
    call.confirms("stop")
    assert (call.recording.state, call.recording.declined) == ("processing", "")
