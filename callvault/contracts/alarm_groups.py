"""Groups of alarms: the common cause by which they are told as one, and the state of such a group.

A kind that needs a person for each call is never summed up: a lost recording, a pause that is not
confirmed. Its `group_key` tells all the same what it has in common with others.
"""

from datetime import datetime, timedelta

from pydantic import ConfigDict

from callvault.causes import Cause
from callvault.contracts.alarms import Alarm, AlarmKind, Severity
from callvault.contracts.base import Message, State

_OF_ARCHIVES = frozenset(
    {
        AlarmKind.EXPORT_LATE,
        AlarmKind.ARCHIVE_UNREACHABLE,
        AlarmKind.NOT_SEALED,
        AlarmKind.FALLBACK_USED,
        AlarmKind.ARCHIVE_CHANGED,
    }
)

_SUMMED = _OF_ARCHIVES | {
    AlarmKind.NO_FILE_EVENT,
    AlarmKind.ABANDONED,
    AlarmKind.WORKER_PROBLEM,
}

_OF_ONE_REQUEST = frozenset({None, Cause.REFUSED, Cause.UNKNOWN_CALL, Cause.NO_EFFECT})
"""Causes of a start that fails for reasons of its own."""

SEVERITIES = tuple(Severity)
"""From the least to the most urgent."""


def group_key(alarm: Alarm) -> str:
    """Name the common cause of an alarm: where it lies, and what it is."""
    cause = alarm.cause or alarm.kind
    if alarm.kind is AlarmKind.WORKER_PROBLEM:
        return f"process/{alarm.problem or 'other'}/{alarm.resource}"
    if alarm.kind in _OF_ARCHIVES and alarm.fault != "service":
        return f"archive/{alarm.archive or 'unknown'}/{cause}"
    return f"resource/{alarm.resource}/{cause}"


def is_summed(alarm: Alarm) -> bool:
    """Tell if one alarm is enough for all calls that have its cause in common."""
    if alarm.kind is AlarmKind.FAILED_TO_START:
        return alarm.cause not in _OF_ONE_REQUEST
    return alarm.kind in _SUMMED


class GroupMember(State):
    """A call in a group, or a process."""

    open: dict[str, int] = {}
    """Episodes of it that are not over, by a short form of their dedup keys: and the number of
    attempts at telling of each that have counted on the group."""
    until: datetime
    """Time at which it counts as over at the latest, unless it is heard of again."""
    expires_at: datetime | None = None
    is_lost: bool = False
    """True if something of it was lost."""


class AlarmGroupState(Message):
    """What a group knows; carried from run to run of its workflow, which changes it in place."""

    model_config = ConfigDict(frozen=False)

    key: str
    dedup_key: str
    """The key of all that a receiver is told of it."""
    interval: timedelta
    """Shortest time from one notification to the next, but for one that is more urgent."""
    newest: Alarm
    """The most urgent of its alarms, the newest of these."""
    untold_since: datetime | None = None
    """Time since which somebody is in it."""
    told_at: datetime | None = None
    """Time at which a receiver was told of it last, or it was looked at in vain."""
    told_severity: Severity | None = None
    told_counts: tuple[int, ...] = ()
    """The counts that it was last told of."""
    notifications: int = 0
    owed: Alarm | None = None
    """What is being told, until a receiver has accepted it: the next run goes on with it."""
    members: dict[str, GroupMember] = {}
    """By workflow id, in the order in which they came."""
    forgotten: int = 0
    """Number of members that are counted, and not known any more."""


class AlarmDelivered(Message):
    """A receiver has got the alarm that began a group."""

    dedup_key: str
    severity: Severity
