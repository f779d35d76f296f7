"""The time at which a receiver knew of an alarm that was not sent itself, but counted in a group.

A receiver pairs what it is told by `dedup_key`: an alert fires until that very alert is resolved.
The end of an alert before, which may arrive late, ends no other; and what a call tells by itself is
no word of its group.

The call's record of a counted alarm may come much later than its group has it, for an attempt that
hears no answer is repeated. If an alert of the group fires at that moment, which was told to be as
urgent by then, the receiver knew since: a group tells its count now and then only. If none fires,
the receiver believes that nothing is amiss: it knows when it hears of the group next.
"""

import time
from collections.abc import Iterable, Iterator

from bench.chaos.proxy import ReceivedAlarm
from callvault.contracts.alarm_groups import SEVERITIES
from callvault.contracts.alarms import Alarm, AlarmRecord, AlarmStatus
from callvault.contracts.names import alarm_group_id
from callvault.contracts.status import CallStatus


def raised(received: Iterable[ReceivedAlarm]) -> list[ReceivedAlarm]:
    """Return the alarms themselves: neither the counts of groups, nor that something is over."""
    return [each for each in received if _is_firing(each) and not _is_count(each)]


def counted(
    statuses: Iterable[CallStatus | None], received: list[ReceivedAlarm]
) -> Iterator[ReceivedAlarm]:
    """Yield the alarms of calls that were counted, with the time at which a receiver knew."""
    sent = {each.alarm.id for each in received}
    for status in statuses:
        for record in status.alarms if status else ():
            if record.alarm.is_grouped and record.alarm.id not in sent:
                yield ReceivedAlarm(record.alarm, _known_at(record, received))


def account(alarm: Alarm, received: Iterable[ReceivedAlarm]) -> str:
    """List what a receiver was told under the group key of an alarm, in seconds since that."""
    told = (each for each in received if alarm.group_key and _is_about(each, alarm))
    return "; ".join(
        f"{each.at - alarm.at.timestamp():+.1f} s {each.alarm.status} {each.alarm.dedup_key}"
        for each in sorted(told, key=_at)
    )


def _known_at(record: AlarmRecord, received: list[ReceivedAlarm]) -> float:
    taken, alarm = record.sent_at.timestamp() if record.sent_at else time.time(), record.alarm
    told = (each for each in received if _is_about(each, alarm) and each.alarm.is_grouped)
    of_group = sorted(told, key=_at)
    alerts = _firing_alerts(of_group, taken)
    if not alerts:
        later = (each.at for each in of_group if each.at > taken and _is_firing(each))
        return next(later, time.time())
    raised_at = alarm.at.timestamp()
    told_at = (e.at for e in of_group if e.alarm.dedup_key in alerts and _is_as_urgent(e, alarm))
    return min([taken, *(max(at, raised_at) for at in told_at)])


def _firing_alerts(in_order: list[ReceivedAlarm], until: float) -> set[str]:
    """Return the dedup keys of what a receiver believes to be amiss."""
    newest = {each.alarm.dedup_key: _is_firing(each) for each in in_order if each.at <= until}
    return {key for key, is_firing in newest.items() if is_firing}


def _is_as_urgent(each: ReceivedAlarm, alarm: Alarm) -> bool:
    """Tell if a notification is as urgent as an alarm that its group counts."""
    is_urgent = SEVERITIES.index(each.alarm.severity) >= SEVERITIES.index(alarm.severity)
    return _is_firing(each) and is_urgent


def _at(each: ReceivedAlarm) -> float:
    return each.at


def _is_about(each: ReceivedAlarm, alarm: Alarm) -> bool:
    return each.alarm.group_key == alarm.group_key


def _is_firing(each: ReceivedAlarm) -> bool:
    return each.alarm.status is AlarmStatus.FIRING


def _is_count(each: ReceivedAlarm) -> bool:
    return each.alarm.id.startswith(f"{alarm_group_id(each.alarm.group_key)}/")
