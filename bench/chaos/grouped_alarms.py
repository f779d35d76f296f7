"""The time at which a receiver knew of an alarm that was not sent itself, but counted in a group.

That is when its group has taken it, if the receiver knows of the group at that moment, and not yet
that all is over; else when it hears of the group next. The count itself may come later.
"""

import time
from collections.abc import Iterable, Iterator

from bench.chaos.proxy import ReceivedAlarm
from callvault.contracts.alarms import AlarmRecord, AlarmStatus
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


def _known_at(record: AlarmRecord, received: list[ReceivedAlarm]) -> float:
    taken = record.sent_at.timestamp() if record.sent_at else time.time()
    key = record.alarm.group_key
    about = sorted((each.at, _is_firing(each)) for each in received if each.alarm.group_key == key)
    before = [is_firing for at, is_firing in about if at <= taken]
    if before and before[-1]:
        return taken
    # It was never told, or only that all is over: the next time, or never.
    later = (at for at, is_firing in about if at > taken and is_firing)
    return next(later, time.time())


def _is_firing(each: ReceivedAlarm) -> bool:
    return each.alarm.status is AlarmStatus.FIRING


def _is_count(each: ReceivedAlarm) -> bool:
    return each.alarm.id.startswith(f"{alarm_group_id(each.alarm.group_key)}/")
