"""Readings of a state: what each is believed or doubted for, and what is amiss."""

import pytest

from callvault.contracts.states import Actual, Wanted
from tests.unit.call import Call, awaiting, paused_call, recording_call

from .facts import at, at_or_none, seconds, silences_of, silent
from .test_callbacks import PAUSED_AGAIN, SURPRISE, in_state, reads

# Readings.


@pytest.mark.parametrize(
    ("actual", "wanted", "state", "after", "says"),
    [
        (Actual.ACTIVE, Wanted.ACTIVE, "active", Actual.ACTIVE, None),
        (Actual.ACTIVE, Wanted.ACTIVE, "unknown", Actual.ACTIVE, None),
        (Actual.UNKNOWN, Wanted.ACTIVE, "active", Actual.ACTIVE, None),
        (Actual.UNKNOWN, Wanted.ACTIVE, "inactive", Actual.PAUSED, None),
        (Actual.ACTIVE, Wanted.ACTIVE, "inactive", Actual.PAUSED, "nobody here paused it"),
        (Actual.ACTIVE, Wanted.PAUSED, "inactive", Actual.PAUSED, None),
        (Actual.ACTIVE, Wanted.PAUSED, "active", Actual.ACTIVE, None),
        (Actual.PAUSED, Wanted.PAUSED, "inactive", Actual.PAUSED, None),
        (Actual.PAUSED, Wanted.PAUSED, "active", Actual.ACTIVE, PAUSED_AGAIN),
        (Actual.PAUSED, Wanted.ACTIVE, "active", Actual.ACTIVE, None),
        (Actual.ACTIVE, Wanted.STOPPED, "inactive", Actual.ACTIVE, None),
        (Actual.PAUSED, Wanted.STOPPED, "active", Actual.PAUSED, None),
    ],
)
def test_a_reading_is_believed_and_what_is_not_as_it_was_asked_for_is_said(
    actual: Actual, wanted: Wanted, state: str, after: Actual, says: str | None
) -> None:
    call = in_state(recording_call(), actual, wanted, needs_read=True)
    if wanted is Wanted.PAUSED:
        call.asks("pause", requested_by="agent")
    told = reads(call, state)
    assert (says in (told or "")) if says else told is None
    assert (call.recording.actual, call.recording.needs_read) == (after, False)
    assert bool(silences_of(call.recording)) is (state == "inactive")


@pytest.mark.parametrize(("read", "is_confirmed"), [(None, True), (2, False)])
def test_what_somebody_else_paused_is_held_for_people_and_proven_if_it_was_read_since(
    read: float | None, is_confirmed: bool
) -> None:
    call = recording_call()
    reads(call, "inactive", read_at=read)
    [pause] = call.recording.pauses
    assert (pause.requested_by, pause.requested_at) == ("somebody else", call.now)
    assert call.recording.wanted is Wanted.PAUSED
    assert (pause.confirmed_at == call.now) is is_confirmed


def test_what_is_not_to_record_is_asked_to_pause_again_by_whoever_demands_it() -> None:
    for call, who in ((paused_call(), "callvault"), (held_and_paused(), "consent-gate")):
        before = len(call.life.status.requests)
        assert reads(call, "active") == PAUSED_AGAIN
        new = list(call.life.status.requests.values())[before:]
        assert [(r.operation, r.requested_by, r.reason) for r in new] == [
            ("pause", who, "ACS records, although it was paused")
        ]


def held_and_paused() -> Call:
    call = awaiting("all_parties", "ana")
    call.agrees("ana")
    call.confirms("start", "confirm")
    call.withdraws("ana")
    return call.confirms("pause")


@pytest.mark.parametrize(
    ("known", "read", "is_believed"),
    [(10, 9, False), (10, 10, True), (10, 11, True), (None, 9, True), (10, None, True)],
)
def test_a_reading_that_was_sent_before_what_is_known_is_not_believed(
    known: float | None, read: float | None, is_believed: bool
) -> None:
    call = in_state(recording_call(), Actual.UNKNOWN, known_at=at_or_none(known))
    reads(call, "active", read_at=read)
    assert (call.recording.actual is Actual.ACTIVE) is is_believed
    assert call.recording.needs_read is (not is_believed)


def test_a_reading_that_is_too_old_and_says_what_is_known_costs_no_other_one() -> None:
    call = in_state(recording_call(), Actual.ACTIVE, known_at=at(10))
    reads(call, "active", read_at=9)
    assert not call.recording.needs_read


@pytest.mark.parametrize(("received", "known"), [(12, 12), (None, None)])
def test_a_state_is_known_since_its_reading_came_back(
    received: float | None, known: float | None
) -> None:
    call = in_state(recording_call(), Actual.UNKNOWN)
    reads(call, "active", received_at=received)
    assert call.recording.known_at == (at(known) if known else call.now)


@pytest.mark.parametrize("meanwhile", [True, False])
@pytest.mark.parametrize(
    ("sent", "received", "says", "is_over"),
    [(10, 20, SURPRISE, True), (4, 20, None, False), (30, 40, None, False)],
)
def test_sound_that_was_read_within_a_silence_is_said_and_ends_the_pause(
    meanwhile: bool, sent: float, received: float, says: str | None, is_over: bool
) -> None:
    call = in_state(paused_call(), Actual.PAUSED, Wanted.STOPPED)
    call.recording.pauses[0].confirmed_at = at(5)
    call.recording.silence.silent = [silent(5, 25)]
    told = reads(call, "active", meanwhile, read_at=sent, received_at=received)
    assert told == says
    assert (call.recording.pauses[0].resumed_at is not None) is is_over


def test_sound_under_way_as_it_was_sent_for_ends_the_pause_and_is_no_surprise() -> None:
    call = in_state(paused_call(), Actual.ACTIVE, Wanted.ACTIVE)
    call.recording.pauses[0].confirmed_at = at(5)
    call.recording.silence.silent = [silent(5, 15)]
    assert reads(call, "active", read_at=10, received_at=20) is None
    assert call.recording.pauses[0].resumed_at is not None


@pytest.mark.parametrize(
    ("read", "received", "since"), [(50, 60, 60), (50, None, None), (None, 60, 60)]
)
def test_inactive_is_silence_since_its_receipt(
    read: float | None, received: float | None, since: float | None
) -> None:
    call = in_state(recording_call(), Actual.UNKNOWN, Wanted.PAUSED)
    reads(call, "inactive", read_at=read, received_at=received)
    expected = at(since) if since else max(call.now, at(50))
    assert silences_of(call.recording) == [(seconds(expected), None)]


@pytest.mark.parametrize(
    ("known", "told", "after"),
    [(None, 7, 7), (5, 7, 7), (9, 7, 9), (5, None, 5), (None, None, None)],
)
def test_an_earlier_reading_of_the_same_poll_is_known_and_takes_nothing_back(
    known: float | None, told: float | None, after: float | None
) -> None:
    call = recording_call()
    call.recording.sound.inactive_at = at_or_none(known)
    reads(call, "active", inactive_at=told)
    assert seconds(call.recording.sound.inactive_at) == after
    is_taken = told is not None and after == told
    assert call.recording.sound.inactive_received_at == (call.now if is_taken else None)


def test_acs_refuses_nothing_any_more_that_is_read_to_be_silent() -> None:
    call = recording_call()
    call.asks("pause")
    call.refuses(call.is_asked("pause"))
    reads(call, "active")
    assert call.recording.refused_operation == "pause"
    reads(call, "inactive")
    assert (call.recording.refused_operation, call.recording.ask_again_at) == ("", None)


def test_a_reading_while_something_is_asked_confirms_what_it_proves() -> None:
    call = recording_call()
    record = call.asks("pause")
    reads(call, "inactive", meanwhile=True)
    assert record.state == "confirmed"
    assert call.recording.actual is Actual.ACTIVE, "what is asked may find it otherwise"
