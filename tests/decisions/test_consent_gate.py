"""The consent gate: which decisions are taken, what follows of each, and until when it waits."""

from datetime import timedelta
from typing import Any

import pytest

from callvault.contracts.consent import ConsentDecision
from callvault.contracts.participants import UNKNOWN_PARTICIPANT
from tests.policies import a_policy
from tests.unit.call import (
    ALL,
    NOON,
    SECOND,
    Call,
    agreed,
    awaiting,
    hashed,
)

from .facts import A_SEAL, at, at_or_none, seconds

MINUTE = timedelta(minutes=1)
ANA = hashed("ana")


def a_decision(who: str = "ana", given: bool = True, **facts: Any) -> ConsentDecision:
    return ConsentDecision(participant=hashed(who), given=given, requested_by="backend", **facts)


def kinds(call: Call) -> list[tuple[str, str]]:
    return [(each.alarm.kind, each.alarm.severity) for each in call.life.status.alarms]


# Which decisions are taken.


@pytest.mark.parametrize(
    ("who", "given", "says"),
    [
        ("ana", True, None),
        ("ben", True, None),
        ("eva", True, "is none of the 1 participants whose consent this recording needs"),
        ("eva", False, None),
    ],
)
def test_where_a_list_is_named_a_strangers_agreement_is_refused_and_no_refusal(
    who: str, given: bool, says: str | None
) -> None:
    call = awaiting("named", "ana")
    call.joins("ben")
    said = call.gate.refusal(a_decision(who, given))
    assert (said is None) if says is None else (says in (said or ""))
    record = call.gate.decided(a_decision(who, given), call.ticks())
    assert (record is None) is (says is not None)
    assert (": refused, " in call.timeline) is (says is not None)


def test_who_has_decided_before_is_no_stranger_and_nobody_in_particular_is_not() -> None:
    call = awaiting("named", "ana")
    call.withdraws("eva")
    assert call.gate.refusal(a_decision("eva")) is None
    nobody = ConsentDecision(participant=UNKNOWN_PARTICIPANT, given=True)
    assert call.gate.refusal(nobody) is None


@pytest.mark.parametrize("policy", ["any_party", ALL])
def test_where_no_list_is_named_everybodys_agreement_is_taken(policy: str) -> None:
    assert awaiting(policy, "ana").gate.refusal(a_decision("eva")) is None
    assert Call(start_recording=False).gate.refusal(a_decision("eva")) is None


@pytest.mark.parametrize(
    ("who", "given", "is_refused"),
    [("ana", True, False), ("ana", False, False), ("ben", True, True), ("ben", False, False)],
)
def test_an_agreement_under_the_id_of_another_decision_is_refused(
    who: str, given: bool, is_refused: bool
) -> None:
    call = awaiting(ALL, "ana", "ben")
    first = call.gate.decided(a_decision(request_id="r1"), call.ticks())
    again = a_decision(who, given, request_id="r1")
    refused = call.gate.refusal(again)
    assert ("The requestId 'r1' was used" in (refused or "")) is is_refused
    record = call.gate.decided(again, call.ticks())
    assert (record is first) is (who == "ana" and given)
    assert len(call.life.status.consents) == (1 if is_refused or record is first else 2)


def test_where_another_program_controls_the_recordings_no_decision_is_taken() -> None:
    call = Call(start_recording=False)
    call.life.status.policy = a_policy(archive_only=True)
    for given in (True, False):
        assert call.gate.refusal(a_decision(given=given)) is not None
        assert call.gate.decided(a_decision(given=given), call.ticks()) is None


@pytest.mark.parametrize(
    ("decision", "lines"),
    [
        (a_decision(), [f"consent of {ANA[:8]}… given, told by backend"]),
        (a_decision(given=False), [f"consent of {ANA[:8]}… not given, told by backend"]),
        (
            a_decision(given=False, problem="no json"),
            [
                "consent could not be read: no json; it is taken for a withdrawal",
                f"consent of {ANA[:8]}… not given, told by backend",
            ],
        ),
    ],
)
def test_the_timeline_says_what_was_decided(decision: ConsentDecision, lines: list[str]) -> None:
    call = Call(start_recording=False)
    before = len(call.life.status.timeline)
    call.gate.decided(decision, call.ticks())
    assert call.timeline.splitlines()[before:] == lines


def test_an_agreement_that_is_older_than_the_withdrawal_is_said_to_change_nothing() -> None:
    call = awaiting(ALL, "ana")
    call.withdraws("ana")
    call.decides("ana", True, decided_at=NOON - SECOND)
    assert call.timeline.endswith("told by unknown: outdated, it changes nothing")
    assert call.recording.is_held


# What follows of a refusal.


@pytest.mark.parametrize(
    ("terms", "who", "alarms"),
    [
        ({"consent_policy": ALL}, "eva", [("consent_unclear", "warning")]),
        ({"consent_policy": ALL}, "ana", []),
        ({"consent_policy": "none"}, "eva", []),
        ({}, "eva", []),
    ],
)
def test_the_refusal_of_somebody_unknown_is_alarmed_where_consent_is_needed(
    terms: dict[str, str], who: str, alarms: list
) -> None:
    call = Call(participants=[ANA], **terms)
    call.withdraws(who)
    assert kinds(call) == alarms


def test_that_somebody_unknown_refuses_is_alarmed_of_the_current_recording_or_an_earlier_one() -> (
    None
):
    call = Call(consent_policy=ALL, participants=[ANA])
    call.asks("stop")
    call.asks("start", request_id="s2")
    call.withdraws("eva")
    assert [each.alarm.recording for each in call.life.status.alarms] == [2]
    call.life.recording(1).consent = call.life.recording(2).consent
    call.withdraws("eva")
    assert len(call.life.status.alarms) == 1, "they are known by now"


@pytest.mark.parametrize(("reaction", "is_marked"), [("pause", False), ("pause_and_mark", True)])
def test_a_refusal_marks_what_may_have_been_recorded_and_unseals_every_recording(
    reaction: str, is_marked: bool
) -> None:
    call = agreed(on_withdrawal=reaction)
    call.recording.sealed = A_SEAL
    call.withdraws("ana")
    assert call.recording.sealed is None
    assert bool(call.recording.marked) is is_marked
    assert ("recording 1: marked for deletion" in call.timeline) is is_marked
    before = call.timeline.count("marked for deletion")
    call.withdraws("ana")
    assert call.timeline.count("marked for deletion") == before, "said once"


def test_what_is_proven_silent_is_not_marked_as_if_it_recorded() -> None:
    call = agreed(on_withdrawal="pause_and_mark")
    call.asks("pause", requested_by="agent")
    call.confirms("pause")
    [interval] = call.recording.silence.silent
    call.withdraws("ana")
    assert [mark.until for mark in call.recording.marked] == [interval.since]


# Comings and goings.


def test_a_coming_and_a_going_settle_every_recording_once() -> None:
    call = agreed()
    call.joins("cem", connection="a")
    assert call.recording.is_held
    lines = len(call.life.status.timeline)
    call.joins("cem", connection="a")
    assert len(call.life.status.timeline) == lines, "it was known"
    call.leaves("cem", connection="a")
    assert not call.recording.is_held


@pytest.mark.parametrize(("joined", "began"), [(None, None), (3, 3), (99, None)])
def test_of_a_coming_that_is_told_late_the_time_until_it_was_told_is_unconfirmed(
    joined: float | None, began: float | None
) -> None:
    call = agreed()
    call.now = at(20)
    call.agrees("cem", decided_at=at(19))
    call.recording.sealed = A_SEAL
    call.joins("cem", at=at_or_none(joined))
    doubts = [(seconds(d.since), seconds(d.until)) for d in call.recording.silence.unconfirmed]
    assert doubts == ([(began, 21)] if began else [])


@pytest.mark.parametrize(
    ("is_asked", "leaving", "agreeing", "is_stopped"),
    [
        (True, "ana", ["ana"], True),
        (False, "ana", ["ana"], False),
        (True, "ben", ["ana"], False),
        (True, "ana", ["ana", "ben"], False),
    ],
)
def test_a_recording_stops_as_the_last_who_agreed_leaves_if_that_is_asked(
    is_asked: bool, leaving: str, agreeing: list[str], is_stopped: bool
) -> None:
    call = awaiting("any_party", "ana", "ben", stop_when_last_consenting_leaves=is_asked)
    call.agrees(*agreeing)
    call.confirms("start", "confirm")
    call.leaves(leaving)
    assert (call.recording.wanted == "stopped") is is_stopped
    stops = [r for r in call.life.status.requests.values() if r.operation == "stop"]
    assert [(r.requested_by, r.reason) for r in stops] == [
        ("consent-gate", "the last participant who agreed has left")
    ] * is_stopped
    call.leaves(leaving, connection="b")
    assert (
        len([r for r in call.life.status.requests.values() if r.operation == "stop"]) == is_stopped
    )


def test_who_leaves_a_call_without_a_recording_stops_nothing() -> None:
    call = Call(start_recording=False)
    call.agrees("ana")
    call.joins("ana")
    call.leaves("ana")
    assert call.life.status.requests == {}
