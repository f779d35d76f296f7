"""Does word that comes late, or of a time that is not known, change what is claimed and recorded?

What somebody wanted counts from when they wanted it, whoever tells of it, and however late.
"""

from datetime import timedelta
from typing import Any

import pytest

from bench.simulation.life import NOON
from bench.simulation.protocol import payload, signal
from bench.simulation.server import Server
from callvault.contracts import names
from callvault.contracts.signal_times import SignalTimes
from tests.simulation.calls import (
    ACTIVE,
    after,
    answer,
    begun,
    learns,
    recorded,
    recording_of,
    seen,
    silent,
    starts,
    stops,
    tell,
    unconfirmed,
    under_way,
    wait,
)

ANA, BOB = "a" * 64, "b" * 64
NOT_KNOWN = "0001-01-01T00:00:00Z"
"""As the service writes a time that it does not know."""


def agreed(policy: str, *people: str, **terms: Any) -> Server:
    """Record a call in which these are, and have agreed."""
    asked = {"consentPolicy": policy, "participants": people, "requestedBy": "app", **terms}
    server = begun(asked)
    for who in people:
        tell(server, names.CONSENT, participant=who, given=True)
    learns(server)
    starts(server)
    return server


def refuses(server: Server, who: str, **told: Any) -> None:
    tell(server, names.CONSENT, participant=who, given=False, **told)


def leaves(server: Server, who: str, **told: Any) -> None:
    tell(server, names.PARTICIPANT_CHANGED, participant=who, joined=False, **told)


def moves(server: Server, who: str, *, joined: bool, at: str) -> None:
    told = {"participant": who, "joined": joined, "connection": "d", "at": at}
    tell(server, names.PARTICIPANT_CHANGED, **told)


# Times that are not known.


def test_a_callback_without_a_known_time_is_folded_and_the_call_goes_on() -> None:
    server = recorded()
    tell(server, names.PAUSE, requestedBy="agent", requestedAt=after(0))
    answer(server, "pause_recording", seen(server, "inactive"))
    told = {"recording": 1, "recordingId": "r", "state": "active", "at": NOT_KNOWN}
    tell(server, names.RECORDING_STATE_CHANGED, **told)
    tell(server, names.PAUSE, requestedBy="agent", requestedAt=after(1))
    assert under_way(server, "read_state")


def test_a_withdrawal_without_a_known_time_counts_from_when_it_came() -> None:
    server = agreed("all_parties", ANA)
    wait(server, 60)
    refuses(server, ANA, decidedAt=NOT_KNOWN)
    wait(server, 60)
    tell(server, names.CONSENT, participant=ANA, given=True, decidedAt=after(30))
    assert recording_of(server).is_held


def test_a_leaving_without_a_known_time_is_folded() -> None:
    server = agreed("any_party", BOB)
    refuses(server, BOB)
    moves(server, ANA, joined=True, at=after(0))
    leaves(server, BOB)
    tell(server, names.CONSENT, participant=ANA, given=True)
    assert not recording_of(server).is_held
    moves(server, ANA, joined=False, at=NOT_KNOWN)
    assert recording_of(server).is_held


def test_a_coming_again_without_a_known_time_is_folded() -> None:
    server = agreed("all_parties", ANA)
    moves(server, BOB, joined=True, at=after(0))
    moves(server, BOB, joined=False, at=after(0))
    assert not recording_of(server).is_held
    wait(server, 60)
    moves(server, BOB, joined=True, at=NOT_KNOWN)
    assert recording_of(server).is_held


# Leavings that are older than what is known.


def test_a_leaving_from_before_somebody_was_named_is_no_leaving_of_now() -> None:
    server = begun({"consentPolicy": "all_parties", "participants": [ANA, BOB]})
    tell(server, names.CONSENT, participant=BOB, given=True)
    learns(server)
    answer(server, "start_recording", seen(server, "inactive"))
    leaves(server, ANA, at=after(-30))
    assert recording_of(server).is_held
    leaves(server, ANA, at=after(1))
    assert not recording_of(server).is_held


@pytest.mark.parametrize("device", ["", "d1"])
def test_who_is_told_to_have_left_before_they_refused_may_be_in_the_call(device: str) -> None:
    server = agreed("any_party", BOB)
    wait(server, 60)
    refuses(server, ANA, decidedAt=after(59.9))
    leaves(server, ANA, connection=device, at=after(40))
    assert recording_of(server).is_held
    # Clocks that are set over the network differ by some seconds.
    leaves(server, ANA, connection=device, at=after(55))
    assert not recording_of(server).is_held


def test_word_of_one_device_that_comes_late_leaves_the_others_to_be_told_of() -> None:
    """Another device was open: its leaving was the last, and the hold never ended."""
    server = agreed("all_parties", ANA)
    for device in ("d1", "d2"):
        told = {"participant": BOB, "joined": True, "connection": device, "at": after(0)}
        tell(server, names.PARTICIPANT_CHANGED, **told)
    wait(server, 60)
    refuses(server, BOB, decidedAt=after(59.9))
    leaves(server, BOB, connection="d1", at=after(45))
    leaves(server, BOB, connection="d1", at=after(45))
    leaves(server, BOB, connection="d2", at=after(60))
    assert not recording_of(server).is_held


def test_a_leaving_before_a_withdrawal_of_which_the_time_is_not_known_yet_counts() -> None:
    server = agreed("all_parties", ANA, BOB)
    server.be_away(timedelta(minutes=2))
    refuses(server, BOB)
    leaves(server, BOB, at=after(65))
    assert not recording_of(server).is_held


def test_somebody_is_named_as_of_when_the_request_was_made() -> None:
    server = agreed("all_parties", ANA)
    wait(server, 60)
    stops(server)
    wait(server, 60)
    asked = {"participants": [ANA, BOB], "consentPolicy": "all_parties", "requestedBy": "app"}
    tell(server, names.START, **asked, requestedAt=after(70))
    leaves(server, BOB, at=after(90))
    assert not server.run.workflow.call.recording(2).is_held


@pytest.mark.parametrize("device", ["", "d"])
def test_a_leaving_that_is_older_than_a_coming_does_not_undo_it(device: str) -> None:
    server = agreed("all_parties", ANA)
    wait(server, 10)
    told = {"participant": BOB, "connection": device}
    tell(server, names.PARTICIPANT_CHANGED, **told, joined=True, at=after(10))
    answer(server, "pause_recording", seen(server, "inactive"))
    wait(server, 40.5)
    refuses(server, BOB, decidedAt=after(20))
    for joined, seconds in ((True, 50), (False, 40)):
        tell(server, names.PARTICIPANT_CHANGED, **told, joined=joined, at=after(seconds))
    assert recording_of(server).is_held
    leaves(server, BOB, connection=device, at=after(50.2))
    assert not recording_of(server).is_held


@pytest.mark.parametrize("device", ["", "d"])
def test_a_leaving_that_is_known_before_the_coming_ends_it(device: str) -> None:
    server = agreed("all_parties", ANA)
    wait(server, 60)
    for joined, seconds in ((False, 50), (True, 40)):
        told = {"connection": device, "joined": joined, "at": after(seconds)}
        tell(server, names.PARTICIPANT_CHANGED, participant=BOB, **told)
    assert not recording_of(server).is_held
    assert unconfirmed(server) == [(40, 50)]


# What was wanted before word of it came.


@pytest.mark.parametrize("policy", ["all_parties", "any_party"])
def test_a_refusal_counts_until_its_person_left_also_where_word_of_it_comes_after(
    policy: str,
) -> None:
    server = agreed(policy, ANA, BOB)
    wait(server, 90)
    leaves(server, BOB, at=after(90))
    wait(server, 30)
    refuses(server, BOB, decidedAt=after(60))
    assert not recording_of(server).is_held
    assert unconfirmed(server) == [(60, 90)]


@pytest.mark.parametrize("policy", ["all_parties", "any_party"])
@pytest.mark.parametrize("device", ["", "d"])
def test_who_refused_and_left_objects_since_they_are_back(policy: str, device: str) -> None:
    server = agreed(policy, ANA, onPauseFailure="stop")
    told = {"participant": BOB, "connection": device}
    tell(server, names.PARTICIPANT_CHANGED, **told, joined=True, at=after(0))
    wait(server, 1)
    refuses(server, BOB, decidedAt=after(1))
    answer(server, "pause_recording", seen(server, "inactive"))
    wait(server, 9)
    tell(server, names.PARTICIPANT_CHANGED, **told, joined=False, at=after(10))
    answer(server, "resume_recording", seen(server, "active"))
    wait(server, 590)
    tell(server, names.PARTICIPANT_CHANGED, **told, joined=True, at=after(600))
    assert recording_of(server).holds[-1].since == server.now
    answer(server, "pause_recording", seen(server, "inactive"))
    assert silent(server)[-1] == (600, None)
    assert not server.run.workflow.call.status.alarms


def test_word_of_a_refusal_comes_after_its_person_is_back_who_was_gone_meanwhile() -> None:
    server = agreed("any_party", ANA)
    wait(server, 600)
    for joined, seconds in ((True, 0), (False, 10), (True, 600)):
        moves(server, BOB, joined=joined, at=after(seconds))
    wait(server, 20)
    refuses(server, BOB, decidedAt=after(5))
    assert unconfirmed(server) == [(5, 10), (600, None)]


def test_consent_was_missing_since_the_last_who_agreed_was_here() -> None:
    server = agreed("any_party", ANA, BOB)
    moves(server, "c" * 64, joined=True, at=after(0))
    wait(server, 20)
    leaves(server, ANA, at=after(20))
    wait(server, 80)
    refuses(server, BOB, decidedAt=after(100))
    answer(server, "pause_recording", seen(server, "inactive"))
    wait(server, 30)
    leaves(server, BOB, at=after(130))
    assert recording_of(server).is_held
    assert unconfirmed(server) == []
    assert silent(server) == [(100, None)]


def test_the_refusal_of_somebody_who_is_needed_counts_wherever_they_are() -> None:
    server = agreed("named", ANA, BOB, consentParticipants=[ANA, BOB])
    leaves(server, BOB, at=after(30))
    wait(server, 120)
    refuses(server, BOB, decidedAt=after(60))
    assert unconfirmed(server) == [(60, None)]


def test_a_refusal_of_which_word_comes_after_the_end_counts() -> None:
    server = agreed("all_parties", ANA)
    wait(server, 90)
    stops(server)
    wait(server, 30)
    refuses(server, ANA, decidedAt=after(60))
    assert unconfirmed(server) == [(60, 90)]


def test_a_pause_of_which_word_comes_after_the_end_counts() -> None:
    server = recorded()
    wait(server, 90)
    stops(server)
    wait(server, 30)
    tell(server, names.PAUSE, requestedBy="agent", requestedAt=after(60))
    assert unconfirmed(server) == [(60, 90)]


def test_a_pause_that_was_released_before_the_end_is_repeated_after_it() -> None:
    server = recorded()
    tell(server, names.PAUSE, requestedBy="agent", requestedAt=after(0))
    answer(server, "pause_recording", seen(server, "inactive"))
    wait(server, 10)
    tell(server, names.RESUME, requestedBy="agent", requestedAt=after(10))
    answer(server, "resume_recording", seen(server, "active"))
    stops(server)
    before = unconfirmed(server)
    tell(server, names.PAUSE, requestedBy="agent", requestedAt=after(0))
    assert unconfirmed(server) == before


def test_a_late_pause_counts_for_the_recording_that_was_on() -> None:
    server = recorded()
    wait(server, 90)
    stops(server)
    tell(server, names.START, requestedBy="app")
    wait(server, 60)
    tell(server, names.PAUSE, requestedBy="agent", requestedAt=after(80))
    assert unconfirmed(server) == [(80, 90)]


def test_a_refusal_is_found_to_be_older_than_a_hold_that_has_ended() -> None:
    server = agreed("all_parties", ANA, BOB)
    wait(server, 100)
    refuses(server, ANA, decidedAt=after(70))
    refuses(server, BOB)
    answer(server, "pause_recording", seen(server, "inactive"))
    wait(server, 1)
    for who in (ANA, BOB):
        decided_at = server.now.isoformat()
        tell(server, names.CONSENT, participant=who, given=True, decidedAt=decided_at)
    assert not recording_of(server).is_held
    search = under_way(server, "find_signal_times")
    times = tuple(NOON.replace(second=40) for _ in search.input.signals)
    answer(server, "find_signal_times", SignalTimes(times=times))
    assert unconfirmed(server)[0][0] == 40


@pytest.mark.parametrize("policy", ["all_parties", "any_party"])
def test_everybody_hangs_up_and_nothing_is_amiss_however_late_word_of_it_comes(
    policy: str,
) -> None:
    server = agreed(policy, ANA)
    wait(server, 100)
    leaves(server, ANA, at=after(94))
    assert unconfirmed(server) == [(100, None)]
    assert not server.run.workflow.call.status.alarms


def test_who_may_have_left_is_missing_since_their_device_did() -> None:
    server = agreed("any_party", ANA)
    wait(server, 90)
    leaves(server, BOB, at=after(90))
    leaves(server, ANA, connection="d1", at=after(60))
    assert unconfirmed(server) == [(60, None)]


def test_who_joined_is_to_hear_the_announcement_from_when_they_came() -> None:
    server = begun({"requestedBy": "app"})
    learns(server, announce_within="PT10S", announce_late_joiners=True)
    answer(server, "announce_recording", None)
    starts(server)
    wait(server, 100)
    told = {"participant": BOB, "joined": True, "connection": "d", "at": after(60)}
    tell(server, names.PARTICIPANT_CHANGED, **told)
    assert unconfirmed(server) == [(60, None)]


@pytest.mark.parametrize("named", [True, False])
def test_who_came_before_the_announcement_has_heard_it(named: bool) -> None:
    server = begun({"requestedBy": "app", "participants": [ANA] if named else []})
    learns(server, announce_within="PT10S", announce_late_joiners=True)
    wait(server, 1)
    answer(server, "announce_recording", None)
    starts(server)
    wait(server, 1)
    # Word of her telephone, and of who came while it was being announced.
    moves(server, ANA, joined=True, at=after(-3))
    assert not recording_of(server).is_held
    moves(server, BOB, joined=True, at=after(0.5))
    assert recording_of(server).is_held


# What is told again.


def test_a_withdrawal_under_the_id_of_one_from_before_an_agreement_counts_again() -> None:
    """A telephone menu: each key has its id. Withdrawn, agreed, withdrawn."""
    server = agreed("all_parties", ANA)
    for seconds, given in ((60, False), (120, True)):
        wait(server, 60)
        told = {"given": given, "requestId": f"key {given}", "decidedAt": after(seconds)}
        tell(server, names.CONSENT, participant=ANA, **told)
        if given:
            answer(server, "resume_recording", seen(server, "active"))
        else:
            answer(server, "pause_recording", seen(server, "inactive"))
    # The first one again, which a backend repeats, changes nothing.
    refuses(server, ANA, requestId="key False", decidedAt=after(60))
    assert not recording_of(server).is_held
    wait(server, 60)
    refuses(server, ANA, requestId="key False", decidedAt=after(180))
    assert recording_of(server).is_held
    answer(server, "pause_recording", seen(server, "inactive"))
    # Under the id of one that was withdrawn nobody agrees again: it is refused, and said so.
    told = {"given": True, "requestId": "key True", "decidedAt": after(180)}
    tell(server, names.CONSENT, participant=ANA, **told)
    assert recording_of(server).is_held
    assert "withdrawn since" in server.run.workflow.call.status.timeline[-1].what
    wait(server, 1)
    tell(server, names.CONSENT, participant=ANA, given=True, decidedAt=server.now.isoformat())
    assert not recording_of(server).is_held
    refuses(server, ANA, requestId="key False", decidedAt=after(180))
    assert not recording_of(server).is_held


# Sound that ACS tells of in a silence that is claimed.


def callback(server: Server, state: str, at: float) -> None:
    told = {"recording": 1, "recordingId": "r", "state": state, "at": after(at)}
    tell(server, names.RECORDING_STATE_CHANGED, **told)


def test_a_sound_that_lies_in_a_silence_by_any_clock_is_nobodys_request() -> None:
    """The callback of the start was lost, and this one counted as that."""
    server = recorded()
    tell(server, names.PAUSE, requestedBy="agent", requestedAt=after(0))
    wait(server, 1)
    answer(server, "pause_recording", seen(server, "inactive"))
    wait(server, 1200)
    callback(server, "active", 1190)
    assert silent(server) == []
    assert recording_of(server).needs_read or under_way(server, "read_state")


def test_a_sound_takes_back_the_silence_that_it_lies_in_and_no_later_one() -> None:
    server = recorded()
    callback(server, "active", 0)
    tell(server, names.PAUSE, requestedBy="agent", requestedAt=after(0))
    wait(server, 1)
    answer(server, "pause_recording", seen(server, "inactive"))
    wait(server, 1199)
    tell(server, names.RESUME, requestedBy="agent", requestedAt=after(1200))
    # ACS tells it before it answers.
    told = {"recording": 1, "recordingId": "r", "state": "active", "at": after(11)}
    tell(server, names.RECORDING_STATE_CHANGED, **told)
    answer(server, "resume_recording", seen(server, "active"))
    wait(server, 600)
    tell(server, names.PAUSE, requestedBy="agent", requestedAt=after(1800))
    answer(server, "pause_recording", seen(server, "inactive"))
    callback(server, "active", 600)
    assert silent(server) == [(1, 300), (1800, None)]


def test_a_sound_of_somebody_else_leaves_the_silence_of_later_pauses_claimed() -> None:
    """The callback of each later resume counted as somebody else's, and took its silence back."""
    server = recorded()
    callback(server, "active", 0)
    wait(server, 100)
    callback(server, "inactive", 100)
    answer(server, "read_state", seen(server, "inactive"))
    wait(server, 20)
    callback(server, "active", 120)
    answer(server, "read_state", seen(server, "active"))
    answer(server, "pause_recording", seen(server, "inactive"))
    told_of = len(server.run.workflow.call.status.alarms)
    for paused_at, resumed_at in ((120, 125), (600, 660), (1200, 1260)):
        wait(server, paused_at - (server.now - NOON).total_seconds())
        if paused_at > 120:
            tell(server, names.PAUSE, requestedBy="agent", requestedAt=after(paused_at))
            answer(server, "pause_recording", seen(server, "inactive"))
        wait(server, resumed_at - (server.now - NOON).total_seconds())
        tell(server, names.RESUME, requestedBy="agent", requestedAt=after(resumed_at))
        answer(server, "resume_recording", seen(server, "active"))
        callback(server, "active", resumed_at)
    assert silent(server) == [(120, 125), (600, 660), (1200, 1260)]
    assert unconfirmed(server) == [(100, 120)]
    assert len(server.run.workflow.call.status.alarms) == told_of


def test_a_callback_of_no_known_time_takes_nothing_back_and_has_it_read() -> None:
    server = recorded()
    callback(server, "active", 0)
    tell(server, names.PAUSE, requestedBy="agent", requestedAt=after(0))
    answer(server, "pause_recording", seen(server, "inactive"))
    wait(server, 600)
    told = {"recording": 1, "recordingId": "r", "state": "active"}
    for at in (NOT_KNOWN, NOT_KNOWN, "9999-12-31T23:59:59Z"):
        tell(server, names.RECORDING_STATE_CHANGED, **told, at=at)
    assert silent(server) == [(0, None)]
    assert under_way(server, "read_state")


# What is marked for those who refused.


def marks(server: Server) -> list[tuple[float, float | None]]:
    """Return what is marked of the first recording, in seconds."""
    found = recording_of(server).marked
    ends = [(mark.since, mark.until) for mark in found]
    return [((a - NOON).total_seconds(), b and (b - NOON).total_seconds()) for a, b in ends]


def test_a_mark_goes_on_through_a_silence_that_is_taken_back() -> None:
    server = agreed("all_parties", ANA, BOB, onWithdrawal="pause_and_mark")
    wait(server, 60)
    refuses(server, BOB, decidedAt=after(60))
    wait(server, 1)
    answer(server, "pause_recording", seen(server, "inactive"))
    assert marks(server) == [(0, 61)]
    wait(server, 29)
    answer(server, "poll_state", seen(server, "active"))
    assert marks(server) == [(0, None)]
    wait(server, 1)
    answer(server, "pause_recording", seen(server, "inactive"))
    assert marks(server) == [(0, 91)]
    assert silent(server) == [(91, None)]


def refused_and_left() -> Server:
    """Record a call from which somebody has refused at one, and left at ten: it goes on."""
    server = agreed("all_parties", ANA, onWithdrawal="pause_and_mark")
    moves(server, BOB, joined=True, at=after(0))
    wait(server, 1)
    refuses(server, BOB, decidedAt=after(1))
    answer(server, "pause_recording", seen(server, "inactive"))
    wait(server, 9)
    moves(server, BOB, joined=False, at=after(10))
    answer(server, "resume_recording", seen(server, "active"))
    return server


def test_who_refused_left_and_returns_is_marked_from_their_return() -> None:
    server = refused_and_left()
    wait(server, 110)
    assert marks(server) == [(0, 1)]
    moves(server, BOB, joined=True, at=after(100))
    wait(server, 2)
    answer(server, "pause_recording", seen(server, "inactive"))
    assert marks(server) == [(0, 1), (100, 122)]


def test_who_refused_and_returns_for_a_moment_is_marked_for_no_longer() -> None:
    """No pause is asked for when word of both comes at once, and no silence ends the mark."""
    server = refused_and_left()
    wait(server, 590)
    told = {"participant": BOB, "connection": "d"}
    comes_and_goes = [
        signal(names.PARTICIPANT_CHANGED, [payload({**told, "joined": joined, "at": after(at)})])
        for joined, at in [(True, 595), (False, 599)]
    ]
    server.deliver(*comes_and_goes)
    wait(server, 600)
    assert marks(server) == [(0, 1), (595, 599)]
    moves(server, BOB, joined=True, at=after(1100))
    assert marks(server) == [(0, 1), (595, 599), (1100, None)]


def test_who_refuses_in_a_pause_is_marked_only_if_it_was_none() -> None:
    server = agreed("all_parties", ANA, onWithdrawal="pause_and_mark")
    wait(server, 60)
    tell(server, names.PAUSE, requestedBy="agent", requestedAt=after(60))
    answer(server, "pause_recording", seen(server, "inactive"))
    wait(server, 40)
    moves(server, BOB, joined=True, at=after(100))
    wait(server, 5)
    refuses(server, BOB, decidedAt=after(105))
    assert marks(server) == []
    wait(server, 60)
    answer(server, "read_state", seen(server, "active"))
    assert marks(server) == [(100, None)]


def test_a_coming_that_was_told_twice_holds_nobody_back_once_its_time_is_known() -> None:
    """No worker ran: it was taken for a return, for the leaving after it tells an older time."""
    call = agreed("all_parties", ANA)
    tell(call, names.PARTICIPANT_CHANGED, participant=BOB, joined=True, at=after(0))
    answer(call, "pause_recording", seen(call, "inactive"))
    wait(call, 130)
    told = {"participant": BOB, "connection": ""}
    again, left = told | {"joined": True}, told | {"joined": False, "at": after(125)}
    call.deliver(*(signal(names.PARTICIPANT_CHANGED, [payload(each)]) for each in (again, left)))
    assert recording_of(call).is_held
    came_at = SignalTimes(times=(NOON + timedelta(seconds=124),))
    answer(call, "find_signal_times", came_at)
    assert not recording_of(call).is_held


def test_who_agrees_soon_to_what_began_paused_is_not_marked() -> None:
    """Within the time in which no reading proves yet that it is silent."""
    terms = {"beforeConsent": "paused", "onWithdrawal": "pause_and_mark"}
    asked = {"consentPolicy": "all_parties", "participants": [BOB], "requestedBy": "app", **terms}
    server = begun(asked)
    refuses(server, BOB)
    learns(server)
    answer(server, "start_recording", ACTIVE.model_copy(update={"state": "inactive"}))
    wait(server, 10)
    tell(server, names.CONSENT, participant=BOB, given=True, decidedAt=after(10))
    wait(server, 1)
    # ACS tells it before it answers.
    told = {"recording": 1, "recordingId": "r", "state": "active", "at": after(11)}
    tell(server, names.RECORDING_STATE_CHANGED, **told)
    answer(server, "resume_recording", seen(server, "active"))
    wait(server, 600)
    assert silent(server) == []
    assert marks(server) == []
