"""What ACS refuses, what was given up half-way, and starts of which more is told later."""

import pytest

from callvault.contracts.states import Actual, Wanted
from callvault.contracts.status import RecordingStatus
from tests.unit.call import (
    ALL,
    NOON,
    Call,
    agreed,
    awaiting,
    chunk,
    paused_call,
    recording_call,
)
from workflows.call import acs_answers
from workflows.call.commands import Command
from workflows.call.lifecycle import LOOKOUT_TIMEOUT
from workflows.call.silence import ARRIVAL_TIMEOUT, STARTING_TIMEOUT

from .facts import at
from .test_acs_answers import asked, command

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
    call.recording.sound.over_at = at(1)
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
    acs_answers.retry_start(call.life, call.recording, call.ticks(), is_denied=True)
    assert (call.life.in_flight, call.recording.sound.begun_at) == (None, None)
    assert call.next == "start"
    call.is_asked("start")
    call.asks("stop")
    acs_answers.retry_start(call.life, call.recording, call.ticks(), is_denied=True)
    assert call.recording.state == "empty"


def test_a_start_that_may_have_met_itself_has_begun_until_nothing_is_left_of_it() -> None:
    """It is asked anew, and what ACS denies then is not what was sent first."""
    call = Call()
    call.is_asked("start")
    begun_at = call.now
    acs_answers.retry_start(call.life, call.recording, call.ticks(), is_denied=False)
    assert (call.life.in_flight, call.next) == (None, "start")
    call.refuses(call.is_asked("start"))
    assert call.recording.sound.begun_at == begun_at
    assert call.recording.state == "failed_to_start"
    assert call.recording.looked_for_until is not None


@pytest.mark.parametrize("is_over", [True, False])
def test_what_is_stopped_and_may_have_begun_unheard_is_looked_for(is_over: bool) -> None:
    """The stop was confirmed, and what ACS told of the recording then was of no use."""
    call = Call()
    call.is_asked("start")
    if is_over:
        call.ends()
    else:
        stop = call.asks("stop")
    acs_answers.retry_start(call.life, call.recording, call.ticks(), is_denied=False)
    until = None if is_over else call.now + LOOKOUT_TIMEOUT
    assert (call.recording.looked_for_until, call.next) == (until, None)
    assert (call.recording.actual, call.recording.state) == (Actual.STOPPED, "failed_to_start")
    why = "it was ended before its start was answered, which may have begun it"
    assert (call.recording.problem, call.timeline.splitlines()[-1]) == (why, f"recording 1: {why}")
    assert call.recording.sound.may_arrive_until == call.now + ARRIVAL_TIMEOUT
    if not is_over:
        assert (stop.state, stop.may_be_recording) == ("failed", True)
        call.recording.callback_recording_id = "told"
        assert call.next == "adopt"


@pytest.mark.parametrize("is_paused", [True, False])
def test_a_start_that_has_begun_and_is_asked_for_no_more_goes_on_as_it_was_sent(
    is_paused: bool,
) -> None:
    call = awaiting(ALL, "ana", before_consent="wait")
    call.recording.sound.begun_at, call.recording.sound.is_begun_paused = at(1), is_paused
    acs_answers.has_begun_unheard(call.life, call.recording, "told", call.ticks())
    actual = Actual.PAUSED if is_paused else Actual.STARTING
    assert (call.recording.recording_id, call.recording.actual) == ("told", actual)
    assert call.next == ("read" if is_paused else "pause")


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
