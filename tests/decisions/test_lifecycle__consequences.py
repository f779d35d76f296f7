"""The consequences that the lifecycle of a call draws: ends, doubts, the state."""

from datetime import timedelta
from typing import Any

import pytest

from callvault.contracts.states import Actual, Wanted
from tests.unit.call import (
    NOON,
    POLICY,
    SECOND,
    Call,
    chunk,
    recording_call,
    stopped_call,
)
from workflows.call import acs_answers, lifecycle
from workflows.call.commands import Operation
from workflows.call.lifecycle import MAX_TIMELINE

from .facts import a_call, a_recording, at

# What is asked of ACS.


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


@pytest.mark.parametrize("unknown", ["is_beginning", "is_recalling"])
def test_nothing_never_began_while_a_run_before_a_reset_may_know_more(unknown: str) -> None:
    call, on = Call(), recording_call()
    for each in (call, on):
        assert not each.life.may_be_behind
        setattr(each.life, unknown, True)
        assert each.life.may_be_behind
    stop, pause = call.asks("stop"), on.asks("pause")
    assert (stop.state, call.recording.actual) == ("pending", Actual.NONE)
    on.confirms("pause")
    assert pause.state == "confirmed"
    call.life.is_beginning = False
    call.life.recall_ended(call.ticks())
    assert (stop.state, call.recording.actual) == ("confirmed", Actual.STOPPED)
    assert not call.life.may_be_behind


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
    call.life.refused(call.recording, Operation.PAUSE, NOON)
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


def test_a_state_may_grow_by_the_least_room_before_it_is_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    measured: list[object] = []
    monkeypatch.setattr(lifecycle.state_limits, "fit", lambda *told: measured.append(told) or 0)
    life = lifecycle.Lifecycle(a_call())
    life._grows(lifecycle.state_limits.LEAST_ROOM, NOON)
    assert measured == []
    life._grows(1, NOON)
    assert len(measured) == 1
    life._grows(lifecycle.state_limits.LEAST_ROOM, NOON)
    assert len(measured) == 1


def test_of_a_long_timeline_the_first_half_and_the_newest_are_kept() -> None:
    call = Call(start_recording=False)
    for number in range(MAX_TIMELINE + 2):
        call.life.note(NOON, str(number))
    kept = call.timeline.splitlines()
    assert len(kept) == MAX_TIMELINE
    half = MAX_TIMELINE // 2
    assert kept == [*map(str, range(half)), *map(str, range(half + 2, MAX_TIMELINE + 2))]
