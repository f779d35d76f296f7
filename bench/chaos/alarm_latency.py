"""Latency of alarms, without the time in which no process could have raised them.

An alarm is due by the workflow's own rule: a step of the escalation schedule after the start of a
file's retention or the end of a recording. Excused is the time

- while Temporal was down, or no worker ran, and some seconds more, in which a process that
  was just started again connects to the others; after a restore, until all workers were restarted;
- while a task of the alarm's own workflow was assigned to a dead worker, until Temporal noticed, as
  the workflow's history shows, or to a worker whose line to Temporal did not carry it, until the
  line was back;
- in which the tasks of its workflow failed because the harness had set Temporal back while workers
  ran, which the runbook forbids, until the operator ended that run, as the runbook says, and the
  next one began: Temporal tells of such a run after some failures, ten seconds apart;
- that Temporal forgot when it was set back, for an alarm that came since, perhaps once more;
- before files that had been archived were to be copied anew, by the operator;
- from a restore of Temporal until the operator had every group of alarms tell anew, for one that
  was counted: the group takes its receiver to know what that was told since the backup to be over;
- by which a timer fires late because Temporal was down before it had taken the task that set it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce

from bench.chaos.history import Run, TimerSet
from bench.chaos.parts import ONLY_SLOW, WORKERS, Outage, Part
from callvault.contracts.activity_io import ResourcePolicy
from callvault.contracts.alarms import Alarm, AlarmKind
from callvault.contracts.status import CallStatus, RecordingStatus
from workflows.call import deadlines

RECOVERY_GRACE = 3.0
"""Seconds that clients need to find a server again, or a server its workers."""

Interval = tuple[float, float]


@dataclass(frozen=True)
class LateAlarm:
    """An alarm and its lateness, with and without excused time, in seconds."""

    alarm: Alarm
    seconds: float
    counted: float


def latency(alarm: Alarm, due: float, received: float, excluded: Iterable[Interval]) -> LateAlarm:
    """Measure an alarm's lateness; moments and intervals are in seconds since the epoch."""
    seconds = max(received - due, 0.0)
    free = sum(end - begin for begin, end in merged(excluded, due, received))
    return LateAlarm(alarm, seconds, max(seconds - free, 0.0))


def due_by(alarm: Alarm, status: CallStatus | None) -> float:
    """Return the time at which an alarm was due by its kind's rule, or else was raised."""
    due = _due(alarm, status, status.policy) if status and status.policy else None
    return (due or alarm.at).timestamp()


def excluded_times(
    outages: list[Outage], runs: list[Run], workers: Sequence[Part] = WORKERS
) -> list[Interval]:
    """List the excused intervals for a call with these workflow runs."""
    temporal = [
        (each.began, _end(each) + RECOVERY_GRACE) for each in outages if each.part is Part.TEMPORAL
    ]
    own = (each for run in runs for each in (*run.stalls, *_stood_still(run.timers, temporal)))
    behind_line = _behind_a_broken_line(outages, runs)
    return [*temporal, *_nobody_works(outages, workers), *own, *behind_line]


def contradictory_times(
    runs: list[Run], ended: Mapping[str, float], restored_at: Iterable[float]
) -> Iterator[Interval]:
    """Yield the time from a restore until another run followed one that had to be ended for it."""
    restores = sorted(restored_at)
    for run in runs:
        if (at := ended.get(run.run_id)) is None:
            continue
        begin = max((each for each in restores if each <= at), default=at)
        follows = min((each.began for each in runs if each.began > run.began), default=at)
        yield begin, max(at, follows) + RECOVERY_GRACE


def forgotten_times(received: float, forgotten: Iterable[Interval]) -> Iterator[Interval]:
    """Yield the times that were forgotten when an alarm was received.

    It may have been raised in them before, or have been on its way to a receiver: of that, no
    history tells. One that came in them is judged as ever.
    """
    return ((since, until) for since, until in forgotten if until <= received)


def times_before_copied_anew(alarm: Alarm, copied: Iterable[Interval]) -> Iterator[Interval]:
    """Yield the time before an alarm that was raised as files were to be copied anew.

    They had been archived: by the age of the recording their copies are late at once.
    """
    raised = alarm.at.timestamp()
    for began, ended in copied:
        if began <= raised <= ended + RECOVERY_GRACE:
            yield 0.0, raised


def times_before_told_anew(alarm: Alarm, told_anew: Iterable[Interval]) -> Iterator[Interval]:
    """Yield the times from a restore until every group told anew, for an alarm that was counted."""
    if alarm.is_grouped:
        for restored, told in told_anew:
            yield restored, told + RECOVERY_GRACE


def merged(intervals: Iterable[Interval], begin: float, end: float) -> list[Interval]:
    """Clip intervals to two moments and merge their overlaps."""
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
        escalations = (policy.event_expected_within, *deadlines.escalation_ages(policy))
        return _last(end, escalations, alarm.at)
    return None


def _file_due(alarm: Alarm, recording: RecordingStatus, policy: ResourcePolicy) -> datetime | None:
    """Return the time at which a file's alarm was due; never before the file was announced."""
    moments = []
    for chunk in recording.chunks:  # two documents may have the same index
        if chunk.chunk.index == alarm.chunk_index:
            if chunk.announced_at > alarm.at:
                # Anew, after a restore that forgot it: the alarm may have been about this one.
                return None
            due = _last(chunk.retention_starts_at, deadlines.escalation_ages(policy), alarm.at)
            if due is not None:
                moments.append(max(due, chunk.announced_at))
    return max(moments, default=None)


def _last(starts_at: datetime, escalations: Iterable[timedelta], at: datetime) -> datetime | None:
    return max((starts_at + step for step in escalations if starts_at + step <= at), default=None)


def _nobody_works(outages: list[Outage], workers: Sequence[Part]) -> list[Interval]:
    down = (
        [
            (each.began, _end(each) + RECOVERY_GRACE)
            for each in outages
            if each.part is worker and each.fault not in ONLY_SLOW
        ]
        for worker in workers
    )
    return reduce(_both, down)


def _both(first: list[Interval], second: list[Interval]) -> list[Interval]:
    return [
        (max(a[0], b[0]), min(a[1], b[1]))
        for a in first
        for b in second
        if max(a[0], b[0]) < min(a[1], b[1])
    ]


def _stood_still(timers: list[TimerSet], temporal: list[Interval]) -> Iterator[Interval]:
    """Yield the delay of each timer that was set while Temporal was down."""
    for timer in timers:
        for begin, end in merged(temporal, timer.requested_at, timer.confirmed_at):
            yield timer.fires_at - (end - begin), timer.fires_at


def _behind_a_broken_line(outages: list[Outage], runs: list[Run]) -> Iterator[Interval]:
    """Yield for how long each task may have lain that was given to a worker with a broken line."""
    for line in (each for each in outages if each.part is Part.LINE_TO_TEMPORAL):
        for task in (each for run in runs for each in run.started):
            is_given = line.began - RECOVERY_GRACE <= task.began <= _end(line)
            if task.worker == Part.WORKER_1 and is_given:
                yield task.began, _end(line) + RECOVERY_GRACE


def _end(outage: Outage) -> float:
    return outage.ended or outage.began
