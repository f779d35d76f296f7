"""Is a group right about its calls where an attempt at an alarm is repeated, or goes unheard?"""

import pytest

from activities.alarm_sender import AlarmSender
from callvault.contracts.alarm_groups import AlarmDelivered
from callvault.contracts.alarms import Alarm, AlarmStatus
from callvault.errors import Unavailable
from callvault.temporal.alarm_groups import Place
from tests.unit.test_alarm_groups import LINKS, FakeGroups, Receiver, alarm, group, over, told
from workflows.group_members import AlarmGroup

from .call import NOON


class CountingGroups(FakeGroups):
    """One group as its workflow counts it; what it tells by itself is up to a test."""

    def __init__(self, counts: AlarmGroup) -> None:
        super().__init__(None)
        self.counts = counts

    def join(self, alarm: Alarm) -> Place:
        self.counts.fold(alarm, NOON)
        return self.place or Place(self.counts.state.dedup_key, self.counts.is_told)

    def delivered(self, alarm: Alarm, dedup_key: str) -> None:
        self.counts.delivered(AlarmDelivered(dedup_key=dedup_key, severity=alarm.severity), NOON)

    def leave(self, alarm: Alarm) -> None:
        self.counts.fold(alarm, NOON)

    def withdraw(self, alarm: Alarm) -> None:
        self.counts.withdrawn(alarm)


def resolved(kept: Alarm) -> Alarm:
    return kept.model_copy(update={"status": AlarmStatus.RESOLVED})


def test_one_that_was_counted_as_all_was_told_to_be_over_is_told_even_if_it_is_over_soon() -> None:
    """Its sender reads that a receiver knows of the group, which is just telling the end."""
    groups = CountingGroups(told())
    sender = AlarmSender(Receiver(), LINKS, groups)
    groups.place = Place("group/1", is_counted=True)
    groups.leave(over())
    assert groups.counts.update(NOON)
    groups.counts.begin_anew(NOON)
    sender.send(resolved(sender.send(alarm(2))))
    assert not groups.counts.is_idle, "it is in no notification"


def test_a_group_that_does_not_hear_of_its_first_alarm_tells_its_end() -> None:
    groups = CountingGroups(group())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(groups, "delivered", lambda *_: None)
        kept = AlarmSender(Receiver(), LINKS, groups).send(alarm())
    AlarmSender(Receiver(), LINKS, groups).send(resolved(kept))
    assert not groups.counts.is_idle, "its alert fires for ever"


def test_an_attempt_that_fails_late_takes_nothing_out_of_a_group_that_was_told() -> None:
    """A host stands still while it sends, another one sends, and then the first goes on."""
    late, groups, receiver = alarm(), CountingGroups(group()), Receiver()

    class StandsStill(Receiver):
        def send(self, alarm: Alarm) -> int:
            AlarmSender(receiver, LINKS, groups).send(late)
            raise Unavailable("no answer", owner="caller")

    with pytest.raises(Unavailable):
        AlarmSender(StandsStill(), LINKS, groups).send(late)
    assert groups.counts.is_told
    assert groups.counts.open_calls(NOON), "its receiver is told that it is over"
