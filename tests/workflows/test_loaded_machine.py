"""Do the tests' own workers bear a machine that is busy with much else?"""

import ast
import time
import uuid
from typing import Any
from unittest import mock

import pytest
from temporalio import workflow
from temporalio.api.enums.v1 import EventType
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner, Worker
from temporalio.worker._activity import _ActivityWorker

from tests.patience import SERVER_STARTS, tried_again
from workers.registry import WORKFLOWS, sandbox


@workflow.defn
class Slow:
    """A workflow whose one task takes longer than the SDK allows."""

    @workflow.run
    async def run(self) -> None:
        time.sleep(2.5)  # noqa: ASYNC251 - it blocks the task, as much else to do would


async def test_a_slow_workflow_task_is_not_called_off(skipping: WorkflowEnvironment) -> None:
    """A task that was called off while it imported took all later tests of its process along."""
    client, queue, runner = skipping.client, f"slow-{uuid.uuid4()}", UnsandboxedWorkflowRunner()
    async with Worker(client, task_queue=queue, workflows=[Slow], workflow_runner=runner):
        handle = await client.start_workflow(Slow.run, id=queue, task_queue=queue)
        await handle.result()
    history = await handle.fetch_history()
    failed = EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED
    assert failed not in {event.event_type for event in history.events}
    replayer = Replayer(workflows=[Slow], workflow_runner=runner)
    await replayer.replay_workflow(history)


def test_an_activity_that_ends_as_it_is_cancelled_ends_no_worker() -> None:
    """The SDK warns of it within its worker, which a warning that is an error here would end."""
    worker = mock.Mock(spec=_ActivityWorker, _running_activities={})
    _ActivityWorker._handle_cancel_activity_task(worker, b"token", mock.Mock())


async def test_the_sandbox_parses_no_source() -> None:
    """Its modules are imported for each run; two threads that parse at once fail before 3.11.8."""
    runner = sandbox()
    with mock.patch("ast.parse", wraps=ast.parse) as parse:
        for kind in WORKFLOWS:
            runner.prepare_workflow(workflow._Definition.must_from_class(kind))
    assert parse.call_args_list == []


async def test_a_server_that_is_not_there_in_time_is_started_again() -> None:
    outcomes: list[Any] = [RuntimeError("it did not start within 5s; refused")] * 2
    start = mock.AsyncMock(side_effect=[*outcomes, "environment"])
    assert await tried_again(start)(ip="127.0.0.1") == "environment"
    assert start.await_args_list == [mock.call(ip="127.0.0.1")] * 3
    for error, attempts in ((RuntimeError("no such file"), 1), (outcomes[0], SERVER_STARTS)):
        start = mock.AsyncMock(side_effect=error)
        with pytest.raises(RuntimeError):
            await tried_again(start)()
        assert start.await_count == attempts
