"""Starts that were given up: which files may be theirs, and what is doubted of these."""

from typing import Any

import pytest

from callvault.contracts.base import MAX_TEXT
from callvault.contracts.consent import DeletionMark
from callvault.contracts.silence import UnconfirmedInterval
from callvault.contracts.states import Actual
from callvault.contracts.status import RecordingStatus
from tests.unit.call import hashed
from workflows.call import given_up

from .facts import (
    a_call,
    a_chunk,
    a_recording,
    at,
    at_or_none,
    doubtful,
    doubts_of,
    seconds,
    silences_of,
    silent,
)

NOW = 20


def a_start(number: int = 1, **facts: Any) -> RecordingStatus:
    """Make a start that was sent, and given up as nobody answered."""
    known = {"actual": Actual.STOPPED, "problem": "no answer", "sound": {"begun_at": 1}}
    return a_recording(number=number, **{**known, **facts})


def a_find(*silences: Any, **facts: Any) -> RecordingStatus:
    """Make a recording that its first file has made known, after the starts."""
    known = {"number": 9, "origin": "announced", "chunks": [a_chunk(0)]}
    return a_recording(*silences, **{**known, **facts})


def doubted(*recordings: RecordingStatus) -> list[tuple[int, str]]:
    """Return the numbers of those that are doubted, and why."""
    found = given_up.doubt_files(a_call(*recordings), at(NOW))
    return [(recording.number, why) for recording, why in found]


@pytest.mark.parametrize(
    ("facts", "may_have_begun"),
    [
        ({}, True),
        ({"origin": "announced"}, False),
        ({"recording_id": "r"}, False),
        ({"actual": Actual.STARTING}, False),
        ({"actual": Actual.UNKNOWN}, False),
        ({"sound": {}}, False),
    ],
)
def test_a_start_may_have_begun_that_was_sent_and_has_ended_without_an_id(
    facts: dict[str, Any], may_have_begun: bool
) -> None:
    assert bool(doubted(a_start(**facts), a_find())) is may_have_begun


@pytest.mark.parametrize(
    ("facts", "is_doubted"),
    [({}, True), ({"origin": "requested"}, False), ({"problem": "500"}, False)],
)
def test_what_is_doubted_was_made_known_by_its_files_and_has_no_other_problem(
    facts: dict[str, Any], is_doubted: bool
) -> None:
    recording = a_find(**facts)
    assert [number for number, _ in doubted(a_start(), recording)] == [9] * is_doubted


@pytest.mark.parametrize(("number", "is_doubted"), [(1, False), (2, False), (3, True)])
def test_what_was_known_before_a_start_was_asked_for_is_not_of_that_start(
    number: int, is_doubted: bool
) -> None:
    recording = a_find(number=number)
    assert [each for each, _ in doubted(recording, a_start(2))] == [number] * is_doubted


def test_only_the_starts_before_it_are_said_to_have_begun_it() -> None:
    [(_, why)] = doubted(a_start(1), a_start(10, problem="8512"), a_find(number=9))
    assert "recording 1 began" in why
    assert "8512" not in why


def test_each_such_recording_is_doubted_once() -> None:
    recordings = [a_start(), a_find(), a_find(number=10)]
    assert [number for number, _ in doubted(*recordings)] == [9, 10]
    assert doubted(*recordings) == []


def test_nothing_is_doubted_without_a_start() -> None:
    recording = a_find()
    assert (doubted(recording), recording.problem) == ([], "")


@pytest.mark.parametrize(
    ("doubt", "found"),
    [
        (doubtful(3, 10), [(3, 10, False)]),
        (doubtful(3, 10, is_finding=True), [(3, 10, True)]),
        (doubtful(3), [(3, NOW, False)]),
        (doubtful(NOW - 1), [(NOW - 1, NOW, False)]),
        (doubtful(NOW), []),
    ],
)
def test_what_is_unconfirmed_of_a_start_is_so_of_the_file_until_now(
    doubt: UnconfirmedInterval, found: list
) -> None:
    recording, start = a_find(), a_start(doubts=(doubt,))
    before = start.model_copy(deep=True)
    doubted(start, recording)
    assert doubts_of(recording) == found
    assert start == before, "those of the start stay as they are"


def test_no_silence_is_claimed_in_a_time_that_is_doubted_and_earlier_doubts_are_kept() -> None:
    recording = a_find(silent(1), doubts=(doubtful(0, 1),))
    doubted(a_start(doubts=(doubtful(3, 5),)), a_start(2, doubts=(doubtful(9),)), recording)
    assert doubts_of(recording) == [(0, 1, False), (3, 5, False), (9, NOW, False)]
    assert silences_of(recording) == [(1, 3), (5, 9), (NOW, None)]


def a_mark(since: float, until: float | None = None) -> DeletionMark:
    return DeletionMark(
        participant=hashed("ana"), since=at(since), until=at_or_none(until), marked_at=at(2)
    )


@pytest.mark.parametrize(
    ("first", "second", "known", "found"),
    [
        ([], [], [], []),
        ([a_mark(2, 5)], [], [], [(2, 5)]),
        ([a_mark(2)], [], [], [(2, NOW)]),
        ([a_mark(2)], [a_mark(3)], [], [(2, NOW), (3, NOW)]),
        ([a_mark(2)], [a_mark(2, NOW)], [], [(2, NOW)]),
        ([a_mark(2)], [], [a_mark(2, NOW)], [(2, NOW)]),
        ([a_mark(2)], [], [a_mark(1, NOW)], [(1, NOW), (2, NOW)]),
    ],
)
def test_the_marks_of_a_start_are_marks_of_the_file_until_now_each_once(
    first: list, second: list, known: list, found: list
) -> None:
    recording, start = a_find(marked=known), a_start(marked=first)
    before = start.model_copy(deep=True)
    doubted(start, a_start(2, marked=second), recording)
    assert [(seconds(mark.since), seconds(mark.until)) for mark in recording.marked] == found
    assert start == before, "those of the start stay as they are"


@pytest.mark.parametrize(
    ("problems", "which"),
    [(["no answer"], "1 began, {} (no answer)"), (["no answer", "8512"], "1, 2 began, {} (8512)")],
)
def test_it_is_said_which_starts_may_have_begun_it_and_why_the_last_failed(
    problems: list[str], which: str
) -> None:
    recording = a_find()
    starts = [a_start(number, problem=problem) for number, problem in enumerate(problems, 1)]
    [(_, why)] = doubted(*starts, recording)
    began = which.format("which counts as failed")
    heeded = "whether its pauses and its consent were heeded is not known"
    assert why == recording.problem == f"it may be what the start of recording {began}: {heeded}"


def test_what_is_said_is_bounded() -> None:
    [(_, why)] = doubted(a_start(problem="x" * MAX_TEXT), a_find())
    assert len(why) == MAX_TEXT
