"""Do all tasks of a run wait for their conditions behind a single wait of the SDK's?"""

import asyncio
from collections.abc import Callable
from datetime import timedelta

from temporalio.worker._workflow_instance import _WorkflowLogicFlag

from bench.open.instances import BEGUN_AT, open_recording
from bench.simulation import protocol
from workflows.loops.waiting import Waiting


class Waiters:
    """Tasks that wait, and the order in which they went on."""

    def __init__(self) -> None:
        self.waiting = Waiting()
        self.woken: list[str] = []

    def begin(self, name: str, condition: Callable[[], bool]) -> asyncio.Task[None]:
        async def wait() -> None:
            await self.waiting.until(condition)
            self.woken.append(name)

        return asyncio.create_task(wait())

    async def check(self) -> None:
        await asyncio.sleep(0)
        # The SDK calls it after everything that happens, and must never see it come true.
        assert self.waiting._checked() is False
        await asyncio.sleep(0)


async def test_those_whose_condition_holds_go_on_in_the_order_in_which_they_began_to_wait() -> None:
    waiters, holds = Waiters(), set[str]()
    tasks = [waiters.begin(name, lambda name=name: name in holds) for name in ("a", "b", "c")]
    await waiters.check()
    assert waiters.woken == []
    holds |= {"c", "a"}
    await waiters.check()
    assert waiters.woken == ["a", "c"]
    holds |= {"b"}
    await waiters.check()
    await asyncio.gather(*tasks)
    assert waiters.woken == ["a", "c", "b"]


async def test_a_condition_is_checked_no_more_once_it_held_or_its_task_was_cancelled() -> None:
    waiters, asked = Waiters(), list[str]()
    held = waiters.begin("held", lambda: asked.append("held") is None)
    cancelled = waiters.begin("cancelled", lambda: asked.append("cancelled") is not None)
    await waiters.check()
    await held
    cancelled.cancel()
    await waiters.check()
    await waiters.check()
    assert asked == ["held", "cancelled"]


def test_a_recording_waits_once_for_the_sdk_however_many_tasks_it_has() -> None:
    """Twenty waits of the SDK's took a quarter of an open recording's memory."""
    instance = open_recording(0)._instance
    assert len(instance._tasks) > 15
    assert len(instance._conditions) == 1


def test_a_cancelled_call_is_still_kept_where_the_sdk_takes_its_messages_in_one_batch() -> None:
    """A future default of the SDK, which ends each of its own waits that a cancellation meets."""
    single_batch = _WorkflowLogicFlag.PROCESS_WORKFLOW_ACTIVATION_JOBS_AS_SINGLE_BATCH
    run = open_recording(0, flags=[single_batch])
    commands = run.activate(BEGUN_AT + timedelta(seconds=10), [protocol.cancellation()])
    asked = {command.schedule_activity.activity_type for command in commands}
    assert {"stop_recording", "raise_alarm"} <= asked
