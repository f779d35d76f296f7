"""Spans and texts of a state that is too large: what is joined, and what is cut to which length."""

from typing import Any

import pytest

from callvault.contracts.alarms import AlarmKind, AlarmRecord
from callvault.contracts.consent import ConsentHold, DeletionMark
from callvault.contracts.silence import SilentInterval, UnconfirmedInterval
from callvault.contracts.status import CallStatus, RecordingStatus
from tests.unit.call import hashed
from workflows.call import pauses

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
from .test_alarm_ends import an_alarm
from .test_consent import said as decided
from .test_state_limits import given_up, given_up_first, lines
from .test_takeover import a_pause, a_request

Ends = tuple[float, float | None]


def ends(count: int, *first: Ends) -> list[Ends]:
    """Return so many times of a second, one every four seconds; the first ones are these."""
    return [*first, *((4 * n, 4 * n + 1) for n in range(len(first), count))]


def doubts(count: int, *first: Ends, findings: tuple[int, ...] = ()) -> list[UnconfirmedInterval]:
    return [doubtful(*each, n in findings) for n, each in enumerate(ends(count, *first))]


def mark(since: float, until: float | None) -> DeletionMark:
    return DeletionMark(
        participant=hashed("ana"), since=at(since), until=at_or_none(until), marked_at=at(since)
    )


def with_spans(
    doubts: list[UnconfirmedInterval] | None = None,
    marks: list[Ends] | None = None,
    silences: list[SilentInterval] | None = None,
) -> RecordingStatus:
    marked = [mark(*each) for each in marks or []]
    return a_recording(*(silences or []), doubts=tuple(doubts or []), marked=marked)


def cut_of(recording: RecordingStatus, *others: RecordingStatus) -> int:
    """Give up all that can be, and return how many spans were joined or given up."""
    said = given_up(a_call(recording, *others))
    count, _, rest = said.partition(" ")
    assert rest == ("old doubts, marks and silent times were joined or given up" if said else "")
    return int(count or 0)


# Spans.


@pytest.mark.parametrize(
    ("count", "first", "cut", "begin"),
    [
        (0, [], 0, []),
        (1, [], 0, [(0, 1)]),
        (250, [], 0, [(0, 1), (4, 5), (8, 9)]),
        (251, [], 0, [(0, 1), (4, 5), (8, 9)]),
        (252, [], 1, [(0, 5), (8, 9), (12, 13)]),
        (253, [], 2, [(0, 9), (12, 13), (16, 17)]),
        (252, [(0, 7), (4, 5)], 1, [(0, 7), (8, 9), (12, 13)]),
    ],
)
def test_the_oldest_doubts_and_marks_are_joined_to_one_that_spans_them_all(
    count: int, first: list[Ends], cut: int, begin: list[Ends]
) -> None:
    recording = with_spans(doubts(count, *first))
    assert cut_of(recording) == cut
    found = [each[:2] for each in doubts_of(recording)]
    assert (found[:3], len(found)) == (begin, count - cut)
    recording = with_spans(marks=ends(count, *first))
    assert cut_of(recording) == cut
    found = [(seconds(each.since), seconds(each.until)) for each in recording.marked]
    assert (found[:3], len(found)) == (begin, count - cut)


@pytest.mark.parametrize("first", [[(0, None), (4, 5)], [(0, 1), (4, None)]])
def test_what_is_joined_with_something_open_is_open(first: list[Ends]) -> None:
    recording = with_spans(doubts(252, *first), ends(252, *first))
    assert cut_of(recording) == 2
    assert doubts_of(recording) == [(0, None, False)]
    assert (recording.marked[0].until, recording.marked[1].until) == (None, at(9))


@pytest.mark.parametrize(
    ("count", "findings", "is_finding"),
    [
        (1, (0,), [True]),
        (251, (0,), [True, False, False]),
        (252, (), [False, False, False]),
        (252, (0,), [True, False, False]),
        (252, (1,), [True, False, False]),
        (252, (2,), [False, True, False]),
    ],
)
def test_joined_doubts_are_a_finding_if_one_of_them_was(
    count: int, findings: tuple[int, ...], is_finding: list[bool]
) -> None:
    recording = with_spans(doubts(count, findings=findings))
    cut_of(recording)
    assert [each.is_finding for each in recording.silence.unconfirmed[:3]] == is_finding


@pytest.mark.parametrize(("count", "cut"), [(250, 0), (251, 1), (253, 3)])
def test_the_oldest_silences_are_claimed_no_more(count: int, cut: int) -> None:
    recording = with_spans(silences=[silent(4 * n, 4 * n + 1) for n in range(count)])
    assert cut_of(recording) == cut
    assert silences_of(recording)[0] == (4 * cut, 4 * cut + 1)
    assert len(recording.silence.silent) == 250


def test_no_silence_is_claimed_in_doubts_that_were_joined() -> None:
    recording = with_spans(doubts(252), silences=[silent(1, 4), silent(5, 8), silent(10)])
    recording.silence.silent[-1].until = at(11)
    assert cut_of(recording) == 1
    assert silences_of(recording) == [(5, 8), (10, 11)]


def test_all_spans_of_all_recordings_are_counted_together() -> None:
    silences = [silent(4 * n, 4 * n + 1) for n in range(254)]
    first = with_spans(doubts(252), ends(253))
    status = a_call(first, with_spans(doubts(253)), with_spans(silences=silences))
    told = "old doubts, marks and silent times were joined or given up"
    assert given_up_first(status) == f"{1 + 2 + 2 + 4} {told}"


# Texts.


@pytest.mark.parametrize(
    ("length", "limits"),
    [
        (16, []),
        (17, [16]),
        (40, [16]),
        (41, [40, 16]),
        (200, [40, 16]),
        (201, [200, 40, 16]),
    ],
)
def test_texts_are_cut_shorter_and_shorter(length: int, limits: list[int]) -> None:
    status = a_call(a_recording(problem="x" * length))
    told = [f"1 texts were cut to {limit} characters" for limit in limits]
    assert given_up(status) == "; ".join(told)
    assert status.recordings[0].problem == ("x" * 15 + "…" if limits else "x" * 16)


LONG, CUT = "x" * 17, "x" * 15 + "…"


@pytest.mark.parametrize(
    "status",
    [
        a_call(requests={"r": a_request(reason=LONG)}),
        a_call(consents=[decided(True, evidence=LONG)]),
        a_call(alarms=[AlarmRecord(alarm=an_alarm(AlarmKind.LOST), problem=LONG)]),
        a_call(a_recording(declined=LONG)),
        a_call(a_recording(pauses=[a_pause(reason=LONG)])),
        a_call(a_recording(holds=[ConsentHold(since=at(1), reason=LONG)])),
        a_call(a_recording(chunks=[a_chunk(lost_reason=LONG)])),
    ],
)
def test_the_texts_of_every_record_are_cut(status: CallStatus) -> None:
    assert given_up(status) == "1 texts were cut to 16 characters"
    written = status.model_dump_json()
    assert CUT in written
    assert LONG not in written


def test_all_texts_are_counted_and_those_of_alarms_and_of_the_timeline_are_cut_with_them() -> None:
    alarm = an_alarm(AlarmKind.LOST, what=LONG)
    status = a_call(
        a_recording(problem=LONG, declined=LONG),
        alarms=[AlarmRecord(alarm=alarm, problem=LONG)],
        timeline=[lines(1)[0].model_copy(update={"what": LONG})],
    )
    assert given_up_first(status) == "3 texts were cut to 16 characters"
    assert (status.alarms[0].alarm.what, status.timeline[0].what) == (CUT, CUT)


NAME = "n" * 50
A_NAME_CUT = "n" * 15 + "…"


@pytest.mark.parametrize(("released", "name"), [(None, NAME), (at(2), A_NAME_CUT)])
def test_the_holder_of_a_pause_keeps_its_name_until_it_is_released(
    released: Any, name: str
) -> None:
    pause = a_pause(NAME, authenticated_as=NAME, reason=LONG, released_at=released)
    given_up(a_call(a_recording(pauses=[pause])))
    assert (pause.requested_by, pause.authenticated_as, pause.reason) == (name, name, CUT)


@pytest.mark.parametrize("name", ["n" * 50, "n" * 100, "n" * 101])
def test_a_request_is_told_from_others_by_the_name_that_its_pause_has(name: str) -> None:
    record = a_request("pause", name, authenticated_as=name, reason=LONG)
    given_up(a_call(requests={"r": record}))
    assert (record.requested_by, record.authenticated_as) == pauses.holder_of(record)
    assert (record.requested_by == name) is (len(name) <= 100)
    assert record.reason == CUT


def test_of_a_recording_the_name_of_who_asked_for_it_is_a_text() -> None:
    recording = a_recording(requested_by=NAME, authenticated_as=NAME)
    given_up(a_call(recording))
    assert (recording.requested_by, recording.authenticated_as) == (A_NAME_CUT, A_NAME_CUT)
