"""Is the server's time known inside an activity, and is an old task recognized? (fault H1)"""

import dataclasses
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import hypothesis.strategies as st
import pytest
from hypothesis import given
from temporalio.testing import ActivityEnvironment

from activities import clock
from activities.clock import MAX_DRIFT, MAX_MEASURING, MEMORY, ServerTime
from callvault.errors import TaskTooOld

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
LIMIT = timedelta(seconds=4)


class Machine:
    """A worker's machine: its own clock, and the tasks that reach it."""

    def __init__(self) -> None:
        self.seconds = 1_000.0
        self.server_time = ServerTime(lambda: self.seconds)

    def true_time(self, ahead: float, drift: float) -> Callable[[], datetime]:
        """Return the server's clock: it is ahead, and goes at another pace."""
        origin = self.seconds
        return lambda: after(ahead + (self.seconds - origin) * (1 + drift))

    def gets(self, begun_at: datetime, *, attempt: int = 1, activity_id: str = "1") -> None:
        """Get a task that the server began at a time, and carry it out unless it is too old."""

        def work() -> None:
            self.server_time.begin()
            self.server_time.refuse_old_task(LIMIT)

        environment = ActivityEnvironment()
        environment.info = dataclasses.replace(
            environment.info, started_time=begun_at, attempt=attempt, activity_id=activity_id
        )
        environment.run(work)


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def test_h1_a_task_that_waited_in_a_sleeping_machine_is_refused() -> None:
    machine = Machine()
    machine.gets(NOON)
    machine.seconds += 20
    with pytest.raises(TaskTooOld, match="stood still"):
        machine.gets(after(1))
    # A new one is carried out at once.
    machine.gets(after(20), activity_id="2")


@pytest.mark.parametrize(("seconds", "is_refused"), [(4.0, False), (4.1, True)])
def test_the_limit_itself_is_young_enough(seconds: float, is_refused: bool) -> None:
    machine = Machine()
    machine.gets(NOON)
    machine.seconds += seconds
    if is_refused:
        with pytest.raises(TaskTooOld):
            machine.gets(NOON, activity_id="2")
    else:
        machine.gets(NOON, activity_id="2")


def test_the_fastest_task_tells_the_server_s_time() -> None:
    machine = Machine()
    machine.gets(after(-3))  # three seconds on its way
    machine.gets(after(-0.01))
    machine.gets(after(-2))
    assert machine.server_time.now() == after(-0.01)
    machine.seconds += 7
    assert machine.server_time.now() == after(6.99 - 7 * MAX_DRIFT)


def test_a_server_whose_clock_was_set_back_is_believed_at_the_next_attempt() -> None:
    machine = Machine()
    machine.gets(NOON)
    with pytest.raises(TaskTooOld):
        machine.gets(after(-600), activity_id="7", attempt=1)
    machine.gets(after(-599), activity_id="7", attempt=2)
    assert machine.server_time.now() == after(-599)
    assert machine.server_time.latest() is None, "it is measured anew"


def test_six_old_tasks_of_several_activities_are_no_proof_of_a_clock_set_back() -> None:
    machine = Machine()
    machine.gets(NOON)
    machine.seconds += 30
    for number in range(6):
        with pytest.raises(TaskTooOld):
            machine.gets(NOON, activity_id=f"{number}", attempt=1)


def test_what_the_server_told_long_ago_is_forgotten() -> None:
    machine = Machine()
    machine.gets(after(60))
    machine.seconds += MEMORY.total_seconds() + 61
    # This machine's clock is fast, by 10 s since then: what came later counts.
    machine.gets(after(60 + MEMORY.total_seconds() + 51), activity_id="2")
    assert machine.server_time.now() == after(60 + MEMORY.total_seconds() + 51)


@given(
    st.floats(-1e6, 1e6),
    st.floats(-MAX_DRIFT, MAX_DRIFT),
    st.lists(
        st.tuples(
            st.sampled_from(["task", "measure", "wait"]),
            st.floats(0, 0.5),
            st.floats(0, 0.4),
            st.floats(0, 60),
        ),
        min_size=1,
        max_size=20,
    ),
)
def test_the_server_s_time_lies_within_its_bounds_however_slow_all_ways_are(
    ahead: float, drift: float, steps: list[tuple[str, float, float, float]]
) -> None:
    """A claim that begins at the upper one and ends at the lower one is never too long."""
    machine = Machine()
    true = machine.true_time(ahead, drift)
    for kind, there, back, wait in steps:
        sent = machine.seconds
        machine.seconds += there
        told = true()
        machine.seconds += back
        if kind == "measure":
            machine.server_time.measured(sent, told, machine.seconds)
        else:
            machine.gets(told, activity_id=f"{sent}")
        machine.seconds += wait
        latest = machine.server_time.latest()
        rounding = timedelta(microseconds=2)
        assert machine.server_time.now() <= true() + rounding
        assert latest is None or latest >= true() - rounding


def test_a_young_worker_that_knows_slow_tasks_only_bounds_the_time_by_what_it_measured() -> None:
    machine = Machine()
    machine.gets(after(-0.23))
    assert machine.server_time.latest() is None, "nothing tells how long the task was on its way"
    machine.server_time.measured(machine.seconds - 0.02, after(-0.01), machine.seconds)
    latest = machine.server_time.latest()
    assert latest is not None
    assert after(0) <= latest <= after(0.011)


def test_h1_a_task_that_waited_is_refused_by_a_worker_that_never_saw_a_faster_one() -> None:
    machine = Machine()
    machine.server_time.measured(machine.seconds - 0.01, NOON, machine.seconds)
    machine.seconds += 20
    with pytest.raises(TaskTooOld):
        machine.gets(after(15))


def test_what_took_too_long_to_measure_bounds_nothing() -> None:
    machine = Machine()
    machine.server_time.measured(machine.seconds - MAX_MEASURING - 0.1, NOON, machine.seconds)
    assert machine.server_time.latest() is None
    assert machine.server_time.now() == NOON


def test_what_was_measured_long_ago_bounds_nothing() -> None:
    machine = Machine()
    machine.server_time.measured(machine.seconds, NOON, machine.seconds)
    machine.seconds += MEMORY.total_seconds() + 1
    assert machine.server_time.latest() is None


@pytest.mark.parametrize("moved", [-600, 600])
def test_a_server_whose_clock_was_set_is_believed_once_it_is_measured(moved: float) -> None:
    machine = Machine()
    machine.server_time.measured(machine.seconds, NOON, machine.seconds)
    machine.server_time.measured(machine.seconds, after(moved), machine.seconds)
    assert machine.server_time.now() == machine.server_time.latest() == after(moved)


def test_a_task_that_the_upper_bound_denies_shows_that_the_server_s_clock_was_set() -> None:
    machine = Machine()
    machine.server_time.measured(machine.seconds, NOON, machine.seconds)
    machine.gets(after(600))
    assert machine.server_time.latest() is None


def test_elapsed_time_goes_on_while_the_machine_sleeps_where_there_is_such_a_clock() -> None:
    if not hasattr(time, "CLOCK_BOOTTIME"):
        pytest.skip("this platform has no CLOCK_BOOTTIME")
    assert abs(clock.elapsed() - time.clock_gettime(time.CLOCK_BOOTTIME)) < 1
