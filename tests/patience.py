"""Time for the SDK on a machine that has much else to do: its own limits are for a quiet one."""

import functools
from collections.abc import Awaitable, Callable
from typing import Any

from temporalio.testing import WorkflowEnvironment
from temporalio.worker._workflow import _WorkflowWorker

SLOWEST_WORKFLOW_TASK = 60.0
"""Seconds that a workflow task may take in a test's own process, of a worker or of a replay."""

SERVER_STARTS = 5
"""Attempts at starting Temporal's server, each of which the SDK gives five seconds."""

WAIT = 80.0
"""Seconds until a test gives up waiting for what comes at once on a quiet machine."""

PROCESS = 240.0
"""Seconds until a test gives up waiting for the end of a process, which soon comes elsewhere."""

Start = Callable[..., Awaitable[WorkflowEnvironment]]


def on_a_loaded_machine() -> None:
    """Give the SDK's workers, replays and servers in this process more time; once."""
    # A task of more than two seconds is called off by an exception thrown into its thread; one that
    # is importing leaves a sandbox in which no later test of the process finds the workflows.
    _WorkflowWorker.__init__ = _patient(_WorkflowWorker.__init__)  # type: ignore[method-assign]
    for name in ("start_local", "start_time_skipping_v2"):
        start = getattr(WorkflowEnvironment, name)
        setattr(WorkflowEnvironment, name, staticmethod(tried_again(start)))


def tried_again(start: Start) -> Start:
    """Start a server once more where it was not there in time."""

    @functools.wraps(start)
    async def started(*args: Any, **kwargs: Any) -> WorkflowEnvironment:
        for _ in range(SERVER_STARTS - 1):
            try:
                return await start(*args, **kwargs)
            except RuntimeError as error:
                if "did not start within" not in str(error):
                    raise
        return await start(*args, **kwargs)

    return started


def _patient(make: Any) -> Any:
    @functools.wraps(make)
    def init(worker: _WorkflowWorker, *args: Any, **kwargs: Any) -> None:
        make(worker, *args, **kwargs)
        assert worker._deadlock_timeout_seconds == 2, "the SDK's limit has another name or value"
        worker._deadlock_timeout_seconds = SLOWEST_WORKFLOW_TASK

    return init
