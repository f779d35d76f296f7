"""The lifecycle of a call: what a request, an end or a dead run changes, and what it leaves."""

from datetime import timedelta
from typing import Any

import pytest

from callvault.contracts.requests import CallEnded, ControlRequest, StartRequest
from callvault.contracts.states import Actual, Wanted
from callvault.contracts.takeover import LastState
from tests.policies import a_policy
from tests.unit.call import (
    NOON,
    POLICY,
    SECOND,
    Call,
    agreed,
    awaiting,
    chunk,
    hashed,
    paused_call,
    recording_call,
    stopped_call,
)
from workflows.call import acs_answers, lifecycle
from workflows.call.commands import Command, Operation
from workflows.call.lifecycle import FIRST_REFUSED_INTERVAL, MAX_REFUSED_INTERVAL, MAX_TIMELINE
from workflows.call.silence import ARRIVAL_TIMEOUT, STARTING_TIMEOUT

from .facts import a_recording, at

PAUSE, RESUME, STOP, START = Operation.PAUSE, Operation.RESUME, Operation.STOP, Operation.START


def lines(call: Call, since: int = 0) -> list[str]:
    return call.timeline.splitlines()[since:]


def operations(call: Call) -> list[tuple[str, str]]:
    return [(r.operation, r.requested_by) for r in call.life.status.requests.values()]


# Requests.


@pytest.mark.parametrize("is_asked", [True, False])
def test_a_call_begins_with_a_recording_if_one_is_asked_for(is_asked: bool) -> None:
    call = Call(start_recording=is_asked)
    assert len(call.life.status.recordings) == is_asked
    assert operations(call) == [("start", "backend")] * is_asked


def test_where_another_program_controls_recordings_no_request_is_taken_but_a_start() -> None:
    call = Call(start_recording=False)
    call.life.status.policy = a_policy(archive_only=True)
    refused = call.life.refusal(PAUSE, ControlRequest(), NOON)
    assert refused is not None
    assert "only archives" in refused
    assert call.life.refusal(START, StartRequest(), NOON) is None
    call.asks("start")
    assert not call.life.only_archives, "it was started here"
    assert call.life.refusal(PAUSE, ControlRequest(), NOON) is None


@pytest.mark.parametrize("policy", [None, a_policy(archive_only=False)])
def test_a_resource_controls_its_recordings_unless_it_says_otherwise(policy: Any) -> None:
    call = Call(start_recording=False)
    call.life.status.policy = policy
    assert not call.life.only_archives


def test_a_request_that_makes_no_sense_says_first_what_is_wrong_with_the_recording() -> None:
    call = Call(start_recording=False)
    late = ControlRequest(expires_at=NOON)
    assert "start one first" in (call.life.refusal(RESUME, late, NOON + SECOND) or "")
    paused = paused_call()
    assert "expired" in (paused.life.refusal(RESUME, late, NOON + SECOND) or "")


def test_a_request_that_is_refused_changes_nothing_and_stands_with_its_reason() -> None:
    call = Call(start_recording=False)
    record = call.asks("pause", requested_by="ana", reason="card")
    assert (record.state, record.recording) == ("failed", 0)
    assert lines(call) == [f"pause asked by ana (card): refused, {record.problem}"]
    held = awaiting("all_parties", "ana")
    before = held.recording.model_copy(deep=True)
    assert held.asks("resume").state == "failed"
    assert held.recording.pauses == before.pauses


@pytest.mark.parametrize(
    ("operation", "is_refused", "line"),
    [
        ("pause", False, "pause: another request came under its requestId before: it is carried"),
        ("stop", False, "stop: another request came under its requestId before: it is carried"),
        ("resume", True, "resume asked by unknown: refused, The requestId 'r1' was used"),
    ],
)
def test_another_request_under_the_same_id_is_said(
    operation: str, is_refused: bool, line: str
) -> None:
    call = recording_call()
    call.asks("pause", request_id="r1", reason="first")
    before = len(lines(call))
    record = call.life.request(Operation(operation), ControlRequest(request_id="r1"), call.ticks())
    assert (record.state == "failed") is is_refused
    assert lines(call, before)[-1].startswith(line)


def test_the_same_request_again_gets_the_same_record_and_leaves_no_line() -> None:
    call = recording_call()
    first = call.asks("pause", request_id="r1")
    before = len(lines(call))
    assert call.life.refusal(PAUSE, ControlRequest(request_id="r1"), call.now) is None
    assert call.asks("pause", request_id="r1") is first
    assert len(lines(call)) == before


def test_what_is_asked_anew_is_asked_of_acs_at_once_although_it_refused() -> None:
    call = recording_call()
    call.asks("pause")
    call.refuses(call.is_asked("pause"))
    assert call.next is None
    call.asks("resume", force=True, expires_at=NOON)
    assert call.next is None, "what is refused here changes nothing"
    call.asks("pause", reason="again")
    assert call.next == "pause"


def test_nothing_was_asked_of_a_recording_before_it_was_asked_for() -> None:
    call = Call(requested_at=NOON)
    call.recording.requested_at = at(9)
    call.now = at(20)
    assert call.asks("pause", requested_at=at(3)).requested_at == at(9)
    assert call.asks("pause", reason="2", requested_at=at(10)).requested_at == at(10)


def test_a_start_that_begins_paused_is_a_pause_of_its_requester() -> None:
    call = Call(pause_on_start=True, requested_by="ana", reason="card")
    assert operations(call) == [("start", "ana"), ("pause", "ana")]
    [pause] = call.recording.pauses
    assert (pause.reason, pause.requested_at) == ("card", call.recording.requested_at)
    assert Call(requested_by="ana").recording.pauses == []


def test_a_resume_by_force_says_whose_pauses_it_released() -> None:
    call = paused_call()
    call.asks("resume", requested_by="ben", force=True)
    assert lines(call)[-1] == "recording 1: ben released by force the pauses of agent"
    other = paused_call()
    other.asks("resume", requested_by="agent")
    assert "by force" not in other.timeline


def test_a_start_tells_who_is_in_the_call_and_keeps_it_no_longer() -> None:
    call = Call(start_recording=False)
    call.joins("ana")
    assert call.life.status.kept_until is not None
    call.asks("start", participants=[hashed("ben")])
    assert call.life.status.kept_until is None
    assert {each.participant for each in call.life.status.participants} == {
        hashed("ana"),
        hashed("ben"),
    }


def test_a_start_in_a_call_whose_earlier_recording_still_records_settles_that_too() -> None:
    call = agreed()
    call.asks("stop")
    call.asks("start", request_id="s2", participants=[hashed("cem")], consent_policy="all_parties")
    assert call.recording.is_held, "somebody is there who has not agreed"


@pytest.mark.parametrize(
    ("names", "grown"), [(0, 0), (3, 3 * lifecycle.state_limits.MAX_NAME_SIZE)]
)
def test_a_state_grows_with_the_names_that_a_start_tells(
    names: int, grown: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    grows: list[int] = []
    monkeypatch.setattr(lifecycle.Lifecycle, "_grows", lambda _, by, __: grows.append(by))
    Call(participants=[hashed(f"p{n}") for n in range(names)])
    assert grows.count(grown) >= 1


# Ends.


@pytest.mark.parametrize(("told", "ended"), [(None, 9), (5, 5)])
def test_a_call_has_ended_when_that_was_told_first(told: float | None, ended: float) -> None:
    call = recording_call()
    call.life.call_ended(CallEnded(ended_at=at(told) if told else None, reason="hung up"), at(9))
    assert call.life.status.ended_at == at(ended)
    assert lines(call)[-1] == "the call ended hung up"
    assert (call.recording.wanted, call.recording.state) == ("stopped", "stopping")
    before = call.timeline
    call.life.call_ended(CallEnded(ended_at=at(3)), at(10))
    assert (call.life.status.ended_at, call.timeline) == (at(ended), before)


def test_the_end_of_a_call_without_a_reason_is_told_without_one() -> None:
    call = Call(start_recording=False)
    call.joins("ana")
    call.life.call_ended(CallEnded(), at(9))
    assert (lines(call)[-1], call.life.status.kept_until) == ("the call ended", None)
    assert call.life.is_over


def test_a_start_that_was_given_up_is_looked_for_no_more_after_the_end_of_its_call() -> None:
    call = awaiting("any_party", "ana")
    call.agrees("ana")
    start = call.is_asked("start")
    acs_answers.failed(call.life, start, "no answer", call.ticks(), is_denied=False)
    call.leaves("ana")
    assert not call.life.is_over
    call.ends()
    assert (call.recording.looked_for_until, call.recording.is_held) == (None, False)
    assert call.life.is_over


@pytest.mark.parametrize("is_recorded", [True, False])
def test_a_workflow_that_is_cancelled_stops_what_it_records_and_says_so(is_recorded: bool) -> None:
    call = recording_call() if is_recorded else stopped_call()
    before = operations(call)
    call.life.cancelled(call.ticks())
    assert operations(call) == [*before, *[("stop", "unknown")] * is_recorded]
    assert "the workflow was cancelled" in call.timeline
    assert "it stops recording, and keeps what was recorded" in call.timeline


@pytest.mark.parametrize("operation", ["start", "resume", "pause"])
def test_a_recording_that_is_declined_fails_what_would_have_made_sound(operation: str) -> None:
    call = awaiting("all_parties", "ana", before_consent="wait")
    record = next(iter(call.life.status.requests.values()))
    record.operation = operation
    call.life.decline(call.recording, "nobody agreed", call.ticks())
    assert (record.state == "failed") is (operation != "pause")
    assert (record.problem == "nobody agreed") is (operation != "pause")
    assert (call.recording.declined, call.recording.wanted) == ("nobody agreed", "stopped")
    assert call.recording.state == "declined"


# Runs that are taken over.


def test_a_workflow_that_takes_over_reads_what_is_on_and_knows_what_may_arrive() -> None:
    call = paused_call()
    call.asks("resume")
    resume = call.is_asked("resume")
    call.life.in_flight = None
    call.life.taken_over(call.ticks())
    assert lines(call)[-1] == "the workflow before ended too early: this one takes over"
    assert call.recording.needs_read
    sound = call.recording.sound
    assert (sound.is_sound_asked, sound.starting_until) == (False, None)
    assert sound.may_arrive_until == call.now + ARRIVAL_TIMEOUT
    call.life.in_flight = resume
    sound.is_sound_asked = True
    call.life.taken_over(call.ticks())
    assert sound.is_sound_asked, "this run hears of its answer"


def test_a_start_that_nobody_hears_of_may_begin_later() -> None:
    call = Call()
    call.is_asked("start")
    call.life.in_flight = None
    call.life.taken_over(call.ticks())
    late = call.now + ARRIVAL_TIMEOUT
    assert call.recording.sound.starting_until == late + STARTING_TIMEOUT


def test_what_was_not_asked_for_sound_is_not_doubted() -> None:
    call = recording_call()
    call.life.taken_over(call.ticks())
    assert call.recording.sound.may_arrive_until != call.now + ARRIVAL_TIMEOUT


@pytest.mark.parametrize(("is_reset", "word"), [(True, "was reset"), (False, "ended too early")])
def test_what_a_dead_run_knew_is_known_here_once(is_reset: bool, word: str) -> None:
    dead, call = recording_call(), Call()
    dead.recording.sound.is_sound_asked = True
    last = LastState(run_id="dead", status=dead.life.status)
    assert call.life.recalled(last, call.ticks(), is_reset=is_reset)
    assert lines(call)[-1].endswith(f"run dead {word}: what it knew is known here now")
    joined = call.life.status.recordings[-1]
    assert joined.recording_id == "recording-1"
    assert not joined.sound.is_sound_asked, "nobody hears of it"
    before = call.timeline
    assert not call.life.recalled(last, call.ticks(), is_reset=is_reset)
    assert call.timeline == before


# What is asked of ACS.


def test_a_request_to_pause_what_is_paused_is_read_at_once() -> None:
    call = paused_call()
    assert call.next is None
    call.asks("pause", reason="again")
    command = call.life.next_command()
    assert (command.operation, command.is_urgent) == ("read", True)


@pytest.mark.parametrize(
    ("moments", "is_read"),
    [
        ({"inactive_at": 9, "begun_at": 1}, True),
        ({"inactive_at": 10, "begun_at": 1}, False),
        ({"inactive_at": 11, "begun_at": 1}, False),
        ({"inactive_at": 9, "begun_at": 10}, False),
        ({"inactive_at": None, "begun_at": 9}, True),
        ({"inactive_at": None, "begun_at": None}, True),
    ],
)
def test_a_pause_is_read_if_no_reading_was_made_since_it_came(
    moments: dict[str, float | None], is_read: bool
) -> None:
    call = paused_call()
    record = call.asks("pause", reason="again")
    record.received_at = at(10)
    for name, value in moments.items():
        setattr(call.recording.sound, name, None if value is None else at(value))
    assert (call.next == "read") is is_read
    record.operation = "resume"
    assert call.next is None, "no pause waits for it"


@pytest.mark.parametrize(
    ("actual", "wanted"), [(Actual.UNKNOWN, Wanted.PAUSED), (Actual.PAUSED, Wanted.ACTIVE)]
)
def test_only_what_is_paused_as_it_should_be_is_read_for_a_pause(
    actual: Actual, wanted: Wanted
) -> None:
    call = paused_call()
    call.asks("pause", reason="again")
    call.recording.actual, call.recording.wanted = actual, wanted
    assert call.next != "read"


@pytest.mark.parametrize(
    ("command", "waits", "is_superseded"),
    [
        (Command(1, Operation.READ), True, True),
        (Command(1, Operation.READ), False, False),
        (Command(1, Operation.READ, is_urgent=True), True, False),
        (Command(1, PAUSE), True, False),
    ],
)
def test_a_reading_for_nobody_gives_way_to_one_that_is_waited_for(
    command: Command, waits: bool, is_superseded: bool
) -> None:
    call = paused_call()
    if waits:
        call.asks("pause", reason="again")
    assert call.life.is_superseded(command) is is_superseded


def test_a_reading_of_what_is_to_be_otherwise_is_superseded() -> None:
    call = paused_call()
    call.recording.wanted = Wanted.ACTIVE
    for is_urgent in (True, False):
        assert call.life.is_superseded(Command(1, Operation.READ, is_urgent=is_urgent))


def test_nothing_is_started_while_it_is_not_known_what_was_asked_before_a_reset() -> None:
    call, other = Call(), paused_call()
    other.asks("resume")
    for each in (call, other):
        each.life.is_recalling = True
    assert (call.next, other.next) == (None, "resume")


@pytest.mark.parametrize(("is_awaited", "following"), [(True, None), (False, "resume")])
def test_a_resume_waits_until_its_time_is_known_and_a_stop_does_not(
    is_awaited: bool, following: str | None
) -> None:
    call = paused_call()
    call.asks("resume").is_time_awaited = is_awaited
    assert call.next == following
    call.asks("stop")
    assert call.next == "stop"


@pytest.mark.parametrize(
    ("awaited", "waits", "following"),
    [(None, False, "confirm"), (at(99), False, None), (at(99), True, "confirm")],
)
def test_a_start_is_not_read_while_a_callback_may_tell_unless_a_request_waits(
    awaited: Any, waits: bool, following: str | None
) -> None:
    call = Call().confirms("start")
    call.recording.callback_awaited_until = awaited
    if waits:
        call.asks("resume")
    assert call.next == following


@pytest.mark.parametrize("operation", ["pause", "stop"])
def test_what_is_refused_holds_up_only_itself(operation: str) -> None:
    call = recording_call()
    call.asks("pause")
    call.refuses(call.is_asked("pause"))
    if operation == "stop":
        call.asks("stop")
        call.recording.ask_again_at = at(99)
    assert call.next == (None if operation == "pause" else "stop")


def test_acs_is_asked_again_after_intervals_that_double_up_to_a_bound() -> None:
    call = recording_call()
    waits = []
    for _ in range(8):
        call.life.refused(call.recording, PAUSE, NOON)
        waits.append(call.recording.ask_again_at - NOON)
    first = FIRST_REFUSED_INTERVAL
    assert waits == [min(first * 2**n, MAX_REFUSED_INTERVAL) for n in range(8)]
    call.life.refused(call.recording, STOP, NOON)
    assert (call.recording.ask_again_at, call.recording.refusals) == (NOON + first, 1)
    call.life.settled(call.recording)
    assert (call.recording.refused_operation, call.recording.refusals) == ("", 0)
    assert call.recording.ask_again_at is None


def test_a_number_of_refusals_that_no_clock_can_hold_is_waited_for_as_long_as_any() -> None:
    call = recording_call()
    call.recording.refused_operation, call.recording.refusals = "pause", 9999
    call.life.refused(call.recording, PAUSE, NOON)
    assert call.recording.ask_again_at == NOON + MAX_REFUSED_INTERVAL


@pytest.mark.parametrize(
    ("until", "told", "following"),
    [(at(99), "told", "adopt"), (at(99), None, None), (None, "told", None)],
)
def test_a_start_that_was_given_up_is_made_certain_once_a_callback_tells_of_it(
    until: Any, told: str | None, following: str | None
) -> None:
    call = stopped_call()
    call.recording.looked_for_until, call.recording.callback_recording_id = until, told
    assert call.next == following


@pytest.mark.parametrize("operation", ["start", "pause", "resume"])
def test_sound_that_is_sent_for_ends_the_pauses_of_before(operation: str) -> None:
    call = {"start": Call, "pause": recording_call, "resume": paused_call}[operation]()
    if operation != "start":
        call.asks(operation)
    command = call.is_asked(operation)
    assert call.life.in_flight == command
    assert call.life.is_in_flight(call.recording)
    assert call.recording.sound.is_sound_asked is (operation != "pause")
    if operation == "resume":
        assert call.recording.pauses[0].resumed_at == call.now


@pytest.mark.parametrize("is_paused", [True, False])
def test_a_start_begins_paused_if_that_is_wanted(is_paused: bool) -> None:
    call = Call(pause_on_start=is_paused)
    assert call.is_asked("start").pause_on_start is is_paused
    assert call.recording.sound.is_begun_paused is is_paused


def test_a_recording_that_is_not_being_asked_about_is_not_in_flight() -> None:
    call = recording_call()
    call.life.in_flight = Command(2, PAUSE)
    assert not call.life.is_in_flight(call.recording)
    call.life.in_flight = None
    assert not call.life.is_in_flight(call.recording)


# Consequences.


@pytest.mark.parametrize(
    ("reason", "in_flight", "is_over"),
    [("CallEnded", False, True), ("CallEnded", True, False), ("SessionStillOngoing", False, False)],
)
def test_the_end_of_a_session_ends_the_recording_unless_acs_is_being_asked(
    reason: str, in_flight: bool, is_over: bool
) -> None:
    call = recording_call()
    record = call.asks("pause")
    if in_flight:
        call.is_asked("pause")
    call.recording.trouble = acs_answers.Trouble(operation="pause", what="", at=NOON)
    call.recording.session_end_reason = reason
    call.life.settle(call.recording, call.ticks())
    assert (call.recording.actual is Actual.STOPPED) is is_over
    assert (record.state == "failed") is is_over
    assert (call.recording.trouble is None) is is_over
    if is_over:
        assert record.problem == "the recording was over before ACS could confirm this"
        assert call.recording.sound.over_at == call.recording.stopped_at == call.now


def test_an_end_fails_what_was_to_go_on_and_confirms_a_stop() -> None:
    call = recording_call()
    stop = call.asks("stop")
    call.life.end(call.recording, call.ticks())
    call.life.settle(call.recording, call.now)
    assert (stop.state, call.recording.stopped_at) == ("confirmed", call.now)
    before = call.now
    call.life.end(call.recording, call.ticks(), at(1))
    assert call.recording.stopped_at == before, "it was over then"


@pytest.mark.parametrize(("told", "over"), [(None, 20), (9, 9)])
def test_a_recording_is_over_when_the_answer_that_told_it_had_come(
    told: float | None, over: float
) -> None:
    call = recording_call()
    call.life.end(call.recording, at(20), at(told) if told else None)
    assert (call.recording.sound.over_at, call.recording.stopped_at) == (at(over), at(20))


@pytest.mark.parametrize("wanted", [Wanted.ACTIVE, Wanted.PAUSED])
def test_what_was_given_up_fails_what_still_was_to_be(wanted: Wanted) -> None:
    call = recording_call()
    record = call.asks("pause")
    call.recording.wanted = wanted
    call.life.refused(call.recording, PAUSE, NOON)
    call.life.give_up(call.recording, call.ticks())
    assert (record.state == "failed") is (wanted is Wanted.PAUSED)
    assert (call.recording.wanted, call.recording.actual) == ("stopped", "stopped")
    assert call.recording.refused_operation == ""


@pytest.mark.parametrize(
    ("refused", "requests", "since", "why"),
    [
        ("stop", ["stop"], True, "ACS refused to stop it"),
        ("pause", ["stop"], False, ""),
        ("stop", [], False, ""),
    ],
)
def test_silence_is_wanted_of_what_acs_refuses_to_stop(
    refused: str, requests: list[str], since: bool, why: str
) -> None:
    call = recording_call()
    records = [call.asks(each) for each in requests]
    call.recording.refused_operation = refused
    call.life.settle(call.recording, call.ticks())
    doubts = call.recording.silence.unconfirmed
    told = [(each.since, each.reason) for each in doubts]
    assert told == ([(records[0].requested_at, why)] if since else [])


def test_the_first_stop_of_this_recording_says_since_when() -> None:
    call = recording_call()
    stops = [call.asks("stop", reason=str(n)) for n in range(3)]
    stops[0].recording = 7
    call.recording.refused_operation = "stop"
    call.life.settle(call.recording, call.ticks())
    [doubt] = call.recording.silence.unconfirmed
    assert doubt.since == stops[1].requested_at


def test_a_pause_that_holds_goes_before_a_stop_that_is_refused() -> None:
    call = recording_call()
    pause = call.asks("pause")
    call.asks("stop")
    call.recording.refused_operation = "stop"
    call.life.settle(call.recording, call.ticks())
    assert call.recording.silence.unconfirmed[0].since == pause.requested_at


def test_before_the_settings_are_known_no_account_is_drawn_up() -> None:
    call = recording_call()
    call.asks("pause")
    call.recording.silence.unconfirmed = []
    call.life.status.policy = None
    call.life.settle(call.recording, call.ticks())
    assert call.recording.silence.unconfirmed == []
    with pytest.raises(RuntimeError, match="settings are known"):
        _ = call.life.policy


def test_a_requests_guards_go_before_its_resources() -> None:
    call = recording_call(pause_confirm_within=timedelta(seconds=1))
    guards = call.life.guards_of(call.recording)
    assert guards.pause_confirm_within == SECOND
    assert guards.on_pause_failure == POLICY.guards.on_pause_failure


def test_a_receiver_that_the_settings_do_not_allow_is_forgotten_and_said() -> None:
    call = Call(webhook_url="https://elsewhere.example/hook")
    assert call.recording.webhook_url is None
    assert "recording 1: " in call.timeline
    assert "webhook" in call.timeline


# Reading.


def test_the_current_recording_is_the_newest_that_was_asked_for() -> None:
    call = stopped_call()
    call.asks("start", request_id="s2")
    call.announced(chunk(9), of="another")
    assert call.life.current is call.life.recording(2)
    assert [each.number for each in call.life._controlled()] == [2]


@pytest.mark.parametrize(
    ("facts", "is_over"),
    [
        ({}, True),
        ({"state": "recording"}, False),
        ({"looked_for_until": at(9)}, False),
        ({"state": "declined", "recording_id": "r"}, False),
    ],
)
def test_a_call_is_over_once_all_its_recordings_are_and_none_is_waited_for(
    facts: dict[str, Any], is_over: bool
) -> None:
    call = Call(start_recording=False)
    known = {"actual": "stopped", "wanted": "stopped", "state": "empty", **facts}
    call.life.status.recordings = [a_recording(**known)]
    assert call.life.is_over is is_over
    call.life.status.kept_until = at(9)
    assert not call.life.is_over


def test_of_a_long_timeline_the_first_half_and_the_newest_are_kept() -> None:
    call = Call(start_recording=False)
    for number in range(MAX_TIMELINE + 2):
        call.life.note(NOON, str(number))
    kept = lines(call)
    assert len(kept) == MAX_TIMELINE
    half = MAX_TIMELINE // 2
    assert kept == [*map(str, range(half)), *map(str, range(half + 2, MAX_TIMELINE + 2))]
