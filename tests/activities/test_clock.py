"""Is the server's time known inside an activity, and is an old task recognized? (fault H1)"""

import dataclasses
import time
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.testing import ActivityEnvironment

from activities import clock
from activities.clock import MEMORY, ServerTime
from callvault.errors import TaskTooOld

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
LIMIT = timedelta(seconds=4)


class Machine:
    """A worker's machine: its own clock, and the tasks that reach it."""

    def __init__(self) -> None:
        self.seconds = 1_000.0
        self.server_time = ServerTime(lambda: self.seconds)

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
    assert machine.server_time.now() == after(6.99)


def test_a_server_whose_clock_was_set_back_is_believed_at_the_next_attempt() -> None:
    machine = Machine()
    machine.gets(NOON)
    with pytest.raises(TaskTooOld):
        machine.gets(after(-600), activity_id="7", attempt=1)
    machine.gets(after(-599), activity_id="7", attempt=2)
    assert machine.server_time.now() == after(-599)


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


def test_elapsed_time_goes_on_while_the_machine_sleeps_where_there_is_such_a_clock() -> None:
    if not hasattr(time, "CLOCK_BOOTTIME"):
        pytest.skip("this platform has no CLOCK_BOOTTIME")
    assert abs(clock.elapsed() - time.clock_gettime(time.CLOCK_BOOTTIME)) < 1
