"""The consent gate: which decisions are taken, what follows of each, and until when it waits."""

from datetime import timedelta
from typing import Any

import pytest

from callvault.contracts.consent import Announcement, ConsentDecision
from callvault.contracts.participants import UNKNOWN_PARTICIPANT
from callvault.contracts.states import Wanted
from tests.policies import a_policy
from tests.unit.call import (
    ALL,
    NOON,
    POLICY,
    SECOND,
    Call,
    agreed,
    awaiting,
    hashed,
    recording_call,
)
from workflows.call import late_joiners
from workflows.call.consent_gate import MAX_CONSENT_WAIT, MAX_WAIT

from .facts import A_SEAL, at, seconds

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
    assert (call.gate.refusal(again) is not None) is is_refused
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


# When nothing is recorded without consent.


@pytest.mark.parametrize("before", ["wait", "paused"])
def test_a_withdrawal_is_answered_once_nothing_can_sound(before: str) -> None:
    call = awaiting(ALL, "ana", before_consent=before)
    assert call.gate.has_paused() is (before == "wait")
    call.life.status.policy = None
    assert call.gate.has_paused() is (before == "wait")
    call.life.status.policy = POLICY
    call.asks("stop")
    assert call.gate.has_paused()


def test_what_is_about_to_start_with_consent_may_be_heard_of_nobody_who_refuses() -> None:
    call = awaiting(ALL, "ana")
    call.agrees("ana")
    assert call.gate.has_paused(), "nobody refuses"
    call.life.status.policy = None
    assert not call.gate.has_paused(), "what is demanded is not known yet"


def test_a_recording_that_records_without_consent_may_be_heard_until_acs_is_silent() -> None:
    call = agreed()
    assert call.gate.has_paused()
    call.withdraws("ana")
    assert not call.gate.has_paused()
    call.confirms("pause")
    assert call.gate.has_paused()


# Time.


def test_a_call_that_nobody_records_is_kept_for_a_day_after_the_first_word_of_it() -> None:
    call = Call(start_recording=False)
    assert call.gate.next_due() is None
    call.joins("ana")
    until = call.now + MAX_WAIT
    call.agrees("ana")
    call.joins("ben")
    assert call.gate.next_due() == until
    call.gate.act(until - SECOND)
    assert (call.life.is_over, call.life.status.kept_until) == (False, until)
    call.gate.act(until)
    assert call.life.is_over
    assert call.timeline.endswith("nobody has asked to record this call: it is kept no longer")
    lines = len(call.life.status.timeline)
    call.gate.act(until + SECOND)
    assert len(call.life.status.timeline) == lines


def test_a_call_that_is_recorded_or_over_is_not_kept() -> None:
    recorded, over = recording_call(), Call(start_recording=False)
    over.ends()
    for call in (recorded, over):
        call.agrees("ana")
        call.joins("ben")
        assert call.life.status.kept_until is None


@pytest.mark.parametrize(("within", "waited"), [(MINUTE, MINUTE), (None, MAX_CONSENT_WAIT)])
def test_consent_to_what_acs_was_not_asked_for_is_awaited_for_so_long(
    within: timedelta | None, waited: timedelta
) -> None:
    call = awaiting(ALL, "ana", before_consent="wait", consent_within=within)
    due = call.recording.requested_at + waited
    assert call.gate.next_due() == due
    call.gate.act(due - SECOND)
    assert call.recording.declined == ""
    call.gate.act(due)
    lacking = f"1 of 1 in the call have not agreed: {ANA[:8]}…"
    assert call.recording.declined == f"no consent within {waited}: {lacking}"
    assert call.gate.next_due() is None


@pytest.mark.parametrize(("within", "is_awaited"), [(MINUTE, True), (None, False)])
def test_what_was_started_paused_ends_with_acs_unless_a_time_is_given(
    within: timedelta | None, is_awaited: bool
) -> None:
    call = awaiting(ALL, "ana", consent_within=within).confirms("start")
    assert (call.gate.next_due() is not None) is is_awaited


def test_patience_counts_until_consent_was_given_once() -> None:
    call = agreed(consent_within=MINUTE)
    call.withdraws("ana")
    assert call.recording.is_held
    assert call.gate.next_due() is None


def test_the_nearest_of_several_waits_is_due_first() -> None:
    call = awaiting(ALL, "ana", before_consent="wait")
    call.life.status.kept_until = at(30)
    assert seconds(call.gate.next_due()) == 30
    call.life.status.kept_until = at(999_999)
    assert call.gate.next_due() == call.recording.requested_at + MAX_CONSENT_WAIT


# Announcements.


@pytest.mark.parametrize(
    ("announcement", "wanted", "awaits"),
    [
        (None, "active", False),
        (Announcement(requested_at=NOON), "active", True),
        (Announcement(requested_at=NOON), "paused", True),
        (Announcement(requested_at=NOON), "stopped", False),
        (Announcement(requested_at=NOON, answered_at=NOON), "active", False),
        (Announcement(requested_at=NOON, problem="503"), "active", False),
    ],
)
def test_an_announcement_is_to_be_made_until_it_is_answered(
    announcement: Announcement | None, wanted: Any, awaits: bool
) -> None:
    call = Call()
    call.recording.announcement, call.recording.wanted = announcement, Wanted(wanted)
    assert call.gate.awaits_announcement(call.recording) is awaits
    assert call.gate.to_announce() is (call.recording if awaits else None)


def test_an_announcement_that_is_answered_begins_the_recording_and_one_that_fails_declines_it() -> (
    None
):
    for problem in ("", "503"):
        call = Call()
        call.gate.announced(call.recording, NOON)
        call.gate.not_announced(call.recording, "there is none", NOON)
        assert call.recording.declined == ""
        assert "announced" not in call.timeline
        call.recording.announcement = Announcement(requested_at=NOON)
        assert call.next is None
        if problem:
            call.gate.not_announced(call.recording, problem, call.ticks())
            assert call.recording.announcement.problem == "503"
            assert call.recording.declined == "it could not be announced: 503"
        else:
            call.gate.announced(call.recording, call.ticks())
            assert call.recording.announcement.answered_at == call.now
            assert call.timeline.endswith("recording 1: announced")
            assert call.next == "start"


@pytest.mark.parametrize("problem", ["", "503"])
def test_who_has_heard_the_announcement_is_recorded_and_who_has_not_is_alarmed(
    problem: str,
) -> None:
    call = recording_call()
    call.life.status.policy = a_policy(announce_late_joiners=True)
    call.joins("cem")
    [joiner] = call.gate.joiners_to_tell()
    assert (call.gate.awaits_joiner(joiner), call.recording.is_held) == (True, True)
    call.gate.joiner_told(joiner, problem, call.ticks())
    assert not call.gate.awaits_joiner(joiner)
    assert call.recording.is_held is bool(problem)
    told = late_joiners.find(call.recording, hashed("cem"))
    assert (told.problem, told.answered_at) == (problem, None if problem else call.now)
    assert kinds(call) == ([("not_announced", "error")] if problem else [])
    assert (f"announced to {hashed('cem')[:8]}…" in call.timeline) is (not problem)
