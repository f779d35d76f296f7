"""Late word: of which time silence was wanted, and nobody knew."""

from typing import Any

import pytest

from callvault.contracts.consent import ConsentHold, ConsentRecord, ConsentTerms, Presence
from callvault.contracts.status import CallStatus
from tests.policies import a_policy
from tests.unit.call import hashed
from workflows.call import late_word
from workflows.call.intervals import Span
from workflows.call.lifecycle import Lifecycle

from .facts import A_SEAL, a_call, a_recording, at, at_or_none, doubts_of
from .test_consent import ANA, BEN, CEM, here, said

TOLD = Span(at(10), at(20))
"""Ana moved at the tenth second, and word of it came at the twentieth."""


def a_life(
    policy: str | None, *, people: tuple[Presence, ...] = (), holds: tuple = (), **facts: Any
) -> Lifecycle:
    terms = ConsentTerms.model_construct(consent_policy=policy, consent_participants=(BEN,))
    recording = a_recording(sound={"begun_at": 1}, sealed=A_SEAL)
    recording.consent = terms
    recording.holds = [ConsentHold(since=at(a), until=at_or_none(b), reason="") for a, b in holds]
    status: CallStatus = a_call(participants=list(people), policy=a_policy(), **facts)
    status.recordings.append(recording)
    return Lifecycle(status)


def doubts(life: Lifecycle, joined: bool) -> list[tuple[float | None, float | None]]:
    late_word.moved(life, ANA, joined, TOLD, at(21))
    [recording] = life.status.recordings
    found = [each[:2] for each in doubts_of(recording)]
    assert (recording.sealed is None) is bool(found), "one that was sealed does not know of it"
    return found


@pytest.mark.parametrize(
    ("consents", "found"),
    [
        ([], [(10, 20)]),
        ([said(True, decided=5)], []),
        ([said(True, decided=15)], [(10, 15)]),
        ([said(True, decided=5, received=15)], [(10, 15)]),
        ([said(True, BEN, decided=5)], [(10, 20)]),
        ([said(True, decided=5, counts=False)], [(10, 20)]),
        ([said(True, decided=5), said(False, decided=15)], [(15, 20)]),
        ([said(True, decided=5), said(False, decided=12, received=15)], [(12, 20)]),
        ([said(True, decided=5), said(True, decided=15)], []),
        ([said(False, decided=5), said(True, decided=15)], [(10, 15)]),
    ],
)
def test_of_all_parties_a_coming_that_was_told_late_is_without_consent_until_they_agreed(
    consents: list[ConsentRecord], found: list
) -> None:
    assert doubts(a_life("all_parties", consents=consents), True) == found
    assert doubts(a_life("all_parties", consents=consents), False) == []


@pytest.mark.parametrize(
    ("people", "found"),
    [
        ((here(joined=10),), [(10, 20)]),
        ((here(joined=10, left=14),), [(10, 14)]),
        ((here(joined=10, left=14), here(joined=18)), [(10, 14), (18, 20)]),
    ],
)
def test_who_is_known_to_have_left_before_their_coming_was_told_was_here_until_then(
    people: tuple[Presence, ...], found: list
) -> None:
    assert doubts(a_life("all_parties", people=people), True) == found
    assert doubts(a_life("named", people=people, consents=[said(False, decided=5)]), True) == found


@pytest.mark.parametrize(
    ("consents", "people", "found"),
    [
        ([], [], [(10, 20)]),
        ([said(True, BEN, decided=5)], [here(BEN, joined=5)], []),
        ([said(True, BEN, decided=5)], [here(BEN, joined=12)], [(10, 12)]),
        ([said(True, BEN, decided=13)], [here(BEN, joined=5)], [(10, 13)]),
        ([said(True, BEN, decided=5)], [here(BEN, joined=5, left=14)], [(14, 20)]),
        ([said(True, BEN, decided=5)], [], [(10, 20)]),
        ([said(True, BEN, decided=5)], [here(BEN, joined=None)], []),
    ],
)
def test_of_any_party_a_going_that_was_told_late_is_without_consent_until_another_agreed(
    consents: list[ConsentRecord], people: list[Presence], found: list
) -> None:
    somebody = here(CEM, joined=1)
    known = {"consents": consents, "people": (somebody, *people)}
    assert doubts(a_life("any_party", **known), False) == found


def test_once_nobody_is_left_there_is_nobody_to_protect() -> None:
    assert doubts(a_life("any_party", people=(here(BEN, left=9),)), False) == []


@pytest.mark.parametrize("policy", ["any_party", "named"])
@pytest.mark.parametrize(
    ("consents", "found"),
    [
        ([], []),
        ([said(False, decided=5)], [(10, 20)]),
        ([said(False, decided=15)], [(15, 20)]),
        ([said(False, decided=5), said(True, decided=15)], [(10, 15)]),
        ([said(False, decided=5), said(True, decided=10)], []),
        ([said(False, decided=25)], []),
        ([said(False, decided=20)], []),
    ],
)
def test_of_every_policy_a_coming_of_who_refuses_is_without_consent(
    policy: str, consents: list[ConsentRecord], found: list
) -> None:
    assert doubts(a_life(policy, consents=consents), True) == found


@pytest.mark.parametrize("policy", [None, "none"])
@pytest.mark.parametrize("joined", [True, False])
def test_without_a_policy_nothing_was_to_be_silent(policy: str | None, joined: bool) -> None:
    assert doubts(a_life(policy, consents=[said(False)]), joined) == []


def test_of_a_list_no_going_matters() -> None:
    assert doubts(a_life("named", consents=[said(False)]), False) == []


@pytest.mark.parametrize(
    ("holds", "found"),
    [([(12, 14)], [(10, 12), (14, 20)]), ([(5, None)], []), ([(15, None)], [(10, 15)])],
)
def test_what_a_hold_covers_is_known(holds: list, found: list) -> None:
    assert doubts(a_life("all_parties", holds=tuple(holds)), True) == found


@pytest.mark.parametrize(
    ("policy", "joined", "why"),
    [
        ("all_parties", True, "joined, who had not agreed"),
        ("any_party", False, "left, who alone had agreed"),
    ],
)
def test_why_it_was_to_be_silent_is_said(policy: str, joined: bool, why: str) -> None:
    life = a_life(policy, people=(here(CEM, joined=1),))
    doubts(life, joined)
    [doubt] = life.status.recordings[0].silence.unconfirmed
    assert doubt.reason == f"word came late that {hashed('ana')[:8]}… had {why}"


def test_before_the_settings_are_known_nothing_is_noted() -> None:
    life = a_life("all_parties")
    life.status.policy = None
    assert doubts(life, True) == []


@pytest.mark.parametrize(
    ("policy", "people", "holds", "found"),
    [
        ("all_parties", (here(),), (), [(10, 20)]),
        ("any_party", (), (), [(10, 20)]),
        ("any_party", (here(left=15),), (), [(10, 15)]),
        ("any_party", (here(left=9),), (), []),
        ("any_party", (here(left=25),), (), [(10, 20)]),
        ("any_party", (here(left=12), here(joined=17)), (), [(10, 12), (17, 20)]),
        ("any_party", (here(left=12), here(joined=17)), ((17, None),), [(10, 12)]),
        ("named", (here(left=15),), (), [(10, 15)]),
        ("all_parties", (here(),), ((12, 14),), [(10, 12), (14, 20)]),
        ("all_parties", (here(),), ((10, None),), []),
        ("none", (here(),), (), []),
        (None, (here(),), (), []),
    ],
)
def test_a_refusal_counts_until_word_of_it_comes_or_its_person_leaves(
    policy: str | None, people: tuple[Presence, ...], holds: tuple, found: list
) -> None:
    life = a_life(policy, people=people, holds=holds)
    late_word.decided(life, said(False, decided=10, received=20), at(20))
    [recording] = life.status.recordings
    assert [each[:2] for each in doubts_of(recording)] == found
    assert (recording.sealed is None) is bool(found)


def test_whose_consent_is_needed_may_refuse_from_anywhere_and_an_agreement_is_no_refusal() -> None:
    life = a_life("named", people=(here(BEN, left=9),))
    late_word.decided(life, said(True, BEN, decided=10, received=20), at(20))
    [recording] = life.status.recordings
    assert doubts_of(recording) == []
    late_word.decided(life, said(False, BEN, decided=10, received=20), at(20))
    assert [each[:2] for each in doubts_of(recording)] == [(10, 20)]
