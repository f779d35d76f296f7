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
