"""Does a withdrawal always count: under any spelling and id, by any clock, in any form?"""

from datetime import timedelta
from typing import Any

import pytest

from callvault.contracts.base import Unreadable
from callvault.contracts.consent_messages import read_decision
from callvault.contracts.participants import UNKNOWN_PARTICIPANT, participant_hash
from callvault.contracts.requests import RecordingRequest
from workflows.call import consent
from workflows.call.consent_gate import MAX_WAIT

from .call import ALL, NOON, SECOND, Call, agreed, awaiting, hashed

MINUTE = timedelta(minutes=1)


def alarms(call: Call) -> list[str]:
    return [record.alarm.kind for record in call.life.status.alarms]


# Whoever objects.


@pytest.mark.parametrize("policy", ["any_party", "all_parties", "named"])
def test_whoever_objects_holds_the_recording_back_until_they_agree_or_leave(policy: str) -> None:
    for ends in (Call.agrees, Call.leaves):
        call = agreed(policy)
        call.joins("cem")
        call.agrees("cem")
        call.withdraws("cem")
        call.confirms("pause")
        ends(call, "cem")
        call.confirms("resume")


@pytest.mark.parametrize("policy", ["any_party", "named"])
def test_a_refusal_by_somebody_who_is_not_known_pauses_and_is_alarmed(policy: str) -> None:
    call = agreed(policy)
    assert call.decides("cem", False) is not None
    assert (call.next, alarms(call)) == ("pause", ["consent_unclear"])
    assert "does not agree" in call.life.status.alarms[0].alarm.what


def test_a_refusal_by_somebody_who_is_known_is_no_cause_for_an_alarm() -> None:
    call = agreed()
    call.withdraws("ana")
    assert alarms(call) == []


def test_who_refused_though_not_named_may_agree_and_a_stranger_may_not() -> None:
    call = agreed("named")
    assert call.decides("cem", True) is None
    call.withdraws("cem")
    assert call.decides("cem", True) is not None
    assert not call.recording.is_held


def test_who_agreed_and_is_not_known_to_be_there_is_not_enough_for_any_party() -> None:
    call = awaiting("any_party", "ben")
    call.agrees("ana")
    assert call.recording.is_held
    call.joins("ana")
    assert not call.recording.is_held


def test_a_telephone_that_agreed_and_hangs_up_stops_the_recording_if_that_is_asked() -> None:
    call = awaiting("any_party", "ana", stop_when_last_consenting_leaves=True)
    call.agrees("ana", "phone")
    call.confirms("start", "confirm")
    call.leaves("ana")
    assert call.next == "stop", "nobody knows the telephone to be in the call"


# Ids of decisions.


def test_a_withdrawal_under_the_id_of_another_decision_is_carried_out() -> None:
    call = agreed()
    call.decides("cem", True, request_id="c1")
    record = call.decides("ana", False, request_id="c1")
    assert record is not None
    assert (record.participant, record.given) == (hashed("ana"), False)
    assert call.next == "pause"
    assert call.decides("ana", False, request_id="c1") is record


@pytest.mark.parametrize(("who", "given"), [("ben", True), ("ana", False)])
def test_an_agreement_under_the_id_of_another_decision_is_refused(who: str, given: bool) -> None:
    call = awaiting(ALL, "ana", "ben")
    call.decides("ana", False, request_id="c1") if not given else call.decides(
        "ana", True, request_id="c1"
    )
    assert call.decides("ben" if given else "ana", True, request_id="c1") is None
    assert "was used for another decision" in call.timeline
    assert call.recording.is_held


# Clocks.


def test_an_older_agreement_does_not_undo_a_withdrawal_told_by_a_slow_clock() -> None:
    call = agreed()
    call.withdraws("ana", decided_at=call.now - 5 * MINUTE)
    record = call.decides("ana", True, decided_at=call.now - 2 * MINUTE)
    assert record is not None
    assert record.counts is False
    assert call.recording.is_held


def test_at_one_instant_a_withdrawal_wins() -> None:
    call = agreed()
    call.withdraws("ana")
    call.decides("ana", True, decided_at=call.now)
    assert call.recording.is_held
    call.now -= 2 * SECOND
    call.decides("ana", True)
    assert call.recording.is_held, "told in the same moment, without a time of its own"


def test_an_agreement_from_the_future_is_by_a_clock_that_proves_nothing() -> None:
    call = agreed()
    call.withdraws("ana")
    call.decides("ana", True, decided_at=call.now + 3 * MINUTE)
    assert call.recording.is_held


@pytest.mark.parametrize("says_when", [False, True])
def test_who_withdrew_can_agree_again(says_when: bool) -> None:
    call = agreed()
    call.withdraws("ana")
    call.agrees("ana", **({"decided_at": call.now + SECOND} if says_when else {}))
    assert not call.recording.is_held


def test_an_agreement_long_after_a_withdrawal_that_was_told_late_counts() -> None:
    call = agreed()
    call.withdraws("ana", decided_at=call.now - 30 * MINUTE)
    call.agrees("ana", decided_at=call.now - 20 * MINUTE)
    assert not call.recording.is_held


# Forms.


@pytest.mark.parametrize(
    "payloads",
    [
        [],
        [None],
        [17],
        ["withdrawn"],
        [Unreadable("broken JSON")],
        [{"given": False}],
        [{"participant": "8:acs:ana", "given": False}],
        [{"participant": None, "given": "perhaps"}],
        [{"reason": "x" * 2_000, "given": []}],
        [{"given": False}, {}],
        [{5: 6}],
    ],
)
def test_what_cannot_be_read_and_does_not_agree_is_a_withdrawal_of_nobody_knows_who(
    payloads: list[Any],
) -> None:
    decision = read_decision(payloads)
    assert not isinstance(decision, Unreadable)
    assert (decision.participant, decision.given) == (UNKNOWN_PARTICIPANT, False)
    assert decision.problem
    assert "8:acs" not in decision.model_dump_json()


def test_of_an_odd_withdrawal_is_read_what_can_be() -> None:
    odd = {"participant": hashed("ana"), "given": "no!", "requestedBy": 5, "requestId": "c1"}
    decision = read_decision([odd])
    assert not isinstance(decision, Unreadable)
    assert (decision.participant, decision.given) == (hashed("ana"), False)
    assert (decision.requested_by, decision.request_id) == ("unknown", "c1")


@pytest.mark.parametrize("payload", [{"given": True}, {"participant": "8:acs:ana", "given": "yes"}])
def test_an_agreement_that_cannot_be_read_changes_nothing(payload: dict[str, Any]) -> None:
    assert isinstance(read_decision([payload]), Unreadable)


def test_a_withdrawal_of_nobody_knows_who_holds_until_it_is_looked_after() -> None:
    call = agreed(on_withdrawal="pause_and_mark")
    decision = read_decision([{"given": False}])
    assert not isinstance(decision, Unreadable)
    for _ in range(2):
        call.gate.decided(decision, call.ticks())
    call.confirms("pause")
    assert alarms(call) == ["consent_unclear"], "once is enough"
    assert [mark.participant for mark in call.recording.marked] == [UNKNOWN_PARTICIPANT]
    released = decision.model_copy(update={"given": True})
    assert call.gate.refusal(released) is None
    call.gate.decided(released, call.ticks())
    call.confirms("resume")


def test_a_hash_in_upper_case_is_the_same_participant() -> None:
    decision = read_decision([{"participant": hashed("ana").upper(), "given": True}])
    assert not isinstance(decision, Unreadable)
    assert decision.participant == hashed("ana")


# Bounds.


def test_refusals_that_must_be_forgotten_leave_no_policy_met(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(consent, "MAX_RECORDS", 10)
    monkeypatch.setattr(consent, "MAX_COUNTING", 10)
    call = agreed("any_party")
    for number in range(12):
        call.withdraws(f"guest-{number}")
    for number in range(12):
        call.leaves(f"guest-{number}")
    call.agrees("ana", "ben")
    assert call.life.status.refusals_left_out > 0
    assert call.recording.is_held


def test_a_noisy_call_is_kept_within_bounds_and_forgets_no_decision_that_stands(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(consent, "MAX_RECORDS", 20)
    call = awaiting(ALL, "ana")
    call.agrees("ana")
    for _ in range(30):
        call.decides("ben", given=True)
        call.decides("ben", given=False)
    assert len(call.life.status.consents) == consent.MAX_RECORDS
    assert call.life.status.consents_left_out == 61 - consent.MAX_RECORDS
    assert consent.standing(call.life.status) == {hashed("ana"): True, hashed("ben"): False}


# Before the call is kept.


def waiting() -> Call:
    """A call that was begun by what was told of its participants."""
    return Call(start_recording=False)


def test_what_is_decided_before_the_call_is_recorded_is_kept_for_it() -> None:
    call = waiting()
    assert call.life.is_over
    call.withdraws("ana")
    call.joins("ana")
    assert not call.life.is_over
    call.asks("start", consent_policy=ALL, participants=[hashed("ben")])
    call.agrees("ben")
    assert call.recording.is_held
    call.agrees("ana")
    assert call.is_asked("start").pause_on_start is False


@pytest.mark.parametrize("ended", [True, False])
def test_a_call_that_nobody_records_is_kept_until_it_ends_or_for_a_day(ended: bool) -> None:
    call = waiting()
    call.withdraws("ana")
    told = call.now
    call.joins("ben")
    assert call.gate.next_due() == told + MAX_WAIT
    call.ends() if ended else call.gate.act(told + MAX_WAIT)
    assert call.life.is_over
    assert call.gate.next_due() is None


def test_a_number_has_one_hash_in_every_spelling() -> None:
    assert participant_hash("+49 30 1234567", "key") == participant_hash("4:+49301234567", "key")
    request = {"server_call_id": "c", "participants": [hashed("ana").upper()]}
    assert RecordingRequest.model_validate(request).participants == (hashed("ana"),)
    assert NOON.tzinfo is not None
