"""Pauses: who holds a recording paused, who releases that, and since when it is confirmed."""

from typing import Any

import pytest

from callvault.contracts.consent import ConsentHold
from callvault.contracts.requests import ControlRequest
from callvault.contracts.states import RequestState, Wanted
from callvault.contracts.status import ControlRecord, PauseRecord, RecordingStatus
from workflows.call import pauses
from workflows.call.pauses import GATE, GUARD, MANY, MAX_HOLDERS, MAX_NAME, THIRD_PARTY, Holder

from .facts import a_recording, at, at_or_none, seconds, silent


def a_pause(who: str = "ana", asked: float = 5, **facts: Any) -> PauseRecord:
    told = {"reason": "", "requested_at": at(asked), "received_at": at(asked), **facts}
    return PauseRecord(requested_by=who, **told)


def a_request(operation: str, who: str = "ana", when: float = 9, **facts: Any) -> ControlRecord:
    told = {"reason": "", "requested_at": at(when), "received_at": at(when), "recording": 1}
    known = {**told, "state": RequestState.PENDING, **facts}
    return ControlRecord(operation=operation, requested_by=who, **known)


def paused(*held: PauseRecord, **facts: Any) -> RecordingStatus:
    recording = a_recording(pauses=list(held), **facts)
    pauses.review(recording)
    return recording


def open_ones(recording: RecordingStatus) -> list[str]:
    return [pause.requested_by for pause in recording.pauses if pause.is_open]


@pytest.mark.parametrize("name", sorted(pauses.RESERVED))
def test_nobody_outside_has_a_name_of_callvaults_own(name: str) -> None:
    assert pauses.of_outside(ControlRequest(requested_by=name)).requested_by == f"caller {name}"
    usual = ControlRequest(requested_by=f"{name}s")
    assert pauses.of_outside(usual) is usual


@pytest.mark.parametrize(("length", "is_kept"), [(MAX_NAME, True), (MAX_NAME + 1, False)])
def test_a_name_is_kept_up_to_its_bound_and_two_long_ones_stay_two(
    length: int, is_kept: bool
) -> None:
    names = {"a" * (length - 1) + end for end in "bc"}
    short = {pauses.short_name(name) for name in names}
    assert (short == names) is is_kept
    assert len(short) == 2
    assert max(map(len, short)) == MAX_NAME


@pytest.mark.parametrize(
    ("who", "force", "left", "released"),
    [
        ("ana", False, ["ben", GATE], []),
        ("eva", False, ["ana", "ben", GATE], []),
        ("ana", True, [GATE], ["ben"]),
        ("eva", True, [GATE], ["ana", "ben"]),
        (GATE, False, ["ana", "ben", GUARD, THIRD_PARTY], []),
    ],
)
def test_a_resume_releases_its_own_and_nobodys_pauses_and_by_force_all_but_consents(
    who: str, force: bool, left: list[str], released: list[str]
) -> None:
    names = ("ana", "ben", GATE, GUARD, THIRD_PARTY)
    recording = paused(*(a_pause(name) for name in names))
    record = a_request("resume", who, force=force)
    pauses.fold(recording, record)
    assert open_ones(recording) == left
    assert [holder.requested_by for holder in record.released] == released
    ended = [pause for pause in recording.pauses if not pause.is_open]
    assert {(seconds(p.released_at), p.released_by) for p in ended} == {(9, who)}
    assert pauses.ended_by(recording, record) == ended
    assert pauses.ended_by(recording, a_request("resume", who, when=8)) == []


@pytest.mark.parametrize(("asked", "left"), [(5, ["ana"]), (7, []), (None, [])])
def test_a_resume_leaves_a_younger_pause_of_its_requester(
    asked: float | None, left: list[str]
) -> None:
    recording = paused(a_pause(), a_pause(asked=8, requested_at=at(7)))
    asked_at = at_or_none(asked)
    released = pauses.release(recording, Holder("ana"), "ana", at(9), asked_at=asked_at)
    assert open_ones(recording) == left
    assert len(released) == 2 - len(left)


def test_a_pause_that_tells_no_time_is_not_younger_than_a_resume() -> None:
    recording = paused(a_pause(asked=7))
    assert pauses.release(recording, Holder("ana"), "ana", at(9), asked_at=at(5))


def test_another_key_under_the_same_name_is_another_holder() -> None:
    recording = paused(a_pause(authenticated_as="k1"), a_pause(authenticated_as="k2"))
    own = pauses.release(recording, Holder("ana", "k1"), "ana", at(9))
    assert [pause.authenticated_as for pause in own] == ["k1"]
    assert [pause.is_open for pause in recording.pauses] == [False, True]
    assert pauses.holds(recording, a_request("resume", authenticated_as="k2"))
    assert not pauses.holds(recording, a_request("resume", authenticated_as="k1"))


@pytest.mark.parametrize(
    ("held", "wanted", "after"),
    [
        ([], Wanted.ACTIVE, Wanted.ACTIVE),
        ([], Wanted.PAUSED, Wanted.ACTIVE),
        ([a_pause()], Wanted.ACTIVE, Wanted.PAUSED),
        ([a_pause(released_at=at(6))], Wanted.PAUSED, Wanted.ACTIVE),
        ([a_pause(GATE)], Wanted.ACTIVE, Wanted.ACTIVE),
        ([a_pause(GUARD)], Wanted.ACTIVE, Wanted.PAUSED),
        ([a_pause()], Wanted.STOPPED, Wanted.STOPPED),
        ([], Wanted.STOPPED, Wanted.STOPPED),
    ],
)
def test_a_recording_is_wanted_paused_while_somebody_but_consent_holds_it(
    held: list[PauseRecord], wanted: Wanted, after: Wanted
) -> None:
    recording = a_recording(wanted=wanted, pauses=held)
    pauses.review(recording)
    assert recording.wanted == after


@pytest.mark.parametrize(
    ("operation", "wanted"), [("pause", "paused"), ("resume", "active"), ("stop", "stopped")]
)
def test_a_request_that_is_taken_says_what_is_wanted(operation: str, wanted: str) -> None:
    recording = paused(*([a_pause()] if operation == "resume" else []))
    pauses.fold(recording, a_request(operation))
    assert recording.wanted == wanted


@pytest.mark.parametrize(
    ("known", "who", "holder"),
    [
        (MAX_HOLDERS - 1, "new", "new"),
        (MAX_HOLDERS, "new", MANY),
        (MAX_HOLDERS, "p0", "p0"),
        (MAX_HOLDERS, GUARD, GUARD),
    ],
)
def test_one_holder_too_many_holds_with_the_others(known: int, who: str, holder: str) -> None:
    recording = paused(*(a_pause(f"p{n}") for n in range(known)), a_pause(GATE), a_pause(GUARD))
    recording.pauses.append(a_pause("released", released_at=at(6)))
    pauses.hold(recording, a_request("pause", who))
    assert recording.pauses[-1].requested_by == holder
    assert recording.wanted is Wanted.PAUSED


def test_of_one_holders_open_pauses_the_first_and_the_newest_are_kept() -> None:
    recording = paused(a_pause("ben", 1), a_pause("ana", 1, released_at=at(2)))
    for when in range(3, 8):
        pauses.hold(recording, a_request("pause", when=when))
    own = [p for p in recording.pauses if p.requested_by == "ana" and p.is_open]
    assert [seconds(pause.requested_at) for pause in own] == [3, 5, 6, 7]
    assert (recording.pauses_left_out, len(recording.pauses)) == (1, 6)


@pytest.mark.parametrize(
    ("silences", "inactive_at", "confirmed"),
    [
        ([silent(8)], 6, 8),
        ([silent(8)], 5, 8),
        ([silent(8)], 4, None),
        ([silent(2)], 6, 5),
        ([silent(2, 3)], 6, None),
        ([], None, None),
    ],
)
def test_a_pause_is_confirmed_by_a_reading_made_for_it_and_since_it_was_asked(
    silences: list, inactive_at: float | None, confirmed: float | None
) -> None:
    sound = {"begun_at": 1, "inactive_at": inactive_at}
    recording = paused(a_pause(), a_pause(released_at=at(6)), sound=sound)
    recording.silence.silent = silences
    pauses.confirm(recording, [])
    told = [seconds(pause.confirmed_at) for pause in recording.pauses]
    assert told == [confirmed, None], "what was released is not confirmed later"


def test_a_pause_that_is_pending_is_confirmed_though_it_is_released_and_once() -> None:
    recording = paused(a_pause(released_at=at(6)), sound={"begun_at": 1, "inactive_at": 6})
    recording.silence.silent = [silent(8)]
    record = a_request("pause", when=5, accepted_at=at(7))
    pauses.confirm(recording, [record])
    [pause] = recording.pauses
    assert (seconds(pause.accepted_at), seconds(pause.confirmed_at)) == (7, 8)
    record.accepted_at, recording.silence.silent = at(9), [silent(12)]
    pauses.confirm(recording, [record])
    assert (seconds(pause.accepted_at), seconds(pause.confirmed_at)) == (7, 8)


@pytest.mark.parametrize(
    ("confirmed", "resumed", "after"),
    [(None, None, None), (8, None, 10), (12, None, 12), (8, 9, 9)],
)
def test_a_confirmed_pause_is_over_as_sound_is_sent_for(
    confirmed: float | None, resumed: float | None, after: float | None
) -> None:
    times = {"confirmed_at": at_or_none(confirmed), "resumed_at": at_or_none(resumed)}
    recording = paused(a_pause(**times))
    pauses.sounds(recording, at(10))
    assert seconds(recording.pauses[0].resumed_at) == after


@pytest.mark.parametrize(
    ("silences", "confirmed", "resumed", "after"),
    [
        ([silent(8)], None, None, None),
        ([silent(8)], 8, None, None),
        ([silent(8)], 9, None, None),
        ([silent(8)], 9, 20, 20),
        ([silent(8, 15)], 9, None, 15),
        ([silent(8, 15)], 9, 12, 12),
        ([silent(8, 15)], 15, None, 15),
        ([silent(10, 15)], 9, None, 9),
        ([silent(2, 5), silent(8, 15)], 9, 20, 15),
        ([], 9, None, 9),
    ],
)
def test_a_pause_lasts_as_long_as_silence_is_still_claimed(
    silences: list, confirmed: float | None, resumed: float | None, after: float | None
) -> None:
    times = {"confirmed_at": at_or_none(confirmed), "resumed_at": at_or_none(resumed)}
    recording = paused(a_pause(**times))
    recording.silence.silent = silences
    pauses.contradicted(recording)
    assert seconds(recording.pauses[0].resumed_at) == after


def test_a_pause_without_a_proof_does_not_hide_the_next_one() -> None:
    recording = paused(a_pause(), a_pause(confirmed_at=at(9)))
    pauses.contradicted(recording)
    assert seconds(recording.pauses[1].resumed_at) == 9


@pytest.mark.parametrize(
    ("held", "hold", "wanted", "since", "why"),
    [
        ([], None, "active", None, ""),
        ([a_pause("ana", 5), a_pause("ben", 3)], None, "paused", 3, "ben asked for a pause"),
        ([a_pause("ben", 3, released_at=at(4)), a_pause()], None, "paused", 5, "ana asked"),
        ([a_pause("ana", 5)], 2, "paused", 2, "it was held back: nobody agreed"),
        ([a_pause("ana", 5)], 7, "paused", 5, "ana asked for a pause"),
        ([], 2, "active", 2, "it was held back: nobody agreed"),
        ([], 2, "stopped", 2, "it was being stopped: nobody agreed"),
    ],
)
def test_silence_is_wanted_since_the_first_who_asked_for_it(
    held: list[PauseRecord], hold: float | None, wanted: str, since: float | None, why: str
) -> None:
    holds = [] if hold is None else [ConsentHold(since=at(hold), reason="nobody agreed")]
    recording = a_recording(pauses=held, holds=holds, wanted=wanted)
    told = pauses.silence_wanted(recording)
    assert (seconds(told[0]) if told else None) == since
    assert (told[1] if told else "").startswith(why)


@pytest.mark.parametrize(
    ("facts", "is_its"),
    [
        ({}, True),
        ({"recording": 2}, False),
        ({"received_at": at(6)}, False),
        ({"reason": "another"}, False),
        ({"requested_by": "ben"}, False),
        ({"authenticated_as": "k"}, False),
    ],
)
def test_a_requests_pause_is_known_by_its_time_holder_and_reason(
    facts: dict[str, Any], is_its: bool
) -> None:
    recording = paused(a_pause(), a_pause(MANY))
    facts = {"when": 5, **facts}
    who = facts.pop("requested_by", "ana")
    found = pauses.of(recording, a_request("pause", who, **facts))
    assert (recording.pauses[0] in found) is is_its


def test_each_holder_is_named_once_with_the_newest_pause_and_not_more_than_a_few() -> None:
    held = [a_pause(f"p{n}", n, reason="r" * 200) for n in range(7)]
    recording = paused(*held, a_pause("p0", 8), a_pause("gone", released_at=at(6)))
    assert [each.requested_by for each in pauses.newest(recording)] == [f"p{n}" for n in range(7)]
    named = pauses.holders(recording)
    assert [(each.requested_by, seconds(each.since)) for each in named] == [
        ("p0", 8),
        *((f"p{n}", n) for n in range(1, pauses.MAX_NAMED)),
    ]
    assert len(named[1].reason) == MAX_NAME
