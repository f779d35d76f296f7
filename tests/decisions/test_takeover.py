"""Take-overs: of two states of one call, what counts, and what of either is kept."""

from typing import Any

import pytest

from callvault.contracts.consent import DeletionMark, JoinerAnnouncement
from callvault.contracts.states import Actual, RequestState, Wanted
from callvault.contracts.status import (
    CallStatus,
    ControlRecord,
    PauseRecord,
    RecordingStatus,
)
from callvault.contracts.takeover import LastState
from tests.unit.call import hashed
from workflows.call import takeover

from .facts import A_SEAL, a_call, a_chunk, a_recording, at, doubtful, doubts_of, seconds, silent

MARK = DeletionMark(participant=hashed("ana"), since=at(1), marked_at=at(1))
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
    known = {"reason": "", "requested_at": at(1), "received_at": at(1), "recording": 1}
    told = {**known, "state": RequestState.PENDING, **facts}
    return ControlRecord(operation=operation, requested_by=who, **told)


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
        (["requested"], {"recording_id": None, "sound": {"begun_at": 1}}, True),
    ],
)
def test_what_never_began_is_not_kept_if_a_backend_has_asked_anew(
    mine: list[str], theirs: dict[str, Any], is_kept: bool
) -> None:
    status = a_call(*(a_recording(number=9, origin=origin) for origin in mine))
    join(status, a_call(a_recording(**theirs)))
    assert len(status.recordings) == len(mine) + is_kept


@pytest.mark.parametrize(
    ("mine", "wanted", "numbers"),
    [("requested", "stopped", [3, 9]), ("announced", "active", [9, 3])],
)
def test_a_start_in_flight_is_asked_for_no_more_if_a_backend_has_asked_anew(
    mine: str, wanted: str, numbers: list[int]
) -> None:
    status = a_call(a_recording(number=9, origin=mine))
    join(status, a_call(a_recording(number=3, actual=Actual.NONE, sound={"begun_at": 1})))
    [lost] = (each for each in status.recordings if each.number == 3)
    assert (lost.wanted, lost.actual) == (wanted, Actual.NONE)
    assert [each.number for each in status.recordings] == numbers


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


ON = {"recording_id": "r"}
OFF = {"recording_id": "r", "actual": "stopped", "wanted": "stopped"}


@pytest.mark.parametrize(
    ("mine", "theirs", "is_reset", "is_over"),
    [
        (OFF, ON, False, True),
        (OFF | {"origin": "announced"}, ON, False, False),
        (ON, OFF | {"origin": "announced"}, False, False),
        (ON, OFF | {"origin": "announced"}, True, False),
        (OFF | {"origin": "announced"}, ON, True, False),
        (OFF | {"recording_id": None}, ON, True, False),
        (OFF | {"recording_id": None, "sound": {"begun_at": 1}}, ON, True, False),
        (OFF | {"recording_id": None, "sound": {"over_at": 9}}, ON, True, True),
        (ON, OFF | {"recording_id": None}, True, False),
    ],
)
def test_only_what_was_on_can_have_ended(
    mine: dict[str, Any], theirs: dict[str, Any], is_reset: bool, is_over: bool
) -> None:
    """Of files alone, and of a start that nobody has answered here, no end is known."""
    recording = joined(mine, theirs, is_reset=is_reset)
    assert (recording.actual is Actual.STOPPED) is is_over
    assert (recording.origin, recording.recording_id) == ("requested", "r")


@pytest.mark.parametrize(
    ("mine", "theirs", "over"),
    [
        ({"sound": {"over_at": 4}}, {"sound": {"over_at": 3}}, 4),
        ({}, {"sound": {"over_at": 3}}, 3),
        ({}, {}, 5),
    ],
)
def test_what_is_over_is_so_since_either_knows_it(
    mine: dict[str, Any], theirs: dict[str, Any], over: float
) -> None:
    known = {"actual": "stopped", "stopped_at": at(5)}
    recording = joined({**known, **mine}, {**known, **theirs})
    assert seconds(recording.sound.over_at) == over


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
    ("mine", "theirs", "is_reset", "who"),
    [
        ("r", None, True, "mine"),
        ("r", "r", True, "theirs"),
        (None, "r", True, "theirs"),
        (None, None, True, "theirs"),
        ("r", "r", False, "mine"),
    ],
)
def test_of_a_start_that_was_answered_since_the_reset_the_run_before_knows_less(
    mine: str | None, theirs: str | None, is_reset: bool, who: str
) -> None:
    """The id was forgotten: a paused recording was controlled no more, and its call never ended."""
    known = {"recording_id": mine, "requested_by": "mine", "actual": Actual.PAUSED}
    recording = joined(known, {"recording_id": theirs, "requested_by": "theirs"}, is_reset=is_reset)
    assert (recording.recording_id, recording.requested_by) == (mine or theirs, who)
    assert recording.actual is (Actual.PAUSED if who == "mine" else Actual.ACTIVE)


@pytest.mark.parametrize(
    ("name", "mine", "theirs"),
    [
        ("call_id", "m", "t"),
        ("recording_start_time", at(1), at(2)),
        ("recording_duration_ms", 1.0, 2.0),
    ],
)
def test_what_an_event_told_since_the_reset_stays_known(name: str, mine: Any, theirs: Any) -> None:
    for own, other, kept in (
        (mine, None, mine),
        (mine, theirs, theirs),
        (None, theirs, theirs),
        (None, None, None),
    ):
        recording = joined({name: own}, {name: other}, is_reset=True)
        assert getattr(recording, name) == kept


@pytest.mark.parametrize(
    ("mine", "theirs", "theirs_id", "kept"),
    [
        ("m", None, None, ("m", True)),
        ("m", "t", None, ("t", False)),
        ("m", None, "r", (None, False)),
        (None, "t", None, ("t", False)),
    ],
)
def test_a_callback_since_the_reset_counts_while_the_start_is_not_answered(
    mine: str | None, theirs: str | None, theirs_id: str | None, kept: tuple[str | None, bool]
) -> None:
    recording = joined(
        {"recording_id": None, "callback_recording_id": mine, "is_callback_signed": True},
        {"recording_id": theirs_id, "callback_recording_id": theirs},
        is_reset=True,
    )
    assert (recording.callback_recording_id, recording.is_callback_signed) == kept


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
    ("mine", "is_sealed"),
    [
        ({}, True),
        ({"marked": [MARK]}, True),
        ({"marked": [MARK.model_copy(update={"since": at(2)})]}, False),
        ({"doubts": (doubtful(3, 4),)}, False),
        ({"doubts": (doubtful(20, 21),)}, True),
    ],
)
def test_what_is_doubted_or_marked_here_alone_unseals_what_the_other_has_sealed(
    mine: dict[str, Any], is_sealed: bool
) -> None:
    status = a_call(a_recording(recording_id="r", **mine))
    theirs = a_recording(silent(1, 9), recording_id="r", marked=[MARK], sealed=A_SEAL)
    join(status, a_call(theirs), is_reset=True)
    assert (status.recordings[0].sealed is not None) is is_sealed


@pytest.mark.parametrize("is_reset", [True, False])
def test_who_joined_is_announced_to_of_whom_either_state_knows(is_reset: bool) -> None:
    ana, ben = (
        JoinerAnnouncement(participant=hashed(who), requested_at=at(1)) for who in ("ana", "ben")
    )
    mine = {"joiner_announcements": [ana], "joiners_left_out": 1}
    recording = joined(mine, {"joiner_announcements": [ben]}, is_reset=is_reset)
    told = {each.participant for each in recording.joiner_announcements}
    assert told == {hashed("ana"), hashed("ben")}
    assert recording.joiners_left_out == 1


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
