"""Can it be shown, from the evidence alone, that everybody present had agreed at a moment?"""

import io
from datetime import datetime, timedelta

import pytest
from rich.console import Console

from callvault.cli.actions.evidence import evidence_tables
from callvault.evidence.account import evidence_of
from callvault.evidence.consent_at import ConsentAt, consent_at

from .call import ALL, NOON, SECOND, Call, agreed, awaiting, hashed

MINUTE = timedelta(minutes=1)


def then(call: Call, moment: datetime) -> ConsentAt:
    status = call.life.status
    return consent_at(call.recording.consent, status.consents, status.participants, moment)


def stands(found: ConsentAt) -> dict[str, str]:
    names = {hashed(who): who for who in ("ana", "ben", "cem")}
    return {names[each.participant]: each.stand for each in found.people}


def test_everybody_present_had_agreed_at_three_past_twelve() -> None:
    call = agreed()
    call.now = NOON + 4 * MINUTE
    call.joins("cem", connection="c")
    call.withdraws("ben")
    found = then(call, NOON + 3 * MINUTE)
    assert found.is_met
    assert stands(found) == {"ana": "agreed", "ben": "agreed"}
    later = then(call, call.now)
    assert not later.is_met
    assert stands(later) == {"ana": "agreed", "ben": "refused", "cem": "undecided"}


def test_before_the_decisions_nobody_had_agreed() -> None:
    assert stands(then(agreed(), NOON)) == {"ana": "undecided", "ben": "undecided"}


def test_who_had_left_is_not_asked_for_and_who_was_about_to_leave_is() -> None:
    call = agreed()
    call.joins("cem", connection="c", at=NOON)
    call.now = NOON + MINUTE
    call.leaves("cem", connection="c", at=NOON + MINUTE)
    assert not then(call, NOON + 30 * SECOND).is_met
    assert not then(call, NOON + MINUTE).is_met
    assert then(call, NOON + MINUTE + SECOND).is_met


@pytest.mark.parametrize(("policy", "is_met"), [("any_party", False), ("named", True)])
def test_each_policy_is_judged_as_while_it_was_recorded(policy: str, is_met: bool) -> None:
    call = awaiting(policy, "ana")
    call.agrees("ana")
    call.leaves("ana", connection="unknown")
    assert call.recording.is_held is not is_met
    assert then(call, call.now).is_met is is_met


def test_a_refusal_by_somebody_who_was_never_seen_counts() -> None:
    call = agreed("named")
    call.withdraws("cem")
    found = then(call, call.now)
    assert not found.is_met
    assert [(p.participant, p.is_certain) for p in found.people if p.stand == "refused"] == [
        (hashed("cem"), False)
    ]


def test_in_every_moment_of_a_call_it_says_what_held_the_recording_back() -> None:
    call = awaiting(ALL, "ana", "ben")
    steps = [
        lambda: call.agrees("ana", "ben"),
        lambda: call.joins("cem", connection="c"),
        lambda: call.agrees("cem"),
        lambda: call.withdraws("ana"),
        lambda: call.leaves("ana"),
        lambda: call.leaves("cem", connection="c"),
    ]
    for step in steps:
        step()
        assert then(call, call.now + SECOND / 2).is_met is not call.recording.is_held


def test_an_agreement_counts_from_its_arrival_whatever_its_own_time() -> None:
    call = agreed()
    call.joins("cem", connection="c")
    held = call.ticks()
    call.agrees("cem", decided_at=NOON)
    assert not call.recording.is_held
    assert not then(call, held).is_met
    assert stands(then(call, held))["cem"] == "undecided"
    assert then(call, call.now).is_met


def test_a_withdrawal_counts_from_its_own_time() -> None:
    call = agreed()
    call.now = NOON + MINUTE
    call.withdraws("ben", decided_at=NOON + 30 * SECOND)
    assert then(call, NOON + 29 * SECOND).is_met
    assert not then(call, NOON + 30 * SECOND).is_met


def test_nobody_has_consented_in_what_is_unconfirmed_since_word_of_a_coming_was_late() -> None:
    call = agreed()
    came, call.now = call.now, NOON + MINUTE
    call.agrees("cem", decided_at=NOON)
    agreed_at, _ = call.now, call.ticks()
    call.joins("cem", connection="c", at=came)
    [doubt] = call.recording.silence.unconfirmed
    assert (doubt.since, doubt.until) == (came, agreed_at)
    assert not then(call, came).is_met
    assert not then(call, agreed_at - SECOND).is_met
    assert then(call, agreed_at).is_met


@pytest.mark.parametrize("policy", ["any_party", ALL])
def test_who_is_known_by_a_leaving_alone_was_not_certainly_here(policy: str) -> None:
    call = Call(consent_policy=policy)
    call.agrees("ben")
    waited = call.ticks()
    call.leaves("ben", connection="b")
    found = then(call, waited)
    assert [(each.stand, each.is_certain) for each in found.people] == [("agreed", False)]
    assert call.recording.is_held
    assert not found.is_met


def test_who_is_named_by_a_request_is_certainly_here_from_then_on() -> None:
    call = agreed("any_party")
    assert then(call, call.now).is_met
    assert all(each.is_certain for each in then(call, NOON).people)
    assert not any(each.is_certain for each in then(call, NOON - SECOND).people)


def test_who_refused_before_they_were_seen_objected_until_then() -> None:
    call = agreed("any_party")
    call.withdraws("cem")
    refused = call.now
    call.ticks()
    call.joins("cem", connection="c")
    assert not then(call, refused).is_met
    assert not then(call, call.now).is_met


@pytest.mark.parametrize("policy", ["any_party", ALL, "named"])
def test_it_is_never_met_at_a_moment_at_which_the_recording_was_held(policy: str) -> None:
    call = awaiting(policy, "ana", "ben")
    long_ago = {"decided_at": NOON - MINUTE}
    steps = [
        lambda: call.agrees("ben", "ana", **long_ago),
        lambda: call.withdraws("cem"),
        lambda: call.joins("cem", connection="c"),
        lambda: call.agrees("cem"),
        lambda: call.leaves("ana"),
        lambda: call.leaves("ben"),
        lambda: call.withdraws("cem"),
        lambda: call.leaves("cem", connection="c"),
        lambda: call.joins("ben", connection="b"),
    ]
    held = {}
    for step in steps:
        step()
        held[call.now + SECOND / 2] = call.recording.is_held
    assert {moment: not then(call, moment).is_met for moment in held} == held


def test_the_evidence_shows_the_moment_and_every_stay() -> None:
    call = agreed()
    call.joins("cem", connection="c")
    call.life.status.participants_left_out = 3
    console = Console(width=200, file=io.StringIO())
    evidence = evidence_of(call.life.status, moment=call.now)
    with console.capture() as shown:
        console.print(evidence_tables(evidence))
    text = shown.get()
    for words in ("all_parties was not met, as far as it is kept", "undecided", "before 2026-"):
        assert words in text
    assert evidence[0].consent.at is not None
