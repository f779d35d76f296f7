"""Deliveries of events by workflows of their own: begun, listed, and begun again."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from temporalio.client import Client, WorkflowExecution
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from callvault.contracts import names
from callvault.contracts.recording_events import EventDelivery
from callvault.temporal.rpc_errors import RPC_TIMEOUT, translated

UNDELIVERED = f'WorkflowType = "{names.RECORDING_EVENT_TYPE}" AND ExecutionStatus != "Completed"'
"""Visibility query for the deliveries that are under way, given up, or were ended by force."""


@dataclass(frozen=True)
class Undelivered:
    """A delivery that did not end well, or is under way."""

    workflow_id: str
    run_id: str
    status: str
    delivery: EventDelivery


async def begin_delivery(client: Client, delivery: EventDelivery) -> bool:
    """Deliver an event by a workflow of its own; False if one does, or has done it.

    `Unavailable` where Temporal does not take it.
    """
    async with translated(RPC_TIMEOUT):
        try:
            await client.start_workflow(
                names.RECORDING_EVENT_TYPE,
                delivery,
                id=names.event_delivery_id(delivery.event.id, delivery.url),
                task_queue=names.CONTROL_QUEUE,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
                static_summary=f"tells that a recording is {delivery.event.kind}",
                rpc_timeout=RPC_TIMEOUT,
            )
        except WorkflowAlreadyStartedError:
            return False
    return True


async def undelivered(client: Client) -> AsyncIterator[Undelivered]:
    """Yield what is not delivered, each delivery by its newest run; `Unavailable` as above."""
    seen: set[str] = set()
    async for execution in client.list_workflows(UNDELIVERED):
        if execution.id in seen:
            continue
        seen.add(execution.id)
        if (found := await _read(client, execution)) is not None:
            yield found


async def _read(client: Client, execution: WorkflowExecution) -> Undelivered | None:
    """Read what a run was to deliver; None if a later run of it has done that."""
    async with translated(RPC_TIMEOUT):
        newest = await client.get_workflow_handle(execution.id).describe(rpc_timeout=RPC_TIMEOUT)
        if newest.run_id != execution.run_id:
            return None
        handle = client.get_workflow_handle(execution.id, run_id=execution.run_id)
        first = await anext(handle.fetch_history_events(page_size=1))
    payloads = first.workflow_execution_started_event_attributes.input.payloads
    [delivery] = await client.data_converter.decode(payloads, [EventDelivery])
    status = newest.status.name.lower() if newest.status else "unknown"
    return Undelivered(execution.id, execution.run_id, status, delivery)
