"""The lifecycle of a call: what is asked of ACS next, later, or never."""

from typing import Any

import pytest

from callvault.contracts.states import Actual, Wanted
from tests.unit.call import (
    ALL,
    NOON,
    Call,
    awaiting,
    paused_call,
    recording_call,
    stopped_call,
)
from workflows.call.commands import Command, Operation
from workflows.call.lifecycle import FIRST_REFUSED_INTERVAL, MAX_REFUSED_INTERVAL

from .facts import at

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
        (Command(1, Operation.PAUSE), True, False),
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


def test_nothing_sounds_anew_while_it_is_not_known_what_was_asked_before_a_reset() -> None:
    calls = {"start": Call(), "resume": paused_call(), "pause": recording_call()}
    calls["resume"].asks("resume")
    calls["pause"].asks("pause")
    assert {each: call.next for each, call in calls.items()} == {each: each for each in calls}
    for each in calls.values():
        each.life.is_recalling = True
    assert [each.next for each in calls.values()] == [None, None, "pause"]


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
        call.life.refused(call.recording, Operation.PAUSE, NOON)
        waits.append(call.recording.ask_again_at - NOON)
    first = FIRST_REFUSED_INTERVAL
    assert waits == [min(first * 2**n, MAX_REFUSED_INTERVAL) for n in range(8)]
    call.life.refused(call.recording, Operation.STOP, NOON)
    assert (call.recording.ask_again_at, call.recording.refusals) == (NOON + first, 1)
    call.life.settled(call.recording)
    assert (call.recording.refused_operation, call.recording.refusals) == ("", 0)
    assert call.recording.ask_again_at is None


def test_a_number_of_refusals_that_no_clock_can_hold_is_waited_for_as_long_as_any() -> None:
    call = recording_call()
    call.recording.refused_operation, call.recording.refusals = "pause", 9999
    call.life.refused(call.recording, Operation.PAUSE, NOON)
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


@pytest.mark.parametrize(
    ("begun_at", "told", "following"),
    [(at(1), "told", "adopt"), (at(1), None, None), (None, "told", None)],
)
def test_a_start_without_an_answer_is_made_certain_while_it_is_asked_for_no_more(
    begun_at: Any, told: str | None, following: str | None
) -> None:
    call = awaiting(ALL, "ana", before_consent="wait")
    call.recording.sound.begun_at, call.recording.callback_recording_id = begun_at, told
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
    call.life.in_flight = Command(2, Operation.PAUSE)
    assert not call.life.is_in_flight(call.recording)
    call.life.in_flight = None
    assert not call.life.is_in_flight(call.recording)
