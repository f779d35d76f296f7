"""Workers that erase, and that end as they are told to."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

from temporalio import activity
from temporalio.client import Client, WorkflowHandle
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
    Worker,
)

from activities.erasure import ErasureActivities, make_plan
from callvault.contracts import names
from callvault.contracts.erasures import (
    ErasureInput,
    ErasureStatus,
    ErasureTarget,
    PlannedErasure,
)
from tests.archive.sealed import SIGNER
from workers.registry import sandbox
from workflows.erasure import ErasureWorkflow
from workflows.erasure_plan import ErasurePlanWorkflow

from .corpus import NOW, Corpus

AfterStep = Callable[[str, int], None]
"""Called with the name of an activity and its attempt, when its work is done and not reported."""


class _After(Interceptor):
    def __init__(self, after: AfterStep) -> None:
        self._after = after

    def intercept_activity(
        self,
        next: ActivityInboundInterceptor,  # noqa: A002 (the SDK's name)
    ) -> ActivityInboundInterceptor:
        return _Inbound(next, self._after)


class _Inbound(ActivityInboundInterceptor):
    def __init__(self, following: ActivityInboundInterceptor, after: AfterStep) -> None:
        super().__init__(following)
        self._after = after

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        result = await super().execute_activity(input)
        info = activity.info()
        self._after(info.activity_type, info.attempt)
        return result


@asynccontextmanager
async def erasing(
    client: Client, corpus: Corpus, after: AfterStep = lambda name, attempt: None
) -> AsyncIterator[None]:
    """Run the workers; workflows are not kept in memory, so that every step is replayed."""
    erasure = ErasureActivities(
        client, corpus.places, lambda name: corpus.archives[name], lambda name: SIGNER
    )
    with ThreadPoolExecutor(4) as threads:
        async with (
            Worker(
                client,
                task_queue=names.CONTROL_QUEUE,
                workflows=[ErasureWorkflow, ErasurePlanWorkflow],
                workflow_runner=sandbox(),
                max_cached_workflows=0,
            ),
            Worker(
                client,
                task_queue=names.EXPORT_QUEUE,
                activities=erasure.all,
                activity_executor=threads,
                interceptors=[_After(after)],
            ),
        ):
            yield


async def planned(client: Client, corpus: Corpus, target: ErasureTarget) -> PlannedErasure:
    return await make_plan(client, corpus.places, target, lambda: NOW)


async def begun(
    client: Client, target: ErasureTarget, token: str
) -> WorkflowHandle[Any, ErasureStatus]:
    order = ErasureInput(
        target=target,
        token=token,
        requested_by="officer-1",
        authenticated_as="cli:root",
        reason="request 2026-17",
    )
    return await client.start_workflow(
        names.ERASURE_TYPE,
        order,
        id=names.erasure_id(token),
        task_queue=names.CONTROL_QUEUE,
        result_type=ErasureStatus,
    )


async def erased(client: Client, corpus: Corpus, target: ErasureTarget) -> ErasureStatus:
    """Plan and run an erasure."""
    found = await planned(client, corpus, target)
    handle = await begun(client, target, found.token)
    return await asyncio.wait_for(handle.result(), 60)
