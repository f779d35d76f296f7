"""Take-overs: of two states of one call, what counts, and what of either is kept."""

from typing import Any

import pytest

from callvault.contracts.alarms import AlarmKind, Severity
from callvault.contracts.consent import ConsentRecord, DeletionMark, Presence
from callvault.contracts.states import Actual, ChunkState, Wanted
from callvault.contracts.status import (
    CallStatus,
    ControlRecord,
    PauseRecord,
    RecordingStatus,
    TimelineEntry,
)
from callvault.contracts.takeover import LastState
from tests.unit.call import archived, chunk, hashed
from workflows.call import takeover
from workflows.call.alarms import Alarms

from .facts import A_SEAL, a_call, a_chunk, a_recording, at, doubtful, doubts_of, seconds, silent

QUIET = ["active", "paused", "stopped"]


def join(
    mine: CallStatus, theirs: CallStatus, *, is_reset: bool = False, run: str = "dead"
) -> bool:
    return takeover.join(mine, LastState(run_id=run, status=theirs), is_reset=is_reset)


def joined(
    mine: dict[str, Any], theirs: dict[str, Any], *, is_reset: bool = False
) -> RecordingStatus:
    """Join two states of one recording, and return what is left."""
    known = {"recording_id": "r"}
    status = a_call(a_recording(**{**known, **mine}))
    assert join(status, a_call(a_recording(**{**known, **theirs})), is_reset=is_reset)
    [recording] = status.recordings
    return recording


def a_request(operation: str = "pause", who: str = "ana", **facts: Any) -> ControlRecord:
    known = {"reason": "", "requested_at": at(1), "received_at": at(1), "recording": 1, **facts}
    return ControlRecord(operation=operation, requested_by=who, **known)


def a_pause(who: str = "ana", when: float = 1, **facts: Any) -> PauseRecord:
    known = {"reason": "", "requested_at": at(when), "received_at": at(when), **facts}
    return PauseRecord(requested_by=who, **known)


# What is the same recording.


@pytest.mark.parametrize(
    ("mine", "theirs", "is_reset", "is_same"),
    [
        ({"recording_id": "r"}, {"recording_id": "r"}, False, True),
        ({"recording_id": "r"}, {"recording_id": "q"}, False, False),
        ({"recording_id": "r"}, {"recording_id": "q"}, True, False),
        ({"recording_id": None}, {"recording_id": "q"}, False, False),
        ({"recording_id": None}, {"recording_id": "q"}, True, True),
        ({"recording_id": "r"}, {"recording_id": None, "chunks": [a_chunk()]}, False, False),
        ({"recording_id": "r"}, {"recording_id": None}, True, True),
        ({"recording_id": None}, {"recording_id": "q", "number": 2}, True, False),
        ({"recording_id": None}, {"recording_id": "q", "origin": "announced"}, True, False),
    ],
)
def test_a_recording_is_known_by_its_id_or_after_a_reset_by_its_number(
    mine: dict[str, Any], theirs: dict[str, Any], is_reset: bool, is_same: bool
) -> None:
    status = a_call(a_recording(**mine))
    join(status, a_call(a_recording(**theirs)), is_reset=is_reset)
    assert len(status.recordings) == (1 if is_same else 2)


@pytest.mark.parametrize(
    ("mine", "theirs", "is_kept"),
    [
        ([], {}, True),
        (["announced"], {}, True),
        (["requested"], {}, False),
        (["requested"], {"recording_id": "q"}, True),
        (["requested"], {"chunks": [a_chunk()]}, True),
    ],
)
def test_what_never_began_is_not_kept_if_a_backend_has_asked_anew(
    mine: list[str], theirs: dict[str, Any], is_kept: bool
) -> None:
    status = a_call(*(a_recording(number=9, origin=origin) for origin in mine))
    join(status, a_call(a_recording(**theirs)))
    assert len(status.recordings) == len(mine) + is_kept


@pytest.mark.parametrize(("actual", "numbers"), [(Actual.ACTIVE, [1, 2]), (Actual.STOPPED, [2, 1])])
def test_what_may_be_on_is_the_current_recording_under_a_number_of_its_own(
    actual: Actual, numbers: list[int]
) -> None:
    status = a_call(a_recording(recording_id="mine"))
    join(status, a_call(a_recording(recording_id="theirs", actual=actual)))
    assert [each.number for each in status.recordings] == numbers
    other = a_call(a_recording(number=5, recording_id="mine"))
    join(other, a_call(a_recording(number=3, recording_id="theirs", actual=actual)))
    assert sorted(each.number for each in other.recordings) == [3, 5]


# What counts of one recording.


@pytest.mark.parametrize("mine", QUIET)
@pytest.mark.parametrize("theirs", QUIET)
@pytest.mark.parametrize("is_reset", [True, False])
def test_the_quieter_wish_counts(mine: str, theirs: str, is_reset: bool) -> None:
    sides = [
        {"wanted": each, "pauses": [a_pause()] if each == "paused" else []}
        for each in (mine, theirs)
    ]
    quieter = max(mine, theirs, key=QUIET.index)
    assert joined(*sides, is_reset=is_reset).wanted == quieter


@pytest.mark.parametrize("is_reset", [True, False])
@pytest.mark.parametrize(
    ("mine", "theirs", "stopped_at"),
    [
        ({"actual": "stopped", "stopped_at": at(5)}, {}, 5),
        ({}, {"actual": "stopped", "stopped_at": at(5)}, 5),
        ({"actual": "stopped"}, {"actual": "stopped", "stopped_at": at(5)}, 5),
    ],
)
def test_what_either_knows_to_be_over_is_over(
    mine: dict[str, Any], theirs: dict[str, Any], stopped_at: float, is_reset: bool
) -> None:
    recording = joined(mine, theirs, is_reset=is_reset)
    assert (recording.actual, recording.wanted) == (Actual.STOPPED, Wanted.STOPPED)
    assert seconds(recording.stopped_at) == stopped_at
    assert not recording.needs_read


def test_of_two_ends_the_own_is_told_and_what_is_on_has_none() -> None:
    ended = {"actual": "stopped", "stopped_at": at(5), "session_end_reason": "CallEnded"}
    other = {"actual": "stopped", "stopped_at": at(7), "session_end_reason": "Other"}
    recording = joined(ended, other)
    assert (seconds(recording.stopped_at), recording.session_end_reason) == (5, "CallEnded")
    assert joined({}, other).session_end_reason == "Other"
    assert joined({}, {"stopped_at": at(7)}).stopped_at is None


@pytest.mark.parametrize(
    ("mine", "theirs", "is_reset", "who"),
    [
        ("requested", "requested", False, "mine"),
        ("requested", "requested", True, "theirs"),
        ("announced", "requested", False, "theirs"),
        ("requested", "announced", False, "mine"),
        ("announced", "announced", False, "mine"),
    ],
)
def test_who_knows_more_of_a_recording_says_what_it_is_but_for_its_number(
    mine: str, theirs: str, is_reset: bool, who: str
) -> None:
    status = a_call(a_recording(number=4, origin=mine, requested_by="mine", recording_id="r"))
    other = a_recording(number=1, origin=theirs, requested_by="theirs", recording_id="r")
    known = status.recordings[0]
    join(status, a_call(other), is_reset=is_reset)
    assert status.recordings == [known]
    assert (known.number, known.requested_by) == (4, who)


@pytest.mark.parametrize(
    ("mine", "theirs", "is_reset", "count"),
    [
        ({"when": 1}, {"when": 1}, False, 1),
        ({"when": 1}, {"when": 2}, False, 2),
        ({"when": 1}, {"when": 2}, True, 1),
        ({"when": 1, "released_at": at(3)}, {"when": 1}, True, 2),
        ({"when": 1, "released_at": at(3)}, {"when": 1}, False, 1),
        ({"who": "ben"}, {}, False, 2),
        ({"authenticated_as": "k"}, {}, False, 2),
        ({"reason": "other"}, {}, False, 2),
    ],
)
def test_it_stays_paused_for_everybody_who_holds_it_in_either_state(
    mine: dict[str, Any], theirs: dict[str, Any], is_reset: bool, count: int
) -> None:
    sides = [{"pauses": [a_pause(**facts)]} for facts in (mine, theirs)]
    recording = joined(*sides, is_reset=is_reset)
    assert len(recording.pauses) == count
    is_held = any(pause.is_open for pause in recording.pauses)
    assert (recording.wanted is Wanted.PAUSED) is is_held


def test_doubts_and_marks_of_both_are_kept_once() -> None:
    mark = DeletionMark(participant=hashed("ana"), since=at(1), marked_at=at(1))
    other = mark.model_copy(update={"since": at(2)})
    status = a_call(a_recording(silent(1, 9), recording_id="r", marked=[mark]))
    theirs = a_recording(recording_id="r", marked=[mark, other], doubts=(doubtful(3, 4),))
    join(status, a_call(theirs))
    [recording] = status.recordings
    assert recording.marked == [mark, other]
    assert [each[:2] for each in doubts_of(recording)] == [(3, 4)]
    assert [(seconds(s.since), seconds(s.until)) for s in recording.silence.silent] == [
        (1, 3),
        (4, 9),
    ]


@pytest.mark.parametrize(
    ("facts", "needs_read"),
    [
        ({"recording_id": "r"}, True),
        ({"recording_id": None}, False),
        ({"recording_id": None, "needs_read": True}, True),
        ({"recording_id": "r", "origin": "announced"}, False),
        ({"recording_id": "r", "actual": "stopped"}, False),
    ],
)
def test_what_may_be_on_is_read_before_it_is_believed(
    facts: dict[str, Any], needs_read: bool
) -> None:
    recording = a_recording(**facts)
    takeover.doubt(recording)
    assert recording.needs_read is needs_read
    status = a_call(a_recording(**{**facts, "number": 9, "recording_id": "x"}))
    join(status, a_call())
    assert status.recordings[0].needs_read is (
        needs_read or (facts["recording_id"] is None and "origin" not in facts)
    )


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
