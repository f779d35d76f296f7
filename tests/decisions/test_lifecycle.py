"""The lifecycle of a call: what a request, an end or a dead run changes, and what it leaves."""

from typing import Any

import pytest

from callvault.contracts.requests import CallEnded, ControlRequest, StartRequest
from callvault.contracts.takeover import LastState
from tests.policies import a_policy
from tests.unit.call import (
    NOON,
    SECOND,
    Call,
    agreed,
    awaiting,
    hashed,
    paused_call,
    recording_call,
    stopped_call,
)
from workflows.call import acs_answers, lifecycle
from workflows.call.commands import Operation
from workflows.call.silence import ARRIVAL_TIMEOUT, STARTING_TIMEOUT

from .facts import at

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


def test_a_request_stands_in_the_timeline_with_who_asked_and_why() -> None:
    call = recording_call()
    before = len(lines(call))
    call.asks("pause", requested_by="ana", reason="card")
    call.asks("stop", requested_by="ben", authenticated_as="k")
    assert lines(call, before) == ["pause asked by ana (card)", "stop asked by ben (k)"]


def test_a_hold_stands_in_the_timeline() -> None:
    call = awaiting("all_parties", "ana")
    held = f"held back, 1 of 1 in the call have not agreed: {hashed('ana')[:8]}…"
    assert lines(call)[-1] == f"recording 1: {held}"


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
    call.life.call_ended(CallEnded(ended_at=at(3)), at(10))
    assert (call.life.status.ended_at, lines(call)[-1]) == (at(ended), "the call ended hung up")


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
    call.recording.expires_at = at(1)
    call.life.taken_over(call.ticks())
    assert call.recording.expires_at is None, "what follows is derived anew"
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
