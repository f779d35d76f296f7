"""The arithmetic of a file's last moment and of its urgency, always on the safe side.

The service does not say when its clock starts. So a chunk is taken to be as old as it can be, and
what arrives later (a repeated event, a late one) can only move its end earlier. A chunk may be gone
once its birth lies an export window back.
"""

from datetime import datetime, timedelta
from itertools import takewhile

from callvault.contracts.activity_io import ResourcePolicy
from callvault.contracts.alarms import Severity
from callvault.contracts.events import (
    FileStatusUpdated,
    RecordingChunk,
    ends_recording,
    known_time,
)

HEARTBEAT_TIMEOUT = timedelta(seconds=60)
"""An activity that gives no sign of life for this long is given to another worker."""

LAST_CHANCE_TIMEOUT = timedelta(minutes=10)
"""Shortest time an export is tried after its chunk may be gone: the file may still be there."""

LOOK_TIMEOUT = timedelta(minutes=10)
"""Time for an archive to be looked into at the end of a window, before an alarm is raised."""

MIN_LAST_CHANCE_TIMEOUT = 3 * HEARTBEAT_TIMEOUT
"""Lower bound of a last chance, which else is no longer than a short export window: a worker may
die during it."""


def retention_starts_at(
    event: FileStatusUpdated, chunk: RecordingChunk, received_at: datetime
) -> datetime:
    """Return the earliest instant from which the service may count ``chunk``'s export window.

    The earliest of: the chunk's own end (for the last chunk start + duration; for an earlier one
    only the recording's start is sure), the event's own time, and the time of receipt, which only
    ever guards against a sender's clock that runs ahead.
    """
    starts = [notified_at(event, received_at)]
    if (started_at := known_time(event.recording_start_time)) is not None:
        starts.append(started_at + _recorded_for(event, chunk, at_most=received_at - started_at))
    return min(starts)


def notified_at(event: FileStatusUpdated, received_at: datetime) -> datetime:
    """Return the latest instant from which the service counts the window of an event's files."""
    return min(known_time(event.event_time) or received_at, received_at)


def _recorded_for(
    event: FileStatusUpdated, chunk: RecordingChunk, *, at_most: timedelta
) -> timedelta:
    """Return for how long after the recording's start this chunk certainly was being written."""
    if event.recording_duration_ms is None or not ends_recording(chunk.end_reason):
        return timedelta()
    millisecond = timedelta(milliseconds=1)
    # Bounded as a number: a wrong event may claim more than a `timedelta` can hold.
    return min(event.recording_duration_ms, at_most / millisecond) * millisecond


def last_chance_timeout(window: timedelta) -> timedelta:
    """Return the shortest time that an export is tried once its chunk may be gone."""
    return min(LAST_CHANCE_TIMEOUT, max(window, MIN_LAST_CHANCE_TIMEOUT))


# Escalation: what is not archived becomes more urgent with age, step by step.

_DEFAULT_ESCALATION = tuple(hours / 48 for hours in (1, 6, 12, 20, 36, 44, 47))
"""Parts of the export window: with 48 hours, after 1, 6, 12, 20, 36, 44 and 47 hours."""

_CRITICAL_FROM = 0.75
_ERROR_FROM = 0.25

LOWEST_PRIORITY = 5
PRIORITY_STEPS = tuple(timedelta(hours=hours) for hours in (36, 12, 4, 1))
"""Times left for a file at which its export gets a higher priority, a key each: finer towards the
end, for what is far away needs no order. With a window of 48 hours these are steps of the
escalation, so that no further timer is needed."""


def escalation_ages(policy: ResourcePolicy) -> tuple[timedelta, ...]:
    """Return the ages at which an alarm is raised, ascending."""
    if policy.escalation_schedule:
        return tuple(sorted(policy.escalation_schedule))
    return tuple(part * policy.export_window for part in _DEFAULT_ESCALATION)


def steps_passed(policy: ResourcePolicy, age: timedelta) -> int:
    """Count the steps of the escalation that a file of this age has passed."""
    return len(list(takewhile(lambda step: step <= age, escalation_ages(policy))))


def next_step(policy: ResourcePolicy, passed: int) -> timedelta | None:
    """Return the age at which the step after the first ``passed`` is due; None after the last."""
    ages = escalation_ages(policy)
    return ages[passed] if passed < len(ages) else None


def severity(policy: ResourcePolicy, age: timedelta) -> Severity:
    """Rate a file of this age: critical in its window's last quarter, a warning in the first."""
    part = age / policy.export_window
    if part >= _CRITICAL_FROM:
        return Severity.CRITICAL
    return Severity.ERROR if part >= _ERROR_FROM else Severity.WARNING


def priority(left: timedelta) -> int:
    """Return Temporal's priority key of an export by the time left for it: 5, or 1 at the end.

    So the earliest deadline goes first, whatever window it belongs to, and of those with the same
    key what was announced first.
    """
    return LOWEST_PRIORITY - sum(left <= step for step in PRIORITY_STEPS)


def next_priority_at(deadline: datetime, now: datetime) -> datetime:
    """Return when an export gets a higher priority, or its file may be gone."""
    steps = (deadline - step for step in PRIORITY_STEPS)
    return min((at for at in steps if at > now), default=deadline)


def fallback_age(policy: ResourcePolicy) -> timedelta | None:
    """Return the age from which on a recording goes to the fallback archive; None without one."""
    if policy.fallback_archive is None:
        return None
    return policy.fallback_after or policy.export_window / 2


def in_words(span: timedelta) -> str:
    """Say how long something is, in hours and minutes."""
    minutes = int(span.total_seconds() // 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
