"""Queries that are asked again where a worker could not answer yet."""

import asyncio
from dataclasses import replace
from typing import Any

from temporalio.api.common.v1 import Payload
from temporalio.client import (
    DescribeWorkflowInput,
    Interceptor,
    OutboundInterceptor,
    QueryWorkflowInput,
    WorkflowExecutionStatus,
    WorkflowQueryFailedError,
)

EARLY_EVENTS = "the query met events that wait for a workflow task: ask again"
"""What a worker answers that would have to apply events too early (`workers.early_events`)."""

OF_ENDED = "callvault-of-ended-run"
"""Header of a query of a run that has ended: without further tasks, no event is too early."""

MAX_ATTEMPTS = 5
PAUSE = 0.1
"""Seconds before the next attempt. The workflow task is due, and the query goes with it."""


class RepeatsQueries(Interceptor):
    """Interceptor of a client that asks again what a worker could not answer yet."""

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:  # noqa: A002
        return _Repeats(next)


class _Repeats(OutboundInterceptor):
    async def query_workflow(self, input: QueryWorkflowInput) -> Any:
        for attempt in range(1, MAX_ATTEMPTS + 1):
            try:
                return await super().query_workflow(input)
            except WorkflowQueryFailedError as error:
                if EARLY_EVENTS not in str(error) or attempt == MAX_ATTEMPTS:
                    raise
            input = await self._of_ended(input)
            await asyncio.sleep(PAUSE)
        raise AssertionError("an attempt returns or raises")

    async def _of_ended(self, input: QueryWorkflowInput) -> QueryWorkflowInput:
        """Have a run that has ended answer by all of its events."""
        run = await self.describe_workflow(
            DescribeWorkflowInput(input.id, input.run_id, input.rpc_metadata, input.rpc_timeout)
        )
        if run.status is WorkflowExecutionStatus.RUNNING:
            return input
        # By its run: another one of the same call may begin meanwhile.
        headers = {**input.headers, OF_ENDED: Payload()}
        return replace(input, run_id=run.run_id, headers=headers)
