"""A Schedule whose workflow a test lets start when it wants."""

import asyncio
from datetime import timedelta

from temporalio.client import ScheduleActionExecutionStartWorkflow, ScheduleHandle

from .patience import WAIT

NEVER_DUE = timedelta(days=36525)
"""The interval of a Schedule that starts nothing by itself, not even while a full hour strikes.

What it starts by itself would be a workflow that the test did not ask for, and while that one
runs, what the test does ask for is left out.
"""


async def trigger(schedule: ScheduleHandle) -> ScheduleActionExecutionStartWorkflow:
    """Let a Schedule start its workflow, once it knows how the last one ended; return which."""
    async with asyncio.timeout(WAIT):
        while (before := (await schedule.describe()).info).running_actions:
            await asyncio.sleep(0.05)
        await schedule.trigger()
        while (now := (await schedule.describe()).info).num_actions == before.num_actions:
            await asyncio.sleep(0.05)
    started = now.recent_actions[-1].action
    assert isinstance(started, ScheduleActionExecutionStartWorkflow)
    return started
