"""What is wanted, what is actual, and what ACS is asked: every order of requests and answers."""

from datetime import timedelta

import pytest

from callvault.contracts.activity_io import ControlResult
from callvault.contracts.requests import CallEnded, ControlRequest, StartRequest
from workflows.call import acs_answers, takeover
from workflows.call.alarms import Alarms
from workflows.call.commands import Operation
from workflows.call.guards import Watchdog
from workflows.call.lifecycle import MAX_TIMELINE
from workflows.call.silence import ARRIVAL_TIMEOUT, STARTING_TIMEOUT

from .call import (
    NOON,
    SECOND,
    Call,
    chunk,
    more,
    paused_call,
    recording_call,
    stopped_call,
)

# One request after the other.


def test_a_recording_is_started_and_counts_as_active_only_once_acs_says_so() -> None:
    call = Call(request_id="s1")
    assert call.recording.state == "starting"
    call.confirms("start")
    assert call.recording.actual == "starting"
    assert call.life.status.requests["s1"].state == "confirmed"
    call.confirms("confirm")
    assert call.recording.state == "recording"
    assert call.recording.was_active
    assert call.next is None


def test_pause_and_resume_leave_evidence() -> None:
    call = recording_call()
    pause = call.asks("pause", requested_by="agent", reason="card number")
    call.confirms("pause")
    assert (pause.state, call.recording.state) == ("confirmed", "paused")
    resume = call.asks("resume", requested_by="agent")
    call.confirms("resume")
    assert (resume.state, call.recording.state) == ("confirmed", "recording")
    [evidence] = call.recording.pauses
    assert (evidence.requested_by, evidence.reason) == ("agent", "card number")
    assert evidence.requested_at == pause.requested_at
    assert evidence.requested_at < evidence.confirmed_at < (evidence.resumed_at or NOON)


@pytest.mark.parametrize("seconds", [-60, 0.5, 60])
def test_acs_never_seems_to_accept_before_it_was_asked_or_after_it_was_seen_to_obey(
    seconds: float,
) -> None:
    """The clocks of activities and workflows differ."""
    call = recording_call()
    record = call.asks("pause")
    command = call.is_asked("pause")
    outcome = ControlResult(
        recording_id="recording-1",
        state="inactive",
        accepted_at=record.requested_at + timedelta(seconds=seconds),
    )
    acs_answers.answered(call.life, command, outcome, call.ticks())
    assert record.accepted_at is not None
    assert record.settled_at is not None
    assert record.requested_at <= record.accepted_at <= record.settled_at
    assert call.recording.pauses[0].accepted_at == record.accepted_at


def test_h3_a_pause_of_what_is_paused_is_confirmed_by_a_reading() -> None:
    """Never from memory: somebody else may have resumed it meanwhile."""
    call = paused_call()
    again = call.asks("pause", requested_by="supervisor")
    assert again.state == "pending"
    assert call.reads("inactive") is None
    assert again.state == "confirmed"
    assert call.next is None
    assert [pause.requested_by for pause in call.recording.pauses] == ["agent", "supervisor"]


def test_a_pause_of_what_is_paused_is_asked_for_anew_if_the_reading_fails() -> None:
    call = paused_call()
    call.asks("pause", requested_by="robot")
    call.refuses(call.is_asked("read"))
    assert call.recording.actual == "unknown"
    assert call.next == "pause", "nothing proves that it still is paused"


def test_what_is_to_record_is_not_asked_to_resume_because_a_reading_fails() -> None:
    call = recording_call()
    takeover.doubt(call.recording)
    call.refuses(call.is_asked("read"))
    assert (call.recording.actual, call.next) == ("active", None)


def test_each_of_two_pauses_in_a_row_has_its_evidence() -> None:
    call = recording_call()
    first = call.asks("pause", requested_by="agent")
    command = call.is_asked("pause")
    second = call.asks("pause", requested_by="supervisor")
    call.answers(command)
    assert (first.state, second.state) == ("confirmed", "confirmed")
    assert [(each.requested_by, each.requested_at) for each in call.recording.pauses] == [
        ("agent", first.requested_at),
        ("supervisor", second.requested_at),
    ]


def test_resuming_what_records_asks_nothing_and_is_confirmed_at_once() -> None:
    call = recording_call()
    assert call.asks("resume").state == "confirmed"
    assert call.next is None


def test_a_recording_that_stops_while_paused_keeps_its_pause_open() -> None:
    call = paused_call()
    call.asks("stop")
    call.confirms("stop")
    assert call.recording.pauses[0].resumed_at is None
    assert call.recording.state == "processing"


# Requests that cancel each other out.


def test_pause_and_resume_before_acs_was_asked_cost_no_call() -> None:
    call = recording_call()
    pause = call.asks("pause")
    resume = call.asks("resume")
    assert call.next is None
    assert (pause.state, resume.state) == ("superseded", "confirmed")
    assert call.confirmed_pauses == []


def test_resume_and_pause_before_acs_was_asked_cost_no_call() -> None:
    call = paused_call()
    resume = call.asks("resume")
    pause = call.asks("pause")
    assert call.reads("inactive") is None
    assert call.next is None
    assert (resume.state, pause.state) == ("superseded", "confirmed")
    assert [each.is_open for each in call.recording.pauses] == [False, True]


def test_a_stop_before_the_start_was_asked_costs_no_call_and_leaves_nothing() -> None:
    call = Call(request_id="s1")
    stop = call.asks("stop")
    assert call.next is None
    assert call.recording.state == "empty"
    assert call.life.status.requests["s1"].state == "superseded"
    assert stop.state == "confirmed"
    assert call.life.is_over


def test_a_pause_before_the_start_was_asked_starts_paused() -> None:
    call = Call(request_id="s1")
    pause = call.asks("pause", requested_by="agent")
    assert call.life.status.requests["s1"].state == "pending"
    command = call.is_asked("start")
    assert command.pause_on_start
    call.answers(command)
    assert call.recording.state == "paused"
    assert call.life.status.requests["s1"].state == "confirmed"
    assert pause.state == "pending", "it may be starting all the same"
    call.polls("inactive", STARTING_TIMEOUT)
    assert pause.state == "confirmed"
    assert call.recording.pauses[0].requested_by == "agent"


# While ACS is being asked.


def test_a_pause_while_starting_follows_the_start() -> None:
    call = Call()
    start = call.is_asked("start")
    pause = call.asks("pause", requested_by="agent")
    assert not call.life.is_superseded(start), "a start is never given up half-way"
    call.answers(start)
    assert pause.state == "pending"
    call.confirms("pause")
    assert pause.state == "pending", "ACS reports what is starting and what is paused alike"
    call.polls("inactive", STARTING_TIMEOUT)
    assert pause.state == "confirmed"
    assert call.recording.pauses[0].requested_at == pause.requested_at


def test_a_pause_takes_the_place_of_waiting_for_the_recording_to_become_active() -> None:
    call = Call().confirms("start")
    confirm = call.is_asked("confirm")
    call.asks("pause")
    assert call.life.is_superseded(confirm)
    call.gives_up(confirm)
    call.confirms("pause")
    assert call.recording.state == "paused"


def test_a_stop_while_starting_follows_the_start_at_once() -> None:
    call = Call(request_id="s1")
    start = call.is_asked("start")
    stop = call.asks("stop")
    assert call.recording.state == "stopping"
    call.answers(start)
    call.confirms("stop")
    assert stop.state == "confirmed"
    assert call.life.status.requests["s1"].state == "confirmed"
    assert call.recording.recording_id == "recording-1"
    assert call.next is None


def test_a_request_superseded_in_flight_waits_for_the_answer_and_the_last_word_wins() -> None:
    call = recording_call()
    pause = call.asks("pause")
    command = call.is_asked("pause")
    resume = call.asks("resume")
    assert call.life.is_superseded(command)
    assert (pause.state, resume.state) == ("pending", "pending")
    call.answers(command)
    assert (pause.state, resume.state) == ("confirmed", "pending")
    sent_at = call.now
    call.confirms("resume")
    assert resume.state == "confirmed"
    [evidence] = call.recording.pauses
    assert evidence.resumed_at == sent_at, "sound was sent for then, and answered later"


def test_a_pause_given_up_half_way_is_asked_back_with_a_resume() -> None:
    call = recording_call()
    pause = call.asks("pause")
    command = call.is_asked("pause")
    call.asks("resume")
    call.gives_up(command)
    assert (pause.state, call.recording.actual) == ("superseded", "unknown")
    call.confirms("resume")
    assert call.recording.state == "recording"
    assert call.confirmed_pauses == []


def test_a_pause_wanted_again_after_it_was_given_up_is_asked_again() -> None:
    call = recording_call()
    first = call.asks("pause", requested_by="agent")
    command = call.is_asked("pause")
    call.asks("resume")
    again = call.asks("pause", requested_by="supervisor")
    call.gives_up(command)
    call.confirms("pause")
    assert (first.state, again.state) == ("confirmed", "confirmed")
    assert [pause.requested_by for pause in call.confirmed_pauses] == ["agent", "supervisor"]


def test_a_resume_given_up_half_way_ends_the_pause_in_the_evidence() -> None:
    """It may have recorded from then on, so nobody may claim one long pause."""
    call = paused_call()
    call.asks("resume")
    sent_at = call.now
    command = call.is_asked("resume")
    again = call.asks("pause", requested_by="supervisor")
    call.gives_up(command)
    call.confirms("pause")
    assert again.state == "pending", "the resume may still arrive"
    call.polls("inactive", ARRIVAL_TIMEOUT)
    assert again.state == "confirmed"
    first, second = call.recording.pauses
    assert first.resumed_at == sent_at
    assert (second.requested_by, second.resumed_at) == ("supervisor", None)
    assert first.resumed_at < second.confirmed_at


def test_a_resume_given_up_half_way_may_have_recorded() -> None:
    call = Call(pause_on_start=True).confirms("start")
    call.asks("resume")
    command = call.is_asked("resume")
    call.asks("stop")
    call.gives_up(command)
    call.confirms("stop")
    call.life.window_closed(1, call.ticks())
    assert call.recording.state == "lost"


def test_a_stop_is_never_given_up() -> None:
    call = recording_call()
    call.asks("stop")
    assert not call.life.is_superseded(call.is_asked("stop"))


# Stop is final.


@pytest.mark.parametrize("operation", ["pause", "resume"])
def test_nothing_can_be_asked_of_a_stopped_recording(operation: str) -> None:
    call = stopped_call()
    refused = call.life.refusal(Operation(operation), ControlRequest(), call.now)
    assert "start another one" in (refused or "")
    record = call.asks(operation)
    assert (record.state, record.settled_at) == ("failed", record.requested_at)
    assert "final" in record.problem
    assert (call.next, call.recording.wanted) == (None, "stopped")


def test_a_stop_is_final_even_before_acs_confirmed_it() -> None:
    call = recording_call()
    call.asks("stop")
    command = call.is_asked("stop")
    assert call.asks("resume").state == "failed"
    call.answers(command)
    assert call.next is None


def test_stopping_twice_is_confirmed_without_asking_again() -> None:
    call = stopped_call()
    stopped_at = call.recording.stopped_at
    assert call.asks("stop").state == "confirmed"
    assert call.next is None
    assert call.recording.stopped_at == stopped_at


def test_a_start_after_a_stop_makes_a_second_recording() -> None:
    call = stopped_call()
    start = call.asks("start", recording_content_type="audio", recording_format_type="wav")
    assert start.recording == 2
    call.confirms("start", "confirm")
    second = call.life.recording(2)
    assert (second.recording_id, second.recording_format_type) == ("recording-2", "wav")
    call.asks("pause")
    call.confirms("pause")
    assert (call.recording.pauses, second.state) == ([], "paused")


def test_a_second_recording_is_started_only_after_the_first_was_stopped() -> None:
    call = recording_call()
    call.asks("stop")
    call.asks("start")
    call.confirms("stop", "start", "confirm")
    assert [r.actual for r in call.life.status.recordings] == ["stopped", "active"]


def test_a_start_is_refused_while_a_recording_runs() -> None:
    call = recording_call()
    assert "stop it before" in (call.life.refusal(Operation.START, StartRequest(), call.now) or "")
    assert call.asks("start").state == "failed"
    assert len(call.life.status.recordings) == 1


def test_a_start_is_refused_after_the_call_ended() -> None:
    call = stopped_call()
    call.ends()
    assert "over" in (call.life.refusal(Operation.START, StartRequest(), call.now) or "")


def test_a_control_is_refused_where_no_recording_is_controlled_here() -> None:
    call = Call(start_recording=False)
    record = call.asks("pause")
    assert (record.state, record.recording) == ("failed", 0)
    assert "start one first" in record.problem


def test_a_first_recording_can_be_started_later() -> None:
    call = Call(start_recording=False)
    assert call.asks("start").recording == 1
    call.confirms("start", "confirm")
    assert call.recording.state == "recording"


# Repeated requests.


@pytest.mark.parametrize("operation", ["start", "resume", "stop"])
def test_a_repeated_request_changes_nothing_and_gets_the_same_record(operation: str) -> None:
    call = Call(request_id="start")
    call.confirms("start", "confirm")
    call.asks("resume", request_id="resume")
    if operation == "stop":
        call.asks("stop", request_id="stop")
        call.confirms("stop")
    first = call.life.status.requests[operation]
    before = call.life.status.model_dump_json()
    by = {"requested_by": first.requested_by}
    assert call.asks(operation, request_id=operation, **by) is first
    assert call.life.status.model_dump_json() == before
    assert call.next is None


def test_a_repeated_request_is_never_refused_anew() -> None:
    call = recording_call()
    call.asks("pause", request_id="p1")
    call.confirms("pause")
    call.asks("stop")
    call.confirms("stop")
    assert call.life.refusal(Operation.PAUSE, ControlRequest(request_id="p1"), call.now) is None
    assert call.life.refusal(Operation.PAUSE, ControlRequest(request_id="p2"), call.now) is not None


def test_a_refused_request_gets_the_same_refusal_when_repeated() -> None:
    call = stopped_call()
    first = call.asks("pause", request_id="p1")
    assert call.asks("pause", request_id="p1") is first
    assert first.state == "failed"


def test_a_request_without_an_id_never_takes_the_place_of_one_with_an_id() -> None:
    call = recording_call(request_id="#2")
    call.asks("pause")
    call.asks("resume")
    assert [record.operation for record in call.life.status.requests.values()] == [
        "start",
        "pause",
        "resume",
    ]
    assert call.life.status.requests["#2"].operation == "start"


# The end of the call.


def test_a_call_that_ends_stops_its_recording() -> None:
    call = recording_call()
    call.ends()
    assert call.recording.state == "stopping"
    call.confirms("stop")
    assert call.life.status.ended_at is not None
    assert "everybody left" in call.timeline


def test_a_call_that_ends_under_a_pause_gives_it_up_and_stops() -> None:
    call = recording_call()
    pause = call.asks("pause")
    command = call.is_asked("pause")
    call.ends()
    assert call.life.is_superseded(command)
    call.gives_up(command)
    call.confirms("stop")
    assert pause.state == "superseded"
    assert call.confirmed_pauses == []


def test_a_call_that_ends_is_no_proof_that_its_recording_has_ended() -> None:
    call = recording_call()
    call.ends()
    assert call.recording.sound.over_at is None, "ACS has not answered the stop"
    call.confirms("stop")
    assert call.recording.sound.over_at == call.now


def test_a_start_that_may_have_begun_is_looked_for_until_the_call_ends_which_proves_nothing() -> (
    None
):
    call, problem = Call(), "no answer came"
    acs_answers.failed(call.life, call.is_asked("start"), problem, NOON, is_denied=False)
    assert call.recording.looked_for_until is not None
    call.ends()
    assert call.recording.looked_for_until is None
    assert call.recording.sound.over_at is None, "only who hung up says so, not ACS"


def test_a_call_that_ends_twice_ended_once() -> None:
    call = recording_call()
    call.life.call_ended(CallEnded(ended_at=NOON), call.ticks())
    call.life.call_ended(CallEnded(ended_at=NOON + SECOND), call.ticks())
    assert call.life.status.ended_at == NOON


def test_a_call_that_ends_before_the_start_was_asked_is_not_recorded() -> None:
    call = Call()
    call.ends()
    assert call.next is None
    assert call.recording.state == "empty"


# ACS says that the recording is gone, refuses, or does not answer.


def test_a_recording_that_is_gone_when_stopped_was_stopped() -> None:
    call = recording_call()
    stop = call.asks("stop")
    call.answers(call.is_asked("stop"), "gone")
    assert (stop.state, call.recording.problem) == ("confirmed", "")
    assert call.recording.state == "processing"


def test_a_recording_that_is_gone_when_paused_is_over_and_the_pause_failed() -> None:
    call = recording_call()
    pause = call.asks("pause")
    call.answers(call.is_asked("pause"), "gone")
    assert call.recording.state == "processing"
    assert pause.state == "failed"
    assert "over" in pause.problem
    assert "no longer knew the recording" in call.recording.problem
    assert call.next is None


@pytest.mark.parametrize("earlier", ["accepted_at", "unanswered_at", None])
def test_a_resume_that_may_have_come_through_before_the_end_leaves_a_file(
    earlier: str | None,
) -> None:
    call = Call(pause_on_start=True).confirms("start")
    call.asks("resume")
    command = call.is_asked("resume")
    told = {"recording_id": "recording-1", "state": "gone"}
    if earlier is not None:
        told[earlier] = f"{call.now:%FT%TZ}"
    outcome = ControlResult.model_validate(told)
    acs_answers.answered(call.life, command, outcome, call.ticks())
    assert call.recording.was_active is (earlier is not None)


def test_a_recording_that_is_gone_before_it_became_active_is_over() -> None:
    call = Call().confirms("start")
    call.answers(call.is_asked("confirm"), "gone")
    assert call.recording.state == "processing"
    assert "no longer knew the recording" in call.recording.problem


def test_a_start_that_fails_ends_the_recording_and_says_why() -> None:
    call = Call(request_id="s1")
    call.refuses(call.is_asked("start"), "the call is Teams'")
    start = call.life.status.requests["s1"]
    assert (call.recording.state, start.state) == ("failed_to_start", "failed")
    assert "Teams" in start.problem
    assert "Teams" in call.recording.problem
    assert call.life.is_over


def test_a_pause_that_waited_for_a_failing_start_fails_with_it() -> None:
    call = Call()
    command = call.is_asked("start")
    pause = call.asks("pause")
    call.refuses(command)
    assert pause.state == "failed"


def test_a_start_that_fails_paused_fails_its_request() -> None:
    call = Call(request_id="s1", pause_on_start=True)
    call.refuses(call.is_asked("start"))
    assert call.life.status.requests["s1"].state == "failed"


def test_another_start_may_be_tried_after_one_failed() -> None:
    call = Call()
    call.refuses(call.is_asked("start"))
    assert call.asks("start").recording == 2
    assert not call.life.is_over
    assert call.next == "start"


def test_g11_a_pause_that_acs_refuses_fails_and_is_asked_for_again() -> None:
    call = recording_call()
    pause = call.asks("pause")
    call.refuses(call.is_asked("pause"), "access denied")
    assert (pause.state, pause.problem) == ("failed", "pause failed: access denied")
    assert pause.may_be_recording
    assert call.next is None, "not at once"
    assert call.confirmed_pauses == []
    watch = Watchdog(call.life, Alarms(call.life.status, "workflow"))
    for wait in (2, 4, 8, 16, 32, 60, 60):
        assert watch.next_due() == call.now + timedelta(seconds=wait)
        call.now += timedelta(seconds=wait)
        watch.act(call.now)
        call.refuses(call.is_asked("pause"), "access denied")
    call.now += timedelta(minutes=1)
    watch.act(call.now)
    call.confirms("pause")
    assert call.recording.pauses[0].confirmed_at == call.now
    assert call.recording.silence.unconfirmed[0].is_finding
    assert watch.next_due() is None
    assert "access denied" in call.timeline


def test_a_pause_that_fails_while_starting_leaves_a_recording_that_may_have_files() -> None:
    call = Call().confirms("start")
    call.asks("pause")
    call.refuses(call.is_asked("pause"))
    assert call.recording.was_active


def test_a_resume_that_fails_is_followed_by_a_pause_for_an_attempt_may_have_arrived() -> None:
    call = paused_call()
    resume = call.asks("resume")
    call.refuses(call.is_asked("resume"))
    assert (resume.state, call.next) == ("failed", "pause")
    assert call.recording.pauses[0].resumed_at is not None, "nobody may claim that it went on"
    call.confirms("pause")
    assert call.recording.state == "paused"
    assert call.recording.pauses[1].requested_by == "callvault"


def test_a_control_that_fails_never_takes_back_a_stop() -> None:
    call = recording_call()
    call.asks("pause")
    command = call.is_asked("pause")
    call.asks("stop")
    call.refuses(command)
    assert call.next == "stop"


def test_g35_a_stop_that_acs_refuses_is_asked_for_until_it_stops() -> None:
    """It records on meanwhile: nobody may say that it has stopped."""
    call = recording_call()
    stop = call.asks("stop")
    call.refuses(call.is_asked("stop"))
    assert (stop.state, call.recording.state) == ("failed", "stopping")
    assert stop.may_be_recording
    assert call.next is None, "not at once"
    call.now += timedelta(seconds=2)
    Watchdog(call.life, Alarms(call.life.status, "workflow")).act(call.now)
    call.confirms("stop")
    assert call.recording.state == "processing"
    [interval] = call.recording.silence.unconfirmed
    assert (interval.since, interval.until) == (stop.requested_at, call.now)


def test_a_recording_that_never_reports_active_counts_as_active() -> None:
    """It was accepted: files are to be expected, and to be missed."""
    call = Call().confirms("start")
    call.refuses(call.is_asked("confirm"), "still inactive")
    assert (call.recording.state, call.recording.was_active) == ("recording", True)
    assert "still inactive" in call.recording.problem


def test_a_problem_is_bounded_before_it_enters_a_history() -> None:
    call = Call()
    call.refuses(call.is_asked("start"), "x" * 100_000)
    assert len(call.life.status.model_dump_json()) < 10_000


# Paused from the start.


def test_pause_on_start_is_evidence_of_who_asked_for_the_start() -> None:
    call = Call(pause_on_start=True, reason="consent is missing", request_id="s1")
    assert call.life.status.requests["s1"].state == "pending"
    command = call.is_asked("start")
    assert command.pause_on_start
    call.answers(command)
    assert call.next is None
    assert call.life.status.requests["s1"].state == "confirmed"
    [pause] = call.recording.pauses
    assert (pause.requested_by, pause.reason) == ("backend", "consent is missing")
    assert (pause.requested_at, pause.confirmed_at) == (NOON, None)
    call.polls("inactive", STARTING_TIMEOUT)
    assert pause.confirmed_at == call.now


def test_a_recording_started_paused_records_once_it_is_resumed() -> None:
    call = Call(pause_on_start=True).confirms("start")
    call.polls("inactive", STARTING_TIMEOUT)
    call.asks("resume")
    sent_at = call.now
    call.confirms("resume")
    assert (call.recording.state, call.recording.was_active) == ("recording", True)
    assert call.recording.pauses[0].resumed_at == sent_at


def test_a_recording_that_was_never_resumed_is_empty() -> None:
    call = Call(pause_on_start=True).confirms("start")
    call.asks("stop")
    call.confirms("stop")
    assert call.recording.state == "processing", "a file may come all the same"
    call.life.window_closed(1, call.ticks())
    assert call.recording.state == "empty"
    assert "nothing was recorded" in call.timeline


# Events meet control.


def test_files_announced_before_the_start_returned_find_their_recording() -> None:
    call = Call(request_id="s1")
    command = call.is_asked("start")
    call.announced(chunk(), recording_duration_ms=5_000, call_id="c1")
    assert [r.origin for r in call.life.status.recordings] == ["requested", "announced"]
    call.answers(command)
    [recording] = call.life.status.recordings
    assert (recording.origin, len(recording.chunks)) == ("requested", 1)
    assert (recording.call_id, recording.recording_duration_ms) == ("c1", 5_000)
    assert recording.state == "archiving", "its session has ended, so nothing is asked any more"
    assert call.next is None
    assert call.life.status.requests["s1"].state == "confirmed"


def test_an_early_file_that_is_archived_already_stays_archived() -> None:
    call = Call()
    command = call.is_asked("start")
    call.announced(chunk())
    call.archives(chunk())
    call.answers(command)
    assert call.recording.state == "archived"


def test_an_early_event_of_a_session_that_goes_on_leaves_the_recording_running() -> None:
    call = Call()
    command = call.is_asked("start")
    call.announced(more(0), ended="")
    call.answers(command)
    call.confirms("confirm")
    assert (call.recording.state, len(call.recording.chunks)) == ("recording", 1)


def test_an_event_that_ends_the_session_stops_the_recording_without_asking() -> None:
    call = recording_call()
    call.announced(chunk(), ended="InitiatorLeft")
    assert (call.recording.state, call.next) == ("archiving", None)
    assert call.recording.session_end_reason == "InitiatorLeft"


@pytest.mark.parametrize(("answer", "outcome"), [("inactive", "confirmed"), ("gone", "failed")])
def test_an_event_that_ends_the_session_waits_for_the_control_in_flight(
    answer: str, outcome: str
) -> None:
    call = recording_call()
    pause = call.asks("pause")
    command = call.is_asked("pause")
    call.announced(chunk())
    assert (pause.state, call.recording.actual) == ("pending", "active")
    call.answers(command, answer)
    assert call.recording.actual == "stopped"
    assert call.next is None
    assert pause.state == outcome


def test_a_chunk_of_a_session_that_goes_on_leaves_control_alone() -> None:
    call = recording_call()
    call.announced(more(0), ended="SessionStillOngoing")
    assert call.recording.state == "recording"
    call.asks("pause")
    assert call.next == "pause"


def test_a_session_that_was_still_going_on_can_end_later() -> None:
    call = recording_call()
    call.announced(more(0), ended="sessionStillOngoing")
    call.announced(chunk(1), ended="CallEnded")
    assert call.recording.session_end_reason == "CallEnded"
    assert (call.recording.state, call.next) == ("archiving", None)


def test_a_session_that_ended_never_goes_on_again() -> None:
    call = recording_call()
    call.announced(chunk(1), ended="CallEnded")
    call.announced(more(0), ended="SessionStillOngoing")
    assert call.recording.session_end_reason == "CallEnded"


# What is kept of it.


def test_a_noisy_call_keeps_its_first_and_its_newest_entries() -> None:
    call = recording_call()
    for number in range(2 * MAX_TIMELINE):
        call.life.note(call.ticks(), f"noise {number}")
    kept = call.timeline.splitlines()
    assert len(kept) == MAX_TIMELINE
    assert kept[0].startswith("start asked by backend")
    assert kept[-1] == f"noise {2 * MAX_TIMELINE - 1}"


def test_the_timeline_tells_who_asked_for_what_and_why() -> None:
    call = recording_call()
    call.asks("pause", requested_by="agent", reason="card number")
    call.asks("start", requested_by="robot")
    assert "pause asked by agent (card number)" in call.timeline
    assert "start asked by robot: refused," in call.timeline


def test_a_call_is_over_when_every_recording_has_reached_its_end() -> None:
    call = stopped_call()
    call.asks("start")
    call.announced(chunk())
    call.archives(chunk())
    assert call.recording.state == "archived"
    assert not call.life.is_over
    call.asks("stop")
    assert call.life.is_over


@pytest.mark.parametrize("ends", ["stop", "no consent"])
def test_a_start_that_is_to_be_asked_again_is_not_if_nobody_wants_it_any_more(ends: str) -> None:
    call = Call()
    call.is_asked("start")
    if ends == "stop":
        call.asks("stop")
    else:
        call.life.decline(call.recording, ends, call.ticks())
    acs_answers.retry_start(call.life, call.recording, call.ticks(), is_denied=True)
    assert (call.next, call.recording.actual) == (None, "stopped")
    assert call.life.is_over
