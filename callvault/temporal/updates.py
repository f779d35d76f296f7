"""Workflow updates, asked again where a workflow was just then handing over to its next run."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from typing import TypeVar

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from callvault.contracts.consent import ConsentDecision
from callvault.contracts.requests import ControlRequest

T = TypeVar("T")

MOST_ATTEMPTS = 20
PAUSE = 0.05
"""Seconds between two attempts; a hand-over takes less."""


async def update(
    client: Client,
    workflow_id: str,
    name: str,
    payload: ControlRequest | ConsentDecision,
    answer: type[T],
) -> T:
    """Send an update and wait for its answer; the same request id is the same update.

    Raises ``WorkflowUpdateFailedError`` where the workflow refuses, and whatever Temporal's client
    raises.
    """
    handle = client.get_workflow_handle(workflow_id)
    update_id = f"{name}:{payload.request_id or uuid.uuid4()}"

    async def ask() -> T:
        found: T = await handle.execute_update(name, payload, id=update_id, result_type=answer)
        return found

    return await until_ready(ask)


async def until_ready(ask: Callable[[], Awaitable[T]]) -> T:
    """Ask again while Temporal says ``WorkflowNotReady``: it has not taken the update.

    It says so where an update meets the end of a run that continues as new, and the SDK passes it
    on as an error. ``ask`` names its update by an id, so that none is taken twice.
    """
    for _ in range(MOST_ATTEMPTS - 1):
        try:
            return await ask()
        except RPCError as error:
            if not _says_not_ready(error):
                raise
        await asyncio.sleep(PAUSE)
    return await ask()


def _says_not_ready(error: RPCError) -> bool:
    if error.status is not RPCStatusCode.FAILED_PRECONDITION:
        return False
    return any(
        detail.type_url.endswith(".WorkflowNotReadyFailure") for detail in error.grpc_status.details
    )
