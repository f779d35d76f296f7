"""How late alarms came, in time that counts.

An alarm is due when the workflow's own rule says so: a rung of the ladder after a file's birth, so
long after a recording's end. Not counted is time in which nobody could have raised it: while
Temporal was down, while no worker ran, and while a task of this very workflow lay with a worker
that was dead, until Temporal noticed (its history says from when to when). Temporal's timers stand
still while it is down before it has taken the task that sets them: as long after, that time does
not count either. A part that was just started again gets some seconds to find the others.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from bench.chaos.cluster import WORKERS, Outage, Part
from bench.chaos.history import Run, TimerSet
from callvault.contracts.activity_io import ResourcePolicy
from callvault.contracts.alarms import Alarm, AlarmKind
from callvault.contracts.status import CallStatus, RecordingStatus
from workflows.call import deadlines as deadline

RETURNS_WITHIN = 3.0
"""Seconds that clients need to find a server again, or a server its workers."""

Interval = tuple[float, float]


@dataclass(frozen=True)
class Late:
    """An alarm, how late it came, and how much of that counts."""

    alarm: Alarm
    seconds: float
    counted: float


def lateness(alarm: Alarm, due: float, heard: float, excused: Iterable[Interval]) -> Late:
    """``due`` and ``heard`` are in seconds since the epoch, as is what is excused."""
    seconds = max(heard - due, 0.0)
    free = sum(end - begin for begin, end in merged(excused, due, heard))
    return Late(alarm, seconds, max(seconds - free, 0.0))


def due_by(alarm: Alarm, status: CallStatus) -> float:
    """When an alarm was due, as far as that follows from its kind; else when it was raised."""
    due = _due(alarm, status, status.policy) if status.policy else None
    return (due or alarm.at).timestamp()


def excuses(outages: list[Outage], runs: list[Run]) -> list[Interval]:
    """The times that do not count, for a call with these runs of its workflow."""
    temporal = [
        (each.began, _end(each) + RETURNS_WITHIN) for each in outages if each.part is Part.TEMPORAL
    ]
    own = (each for run in runs for each in (*run.stalls, *_stood_still(run.timers, temporal)))
    return [*temporal, *_nobody_works(outages), *own]


def merged(intervals: Iterable[Interval], begin: float, end: float) -> list[Interval]:
    """The parts of intervals that lie between two moments, without overlaps."""
    found: list[Interval] = []
    for first, last in sorted(intervals):
        first, last = max(first, begin), min(last, end)
        if found and first <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], last)
        elif first < last:
            found.append((first, last))
    return found


def _due(alarm: Alarm, status: CallStatus, policy: ResourcePolicy) -> datetime | None:
    recording = next(
        (each for each in status.recordings if each.recording_id == alarm.recording_id), None
    )
    if recording is None:
        return None
    if alarm.kind is AlarmKind.EXPORT_LATE:
        return _file_due(alarm, recording, policy)
    if alarm.kind is AlarmKind.NO_FILE_EVENT and recording.stopped_at:
        end = recording.stopped_at
        rungs = (policy.event_expected_within, *deadline.escalation_ages(policy))
        return _last(end, rungs, alarm.at)
    return None


def _file_due(alarm: Alarm, recording: RecordingStatus, policy: ResourcePolicy) -> datetime | None:
    """A file that was announced late was due when it was announced."""
    moments = []
    for chunk in recording.chunks:
        if chunk.chunk.index == alarm.chunk_index:
            due = _last(chunk.born_at, deadline.escalation_ages(policy), alarm.at)
            if due is not None and chunk.announced_at <= alarm.at:
                moments.append(max(due, chunk.announced_at))
    return max(moments, default=None)  # two documents may have the same index


def _last(born: datetime, rungs: Iterable[timedelta], at: datetime) -> datetime | None:
    return max((born + rung for rung in rungs if born + rung <= at), default=None)


def _nobody_works(outages: list[Outage]) -> list[Interval]:
    first, second = (
        [(each.began, _end(each) + RETURNS_WITHIN) for each in outages if each.part is worker]
        for worker in WORKERS
    )
    return [
        (max(a[0], b[0]), min(a[1], b[1]))
        for a in first
        for b in second
        if max(a[0], b[0]) < min(a[1], b[1])
    ]


def _stood_still(timers: list[TimerSet], temporal: list[Interval]) -> Iterator[Interval]:
    """The time by which each timer rings late, as Temporal was down when it was set."""
    for timer in timers:
        for begin, end in merged(temporal, timer.asked, timer.taken):
            yield timer.rings - (end - begin), timer.rings


def _end(outage: Outage) -> float:
    return outage.ended or outage.began
