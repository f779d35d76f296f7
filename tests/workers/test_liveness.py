"""Does a worker end that takes no workflow task although tasks wait, and no other?"""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from callvault.causes import Cause
from callvault.contracts import names
from callvault.contracts.alarms import Alarm
from callvault.errors import Unavailable
from workers import liveness
from workers.liveness import EXIT_STATUS, Liveness, NotingRunner

GOES_ON = threading.Event()


@workflow.defn
class Stuck:
    """Holds the slot of its task, as whatever it was that the SDK left behind did."""

    @workflow.run
    async def run(self) -> None:
        GOES_ON.wait()


@workflow.defn
class Waiting:
    @workflow.run
    async def run(self) -> None:
        await workflow.sleep(0.1)


@pytest.fixture
async def temporal(temporal_binary: Path) -> AsyncIterator[Client]:
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(temporal_binary)
    ) as environment:
        yield environment.client


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(liveness, "WAITING_LIMIT", timedelta(seconds=1))


class Ends:
    """A process that notes how it would end, and its webhook, which is away."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.told: list[Alarm] = []

    def tell(self, alarm: Alarm) -> None:
        self.told.append(alarm)
        raise Unavailable("the alarm webhook answered 503")


def worker(client: Client, runner: NotingRunner) -> Worker:
    return Worker(
        client,
        task_queue=names.CONTROL_QUEUE,
        workflows=[Stuck, Waiting],
        workflow_runner=runner,
        max_concurrent_workflow_tasks=2,
        max_cached_workflows=2,
    )


async def begin(client: Client, kind: type[Stuck] | type[Waiting], count: int) -> None:
    for number in range(count):
        await client.start_workflow(
            kind.run, id=f"{kind.__name__}-{number}", task_queue=names.CONTROL_QUEUE
        )


@pytest.fixture
async def stuck(temporal: Client) -> AsyncIterator[NotingRunner]:
    """Yield the runner of a worker whose slots are all taken, while tasks wait."""
    runner = NotingRunner()
    async with worker(temporal, runner):
        try:
            await begin(temporal, Stuck, 2)
            await asyncio.sleep(0.5)
            await begin(temporal, Waiting, 3)
            yield runner
        finally:
            GOES_ON.set()


async def test_a_worker_that_takes_no_task_while_tasks_wait_ends_itself(
    temporal: Client, stuck: NotingRunner
) -> None:
    ends = Ends()
    looking = Liveness(temporal, stuck, ends.tell, ends.statuses.append)
    await looking.look()
    assert ends.statuses == [], "nothing has waited for long"
    looks = 0
    async with asyncio.timeout(30):  # the server counts what waits every five seconds
        while not ends.statuses:
            assert looking._sightings < liveness.SIGHTINGS
            await asyncio.sleep(0.5)
            await looking.look()
            looks += 1
    assert looks >= liveness.SIGHTINGS, "it may come back"
    assert ends.statuses == [EXIT_STATUS]
    [alarm] = ends.told
    assert (alarm.kind, alarm.cause) == ("worker_problem", Cause.WORKER)
    assert "it takes none" in alarm.what
    GOES_ON.set()
    for number in range(3):
        await temporal.get_workflow_handle(f"Waiting-{number}").result()
    assert stuck.taken_at > time.monotonic() - 5, "it works again"


async def test_a_worker_with_nothing_to_do_goes_on(temporal: Client) -> None:
    ends, runner = Ends(), NotingRunner()
    looking = Liveness(temporal, runner, ends.tell, ends.statuses.append)
    async with worker(temporal, runner):
        before = runner.taken_at
        await begin(temporal, Waiting, 1)
        await temporal.get_workflow_handle("Waiting-0").result()
        assert runner.taken_at > before
        await asyncio.sleep(1.5)
        for _ in range(3):
            await looking.look()
    assert ends.statuses == []
