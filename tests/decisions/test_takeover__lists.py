"""Take-overs: files, requests and lists of two states of one call."""

from typing import Any

import pytest

from callvault.contracts.alarms import AlarmKind, Severity
from callvault.contracts.consent import ConsentRecord, Presence
from callvault.contracts.recording_events import ToldEvents
from callvault.contracts.states import ChunkState, RequestState
from callvault.contracts.status import (
    CallStatus,
    TimelineEntry,
)
from tests.unit.call import archived, chunk, hashed
from workflows.call.alarms import Alarms

from .facts import A_SEAL, a_call, a_chunk, a_recording, at, at_or_none, seconds
from .test_takeover import a_pause, a_request, join, joined

# Files.


@pytest.mark.parametrize(
    ("mine", "theirs", "archive", "who"),
    [
        ("announced", "archived", "main", "theirs"),
        ("announced", "archived", "other", "mine"),
        ("archived", "archived", "main", "mine"),
        ("lost", "archived", "main", "theirs"),
        ("archived", "announced", "main", "mine"),
    ],
)
def test_of_one_file_the_copy_counts_that_lies_where_it_is_to_be(
    mine: str, theirs: str, archive: str, who: str
) -> None:
    def a_side(state: str, reason: str) -> dict[str, Any]:
        copy = archived() if state == "archived" else None
        file = a_chunk(state=state, archived=copy, lost_reason=reason)
        return {"chunks": [file], "archive": archive, "sealed": A_SEAL}

    recording = joined(a_side(mine, "mine"), a_side(theirs, "theirs"))
    assert [file.lost_reason for file in recording.chunks] == [who]
    assert recording.sealed is not None


def test_a_file_that_only_the_other_knows_is_new_and_unseals_the_recording() -> None:
    mine = {"chunks": [a_chunk(0)], "sealed": A_SEAL}
    recording = joined(mine, {"chunks": [a_chunk(1)]})
    assert [file.chunk.index for file in recording.chunks] == [0, 1]
    assert recording.sealed is None


@pytest.mark.parametrize(
    ("of", "origin", "is_absorbed"),
    [("r", "announced", True), ("q", "announced", False), ("r", "requested", False)],
)
def test_files_that_were_announced_for_an_id_that_the_other_knew_come_to_its_recording(
    of: str, origin: str, is_absorbed: bool
) -> None:
    early = a_recording(
        number=1,
        origin=origin,
        recording_id=of,
        chunks=[a_chunk(3)],
        session_end_reason="CallEnded",
    )
    asked = a_recording(number=2, recording_id=None, requested_by="me")
    status = a_call(asked, early)
    join(status, a_call(a_recording(number=2, recording_id="r")), is_reset=True)
    assert (early in status.recordings) is not is_absorbed
    assert [file.chunk.index for file in asked.chunks] == ([3] if is_absorbed else [])
    assert asked.session_end_reason == ("CallEnded" if is_absorbed else "")


def test_what_has_no_id_absorbs_nothing_without_one() -> None:
    early = a_recording(number=1, origin="announced", chunks=[a_chunk(3)])
    status = a_call(early, a_recording(number=2))
    join(status, a_call())
    assert len(status.recordings) == 2


# Requests.


def test_requests_of_both_are_kept_the_older_first_and_an_own_record_stays_itself() -> None:
    own = {"a": a_request(), "own": a_request("stop")}
    status = a_call(a_recording(recording_id="r"), requests=own)
    mine = status.requests["a"]
    theirs = {
        "b": a_request("resume"),
        "a": a_request(problem="known there"),
        "lost": a_request(recording=7),
    }
    join(status, a_call(a_recording(recording_id="r"), requests=theirs))
    assert list(status.requests) == ["b", "a", "lost", "own"]
    assert status.requests["a"] is mine
    assert mine.problem == "known there"


@pytest.mark.parametrize(
    ("mine", "theirs", "counts"),
    [(None, None, "theirs"), (None, 5, "theirs"), (4, 5, "theirs"), (4, None, "mine")],
)
def test_a_request_that_was_settled_since_the_reset_stays_settled(
    mine: float | None, theirs: float | None, counts: str
) -> None:
    sides = [
        a_request(settled_at=at_or_none(when), problem=who)
        for who, when in (("mine", mine), ("theirs", theirs))
    ]
    status, other = (a_call(a_recording(recording_id="r"), requests={"a": each}) for each in sides)
    join(status, other, is_reset=True)
    assert status.requests["a"].problem == counts


@pytest.mark.parametrize(
    ("key", "released", "received"), [("#2", None, 5), ("#2", 6, 1), ("a", None, 1)]
)
def test_a_pause_is_that_of_the_request_which_waits_for_an_answer_of_its_own(
    key: str, released: float | None, received: float
) -> None:
    def a_side(when: float, state: RequestState) -> CallStatus:
        record = a_request(requested_at=at(when), received_at=at(when), state=state)
        pause = a_pause(when=when, released_at=at_or_none(released))
        return a_call(a_recording(recording_id="r", pauses=[pause]), requests={key: record})

    status = a_side(5, RequestState.PENDING)
    join(status, a_side(1, RequestState.CONFIRMED), is_reset=True)
    [pause] = status.recordings[0].pauses
    assert (seconds(pause.requested_at), seconds(pause.received_at)) == (1, received)


@pytest.mark.parametrize("facts", [{"operation": "stop"}, {"who": "ben"}, {"reason": "other"}])
def test_another_request_under_the_same_id_is_kept_beside_the_own(facts: dict[str, str]) -> None:
    status = a_call(a_recording(recording_id="r"), requests={"a": a_request()})
    join(status, a_call(a_recording(recording_id="r"), requests={"a": a_request(**facts)}))
    assert list(status.requests) == ["a of run dead", "a"]
    assert status.requests["a"].requested_by == "ana"


def test_a_request_follows_its_recording_to_another_number_or_goes_with_it() -> None:
    theirs = a_call(
        a_recording(number=1, recording_id="q"),
        a_recording(number=2),
        requests={"a": a_request(), "b": a_request(recording=2), "c": a_request(recording=0)},
    )
    status = a_call(a_recording(number=1, recording_id="mine"))
    join(status, theirs)
    assert {key: record.recording for key, record in status.requests.items()} == {"a": 2, "c": 0}
    assert theirs.requests["a"].recording == 1, "what was told is not changed"


# Lists.


def with_alarms(*numbers: int, **facts: Any) -> CallStatus:
    status = a_call(**facts)
    for number in numbers:
        Alarms(status, "w").add(AlarmKind.DUTIES, Severity.WARNING, "", None, at(number))
    return status


@pytest.mark.parametrize("is_reset", [True, False])
def test_alarms_of_both_are_kept_once_and_those_left_out_are_counted(is_reset: bool) -> None:
    status = with_alarms(1, 2, alarms_left_out=3, chunks_left_out=2)
    held = status.alarms
    join(status, with_alarms(1, alarms_left_out=4, chunks_left_out=5), is_reset=is_reset)
    assert status.alarms is held
    assert [each.alarm.at for each in held][:1] == [at(1)]
    assert len({each.alarm.id for each in held}) == len(held)
    assert status.alarms_left_out == (3 if is_reset else 7)
    assert status.chunks_left_out == 5


def test_the_timelines_of_both_are_one_in_the_order_of_their_times() -> None:
    status, other = a_call(), a_call()
    status.timeline = [TimelineEntry(at=at(n), what=w) for n, w in ((1, "a"), (5, "c"))]
    other.timeline = [TimelineEntry(at=at(n), what=w) for n, w in ((1, "a"), (1, "b"), (7, "d"))]
    join(status, other)
    assert [entry.what for entry in status.timeline] == ["a", "b", "c", "d"]


@pytest.mark.parametrize(("is_reset", "count"), [(True, 1), (False, 2)])
def test_a_decision_that_was_sent_again_after_a_reset_is_one(is_reset: bool, count: int) -> None:
    def said(when: float, given: bool = True) -> ConsentRecord:
        facts = {"decided_at": at(when), "received_at": at(when)}
        return ConsentRecord(participant=hashed("ana"), given=given, **facts)

    status = a_call(consents=[said(5)], consents_left_out=1, participants_left_out=2)
    join(
        status,
        a_call(consents=[said(1)], consents_left_out=3, refusals_left_out=4),
        is_reset=is_reset,
    )
    assert len(status.consents) == count
    left_out = (status.consents_left_out, status.refusals_left_out, status.participants_left_out)
    assert left_out == (4, 4, 2)


def test_an_agreement_that_an_unknown_withdrawal_may_follow_counts_no_more() -> None:
    def said(given: bool, when: float) -> ConsentRecord:
        facts = {"decided_at": at(when), "received_at": at(when)}
        return ConsentRecord(participant=hashed("ana"), given=given, **facts)

    status = a_call(consents=[said(True, 3)])
    join(status, a_call(consents=[said(False, 5)]))
    assert [record.counts for record in status.consents] == [True, False]


def test_what_webhooks_were_told_of_a_recording_is_known_under_its_number_from_now_on() -> None:
    status = a_call(a_recording(number=1, recording_id="mine"))
    theirs = a_call(a_recording(number=1, recording_id="q"), told={1: ToldEvents(has_started=True)})
    join(status, theirs)
    assert status.told == {2: ToldEvents(has_started=True)}


def test_stays_of_both_are_one_history() -> None:
    came = Presence(participant=hashed("ana"), joined_at=at(1), told_at=at(1))
    gone = came.model_copy(update={"left_at": at(5)})
    status = a_call(participants=[gone])
    held = status.participants
    join(status, a_call(participants=[came]))
    assert held == [gone]


@pytest.mark.parametrize(("mine", "theirs", "ended"), [(None, None, None), (5, 7, 5), (None, 7, 7)])
def test_the_call_has_ended_if_either_knows(
    mine: float | None, theirs: float | None, ended: float | None
) -> None:
    def a_side(when: float | None) -> CallStatus:
        return a_call(ended_at=None if when is None else at(when))

    status = a_side(mine)
    join(status, a_side(theirs))
    assert seconds(status.ended_at) == ended


def test_a_state_is_joined_once_and_with_it_all_that_was_joined_to_it() -> None:
    status, theirs = a_call(), a_call(taken_over=["older"])
    assert join(status, theirs)
    assert status.taken_over == ["dead", "older"]
    assert not join(status, theirs)
    assert not join(status, theirs, run="older")
    assert theirs.taken_over == ["older"]


def test_the_state_of_what_was_joined_is_derived_anew() -> None:
    recording = joined({"actual": "stopped", "was_active": True}, {"chunks": [a_chunk()]})
    assert recording.state == "archiving"
    assert recording.chunks[0].state is ChunkState.ANNOUNCED
    assert recording.chunks[0].chunk == chunk(0)


@pytest.mark.parametrize(
    ("here", "there", "is_reset", "kept"),
    [
        ([(False, 9)], [(True, 1), (False, 2), (True, 3)], True, [1, 2, 3, 9]),
        ([(True, 7), (False, 9)], [(True, 1), (False, 2), (True, 3)], True, [1, 2, 3, 9]),
        ([(False, 7), (True, 9)], [(True, 1), (False, 2), (True, 3)], True, [1, 2, 3]),
        ([(False, 9)], [(True, 1), (False, 2)], True, [1, 2]),
        ([(False, 9)], [(True, 1)], True, [1, 9]),
        ([(False, 2)], [(True, 1), (False, 2), (True, 3)], False, [1, 2, 3]),
    ],
)
def test_a_refusal_after_a_reset_is_none_from_before_an_agreement_that_stands(
    here: list[tuple[bool, float]],
    there: list[tuple[bool, float]],
    is_reset: bool,
    kept: list[float],
) -> None:
    """It was worded like one before, and was dropped as the same message sent again."""

    def said(given: bool, when: float) -> ConsentRecord:
        known = {"participant": hashed("ana"), "given": given, "reported_by": "app"}
        return ConsentRecord(**known, decided_at=at(when), received_at=at(when))

    status = a_call(consents=[said(*each) for each in here])
    join(status, a_call(consents=[said(*each) for each in there]), is_reset=is_reset)
    assert [seconds(record.decided_at) for record in status.consents] == kept
