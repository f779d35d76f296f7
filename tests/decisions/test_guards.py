"""Guards: what each waits for, at its very moment, and what Callvault does by itself then."""

from datetime import timedelta
from typing import Any

import pytest

from callvault.causes import Cause
from callvault.contracts.states import RequestState
from callvault.contracts.status import ControlRecord
from tests.unit.call import POLICY, SECOND, Call, paused_call, recording_call
from workflows.call.guards import STOP_CONFIRM_WITHIN, Watchdog

WITHIN = POLICY.guards.pause_confirm_within
MINUTE = timedelta(minutes=1)


def guarding(call: Call) -> Watchdog:
    return Watchdog(call.life, call.alarms)


def alarms(call: Call) -> list[tuple[str, str]]:
    return [(each.alarm.kind, each.alarm.severity) for each in call.life.status.alarms]


def said(call: Call) -> str:
    return "\n".join(each.alarm.what for each in call.life.status.alarms)


def asked_by_callvault(call: Call) -> list[tuple[str, str]]:
    records = call.life.status.requests.values()
    return [(r.operation, r.reason) for r in records if r.requested_by == "callvault"]


# A pause that ACS does not confirm.


@pytest.mark.parametrize(
    ("reaction", "is_stopped", "says"),
    [
        ("stop", True, "it is asked to stop, and may be recording until that is confirmed"),
        ("alarm", False, "it may be recording, and ACS is asked again until it is proven to"),
        ("mark", False, "what it records meanwhile is listed as unconfirmed"),
    ],
)
def test_a_pause_that_is_not_confirmed_in_time_fails_closed_once(
    reaction: str, is_stopped: bool, says: str
) -> None:
    call = recording_call(on_pause_failure=reaction)
    record = call.asks("pause", requested_by="agent")
    watch, due = guarding(call), record.requested_at + WITHIN
    assert watch.next_due() == due
    watch.act(due - SECOND)
    assert (alarms(call), record.is_overdue) == ([], False)
    watch.act(due)
    assert alarms(call) == [("pause_unconfirmed", "critical")]
    assert says in said(call)
    assert says in record.problem
    assert (record.is_overdue, record.is_to_be_stopped) == (True, is_stopped)
    stop = [("stop", "a pause could not be confirmed")]
    assert asked_by_callvault(call) == (stop if is_stopped else [])
    watch.act(due + MINUTE)
    assert len(alarms(call)) == 1


@pytest.mark.parametrize("operation", ["pause", "resume"])
def test_nothing_is_feared_of_what_has_not_begun_nor_of_a_resume(operation: str) -> None:
    call = Call() if operation == "pause" else paused_call()
    call.asks(operation)
    watch = guarding(call)
    watch.act(call.now + MINUTE / 2)
    assert alarms(call) == []


def test_why_a_pause_failed_is_kept_as_it_was_said_first_and_its_cause_told() -> None:
    call = recording_call()
    record = call.asks("pause", requested_by="agent")
    record.problem = "ACS refused it"
    guarding(call).act(record.requested_at + WITHIN)
    assert record.problem == "ACS refused it"
    assert call.life.status.alarms[0].alarm.cause is Cause.NO_ANSWER


def test_a_stop_that_is_not_confirmed_is_alarmed_once_for_all_who_asked() -> None:
    call = recording_call()
    first = call.asks("stop", requested_by="agent")
    second = call.asks("stop", requested_by="app")
    watch, due = guarding(call), first.received_at + STOP_CONFIRM_WITHIN
    assert watch.next_due() == due
    watch.act(due - SECOND)
    assert (alarms(call), first.is_overdue) == ([], False)
    watch.act(due)
    assert alarms(call) == [("state_unexpected", "critical")]
    assert "the stop asked by agent: it is not confirmed yet" in said(call)
    watch.act(second.received_at + STOP_CONFIRM_WITHIN)
    assert second.is_overdue
    assert len(alarms(call)) == 1


def test_no_stop_is_late_of_what_has_not_begun() -> None:
    call = Call()
    call.asks("stop")
    guarding(call).act(call.now + MINUTE * 2)
    assert alarms(call) == []


@pytest.mark.parametrize("is_held", [True, False])
def test_a_pause_that_a_stop_overtakes_is_feared_for_while_it_may_be_recording(
    is_held: bool,
) -> None:
    call = recording_call(on_pause_failure="alarm")
    record = call.asks("pause", requested_by="agent")
    if not is_held:
        call.asks("resume", requested_by="agent")
    call.asks("stop")
    assert record.state is RequestState.SUPERSEDED
    guarding(call).act(record.requested_at + WITHIN)
    assert alarms(call) == ([("pause_unconfirmed", "critical")] if is_held else [])


def test_nothing_is_feared_once_the_stop_that_overtook_a_pause_is_confirmed() -> None:
    call = recording_call(on_pause_failure="alarm")
    record = call.asks("pause", requested_by="agent")
    call.asks("stop")
    call.confirms("stop")
    guarding(call).act(record.requested_at + WITHIN)
    assert alarms(call) == []


def stopped_after_a_failed_pause() -> tuple[Call, Watchdog, ControlRecord]:
    call = recording_call(on_pause_failure="stop")
    record = call.asks("pause", requested_by="agent")
    watch = guarding(call)
    watch.act(record.requested_at + WITHIN)
    call.now = record.requested_at + WITHIN
    return call, watch, record


def test_that_it_has_stopped_is_said_once_it_is_so() -> None:
    call, watch, record = stopped_after_a_failed_pause()
    watch.act(call.ticks())
    assert alarms(call) == [("pause_unconfirmed", "critical")], "it may record still"
    assert record.is_to_be_stopped
    call.confirms("stop")
    assert watch.next_due() == call.recording.stopped_at
    watch.act(call.ticks())
    assert alarms(call)[1:] == [("pause_unconfirmed", "warning")]
    since, until = record.requested_at, call.recording.stopped_at
    assert f"recorded from {since:%H:%M:%S} to {until:%H:%M:%S} UTC" in said(call)
    assert (record.is_to_be_stopped, watch.next_due()) == (False, None)


def test_an_end_that_nobody_dated_is_that_of_now() -> None:
    call, watch, record = stopped_after_a_failed_pause()
    call.confirms("stop")
    call.recording.stopped_at = None
    assert watch.next_due() == record.requested_at
    watch.act(now := call.ticks())
    assert f"to {now:%H:%M:%S} UTC" in said(call)


# A pause that ACS refuses.


def test_a_refused_pause_is_alarmed_once_for_all_who_waited_for_it() -> None:
    call = recording_call()
    records = [call.asks("pause", requested_by=who) for who in ("ana", "ben")]
    call.refuses(call.is_asked("pause"))
    watch = guarding(call)
    watch.pause_refused(call.recording, "the key is not accepted", Cause.WORKER, call.now)
    assert alarms(call) == [("pause_unconfirmed", "critical")]
    assert "asked by ana failed (the key is not accepted)" in said(call)
    assert [record.is_overdue for record in records] == [True, True]
    watch.pause_refused(call.recording, "again", None, call.now)
    assert len(alarms(call)) == 1, "those who waited know"


def test_a_refused_pause_that_was_alarmed_because_it_took_too_long_is_not_alarmed_again() -> None:
    call = recording_call()
    first = call.asks("pause", requested_by="ana")
    first.is_overdue = True
    second = call.asks("pause", requested_by="ben")
    call.refuses(call.is_asked("pause"))
    guarding(call).pause_refused(call.recording, "no", None, call.now)
    assert (alarms(call), second.is_overdue) == ([], True)


@pytest.mark.parametrize("other", ["earlier", "resume", "another recording", "confirmed", "none"])
def test_only_pauses_of_this_recording_that_failed_just_now_are_alarmed(other: str) -> None:
    call = recording_call()
    record = call.asks("pause")
    record.state, record.settled_at = RequestState.FAILED, call.now
    when = call.now
    if other == "earlier":
        record.settled_at = call.now - SECOND
    if other == "resume":
        record.operation = "resume"
    if other == "another recording":
        record.recording = 7
    if other == "confirmed":
        record.state = RequestState.CONFIRMED
    guarding(call).pause_refused(call.recording, "no", None, when)
    assert bool(alarms(call)) is record.is_overdue is (other == "none")


# A pause that was confirmed too late.


def confirmed(after: timedelta, **terms: Any) -> tuple[Call, ControlRecord]:
    """Make a call whose pause is confirmed that long after it was asked for."""
    call = recording_call(**terms)
    record = call.asks("pause", requested_by="agent")
    command = call.is_asked("pause")
    call.now = record.requested_at + after - SECOND
    call.answers(command)
    assert record.state == "confirmed"
    return call, record


@pytest.mark.parametrize(("late", "is_alarmed"), [(timedelta(), False), (SECOND, True)])
@pytest.mark.parametrize(("reaction", "is_stopped"), [("stop", True), ("alarm", False)])
def test_a_pause_that_was_confirmed_later_than_it_may_is_alarmed(
    late: timedelta, is_alarmed: bool, reaction: str, is_stopped: bool
) -> None:
    call, record = confirmed(WITHIN + late, on_pause_failure=reaction)
    watch = guarding(call)
    for _ in range(2):
        watch.confirmed_late(call.recording, record, call.now)
    assert alarms(call) == [("pause_unconfirmed", "critical")] * is_alarmed
    assert record.is_overdue is is_alarmed
    stop = [("stop", "a pause was confirmed too late")] * (is_alarmed and is_stopped)
    assert asked_by_callvault(call) == stop
    if is_alarmed:
        words = (
            f"came at {record.requested_at:%H:%M:%S} UTC, and was confirmed at {call.now:%H:%M:%S}"
        )
        assert words in said(call)


@pytest.mark.parametrize(
    "facts", [{"operation": "stop"}, {"is_overdue": True}, {"state": "failed"}]
)
def test_what_is_no_pause_or_was_alarmed_or_not_confirmed_is_not_late(facts: dict) -> None:
    call, record = confirmed(WITHIN + MINUTE)
    for name, value in facts.items():
        setattr(record, name, value)
    guarding(call).confirmed_late(call.recording, record, call.now)
    assert alarms(call) == []


def test_a_confirmation_that_was_taken_back_meanwhile_is_alarmed_elsewhere() -> None:
    call, record = confirmed(WITHIN + MINUTE)
    call.recording.silence.silent.clear()
    guarding(call).confirmed_late(call.recording, record, call.now)
    assert alarms(call) == []


def test_an_earlier_recordings_late_pause_stops_no_later_one() -> None:
    call, record = confirmed(WITHIN + MINUTE, on_pause_failure="stop")
    first = call.recording
    call.asks("stop")
    call.confirms("stop")
    call.asks("start", request_id="s2")
    guarding(call).confirmed_late(first, record, call.now)
    assert asked_by_callvault(call) == []
