"""The answers of ACS: what each confirms, what a refusal leaves, and what was given up."""

from typing import Any

import pytest

from callvault.causes import Cause
from callvault.contracts.activity_io import ControlResult
from callvault.contracts.states import Actual, RequestState, Wanted
from callvault.contracts.status import RecordingStatus
from tests.unit.call import (
    NOON,
    POLICY,
    Call,
    agreed,
    awaiting,
    chunk,
    paused_call,
    recording_call,
    stopped_call,
)
from workflows.call import acs_answers
from workflows.call.acs_answers import CALLBACK_TIMEOUT, LOOKOUT_TIMEOUT, MAX_PROBLEM
from workflows.call.commands import Command, Operation
from workflows.call.silence import ARRIVAL_TIMEOUT, STARTING_TIMEOUT

from .facts import at, at_or_none, seconds, silences_of


def answers(call: Call, command: Command, state: str, **facts: Any) -> None:
    told = {"recording_id": "recording-1", "state": state, **facts}
    acs_answers.answered(call.life, command, ControlResult(**told), call.ticks())


def command(operation: str) -> Command:
    return Command(1, Operation(operation))


def asked(call: Call, operation: str, **facts: Any) -> Command:
    """Ask for an operation, and send it."""
    call.asks(operation, **facts)
    return call.is_asked(operation)


@pytest.mark.parametrize(
    ("received", "read", "by"), [(5, 3, 5), (None, 3, 10), (None, 12, 12), (None, None, 10)]
)
def test_an_answer_had_come_when_it_was_received_or_else_by_now(
    received: float | None, read: float | None, by: float
) -> None:
    told = {"received_at": at_or_none(received), "read_at": at_or_none(read)}
    outcome = ControlResult(recording_id="r", state="active", **told)
    assert seconds(acs_answers.received_by(outcome, at(10))) == by


def test_why_acs_does_not_do_it_is_known_until_it_answers() -> None:
    call = recording_call()
    pause = asked(call, "pause")
    acs_answers.not_done(call.life, pause, "x" * 999, Cause.WORKER, NOON)
    trouble = call.recording.trouble
    assert (trouble.operation, trouble.cause, trouble.at) == ("pause", Cause.WORKER, NOON)
    assert len(trouble.what) == MAX_PROBLEM
    call.answers(pause)
    assert (call.recording.trouble, call.life.in_flight) == (None, None)


# What ACS confirms.


@pytest.mark.parametrize(
    ("operation", "actual", "line"),
    [
        ("start", Actual.STARTING, True),
        ("confirm", Actual.ACTIVE, True),
        ("pause", Actual.PAUSED, True),
        ("resume", Actual.ACTIVE, True),
        ("stop", Actual.STOPPED, True),
        ("read", Actual.ACTIVE, False),
    ],
)
def test_what_acs_confirms_is_so_and_stands_in_the_timeline(
    operation: str, actual: Actual, line: bool
) -> None:
    call = {"start": Call, "confirm": lambda: Call().confirms("start"), "resume": paused_call}.get(
        operation, recording_call
    )()
    if operation == "read":
        call.recording.needs_read = True
    if operation in ("start", "confirm", "read"):
        sent = call.is_asked(operation)
    else:
        sent = asked(call, operation)
    answers(call, sent, "inactive")
    assert call.recording.actual is actual
    assert (f"recording 1: {operation} confirmed by ACS" in call.timeline) is line
    if line:
        assert call.recording.known_at == call.now
        assert not call.recording.needs_read


def test_when_a_state_is_known_is_when_its_answer_had_come() -> None:
    call = recording_call()
    answers(call, asked(call, "pause"), "inactive", received_at=at(9), read_at=at(8))
    assert seconds(call.recording.known_at) == 9
    assert silences_of(call.recording) == [(9, None)]
    assert seconds(call.recording.sound.inactive_at) == 8
    proof = "ACS reported it inactive, after it was asked to pause"
    assert call.recording.silence.silent[0].proof == proof


def test_a_pause_is_proven_by_a_reading_as_of_now_where_it_tells_no_time() -> None:
    call = recording_call()
    answers(call, asked(call, "pause"), "inactive")
    assert call.recording.sound.inactive_at == call.now


@pytest.mark.parametrize(("needs", "left"), [(True, True), (False, False)])
def test_no_start_answers_a_doubt_of_how_it_began_and_every_other_answer_does(
    needs: bool, left: bool
) -> None:
    call = Call()
    start = call.is_asked("start")
    call.recording.needs_read = needs
    answers(call, start, "inactive")
    assert call.recording.needs_read is left
    confirm = command("confirm")
    answers(call, confirm, "active")
    assert not call.recording.needs_read


@pytest.mark.parametrize("state", ["active", "inactive"])
def test_a_start_that_says_it_is_active_needs_no_reading(state: str) -> None:
    call = Call()
    answers(call, call.is_asked("start"), state, sent_at=at(5), received_at=at(7))
    is_active = state == "active"
    assert call.recording.actual is (Actual.ACTIVE if is_active else Actual.STARTING)
    assert seconds(call.recording.sound.active_at) == (7 if is_active else None)
    starting = call.recording.sound.starting_until
    assert starting == (None if is_active else at(7) + STARTING_TIMEOUT)
    assert call.recording.started_at == call.now


@pytest.mark.parametrize(
    ("url", "paused", "awaited"),
    [(None, False, False), ("https://g", False, True), ("https://g", True, False)],
)
def test_a_callback_is_awaited_of_a_start_that_is_to_record_where_there_are_callbacks(
    url: str | None, paused: bool, awaited: bool
) -> None:
    call = Call(pause_on_start=paused)
    call.life.status.policy = POLICY.model_copy(update={"callback_url": url})
    answers(call, call.is_asked("start"), "inactive")
    until = call.recording.callback_awaited_until
    assert until == (call.now + CALLBACK_TIMEOUT if awaited else None)
    assert call.recording.was_active is (not paused)
    assert call.recording.actual is (Actual.PAUSED if paused else Actual.STARTING)


def test_before_the_settings_are_known_no_callback_is_awaited() -> None:
    call = Call()
    start = call.is_asked("start")
    call.life.status.policy = None
    answers(call, start, "inactive")
    assert call.recording.callback_awaited_until is None


def test_a_start_that_begins_paused_is_to_be_confirmed_in_time_whoever_settled_its_requests() -> (
    None
):
    call = Call(pause_on_start=True)
    start = call.is_asked("start")
    for record in call.life.status.requests.values():
        record.state = RequestState.CONFIRMED
    answers(call, start, "inactive")
    own = [r for r in call.life.status.requests.values() if r.requested_by == "callvault"]
    begun = call.recording.sound.begun_at
    assert [(r.operation, r.reason, r.received_at) for r in own] == [
        ("pause", "it was to begin paused", begun)
    ]
    before = len(call.life.status.requests)
    call.life.watch_beginning(call.recording)
    assert len(call.life.status.requests) == before, "one is enough"


def test_nothing_is_watched_of_what_was_never_sent() -> None:
    call = Call()
    before = len(call.life.status.requests)
    call.life.watch_beginning(call.recording)
    assert len(call.life.status.requests) == before


def test_files_that_were_announced_before_the_id_was_known_come_to_the_recording() -> None:
    call = Call()
    start = call.is_asked("start")
    call.announced(chunk(), ended="SessionStillOngoing")
    assert len(call.life.status.recordings) == 2
    call.answers(start)
    assert len(call.life.status.recordings) == 1
    assert len(call.recording.chunks) == 1


# What is gone.


@pytest.mark.parametrize(
    ("operation", "problem"),
    [
        ("stop", ""),
        ("read", ""),
        ("pause", "ACS no longer knew the recording when asked to pause it"),
        ("confirm", "ACS no longer knew the recording when asked to confirm it"),
    ],
)
def test_what_acs_no_longer_knows_is_over_which_is_a_fault_only_if_something_was_wanted(
    operation: str, problem: str
) -> None:
    call = Call().confirms("start") if operation == "confirm" else recording_call()
    if operation in ("pause", "stop"):
        call.asks(operation)
    call.recording.needs_read = operation == "read"
    sent = call.is_asked(operation)
    answers(call, sent, "gone", received_at=at(9))
    assert (call.recording.actual, call.recording.problem) == (Actual.STOPPED, problem)
    assert seconds(call.recording.sound.over_at) == 9
    words = "over, as ACS says; nobody had told of its end" if operation == "read" else problem
    assert not words or f"recording 1: {words}" in call.timeline


def test_that_what_consent_alone_demands_finds_it_over_is_no_fault() -> None:
    call = agreed()
    call.withdraws("ana")
    answers(call, call.is_asked("pause"), "gone")
    assert (call.recording.actual, call.recording.problem) == (Actual.STOPPED, "")


@pytest.mark.parametrize(
    ("operation", "facts", "was_active"),
    [
        ("resume", {}, False),
        ("resume", {"accepted_at": NOON}, True),
        ("resume", {"unanswered_at": NOON}, True),
        ("pause", {"accepted_at": NOON}, False),
    ],
)
def test_sound_that_may_have_come_through_before_the_end_leaves_a_file(
    operation: str, facts: dict[str, Any], was_active: bool
) -> None:
    call = paused_call() if operation == "resume" else recording_call()
    sent = asked(call, operation)
    call.recording.was_active = False
    answers(call, sent, "gone", **facts)
    assert call.recording.was_active is was_active


@pytest.mark.parametrize(
    ("what", "is_over"), [("nothing", True), ("in flight", False), ("stopped", False)]
)
def test_what_a_poll_finds_gone_is_over_unless_acs_is_being_asked(what: str, is_over: bool) -> None:
    call = stopped_call() if what == "stopped" else recording_call()
    if what == "in flight":
        asked(call, "pause")
    before = call.timeline
    acs_answers.found_gone(call.life, 1, call.ticks(), at(9))
    assert (call.timeline != before) is is_over
    if is_over:
        assert call.recording.actual is Actual.STOPPED
        assert seconds(call.recording.sound.over_at) == 9
        assert call.recording.state == "processing"


# What was given up half-way.


@pytest.mark.parametrize(
    ("operation", "actual", "is_noted"),
    [
        ("start", Actual.UNKNOWN, True),
        ("resume", Actual.UNKNOWN, True),
        ("pause", Actual.UNKNOWN, True),
        ("confirm", Actual.STARTING, False),
        ("read", Actual.ACTIVE, False),
    ],
)
def test_what_was_given_up_may_have_happened_unless_it_was_a_reading(
    operation: str, actual: Actual, is_noted: bool
) -> None:
    call = given_up_in(operation)
    call.gives_up(sent_in(call, operation))
    assert (call.recording.actual, call.life.in_flight) == (actual, None)
    assert (f"recording 1: {operation} given up half-way" in call.timeline) is is_noted
    makes_sound = operation in ("start", "resume")
    assert call.recording.was_active is (makes_sound or operation != "pause")
    late = call.now + ARRIVAL_TIMEOUT
    sound = call.recording.sound
    if makes_sound:
        assert sound.may_arrive_until == late
        assert sound.starting_until == (late + STARTING_TIMEOUT if operation == "start" else None)


def given_up_in(operation: str) -> Call:
    if operation == "start":
        return Call()
    if operation == "confirm":
        return Call().confirms("start")
    call = paused_call() if operation == "resume" else recording_call()
    call.recording.was_active = operation == "read"
    return call


def sent_in(call: Call, operation: str) -> Command:
    call.recording.needs_read = operation == "read"
    if operation in ("pause", "resume"):
        return asked(call, operation)
    return call.is_asked(operation)


# What ACS refuses.


@pytest.mark.parametrize("operation", ["pause", "stop", "resume"])
def test_what_acs_refuses_is_said_where_it_was_asked_for(operation: str) -> None:
    call = paused_call() if operation == "resume" else recording_call()
    record = call.asks(operation)
    call.refuses(call.is_asked(operation), "no")
    problem = f"{operation} failed: no"
    assert (call.recording.problem, record.problem, record.state) == (problem, problem, "failed")
    assert f"recording 1: {problem}" in call.timeline
    assert call.recording.actual is Actual.UNKNOWN


@pytest.mark.parametrize(
    ("operation", "refused"), [("pause", "pause"), ("stop", "stop"), ("resume", "")]
)
def test_what_protects_is_asked_again_and_a_resume_is_not(operation: str, refused: str) -> None:
    call = paused_call() if operation == "resume" else recording_call()
    call.asks(operation)
    call.refuses(call.is_asked(operation))
    assert call.recording.refused_operation == refused


@pytest.mark.parametrize("is_superseded", [True, False])
def test_a_resume_that_is_refused_may_have_come_through_and_is_to_be_paused_for_certain(
    is_superseded: bool,
) -> None:
    call = paused_call()
    resume = asked(call, "resume")
    call.recording.was_active = False
    if is_superseded:
        call.asks("pause", requested_by="ben")
    call.refuses(resume)
    own = [r.reason for r in call.life.status.requests.values() if r.requested_by == "callvault"]
    why = "ACS refused to resume it: it is to be paused for certain"
    assert own == ([] if is_superseded else [why])
    assert (call.recording.was_active, call.recording.wanted) == (True, Wanted.PAUSED)
    assert call.recording.sound.may_arrive_until == call.now + ARRIVAL_TIMEOUT


@pytest.mark.parametrize(
    ("is_held", "is_superseded", "wanted"),
    [(False, False, "paused"), (True, False, "stopped"), (True, True, "active")],
)
def test_a_pause_that_consent_demands_and_acs_refuses_stops_the_recording(
    is_held: bool, is_superseded: bool, wanted: str
) -> None:
    call = agreed()
    if is_held:
        call.withdraws("ana")
    else:
        call.asks("pause")
    pause = call.is_asked("pause")
    if is_superseded:
        call.agrees("ana")
    call.recording.was_active = False
    call.refuses(pause)
    assert call.recording.wanted == wanted
    assert (call.recording.was_active, call.recording.needs_read) == (True, True)


def test_a_held_recording_that_is_superseded_by_a_stop_is_not_stopped_twice() -> None:
    call = agreed()
    call.withdraws("ana")
    pause = call.is_asked("pause")
    call.asks("stop")
    call.refuses(pause)
    assert call.recording.wanted is Wanted.STOPPED
    assert call.next == "stop"


def test_a_reading_after_a_start_that_is_refused_takes_it_to_go_on() -> None:
    call = Call().confirms("start")
    call.refuses(call.is_asked("confirm"))
    assert (call.recording.actual, call.recording.needs_read) == (Actual.ACTIVE, True)
    assert call.recording.refused_operation == ""


@pytest.mark.parametrize(
    ("wanted", "actual"), [("paused", Actual.UNKNOWN), ("active", Actual.ACTIVE)]
)
def test_what_is_to_be_silent_and_cannot_be_read_is_asked_to_pause(
    wanted: str, actual: Actual
) -> None:
    call = paused_call() if wanted == "paused" else recording_call()
    call.recording.needs_read = True
    call.refuses(call.is_asked("read"))
    assert (call.recording.actual, call.recording.needs_read) == (actual, False)


@pytest.mark.parametrize("is_over", [True, False])
@pytest.mark.parametrize("is_denied", [True, False])
def test_a_start_that_came_to_nothing_is_looked_for_only_if_it_may_have_begun(
    is_denied: bool, is_over: bool
) -> None:
    call = Call()
    start = call.is_asked("start")
    if is_over:
        call.life.status.ended_at = NOON
    acs_answers.failed(call.life, start, "no", call.ticks(), is_denied=is_denied)
    until = None if is_denied or is_over else call.now + LOOKOUT_TIMEOUT
    assert call.recording.looked_for_until == until
    sound = call.recording.sound
    assert (sound.begun_at is None) is is_denied
    assert (sound.starting_until is None) is is_denied
    assert call.recording.actual is Actual.STOPPED
    assert call.recording.state == "failed_to_start"


# Starts of which more is told.


def looked_for() -> Call:
    call = awaiting("none", "ana")
    start = call.is_asked("start")
    acs_answers.failed(call.life, start, "no answer", call.ticks(), is_denied=False)
    return call


def test_a_start_that_was_given_up_and_has_begun_is_asked_to_stop() -> None:
    call = looked_for()
    call.life.in_flight = command("adopt")
    call.announced(chunk(3), of="told", ended="")
    said = acs_answers.has_begun(call.life, call.recording, "told", call.ticks())
    assert said == "its start was given up, and has begun all the same: it is asked to stop"
    assert f"recording 1: {said}" in call.timeline
    told: RecordingStatus = call.recording
    assert (told.recording_id, told.started_at, told.actual) == ("told", call.now, Actual.UNKNOWN)
    assert (told.was_active, told.looked_for_until, told.stopped_at) == (True, None, None)
    assert (told.sound.over_at, call.life.in_flight, call.next) == (None, None, "stop")
    assert [each.chunk.index for each in told.chunks] == [3]
    assert told.state == "stopping"


def test_an_id_that_is_not_that_of_a_start_is_forgotten_with_what_it_told() -> None:
    call = Call()
    call.is_asked("start")
    call.recording.callback_recording_id = "told"
    [record] = call.life.requests.pending(call.recording)
    record.notified_at = NOON
    acs_answers.not_adopted(call.life, call.recording, "it is another call's", call.ticks())
    assert (call.recording.callback_recording_id, record.notified_at) == (None, None)
    assert call.timeline.endswith("recording 1: it is another call's")


def test_a_start_that_acs_had_accepted_and_came_to_nothing_has_failed() -> None:
    call = Call().confirms("start")
    acs_answers.failed_to_start(call.life, call.recording, "no licence", call.ticks())
    assert call.recording.problem == "start failed: no licence"
    assert call.timeline.endswith("recording 1: start failed: no licence")
    assert (call.recording.recording_id, call.recording.was_active) == (None, False)
    assert call.recording.state == "failed_to_start"


def test_a_start_that_is_asked_anew_has_begun_nothing() -> None:
    call = Call()
    call.is_asked("start")
    acs_answers.retry_start(call.life, call.recording, call.ticks())
    assert (call.life.in_flight, call.recording.sound.begun_at) == (None, None)
    assert call.next == "start"
    call.is_asked("start")
    call.asks("stop")
    acs_answers.retry_start(call.life, call.recording, call.ticks())
    assert call.recording.state == "empty"


def test_a_start_that_finds_its_own_recording_is_read_and_may_arrive_once_more() -> None:
    call = Call()
    start = call.is_asked("start")
    acs_answers.runs_already(call.life, start, "told", call.ticks())
    assert "recording 1: it runs already, and is ours" in call.timeline
    assert (call.recording.recording_id, call.recording.needs_read) == ("told", True)
    late = call.now + ARRIVAL_TIMEOUT
    assert call.recording.sound.may_arrive_until == late
    assert call.recording.sound.starting_until == late + STARTING_TIMEOUT


def test_what_has_begun_to_record_is_known_since_then() -> None:
    call = Call().confirms("start")
    call.recording.was_active = False
    acs_answers.began(call.life, call.recording, call.ticks())
    assert (call.recording.actual, call.recording.was_active) == (Actual.ACTIVE, True)
    assert call.recording.known_at == call.now
    assert call.recording.state == "recording"
