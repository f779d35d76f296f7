"""The answers of ACS: what each confirms, what a refusal leaves, and what was given up."""

from typing import Any

import pytest

from callvault.causes import Cause
from callvault.contracts.activity_io import ControlResult
from callvault.contracts.states import Actual, RequestState
from tests.unit.call import (
    NOON,
    POLICY,
    Call,
    agreed,
    chunk,
    paused_call,
    recording_call,
    stopped_call,
)
from workflows.call import acs_answers
from workflows.call.acs_answers import CALLBACK_TIMEOUT, MAX_PROBLEM
from workflows.call.commands import Command, Operation
from workflows.call.silence import STARTING_TIMEOUT

from .facts import at, at_or_none, seconds, silences_of, silent


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


def test_acs_refuses_nothing_any_more_once_it_confirms() -> None:
    call = recording_call()
    call.asks("pause")
    call.refuses(call.is_asked("pause"))
    call.recording.ask_again_at = None
    call.confirms("pause")
    assert (call.recording.refused_operation, call.recording.refusals) == ("", 0)


@pytest.mark.parametrize(("sent", "is_taken_back"), [(5, True), (3, False), (None, False)])
def test_a_start_that_says_it_is_active_takes_back_what_was_claimed_as_it_was_sent(
    sent: float | None, is_taken_back: bool
) -> None:
    call = Call()
    start = call.is_asked("start")
    call.recording.silence.silent = [silent(4)]
    answers(call, start, "active", sent_at=at_or_none(sent), received_at=at(7))
    assert silences_of(call.recording) == ([] if is_taken_back else [(4, None)])


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
