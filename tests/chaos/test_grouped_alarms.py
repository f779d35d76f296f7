"""When does the judge of `make chaos` hold that a receiver knew of an alarm that was counted?

Seconds are those since the alarm was raised.
"""

from datetime import UTC, datetime

import pytest

from bench.chaos.grouped_alarms import account, counted, raised
from bench.chaos.proxy import ReceivedAlarm
from callvault.contracts.alarms import Alarm, AlarmKind, AlarmRecord, AlarmStatus, Severity
from callvault.contracts.names import alarm_group_id
from callvault.contracts.status import CallStatus

from .case import ENDED, Trial

KEY = "archive/main/full"
ALARM = (
    Trial()
    .alarm(AlarmKind.EXPORT_LATE)
    .model_copy(update={"is_grouped": True, "group_key": KEY, "severity": Severity.ERROR})
)
OTHER = "recording-other"
FIRING, RESOLVED = AlarmStatus.FIRING, AlarmStatus.RESOLVED


def of_group(
    at: float,
    status: AlarmStatus = FIRING,
    alert: int = 1,
    calls: tuple[str, ...] = (OTHER,),
    severity: Severity = Severity.ERROR,
) -> ReceivedAlarm:
    """Tell of the group, in one of its alerts."""
    told = {
        "id": f"{alarm_group_id(KEY)}/{alert}/{at}",
        "dedup_key": f"{alarm_group_id(KEY)}/{alert}",
        "status": status,
        "calls": calls if status is FIRING else (),
        "severity": severity,
    }
    return ReceivedAlarm(ALARM.model_copy(update=told), ENDED + at)


def by_itself(at: float, status: AlarmStatus = FIRING) -> ReceivedAlarm:
    """Tell of another call that was not put into the group in time."""
    told = {"id": OTHER, "dedup_key": OTHER, "status": status, "is_grouped": False}
    return ReceivedAlarm(ALARM.model_copy(update=told), ENDED + at)


def known_at(*received: ReceivedAlarm, recorded: float, alarm: Alarm = ALARM) -> float:
    record = AlarmRecord(alarm=alarm, sent_at=datetime.fromtimestamp(ENDED + recorded, UTC))
    status = CallStatus(server_call_id="call", resource="default", alarms=[record])
    [found] = counted([status, None], [*received])
    assert found.alarm == alarm
    return found.at - ENDED


@pytest.mark.parametrize(
    ("received", "expected"),
    [
        ([of_group(5)], 5),
        ([of_group(5), of_group(8, RESOLVED), of_group(30, alert=2)], 30),
        ([of_group(20)], 20),
        ([of_group(5), of_group(8, RESOLVED), of_group(9, alert=2)], 9),
    ],
)
def test_an_alarm_that_was_counted_is_known_once_its_group_is(
    received: list[ReceivedAlarm], expected: float
) -> None:
    """Counted at the tenth second: a group of which nobody was told, or that is over, hides it."""
    assert known_at(*received, recorded=10) == expected


def test_an_alarm_that_was_sent_is_not_counted() -> None:
    status = CallStatus(server_call_id="c", resource="r", alarms=[AlarmRecord(alarm=ALARM)])
    assert list(counted([status], [ReceivedAlarm(ALARM, ENDED)])) == []


def test_what_a_group_has_told_is_known_although_the_call_records_it_later() -> None:
    """A host counts it, hears no answer, and another host repeats the attempt.

    Meanwhile a call that had told of itself is over, and the group is soon after.
    """
    received = [
        of_group(3),
        of_group(13, calls=(OTHER, ALARM.workflow_id)),
        by_itself(40, RESOLVED),
        of_group(45, RESOLVED),
        of_group(99, alert=2),
    ]
    assert known_at(*received, recorded=41) == 3
    second = ALARM.model_copy(update={"id": "2", "chunk_index": 1})
    assert known_at(*received, recorded=41, alarm=second) == 3


def test_the_end_of_an_alert_that_arrives_late_ends_no_later_alert() -> None:
    received = [of_group(-20), of_group(9, alert=2), of_group(20, RESOLVED, alert=1)]
    assert known_at(*received, of_group(99, alert=3), recorded=30) == 9


def test_a_group_that_is_over_when_the_call_records_it_hides_an_alarm_even_if_it_was_named() -> (
    None
):
    """The receiver believes that all is well, and nobody tells it more for a minute."""
    named = of_group(13, calls=(ALARM.workflow_id,))
    for before in (named, of_group(13)):
        received = [before, of_group(40, RESOLVED), of_group(99, alert=2)]
        assert known_at(*received, recorded=41) == 99


def test_an_alarm_that_nobody_ever_tells_is_known_at_the_end_of_the_run_at_the_earliest() -> None:
    assert known_at(of_group(3), of_group(20, RESOLVED), recorded=41) > 1_000_000


def test_what_a_call_tells_by_itself_tells_nothing_of_its_group() -> None:
    assert known_at(by_itself(5), of_group(99), recorded=10) == 99


@pytest.mark.parametrize(
    ("told", "known"),
    [
        (of_group(-1), 0),
        (of_group(5), 5),
        (of_group(5, calls=(ALARM.workflow_id,), severity=Severity.WARNING), 60),
    ],
    ids=["before it was raised", "later", "as less urgent"],
)
def test_an_alarm_is_known_since_its_group_fires_that_fires_still_when_it_is_recorded(
    told: ReceivedAlarm, known: float
) -> None:
    assert known_at(told, recorded=60) == known


def test_what_a_group_says_later_is_no_alarm_that_is_late() -> None:
    first, count = by_itself(5), of_group(50)
    assert raised([first, count, by_itself(60, RESOLVED)]) == [first]


def test_a_late_alarm_is_told_with_what_its_receiver_was_told() -> None:
    received = [by_itself(40, RESOLVED), of_group(13)]
    group = f"{alarm_group_id(KEY)}/1"
    assert account(ALARM, received) == f"+13.0 s firing {group}; +40.0 s resolved {OTHER}"
