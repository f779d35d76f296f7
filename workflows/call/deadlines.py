"""When a file may be gone: pure arithmetic, always on the safe side.

The service does not say when its clock starts. So a chunk is taken to be as old as it can be, and
what arrives later (a repeated event, a late one) can only move its end earlier. A chunk may be gone
once its birth lies an export window back.
"""

from datetime import datetime, timedelta
from itertools import takewhile

from callvault.contracts.activity_io import ResourcePolicy
from callvault.contracts.alarms import Severity
from callvault.contracts.events import BEING_RECORDED, FileStatusUpdated, RecordingChunk, known_time

_UNFINISHED = frozenset(
    {
        BEING_RECORDED,
        "chunkmaximumsizeexceeded",
        "chunkmaximumtimeexceeded",
        "chunkuploadfailure",
    }
)


def ends_recording(chunk: RecordingChunk) -> bool:
    """Tell whether no further chunk follows this one, by its ``endReason``.

    The service's list of reasons is open: every reason ends the recording, save those that are
    known to say that another chunk follows or that this one failed.
    """
    return chunk.end_reason.lower() not in _UNFINISHED


def born_at(event: FileStatusUpdated, chunk: RecordingChunk, received_at: datetime) -> datetime:
    """The earliest instant at which the service may have begun to count ``chunk``'s export window.

    The earliest of: the chunk's own end (for the last chunk start + duration; for an earlier one
    only the recording's start is sure), the event's own time, and the time of receipt, which only
    ever guards against a sender's clock that runs ahead.
    """
    births = [told_at(event, received_at)]
    if (started_at := known_time(event.recording_start_time)) is not None:
        births.append(started_at + _recorded_for(event, chunk, at_most=received_at - started_at))
    return min(births)


def told_at(event: FileStatusUpdated, received_at: datetime) -> datetime:
    """The latest instant at which the service began to count the window of what it tells of."""
    return min(known_time(event.event_time) or received_at, received_at)


def _recorded_for(
    event: FileStatusUpdated, chunk: RecordingChunk, *, at_most: timedelta
) -> timedelta:
    """How long after the recording's start this chunk certainly still was being written.

    Bounded before it becomes a `timedelta`, which cannot hold what a wrong event may claim.
    """
    if event.recording_duration_ms is None or not ends_recording(chunk):
        return timedelta()
    millisecond = timedelta(milliseconds=1)
    return min(event.recording_duration_ms, at_most / millisecond) * millisecond


# The ladder: what is not archived becomes more urgent with age.

_DEFAULT_LADDER = tuple(hours / 48 for hours in (1, 6, 12, 20, 36, 44, 47))
"""Parts of the export window: with 48 hours, after 1, 6, 12, 20, 36, 44 and 47 hours."""

_LAST = 0.75
_MIDDLE = 0.25
LOWEST_PRIORITY = 5


def ladder_of(policy: ResourcePolicy) -> tuple[timedelta, ...]:
    """The ages at which an alarm is raised, ascending."""
    if policy.ladder:
        return tuple(sorted(policy.ladder))
    return tuple(part * policy.export_window for part in _DEFAULT_LADDER)


def rungs_passed(policy: ResourcePolicy, age: timedelta) -> int:
    """How many rungs a file of this age has passed."""
    return len(list(takewhile(lambda rung: rung <= age, ladder_of(policy))))


def next_rung(policy: ResourcePolicy, rungs: int) -> timedelta | None:
    """The age at which the rung after the first ``rungs`` is reached; None after the last."""
    ladder = ladder_of(policy)
    return ladder[rungs] if rungs < len(ladder) else None


def severity(policy: ResourcePolicy, age: timedelta) -> Severity:
    """How urgent a file of this age is: its last quarter is critical, its first a warning."""
    part = age / policy.export_window
    if part >= _LAST:
        return Severity.CRITICAL
    return Severity.ERROR if part >= _MIDDLE else Severity.WARNING


def priority(policy: ResourcePolicy, age: timedelta) -> int:
    """Temporal's priority key of an export: 5 for a new file, 1 for one at its last rungs."""
    passed = rungs_passed(policy, age) / len(ladder_of(policy))
    return LOWEST_PRIORITY - round((LOWEST_PRIORITY - 1) * passed)


def fallback_age(policy: ResourcePolicy) -> timedelta | None:
    """The age from which on a recording goes to the fallback archive; None without one."""
    if policy.fallback_archive is None:
        return None
    return policy.fallback_after or policy.export_window / 2
