"""Does a group of alarms hand over while no receiver takes its update, and tell it afterwards?"""

from datetime import timedelta
from typing import Any

import pytest

from bench.simulation import protocol
from bench.simulation.instance import Opening, RunInstance
from bench.simulation.life import NOON
from callvault.contracts import names
from callvault.contracts.alarm_groups import AlarmDelivered, AlarmGroupState
from callvault.contracts.alarms import Alarm, AlarmKind, AlarmStatus, Severity
from callvault.contracts.base import Message
from workflows.alarm_group import MAX_SIGNALS, AlarmGroupWorkflow

HOUR = timedelta(hours=1)


def alarm(call: int, status: AlarmStatus = AlarmStatus.FIRING) -> Alarm:
    return Alarm(
        id=f"a{call}",
        status=status,
        kind=AlarmKind.EXPORT_LATE,
        severity=Severity.WARNING,
        at=NOON,
        what="late",
        workflow_id=f"recording-{call}",
        resource="default",
        archive="main",
        dedup_key=f"a{call}",
        group_key="archive/main/unreachable",
        resolves=True,
    )


class Group:
    """A group's workflow, told step by step."""

    def __init__(self, state: AlarmGroupState) -> None:
        self.now = NOON
        self.begins(state)

    def begins(self, state: Message, run: int = 1) -> None:
        self.commands: list[Any] = []
        """What the run has commanded, in the order in which it did."""
        opening = Opening("alarm-group-1", f"run-{run}", self.now, (payload(state),), seed=run)
        self.run = RunInstance(opening, AlarmGroupWorkflow)
        self.commands += self.run.begin(self.now)

    def goes_on(self, *jobs: Any, after: timedelta = timedelta(seconds=1)) -> None:
        self.now += after
        self.commands += self.run.activate(self.now, list(jobs))

    def is_told(self, name: str, message: Message) -> None:
        self.goes_on(protocol.signal(name, [payload(message)]))

    def found(self, kind: str) -> list[Any]:
        return [getattr(each, kind) for each in self.commands if each.WhichOneof("variant") == kind]

    def fires(self) -> None:
        """Let the timer fire that was begun last."""
        self.goes_on(protocol.timer_fired(self.found("start_timer")[-1].seq), after=HOUR)

    def sent(self) -> list[Alarm]:
        orders = self.found("schedule_activity")
        return [protocol.value_of(each.arguments[0], Alarm) for each in orders]

    def hands_over(self) -> None:
        [order] = self.found("continue_as_new_workflow_execution")
        state = protocol.value_of(order.arguments[0], AlarmGroupState)
        self.begins(state, run=2)


def payload(message: Message) -> Any:
    return protocol.payload(message.model_dump(mode="json", by_alias=True))


@pytest.fixture
def group() -> Group:
    """A group of two, of which a receiver knows."""
    first = alarm(0)
    state = AlarmGroupState(key=first.group_key, dedup_key="k", interval=HOUR, newest=first)
    made = Group(state)
    told = AlarmDelivered(dedup_key="k", severity=Severity.WARNING)
    made.is_told(names.ALARM_DELIVERED, told)
    made.is_told(names.ALARM_IN_GROUP, alarm(1))
    return made


def is_flooded(group: Group) -> None:
    """Bring signals until the next run is to take over, and call off what is being sent."""
    [sending] = group.found("schedule_activity")
    # Of a stranger, who is in no group.
    over = alarm(9, AlarmStatus.RESOLVED)
    for _ in range(MAX_SIGNALS):
        if group.found("request_cancel_activity"):
            break
        group.is_told(names.ALARM_IN_GROUP, over)
    assert not group.found("continue_as_new_workflow_execution"), "it may be delivered yet"
    group.goes_on(protocol.resolution(sending.seq, protocol.cancelled()))


def test_an_update_that_no_receiver_takes_keeps_no_run_and_is_told_by_the_next_one(
    group: Group,
) -> None:
    """Signals came without a bound: at 10,000 the server refuses them, and alarms with them."""
    group.fires()
    [update] = group.sent()
    assert (update.status, update.count) == (AlarmStatus.FIRING, 2)
    is_flooded(group)
    group.hands_over()
    assert group.sent() == [update]
    [sending] = group.found("schedule_activity")
    group.goes_on(protocol.resolution(sending.seq, protocol.completed(None)))
    assert group.run.workflow.status().owed is None
    assert group.run.workflow.status().told_at == group.now
    assert group.sent() == [update]


@pytest.mark.parametrize("is_given_up", [False, True])
def test_an_end_that_no_receiver_takes_is_told_by_the_next_run_and_then_all_is_over(
    group: Group, is_given_up: bool
) -> None:
    for call in (0, 1):
        group.is_told(names.ALARM_IN_GROUP, alarm(call, AlarmStatus.RESOLVED))
    group.fires()
    [end] = group.sent()
    assert end.status is AlarmStatus.RESOLVED
    is_flooded(group)
    group.hands_over()
    # Nobody is in it: the newest alarm is none that began it.
    assert group.run.workflow.status().members == {}
    assert group.sent() == [end]
    [sending] = group.found("schedule_activity")
    failed = protocol.failed("Unavailable", "it answered 503", is_final=True)
    answer = failed if is_given_up else protocol.completed(None)
    group.goes_on(protocol.resolution(sending.seq, answer))
    assert group.found("complete_workflow_execution")


def test_an_update_that_was_accepted_as_it_was_called_off_is_not_told_again(group: Group) -> None:
    group.fires()
    [sending] = group.found("schedule_activity")
    over = alarm(9, AlarmStatus.RESOLVED)
    while not group.found("request_cancel_activity"):
        group.is_told(names.ALARM_IN_GROUP, over)
    group.goes_on(protocol.resolution(sending.seq, protocol.completed(None)))
    group.hands_over()
    assert group.sent() == []
