"""Who is told of what, where one alarm is sent for many calls?"""

from datetime import timedelta

import pytest

from activities.alarm_links import Links
from activities.alarm_sender import AlarmSender
from callvault.causes import Cause
from callvault.contracts.alarm_groups import AlarmDelivered, AlarmGroupState, group_key, is_summed
from callvault.contracts.alarms import Alarm, AlarmKind, AlarmStatus, ProblemKind, Severity
from callvault.errors import Unavailable
from callvault.temporal.alarm_groups import Place
from workflows.group_members import (
    LEASE,
    MAX_MEMBERS,
    MAX_OPEN,
    QUIET,
    UNTOLD_LIMIT,
    AlarmGroup,
)

from .call import NOON, SECOND

MINUTE = timedelta(minutes=1)
INTERVAL = timedelta(minutes=5)


def alarm(call: int = 1, **facts: object) -> Alarm:
    known: dict[str, object] = {
        "id": f"recording-{call}/1",
        "kind": AlarmKind.EXPORT_LATE,
        "severity": Severity.WARNING,
        "at": NOON,
        "what": "late",
        "workflow_id": f"recording-{call:032x}",
        "resource": "default",
        "archive": "main",
        "cause": Cause.FULL,
        "fault": "archive",
        "resolves": True,
        "dedup_key": f"recording-{call}/1",
    }
    return Alarm.model_validate(known | facts)


def over(call: int = 1, **facts: object) -> Alarm:
    return alarm(call, status=AlarmStatus.RESOLVED, **facts)


def group(first: Alarm | None = None) -> AlarmGroup:
    first = first or alarm()
    state = AlarmGroupState(key="k", dedup_key="group/1", interval=INTERVAL, newest=first)
    made = AlarmGroup(state)
    made.fold(first, NOON)
    return made


def told(severity: Severity = Severity.WARNING, **facts: object) -> AlarmGroup:
    made = group(alarm(severity=severity, **facts))
    made.delivered(AlarmDelivered(dedup_key="group/1", severity=severity), NOON)
    return made


@pytest.mark.parametrize(
    ("facts", "key"),
    [
        ({}, "archive/main/full"),
        ({"kind": AlarmKind.NOT_SEALED}, "archive/main/full"),
        ({"fault": "service", "cause": Cause.KEY}, "resource/default/key"),
        ({"cause": None, "fault": ""}, "archive/main/export_late"),
        ({"kind": AlarmKind.NO_FILE_EVENT, "cause": None}, "resource/default/no_file_event"),
        (
            {"kind": AlarmKind.WORKER_PROBLEM, "problem": ProblemKind.CLOCKS, "resource": "all"},
            "process/clocks/all",
        ),
    ],
)
def test_the_common_cause_is_where_it_lies_and_what_it_is(
    facts: dict[str, object], key: str
) -> None:
    assert group_key(alarm(**facts)) == key
    assert is_summed(alarm(**facts))


@pytest.mark.parametrize(
    ("kind", "cause"),
    [
        (AlarmKind.LOST, None),
        (AlarmKind.PAUSE_UNCONFIRMED, Cause.UNREACHABLE),
        (AlarmKind.FAILED_TO_START, Cause.UNKNOWN_CALL),
        (AlarmKind.FAILED_TO_START, None),
        (AlarmKind.CANCELLED, None),
    ],
)
def test_what_needs_a_person_for_each_call_is_told_for_each(
    kind: AlarmKind, cause: Cause | None
) -> None:
    assert not is_summed(alarm(kind=kind, cause=cause))


def test_a_start_that_fails_for_a_dead_key_fails_for_all() -> None:
    assert is_summed(alarm(kind=AlarmKind.FAILED_TO_START, cause=Cause.KEY))


def test_the_count_is_told_now_and_then_and_only_if_it_has_changed() -> None:
    made = told()
    assert made.next_update() == NOON + 30 * SECOND
    assert made.update(NOON + 30 * SECOND) is None
    made.looked(NOON + 30 * SECOND)
    assert made.next_update() == NOON + 30 * SECOND + INTERVAL
    made.fold(alarm(2, expires_at=NOON + MINUTE), NOON)
    made.fold(alarm(2), NOON)
    update = made.update(NOON + INTERVAL)
    assert update is not None
    assert (update.count, update.status, update.dedup_key) == (2, "firing", "group/1")
    assert update.what.startswith("2 calls have this in common, it is over for 0.")
    assert update.calls == (alarm(1).workflow_id, alarm(2).workflow_id)


def test_what_becomes_more_urgent_is_told_at_once() -> None:
    made = told()
    made.fold(alarm(2, severity=Severity.CRITICAL), NOON)
    assert made.is_more_urgent
    update = made.update(NOON)
    assert update is not None
    assert update.severity == "critical"
    made.was_told(update, NOON)
    assert not made.is_more_urgent


def test_all_is_over_when_it_is_so_for_every_call_and_losses_are_summed() -> None:
    made = told()
    made.fold(alarm(2), NOON)
    made.fold(over(1), NOON)
    update = made.update(NOON)
    assert update is not None
    assert update.status == "firing"
    made.fold(over(2, is_loss=True), NOON)
    end = made.update(NOON)
    assert end is not None
    assert (end.status, end.count, end.is_loss) == ("resolved", 2, True)
    assert end.what.startswith("over for all 2 calls, 1 of them with a loss")


def test_the_end_of_one_call_alone_is_not_counted() -> None:
    made = told()
    made.fold(over(1), NOON)
    end = made.update(NOON)
    assert end is not None
    assert end.what.startswith("over; it was: ")


def test_a_call_with_two_late_files_is_over_when_both_are() -> None:
    made = told()
    made.fold(alarm(1, dedup_key="another"), NOON)
    made.fold(over(1), NOON)
    assert made.open_calls(NOON) == [alarm(1).workflow_id]
    made.fold(over(1, dedup_key="another"), NOON)
    assert made.open_calls(NOON) == []


@pytest.mark.parametrize(
    ("facts", "lease"),
    [
        ({}, LEASE),
        ({"resolves": False}, QUIET),
        ({"kind": AlarmKind.WORKER_PROBLEM}, QUIET),
    ],
)
def test_what_was_not_heard_of_for_long_counts_as_over(
    facts: dict[str, object], lease: timedelta
) -> None:
    made = told(**facts)
    assert made.open_calls(NOON + lease - SECOND)
    assert not made.open_calls(NOON + lease)


def test_a_group_of_which_no_receiver_knows_tells_by_itself_or_ends_in_silence() -> None:
    made = group()
    assert made.next_update() == NOON + UNTOLD_LIMIT
    assert made.update(NOON + UNTOLD_LIMIT) is not None
    alone = group()
    alone.withdrawn(alarm())
    assert alone.is_idle


def test_what_was_never_told_is_told_before_it_is_told_to_be_over() -> None:
    made = group()
    made.fold(over(), NOON)
    assert not made.is_idle
    first = made.update(NOON + UNTOLD_LIMIT)
    assert first is not None
    assert (first.status, first.count, first.calls) == ("firing", 1, ())
    made.was_told(first, NOON)
    assert not made.is_idle
    then = made.update(NOON + INTERVAL)
    assert then is not None
    assert then.status == "resolved"


def test_an_attempt_that_failed_takes_out_no_more_than_it_had_put_in() -> None:
    made = group()
    made.fold(alarm(), NOON)
    made.withdrawn(alarm(2))
    made.withdrawn(alarm(dedup_key="another"))
    made.withdrawn(alarm())
    assert made.open_calls(NOON) == [alarm().workflow_id]
    made.fold(alarm(dedup_key="another"), NOON)
    made.withdrawn(alarm())
    assert made.open_calls(NOON) == [alarm().workflow_id], "for another file it is not over"
    made.withdrawn(alarm(dedup_key="another"))
    assert made.is_idle
    made.withdrawn(alarm())


def test_what_is_over_is_so_however_many_attempts_had_counted_on_the_group() -> None:
    made = group()
    made.fold(alarm(), NOON)
    made.fold(over(), NOON)
    assert (made.counts(NOON), made.open_calls(NOON)) == ((1, 0, 0), [])


def test_who_comes_as_all_was_told_to_be_over_is_told_of_anew() -> None:
    made = told()
    made.fold(over(), NOON)
    end = made.update(NOON)
    assert end is not None
    made.begin_anew(NOON)
    made.fold(alarm(2), NOON + SECOND)
    assert not made.is_told
    assert made.next_update() == NOON + SECOND + UNTOLD_LIMIT
    assert made.state.dedup_key != end.dedup_key


def test_a_group_of_more_calls_than_it_can_hold_still_counts_them_and_can_be_carried() -> None:
    made = told()
    for call in range(MAX_MEMBERS + 10):
        for file in range(MAX_OPEN + 2 if call < 3 else 1):
            made.fold(alarm(call + 2, dedup_key=f"{call}/{file}", expires_at=NOON), NOON)
    assert made.counts(NOON)[:2] == (MAX_MEMBERS + 11, MAX_MEMBERS)
    assert len(made.state.model_dump_json()) < 900_000


class FakeGroups:
    """A group that answers what a test wants, and notes what it was told."""

    def __init__(self, place: Place | None) -> None:
        self.place = place
        self.noted: list[str] = []

    def join(self, alarm: Alarm) -> Place | None:
        self.noted.append("join")
        return self.place

    def delivered(self, alarm: Alarm, dedup_key: str) -> None:
        self.noted.append(f"delivered {dedup_key}")

    def leave(self, alarm: Alarm) -> None:
        self.noted.append("leave")

    def withdraw(self, alarm: Alarm) -> None:
        self.noted.append("withdraw")


class Receiver(list[Alarm]):
    is_away = False

    def send(self, alarm: Alarm) -> int:
        if self.is_away:
            raise Unavailable("away", owner="caller")
        self.append(alarm)
        return 204


LINKS = Links("http://ui", "default", "http://docs")


def test_the_first_of_a_group_is_sent_under_the_key_of_the_group() -> None:
    receiver, groups = Receiver(), FakeGroups(Place("group/1", is_counted=False))
    kept = AlarmSender(receiver, LINKS, groups).send(alarm())
    [sent] = receiver
    assert (sent.dedup_key, sent.group_key, sent.is_grouped) == (
        "group/1",
        "archive/main/full",
        True,
    )
    assert groups.noted == ["join", "delivered group/1"]
    assert (kept.dedup_key, kept.is_grouped, kept.page_url) == (alarm().dedup_key, True, "")


def test_one_that_is_counted_is_not_sent_and_its_end_is_told_to_the_group() -> None:
    receiver, groups = Receiver(), FakeGroups(Place("group/1", is_counted=True))
    sender = AlarmSender(receiver, LINKS, groups)
    kept = sender.send(alarm())
    sender.send(kept.model_copy(update={"status": AlarmStatus.RESOLVED}))
    assert receiver == []
    assert groups.noted == ["join", "leave"]


def test_without_its_group_an_alarm_and_its_end_are_sent() -> None:
    receiver, groups = Receiver(), FakeGroups(None)
    sender = AlarmSender(receiver, LINKS, groups)
    kept = sender.send(alarm())
    sender.send(kept.model_copy(update={"status": AlarmStatus.RESOLVED}))
    assert [each.status for each in receiver] == ["firing", "resolved"]


def test_an_attempt_at_an_alarm_that_no_receiver_takes_is_withdrawn_from_its_group() -> None:
    receiver, groups = Receiver(), FakeGroups(Place("group/1", is_counted=False))
    receiver.is_away = True
    with pytest.raises(Unavailable):
        AlarmSender(receiver, LINKS, groups).send(alarm())
    assert groups.noted == ["join", "withdraw"]


def test_an_alarm_says_whose_fault_it_is_how_much_time_is_left_and_links() -> None:
    receiver = Receiver()
    # By a clock with which others agree: that of this machine may be wrong.
    links = LINKS._replace(now=lambda: NOON - timedelta(minutes=1))
    AlarmSender(receiver, links).send(alarm(expires_at=NOON))
    [sent] = receiver
    assert sent.whose == "yours"
    assert sent.seconds_left == 60
    assert sent.page_url == f"http://ui/namespaces/default/workflows/{alarm().workflow_id}"
    assert sent.runbook_url == "http://docs#export_late"
    assert sent.cause_url == "http://docs#cause-full"
