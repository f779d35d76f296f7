"""Does `make chaos` measure lateness and recovery fairly, and notice what is too late?"""

from dataclasses import replace
from datetime import timedelta

import pytest

from bench.chaos.alarm_latency import (
    RECOVERY_GRACE,
    contradictory_times,
    due_by,
    excluded_times,
    forgotten_times,
    latency,
    merged,
    times_before_copied_anew,
    times_before_told_anew,
)
from bench.chaos.history import Run, Started, TimerSet
from bench.chaos.parts import HOSTS, WORKERS, Fault, Outage, Part
from bench.chaos.recovery import EXPORT, Interrupted, counted_seconds, recoveries
from callvault.contracts.alarms import AlarmKind
from tests.decisions.facts import a_call, a_chunk, a_recording, at
from tests.policies import a_policy

from .case import Trial

ALARM = Trial().alarm(AlarmKind.EXPORT_LATE)
KILLED = 100.0


def outage(part: Part, began: float, ended: float) -> Outage:
    return Outage(part, Fault.KILL, began, ended)


def run_with(*started: Started, stalls: list[tuple[float, float]] | None = None) -> Run:
    return Run("workflow", "run", "COMPLETED", started=[*started], stalls=stalls or [])


def test_an_alarm_is_late_by_the_time_from_its_due_until_it_was_heard() -> None:
    late_alarms = latency(ALARM, due=10, received=17, excluded=[])
    assert (late_alarms.seconds, late_alarms.counted) == (7, 7)


def test_time_without_temporal_does_not_count() -> None:
    excluded = excluded_times([outage(Part.TEMPORAL, 11, 13)], [])
    assert latency(ALARM, 10, 20, excluded).counted == 10 - 2 - RECOVERY_GRACE


def test_time_with_one_worker_counts_and_without_any_does_not() -> None:
    first, second = outage(Part.WORKER_1, 10, 14), outage(Part.WORKER_2, 12, 20)
    assert latency(ALARM, 10, 30, excluded_times([first], [])).counted == 20
    both = excluded_times([first, second], [])
    assert latency(ALARM, 10, 30, both).counted == 20 - (14 + RECOVERY_GRACE - 12)


def test_time_without_a_host_that_works_does_not_count() -> None:
    first, second = outage(Part.HOST_1, 10, 20), outage(Part.HOST_2, 12, 20)
    third = outage(Part.HOST_3, 14, 20)
    slow = Outage(Part.HOST_3, Fault.SLOW_LINE, 14, 20)
    for hosts, excused in (
        ([first, second], 0),
        ([first, second, slow], 0),
        ([first, second, third], 20 + RECOVERY_GRACE - 14),
    ):
        assert latency(ALARM, 10, 30, excluded_times(hosts, [], HOSTS)).counted == 20 - excused


def test_a_task_that_lay_with_a_dead_worker_excuses_its_own_workflow_alone() -> None:
    stalled = run_with(stalls=[(10, 18)])
    assert latency(ALARM, 10, 20, excluded_times([], [stalled])).counted == 2
    assert latency(ALARM, 10, 20, excluded_times([], [run_with()])).counted == 10


def test_a_task_that_lay_on_a_broken_line_does_not_count_and_that_of_another_worker_does() -> None:
    line = Outage(Part.LINE_TO_TEMPORAL, Fault.HOLD, 10, 15)

    def counted(worker: str, began: float) -> float:
        task = Started("raise_alarm", "1", "", 1, began, began, worker)
        return latency(ALARM, 10, 25, excluded_times([line], [run_with(task)])).counted

    assert counted("worker-1", 12) == 15 - (15 - 12 + RECOVERY_GRACE)
    assert counted("worker-2", 12) == 15
    assert counted("worker-1", 16) == 15, "the line was back"
    assert counted("worker-1", 10 - RECOVERY_GRACE - 1) == 15


def test_a_timer_stands_still_while_temporal_is_down_before_it_has_taken_it() -> None:
    """Down for 7 seconds (and 3 in which clients return) between asking for it and its taking."""
    late_alarms = Run(
        "workflow",
        "run",
        "COMPLETED",
        timers=[TimerSet(requested_at=2, confirmed_at=13, fires_at=21)],
    )
    down = outage(Part.TEMPORAL, 3, 10)
    assert latency(ALARM, 10, 23, excluded_times([], [late_alarms])).counted == 13
    assert latency(ALARM, 20, 23, excluded_times([down], [])).counted == 3
    assert latency(ALARM, 20, 23, excluded_times([down], [late_alarms])).counted == 2
    assert latency(ALARM, 30, 33, excluded_times([down], [late_alarms])).counted == 3


@pytest.mark.parametrize(
    ("intervals", "expected"),
    [
        ([(0, 5), (3, 8)], [(0, 8)]),
        ([(2, 3), (0, 1)], [(0, 1), (2, 3)]),
        ([(-5, 2), (9, 20)], [(0, 2), (9, 10)]),
        ([(11, 12)], []),
    ],
)
def test_overlapping_times_are_not_excused_twice(
    intervals: list[tuple[float, float]], expected: list[tuple[float, float]]
) -> None:
    assert merged(intervals, 0, 10) == expected


def started(activity_id: str, began: float, document: str = "d", attempt: int = 2) -> Started:
    return Started(EXPORT, activity_id, document, attempt, 0, began)


def recovered(*found: Started) -> list[float | None]:
    interrupted = Interrupted("workflow", "run", "7", 1, KILLED)
    return [each.seconds for each in recoveries([interrupted], [run_with(*found)])]


def test_recovery_lasts_until_the_next_attempt_at_the_same_file() -> None:
    assert recovered(started("7", KILLED + 61)) == [61]


def test_an_attempt_at_another_file_is_no_recovery() -> None:
    assert recovered(started("7", KILLED + 61), started("9", KILLED + 3, "other")) == [61]


def test_an_export_that_ended_before_its_worker_needs_no_recovery() -> None:
    assert recovered(started("7", KILLED - 1)) == []


def test_a_next_attempt_that_failed_too_is_in_no_history_and_leaves_its_time_unknown() -> None:
    assert recovered(started("7", KILLED + 69, attempt=3)) == []


def test_nor_does_another_activity_tell_of_its_attempts_before() -> None:
    """The export became more urgent, was denied, and is tried again two minutes later."""
    assert recovered(started("9", KILLED + 215, "", attempt=2)) == []
    assert recovered(started("9", KILLED + 61, "", attempt=1)) == [61]
    anew = replace(started("7", KILLED + 215), scheduled=KILLED + 95)
    assert recovered(anew) == [], "it has the same id"


def test_what_nobody_ever_takes_up_is_endlessly_late() -> None:
    interrupted = Interrupted("workflow", "run", "7", 1, KILLED)
    open_run = Run("workflow", "run", "RUNNING")
    (found,) = recoveries([interrupted], [open_run])
    assert counted_seconds(found, [], open_run, WORKERS) == float("inf")


def test_the_time_that_temporal_forgot_was_waited_in_vain() -> None:
    run = run_with(started("7", KILLED + 84))
    (found,) = recoveries([Interrupted("workflow", "run", "7", 1, KILLED)], [run])
    assert counted_seconds(found, [], run, WORKERS) == 84
    assert counted_seconds(found, [], run, WORKERS, [(KILLED + 40, KILLED + 65)]) == 59


def test_an_alarm_that_came_since_is_excused_the_time_that_was_forgotten() -> None:
    received = ALARM.at.timestamp()
    before, after = (received - 30, received - 10), (received - 5, received + 10)
    assert list(forgotten_times(received, [before, after])) == [before]


def test_what_is_to_be_copied_anew_is_late_from_then_on() -> None:
    """A file that was archived in time, and lost by a restore, is past its steps already."""
    raised = ALARM.at.timestamp()
    by_it, before, after = (
        (raised - 1, raised + 1),
        (raised - 30, raised - 20),
        (raised + 1, raised),
    )
    assert list(times_before_copied_anew(ALARM, [before, by_it, after])) == [(0.0, raised)]


def test_what_is_counted_is_known_once_its_group_has_told_anew() -> None:
    counted = ALARM.model_copy(update={"is_grouped": True})
    assert list(times_before_told_anew(counted, [(10, 14)])) == [(10, 14 + RECOVERY_GRACE)]
    assert list(times_before_told_anew(ALARM, [(10, 14)])) == []


@pytest.mark.parametrize(
    ("announced", "due"),
    [((20,), 100), ((150,), 150), ((20, 150), 150), ((190,), 180), ((20, 190), 180)],
)
def test_a_files_alarm_is_due_by_what_was_announced_when_it_was_raised(
    announced: tuple[float, ...], due: float
) -> None:
    """Two documents may have one index, and a restore may have forgotten when one was announced."""
    policy = a_policy(escalation_schedule=(timedelta(seconds=90), timedelta(seconds=300)))
    chunks = [a_chunk(announced_at=at(when)) for when in announced]
    status = a_call(a_recording(recording_id="recording-1", chunks=chunks), policy=policy)
    raised = {"at": at(180), "recording_id": "recording-1", "chunk_index": 0}
    assert due_by(ALARM.model_copy(update=raised), status) == at(due).timestamp()


def test_a_run_that_a_restore_broke_is_excused_until_the_next_one_has_begun() -> None:
    broken, sound = Run("w", "broken", "TERMINATED"), Run("w", "sound", "COMPLETED")
    broken.began, sound.began = 5, 41
    [excused] = contradictory_times([broken, sound], {"broken": 40}, [10, 20, 60])
    assert excused == (20, 41 + RECOVERY_GRACE)
    assert [*contradictory_times([broken, sound], {}, [10])] == []
