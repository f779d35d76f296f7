"""Consent: which decisions count, and when they are enough, at each boundary."""

from datetime import timedelta
from typing import Any

import pytest

from callvault.contracts.consent import ConsentDecision, ConsentRecord, ConsentTerms, Presence
from callvault.contracts.participants import UNKNOWN_PARTICIPANT
from callvault.contracts.status import CallStatus
from tests.policies import a_policy
from tests.unit.call import hashed
from workflows.call import consent, presence

from .facts import a_recording, at, at_or_none, seconds

ANA, BEN, CEM = map(hashed, ("ana", "ben", "cem"))
DIFFERENCE = consent.MAX_CLOCK_DIFFERENCE.total_seconds()


def said(
    given: bool,
    who: str = ANA,
    *,
    decided: float = 0,
    received: float | None = None,
    **facts: Any,
) -> ConsentRecord:
    """Make the record of a decision."""
    received_at = at(decided if received is None else received)
    return ConsentRecord(
        participant=who, given=given, decided_at=at(decided), received_at=received_at, **facts
    )


def here(who: str = ANA, *, joined: float | None = 0, left: float | None = None) -> Presence:
    times = {"joined_at": at_or_none(joined), "left_at": at_or_none(left)}
    return Presence(participant=who, told_at=at(0), **times)


def a_call(*consents: ConsentRecord, people: tuple[Presence, ...] = (), **facts: Any) -> CallStatus:
    return CallStatus(
        server_call_id="call",
        resource="default",
        consents=list(consents),
        participants=list(people),
        **facts,
    )


def terms(policy: str | None, *named: str) -> ConsentTerms:
    return ConsentTerms(consent_policy=policy, consent_participants=named)


ANA_AGREED, BEN_AGREED = said(True, ANA), said(True, BEN)
NAMED = ("named", ANA, BEN)


@pytest.mark.parametrize(
    ("policy", "decisions", "people", "told"),
    [
        ((None,), [said(False)], [here()], ""),
        (("none",), [said(False)], [here()], ""),
        (("any_party",), [], [here()], "nobody who is known to be in the call has agreed"),
        (("any_party",), [ANA_AGREED], [], "nobody who is known to be in the call has agreed"),
        (("any_party",), [ANA_AGREED], [here(), here(BEN)], ""),
        (("any_party",), [ANA_AGREED, said(False, BEN)], [here()], "1 who may be in the call"),
        (("all_parties",), [ANA_AGREED], [], "nobody is known to be in the call"),
        (("all_parties",), [ANA_AGREED], [here()], ""),
        (("all_parties",), [ANA_AGREED], [here(), here(BEN)], "1 of 2 in the call have not agreed"),
        (("all_parties",), [ANA_AGREED], [here(), here(BEN, left=5)], ""),
        (("all_parties",), [ANA_AGREED, said(False, BEN)], [here()], "1 who may be in the call"),
        (("all_parties",), [ANA_AGREED, said(False, BEN)], [here(), here(BEN, left=5)], ""),
        (NAMED, [ANA_AGREED], [here()], "1 of 2 named have not agreed"),
        (NAMED, [ANA_AGREED, BEN_AGREED], [], ""),
        (NAMED, [ANA_AGREED, BEN_AGREED, said(False, CEM)], [], "1 who may be in the call object"),
    ],
)
def test_each_policy_says_what_is_missing_and_a_refusal_counts_for_all_but_none(
    policy: tuple[str | None, ...],
    decisions: list[ConsentRecord],
    people: list[Presence],
    told: str,
) -> None:
    lacking = consent.missing(a_call(*decisions, people=tuple(people)), terms(*policy))
    assert lacking.startswith(told) if told else lacking == ""


def test_with_more_people_than_can_be_told_apart_no_policy_is_met(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    met = a_call(ANA_AGREED, people=(here(),))
    assert consent.missing(met, terms("all_parties")) == ""
    met.refusals_left_out = 1
    assert "told apart" in consent.missing(met, terms("all_parties"))
    assert consent.missing(met, terms("none")) == ""
    met.refusals_left_out = 0
    monkeypatch.setattr(presence, "MAX_OPEN", 1)
    assert "told apart" in consent.missing(met, terms("all_parties"))


@pytest.mark.parametrize(
    ("policy", "decisions", "people", "since"),
    [
        ("all_parties", [], [here(joined=3)], 3),
        ("all_parties", [], [here(joined=3), here(BEN, joined=2)], 2),
        ("all_parties", [ANA_AGREED], [here(joined=2), here(BEN, joined=3)], 3),
        ("all_parties", [said(False, decided=4)], [here(joined=2)], 4),
        ("all_parties", [said(False, decided=4)], [here(), here(BEN, joined=3)], 3),
        ("all_parties", [said(False, decided=4)], [here(left=5)], 9),
        ("any_party", [], [here(joined=3)], 9),
        ("any_party", [ANA_AGREED], [here(left=5), here(BEN, left=7)], 9),
        ("any_party", [ANA_AGREED], [here(left=5), here(BEN, left=7), here(CEM)], 5),
        ("any_party", [ANA_AGREED, BEN_AGREED], [here(left=5), here(BEN, left=7), here(CEM)], 7),
        ("any_party", [ANA_AGREED], [here(left=5), here(joined=4, left=6), here(CEM)], 6),
        (
            "any_party",
            [ANA_AGREED, BEN_AGREED, said(False, BEN, decided=6)],
            [here(left=5), here(BEN, left=7), here(CEM)],
            6,
        ),
        ("any_party", [said(True, decided=5)], [here(left=5), here(CEM)], 9),
        ("any_party", [said(False, BEN, decided=8)], [here(left=5)], 8),
        ("all_parties", [said(False)], [here(left=5), here(joined=8)], 8),
        ("any_party", [said(False)], [here(left=5), here(joined=8)], 8),
        ("named", [], [here(joined=3), here(BEN, left=7)], 9),
    ],
)
def test_consent_is_missing_since_the_times_that_were_told(
    policy: str, decisions: list[ConsentRecord], people: list[Presence], since: float
) -> None:
    status = a_call(*decisions, people=tuple(people))
    told = ConsentTerms.model_construct(consent_policy=consent.ConsentPolicy(policy))
    assert seconds(consent.missing_since(status, told, at(9))) == since


@pytest.mark.parametrize(
    ("decisions", "since"),
    [
        ([said(False, decided=5)], 5),
        ([said(False, decided=5), said(False, decided=3)], 3),
        ([said(False, decided=5), said(False, decided=7)], 5),
        ([said(False, decided=5), said(True, decided=7)], None),
        ([said(False, decided=5), said(True, decided=7), said(False, decided=8)], 8),
        ([said(False, decided=5), said(True, decided=7, counts=False)], 5),
        ([said(False, decided=5, counts=False)], None),
        ([said(False, decided=5), said(False, BEN, decided=4)], 4),
    ],
)
def test_somebody_refuses_since_the_first_word_of_it_until_an_agreement_that_counts(
    decisions: list[ConsentRecord], since: float | None
) -> None:
    assert seconds(consent.refused_since(a_call(*decisions))) == since


@pytest.mark.parametrize(
    ("refused", "people", "since"),
    [
        (2, [here()], 2),
        (2, [here(joined=4)], 2),
        (2, [here(left=5), here(joined=8)], 8),
        (6, [here(left=5), here(joined=8)], 8),
        (9, [here(left=5), here(joined=8)], 9),
        (2, [here(left=5), here(joined=4)], 2),
        (2, [here(left=5), here(joined=None)], 2),
        (2, [here(left=5), here(joined=8), here(BEN, left=6), here(BEN, joined=7)], 4),
    ],
)
def test_who_was_gone_since_they_refused_objects_since_they_are_back(
    refused: float, people: list[Presence], since: float
) -> None:
    decisions = [said(False, decided=refused)]
    if len(people) > 3:
        decisions.append(said(False, CEM, decided=4))
    assert seconds(consent.refused_since(a_call(*decisions, people=tuple(people)))) == since


def test_who_refused_objects_unless_known_to_have_left_and_who_agreed_consents_while_here() -> None:
    refused, agreed = a_call(said(False), said(False, BEN)), a_call(ANA_AGREED, BEN_AGREED)
    assert consent.objectors(refused) == {ANA, BEN}
    assert consent.consenting(agreed) == set()
    for status in (refused, agreed):
        status.participants = [here(), here(BEN, left=5)]
    assert consent.objectors(refused) == {ANA}
    assert consent.consenting(agreed) == {ANA}


@pytest.mark.parametrize(
    ("who", "given", "request_id", "is_known", "is_taken"),
    [
        (ANA, True, "r1", True, False),
        (ANA, False, "r1", False, True),
        (BEN, True, "r1", False, True),
        (ANA, True, "r2", False, False),
        (ANA, True, None, False, False),
    ],
)
def test_a_decision_is_known_by_its_id_if_it_says_the_same(
    who: str, given: bool, request_id: str | None, is_known: bool, is_taken: bool
) -> None:
    status = a_call(said(True, ANA, request_id="r1"), said(True, ANA))
    decision = ConsentDecision(participant=who, given=given, request_id=request_id)
    assert consent.known(status, decision) == (status.consents[0] if is_known else None)
    assert consent.is_id_taken(status, decision) is is_taken


@pytest.mark.parametrize(
    ("given", "decided", "told", "is_outdated"),
    [
        (False, 3, [said(True, ANA, decided=4)], True),
        (False, 2, [said(True, ANA, decided=4)], False),
        (False, None, [said(True, ANA, decided=4)], True),
        (False, 3, [], False),
        (False, 3, [said(True, BEN, decided=4)], False),
        (False, 3, [said(True, ANA, decided=4, counts=False)], True),
        (True, 2, [], False),
        (True, 2, [said(False, ANA, decided=4)], True),
        (True, 2, [said(False, BEN, decided=4)], False),
    ],
)
def test_a_decision_that_another_one_has_followed_is_no_answer_any_more(
    given: bool, decided: float | None, told: list[ConsentRecord], is_outdated: bool
) -> None:
    first = said(given, ANA, decided=2)
    decision = ConsentDecision(participant=ANA, given=given, decided_at=at_or_none(decided))
    assert consent.is_outdated(a_call(first, *told), first, decision, at(9)) is is_outdated


def test_of_decisions_under_one_id_the_newest_is_the_answer() -> None:
    first, second = (said(False, ANA, decided=at_, request_id="r1") for at_ in (2, 5))
    decision = ConsentDecision(participant=ANA, given=False, request_id="r1")
    assert consent.known(a_call(first, said(True, ANA), second), decision) is second


@pytest.mark.parametrize(
    ("decisions", "has_refused"),
    [
        ([], False),
        ([said(False, decided=30, received=31)], True),
        ([said(False, decided=30, received=30)], False),
        ([said(False, decided=15, received=31)], False),
        ([said(False, decided=15.1, received=31)], True),
        ([said(False, BEN, decided=30, received=31)], False),
        ([said(False, decided=30, received=31), said(True, decided=32, received=33)], False),
    ],
)
def test_who_has_refused_long_after_they_are_told_to_have_left_may_be_here(
    decisions: list[ConsentRecord], has_refused: bool
) -> None:
    assert consent.has_refused_since(a_call(*decisions), ANA, at(5)) is has_refused


def test_somebody_is_known_who_was_seen_or_named_or_has_decided() -> None:
    recording = a_recording(consent=terms("named", BEN))
    status = a_call(said(True, ANA), people=(here(CEM, left=5),), recordings=[recording])
    assert all(consent.is_known_person(status, who) for who in (ANA, BEN, CEM))
    assert not consent.is_known_person(status, hashed("dan"))


@pytest.mark.parametrize(
    ("decisions", "is_known"),
    [
        ([], False),
        ([said(False, UNKNOWN_PARTICIPANT)], True),
        ([said(True, UNKNOWN_PARTICIPANT)], False),
        ([said(False, UNKNOWN_PARTICIPANT), said(True, UNKNOWN_PARTICIPANT)], False),
    ],
)
def test_nobody_in_particular_is_known_while_a_withdrawal_of_theirs_stands(
    decisions: list[ConsentRecord], is_known: bool
) -> None:
    assert consent.is_known_person(a_call(*decisions), UNKNOWN_PARTICIPANT) is is_known


@pytest.mark.parametrize(("told", "decided"), [(None, 50), (49, 49), (50, 50), (51, 50)])
@pytest.mark.parametrize("given", [True, False])
def test_nobody_decides_later_than_that_is_known(
    told: float | None, decided: float, given: bool
) -> None:
    status = a_call()
    decision = ConsentDecision(
        participant=ANA, given=given, decided_at=at_or_none(told), requested_by="backend"
    )
    record = consent.decide(status, decision, at(50))
    assert (seconds(record.decided_at), seconds(record.received_at)) == (decided, 50)
    assert status.consents == [record]
    assert (record.reported_by, record.counts) == ("backend", True)


@pytest.mark.parametrize(
    ("withdrawn", "received", "told", "counts"),
    [
        (100, 100, 99, False),
        (100, 100, 100, False),
        (100, 100, 101, True),
        (100, 200, 200, False),
        (100, 200, 201, True),
        (100, 900, 100 + DIFFERENCE, False),
        (100, 900, 101 + DIFFERENCE, True),
        (100, 900, None, True),
        (999, 1000, None, False),
        (998, 999, None, True),
        (999, 999.5, 1001, True),
        (999, 999.5, 1001.1, False),
        (1000 - DIFFERENCE, 1000 - DIFFERENCE, 1002, False),
        (999 - DIFFERENCE, 999 - DIFFERENCE, 1002, True),
    ],
)
def test_an_agreement_counts_only_if_it_was_surely_decided_after_the_withdrawal(
    withdrawn: float, received: float, told: float | None, counts: bool
) -> None:
    before = (said(True, ANA, decided=50), said(False, ANA, decided=withdrawn, received=received))
    status = a_call(*before, said(False, BEN, decided=1000, received=1000))
    decision = ConsentDecision(participant=ANA, given=True, decided_at=at_or_none(told))
    assert consent.decide(status, decision, at(1000)).counts is counts


def test_a_withdrawal_counts_whatever_was_known_before() -> None:
    status = a_call(said(False, ANA, decided=100))
    decision = ConsentDecision(participant=ANA, given=False, decided_at=at(1))
    assert consent.decide(status, decision, at(1000)).counts


def test_in_joined_histories_an_agreement_is_judged_by_the_same_persons_refusals_alone() -> None:
    status = a_call(
        said(True, ANA, decided=600), said(False, BEN, decided=900), said(True, ANA, decided=50)
    )
    consent.recount(status)
    assert all(record.counts for record in status.consents)
    status.consents.append(said(True, BEN, decided=50))
    consent.recount(status)
    assert [record.counts for record in status.consents] == [True, True, True, False]


def test_more_decisions_than_can_be_kept_forget_first_what_counts_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(consent, "MAX_RECORDS", 2)
    monkeypatch.setattr(consent, "MAX_COUNTING", 3)
    status = a_call()

    def decides(who: str, given: bool) -> list[tuple[str, bool]]:
        decision = ConsentDecision(participant=hashed(who), given=given)
        consent.decide(status, decision, at(len(status.consents)))
        names = {hashed(each): each for each in ("ana", "ben", "cem", "dan", "eva", "fin")}
        return [(names[each.participant], each.given) for each in status.consents]

    decides("ana", True)
    assert decides("ana", False) == [("ana", True), ("ana", False)], "there is room for two"
    assert decides("ben", True) == [("ana", False), ("ben", True)], "what was replaced is gone"
    assert decides("cem", False) == [("ana", False), ("ben", True), ("cem", False)], "all count"
    assert status.consents_left_out == 1
    told = [("ana", False), ("cem", False), ("dan", True)]
    assert decides("dan", True) == told, "an agreement is given up before a refusal"
    assert decides("eva", False) == [("ana", False), ("cem", False), ("eva", False)]
    assert (status.consents_left_out, status.refusals_left_out) == (3, 0)
    assert decides("fin", True) == [("cem", False), ("eva", False), ("fin", True)]
    assert (status.consents_left_out, status.refusals_left_out) == (4, 1)


@pytest.mark.parametrize(("people", "more"), [(1, False), (3, False), (4, True)])
def test_of_those_who_object_three_are_named(people: int, more: bool) -> None:
    status = a_call(*(said(False, hashed(f"p{n}")) for n in range(people)), ANA_AGREED)
    told = consent.missing(status, terms("named", ANA))
    assert told.startswith(f"{people} who may be in the call object: ")
    assert told.count("…") == min(people, 3)
    assert told.endswith(" and more") is more


def test_somebody_unknown_is_called_so_and_everybody_else_by_the_beginning_of_their_hash() -> None:
    assert consent.short(UNKNOWN_PARTICIPANT) == "somebody unknown"
    assert consent.short(ANA) == f"{ANA[:8]}…"


def test_what_a_request_says_of_consent_goes_before_its_resource() -> None:
    resource = a_policy(consent={"consent_policy": "any_party"}).consent
    own = ConsentTerms(consent_within=timedelta(minutes=1))
    assert consent.terms_of(own, resource).consent_policy == "any_party"
    assert consent.terms_of(own, resource).consent_within == timedelta(minutes=1)
    assert consent.terms_of(terms("none"), resource).consent_policy == "none"
