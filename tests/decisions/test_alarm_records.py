"""The record of alarms: which are one episode, what is still to be told, and who has seen it."""

from typing import Any

import pytest

from callvault.contracts.alarms import Acknowledge, Alarm, AlarmKind, AlarmRecord, AlarmStatus
from callvault.contracts.status import RecordingStatus
from workflows.call.alarm_records import AlarmRecords

from .facts import a_call, a_recording, at, at_or_none, seconds
from .test_alarm_ends import BEGUN, LOST, THERE, WAITS, an_alarm

K = AlarmKind

IS_OVER, LASTS = K.EXPORT_LATE, K.NOT_SEALED
"""Of the recording of `known`, the file is archived and the manifest is not written."""


def a_record(
    name: str = "a",
    episode: str = "e",
    *,
    kind: AlarmKind = LASTS,
    sent: float | None = 2,
    over: float | None = None,
    facts: dict[str, Any] | None = None,
    **alarm: Any,
) -> AlarmRecord:
    """Make an alarm that was sent, of an episode that is not over."""
    known = {"resolves": True, "dedup_key": episode, **alarm}
    return AlarmRecord(
        alarm=an_alarm(kind, id=name, **known),
        sent_at=at_or_none(sent),
        over_at=at_or_none(over),
        **(facts or {}),
    )


def known(*records: AlarmRecord) -> AlarmRecords:
    """Make the records of a call whose recording's file is archived."""
    return AlarmRecords(a_call(a_recording(chunks=[THERE]), alarms=list(records)))


# Episodes.


@pytest.mark.parametrize(
    ("kind", "recording", "resolves"),
    [
        (K.EXPORT_LATE, a_recording(chunks=[WAITS]), True),
        (K.EXPORT_LATE, a_recording(chunks=[THERE]), True),
        (K.EXPORT_LATE, None, False),
        (K.LOST, a_recording(chunks=[LOST]), False),
        (K.PAUSE_UNCONFIRMED, a_recording(wanted="paused", sound=BEGUN), True),
        (K.PAUSE_UNCONFIRMED, a_recording(wanted="active", sound=BEGUN), False),
    ],
)
def test_an_alarm_begins_an_episode_that_ends_if_what_it_tells_of_can_end(
    kind: AlarmKind, recording: RecordingStatus | None, resolves: bool
) -> None:
    status = a_call(*([recording] if recording else []))
    AlarmRecords(status).enter(an_alarm(kind, id="new"), recording)
    [record] = status.alarms
    assert (record.alarm.dedup_key, record.alarm.resolves) == ("new", resolves)
    assert (record.alarm.kind, record.sent_at) == (kind, None)


@pytest.mark.parametrize(
    ("before", "is_joined"),
    [
        ({}, True),
        ({"recording_id": "r"}, True),
        ({"kind": K.LOST}, False),
        ({"recording": 2}, False),
        ({"chunk_index": 0}, False),
        ({"resolves": False}, False),
        ({"over": 3}, False),
    ],
)
def test_an_alarm_about_the_same_thing_belongs_to_the_episode_that_is_not_over(
    before: dict[str, Any], is_joined: bool
) -> None:
    # Of what is past an own episode would never end.
    recording = a_recording(wanted="active", sound=BEGUN)
    status = a_call(recording, alarms=[a_record(**{"kind": K.PAUSE_UNCONFIRMED, **before})])
    AlarmRecords(status).enter(an_alarm(K.PAUSE_UNCONFIRMED, id="new"), recording)
    entered = status.alarms[1].alarm
    expected = ("e", True) if is_joined else ("new", False)
    assert (entered.dedup_key, entered.resolves) == expected


def test_of_several_episodes_the_newest_goes_on() -> None:
    records = [a_record("a", "older"), a_record("b", "newer"), a_record("c", "over", over=3)]
    status = a_call(a_recording(), alarms=records)
    AlarmRecords(status).enter(an_alarm(LASTS, id="new"), status.recordings[0])
    assert status.alarms[-1].alarm.dedup_key == "newer"


# What is still to be told.


@pytest.mark.parametrize(
    ("record", "is_unsent"),
    [
        (a_record(sent=None), True),
        (a_record(), False),
        (a_record(sent=None, facts={"problem": "refused"}), False),
        (a_record(sent=None, facts={"acknowledged_at": at(3)}), False),
    ],
)
def test_an_alarm_is_to_be_sent_until_it_was_or_is_seen_or_given_up(
    record: AlarmRecord, is_unsent: bool
) -> None:
    assert known(record).unsent() == (["a"] if is_unsent else [])


@pytest.mark.parametrize(
    ("record", "is_to_be_told"),
    [
        (a_record(kind=IS_OVER), True),
        (a_record(kind=LASTS), False),
        (a_record(kind=LASTS, over=3), True),
        (a_record(kind=IS_OVER, sent=None, facts={"problem": "refused"}), False),
        (a_record(kind=IS_OVER, resolves=False), False),
        (a_record(kind=IS_OVER, over=3, facts={"resolved_at": at(4)}), False),
        (a_record(kind=IS_OVER, over=3, facts={"resolved_problem": "refused"}), False),
    ],
)
def test_that_it_is_over_is_told_once_of_what_was_sent_and_has_ended(
    record: AlarmRecord, is_to_be_told: bool
) -> None:
    assert known(record).unresolved() == (["a"] if is_to_be_told else [])


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        ({}, {}, ["b"]),
        ({}, {"episode": "other"}, ["a", "b"]),
        ({}, {"group_key": "g", "is_grouped": True}, ["a", "b"]),
        ({"group_key": "g"}, {"group_key": "h"}, ["b"]),
        ({"group_key": "g", "is_grouped": True}, {"group_key": "g", "is_grouped": True}, ["b"]),
        (
            {"group_key": "g", "is_grouped": True},
            {"group_key": "h", "is_grouped": True},
            ["a", "b"],
        ),
    ],
)
def test_each_group_that_was_told_of_an_episode_hears_once_that_it_is_over(
    first: dict[str, Any], second: dict[str, Any], told: list[str]
) -> None:
    records = known(a_record("a", over=3, **first), a_record("b", over=3, **second))
    assert records.unresolved() == told


@pytest.mark.parametrize(
    ("other", "under_way", "told"),
    [
        (a_record("b", sent=None), (), []),
        (a_record("b", "other", sent=None), (), ["a"]),
        (a_record("b", resolves=False), (), ["a"]),
        (a_record("b", resolves=False), ("b",), []),
        (a_record("b", "other", resolves=False), ("b",), ["a"]),
        (a_record("b", "other", resolves=False), ("a",), []),
    ],
)
def test_no_end_is_told_while_an_alarm_of_the_episode_is_still_to_be_sent(
    other: AlarmRecord, under_way: tuple[str, ...], told: list[str]
) -> None:
    assert known(a_record("a", over=3), other).unresolved(under_way) == told


# What was told.


def test_an_alarm_is_found_by_its_id() -> None:
    records = known(a_record("a"), a_record("b", facts={"acknowledged_at": at(3)}))
    assert (records.record("a").alarm.id, records.record("b").alarm.id) == ("a", "b")
    assert (records.is_needless("a"), records.is_needless("b")) == (False, True)


def test_what_is_told_of_an_alarm_that_is_not_kept_changes_nothing() -> None:
    records = known(a_record("a", over=3))
    assert (records.record("b"), records.is_needless("b")) == (None, True)
    records.sent("b", None, at(9))
    records.not_sent("b", "refused")
    records.resolved("b", at(9))
    records.not_resolved("b", "refused")
    assert records.record("a") == a_record("a", over=3)


@pytest.mark.parametrize("told", [an_alarm(LASTS, what="with its cause"), None])
def test_an_alarm_is_kept_as_it_was_told(told: Alarm | None) -> None:
    records = known(a_record(sent=None, what="without"), a_record("b", sent=None))
    records.sent("a", told, at(9))
    record = records.record("a")
    assert seconds(record.sent_at) == 9
    assert record.alarm.what == ("with its cause" if told else "without")
    assert records.unsent() == ["b"]


def test_an_alarm_that_no_receiver_took_is_given_up() -> None:
    records = known(a_record(sent=None), a_record("b", sent=None))
    records.not_sent("a", "refused")
    assert (records.record("a").problem, records.unsent()) == ("refused", ["b"])


@pytest.mark.parametrize(
    ("ends", "after", "told"),
    [
        ((None, None), (9, 9), 9),
        ((5, None), (5, 9), 5),
        ((None, 5), (9, 5), 5),
        ((5, 7), (5, 7), 5),
        ((7, 5), (7, 5), 5),
    ],
)
def test_an_episode_is_over_since_the_first_of_its_alarms_was(
    ends: tuple[float | None, float | None], after: tuple[float, float], told: float
) -> None:
    first, second = a_record("a", over=ends[0]), a_record("b", over=ends[1])
    other = a_record("c", "other")
    resolution = known(first, second, other).resolution(second.alarm, at(9))
    assert (seconds(first.over_at), seconds(second.over_at), other.over_at) == (*after, None)
    assert seconds(resolution.at) == told


@pytest.mark.parametrize(
    ("file", "is_loss", "what"),
    [
        (THERE, False, "recording 1: over: it is archived"),
        (LOST, True, "recording 1: over, but not well: it is lost, and an alarm `lost` tells"),
    ],
)
def test_the_notification_of_an_end_says_how_it_ended(file: Any, is_loss: bool, what: str) -> None:
    record = a_record(kind=IS_OVER, activity_id="export")
    status = a_call(a_recording(chunks=[file]), alarms=[record])
    told = AlarmRecords(status).resolution(record.alarm, at(9))
    assert (told.id, told.status, told.dedup_key) == ("a/resolved", AlarmStatus.RESOLVED, "e")
    assert (told.is_loss, told.activity_id) == (is_loss, None)
    assert told.what.startswith(what)
    assert (record.alarm.status, record.alarm.activity_id) == (AlarmStatus.FIRING, "export")


@pytest.mark.parametrize(
    ("other", "is_meant"),
    [
        ({}, True),
        ({"sent": None}, False),
        ({"episode": "other"}, False),
        ({"group_key": "g", "is_grouped": True}, False),
    ],
)
def test_an_end_is_told_for_all_alarms_that_its_receiver_had_of_the_episode(
    other: dict[str, Any], is_meant: bool
) -> None:
    records = known(a_record("a"), a_record("b", **other))
    records.not_resolved("a", "refused")
    problems = [records.record(name).resolved_problem for name in ("a", "b")]
    assert problems == ["refused", "refused" if is_meant else ""]
    records.resolved("a", at(9))
    ends = [seconds(records.record(name).resolved_at) for name in ("a", "b")]
    assert ends == [9, 9 if is_meant else None]


# Who has seen it.


@pytest.mark.parametrize(
    ("alarm_id", "seen"),
    [(None, ["sent"]), ("sent", ["sent"]), ("unsent", ["unsent"]), ("seen", []), ("x", [])],
)
def test_an_alarm_is_seen_that_was_named_or_without_a_name_each_that_was_sent(
    alarm_id: str | None, seen: list[str]
) -> None:
    before = {"acknowledged_at": at(3), "acknowledged_by": "ben"}
    rows = [a_record("sent"), a_record("unsent", sent=None), a_record("seen", facts=before)]
    message = Acknowledge(alarm_id=alarm_id, requested_by="ana", authenticated_as="key crm")
    assert known(*rows).acknowledge(message, at(9)) == len(seen)
    assert [row.alarm.id for row in rows if row.acknowledged_at == at(9)] == seen
    for row in rows[:2]:
        who = ("ana", "key crm") if row.alarm.id in seen else ("", "")
        assert (row.acknowledged_by, row.acknowledged_as) == who
    assert (rows[2].acknowledged_by, rows[2].acknowledged_at) == ("ben", at(3))
