"""Does a query of a run that no worker holds leave a history that can be replayed?"""

import asyncio
import random
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from temporalio import activity, workflow
from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.client import Client, WorkflowHandle
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner, Worker, WorkflowRunner

from callvault.temporal.repeated_queries import OF_ENDED, RepeatsQueries
from tests.patience import WAIT
from workers import early_events
from workers.early_events import Guard, GuardedRunner

RUNS = 40
ROUNDS = 5
"""The query must meet the moment in which an activity has ended and its task has not begun."""


@workflow.defn
class Controlled:
    """A call, in short: an activity ends, which changes what is shown, and a pause comes."""

    def __init__(self) -> None:
        self.confirmed = False

    @workflow.run
    async def run(self) -> None:
        await workflow.execute_activity(
            "confirm",
            task_queue=f"{workflow.info().task_queue}-activities",
            start_to_close_timeout=timedelta(minutes=1),
        )
        self.confirmed = True
        workflow.upsert_memo({"state": "recording"})
        await workflow.sleep(timedelta(hours=1))

    @workflow.update
    async def pause(self) -> None:
        await workflow.sleep(timedelta(milliseconds=1))

    @workflow.signal
    def confirm(self) -> None:
        self.confirmed = True

    @workflow.query
    def is_confirmed(self) -> bool:
        return self.confirmed


class Confirms:
    """An activity that ends when the test says so."""

    def __init__(self) -> None:
        self.may_end = asyncio.Event()

    @activity.defn
    async def confirm(self) -> None:
        await self.may_end.wait()


@pytest.fixture
async def temporal(temporal_binary: Path) -> AsyncIterator[Client]:
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(temporal_binary), interceptors=[RepeatsQueries()]
    ) as environment:
        yield environment.client


def working(client: Client, queue: str, runner: WorkflowRunner) -> Worker:
    return Worker(client, task_queue=queue, workflows=[Controlled], workflow_runner=runner)


async def queried_by_another_worker(client: Client, runner: WorkflowRunner) -> list[str]:
    """Let a second worker be asked of runs that the first one began; return what cannot replay."""
    queue, confirms = uuid.uuid4().hex, Confirms()
    async with Worker(
        client,
        task_queue=f"{queue}-activities",
        activities=[confirms.confirm],
        max_concurrent_activities=RUNS,
    ):
        async with working(client, queue, runner):
            runs = [
                await client.start_workflow(Controlled.run, id=f"{queue}-{n}", task_queue=queue)
                for n in range(RUNS)
            ]
            await asyncio.gather(*(run.query(Controlled.is_confirmed) for run in runs))
        async with working(client, queue, runner):
            asking = [asyncio.create_task(_ask_and_pause(run)) for run in runs]
            await asyncio.sleep(0.1)
            confirms.may_end.set()
            async with asyncio.timeout(WAIT):
                await asyncio.gather(*asking)
            return [problem for run in runs if (problem := await _replayed(run))]


async def _ask_and_pause(run: WorkflowHandle[Controlled, None]) -> None:
    async def pause() -> None:
        await asyncio.sleep(0.1 + random.random() * 0.3)
        await run.execute_update(Controlled.pause)

    pausing = asyncio.create_task(pause())
    await asyncio.sleep(random.random() * 0.3)
    await run.query(Controlled.is_confirmed)
    await pausing


async def _replayed(run: WorkflowHandle[Controlled, None]) -> str:
    replayer = Replayer(workflows=[Controlled], workflow_runner=UnsandboxedWorkflowRunner())
    result = await replayer.replay_workflow(
        await run.fetch_history(), raise_on_replay_failure=False
    )
    return str(result.replay_failure or "")


@pytest.mark.slow("a race of a query with an activity is run until it was met")
async def test_a_query_applies_no_events_before_their_workflow_task(
    temporal: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such a call was stuck: "Nondeterminism error: Update machine does not handle this event"."""
    refused = []
    refuse = early_events._refused

    def noted(run_id: str) -> WorkflowActivationCompletion:
        refused.append(run_id)
        return refuse(run_id)

    monkeypatch.setattr(early_events, "_refused", noted)
    for _ in range(ROUNDS):
        stuck = await queried_by_another_worker(
            temporal, GuardedRunner(UnsandboxedWorkflowRunner())
        )
        assert stuck == []
        if refused:
            break
    assert refused, "the moment was never met"


@pytest.mark.slow("starts a server")
async def test_what_a_run_did_not_take_up_before_its_end_is_told(temporal: Client) -> None:
    """No workflow task will come: a status that is refused until then is never told."""
    queue = uuid.uuid4().hex
    runner = GuardedRunner(UnsandboxedWorkflowRunner())
    async with working(temporal, queue, runner):
        run = await temporal.start_workflow(Controlled.run, id=queue, task_queue=queue)
        assert await run.query(Controlled.is_confirmed) is False
    await run.signal(Controlled.confirm)
    await run.terminate()
    async with working(temporal, queue, runner):
        assert await run.query(Controlled.is_confirmed) is True


def activation(
    size: int, length: int, job: str = "fire_timer", *, at: int = 0, is_replaying: bool = False
) -> WorkflowActivation:
    act = WorkflowActivation(
        run_id="run",
        history_size_bytes=size,
        history_length=length,
        is_replaying=is_replaying,
        timestamp=Timestamp(seconds=at),
    )
    getattr(act.jobs.add(), job).SetInParent()
    return act


FIRST, EARLY = activation(254, 3), activation(254, 8)


@pytest.mark.parametrize(
    ("acts", "is_refused"),
    [
        ([FIRST, EARLY, activation(254, 8, "query_workflow")], True),
        # A task that came all the same: none is applied behind what is missing.
        ([FIRST, EARLY, activation(892, 9, at=1)], True),
        ([FIRST, EARLY, activation(254, 8, "remove_from_cache")], False),
        ([FIRST, activation(254, 8, "query_workflow")], False),
        # Both of one workflow task: what has resolved within it, say.
        ([FIRST, activation(254, 3)], False),
        ([FIRST, activation(892, 9, at=1)], False),
        # The task before was written with this one, for it brought an update alone.
        ([FIRST, activation(254, 9, at=1)], False),
        # The server's clock went back.
        ([FIRST, activation(892, 9)], False),
        # Both, and it was believed then: no worker may find otherwise now.
        ([FIRST, activation(254, 9, is_replaying=True)], False),
        # Of an update that was refused nothing is written: the next task has the same numbers.
        ([FIRST, activation(892, 9, at=1), activation(892, 9, at=2)], False),
        # A server before 1.20 tells no sizes.
        ([activation(0, 3), activation(0, 8)], False),
    ],
)
def test_an_activation_is_early_if_no_workflow_task_has_started(
    acts: list[WorkflowActivation], is_refused: bool
) -> None:
    guard = Guard(lambda act: WorkflowActivationCompletion(run_id=act.run_id))
    completions = [guard(act) for act in acts]
    assert completions[-1].HasField("failed") is is_refused
    assert not any(each.HasField("failed") for each in completions[:-1])


def test_early_events_of_an_ended_run_are_applied_before_it_answers() -> None:
    applied: list[WorkflowActivation] = []

    def activate(act: WorkflowActivation) -> WorkflowActivationCompletion:
        applied.append(act)
        return WorkflowActivationCompletion(run_id=act.run_id)

    guard = Guard(activate)
    acts = [FIRST, EARLY]
    query = activation(254, 8, "query_workflow")
    query.jobs[0].query_workflow.headers[OF_ENDED].SetInParent()
    for act in [*acts, query, query]:
        assert not guard(act).HasField("failed")
    assert applied == [*acts, query, query]
