"""The consent gate: what is answered, how long consent is awaited, and what is announced."""

from datetime import timedelta
from typing import Any

import pytest

from callvault.contracts.consent import Announcement
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
    chunk,
    hashed,
    recording_call,
)
from workflows.call import late_joiners
from workflows.call.consent_gate import MAX_CONSENT_WAIT, MAX_WAIT
from workflows.call.unconfirmed import (
    WITHDRAWAL,
    WITHDRAWAL_BEFORE_START,
    WITHDRAWAL_OF_ORPHAN,
)

from .facts import at, seconds
from .test_consent_gate import ANA, MINUTE, kinds

# When nothing is recorded without consent.


@pytest.mark.parametrize("before", ["wait", "paused"])
def test_a_withdrawal_is_answered_once_nothing_can_sound(before: str) -> None:
    call = awaiting(ALL, "ana", before_consent=before)
    assert call.gate.has_paused(call.now) is (before == "wait")
    call.life.status.policy = None
    assert call.gate.has_paused(call.now) is (before == "wait")
    call.life.status.policy = POLICY
    call.asks("stop")
    assert call.gate.has_paused(call.now)


@pytest.mark.parametrize("unknown", ["is_beginning", "is_recalling"])
def test_no_withdrawal_is_answered_while_a_run_before_a_reset_may_know_more(unknown: str) -> None:
    call = awaiting(ALL, "ana", before_consent="wait")
    setattr(call.life, unknown, True)
    assert not call.gate.has_paused(call.now)


@pytest.mark.parametrize(
    ("policy", "own", "is_demanded"),
    [("none", "none", False), (ALL, "none", True), ("none", ALL, True), (None, "none", True)],
)
def test_a_withdrawal_is_not_answered_while_what_nobody_asked_for_goes_on(
    policy: str | None, own: str, is_demanded: bool
) -> None:
    call = recording_call(consent_policy=own) if own == "none" else agreed()
    call.asks("stop")
    call.confirms("stop")
    known = a_policy(consent={"consent_policy": policy}) if policy else None
    call.life.status.policy = known
    assert call.gate.has_paused(call.now)
    assert call.gate.why_unpaused() == WITHDRAWAL
    call.announced(chunk(1), of="orphan", ended="SessionStillOngoing")
    assert call.gate.has_paused(call.now) is not is_demanded
    assert call.gate.why_unpaused() == WITHDRAWAL_OF_ORPHAN
    call.announced(chunk(2), of="orphan")
    assert call.gate.has_paused(call.now)


def test_what_is_about_to_start_with_consent_may_be_heard_of_nobody_who_refuses() -> None:
    call = awaiting(ALL, "ana")
    call.agrees("ana")
    assert call.gate.has_paused(call.now), "nobody refuses"
    call.life.status.policy = None
    assert not call.gate.has_paused(call.now), "what is demanded is not known yet"


def test_what_acs_has_not_been_asked_for_is_not_said_to_be_asked_for_again() -> None:
    call = awaiting(ALL, "ana", before_consent="paused")
    assert call.gate.why_unpaused() == WITHDRAWAL_BEFORE_START
    call.life.is_beginning = True
    assert call.gate.why_unpaused() == WITHDRAWAL, "a run before may have asked"
    call.life.is_beginning = False
    call.is_asked("start")
    assert call.gate.why_unpaused() == WITHDRAWAL


def test_of_two_recordings_one_that_is_on_is_told_of() -> None:
    call = agreed()
    call.asks("stop")
    call.asks("start", request_id="s2", consent_policy=ALL)
    assert call.gate.why_unpaused() == WITHDRAWAL
    call.confirms("stop")
    assert call.gate.why_unpaused() == WITHDRAWAL_BEFORE_START


def test_of_two_recordings_one_that_may_be_heard_is_enough() -> None:
    call = agreed()
    call.asks("stop")
    call.confirms("stop")
    call.asks("start", request_id="s2", consent_policy=ALL)
    call.confirms("start", "confirm")
    call.withdraws("ana")
    assert not call.gate.has_paused(call.now)


def test_a_recording_that_records_without_consent_may_be_heard_until_acs_is_silent() -> None:
    call = agreed()
    assert call.gate.has_paused(call.now)
    call.withdraws("ana")
    since = call.now
    assert not call.gate.has_paused(since)
    call.confirms("pause")
    assert call.gate.has_paused(since)
    assert not call.gate.has_paused(call.ticks()), "never from memory"


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
    assert told is not None
    assert (told.problem, told.answered_at) == (problem, None if problem else call.now)
    assert kinds(call) == ([("not_announced", "error")] if problem else [])
    assert (f"announced to {hashed('cem')[:8]}…" in call.timeline) is (not problem)
