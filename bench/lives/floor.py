"""The floor of a life: an empty workflow with the same updates, signals, activities and timers.

`python -m bench.lives.floor control|exports` runs a worker for it, as a worker of Callvault has it:
with threads for activities, and without the SDK's sandbox. Its activities do nothing.
"""

import asyncio
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from callvault.contracts import names

CONTROL_QUEUE = "floor-control"
EXPORT_QUEUE = "floor-exports"
WORKFLOW = "FloorWorkflow"
TOLD = "told"
MAX_AT_ONCE = 50
_TIMEOUT = timedelta(minutes=1)


@dataclass
class Plan:
    """The number of things that happen in a life, as they were counted in one of Callvault's."""

    signals: int
    timers: int
    upserts: int


@workflow.defn(name=WORKFLOW)
class FloorWorkflow:
    """Answers updates by activities, and ends with two more once it was stopped and told."""

    @workflow.init
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._told = 0
        self._is_stopped = False
        self._later: list[asyncio.Task[Any]] = []

    @workflow.run
    async def run(self, plan: Plan) -> str:
        """Live one life."""
        for number in range(plan.timers):
            timer = workflow.sleep(timedelta(minutes=10, seconds=number))
            self._later.append(asyncio.create_task(timer))
        for number in range(plan.upserts):
            workflow.upsert_search_attributes([names.STATE.value_set(f"floor-{number}")])
        await workflow.wait_condition(lambda: self._is_stopped and self._told >= self._plan.signals)
        await _do("export", EXPORT_QUEUE)
        await _do("seal", EXPORT_QUEUE)
        return "over"

    @workflow.signal(name=TOLD)
    def told(self, what: str) -> None:
        """Count a callback or an event."""
        self._told += 1

    @workflow.update
    async def start(self, who: str) -> str:
        """Begin, start, and have it confirmed."""
        for step in ("begin", "start", "confirm"):
            await _do(step)
        return who

    @workflow.update
    async def pause(self, who: str) -> str:
        """Pause, and have the silence read from now on."""
        await _do("pause")
        reading = workflow.start_activity(
            "read_silence",
            "x",
            task_queue=CONTROL_QUEUE,
            start_to_close_timeout=_TIMEOUT,
            retry_policy=RetryPolicy(initial_interval=timedelta(seconds=1)),
        )
        self._later.append(reading)
        return who

    @workflow.update
    async def resume(self, who: str) -> str:
        """Resume."""
        await _do("resume")
        return who

    @workflow.update
    async def stop(self, who: str) -> str:
        """Stop."""
        await _do("stop")
        self._is_stopped = True
        return who


async def _do(step: str, queue: str = CONTROL_QUEUE) -> None:
    await workflow.execute_activity(
        "nothing", step, task_queue=queue, start_to_close_timeout=_TIMEOUT, summary=step
    )


@activity.defn
def nothing(step: str) -> str:
    """Do nothing."""
    return step


@activity.defn
def read_silence(recording: str) -> str:
    """Fail until the workflow has ended, as a reading that brings nothing new does."""
    raise ApplicationError("silent", category=ApplicationErrorCategory.BENIGN)


async def work(role: str) -> None:
    """Work until killed."""
    client = await Client.connect(
        os.environ["TEMPORAL_ADDRESS"], namespace=os.environ["TEMPORAL_NAMESPACE"]
    )
    is_control = role == "control"
    worker = Worker(
        client,
        task_queue=CONTROL_QUEUE if is_control else EXPORT_QUEUE,
        workflows=[FloorWorkflow] if is_control else [],
        activities=[nothing, read_silence] if is_control else [nothing],
        activity_executor=ThreadPoolExecutor(MAX_AT_ONCE),
        max_concurrent_activities=MAX_AT_ONCE,
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    print('{"ready": true}', flush=True)
    await worker.run()


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1]))
