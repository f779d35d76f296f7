"""The times at which consent was missing, as far as anybody could know."""

from math import inf

import pytest

from bench.listen import consent_truth
from bench.listen.record import Played
from bench.listen.story import Channel, Verb
from tests.listen.calls import BEGAN, call, came, left, said


def missing(played: Played, who: int) -> list[tuple[float, float]]:
    """Return the times from the beginning of the call on, in seconds."""
    spans = consent_truth.missing(played).get(who, [])
    return [
        (max(0.0, round(span.since - BEGAN, 3)), round(span.until - BEGAN, 3))
        for span in spans
        if span.until > BEGAN
    ]


def test_nothing_is_missing_where_no_consent_is_needed() -> None:
    assert consent_truth.missing(call("none")) == {}


def test_a_named_participant_must_have_agreed_and_not_withdrawn() -> None:
    played = call("named", named=(0,))
    said(played, Verb.AGREE, 1, 1.1)
    said(played, Verb.WITHDRAW, 3, 3.5)
    said(played, Verb.AGREE, 5, 5.1)
    assert missing(played, 0) == [(0, 1), (3, 5)]
    assert missing(played, 1) == []


def test_what_is_said_twice_is_taken_back_once() -> None:
    played = call("named", named=(0,))
    said(played, Verb.AGREE, 1, 1.1)
    said(played, Verb.AGREE, 2, 2.1)
    said(played, Verb.WITHDRAW, 3, 3.5)
    said(played, Verb.WITHDRAW, 4, 4.5)
    said(played, Verb.AGREE, 5, 5.1)
    assert missing(played, 0) == [(0, 1), (3, 5)]


def test_a_decision_that_reached_nobody_does_not_count() -> None:
    played = call("named", named=(0,))
    said(played, Verb.AGREE, 1, 1.1)
    said(played, Verb.WITHDRAW, 3, 3.5, done=False, answer='HTTP 404 {"code":"not_found"}')
    assert missing(played, 0) == [(0, 1)]


def test_an_agreement_on_its_way_may_overtake_a_withdrawal_without_a_time() -> None:
    played = call("named", named=(0,))
    said(played, Verb.AGREE, 1, 3.2, ahead=None)
    said(played, Verb.WITHDRAW, 3, 3.5, ahead=None)
    assert missing(played, 0) == [(0, 1)]


def test_but_not_one_that_says_when_it_was_decided() -> None:
    played = call("named", named=(0,))
    said(played, Verb.AGREE, 1, 3.2, ahead=-300)
    said(played, Verb.WITHDRAW, 3, 3.5, ahead=-300)
    assert missing(played, 0) == [(0, 1), (3, inf)]


@pytest.mark.parametrize("ahead", [None, 300])
def test_without_a_time_a_withdrawal_is_known_once_it_has_come(ahead: float | None) -> None:
    played = call("named", named=(0,))
    said(played, Verb.AGREE, 1, 1.1)
    said(played, Verb.WITHDRAW, 3, 3.4, ahead=ahead)
    said(played, Verb.AGREE, 5, 5.1)
    said(played, Verb.WITHDRAW, 6, 9, ahead=ahead)
    assert missing(played, 0) == [(0, 1), (3.4, 5), (9, inf)]


@pytest.mark.parametrize("ahead", [None, 300])
def test_what_was_asked_and_answered_later_tells_that_a_withdrawal_was_heard_of(
    ahead: float | None,
) -> None:
    played = call("named", named=(0,))
    said(played, Verb.AGREE, 1, 1.1)
    said(played, Verb.WITHDRAW, 3, 3.1, channel=Channel.SIGNAL, ahead=ahead)
    said(played, Verb.PAUSE, 3.05, 3.2)
    said(played, Verb.PAUSE, 4, 8)
    said(played, Verb.PAUSE, 5, 5.5, done=False, answer="no answer")
    said(played, Verb.FOREIGN_RESUME, 5, 5.5)
    assert missing(played, 0) == [(0, 1), (8, inf)]


@pytest.mark.parametrize("policy", ["any_party", "all_parties", "named"])
def test_who_objects_is_not_to_be_heard_until_they_agree(policy: str) -> None:
    played = call(policy, named=(0,) if policy == "named" else ())
    for who in (0, 1):
        said(played, Verb.AGREE, 0, 0.1, who=who)
    said(played, Verb.WITHDRAW, 3, 3.5, who=1)
    said(played, Verb.AGREE, 5, 5.1, who=1)
    assert missing(played, 1) == [(3, 5)]
    assert missing(played, 0) == []


def test_an_objection_of_somebody_who_comes_back_counts_from_the_event_on() -> None:
    played = call("any_party")
    said(played, Verb.AGREE, 0, 0.1, who=0)
    said(played, Verb.WITHDRAW, 3, 3.5, who=1)
    left(played, 1, 4, told=4)
    came(played, 1, 6, told=7, ahead=300)
    said(played, Verb.PAUSE, 7.5, 8)
    assert missing(played, 1) == [(3, 4), (8, inf)]


def test_all_parties_are_those_in_the_call() -> None:
    played = call("all_parties", people=1)
    said(played, Verb.AGREE, 0.0, 0.1)
    came(played, 2, 4, told=5)
    left(played, 2, 7, told=7)
    assert missing(played, 0) == []
    assert missing(played, 2) == [(4, 7)]


def test_who_came_by_a_clock_that_is_ahead_is_known_from_the_event_on() -> None:
    played = call("all_parties", people=1)
    came(played, 2, 4, told=5, ahead=300)
    said(played, Verb.PAUSE, 4.9, 5.1)
    said(played, Verb.PAUSE, 5, 6)
    assert missing(played, 2) == [(6, inf)]


def test_who_came_by_a_clock_that_is_behind_is_known_from_coming_on() -> None:
    played = call("all_parties", people=1)
    came(played, 2, 4, told=5, ahead=-300)
    assert missing(played, 2) == [(4, inf)]


def test_nobody_can_know_of_a_participant_whom_nothing_told_of() -> None:
    played = call("all_parties", people=1)
    came(played, 2, 4, told=None)
    assert missing(played, 2) == []


def test_under_any_party_one_of_those_in_the_call_must_have_agreed() -> None:
    played = call("any_party")
    said(played, Verb.AGREE, 1, 1.1, who=1)
    left(played, 1, 6, told=6)
    assert missing(played, 0) == [(0, 1), (6, inf)]


def test_who_left_untold_may_be_taken_to_be_there() -> None:
    played = call("any_party")
    said(played, Verb.AGREE, 1, 1.1, who=1)
    left(played, 1, 6, told=None)
    assert missing(played, 0) == [(0, 1)]


def test_who_left_while_a_start_named_them_may_be_taken_to_be_there() -> None:
    played = call("any_party")
    said(played, Verb.AGREE, 1, 1.1, who=1)
    said(played, Verb.START, 5, 8)
    left(played, 1, 6, told=7)
    assert missing(played, 0) == [(0, 1)]
