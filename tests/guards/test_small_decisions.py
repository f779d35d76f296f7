"""Decisions of one line, each with what was promised by it."""

from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from callvault.archive.manifests.service_account import _beginning
from callvault.causes import Cause
from callvault.contracts.alarms import AlarmKind, Severity
from callvault.contracts.consent import Presence
from callvault.contracts.requests import ControlRequest
from callvault.contracts.status import ControlRecord, PauseRecord
from callvault.contracts.takeover import LastState
from callvault.ingest.router import Router
from callvault.ingest.routes import Route
from callvault.temporal.call_client import CallClient
from tests.unit.call import (
    ALL,
    NOON,
    POLICY,
    SECOND,
    Call,
    awaiting,
    hashed,
    paused_call,
    recording_call,
    seen,
)
from workflows.call import (
    callbacks,
    consent,
    deadlines,
    pauses,
    presence,
    silence,
    state_limits,
    unconfirmed,
)
from workflows.call.commands import Operation
from workflows.call.silence import Span


class Traces:
    """Calls of which traces are left, in a list."""

    def __init__(self) -> None:
        self.left: list[str] = []
        self.client = None

    async def record_call_seen(self, seen: Any) -> None:
        self.left.append(seen.server_call_id)


@pytest.mark.parametrize("is_wanted", [True, False])
async def test_a_trace_of_a_call_is_left_where_the_resource_wants_it_alone(
    is_wanted: bool,
) -> None:
    traces = Traces()
    router = Router(cast(Any, None), cast(CallClient, traces))
    route = SimpleNamespace(tracks_calls=is_wanted, records_all_calls=False, resource="default")
    await router._remember("call-1", NOON, "began", cast(Route, route))
    await router._remember("call-2", NOON, "began", None)
    assert traces.left == (["call-1"] if is_wanted else [])


def test_an_earlier_reading_that_is_heard_of_later_takes_nothing_back() -> None:
    call = recording_call()
    later, earlier = (
        seen("active").model_copy(update={"inactive_at": call.now - n * SECOND}) for n in (1, 9)
    )
    for each in (later, earlier):
        callbacks.observed(call.life, call.recording, each, call.ticks())
    assert call.recording.sound.inactive_at == later.inactive_at


def test_a_reading_while_it_is_being_stopped_does_not_set_it_going() -> None:
    call = paused_call()
    call.asks("stop")
    call.polls("active")
    assert (call.recording.wanted, call.recording.actual) == ("stopped", "paused")


def test_a_reading_that_tells_no_state_leaves_what_is_known() -> None:
    call = recording_call()
    call.polls("unknown")
    assert call.recording.actual == "active"


def test_what_began_paused_has_no_sound_before_it_is_resumed() -> None:
    call = recording_call()
    sound = call.recording.sound
    begun = sound.begun_at
    assert begun is not None
    sound.active_at = begun + 61 * SECOND
    pause = PauseRecord(requested_by="a", reason="", requested_at=begun, received_at=begun)
    call.recording.pauses = [pause]
    assert _beginning(call.recording).since == begun, "it may have sounded: no resume is known"
    pause.resumed_at = begun + 60 * SECOND
    assert _beginning(call.recording) == (pause.resumed_at, sound.active_at)
    pause.received_at = begun + SECOND
    assert _beginning(call.recording).since == begun


def test_of_too_many_decisions_the_oldest_that_was_replaced_is_forgotten_alone() -> None:
    call = Call()
    for number in range(consent.MAX_RECORDS):
        call.decides("ana", number % 2 == 0)
    status = call.life.status
    assert (len(status.consents), status.consents_left_out) == (consent.MAX_RECORDS, 0)
    second, newest = status.consents[1], status.consents[-1]
    call.decides("ben", True)
    assert (len(status.consents), status.consents_left_out) == (consent.MAX_RECORDS, 1)
    assert (status.consents[0], status.consents[-2]) == (second, newest)
    assert consent.standing(status) == {hashed("ana"): False, hashed("ben"): True}


@pytest.mark.parametrize(("people", "are_more"), [(2, False), (3, False), (4, True)])
def test_who_has_not_agreed_is_named_and_more_only_where_there_are_more(
    people: int, are_more: bool
) -> None:
    call = awaiting(ALL, *(f"p{number}" for number in range(people)))
    told = consent.missing(call.life.status, call.recording.consent)
    assert f"{people} of {people}" in told
    assert told.count("…") == min(people, 3)
    assert ("and more" in told) is are_more


def test_that_too_much_is_announced_is_said_once_whatever_else_was_said() -> None:
    call = recording_call()
    call.alarms.add(AlarmKind.DUTIES, Severity.WARNING, "something", call.recording, NOON)
    for _ in range(3):
        call.alarms.too_much(NOON)
    kinds = [record.alarm.kind for record in call.life.status.alarms]
    assert kinds == [AlarmKind.DUTIES, AlarmKind.TOO_MUCH]


def test_a_recording_that_is_given_up_stands_in_the_timeline_with_its_reason() -> None:
    call = Call()
    call.life.decline(call.recording, "nobody agreed", call.ticks())
    assert "recording 1: declined, nobody agreed" in call.timeline


@pytest.mark.parametrize("joined_at", [NOON, None])
def test_a_going_that_another_run_was_told_of_later_is_kept_with_all_its_times(
    joined_at: datetime | None,
) -> None:
    stay = Presence(
        participant=hashed("ana"),
        connection="a",
        joined_at=joined_at,
        left_at=NOON + 5 * SECOND,
        told_at=NOON + 9 * SECOND,
    )
    call = Call()
    presence.add_stays(call.life.status, [stay])
    assert call.life.status.participants == [stay]


def test_two_recordings_are_not_one_for_their_number_unless_the_run_was_reset() -> None:
    for is_reset, numbers in ((False, [1, 2]), (True, [1])):
        dead, call = recording_call(), Call()
        last = LastState(run_id="dead", status=dead.life.status)
        assert call.life.recalled(last, NOON, is_reset=is_reset)
        assert [each.number for each in call.life.status.recordings] == numbers


def test_silence_that_was_wanted_before_the_beginning_is_in_doubt_from_the_beginning() -> None:
    call = recording_call()
    begun = call.recording.sound.begun_at
    assert begun is not None
    wanted = Span(begun - 60 * SECOND, begun + 60 * SECOND)
    silence.was_wanted(call.recording, wanted, "told late", 5 * SECOND, begun + 90 * SECOND)
    [doubt] = call.recording.silence.unconfirmed
    assert (doubt.since, doubt.until) == (begun, wanted.until)


def test_a_state_is_measured_when_it_may_have_outgrown_its_room_and_not_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    measured: list[int] = []

    def fit(_: object, limit: int, __: object) -> int:
        measured.append(limit)
        return 3 * state_limits.LEAST_ROOM

    monkeypatch.setattr(state_limits, "fit", fit)
    life = Call().life
    life._grown = life._room - state_limits.MAX_NOTE_SIZE
    life.note(NOON, "it has grown to its room exactly")
    assert measured == []
    life.note(NOON, "it may have grown beyond")
    assert measured == [state_limits.MAX_SIZE]
    for _ in range(3 * state_limits.LEAST_ROOM // state_limits.MAX_NOTE_SIZE):
        life.note(NOON, "there is room as was measured")
    assert len(measured) == 1
    life.note(NOON, "and no more")
    assert len(measured) == 2


@pytest.mark.parametrize(
    ("unseen", "waited", "cause"),
    [(10, 5, Cause.WORKER), (5, 10, Cause.NO_ANSWER), (5, 5, Cause.NO_ANSWER)],
)
def test_a_pause_that_waited_longer_for_a_worker_than_for_acs_is_the_workers_fault(
    unseen: int, waited: int, cause: Cause
) -> None:
    call = recording_call()
    record: ControlRecord = call.life.request(
        Operation.PAUSE, ControlRequest(requested_at=call.now), call.now + unseen * SECOND
    )
    now = record.received_at + timedelta(seconds=waited)
    why, found = unconfirmed.why(call.recording, record, now)
    assert found is cause
    assert f"for {max(unseen, waited)} s" in why


@pytest.mark.parametrize("is_stopped", [True, False])
def test_silence_that_consent_demands_says_how_it_is_kept(is_stopped: bool) -> None:
    call = awaiting(ALL, "ana")
    call.agrees("ana")
    call.confirms("start", "confirm")
    call.withdraws("ana")
    if is_stopped:
        call.asks("stop")
    call.recording.pauses.clear()
    wanted = pauses.silence_wanted(call.recording)
    assert wanted is not None
    assert ("being stopped" in wanted[1]) is is_stopped
    assert ("held back" in wanted[1]) is not is_stopped


def test_a_step_of_the_escalation_has_passed_at_its_very_moment() -> None:
    for number, age in enumerate(deadlines.escalation_ages(POLICY)):
        assert deadlines.steps_passed(POLICY, age - SECOND) == number
        assert deadlines.steps_passed(POLICY, age) == number + 1


def test_every_step_of_the_escalation_is_followed_by_the_next_until_the_last() -> None:
    ages = deadlines.escalation_ages(POLICY)
    assert [deadlines.next_step(POLICY, passed) for passed in range(len(ages))] == [*ages]
    assert deadlines.next_step(POLICY, len(ages)) is None
