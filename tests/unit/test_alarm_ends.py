"""When is an alarm over, and is that told once, and only to who was told of it?"""

from datetime import timedelta

import pytest

from callvault.contracts.alarms import Acknowledge, AlarmKind, AlarmRecord, Severity
from callvault.contracts.states import Actual, ChunkState
from workflows.call import alarm_ends
from workflows.call.alarms import Alarms

from .call import NOON, SECOND, Call, archived, chunk, stopped_call

MINUTE = timedelta(minutes=1)


def announced() -> tuple[Call, Alarms]:
    call = stopped_call()
    call.announced(chunk(), at=NOON)
    return call, Alarms(call.life.status, "recording-1")


def late(call: Call, alarms: Alarms, **facts: object) -> AlarmRecord:
    """Raise an alarm about the file, and have it delivered."""
    kind, file = AlarmKind.EXPORT_LATE, call.recording.chunks[0]
    alarms.add(kind, Severity.WARNING, "late", call.recording, NOON, file)
    record = call.life.status.alarms[-1]
    record.alarm = record.alarm.model_copy(update=facts)
    alarms.sent(record.alarm.id, None, NOON)
    return record


def is_archived(call: Call) -> None:
    call.recording.chunks[0].state = ChunkState.ARCHIVED
    call.recording.chunks[0].archived = archived()


def test_all_alarms_about_a_file_until_it_is_archived_are_told_to_be_over_once() -> None:
    call, alarms = announced()
    first, second = late(call, alarms), late(call, alarms)
    assert first.alarm.dedup_key == second.alarm.dedup_key == first.alarm.id
    assert alarms.unresolved() == []
    is_archived(call)
    assert alarms.unresolved() == [second.alarm.id]
    over = alarms.resolution(second.alarm, NOON + MINUTE)
    assert (over.dedup_key, over.status, over.at) == (first.alarm.id, "resolved", NOON + MINUTE)
    assert over.what == "recording 1, chunk 0: over: it is archived"
    alarms.resolved(second.alarm.id, NOON + MINUTE)
    assert alarms.unresolved() == []
    assert first.resolved_at is not None


def test_what_is_late_again_is_another_alarm() -> None:
    call, alarms = announced()
    first = late(call, alarms)
    is_archived(call)
    alarms.resolution(first.alarm, NOON)
    call.recording.chunks[0].state = ChunkState.ANNOUNCED
    assert late(call, alarms).alarm.dedup_key != first.alarm.dedup_key
    assert alarms.unresolved() == [first.alarm.id], "an end that was begun is told"


def test_nobody_is_told_of_the_end_of_what_nobody_was_told_of() -> None:
    call, alarms = announced()
    kind, file = AlarmKind.EXPORT_LATE, call.recording.chunks[0]
    alarms.add(kind, Severity.WARNING, "late", call.recording, NOON, file)
    [record] = call.life.status.alarms
    is_archived(call)
    assert alarms.unresolved() == [], "it is still to be sent"
    alarms.acknowledge(Acknowledge(alarm_id=record.alarm.id), NOON)
    assert alarms.unresolved() == [], "it was seen before it was sent"
    alarms.sent(record.alarm.id, None, NOON)
    assert alarms.unresolved() == [record.alarm.id], "it had arrived, and was acknowledged"


def test_the_end_waits_for_an_alarm_of_the_same_file_that_is_under_way() -> None:
    call, alarms = announced()
    first = late(call, alarms)
    kind, file = AlarmKind.EXPORT_LATE, call.recording.chunks[0]
    alarms.add(kind, Severity.ERROR, "later", call.recording, NOON, file)
    second = call.life.status.alarms[-1]
    is_archived(call)
    assert alarms.unresolved() == []
    alarms.not_sent(second.alarm.id, "given up")
    assert alarms.unresolved([second.alarm.id]) == []
    assert alarms.unresolved() == [first.alarm.id]


def test_each_group_that_was_told_is_told_of_the_end() -> None:
    call, alarms = announced()
    first = late(call, alarms, is_grouped=True, group_key="archive/main/full")
    second = late(call, alarms, is_grouped=True, group_key="archive/main/storage")
    is_archived(call)
    assert alarms.unresolved() == [first.alarm.id, second.alarm.id]
    alarms.resolution(first.alarm, NOON)
    alarms.resolved(first.alarm.id, NOON)
    assert alarms.unresolved() == [second.alarm.id]


def test_a_file_that_is_lost_is_late_no_more_and_that_is_not_called_well() -> None:
    call, alarms = announced()
    record = late(call, alarms)
    call.recording.chunks[0].state = ChunkState.LOST
    assert alarms.unresolved() == [record.alarm.id]
    over = alarms.resolution(record.alarm, NOON)
    assert over.is_loss
    assert "it is lost" in over.what


@pytest.mark.parametrize(
    "kind",
    [
        AlarmKind.LOST,
        AlarmKind.CONTRADICTED,
        AlarmKind.DUTIES,
        AlarmKind.PAUSE_FORCED,
        AlarmKind.TOO_MUCH,
        AlarmKind.ABANDONED,
    ],
)
def test_what_people_must_look_at_is_never_over_by_itself(kind: AlarmKind) -> None:
    call, alarms = announced()
    alarms.add(kind, Severity.CRITICAL, "look", call.recording, NOON)
    [record] = call.life.status.alarms
    alarms.sent(record.alarm.id, None, NOON)
    is_archived(call)
    assert not record.alarm.resolves
    assert alarms.unresolved() == []


def test_a_pause_that_is_proven_is_over_and_one_that_came_too_late_is_looked_at() -> None:
    call = Call()
    alarms, recording = Alarms(call.life.status, "recording-1"), call.recording
    recording.actual = Actual.STOPPED
    kind = AlarmKind.PAUSE_UNCONFIRMED
    alarms.add(kind, Severity.CRITICAL, "confirmed too late", recording, NOON + SECOND)
    [record] = call.life.status.alarms
    assert not record.alarm.resolves
    assert alarm_ends.is_over(call.life.status, record.alarm)


def test_a_start_that_failed_is_over_once_the_call_is_recorded_again() -> None:
    call = stopped_call()
    alarms = Alarms(call.life.status, "recording-1")
    alarms.failed_to_start(call.recording, "no", NOON)
    [record] = call.life.status.alarms
    alarms.sent(record.alarm.id, None, NOON)
    assert alarms.unresolved() == []
    call.asks("start", request_id="again")
    call.life.status.recordings[-1].started_at = NOON
    assert alarms.unresolved() == [record.alarm.id]
