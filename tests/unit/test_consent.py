"""Is nothing recorded without the consent that was asked for, in every order of events?"""

from datetime import timedelta
from typing import Any

import pytest

from callvault.archive.manifests.manifest import unexpected_files
from callvault.contracts.activity_io import ControlResult
from callvault.contracts.base import Unreadable, read
from callvault.contracts.consent import ConsentTerms
from callvault.contracts.requests import RecordingRequest
from tests.policies import a_policy
from workflows.call import callbacks, consent
from workflows.call.alarms import Alarms
from workflows.call.consent_gate import MAX_CONSENT_WAIT
from workflows.call.guards import Watchdog
from workflows.call.silence import STARTING_TIMEOUT
from workflows.loops.timers import MissingFiles

from .call import ALL, NOON, POLICY, SECOND, Call, agreed, awaiting, chunk, hashed

# Before the first second.


def test_without_a_policy_nobody_needs_to_agree() -> None:
    call = Call()
    assert call.is_asked("start").pause_on_start is False
    assert call.recording.holds == []


@pytest.mark.parametrize("policy", ["any_party", "all_parties", "named"])
def test_recording_starts_paused_and_resumes_with_consent(policy: str) -> None:
    call = awaiting(policy, "ana", "ben")
    start = call.is_asked("start")
    assert start.pause_on_start is True
    call.answers(start)
    assert (call.next, call.recording.state) == (None, "awaiting_consent")
    call.polls("inactive", STARTING_TIMEOUT)
    call.agrees("ana", "ben")
    call.confirms("resume")
    assert call.recording.actual == "active"
    [pause] = call.recording.pauses
    assert pause.requested_by == "consent-gate"
    assert pause.resumed_at is not None


@pytest.mark.parametrize(("policy", "is_enough"), [("any_party", True), (ALL, False)])
def test_one_of_two_is_enough_for_any_party_only(policy: str, is_enough: bool) -> None:
    call = awaiting(policy, "ana", "ben", before_consent="wait")
    call.agrees("ana")
    assert call.next == ("start" if is_enough else None)


def test_who_waits_asks_acs_for_nothing_before_consent() -> None:
    call = awaiting(ALL, "ana", before_consent="wait")
    assert (call.next, call.recording.state) == (None, "awaiting_consent")
    call.agrees("ana")
    assert call.is_asked("start").pause_on_start is False


def test_all_parties_is_not_met_while_nobody_is_known_to_be_there() -> None:
    call = awaiting(ALL)
    call.agrees("ana")
    assert call.is_asked("start").pause_on_start is True
    call.joins("ana")
    assert call.recording.is_held is False


def test_a_decision_counts_that_came_before_its_participant_and_before_the_start() -> None:
    call = awaiting(ALL)
    call.agrees("ana", "ben")
    call.joins("ana", "ben")
    assert call.is_asked("start").pause_on_start is False


def test_a_telephone_that_says_no_blocks_all_parties_though_no_event_tells_of_it() -> None:
    call = awaiting(ALL, "ana", before_consent="wait")
    call.decides("+4912345678", given=False)
    call.agrees("ana")
    assert call.next is None


def test_consent_while_the_start_is_in_flight_resumes_once_it_is_answered() -> None:
    call = awaiting(ALL, "ana")
    start = call.is_asked("start")
    call.agrees("ana")
    call.answers(start)
    call.confirms("resume")
    assert call.recording.actual == "active"


def test_a_joiner_while_the_start_is_in_flight_pauses_before_it_is_confirmed() -> None:
    call = awaiting(ALL, "ana", before_consent="wait")
    call.agrees("ana")
    start = call.is_asked("start")
    call.joins("ben")
    call.answers(start)
    assert call.next == "pause"


def test_a_second_recording_needs_no_second_consent() -> None:
    call = agreed()
    call.asks("stop")
    call.confirms("stop")
    call.asks("start", consent_policy=ALL)
    assert call.is_asked("start").pause_on_start is False


# While it is recorded.


def test_somebody_who_joins_without_consent_pauses_at_once_until_they_agree_or_leave() -> None:
    for ends in (Call.agrees, Call.leaves):
        call = agreed()
        call.joins("cem")
        call.confirms("pause")
        assert call.recording.state == "paused"
        ends(call, "cem")
        call.confirms("resume")
        assert [hold.until is not None for hold in call.recording.holds] == [True, True]


def test_a_withdrawal_pauses_at_once_and_consent_again_resumes() -> None:
    call = agreed()
    call.withdraws("ben", reason="changed his mind")
    call.confirms("pause")
    assert call.recording.marked == []
    call.agrees("ben")
    call.confirms("resume")


def test_a_hold_begins_with_what_was_told_late_and_not_with_the_telling() -> None:
    """Silence is wanted since then: what was recorded meanwhile is in doubt."""
    call = agreed()
    call.now = NOON + timedelta(minutes=10)
    call.joins("cem", at=NOON + timedelta(minutes=5))
    assert call.recording.holds[-1].since == NOON + timedelta(minutes=5)
    call.agrees("cem")
    ended = call.recording.holds[-1].until
    call.withdraws("ana", decided_at=NOON + timedelta(minutes=6))
    assert call.recording.holds[-1].since == ended, "before that it was held anyway"
    call.agrees("ana", "ben")


def test_a_hold_of_any_party_begins_as_the_last_who_agreed_left() -> None:
    call = awaiting("any_party", "ana", "ben")
    call.agrees("ana")
    call.confirms("start", "confirm")
    call.now = NOON + timedelta(minutes=10)
    call.leaves("ana", at=NOON + timedelta(minutes=7))
    assert call.recording.holds[-1].since == NOON + timedelta(minutes=7)


def test_a_withdrawal_calls_off_a_resume_in_flight() -> None:
    call = agreed()
    call.asks("pause")
    call.confirms("pause")
    resumed = call.asks("resume")
    resume = call.is_asked("resume")
    call.withdraws("ana")
    assert call.life.is_superseded(resume)
    call.gives_up(resume)
    call.confirms("pause")
    assert resumed.state == "superseded"


def test_a_pause_of_the_backend_outlasts_the_hold() -> None:
    call = agreed()
    call.asks("pause", reason="card number")
    call.confirms("pause")
    call.withdraws("ana")
    call.agrees("ana")
    assert (call.next, call.recording.actual) == (None, "paused")
    assert [record.operation for record in call.life.status.requests.values()][-1] == "pause"
    call.asks("resume")
    call.confirms("resume")


def test_a_resume_without_consent_is_refused_with_the_reason() -> None:
    call = agreed()
    call.withdraws("ana")
    call.confirms("pause")
    record = call.asks("resume", requested_by="agent")
    assert record.state == "failed"
    assert "have not agreed" in record.problem
    assert call.next is None
    assert "resume asked by agent: refused" in call.timeline


def test_a_stop_is_obeyed_without_consent_and_no_decision_takes_it_back() -> None:
    call = agreed()
    call.withdraws("ana")
    call.confirms("pause")
    call.asks("stop")
    call.confirms("stop")
    call.agrees("ana")
    assert call.next is None
    assert call.recording.holds[-1].ended_by == "the recording is over"


def test_a_pause_that_acs_refuses_for_want_of_consent_stops_the_recording() -> None:
    call = agreed()
    call.withdraws("ana")
    call.refuses(call.is_asked("pause"))
    assert call.next == "stop"


@pytest.mark.parametrize("stops", [True, False])
def test_the_last_consenting_participant_stops_the_recording_by_leaving_if_asked(
    stops: bool,
) -> None:
    call = awaiting("any_party", "ana", "ben", stop_when_last_consenting_leaves=stops)
    call.agrees("ana")
    call.confirms("start", "confirm")
    call.leaves("ben")
    assert call.next is None
    call.leaves("ana")
    assert call.next == ("stop" if stops else "pause")


def test_a_withdrawal_makes_nothing_doubtful_that_was_agreed_to() -> None:
    call = agreed()
    call.now += timedelta(minutes=5)
    call.withdraws("ana")
    assert call.recording.holds[-1].since == call.now
    assert [each.since for each in call.recording.silence.unconfirmed] == [call.now]


def test_what_is_recorded_without_consent_while_it_is_being_stopped_is_unconfirmed() -> None:
    """Nothing is held back any more, and ACS records on until it has stopped."""
    call = agreed()
    call.asks("stop")
    stop = call.is_asked("stop")
    call.withdraws("ana")
    withdrawn_at = call.now
    call.answers(stop)
    [interval] = call.recording.silence.unconfirmed
    assert (interval.since, interval.until) == (withdrawn_at, call.recording.sound.over_at)
    assert interval.reason.startswith("it was being stopped: ")


def test_a_stop_with_everybody_s_consent_leaves_nothing_unconfirmed() -> None:
    call = agreed()
    call.asks("stop")
    call.confirms("stop")
    assert call.recording.silence.unconfirmed == []


@pytest.mark.parametrize(("asked_by", "is_problem"), [("gate", False), ("agent", True)])
def test_a_resume_that_comes_after_the_end_is_a_problem_only_if_somebody_wanted_it(
    asked_by: str, is_problem: bool
) -> None:
    """Everybody hangs up: once the one who did not agree has left, consent is there."""
    call = agreed()
    if asked_by == "gate":
        call.joins("cem")
        call.confirms("pause")
        call.leaves("cem")
    else:
        call.asks("pause")
        call.confirms("pause")
        call.asks("resume")
    call.answers(call.is_asked("resume"), "gone")
    assert bool(call.recording.problem) is is_problem
    assert "no longer knew" in call.timeline


# Messages in any order.


def test_a_repeated_decision_changes_nothing() -> None:
    call = awaiting(ALL, "ana")
    first = call.decides("ana", True, request_id="c1")
    assert call.decides("ana", True, request_id="c1") is first
    call.withdraws("ana")
    # It is no answer any more: that would say that it counts.
    assert call.decides("ana", True, request_id="c1") is None
    assert call.recording.is_held


def test_an_agreement_that_is_older_than_the_withdrawal_does_not_count() -> None:
    call = awaiting(ALL, "ana")
    call.withdraws("ana", decided_at=NOON + 0 * SECOND)
    record = call.decides("ana", True, decided_at=NOON - SECOND)
    assert record is not None
    assert record.counts is False
    assert call.recording.is_held
    call.agrees("ana")
    assert not call.recording.is_held


def test_an_older_withdrawal_counts_all_the_same() -> None:
    call = awaiting(ALL, "ana")
    call.agrees("ana", decided_at=NOON)
    call.withdraws("ana", decided_at=NOON - SECOND)
    assert call.recording.is_held


def test_a_coming_that_is_older_than_the_going_changes_nothing() -> None:
    call = agreed()
    call.leaves("cem", at=NOON)
    call.joins("cem", at=NOON - SECOND)
    assert call.recording.is_held is False


# What declines.


def test_consent_that_is_not_given_in_time_declines_a_recording_that_waits() -> None:
    call = awaiting(ALL, "ana", before_consent="wait", consent_within="PT1M", request_id="s")
    assert call.gate.next_due() == NOON + timedelta(minutes=1)
    call.gate.act(NOON + timedelta(minutes=1))
    assert call.recording.state == "declined"
    assert "1 of 1 in the call have not agreed" in call.recording.declined
    start = call.life.status.requests["s"]
    assert (start.state, start.problem) == ("failed", call.recording.declined)
    assert call.life.is_over


def test_consent_that_is_not_given_in_time_stops_a_recording_that_started_paused() -> None:
    call = awaiting(ALL, "ana", consent_within="PT1M").confirms("start")
    call.gate.act(NOON + timedelta(minutes=1))
    call.confirms("stop")
    assert call.recording.state == "declined"


def test_patience_ends_with_the_first_consent() -> None:
    call = agreed(consent_within="PT1M")
    call.joins("cem")
    call.gate.act(NOON + timedelta(hours=1))
    assert call.gate.next_due() is None
    assert call.recording.declined == ""


@pytest.mark.parametrize("mode", ["wait", "paused"])
def test_a_call_that_ends_without_consent_is_declined(mode: str) -> None:
    call = awaiting(ALL, "ana", before_consent=mode)
    if mode == "paused":
        call.confirms("start")
    call.ends()
    if mode == "paused":
        call.confirms("stop")
    assert call.recording.state == "declined"
    # ACS began what it began paused: another program may have resumed it, and files may come.
    assert call.life.is_over is (mode == "wait")
    missing = MissingFiles(call.life, call.alarms)
    if mode == "paused":
        missing.act(call.now + POLICY.export_window)
    assert (call.recording.state, call.life.is_over) == ("declined", True)
    assert (call.recording.problem, call.life.status.alarms) == ("", [])


def test_a_file_of_what_was_declined_comes_to_the_account_of_its_silence() -> None:
    """Another program resumed it: what was heard until ACS was read is unconfirmed."""
    call = awaiting(ALL, "ana").confirms("start")
    call.polls("inactive", after=timedelta(seconds=60))
    call.ends()
    call.confirms("stop")
    [doubt] = call.recording.silence.unconfirmed
    assert (call.recording.state, call.life.is_over) == ("declined", False)
    assert call.alarms.next_due() is None, "that no file comes is as it should be"

    file = chunk()
    call.announced(file)
    call.archives(file)

    [recording] = call.life.status.recordings
    assert (recording.state, recording.origin, call.life.is_over) == ("archived", "requested", True)
    assert recording.silence.unconfirmed == [doubt]
    assert "the service has files of it" in next(unexpected_files(recording))


# What makes no sense.


def test_a_stranger_is_refused_where_a_list_is_named() -> None:
    call = awaiting("named", "ana")
    assert call.decides("mallory", True) is None
    assert call.life.status.consents == []
    assert "none of the 1 participants" in call.timeline


@pytest.mark.parametrize(
    ("terms", "says"),
    [
        ({"consentPolicy": "named"}, "consentPolicy named needs consentParticipants"),
        ({"consentParticipants": [hashed("ana")]}, "go with consentPolicy named only"),
        ({"consentPolicy": "named", "consentParticipants": ["8:acs:ana"]}, "consentParticipants.0"),
    ],
)
def test_terms_that_contradict_themselves_are_refused(terms: dict[str, Any], says: str) -> None:
    answer = read(RecordingRequest, {"serverCallId": "c", **terms})
    assert isinstance(answer, Unreadable)
    assert says in answer.problem
    assert "8:acs" not in answer.problem


def test_a_request_goes_before_its_resource_and_the_resource_before_the_defaults() -> None:
    own = ConsentTerms.model_validate({"consent_policy": "any_party"})
    resource = a_policy(consent={"consent_policy": ALL, "before_consent": "wait"}).consent
    terms = consent.terms_of(own, resource)
    assert (terms.consent_policy, terms.before_consent, terms.on_withdrawal) == (
        "any_party",
        "wait",
        "pause",
    )
    assert consent.terms_of(terms, resource) == terms


# What is under way at ACS while consent changes.


@pytest.mark.parametrize("backend_pauses", [False, True])
def test_a_withdrawal_is_answered_only_once_acs_is_silent(backend_pauses: bool) -> None:
    call = agreed()
    if backend_pauses:
        call.asks("pause")
    call.withdraws("ana")
    assert call.has_paused is False
    call.confirms("pause")
    assert call.has_paused is True


def test_a_withdrawal_from_a_paused_recording_is_answered_by_a_reading_and_never_from_memory() -> (
    None
):
    """Somebody else had resumed since the last reading (listening, seed 1, call 1303)."""
    call = agreed()
    call.asks("pause")
    call.confirms("pause")
    for who in ("ana", "ben"):
        call.withdraws(who)
        assert call.has_paused is False
        call.reads("inactive")
        assert (call.has_paused, call.next) == (True, None)


def test_a_reading_from_before_a_withdrawal_does_not_answer_it() -> None:
    call = agreed()
    call.asks("pause")
    call.confirms("pause")
    call.withdraws("ana")
    early = ControlResult(
        recording_id="recording-1",
        state="inactive",
        read_at=call.now - SECOND,
        received_at=call.now - SECOND,
    )
    callbacks.observed(call.life, call.recording, early, call.ticks())
    assert (call.has_paused, call.next) == (False, "read")


def test_what_was_confirmed_to_be_paused_before_consent_does_not_begin_before_it_is_resumed() -> (
    None
):
    """ACS may not heed that it is to begin paused (listening, seed 1, calls 725 and 1637)."""
    call = awaiting(ALL, "ana", before_consent="wait")
    pause = call.asks("pause", requested_by="agent")
    assert pause.state == "confirmed"
    call.agrees("ana")
    assert (call.next, call.recording.is_held, call.recording.state) == (None, False, "paused")
    call.withdraws("ana")
    assert call.has_paused is True
    call.agrees("ana")
    assert call.next is None
    call.asks("resume", requested_by="agent")
    call.confirms("start", "confirm")
    assert call.recording.state == "recording"


def test_what_was_paused_before_it_began_is_declined_once_nobody_resumes_it_for_too_long() -> None:
    call = awaiting(ALL, "ana", before_consent="wait")
    call.asks("pause", requested_by="agent")
    call.agrees("ana")
    due = call.gate.next_due()
    assert due == call.recording.requested_at + MAX_CONSENT_WAIT
    call.gate.act(due - SECOND)
    assert call.recording.declined == ""
    call.gate.act(due)
    assert "paused before it began" in call.recording.declined
    assert call.recording.state == "declined"


def test_what_is_to_begin_paused_begins_once_consent_is_there() -> None:
    call = awaiting(ALL, "ana", before_consent="wait", pause_on_start=True)
    call.agrees("ana")
    assert call.is_asked("start").pause_on_start


def test_a_withdrawal_is_not_answered_while_a_refused_pause_has_not_led_to_the_stop() -> None:
    call = agreed()
    call.withdraws("ana")
    call.refuses(call.is_asked("pause"))
    assert call.has_paused is False
    call.confirms("stop")
    assert call.has_paused is True


def test_a_hold_during_an_unanswered_start_is_guarded_for_the_start_may_have_come_through() -> None:
    call = awaiting(ALL, "ana", before_consent="wait", on_pause_failure="stop")
    call.agrees("ana")
    call.is_asked("start")
    call.withdraws("ana")
    watch = Watchdog(call.life, Alarms(call.life.status, "workflow"))
    watch.act(call.now + POLICY.guards.pause_confirm_within)
    assert [r.alarm.kind for r in call.life.status.alarms] == ["pause_unconfirmed"]
    assert call.recording.wanted == "stopped"


def test_a_hold_before_the_start_is_asked_alarms_nobody() -> None:
    call = awaiting(ALL, "ana")
    watch = Watchdog(call.life, Alarms(call.life.status, "workflow"))
    assert watch.next_due() is None
    call.is_asked("start")
    begun = call.recording.sound.begun_at or NOON
    timeout = STARTING_TIMEOUT + POLICY.guards.pause_confirm_within
    assert watch.next_due() == begun + timeout, "it is started paused, and that takes its time"


def test_the_time_of_a_hold_counts_for_no_limit_of_a_pause() -> None:
    """Else a card number's pause that outlasts a long hold would be ended at once."""
    call = agreed(max_pause=timedelta(seconds=30), on_max_pause="resume")
    call.withdraws("ana")
    call.confirms("pause")
    call.now += timedelta(minutes=5)
    call.asks("pause", reason="card number")
    call.reads("inactive")
    call.agrees("ana")
    watch = Watchdog(call.life, Alarms(call.life.status, "workflow"))
    assert watch.next_due() == call.now + timedelta(seconds=30)


@pytest.mark.parametrize("happening", ["withdraws", "joins"])
def test_nobody_is_recorded_unmarked_while_it_is_being_stopped(
    happening: str,
) -> None:
    call = agreed()
    call.asks("stop")
    stop = call.is_asked("stop")
    getattr(call, happening)("ben" if happening == "withdraws" else "cid")
    since = call.now
    assert call.has_paused is False

    call.answers(stop)
    [doubt] = call.recording.silence.unconfirmed
    assert doubt.since <= since
    assert doubt.until == call.now
    assert (call.recording.is_held, call.has_paused) == (False, True)


@pytest.mark.parametrize("is_told_twice", [True, False])
def test_word_of_an_earlier_withdrawal_brings_the_hold_forward(is_told_twice: bool) -> None:
    call = agreed("named")
    since = call.now + SECOND
    call.now += 5 * SECOND
    for who, at in (("ben", None), ("ben" if is_told_twice else "ana", since)):
        call.withdraws(who, decided_at=at)
    doubt = call.recording.silence.unconfirmed[-1]
    assert (call.recording.holds[-1].since, doubt.since) == (since, since)


def test_a_withdrawal_that_is_told_again_lasts_since_it_was_told_first() -> None:
    call = agreed("any_party", on_pause_failure="alarm")
    for _ in range(2):
        call.withdraws("ben")
    assert consent.refusals(call.life.status) == {hashed("ben"): call.now - SECOND}
    call.agrees("ben")
    call.withdraws("ben")
    assert consent.refusals(call.life.status) == {hashed("ben"): call.now}


@pytest.mark.parametrize("before", ["paused", "wait"])
def test_a_withdrawal_is_not_answered_while_a_start_is_about_to_be_sent(before: str) -> None:
    """It is to begin paused, and ACS may not heed that."""
    call = awaiting(ALL, "ana", before_consent=before)
    call.withdraws("ana")
    assert call.has_paused is (before == "wait")
    if before == "paused":
        call.confirms("start")
        assert call.has_paused is False
        call.polls("inactive", STARTING_TIMEOUT)
        assert call.has_paused is True


def test_a_withdrawal_is_not_answered_while_a_start_is_unanswered() -> None:
    call = awaiting(ALL, "ana", before_consent="wait")
    call.agrees("ana")
    call.is_asked("start")
    call.withdraws("ana")
    assert call.has_paused is False


def test_a_withdrawal_is_not_answered_before_it_is_known_what_the_resource_demands() -> None:
    call = Call(participants=[hashed("ana")])
    policy, call.life.status.policy = call.life.status.policy, None
    call.withdraws("ana")
    assert call.has_paused is False
    call.life.status.policy = policy
    assert call.has_paused is True


def test_a_withdrawal_that_comes_after_a_later_agreement_marks_what_was_before_it() -> None:
    call = agreed("named")
    since = call.now + SECOND
    call.now += 5 * SECOND
    call.withdraws("ben")
    call.confirms("pause")
    call.agrees("ben")
    call.withdraws("ben", decided_at=since)
    assert call.recording.silence.unconfirmed[0].since == since
