"""Ends a worker that takes no workflow task although tasks wait: whoever supervises it restarts it.

Seen with the SDK after an event loop had stood still for minutes, on a machine without a free core:
the worker was given no workflow task ever after, answered all else, and could not be shut down.
"""

import asyncio
import os
import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.worker import UnsandboxedWorkflowRunner, WorkflowInstance, WorkflowInstanceDetails

from callvault.causes import Cause
from callvault.contracts import names
from callvault.contracts.alarms import Alarm, AlarmKind, ProblemKind, Severity, explained
from callvault.errors import words_of

LOOK_INTERVAL = timedelta(seconds=30)

WAITING_LIMIT = timedelta(minutes=2)
"""Time for which a task has waited, and this worker has taken none, when something is amiss."""

SIGHTINGS = 2
"""Looks in a row that must find that: a machine that was starved takes a while to come back."""

ALARM_TIMEOUT = timedelta(seconds=10)
RPC_TIMEOUT = timedelta(seconds=10)

EXIT_STATUS = 70
"""Status of a worker that has ended itself: its software failed (``EX_SOFTWARE``)."""

log = structlog.get_logger(__name__)


class NotingRunner(UnsandboxedWorkflowRunner):
    """The runner of a worker, which notes when it was last given something to do."""

    def __init__(self) -> None:
        super().__init__()
        self.taken_at = time.monotonic()

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        instance = super().create_instance(det)
        activate = instance.activate

        def noted(act: Any) -> Any:
            self.taken_at = time.monotonic()
            return activate(act)

        # An interceptor would not see a task that holds a timer or a result alone.
        instance.activate = noted  # type: ignore[method-assign]
        return instance


class Liveness:
    """Compares what waits in Temporal with what this worker does. Runs beside it."""

    def __init__(
        self,
        client: Client,
        runner: NotingRunner,
        tell: Callable[[Alarm], object],
        end: Callable[[int], object] = os._exit,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """``tell`` sends an alarm, and may block; ``end`` ends the process at once.

        ``now`` is a clock with which others agree. An ordinary end would wait for the very worker
        that does nothing.
        """
        self._client = client
        self._runner = runner
        self._tell = tell
        self._end = end
        self._now = now
        self._sightings = 0

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(LOOK_INTERVAL.total_seconds())
            try:
                await self.look()
            except RPCError as error:
                # Where Temporal is away, nothing can be taken, and nothing is amiss here.
                self._sightings = 0
                log.debug("the task queue cannot be looked at", problem=str(error))

    async def look(self) -> None:
        """Look once, and end the process if it was found useless several times in a row."""
        idle = timedelta(seconds=time.monotonic() - self._runner.taken_at)
        waiting = await self._longest_wait()
        is_useless = min(idle, waiting) > WAITING_LIMIT
        self._sightings = self._sightings + 1 if is_useless else 0
        if self._sightings >= SIGHTINGS:
            await self._give_up(waiting)

    async def _longest_wait(self) -> timedelta:
        """Return how long the oldest workflow task has waited for any worker."""
        described = await self._client.workflow_service.describe_task_queue(
            DescribeTaskQueueRequest(
                namespace=self._client.namespace,
                task_queue=TaskQueue(name=names.CONTROL_QUEUE),
                task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
                report_stats=True,
            ),
            timeout=RPC_TIMEOUT,
        )
        return described.stats.approximate_backlog_age.ToTimedelta()

    async def _give_up(self, waiting: timedelta) -> None:
        host, now = socket.gethostname(), self._now()
        what = (
            f"worker on {host}: workflow tasks have waited for {waiting.total_seconds():.0f} s, and"
            " it takes none: it ends itself, to be started again"
        )
        log.critical(what)
        alarm = Alarm(
            id=f"callvault-worker-{host}/liveness/{now:%Y%m%dT%H%M%S.%fZ}",
            kind=AlarmKind.WORKER_PROBLEM,
            severity=Severity.ERROR,
            at=now,
            what=explained(what, Cause.WORKER),
            cause=Cause.WORKER,
            dedup_key=f"callvault-worker-{host}/liveness",
            group_key="process/tasks/workflow tasks",
            problem=ProblemKind.TASKS,
            workflow_id=f"callvault-worker-{host}",
            resource="all",
        )
        try:
            async with asyncio.timeout(ALARM_TIMEOUT.total_seconds()):
                await asyncio.to_thread(self._tell, alarm)
        except Exception as error:  # a webhook that is away: the log has it, and the end must come
            log.warning("an alarm was not sent", alarm=alarm.id, problem=words_of(error))
        self._end(EXIT_STATUS)
