"""Which times are in doubt, if word of a coming or going came after the decision it asked for?"""

import pytest

from callvault.contracts.silence import UnconfirmedInterval
from workflows.call.alarms import Alarms
from workflows.call.guards import Watchdog
from workflows.call.signal_times import SignalTimes, UntimedSignal

from .call import SECOND, Call, agreed, hashed


def doubts(call: Call) -> list[UnconfirmedInterval]:
    return call.recording.silence.unconfirmed


def test_who_agreed_before_their_coming_was_told_of_was_recorded_without_consent_until_then() -> (
    None
):
    call = agreed()
    came_at = call.ticks()
    call.now += 10 * SECOND
    call.decides("cem", True)
    agreed_at = call.now
    assert doubts(call) == []
    call.joins("cem", at=came_at)
    assert not call.recording.is_held
    [doubt] = doubts(call)
    assert (doubt.since, doubt.until) == (came_at, agreed_at)
    assert doubt.is_finding
    assert hashed("cem")[:8] in doubt.reason


def test_an_agreement_counts_from_when_it_came_whatever_its_own_clock_says() -> None:
    call = agreed()
    came_at = call.ticks()
    call.now += 2 * SECOND
    call.decides("cem", True, decided_at=came_at - 60 * SECOND)
    agreed_at = call.now
    call.joins("cem", at=came_at)
    assert [(each.since, each.until) for each in doubts(call)] == [(came_at, agreed_at)]


def test_what_a_hold_covers_is_not_told_twice() -> None:
    call = agreed()
    came_at = call.ticks()
    call.now += 3 * SECOND
    call.joins("cem", at=came_at)
    assert call.recording.holds[-1].since == came_at
    [doubt] = doubts(call)
    assert doubt.since == came_at
    assert "held back" in doubt.reason or "asked for a pause" in doubt.reason


def test_who_agreed_before_they_came_was_recorded_with_consent() -> None:
    call = agreed()
    call.decides("cem", True)
    came_at = call.ticks()
    call.now += 10 * SECOND
    call.joins("cem", at=came_at)
    assert doubts(call) == []


@pytest.mark.parametrize("policy", ["any_party", "named"])
def test_who_comes_back_and_has_refused_is_recorded_against_their_will(policy: str) -> None:
    terms = {"consent_participants": [hashed("ana")]} if policy == "named" else {}
    call = Call(consent_policy=policy, participants=[hashed("ana"), hashed("cem")], **terms)
    call.agrees("ana")
    call.confirms("start", "confirm")
    call.withdraws("cem")
    call.confirms("pause")
    call.leaves("cem")
    call.confirms("resume")
    before = len(doubts(call))
    came_at = call.ticks()
    call.now += 10 * SECOND
    call.decides("cem", True, decided_at=call.now)
    agreed_at = call.now
    call.joins("cem", at=came_at)
    [doubt] = doubts(call)[before:]
    assert (doubt.since, doubt.until) == (came_at, agreed_at)


def test_nobody_who_agreed_was_there_until_another_one_agreed() -> None:
    call = Call(consent_policy="any_party", participants=[hashed("ana"), hashed("ben")])
    call.agrees("ana")
    call.confirms("start", "confirm")
    left_at = call.ticks()
    call.now += 10 * SECOND
    call.decides("ben", True)
    agreed_at = call.now
    call.leaves("ana", at=left_at)
    assert not call.recording.is_held
    assert [(each.since, each.until) for each in doubts(call)] == [(left_at, agreed_at)]


def test_a_coming_that_asks_for_no_consent_leaves_nothing_in_doubt() -> None:
    call = Call()
    call.confirms("start", "confirm")
    call.joins("cem", at=call.now - SECOND)
    assert (doubts(call), call.recording.sealed) == ([], None)


def test_a_coming_by_a_signal_that_tells_no_time_counts_from_when_that_came() -> None:
    call = agreed()
    came_at = call.ticks()
    call.now += 10 * SECOND
    call.decides("cem", True)
    agreed_at = call.now
    call.joins("cem")
    assert doubts(call) == []
    signal = UntimedSignal(
        name="participant_changed",
        about="presence",
        subject=hashed("cem"),
        joined=True,
        run_id="run",
        history_length=10,
        number=0,
        received_at=call.now,
    )
    times = SignalTimes(call.life, Watchdog(call.life, Alarms(call.life.status, "workflow")))
    times.search(signal)
    times.found(signal, came_at, call.ticks())
    assert [(each.since, each.until) for each in doubts(call)] == [(came_at, agreed_at)]
